"""DisCoTEX: say whether a sentence continues a text, and how coherent a text is.

Raw files, tab-separated with a header; SOURCE is ted (talks) or wiki (encyclopedia):

    discotex_1_SOURCE_train_set_release.tsv          ID PROMPT TARGET CLASS
    discotex_2_train_clean_release.tsv               ID TEXT SCORE
    blind/discotex_1_SOURCE_test_set_release.tsv     ID PROMPT TARGET CLASS (empty)
    blind/discotex_2_test_set_release.tsv            ID TEXT SCORE (empty)
    gold/                                            the same names, the same columns

CLASS is 1 if TARGET follows PROMPT, else 0. SCORE is the mean of people's judgements from 1 to 5;
MEAN is another name for it, and STDEV may stand beside it. Training and gold files are quoted as
RFC 4180 says, with line ends in cells; blind files are not quoted at all, a record being a line.
Any training file will do, all others may be absent. Without a blind file, training items of its
part are held out, those of one talk or page together. Formats: the organisers' repository.

Where a sentence holds quotation marks, the texts may carry remains of quoting, and blind files have
a blank where training files have a line end. `plain` gives both the same form.

The question of discotex_1 is ``PROMPT [SEP] TARGET``, the answer ``sì`` (coherent) or ``no``; that
of discotex_2 the text, the answer its score with two decimals, as in the official test file.

The submissions, tab-separated without a header, are ``TEAM.subtask1.runN.tsv`` (ID, CLASS), first
the talks and then the encyclopedia, and ``TEAM.subtask2.runN.tsv`` (ID, SCORE). Scores are cut to
1 to 5. The fallbacks for an answer that cannot be read are 0 (the classes are balanced) and the
mean score of the training data (3 without any).

The score of discotex_1 is accuracy over both sources together, that of discotex_2 Pearson's r. The
training files have scores of 14 decimals, so gold is compared after rounding to two.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, harmonic_mean

from stages.common.command import InputError
from stages.common.files import Defects
from stages.toolkit.answers import AnswerParser, normalised, parse_numbers, yes_no
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Parser,
    Row,
    anything,
    flag,
    identifier,
    number,
    read_table,
    same_items,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "discotex"
CLASSES, SCORES = "discotex_1", "discotex_2"
BLIND, GOLD = "blind", "gold"

COHERENT = yes_no(1, 0)
CLOSED = {CLASSES: COHERENT.candidates}
FALLBACK = 0
LOWEST, MIDDLE, HIGHEST = 1.0, 3.0, 5.0


@dataclass(frozen=True)
class Part:
    """A part of the data with files of its own: its sub-task, its name, and its file names."""

    subtask: str
    name: str
    train: str
    test: str


PARTS = (
    *(
        Part(
            CLASSES,
            source,
            f"discotex_1_{source}_train_set_release.tsv",
            f"discotex_1_{source}_test_set_release.tsv",
        )
        for source in ("ted", "wiki")
    ),
    Part(SCORES, "all", "discotex_2_train_clean_release.tsv", "discotex_2_test_set_release.tsv"),
)
REQUIRED = (PARTS[0].train,)  # enough to run, and so is another training file
UNITS = ("discotex_1", "discotex_2")


@dataclass(frozen=True)
class Item:
    """A target or a text to be judged.

    Attributes:
        part: to which it belongs.
        file: where it stands, relative to the raw folder.
        line: the line on which it begins.
        id: the organisers' identifier, the same for an item of either sub-task.
        question: what the model is asked about.
        group: the talk or page that it comes from.
        value: its class (0 or 1) or score; None where it is unknown.
    """

    part: Part
    file: str
    line: int
    id: str
    question: str
    group: str
    value: float | None

    @property
    def example(self) -> str:
        """The identifier of the question, with its part and split."""
        split = "train" if self.file == self.part.train else "test"
        return f"{self.part.subtask}:{self.part.name}:{split}:{self.id}"


# --- Raw files ------------------------------------------------------------------------------------


def score_cell(cell: str) -> float:
    """A score from 1 to 5, rounded to the two decimals of the official test file."""
    return round(float(number(LOWEST, HIGHEST)(cell)), 2)


TEXTS: Mapping[str, tuple[str, ...]] = {CLASSES: ("PROMPT", "TARGET"), SCORES: ("TEXT",)}
VALUES: Mapping[str, Mapping[str, Parser]] = {
    CLASSES: {"CLASS": flag},
    SCORES: {"SCORE": score_cell, "MEAN": score_cell},
}

_QUOTED = re.compile(r'(?<!\S)"((?:[^"]|"")*)"(?!\S)')


def plain(cell: str) -> str:
    """A text without remains of quoting, and with single blanks for all white space.

    A sentence that was quoted because of the marks in it, ``"Disse: ""Vieni""."``, becomes ``Disse:
    "Vieni".``; one that merely stands in quotation marks keeps them.
    """
    bare = _QUOTED.sub(lambda m: m[1] if '""' in m[1] else m[0], cell)
    return " ".join(bare.replace('""', '"').split())


def read_blind(folder: Path, part: Part) -> list[Item]:
    """Reads the test items of a part, whose class or score is left empty."""
    file = f"{BLIND}/{part.test}"
    rows = read_table(
        folder / file,
        {"ID": identifier, **dict.fromkeys(TEXTS[part.subtask], text)},
        delimiter="\t",
        quoted=False,
        optional=dict.fromkeys([*VALUES[part.subtask], "STDEV"], anything),
        unique="ID",
    )
    return [_item(part, file, row, None) for row in rows]


def read_train(folder: Path, part: Part) -> list[Item]:
    """Reads the training items of a part with their values."""
    rows, column = _valued(folder / part.train, part, text)
    return [_item(part, part.train, row, row[column]) for row in rows]


def _valued(path: Path, part: Part, texts: Parser) -> tuple[list[Row], str]:
    """Reads a training or gold file: its rows, and the name of the column that has the values."""
    values = VALUES[part.subtask]
    columns = {"ID": identifier, **dict.fromkeys(TEXTS[part.subtask], texts)}
    optional = {**values, "STDEV": anything}
    rows = read_table(path, columns, delimiter="\t", optional=optional, unique="ID")
    found = [column for column in values if column in rows[0].values]
    if len(found) != 1:
        header = "\t".join(columns)
        raise InputError(f"{path}:1: expected {' or '.join(values)} beside {header!r}")
    return rows, found[0]


def _item(part: Part, file: str, row: Row, value: float | None) -> Item:
    texts = [plain(row[column]) for column in TEXTS[part.subtask]]
    # TED identifiers are TALK#WINDOW, those of the encyclopedia PAGE#SECTION#WINDOW, in both
    # sub-tasks: windows of one document overlap. Without a document the first text is the group.
    document, hash_sign, _ = str(row["ID"]).partition("#")
    group = document if hash_sign else normalised(texts[0])
    return Item(part, file, row.line, row["ID"], " [SEP] ".join(texts), group, value)


def items(folder: Path, hold_out: HoldOut) -> dict[Split, list[Item]]:
    """Reads a raw folder without the test set's gold: the items of each split, by part.

    Raises:
        InputError: for defects, and if there is no training file.
    """
    by_split: dict[Split, list[Item]] = {split: [] for split in SPLITS}
    if not any((folder / part.train).is_file() for part in PARTS):
        names = ", ".join(part.train for part in PARTS)
        raise InputError(f"{folder}: no training file; expected one at least of {names}")
    for part in PARTS:
        has_test = (folder / BLIND / part.test).is_file()
        if has_test:
            by_split["test"] += read_blind(folder, part)
        for item in read_train(folder, part) if (folder / part.train).is_file() else ():
            split = hold_out.split_of(NAME, item.group, has_dev=False, has_test=has_test)
            by_split[split].append(replace(item, value=None) if split == "test" else item)
    _check_ids(folder, of(CLASSES, by_split["test"]))
    return by_split


def _check_ids(folder: Path, test: Sequence[Item]) -> None:
    """Both sources share a submission, so no identifier may be in both."""
    files: dict[str, str] = {}
    for item in test:
        first = files.setdefault(item.id, item.file)
        if first != item.file:
            defects = Defects(folder / item.file)
            defects.add(item.line, f"ID {item.id} stands in {first} too")
            defects.check()


def of(subtask: str, found: Sequence[Item]) -> list[Item]:
    """The items of a sub-task."""
    return [item for item in found if item.part.subtask == subtask]


def gold_values(folder: Path, test: Sequence[Item]) -> dict[str, float]:
    """Reads the gold of the test items by question; that of a part without gold is absent."""
    gold: dict[str, float] = {}
    for part in PARTS:
        asked = [item for item in test if item.part == part]
        held_out = not (folder / BLIND / part.test).is_file()
        path = folder / part.train if held_out else folder / GOLD / part.test
        if not asked or not path.is_file():
            continue
        rows, column = _valued(path, part, anything)
        values = {row["ID"]: row[column] for row in rows}
        if not held_out:
            same_items(path, [item.id for item in asked], list(values), ordered=False)
        gold |= {item.example: values[item.id] for item in asked}
    return gold


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every target and every text; see `stages.tasks.Task.encode`."""
    by_split = items(folder, hold_out)
    gold = gold_values(folder, by_split["test"])
    _log_absent(folder)
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for item in by_split[split]:
            value = gold.get(item.example) if split == "test" else item.value
            output = None if value is None else write_answer(item.part.subtask, value)
            examples[split].append(Example(item.example, item.part.subtask, item.question, output))
    everything = [item for split in SPLITS for item in by_split[split]]
    notes = {
        f"{part.subtask}_{part.name}": sum(item.part == part for item in everything)
        for part in PARTS
    }
    return Encoded(examples, notes)


def _log_absent(folder: Path) -> None:
    for part in PARTS:
        train, blind, gold = (
            (folder / file).is_file()
            for file in (part.train, f"{BLIND}/{part.test}", f"{GOLD}/{part.test}")
        )
        if not train and not blind:
            log.info("%s: neither %s nor %s, skipped", folder, part.train, f"{BLIND}/{part.test}")
        elif not train:
            log.info("%s: no %s: no training on it", folder, part.train)
        elif not blind:
            log.info("%s: no %s/%s: held out of train", folder, BLIND, part.test)
        if blind and not gold:
            log.info("%s: no %s/%s: no score", folder, GOLD, part.test)


def write_answer(subtask: str, value: float) -> str:
    """The answer for a class or a score."""
    return COHERENT.write(int(value)) if subtask == CLASSES else f"{value:.2f}"


def parse_score(answer: str) -> float | None:
    """The score that an answer states, cut to 1 to 5 and rounded; None where it is no number."""
    numbers = parse_numbers(answer, 1)
    return round(min(max(numbers[0], LOWEST), HIGHEST), 2) if numbers else None


def interpret(subtask: str, answer: str) -> float | None:
    """The class or the score that an answer states; see `stages.tasks.Task.interpret`."""
    return COHERENT.parse(answer) if subtask == CLASSES else parse_score(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    by_split = items(folder, hold_out)
    known = [item.value for item in of(SCORES, by_split["train"]) if item.value is not None]
    mean = round(fmean(known), 2) if known else MIDDLE
    rows: dict[str, list[tuple[str, str]]] = {}
    for item in of(CLASSES, by_split["test"]):
        label = parser.parse(CLASSES, item.example, COHERENT.parse, FALLBACK)
        rows.setdefault(CLASSES, []).append((item.id, str(label)))
    for item in of(SCORES, by_split["test"]):
        value = parser.parse(SCORES, item.example, parse_score, mean)
        rows.setdefault(SCORES, []).append((item.id, f"{value:.2f}"))
    files = {
        submission_file(subtask, run): write_table(None, cells, delimiter="\t", quoted=False)
        for subtask, cells in rows.items()
    }
    return Submission(files, parser.finish())


def submission_file(subtask: str, run: Run) -> str:
    """The name of a sub-task's submission."""
    return f"{run.team}.subtask{subtask[-1]}.run{run.run}.tsv"


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import labelled, majority, mean_unit, pearson, pearson_unit, spearman

    by_split = items(folder, hold_out)
    gold = gold_values(folder, by_split["test"])
    units = {}
    scored = [item for item in of(CLASSES, by_split["test"]) if item.example in gold]
    if scored:
        given = _submitted(submission / submission_file(CLASSES, run), CLASSES, by_split["test"])
        golds = [int(gold[item.example]) for item in scored]
        found = [int(given[item.id]) for item in scored]
        hits = [float(g == f) for g, f in zip(golds, found, strict=True)]
        labels = [item.value for item in of(CLASSES, by_split["train"]) if item.value is not None]
        constant = majority(labels) if labels else FALLBACK
        by_source: dict[str, list[float]] = {}
        for item, hit in zip(scored, hits, strict=True):
            by_source.setdefault(f"accuracy_{item.part.name}", []).append(hit)
        units[CLASSES] = mean_unit(
            "accuracy",
            hits,
            fmean(g == constant for g in golds),
            details={name: fmean(part) for name, part in by_source.items()},
            outcome=labelled(golds, found, COHERENT.write),
        )
    scored = [item for item in of(SCORES, by_split["test"]) if item.example in gold]
    if scored:
        given = _submitted(submission / submission_file(SCORES, run), SCORES, by_split["test"])
        pair = [gold[item.example] for item in scored], [given[item.id] for item in scored]
        r, rho = pearson(*pair), spearman(*pair)
        both = harmonic_mean([r, rho]) if min(r, rho) > 0 else 0.0
        units[SCORES] = pearson_unit({"": pair}, {"spearman": rho, "harmonic_mean": both})
    return units


def _submitted(path: Path, subtask: str, test: Sequence[Item]) -> dict[str, float]:
    """Reads a submission: the class or score of each test item."""
    column, parse = next(iter(VALUES[subtask].items()))
    rows = read_table(
        path,
        {"ID": identifier, column: parse},
        delimiter="\t",
        quoted=False,
        header=["ID", column],
    )
    same_items(path, [item.id for item in of(subtask, test)], [row["ID"] for row in rows])
    return {row["ID"]: row[column] for row in rows}
