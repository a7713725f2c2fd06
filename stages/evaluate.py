"""Evaluate: the submission files are scored as the organisers score them.

Reads RAW, for the gold, and SUBMISSIONS. Writes METRICS/evaluate.json: a headline and, for each
ranked unit, the metric, its value, a 95 % bootstrap interval, the baseline and, if BASELINE is
given, the score of the submissions there, those of the linear models, as linear; and to plot, in
METRICS/evaluate/: scores.csv, the same as a table; confusion.csv, how often each gold label was
submitted as which; numbers.csv and points.csv, gold and submitted values of each item. Where
SUBMISSIONS/probabilities.csv has probabilities of answers, how far they can be trusted is said
under "calibration" in evaluate.json, and drawn from calibration.csv.

    python -m stages.evaluate data/sample data/submissions metrics data/baseline/submissions
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from stages.common.command import folders, run
from stages.common.files import write_csv, write_json
from stages.common.outputs import check_sums, whole_folder
from stages.common.settings import Names, StageSettings, read
from stages.tasks import load, owner, raw_folder
from stages.toolkit import calibration
from stages.toolkit.records import Outcome, Unit
from stages.toolkit.scores import headline_interval, interval
from stages.toolkit.settings import Bootstrap, Run
from stages.toolkit.splits import HoldOut

log = logging.getLogger(__name__)

DIGITS = 10
"""Decimals in evaluate.json: enough to compare to 1e-9, and few enough that equal results are equal
bytes, whatever the order in which a processor adds numbers."""

Intervals = Mapping[str, tuple[float, float]]


class Settings(StageSettings):
    """What evaluate reads of params.yaml."""

    tasks: Names
    encode: HoldOut
    decode: Run
    evaluate: Bootstrap


def evaluate(raw: Path, submissions: Path, settings: Settings) -> dict[str, Unit]:
    """Scores the submissions of the selected tasks.

    Args:
        raw: a folder with a folder of raw files for each task.
        submissions: a folder with a folder of submission files for each task.
        settings: the tasks, how data was held out, the names submitted under.

    Returns:
        The ranked units that have gold.

    Raises:
        InputError: for defects.
    """
    units: dict[str, Unit] = {}
    for name in settings.tasks:
        folder = raw_folder(raw, name)
        task = load(name)
        scored = task.score(folder, settings.encode, submissions / name, settings.decode)
        if without := [unit for unit in task.UNITS if unit not in scored]:
            log.info("%s: no gold for the test set of %s, not scored", folder, ", ".join(without))
        units |= scored
    return units


# --- Figures --------------------------------------------------------------------------------------


def report(
    units: Mapping[str, Unit],
    intervals: Intervals,
    linear: Mapping[str, Unit],
    headline_ends: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """The content of evaluate.json; the headline is the mean of the normalised values."""
    normalised = [unit.normalised for unit in units.values()]
    ends = zip(("headline_low", "headline_high"), headline_ends or (), strict=False)
    return {
        "headline": round(fmean(normalised), DIGITS) if normalised else None,
        **{name: round(end, DIGITS) for name, end in ends},
        "units": {
            name: _entry(unit, *intervals[name], linear.get(name)) for name, unit in units.items()
        },
    }


def _entry(unit: Unit, low: float, high: float, linear: Unit | None) -> dict[str, Any]:
    """A unit's entry."""
    return {
        "metric": unit.metric,
        "value": round(unit.value, DIGITS),
        "n": unit.n,
        "low": round(low, DIGITS),
        "high": round(high, DIGITS),
        "baseline": round(unit.baseline, DIGITS),
        **({"linear": round(linear.value, DIGITS)} if linear else {}),
        "better": unit.better,
        "details": {name: round(value, DIGITS) for name, value in unit.details.items()},
    }


# --- Tables to plot -------------------------------------------------------------------------------

Table = tuple[list[str], list[list[object]]]
"""Header and rows."""


def scores_table(
    units: Mapping[str, Unit], intervals: Intervals, linear: Mapping[str, Unit]
) -> Table:
    """The units, with their values also where 0 is the baseline and 1 perfect."""
    header = ["unit", "metric", "score", "low", "high", "baseline", "linear", "n"]
    scaled = [f"scaled_{name}" for name in ("score", "low", "high", "linear")]
    rows: list[list[object]] = []
    for name, unit in units.items():
        ends = intervals[name]
        other = linear[name].value if name in linear else None
        on_scale = [unit.scaled(value) for value in (unit.value, *ends)]
        scaled_other = None if other is None else unit.scaled(other)
        values = (unit.value, *ends, unit.baseline, other)
        rows.append([name, unit.metric, *values, unit.n, *on_scale, scaled_other])
    return header + scaled, rows


def outcomes(units: Mapping[str, Unit], kind: str) -> Iterator[tuple[str, Outcome]]:
    """Yields the outcomes of a kind, with names such as ``emotivita_v``."""
    for unit_name, unit in units.items():
        for name, outcome in unit.outcomes.items():
            if outcome.kind == kind:
                yield f"{unit_name}_{name}" if name else unit_name, outcome


def confusion_table(units: Mapping[str, Unit]) -> Table:
    """How often each gold label was submitted as which, zeros included."""
    rows: list[list[object]] = []
    for name, outcome in outcomes(units, "label"):
        counts = Counter(zip(outcome.gold, outcome.submitted, strict=True))
        labels = sorted({*outcome.gold, *outcome.submitted})
        rows += [[name, gold, other, counts[gold, other]] for gold in labels for other in labels]
    return ["unit", "gold", "submitted", "count"], rows


def numbers_table(units: Mapping[str, Unit]) -> Table:
    """Gold and submitted numbers of each item."""
    rows: list[list[object]] = []
    for name, outcome in outcomes(units, "number"):
        pairs = zip(outcome.gold, outcome.submitted, strict=True)
        rows += [[name, float(gold), float(submitted)] for gold, submitted in pairs]
    return ["unit", "gold", "submitted"], rows


def points_table(units: Mapping[str, Unit]) -> Table:
    """Gold and submitted points of each item, in degrees, a row each."""
    rows: list[list[object]] = []
    for name, outcome in outcomes(units, "point"):
        pairs = zip(outcome.gold, outcome.submitted, strict=True)
        for item, points in enumerate(pairs):
            for kind, (latitude, longitude) in zip(("gold", "submitted"), points, strict=True):
                rows.append([name, item, kind, float(latitude), float(longitude)])
    return ["unit", "item", "side", "latitude", "longitude"], rows


# --- Probabilities --------------------------------------------------------------------------------


def calibrate(
    raw: Path, submissions: Path, settings: Settings
) -> dict[str, calibration.Calibration]:
    """Compares the probabilities of the answers to closed sub-tasks with gold.

    Args:
        raw: as for `evaluate`.
        submissions: likewise; probabilities.csv may be there.
        settings: the tasks, and how data was held out.

    Returns:
        The calibration of each sub-task that has probabilities and gold, and of all together.

    Raises:
        InputError: for defects.
    """
    forecasts = calibration.read_forecasts(submissions / "probabilities.csv")
    owners = {owner(forecast.id) for forecast in forecasts}
    tasks = [name for name in settings.tasks if name in owners]
    return calibration.calibrations(forecasts, gold_answers(raw, tasks, settings.encode))


def gold_answers(raw: Path, tasks: Iterable[str], hold_out: HoldOut) -> dict[str, str | None]:
    """The gold answers to the test questions of some tasks, as encode writes them.

    Args:
        raw: a folder with a folder of raw files for each task.
        tasks: their names.
        hold_out: how data is held out.

    Returns:
        The answer to every question by id, None where it is unknown.

    Raises:
        InputError: for defects of the raw files.
    """
    encoded = [load(name).encode(raw_folder(raw, name), hold_out) for name in tasks]
    return {example.id: example.output for part in encoded for example in part.splits["test"]}


def main() -> None:
    """Runs the stage."""
    raw, submissions, metrics, *baseline = folders(
        __doc__,
        optional="baseline",
        raw="folder of raw files, with gold",
        submissions="folder of submission files, one folder a task",
        metrics="folder for evaluate.json and evaluate/",
        baseline="folder of the linear models' submission files",
    )
    settings = read(Settings)
    for folder in (submissions, *baseline):
        check_sums(folder)
    units = evaluate(raw, submissions, settings)
    linear = evaluate(raw, baseline[0], settings) if baseline else {}
    intervals = {name: interval(unit.sample, settings.evaluate) for name, unit in units.items()}
    for name, unit in units.items():
        low, high = intervals[name]
        log.info("%s: %s %.3f [%.3f, %.3f]", name, unit.metric, unit.value, low, high)
    calibrations = calibrate(raw, submissions, settings)
    for name, each in calibrations.items():
        log.info("%s: calibration error %.3f, Brier score %.3f", name, each.ece, each.brier)
    ends = headline_interval(units, settings.evaluate) if units else None
    content = report(units, intervals, linear, ends)
    if calibrations:
        content["calibration"] = calibration.report(calibrations)
    with whole_folder(metrics / "evaluate") as folder:
        write_csv(folder / "calibration.csv", *calibration.table(calibrations))
        write_csv(folder / "scores.csv", *scores_table(units, intervals, linear))
        write_csv(folder / "confusion.csv", *confusion_table(units))
        write_csv(folder / "numbers.csv", *numbers_table(units))
        write_csv(folder / "points.csv", *points_table(units))
    write_json(metrics / "evaluate.json", content)
    log.info("wrote %s", metrics / "evaluate.json")


if __name__ == "__main__":
    run(main)
