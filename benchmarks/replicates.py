"""Does a comparison of seeds find what is there, and nothing else?

Makes short runs of one setting that differ in their seed alone (whole-1 to whole-42), and runs with
a quarter of the data (quarter-1 to quarter-21). Then groups of three seeds are drawn. Compared with
each other (A/A), no more units than the level says should be called different; compared with groups
of a quarter of the data, the planted difference should be found. Judged are the test of
`make study` and analysis.compare (analysis/differences.py), and for comparison:

    old            one run against one, intervals of a paired bootstrap over test items
    hierarchical   three against three, percentile intervals of a bootstrap over seeds and items

A unit is called different where p is at most 0.05, or its interval leaves 0 out; with q, where the
adjusted test does so.

    python -m benchmarks.replicates make OUT [--runs 5]   # as often as need be
    python -m benchmarks.replicates judge OUT
"""

import argparse
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis import direct
from analysis.differences import HEADLINE, Scores, adjusted, compare, scores
from stages.common.settings import PARAMS, load, read
from stages.evaluate import Settings, evaluate

SEEDS, QUARTER_SEEDS = 42, 21
TASKS = ["acti", "hodi", "wicita"]
SETTING = {"cap": 120, "epochs": 2, "batch": 8}
GROUP, DRAWS, REPETITIONS = 3, 400, 200
LEVEL = 0.05


def runs() -> Iterator[tuple[str, Any]]:
    """Yields names and params of all runs."""
    for kind, count, cap in (("whole", SEEDS, 120), ("quarter", QUARTER_SEEDS, 30)):
        for seed in range(1, count + 1):
            params = load(direct.ROOT / PARAMS)
            params["tasks"] = TASKS
            params["finetune"] |= SETTING | {"cap": cap, "seed": seed}
            yield f"{kind}-{seed}", params


def part(found: dict[str, Scores], which: Any) -> dict[str, Scores]:
    """The scores of some runs."""
    return {
        name: replace(s, values=s.values[which], resamples=s.resamples[which])
        for name, s in found.items()
    }


def hierarchical(a: Scores, b: Scores, random: Any) -> bool:
    """Whether an interval of a bootstrap over seeds and items leaves 0 out."""
    ends = []
    columns = np.arange(a.resamples.shape[1])
    for s in (a, b):
        seeds = random.integers(len(s.values), size=(len(s.values), len(columns)))
        ends.append(s.resamples[seeds, columns].mean(0))
    low, high = np.percentile(ends[1] - ends[0], [2.5, 97.5])
    return bool(low > 0 or high < 0)


def share(hits: list[bool]) -> str:
    """A share in per cent, with its standard error."""
    mean = float(np.mean(hits))
    error = np.sqrt(mean * (1 - mean) / len(hits))
    return f"{100 * mean:.1f} % (± {100 * error:.1f} if all were independent, {len(hits)} in all)"


def judge(out: Path) -> None:
    """Scores all runs, draws groups and prints rates."""
    found = {}
    for kind in ("whole", "quarter"):
        folders = sorted((out / "runs").glob(f"{kind}-*"), key=lambda p: int(p.name.split("-")[1]))
        raw = Path(load(folders[0] / "params.yaml")["data"]["raw"])
        settings = [read(Settings, folder / "params.yaml") for folder in folders]
        units = [
            evaluate(raw, folder / "submissions", each)
            for folder, each in zip(folders, settings, strict=True)
        ]
        found[kind] = scores(units, settings[0].evaluate)
        print(f"\n{kind}: {len(folders)} runs")
        for name, s in found[kind].items():
            print(f"  {name:12} mean {s.mean:.3f}, standard deviation over seeds {s.spread:.3f}")
    random = np.random.default_rng(1)
    whole, quarter = found["whole"], found["quarter"]
    count, units_ = len(whole[HEADLINE].values), [name for name in whole if name != HEADLINE]
    rates: dict[str, list[bool]] = {}

    def note(key: str, hit: bool) -> None:
        rates.setdefault(key, []).append(bool(hit))

    for _ in range(DRAWS):
        drawn = random.permutation(count)[: 2 * GROUP]
        a, b = part(whole, drawn[:GROUP]), part(whole, drawn[GROUP:])
        differences = adjusted({"b": compare(a, b)})["b"]
        one = compare(part(whole, drawn[:1]), part(whole, drawn[GROUP : GROUP + 1]))
        for name in units_:
            note("A/A, units, p", differences[name].p <= LEVEL)
            note("A/A, units, q (what is called better)", differences[name].q <= LEVEL)
            note("A/A, units, old", one[name].low > 0 or one[name].high < 0)
            note("A/A, units, hierarchical", hierarchical(a[name], b[name], random))
        note("A/A, headline, p", differences[HEADLINE].p <= LEVEL)
        note("A/A, headline, old", one[HEADLINE].low > 0 or one[HEADLINE].high < 0)
        note("A/A, headline, hierarchical", hierarchical(a[HEADLINE], b[HEADLINE], random))
        note("A/A, any unit of a comparison, q", any(differences[n].q <= LEVEL for n in units_))
    for _ in range(REPETITIONS):
        a = part(whole, random.permutation(count)[:GROUP])
        b = part(quarter, random.permutation(len(quarter[HEADLINE].values))[:GROUP])
        differences = adjusted({"b": compare(a, b)})["b"]
        note("planted, headline found", differences[HEADLINE].better == "A")
        note("planted, headline, wrong way", differences[HEADLINE].better == "B")
        for name in units_:
            note(f"planted, {name} found (q)", differences[name].better == "A")
    print()
    for key, hits in rates.items():
        print(f"{key}: {share(hits)}")


def main() -> None:
    """Makes runs, or judges them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "judge"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=SEEDS + QUARTER_SEEDS)
    arguments = parser.parse_args()
    if arguments.what == "judge":
        judge(arguments.out)
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    finished = arguments.out / "runs"
    new = {name: params for name, params in runs() if not (finished / name).is_dir()}
    direct.perform_all(arguments.out, dict(list(new.items())[: arguments.runs]))


if __name__ == "__main__":
    main()
