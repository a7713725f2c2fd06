"""Decode: the model's answers become the organisers' submission files.

Reads the test items in RAW (never their gold) and PREDICTIONS/test.jsonl. Writes SUBMISSIONS, one
folder a task, and METRICS/decode.json: for each sub-task how many answers there were, how many
could not be parsed in full, and how many had to be replaced by the fallback; to plot, the same as
shares in METRICS/decode/answers.csv. Where predictions have probabilities, as those of closed
sub-tasks do, SUBMISSIONS/probabilities.csv has them for evaluate: a row for each question and
candidate answer, with 1 in the column answered for the candidate that the model gave.

    python -m stages.decode data/sample data/predictions data/submissions metrics
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.common.command import InputError, folders, run
from stages.common.files import Defects, write_csv, write_json, write_text
from stages.common.outputs import check_sums, whole_folder
from stages.common.settings import PARAMS, Names, StageSettings, read
from stages.tasks import load, owner, problems, raw_folder
from stages.toolkit.records import Submission, Tally
from stages.toolkit.settings import Run
from stages.toolkit.splits import HoldOut
from stages.toolkit.tables import Row, read_objects

log = logging.getLogger(__name__)

KEYS = ("id", "task", "answer", "finish", "tokens")
TOLERANCE = 1e-3  # by which the sum of a question's probabilities may differ from 1


class Settings(StageSettings):
    """What decode reads of params.yaml."""

    tasks: Names
    encode: HoldOut
    decode: Run


def read_predictions(path: Path) -> list[Row]:
    """Reads the model's answers.

    Raises:
        InputError: with file and line of every defect.
    """
    optional = {"probabilities": probabilities}
    rows = read_objects(path, dict.fromkeys(KEYS, str), optional=optional, unique="id")
    defects = Defects(path)
    for row in rows:
        candidates = row.values.get("probabilities", {})
        if candidates and row["answer"] not in candidates:
            expected = f"expected one of those with a probability, {', '.join(candidates)}"
            defects.add(row.line, f"answer {row['answer'][:60]!r}: {expected}")
    defects.check()
    log.info("read %s: %d rows", path, len(rows))
    return rows


def probabilities(value: Any) -> dict[str, float]:
    """Parses the candidate answers to a question with their probabilities.

    Raises:
        ValueError: if they are not numbers from 0 to 1 that sum to 1.
    """
    by_answer: dict[str, float] = value if isinstance(value, dict) else {}
    numbers = by_answer.values()
    are_shares = all(type(number) in (int, float) and 0 <= number <= 1 for number in numbers)
    if not are_shares or abs(sum(numbers) - 1) > TOLERANCE:
        raise ValueError("expected answers with probabilities from 0 to 1 that sum to 1")
    return by_answer


def decode(raw: Path, answers: Mapping[str, str], settings: Settings) -> dict[str, Submission]:
    """Decodes the answers to the selected tasks.

    Args:
        raw: a folder with a folder of raw files for each task.
        answers: the model's texts by question id.
        settings: the tasks, how data was held out, and the names to submit under.

    Returns:
        The submission of each task.

    Raises:
        InputError: for defects of the raw files, if the answers belong to other questions, and if
            organisers do not read so many runs.
    """
    if found := list(problems(settings.tasks, settings.decode.run)):
        raise InputError("\n".join(f"{PARAMS}: {problem}" for problem in found))
    submissions = {}
    answered = 0
    for name in settings.tasks:
        own = {i: a for i, a in answers.items() if owner(i) == name}
        answered += len(own)
        folder = raw_folder(raw, name)
        submission = load(name).decode(folder, settings.encode, own, settings.decode)
        submissions[name] = submission
        for subtask, tally in submission.tallies.items():
            log.info(
                "%s: %d answers, %d not parsed in full, %d replaced by the fallback",
                subtask,
                tally.rows,
                tally.unparsable,
                tally.fallback,
            )
    if answered < len(answers):
        raise InputError(f"{len(answers) - answered} predictions belong to no task in params.yaml")
    return submissions


def answers_table(tallies: Mapping[str, Tally]) -> tuple[list[str], list[list[object]]]:
    """Header and rows of a table: how many answers of each sub-task were parsed in full or part."""
    rows: list[list[object]] = []
    for subtask, tally in tallies.items():
        in_part = tally.unparsable - tally.fallback
        in_full = tally.rows - tally.unparsable
        parsed = {"in full": in_full, "in part": in_part, "no": tally.fallback}
        rows += [[subtask, how, count] for how, count in parsed.items()]
    return ["subtask", "read", "answers"], rows


def probabilities_table(predictions: Iterable[Row]) -> tuple[list[str], list[list[object]]]:
    """Header and rows of a table: the probability of each candidate answer to each question."""
    rows: list[list[object]] = [
        [row["id"], row["task"], candidate, float(probability), int(candidate == row["answer"])]
        for row in predictions
        for candidate, probability in row.values.get("probabilities", {}).items()
    ]
    return ["id", "subtask", "answer", "probability", "answered"], rows


def main() -> None:
    """Runs the stage."""
    raw, predictions, submissions, metrics = folders(
        __doc__,
        raw="folder of raw files, one folder a task",
        predictions="folder with the answers, test.jsonl",
        submissions="folder to write",
        metrics="folder for decode.json and decode/",
    )
    check_sums(predictions, "test.jsonl")
    rows = read_predictions(predictions / "test.jsonl")
    answers = {row["id"]: row["answer"] for row in rows}
    header, candidates = probabilities_table(rows)
    decoded = decode(raw, answers, read(Settings))
    with whole_folder(submissions, sums=True) as folder:
        for name, submission in decoded.items():
            for file, text in submission.files.items():
                write_text(folder / name / file, text)
        if candidates:
            write_csv(folder / "probabilities.csv", header, candidates)
    tallies = {s: t for submission in decoded.values() for s, t in submission.tallies.items()}
    with whole_folder(metrics / "decode") as folder:
        write_csv(folder / "answers.csv", *answers_table(tallies))
    write_json(metrics / "decode.json", {s: asdict(tally) for s, tally in tallies.items()})
    log.info("wrote %s", metrics / "decode.json")


if __name__ == "__main__":
    run(main)
