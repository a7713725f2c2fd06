"""Verify: is the run in the workspace the committed one, or one like it?

Compares metrics/evaluate.json with that of a commit, unit by unit: a score is

    identical                    if it is the same number
    within the spread of seeds   if it lies where, 19 times of 20, a run with another seed does: the
                                 prediction interval of the scores of several seeds, which
                                 metrics/seeds.json has by machine
    not reproduced               else; the exit code is then 1

    python -m analysis.verify [REVISION]         # make verify; by default HEAD
    python -m analysis.verify --record           # write metrics/seeds.json, of the study default
    python -m analysis.verify --record --out DIR # likewise, of runs made without DVC
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from analysis.differences import HEADLINE, headline
from stages.common.command import InputError, argument_parser, run
from stages.common.files import write_json

log = logging.getLogger(__name__)

SCORES, SEEDS = Path("metrics/evaluate.json"), Path("metrics/seeds.json")
STUDY = "default"
SAME = 1e-9
IDENTICAL, WITHIN, NOT = "identical", "within the spread of seeds", "not reproduced"
DIGITS = 6


def values(report: Mapping[str, Any]) -> dict[str, float]:
    """The headline and the score of each unit of evaluate.json."""
    units = {name: unit["value"] for name, unit in report["units"].items()}
    return ({} if report["headline"] is None else {HEADLINE: report["headline"]}) | units


def prediction_interval(known: Sequence[float]) -> tuple[float, float] | None:
    """Where the next score lies, 19 times of 20, by those of several seeds; None of fewer than 3.

    Mean ± t · s · sqrt(1 + 1 / n), t of n - 1 degrees of freedom.
    """
    from scipy import stats

    if len(known) < 3:
        return None
    half = stats.t.ppf(0.975, len(known) - 1) * stdev(known) * (1 + 1 / len(known)) ** 0.5
    return fmean(known) - float(half), fmean(known) + float(half)


def verdict(now: float | None, then: float | None, known: Sequence[float]) -> str:
    """Compares a score with the committed one, and with those of several seeds."""
    if now is None or then is None:
        return NOT
    if abs(now - then) <= SAME:
        return IDENTICAL
    ends = prediction_interval(known)
    return WITHIN if ends and ends[0] - SAME <= now <= ends[1] + SAME else NOT


def pooled(seeds: Mapping[str, Any]) -> dict[str, list[float]]:
    """The scores of all seeds on all machines, by unit."""
    found: dict[str, list[float]] = {}
    for machine in seeds.get("machines", {}).values():
        for name, scores in machine["scores"].items():
            found.setdefault(name, []).extend(scores)
    return found


def compare(
    now: Mapping[str, float], then: Mapping[str, float], known: Mapping[str, Sequence[float]]
) -> list[list[str]]:
    """The verdicts, as rows of a table."""
    rows = []
    for name in dict.fromkeys([*then, *now]):
        ends = prediction_interval(known.get(name, ()))
        spread = "–" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"
        said = [f"{side[name]:.3f}" if name in side else "–" for side in (then, now)]
        found = verdict(now.get(name), then.get(name), known.get(name, ()))
        rows.append([name, *said, spread, found])
    return rows


def committed(revision: str, path: Path) -> Any:
    """The content of a JSON file in a commit.

    Raises:
        InputError: if it has none.
    """
    from stages.training.provenance import git

    content = git("show", f"{revision}:{path.as_posix()}")
    if content is None:
        raise InputError(f"{revision}: no commit that has {path}")
    return json.loads(content)


def record(outcomes: Sequence[Any]) -> dict[str, Any]:
    """What metrics/seeds.json says of the finished runs of one setting, by machine."""
    machines: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        device = next((c["device"] for c in outcome.costs if c.get("device")), "unknown")
        machine = machines.setdefault(device, {"seeds": [], "scores": {}})
        machine["seeds"].append(outcome.seed)
        scores = {name: unit.value for name, unit in outcome.units.items()}
        for name, value in ({HEADLINE: headline(outcome.units)} | scores).items():
            machine["scores"].setdefault(name, []).append(round(value, DIGITS))
    return machines


def write_seeds(out: Path | None) -> None:
    """Adds the finished runs of the study to metrics/seeds.json, in the place of its machines'."""
    from analysis.study import experiment_outcomes, folder_outcomes, plan, read_study

    runs = plan(STUDY, read_study(STUDY))
    outcomes = folder_outcomes(out, runs) if out else experiment_outcomes(STUDY, runs)
    if not outcomes:
        raise InputError(f"no run of the study {STUDY} is finished; `make study S={STUDY}` does it")
    before = json.loads(SEEDS.read_text(encoding="utf-8")) if SEEDS.is_file() else {}
    machines = before.get("machines", {}) | record(outcomes)
    write_json(SEEDS, {"machines": dict(sorted(machines.items()))})
    log.info("wrote %s", SEEDS)


def main() -> None:
    """Compares, or records."""
    parser = argument_parser(__doc__)
    parser.add_argument("revision", nargs="?", default="HEAD", help="by default %(default)s")
    parser.add_argument("--record", action="store_true", help="write metrics/seeds.json")
    parser.add_argument("--out", type=Path, help="folder of runs that were made without DVC")
    arguments = parser.parse_args()
    if arguments.record:
        write_seeds(arguments.out)
        return
    from tabulate import tabulate

    if not SCORES.is_file():
        raise InputError(f"{SCORES}: no such file; `dvc repro` comes first")
    then = values(committed(arguments.revision, SCORES))
    now = values(json.loads(SCORES.read_text(encoding="utf-8")))
    seeds = json.loads(SEEDS.read_text(encoding="utf-8")) if SEEDS.is_file() else {}
    rows = compare(now, then, pooled(seeds))
    header = ["unit", arguments.revision, "here", "95 % of seeds", ""]
    print(tabulate(rows, header, "simple", disable_numparse=True))
    verdicts = [row[-1] for row in rows]
    print("\n" + ", ".join(f"{verdicts.count(v)} {v}" for v in (IDENTICAL, WITHIN, NOT)))
    if NOT in verdicts:
        if not seeds:
            print(f"without {SEEDS} only identical scores are reproduced")
        sys.exit(1)


if __name__ == "__main__":
    run(main)
