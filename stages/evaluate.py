"""Evaluate: the submission files are scored as the organisers score them.

Reads RAW, for the gold, and SUBMISSIONS. Writes METRICS/evaluate.json: a headline and, for each
ranked unit, the metric, its value, a 95 % bootstrap interval and the baseline; and
METRICS/evaluate/scores.csv, the same as a table to plot.

    python -m stages.evaluate data/sample data/submissions metrics
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

from pydantic import Field

from stages import settings
from stages.command import folders, run
from stages.files import whole_folder, write_csv, write_json
from stages.splits import Splits
from stages.tasks import Bootstrap, Run, Unit, load, raw_folder

log = logging.getLogger(__name__)


class Settings(settings.StageSettings):
    """What evaluate reads of params.yaml."""

    tasks: Annotated[list[str], Field(min_length=1)]
    encode: Splits
    decode: Run
    evaluate: Bootstrap


def evaluate(raw: Path, submissions: Path, chosen: Settings) -> dict[str, Unit]:
    """Scores the submissions of the chosen tasks.

    Args:
        raw: a folder with a folder of raw files for each task.
        submissions: a folder with a folder of submission files for each task.
        chosen: the tasks, how data was held out, the names submitted under, the bootstrap.

    Returns:
        The ranked units that have gold.

    Raises:
        InputError: for defects.
    """
    units: dict[str, Unit] = {}
    for name in chosen.tasks:
        folder = raw_folder(raw, name)
        task = load(name)
        scored = task.score(
            folder, chosen.encode, submissions / name, chosen.decode, chosen.evaluate
        )
        if not scored:
            log.info("%s: no gold for the test set, not scored", folder)
        for unit, score in scored.items():
            interval = f"[{score.low:.3f}, {score.high:.3f}]"
            log.info("%s: %s %.3f %s, n = %d", unit, score.metric, score.value, interval, score.n)
        units |= scored
    return units


def report(units: Mapping[str, Unit]) -> dict[str, Any]:
    """The content of evaluate.json; the headline is the mean of the normalised values."""
    normalised = [unit.normalised for unit in units.values()]
    return {
        "headline": round(fmean(normalised), 6) if normalised else None,
        "units": {name: unit.as_json() for name, unit in units.items()},
    }


def scores_table(units: Mapping[str, Unit]) -> tuple[list[str], list[list[object]]]:
    """The units as header and rows of a table, for the plot of scores."""
    header = ["unit", "metric", "score", "normalised", "low", "high", "baseline", "n"]
    return header, [
        [name, u.metric, u.value, u.normalised, u.low, u.high, u.baseline, u.n]
        for name, u in units.items()
    ]


def main() -> None:
    """Runs the stage."""
    raw, submissions, metrics = folders(
        __doc__,
        raw="folder of raw files, with gold",
        submissions="folder of submission files, one folder a task",
        metrics="folder for evaluate.json and evaluate/",
    )
    units = evaluate(raw, submissions, settings.read(Settings))
    with whole_folder(metrics / "evaluate") as folder:
        write_csv(folder / "scores.csv", *scores_table(units))
    write_json(metrics / "evaluate.json", report(units))
    log.info("wrote %s", metrics / "evaluate.json")


if __name__ == "__main__":
    run(main)
