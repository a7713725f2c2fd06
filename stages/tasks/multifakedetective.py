"""MULTI-Fake-DetectiVE, Task 1: say how true a tweet or an article with pictures is.

Raw files, tab-separated with a header, and quoted as RFC 4180 says, which is how pandas reads such
files unless told otherwise; all names begin with ``MULTI-Fake-Detective_Task1_``:

    Data.tsv               ID Date Type Text Media Label
    Test.tsv               ID Date Type Text Media, the official test set
    Additional.tsv         ID Date Type Text Media, the additional test set
    Test_gold.tsv          ID Label (the other columns may be there)
    Additional_gold.tsv    likewise

Label is 0 certainly fake, 1 probably fake, 2 probably real or 3 certainly real, also written
``2.0``. Date, Type and Media (names of picture files) are not used. Data.tsv is required, the
others may be absent. Without Test.tsv, items of Data.tsv are held out, those with equal texts
together.

An item with several pictures may have a row for each: rows with the same ID, text and label count
once. An ID with two texts or two labels is a defect.

The question is the text, or ``(senza testo)`` where there are pictures only. The answer is
``certamente falso``, ``probabilmente falso``, ``probabilmente vero`` or ``certamente vero``.

The submissions are ``TEAM_Task1_runN.tsv`` and ``TEAM_Task1_additional_runN.tsv``, tab-separated
with the header ``ID Label``: the organisers ask for two columns of these names. An item is a row.
The fallback for an answer that cannot be parsed is the most frequent label of the training split.

The score is F1, averaged over the labels by their frequency in the gold, on the official test set.
The organisers scored only the items that all participants could retrieve, so the gold may hold
fewer items than the test set, and the others do not count. The same figure on the additional set
stands beside it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stages.common.files import Defects
from stages.forms.forms import Form
from stages.toolkit.answers import AnswerParser, Labels, normalised
from stages.toolkit.decisions import F1
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import BySplit, HoldOut, merge_splits
from stages.toolkit.tables import (
    Row,
    anything,
    identifier,
    match_items,
    one_of,
    read_table,
    same_items,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "multifakedetective"
BEGINNING = "MULTI-Fake-Detective_Task1_"  # of the names of all raw files


@dataclass(frozen=True)
class TestSet:
    """A test set: its name in question ids, its raw files and its submission file."""

    name: str
    files: RawFiles
    submission: str


OFFICIAL = TestSet(
    "test",
    RawFiles(
        train=f"{BEGINNING}Data.tsv",
        test=f"{BEGINNING}Test.tsv",
        gold=f"{BEGINNING}Test_gold.tsv",
    ),
    "{team}_Task1_run{run}.tsv",
)
ADDITIONAL = TestSet(
    "additional",
    RawFiles(test=f"{BEGINNING}Additional.tsv", gold=f"{BEGINNING}Additional_gold.tsv"),
    "{team}_Task1_additional_run{run}.tsv",
)
SETS = (OFFICIAL, ADDITIONAL)
REQUIRED = (OFFICIAL.files.train,)
UNITS = ("multifakedetective",)
SENDING = Sending("to the organisers: run 1 is the primary one, which is ranked")
NO_TEXT = "(senza testo)"

TRUTH = Labels(
    {
        0: "certamente falso",
        1: "probabilmente falso",
        2: "probabilmente vero",
        3: "certamente vero",
    }
)
CLOSED = {NAME: TRUTH.candidates}


FORMS: dict[str, Form] = {}
FIGURES = {NAME: F1("weighted")}


@dataclass(frozen=True)
class Article:
    """A tweet or an article.

    Attributes:
        id: its ID.
        text: its text.
        test_set: the name of its test set; "" where it stands in the training file.
        repeats: number of rows that repeat it.
        gold: its label, None where it is unknown.
    """

    id: str
    text: str
    test_set: str
    repeats: int
    gold: int | None = None

    @property
    def question_id(self) -> str:
        """The id of the question about it; the files may have the same IDs."""
        return question_id(NAME, *filter(None, (self.test_set, self.id)))


# --- Raw files ------------------------------------------------------------------------------------


def label(cell: str) -> int:
    """A label, ``2`` or ``2.0``."""
    return int(one_of("0", "1", "2", "3")(cell.removesuffix(".0")))


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[TestSet, BySplit[Article]]:
    """Reads the articles of each test set and split, those to test without gold or with it.

    The training file belongs to the official set.
    """
    return {
        test_set: read_splits(
            NAME,
            folder,
            test_set.files,
            hold_out,
            train=_read_train,
            test=partial(_read_test, test_set),
            gold=_read_gold if with_gold else None,
            group=lambda article: normalised(article.text),
        )
        for test_set in SETS
    }


def _read_train(path: Path) -> list[Article]:
    return [
        Article(row["ID"], row["Text"], "", repeats, row["Label"])
        for row, repeats in _read_rows(path, "Text", "Label")
    ]


def _read_test(test_set: TestSet, path: Path) -> list[Article]:
    return [
        Article(row["ID"], row["Text"], test_set.name, repeats)
        for row, repeats in _read_rows(path, "Text")
    ]


def _read_gold(path: Path, test: Sequence[Article]) -> list[int | None]:
    """Reads the gold, which may lack test items."""
    labels = {row["ID"]: row["Label"] for row, _ in _read_rows(path, "Label")}
    same_items(path, [a.id for a in test if a.id in labels], list(labels), ordered=False)
    if len(labels) < len(test):
        log.info("%s: scores %d of %d test items", path, len(labels), len(test))
    return [labels.get(article.id) for article in test]


def _read_rows(path: Path, *columns: str) -> list[tuple[Row, int]]:
    """Reads the rows of a file, those with the same ID as one.

    Args:
        path: the file.
        columns: those that must be there beside ID, and be the same in all rows of an item.

    Returns:
        The first row of each item, and the number of rows that repeat it.

    Raises:
        InputError: with file and line of every defect.
    """
    parsers = {"ID": identifier, "Text": anything, "Label": label}
    rows = read_table(
        path,
        {column: parsers[column] for column in ("ID", *columns)},
        delimiter="\t",
        optional=dict.fromkeys(("Date", "Type", "Media", "Text"), anything),
    )
    defects = Defects(path)
    firsts: dict[str, tuple[Row, int]] = {}
    for row in rows:
        first, repeats = firsts.get(row["ID"], (row, -1))
        firsts[row["ID"]] = first, repeats + 1
        for column in columns:
            if row[column] != first[column]:
                problem = f"ID {row['ID']} has another {column} than on line {first.line}"
                defects.add(row.line, f"{problem}; expected the same in all rows of an item")
    defects.check()
    return list(firsts.values())


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every article; see `stages.tasks.Task.encode`."""
    by_set = read_items(folder, hold_out, with_gold=True)
    for test_set, by_split in by_set.items():
        log_absent(folder, test_set.files, by_split, f"the {test_set.name} set")
    by_split = merge_splits(by_set.values())
    articles = [article for items in by_split.values() for article in items]
    notes = {
        "items": len(articles),
        "repeated_rows": sum(article.repeats for article in articles),
        "items_without_text": sum(not article.text.strip() for article in articles),
    }
    encoded = examples(
        by_split,
        NAME,
        text=lambda article: article.text if article.text.strip() else NO_TEXT,
        answer=TRUTH.write,
    )
    return Encoded(encoded, notes)


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return TRUTH.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    from stages.toolkit.scores import majority

    parser = AnswerParser(answers, folder)
    by_set = read_items(folder, hold_out)
    fallback = majority([article.gold for article in by_set[OFFICIAL]["train"]])
    files = {}
    for test_set, by_split in by_set.items():
        rows = [
            (article.id, parser.parse(NAME, article.question_id, TRUTH.parse, fallback))
            for article in by_split["test"]
        ]
        if rows:
            name = run.file_name(test_set.submission)
            files[name] = write_table(["ID", "Label"], rows, delimiter="\t")
    return Submission(files, parser.finish())


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    by_set = read_items(folder, hold_out, with_gold=True)
    baseline = majority([article.gold for article in by_set[OFFICIAL]["train"]])

    def unit(test_set: TestSet, details: Mapping[str, float]) -> Unit | None:
        test = by_set[test_set]["test"]
        if all(article.gold is None for article in test):
            return None
        path = submission / run.file_name(test_set.submission)
        rows = read_table(path, {"ID": identifier, "Label": label}, delimiter="\t")
        submitted = match_items(path, rows, "ID", test)
        pairs = zip(test, submitted, strict=True)
        scored = [(a.gold, row["Label"]) for a, row in pairs if a.gold is not None]
        gold, given = zip(*scored, strict=True)
        return f1_unit(
            gold,
            given,
            range(4),
            baseline,
            average="weighted",
            details=details,
            answer=TRUTH.write,
        )

    extra = unit(ADDITIONAL, {})
    ranked = unit(OFFICIAL, {"additional_weighted_f1": extra.value} if extra else {})
    return {NAME: ranked} if ranked else {}
