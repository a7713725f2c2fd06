"""What rules learnt on dev are worth: runs decoded by them, and as the model answered, on test.

Takes the finished runs of a folder (analysis/direct.py), whose predictions are decoded twice; no
model is asked again. Prints each unit's scores, means over runs, and which rules were taken.

    python -m benchmarks.decisions OUT
"""

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path
from statistics import fmean

from tabulate import tabulate

from analysis.differences import headline
from analysis.direct import inside, write_params
from stages import decode
from stages.common import settings
from stages.evaluate import Settings, evaluate

RULES = ("plain", "dev")


def main() -> None:
    """Decodes, scores and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out.resolve()
    scores: dict[str, dict[str, list[float]]] = {}
    taken: Counter[tuple[str, str]] = Counter()
    for folder in sorted((out / "runs").iterdir()):
        params = settings.load(folder / "params.yaml")
        raw = Path(params["data"]["raw"]).resolve()
        for rule in RULES:
            params["decode"]["rule"] = rule
            with tempfile.TemporaryDirectory() as temporary, inside(Path(temporary)):
                write_params(settings.PARAMS, params)
                decode.run_decode(raw, folder / "predictions", Path("submissions"), Path("metrics"))
                units = evaluate(raw, Path("submissions"), settings.read(Settings))
                decided = Path("metrics/decode/decisions.json").read_text(encoding="utf-8")
            for name, unit in units.items():
                scores.setdefault(name, {}).setdefault(rule, []).append(unit.value)
            scores.setdefault("headline", {}).setdefault(rule, []).append(headline(units))
            taken.update((name, d["rule"]) for name, d in json.loads(decided).items())
    rows = []
    for name, by_rule in scores.items():
        gains = [after - before for before, after in zip(*by_rule.values(), strict=True)]
        means = [fmean(by_rule[rule]) for rule in RULES]
        rows.append([name, *means, fmean(gains), min(gains), max(gains), len(gains)])
    header = ["unit", *RULES, "gain", "smallest", "largest", "runs"]
    print(tabulate(rows, header, "github", floatfmt=".3f"))
    print()
    print(tabulate([[*key, n] for key, n in sorted(taken.items())], ["sub-task", "rule", "runs"]))


if __name__ == "__main__":
    main()
