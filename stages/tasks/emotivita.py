"""EmotivITA: say the valence, arousal and dominance of a text.

Raw files, comma-separated with RFC 4180 quoting and a header:

    Development set.csv              id,text,V,A,D
    Test set.csv                     id,text (V, A and D may be there, and are not read)
    Test set - Gold labels.csv       id,V,A,D (text may be there)

Each of V, A and D is the mean of seven judgements, with two decimals. The scale is 1 to 5, but
means up to 5.50 occur, so a value may lie one point beyond the scale: it is from 0 to 6. Only the
development set is required. Without a test file, texts of it are held out, equal ones together.
Formats: the organisers' repository.

The question is the text, the answer its valence, arousal and dominance in this order, with two
decimals, separated by blanks: ``3.14 2.86 4.00``.

The submission, comma-separated with the header ``id,V,A,D``, is
``TEAM_SubtaskB_unconstrained_runN.csv``. Sub-task A, in which each dimension is learnt on its own,
is not covered: one answer with all three belongs to B. Answers are cut to the range of the files, 0
to 6, so that gold survives. The fallback for an answer that is not three numbers is the mean of
each dimension in the training data.

The score is the mean of Pearson's r of the three dimensions. The organisers rank by r, but it is
not known how they combine the three; each r and each mean absolute error stand beside it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from stages.common.files import required
from stages.toolkit.answers import AnswerParser, normalised, parse_numbers
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Row,
    anything,
    identifier,
    number,
    read_table,
    same_items,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "emotivita"
TRAIN, TEST, GOLD = "Development set.csv", "Test set.csv", "Test set - Gold labels.csv"
REQUIRED = (TRAIN,)
UNITS = ("emotivita",)
CLOSED: dict[str, tuple[str, ...]] = {}
LOWEST, MIDDLE, HIGHEST = 0.0, 3.0, 6.0


class Emotion(NamedTuple):
    """A point in the space of emotions; the fields are named like the columns."""

    V: float
    A: float
    D: float


@dataclass(frozen=True)
class Item:
    """A text; the emotion is None where it is unknown."""

    id: str
    text: str
    emotion: Emotion | None = None

    @property
    def question(self) -> str:
        """The identifier of the question."""
        return f"{NAME}:{self.id}"


# --- Raw files ------------------------------------------------------------------------------------


def value(cell: str) -> float:
    """A mean judgement, with the two decimals that an answer has."""
    return round(float(number(LOWEST, HIGHEST)(cell)), 2)


VALUES = dict.fromkeys(Emotion._fields, value)


def items(folder: Path, hold_out: HoldOut) -> dict[Split, list[Item]]:
    """Reads a raw folder without the test set's gold: the texts of each split."""
    by_split: dict[Split, list[Item]] = {split: [] for split in SPLITS}
    has_test = (folder / TEST).is_file()
    for row in _labelled(required(folder / TRAIN)):
        group = normalised(row["text"])  # short sentences come more than once
        split = hold_out.split_of(NAME, group, has_dev=False, has_test=has_test)
        emotion = _emotion(row) if split != "test" else None
        by_split[split].append(Item(row["id"], row["text"], emotion))
    if has_test:
        columns = {"id": identifier, "text": text}
        unread = dict.fromkeys(Emotion._fields, anything)
        rows = read_table(folder / TEST, columns, optional=unread, unique="id")
        by_split["test"] = [Item(row["id"], row["text"]) for row in rows]
    return by_split


def _labelled(path: Path) -> list[Row]:
    return read_table(path, {"id": identifier, "text": text, **VALUES}, unique="id")


def _emotion(row: Row) -> Emotion:
    return Emotion(*(row[dimension] for dimension in Emotion._fields))


def gold_emotions(folder: Path, test: Sequence[Item]) -> dict[str, Emotion]:
    """Reads the gold of the test texts by id; empty where there is none."""
    wanted = [item.id for item in test]
    if not (folder / TEST).is_file():
        held_out = set(wanted)
        rows = _labelled(folder / TRAIN)
        return {row["id"]: _emotion(row) for row in rows if row["id"] in held_out}
    path = folder / GOLD
    if not path.is_file():
        return {}
    columns = {"id": identifier, **VALUES}
    rows = read_table(path, columns, optional={"text": anything}, unique="id")
    same_items(path, wanted, [row["id"] for row in rows], ordered=False)
    return {row["id"]: _emotion(row) for row in rows}


# --- Questions and answers ------------------------------------------------------------------------


def write_answer(emotion: Emotion) -> str:
    """The answer for an emotion."""
    return " ".join(f"{value:.2f}" for value in emotion)


def parse_answer(answer: str) -> Emotion | None:
    """The emotion that an answer states, cut to the range and rounded; None if it states none."""
    numbers = parse_numbers(answer, len(Emotion._fields))
    if numbers is None:
        return None
    return Emotion(*(round(max(LOWEST, min(n, HIGHEST)), 2) for n in numbers))


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every text; see `stages.tasks.Task.encode`."""
    by_split = items(folder, hold_out)
    gold = gold_emotions(folder, by_split["test"])
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for item in by_split[split]:
            emotion = gold.get(item.id) if split == "test" else item.emotion
            output = None if emotion is None else write_answer(emotion)
            examples[split].append(Example(item.question, NAME, item.text, output))
    if not (folder / TEST).is_file():
        log.info("%s: no %s: %d texts are held out", folder, TEST, len(by_split["test"]))
    elif not gold:
        log.info("%s: no %s: no score", folder, GOLD)
    return Encoded(examples, {"texts": sum(map(len, by_split.values()))})


def interpret(subtask: str, answer: str) -> Emotion | None:
    """The emotion that an answer states; see `stages.tasks.Task.interpret`."""
    return parse_answer(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submission; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    by_split = items(folder, hold_out)
    fallback = mean([item.emotion for item in by_split["train"] if item.emotion is not None])
    rows = []
    for item in by_split["test"]:
        emotion = parser.parse(NAME, item.question, parse_answer, fallback)
        rows.append((item.id, *(f"{value:.2f}" for value in emotion)))
    content = write_table(["id", *Emotion._fields], rows)
    return Submission({submission_file(run): content}, parser.finish())


def mean(emotions: Sequence[Emotion]) -> Emotion:
    """The mean of each dimension; the middle of the scale where there is none."""
    dimensions = zip(*emotions or [Emotion(MIDDLE, MIDDLE, MIDDLE)], strict=True)
    return Emotion(*(fmean(values) for values in dimensions))


def submission_file(run: Run) -> str:
    """The name of the submission."""
    return f"{run.team}_SubtaskB_unconstrained_run{run.run}.csv"


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submission; see `stages.tasks.Task.score`."""
    from sklearn.metrics import mean_absolute_error

    from stages.toolkit.scores import pearson, pearson_unit

    test = items(folder, hold_out)["test"]
    gold = gold_emotions(folder, test)
    if not gold:
        return {}
    path = submission / submission_file(run)
    rows = read_table(path, {"id": identifier, **VALUES})
    ids = [item.id for item in test]
    same_items(path, ids, [row["id"] for row in rows])
    wanted = zip(*(gold[i] for i in ids), strict=True)
    given = zip(*map(_emotion, rows), strict=True)
    pairs = dict(zip("vad", zip(wanted, given, strict=True), strict=True))
    details = {f"pearson_{name}": pearson(*pair) for name, pair in pairs.items()}
    details |= {f"mae_{name}": float(mean_absolute_error(*pair)) for name, pair in pairs.items()}
    return {NAME: pearson_unit(pairs, details)}
