"""Print the scores of the last run.

python -m analysis.scores
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.common.command import InputError, argument_parser, run

SCORES = Path("metrics/evaluate.json")
HEADER = ("unit", "metric", "score", "95 % interval", "baseline", "linear", "n")


def rows(units: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The units of evaluate.json as rows of a table."""
    return [
        (
            name,
            unit["metric"].replace("_", " "),
            f"{unit['value']:.3f}",
            f"{unit['low']:.3f} to {unit['high']:.3f}",
            f"{unit['baseline']:.3f}",
            f"{unit['linear']:.3f}" if "linear" in unit else "–",
            str(unit["n"]),
        )
        for name, unit in units.items()
    ]


def main() -> None:
    """Prints the table."""
    argument_parser(__doc__).parse_args()
    from tabulate import tabulate

    if not SCORES.is_file():
        raise InputError(f"{SCORES}: no such file; `dvc repro` comes first")
    report = json.loads(SCORES.read_text(encoding="utf-8"))
    right = ("left", "left", "right", "left", "right", "right", "right")
    table = tabulate(rows(report["units"]), HEADER, "simple", disable_numparse=True, colalign=right)
    print(table)
    if report["headline"] is not None:
        ends = [report.get(f"headline_{end}") for end in ("low", "high")]
        said = " ({:.3f} to {:.3f})".format(*ends) if None not in ends else ""
        value = f"{report['headline']:.3f}{said}"
        print(f"\nheadline {value}: the mean, with 0 the baseline and 1 perfect")


if __name__ == "__main__":
    run(main)
