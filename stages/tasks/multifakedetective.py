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
The fallback for an answer that cannot be read is the most frequent label of the training split.

The score is F1, averaged over the labels by their frequency in the gold, on the official test set.
The organisers scored only the items that all participants could retrieve, so the gold may hold
fewer items than the test set, and the others do not count. The same figure on the additional set
stands beside it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, Labels, normalised
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Row,
    anything,
    identifier,
    one_of,
    read_table,
    same_items,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "multifakedetective"
FILE = "MULTI-Fake-Detective_Task1_{}.tsv"
REQUIRED = (FILE.format("Data"),)
UNITS = ("multifakedetective",)
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


@dataclass(frozen=True)
class Item:
    """A tweet or an article; the label is None where it is unknown.

    Attributes:
        id: its ID.
        text: its text.
        label: its label.
        source: the file that it stands in: Data, Test or Additional.
    """

    id: str
    text: str
    label: int | None
    source: str

    @property
    def question(self) -> str:
        """The identifier of the question about it."""
        return f"{NAME}:{'' if self.source == 'Data' else f'{self.source.lower()}:'}{self.id}"


# --- Raw files ------------------------------------------------------------------------------------


def label(cell: str) -> int:
    """A label, ``2`` or ``2.0``."""
    return int(one_of("0", "1", "2", "3")(cell.removesuffix(".0")))


def read(path: Path, *columns: str) -> tuple[list[Row], int]:
    """Reads a file: an item is the first of the rows with its ID.

    Args:
        path: the file.
        columns: those that must be there beside ID, and be the same in all rows of an item.

    Returns:
        The items, and how many rows repeat one.

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
    items: dict[str, Row] = {}
    for row in rows:
        first = items.setdefault(row["ID"], row)
        for column in columns:
            if row[column] != first[column]:
                problem = f"ID {row['ID']} has another {column} than on line {first.line}"
                defects.add(row.line, f"{problem}; expected the same in all rows of an item")
    defects.check()
    return list(items.values()), len(rows) - len(items)


def items(folder: Path, hold_out: HoldOut) -> tuple[dict[Split, list[Item]], int]:
    """Reads a raw folder without the test sets' gold.

    Returns:
        The items of each split, and how many rows repeat one.
    """
    by_split: dict[Split, list[Item]] = {split: [] for split in SPLITS}
    has_test = (folder / FILE.format("Test")).is_file()
    rows, repeated = read(required(folder / FILE.format("Data")), "Text", "Label")
    for row in rows:
        group = normalised(row["Text"])
        split = hold_out.split_of(NAME, group, has_dev=False, has_test=has_test)
        known = row["Label"] if split != "test" else None
        by_split[split].append(Item(row["ID"], row["Text"], known, "Data"))
    for source in ("Test", "Additional"):
        path = folder / FILE.format(source)
        if path.is_file():
            rows, more = read(path, "Text")
            repeated += more
            by_split["test"] += [Item(row["ID"], row["Text"], None, source) for row in rows]
    return by_split, repeated


def gold_labels(folder: Path, test: Sequence[Item]) -> dict[str, int]:
    """Reads the gold of the test items by question; items without gold are absent."""
    labels: dict[str, int] = {}
    for source in ("Data", "Test", "Additional"):
        held_out = source == "Data"
        path = folder / FILE.format(source if held_out else f"{source}_gold")
        wanted = {item.id: item.question for item in test if item.source == source}
        if not wanted or not path.is_file():
            continue
        gold = {row["ID"]: row["Label"] for row in read(path, "Label")[0]}
        scored = [i for i in wanted if i in gold]
        if not held_out:
            same_items(path, scored, list(gold), ordered=False)
        if len(scored) < len(wanted):
            log.info("%s: scores %d of %d test items", path, len(scored), len(wanted))
        labels |= {wanted[i]: gold[i] for i in scored}
    return labels


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every item; see `stages.tasks.Task.encode`."""
    by_split, repeated = items(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    notes = {"items": 0, "repeated_rows": repeated, "items_without_text": 0}
    for split in SPLITS:
        for item in by_split[split]:
            known = gold.get(item.question) if split == "test" else item.label
            output = None if known is None else TRUTH.write(known)
            blank = not item.text.strip()
            notes["items"] += 1
            notes["items_without_text"] += blank
            question = NO_TEXT if blank else item.text
            examples[split].append(Example(item.question, NAME, question, output))
    _report(folder, by_split["test"])
    return Encoded(examples, notes)


def _report(folder: Path, test: Sequence[Item]) -> None:
    """Says which files are absent, and what that means."""
    for source in ("Test", "Additional"):
        path, gold = folder / FILE.format(source), folder / FILE.format(f"{source}_gold")
        if not path.is_file():
            held_out = sum(item.source == "Data" for item in test)
            instead = f"{held_out} items are held out" if source == "Test" else "it is skipped"
            log.info("no %s: %s", path, instead)
        elif not gold.is_file():
            log.info("no %s: its items are not scored", gold)


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return TRUTH.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    from stages.toolkit.scores import majority

    parser = AnswerParser(answers, folder)
    by_split, _ = items(folder, hold_out)
    fallback = majority([item.label for item in by_split["train"]])
    files = {}
    for name, members in parts(by_split["test"], run):
        rows = [(i.id, parser.parse(NAME, i.question, TRUTH.parse, fallback)) for i in members]
        if rows:
            files[name] = write_table(["ID", "Label"], rows, delimiter="\t")
    return Submission(files, parser.finish())


def parts(test: Sequence[Item], run: Run) -> tuple[tuple[str, list[Item]], ...]:
    """The submission file and the items of the official test set, and of the additional one."""
    official = [item for item in test if item.source != "Additional"]
    additional = [item for item in test if item.source == "Additional"]
    return (
        (f"{run.team}_Task1_run{run.run}.tsv", official),
        (f"{run.team}_Task1_additional_run{run.run}.tsv", additional),
    )


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    by_split, _ = items(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    baseline = majority([item.label for item in by_split["train"]])

    def unit(name: str, members: Sequence[Item], details: Mapping[str, float]) -> Unit | None:
        scored = [item for item in members if item.question in gold]
        if not scored:
            return None
        rows = read_table(submission / name, {"ID": identifier, "Label": label}, delimiter="\t")
        same_items(submission / name, [i.id for i in members], [row["ID"] for row in rows])
        submitted = {row["ID"]: row["Label"] for row in rows}
        wanted, given = [gold[i.question] for i in scored], [submitted[i.id] for i in scored]
        return f1_unit(
            *(wanted, given, range(4), baseline),
            average="weighted",
            details=details,
            answer=TRUTH.write,
        )

    official, additional = parts(by_split["test"], run)
    extra = unit(*additional, {})
    scored = unit(*official, {"additional_weighted_f1": extra.value} if extra else {})
    return {NAME: scored} if scored else {}
