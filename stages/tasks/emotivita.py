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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from stages.forms.forms import Fields, Number
from stages.toolkit.answers import AnswerParser, normalised, parse_numbers
from stages.toolkit.decisions import Correlation
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import BySplit, HoldOut
from stages.toolkit.tables import (
    Row,
    anything,
    identifier,
    match_items,
    number,
    read_table,
    text,
    write_table,
)

NAME = "emotivita"
FILES = RawFiles(
    train="Development set.csv", test="Test set.csv", gold="Test set - Gold labels.csv"
)
REQUIRED = (FILES.train,)
SUBMISSION = "{team}_SubtaskB_unconstrained_run{run}.csv"
UNITS = (NAME,)
SENDING = Sending("to the organisers", runs=3, archive="{team}.zip")
CLOSED: dict[str, tuple[str, ...]] = {}
FORMS = {
    NAME: Fields(
        template="{V} {A} {D}",
        numbers=dict.fromkeys("VAD", Number(low=0.0, high=6.0, decimals=2)),
    )
}
FIGURES = {NAME: Correlation()}
LOWEST, MIDDLE, HIGHEST = 0.0, 3.0, 6.0


class Emotion(NamedTuple):
    """A point in the space of emotions; the fields are named like the columns."""

    V: float
    A: float
    D: float


@dataclass(frozen=True)
class Item:
    """A text; its gold is its emotion, None where it is unknown."""

    id: str
    text: str
    gold: Emotion | None = None

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(NAME, self.id)


# --- Raw files ------------------------------------------------------------------------------------


def value(cell: str) -> float:
    """A mean judgement, with the two decimals that an answer has."""
    return round(float(number(LOWEST, HIGHEST)(cell)), 2)


VALUES = dict.fromkeys(Emotion._fields, value)


def read_items(folder: Path, hold_out: HoldOut, *, with_gold: bool = False) -> BySplit[Item]:
    """Reads the texts of each split, those of the test set without their gold or with it."""
    return read_splits(
        NAME,
        folder,
        FILES,
        hold_out,
        train=_read_train,
        test=_read_test,
        gold=_read_gold if with_gold else None,
        group=lambda item: normalised(item.text),  # short sentences come more than once
    )


def _read_train(path: Path) -> list[Item]:
    rows = read_table(path, {"id": identifier, "text": text, **VALUES}, unique="id")
    return [Item(row["id"], row["text"], _emotion(row)) for row in rows]


def _read_test(path: Path) -> list[Item]:
    columns, unused = {"id": identifier, "text": text}, dict.fromkeys(VALUES, anything)
    rows = read_table(path, columns, optional=unused, unique="id")
    return [Item(row["id"], row["text"]) for row in rows]


def _read_gold(path: Path, test: Sequence[Item]) -> list[Emotion]:
    columns = {"id": identifier, **VALUES}
    rows = read_table(path, columns, optional={"text": anything}, unique="id")
    return [_emotion(row) for row in match_items(path, rows, "id", test, ordered=False)]


def _emotion(row: Row) -> Emotion:
    return Emotion(*(row[dimension] for dimension in Emotion._fields))


# --- Questions and answers ------------------------------------------------------------------------


def write_answer(emotion: Emotion) -> str:
    """The answer for an emotion."""
    return " ".join(_decimals(emotion))


def parse_answer(answer: str) -> Emotion | None:
    """The emotion that an answer states, cut to the range and rounded; None if it states none."""
    numbers = parse_numbers(answer, len(Emotion._fields))
    if numbers is None:
        return None
    return Emotion(*(round(max(LOWEST, min(n, HIGHEST)), 2) for n in numbers))


def _decimals(emotion: Emotion) -> list[str]:
    return [f"{dimension:.2f}" for dimension in emotion]


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every text; see `stages.tasks.Task.encode`."""
    items = read_items(folder, hold_out, with_gold=True)
    log_absent(folder, FILES, items)
    encoded = examples(items, NAME, text=lambda item: item.text, answer=write_answer)
    return Encoded(encoded, {"texts": sum(map(len, items.values()))})


def interpret(subtask: str, answer: str) -> Emotion | None:
    """The emotion that an answer states; see `stages.tasks.Task.interpret`."""
    return parse_answer(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submission; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    items = read_items(folder, hold_out)
    fallback = mean([item.gold for item in items["train"] if item.gold is not None])
    rows = []
    for item in items["test"]:
        emotion = parser.parse(NAME, item.question_id, parse_answer, fallback)
        rows.append((item.id, *_decimals(emotion)))
    content = write_table(["id", *Emotion._fields], rows)
    return Submission({run.file_name(SUBMISSION): content}, parser.finish())


def mean(emotions: Sequence[Emotion]) -> Emotion:
    """The mean of each dimension; the middle of the scale where there is none."""
    dimensions = zip(*emotions or [Emotion(MIDDLE, MIDDLE, MIDDLE)], strict=True)
    return Emotion(*map(fmean, dimensions))


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submission; see `stages.tasks.Task.score`."""
    from sklearn.metrics import mean_absolute_error

    from stages.toolkit.scores import pearson, pearson_unit

    test = read_items(folder, hold_out, with_gold=True)["test"]
    gold = [item.gold for item in test if item.gold is not None]
    if not gold:
        return {}
    path = submission / run.file_name(SUBMISSION)
    rows = read_table(path, {"id": identifier, **VALUES})
    submitted = [_emotion(row) for row in match_items(path, rows, "id", test)]
    columns = zip(zip(*gold, strict=True), zip(*submitted, strict=True), strict=True)
    pairs = dict(zip("vad", columns, strict=True))
    details = {f"pearson_{name}": pearson(*pair) for name, pair in pairs.items()}
    details |= {f"mae_{name}": float(mean_absolute_error(*pair)) for name, pair in pairs.items()}
    return {NAME: pearson_unit(pairs, details)}
