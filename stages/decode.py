"""Decode: the model's answers become the organisers' submission files.

Reads the test items in RAW (never their gold) and PREDICTIONS/test.jsonl. From dev.jsonl beside it,
if it is there, answers to dev questions with their gold, rules are learnt that make the figures of
sub-tasks best, and applied (stages/toolkit/decisions.py), unless params.yaml says plain.

Writes SUBMISSIONS, one folder a task, and METRICS/decode.json: for each sub-task how many answers
there were, how many could not be parsed in full, and how many had to be replaced by the fallback;
to plot, the same as shares in METRICS/decode/answers.csv; the rules in METRICS/decode/
decisions.json. Where predictions have probabilities, as those of closed sub-tasks do,
SUBMISSIONS/probabilities.csv has them for evaluate: a row for each question and candidate answer,
with 1 in the column answered for the candidate that the model gave.

    python -m stages.decode data/sample data/predictions data/submissions metrics
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stages.common.command import InputError, folders, run
from stages.common.files import Defects, write_csv, write_json, write_text
from stages.common.outputs import check_sums, whole_folder
from stages.common.settings import PARAMS, Names, StageSettings, read, shown
from stages.forms.forms import Fields, Number
from stages.tasks import form_of, load, owner, problems, raw_folder
from stages.toolkit.decisions import Answered, Decision, learn
from stages.toolkit.records import Submission, Tally
from stages.toolkit.settings import Decode
from stages.toolkit.splits import HoldOut
from stages.toolkit.tables import Row, read_objects

log = logging.getLogger(__name__)

KEYS = ("id", "task", "answer", "finish", "tokens")
LARGE = 1e300  # no expectation is; an integer of JSON may be beyond any float
TOLERANCE = 1e-3  # by which the sum of a question's probabilities may differ from 1


class Settings(StageSettings):
    """What decode reads of params.yaml."""

    tasks: Names
    encode: HoldOut
    decode: Decode


def read_predictions(path: Path, *more: str, empty: bool = False) -> list[Row]:
    """Reads the model's answers.

    Args:
        path: the file.
        *more: keys that each row has besides.
        empty: whether there may be none, as to dev questions.

    Raises:
        InputError: with file and line of every defect.
    """
    optional = {"probabilities": probabilities, "expectations": expectations}
    keys = dict.fromkeys((*KEYS, *more), str)
    rows = read_objects(path, keys, optional=optional, unique="id", empty=empty)
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


def expectations(value: Any) -> list[float]:
    """Parses the expectations of an answer's numbers.

    Raises:
        ValueError: if they are no list of numbers that a float can hold.
    """
    numbers: list[Any] = value if isinstance(value, list) else [None]
    if not all(type(number) in (int, float) and abs(number) < LARGE for number in numbers):
        raise ValueError("expected a list of numbers")
    return [float(number) for number in numbers]


# --- Decisions ------------------------------------------------------------------------------------


def answered(row: Row) -> Answered:
    """A row of the predictions as decisions need it."""
    optional = (row.values.get(key) for key in ("probabilities", "expectations", "gold"))
    return Answered(row["id"], row["answer"], *optional)


def check_answered(rows: Iterable[Row], tasks: Iterable[str]) -> None:
    """Makes sure that answers have the candidates, and the numbers, that their sub-tasks have.

    Args:
        rows: of the predictions.
        tasks: the names of the selected tasks; rows of others are left to `decode`.

    Raises:
        InputError: naming the first question that has others.
    """
    for row in rows:
        if (name := owner(row["id"])) not in tasks:
            continue
        candidates = load(name).CLOSED.get(row["task"], ())
        form = numbers_of(row["task"])
        given, numbers = answered(row), list(form.numbers.values()) if form else []
        if given.probabilities is not None and set(given.probabilities) != set(candidates):
            what = f"probabilities of {shown(list(given.probabilities))}"
            expected = f"of {shown(candidates)}" if candidates else "none"
        elif given.expectations is not None and not are_within(given.expectations, numbers):
            what = f"expectations {shown(given.expectations)}"
            ranges = [(number.low, number.high) for number in numbers]
            expected = f"within {shown(ranges)}" if form else "none"
        else:
            continue
        raise InputError(
            f"{given.id}: {what}, expected {expected}: encode, infer and decode must run with the"
            " same code"
        )


def numbers_of(subtask: str) -> Fields | None:
    """The form of a sub-task's answers, if they have numbers."""
    form = form_of(subtask)
    return form if isinstance(form, Fields) and form.numbers else None


def are_within(values: Sequence[float], numbers: Sequence[Number]) -> bool:
    """Whether there are as many values as an answer has numbers, each in its range."""
    return len(values) == len(numbers) and all(
        number.low <= value <= number.high for value, number in zip(values, numbers, strict=True)
    )


def learn_rules(dev: Iterable[Row], tasks: Iterable[str]) -> dict[tuple[str, str], Decision]:
    """Learns rules from the answers to dev questions.

    Args:
        dev: rows with gold, checked.
        tasks: the names of the selected tasks.

    Returns:
        The decision about each sub-task that has a figure, by task and sub-task.

    Raises:
        InputError: if a row belongs to no selected task.
    """
    by_subtask: dict[tuple[str, str], list[Answered]] = {}
    for row in dev:
        by_subtask.setdefault((owner(row["id"]), row["task"]), []).append(answered(row))
    decisions = {}
    for (name, subtask), rows in by_subtask.items():
        if name not in tasks:
            raise InputError(f"{rows[0].id}: this dev question belongs to no task in params.yaml")
        if figure := load(name).FIGURES.get(subtask):
            decisions[name, subtask] = learn(rows, figure, numbers_of(subtask))
    return decisions


def decide(rows: Iterable[Row], decisions: Mapping[tuple[str, str], Decision]) -> dict[str, str]:
    """The answers to questions, by id, as rules have it where there are some."""
    answers = {}
    for row in rows:
        decision = decisions.get((owner(row["id"]), row["task"]))
        given = answered(row)
        answers[given.id] = (
            decision.rule.answer(given) if decision and decision.rule else given.answer
        )
    return answers


# --- Submissions ----------------------------------------------------------------------------------


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


def run_decode(raw: Path, predictions: Path, submissions: Path, metrics: Path) -> None:
    """Reads params.yaml and the answers, decodes and writes.

    Args:
        raw: folder of raw files.
        predictions: folder with the answers.
        submissions: folder to write.
        metrics: folder for decode.json and decode/.

    Raises:
        InputError: if settings or files are defective.
    """
    settings = read(Settings)
    learns = settings.decode.rule == "dev"
    check_sums(predictions, "test.jsonl", *["dev.jsonl"] * learns)
    rows = read_predictions(predictions / "test.jsonl")
    check_answered(rows, settings.tasks)
    decisions: dict[tuple[str, str], Decision] = {}
    if learns and (predictions / "dev.jsonl").is_file():
        dev = read_predictions(predictions / "dev.jsonl", "gold", empty=True)
        check_answered(dev, settings.tasks)
        decisions = learn_rules(dev, settings.tasks)
    header, candidates = probabilities_table(rows)
    decoded = decode(raw, decide(rows, decisions), settings)
    with whole_folder(submissions, sums=True) as folder:
        for name, submission in decoded.items():
            for file, text in submission.files.items():
                write_text(folder / name / file, text)
        if candidates:
            write_csv(folder / "probabilities.csv", header, candidates)
    tallies = {s: t for submission in decoded.values() for s, t in submission.tallies.items()}
    with whole_folder(metrics / "decode") as folder:
        write_csv(folder / "answers.csv", *answers_table(tallies))
        described = {f"{task}/{subtask}": d.describe() for (task, subtask), d in decisions.items()}
        write_json(folder / "decisions.json", described)
    write_json(metrics / "decode.json", {s: asdict(tally) for s, tally in tallies.items()})
    log.info("wrote %s", metrics / "decode.json")


def main() -> None:
    """Runs the stage."""
    run_decode(
        *folders(
            __doc__,
            raw="folder of raw files, one folder a task",
            predictions="folder with the answers, test.jsonl",
            submissions="folder to write",
            metrics="folder for decode.json and decode/",
        )
    )


if __name__ == "__main__":
    run(main)
