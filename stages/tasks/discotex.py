"""DisCoTEX: say whether a sentence continues a text, and how coherent a text is.

Raw files, tab-separated with a header; SOURCE is ted (talks) or wiki (encyclopedia):

    discotex_1_SOURCE_train_set_release.tsv          ID PROMPT TARGET CLASS
    discotex_2_train_clean_release.tsv               ID TEXT SCORE
    blind/discotex_1_SOURCE_test_set_release.tsv     ID PROMPT TARGET CLASS (empty)
    blind/discotex_2_test_set_release.tsv            ID TEXT SCORE (empty)
    gold/                                            the same names, the same columns

CLASS is 1 if TARGET follows PROMPT, else 0. SCORE is the mean of people's judgements from 1 to 5;
MEAN is another name for it, and STDEV may stand beside it. Training and gold files are quoted as
RFC 4180 says, with line ends in cells; in blind files a record is a line, and cells are not quoted
unless they are plainly so, as in a file that was saved again.
Any training file will do, all others may be absent. Without a blind file, training items are held
out in its place, those of one talk or page together. Formats: the organisers' repository.

Where a sentence holds quotation marks, the texts may carry remains of quoting, and blind files have
a blank where training files have a line end. `plain` gives both the same form.

The question of discotex_1 is ``PROMPT [SEP] TARGET``, the answer ``sì`` (coherent) or ``no``; that
of discotex_2 the text, the answer its score with two decimals, as in the official test file.

The submissions, tab-separated without a header, are ``TEAM.subtask1.runN.tsv`` (ID, CLASS), first
the talks and then the encyclopedia, and ``TEAM.subtask2.runN.tsv`` (ID, SCORE). Scores are cut to
1 to 5. The fallbacks for an answer that cannot be parsed are 0 (the classes are balanced) and the
mean score of the training data (3 without any).

The score of discotex_1 is accuracy over both sources together, that of discotex_2 Pearson's r. The
training files have scores of 14 decimals, so gold is compared after rounding to two.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, harmonic_mean

from stages.common.command import InputError
from stages.common.files import Defects
from stages.forms.forms import Fields, Number
from stages.toolkit.answers import AnswerParser, normalised, parse_numbers, yes_no
from stages.toolkit.decisions import Accuracy, Correlation, Figure
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits, require_one
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import BySplit, HoldOut, merge_splits
from stages.toolkit.tables import (
    Parser,
    Row,
    anything,
    flag,
    identifier,
    match_items,
    number,
    read_table,
    text,
    write_table,
)

NAME = "discotex"
CLASSES, SCORES = "discotex_1", "discotex_2"
UNITS = (CLASSES, SCORES)
SENDING = Sending("by a form of the organisers, whose file names and columns are not known")

SUBMISSIONS = {
    CLASSES: "{team}.subtask1.run{run}.tsv",
    SCORES: "{team}.subtask2.run{run}.tsv",
}
"""The submission file of each sub-task."""

COHERENT = yes_no(1, 0)
CLOSED = {CLASSES: COHERENT.candidates}
FORMS = {
    SCORES: Fields(template="{score}", numbers={"score": Number(low=1.0, high=5.0, decimals=2)})
}
FIGURES: dict[str, Figure] = {CLASSES: Accuracy(), SCORES: Correlation()}
FALLBACK = 0
LOWEST, MIDDLE, HIGHEST = 1.0, 3.0, 5.0


@dataclass(frozen=True)
class Source:
    """A set of raw files that belong together: its sub-task, its name, and the files."""

    subtask: str
    name: str
    files: RawFiles


def _source(subtask: str, name: str, train: str, test: str) -> Source:
    files = RawFiles(train=train, test=f"blind/{test}", gold=f"gold/{test}", needed=False)
    return Source(subtask, name, files)


SOURCES = (
    _source(
        CLASSES,
        "ted",
        "discotex_1_ted_train_set_release.tsv",
        "discotex_1_ted_test_set_release.tsv",
    ),
    _source(
        CLASSES,
        "wiki",
        "discotex_1_wiki_train_set_release.tsv",
        "discotex_1_wiki_test_set_release.tsv",
    ),
    _source(
        SCORES,
        "all",
        "discotex_2_train_clean_release.tsv",
        "discotex_2_test_set_release.tsv",
    ),
)
REQUIRED = (SOURCES[0].files.train,)  # enough to run, and so is another training file


@dataclass(frozen=True)
class Item:
    """A target or a text to be judged.

    Attributes:
        source: the files to which it belongs.
        file: the one in which it stands, relative to the raw folder.
        line: the line on which it begins.
        id: the organisers' id, unique in its sub-task.
        text: the input of the question about it.
        group: the talk or page from which it comes.
        gold: its class (0 or 1) or score; None where it is unknown.
    """

    source: Source
    file: str
    line: int
    id: str
    text: str
    group: str
    gold: float | None = None

    @property
    def question_id(self) -> str:
        """The id of the question about it, with its source and the kind of file it stands in."""
        kind = "train" if self.file == self.source.files.train else "test"
        return question_id(self.source.subtask, self.source.name, kind, self.id)


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
    "Vieni".``; one that merely stands in quotation marks keeps them. Other doubled marks stay, for
    the encyclopedia has them in its texts: ``l'album "" del 1983``.
    """
    bare = _QUOTED.sub(lambda m: m[1].replace('""', '"') if '""' in m[1] else m[0], cell)
    return " ".join(bare.split())


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[Source, BySplit[Item]]:
    """Reads the items of each source and split, those of test files without or with their gold.

    Raises:
        InputError: for defects, and if there is no training file.
    """
    require_one(folder, [source.files for source in SOURCES])
    items = {
        source: read_splits(
            NAME,
            folder,
            source.files,
            hold_out,
            train=partial(_read_train, source),
            test=partial(_read_test, source),
            gold=partial(_read_gold, source) if with_gold else None,
            group=lambda item: item.group,
        )
        for source in SOURCES
    }
    _check_ids(folder, of_subtask(CLASSES, items)["test"])
    return items


def of_subtask(subtask: str, items: Mapping[Source, BySplit[Item]]) -> BySplit[Item]:
    """The items of a sub-task, in the order of its sources."""
    return merge_splits(by_split for source, by_split in items.items() if source.subtask == subtask)


def _read_train(source: Source, path: Path) -> list[Item]:
    rows, column = _read_labelled(source, path, text)
    return [_item(source, source.files.train, row, row[column]) for row in rows]


def _read_test(source: Source, path: Path) -> list[Item]:
    rows = read_table(
        path,
        {"ID": identifier, **dict.fromkeys(TEXTS[source.subtask], text)},
        delimiter="\t",
        quoted=False,
        optional=dict.fromkeys([*VALUES[source.subtask], "STDEV"], anything),
        unique="ID",
    )
    return [_item(source, source.files.test, row) for row in rows]


def _read_gold(source: Source, path: Path, test: Sequence[Item]) -> list[float]:
    rows, column = _read_labelled(source, path, anything)
    return [row[column] for row in match_items(path, rows, "ID", test, ordered=False)]


def _read_labelled(source: Source, path: Path, texts: Parser) -> tuple[list[Row], str]:
    """Reads a training or gold file: its rows, and the name of the column that has the gold."""
    values = VALUES[source.subtask]
    columns = {"ID": identifier, **dict.fromkeys(TEXTS[source.subtask], texts)}
    optional = {**values, "STDEV": anything}
    rows = read_table(path, columns, delimiter="\t", optional=optional, unique="ID")
    present = [column for column in values if column in rows[0].values]
    if len(present) != 1:
        header = "\t".join(columns)
        raise InputError(f"{path}:1: expected {' or '.join(values)} beside {header!r}")
    return rows, present[0]


def _item(source: Source, file: str, row: Row, gold: float | None = None) -> Item:
    texts = [plain(row[column]) for column in TEXTS[source.subtask]]
    # TED identifiers are TALK#WINDOW, those of the encyclopedia PAGE#SECTION#WINDOW, in both
    # sub-tasks: windows of one document overlap. Without a document the first text is the group.
    document, hash_sign, _ = str(row["ID"]).partition("#")
    group = document if hash_sign else normalised(texts[0])
    return Item(source, file, row.line, row["ID"], " [SEP] ".join(texts), group, gold)


def _check_ids(folder: Path, test: Sequence[Item]) -> None:
    """Makes sure that no id is in both sources, which share a submission."""
    files: dict[str, str] = {}
    for item in test:
        first = files.setdefault(item.id, item.file)
        if first != item.file:
            defects = Defects(folder / item.file)
            defects.add(item.line, f"ID {item.id} stands in {first} too")
            defects.check()


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every target and every text; see `stages.tasks.Task.encode`."""
    items = read_items(folder, hold_out, with_gold=True)
    notes = {}
    for source, by_split in items.items():
        name = f"{source.subtask}_{source.name}"
        log_absent(folder, source.files, by_split, name)
        notes[name] = sum(map(len, by_split.values()))
    encoded = [
        examples(
            of_subtask(subtask, items),
            subtask,
            text=lambda item: item.text,
            answer=partial(write_answer, subtask),
        )
        for subtask in (CLASSES, SCORES)
    ]
    return Encoded(merge_splits(encoded), notes)


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
    items = read_items(folder, hold_out)
    scores = gold_of(of_subtask(SCORES, items)["train"])
    fallbacks = {CLASSES: FALLBACK, SCORES: round(fmean(scores), 2) if scores else MIDDLE}
    files = {}
    for subtask, file in SUBMISSIONS.items():
        rows = []
        for item in of_subtask(subtask, items)["test"]:
            parse = partial(interpret, subtask)
            value = parser.parse(subtask, item.question_id, parse, fallbacks[subtask])
            rows.append((item.id, f"{value:.0f}" if subtask == CLASSES else f"{value:.2f}"))
        if rows:
            files[run.file_name(file)] = write_table(None, rows, delimiter="\t", quoted=False)
    return Submission(files, parser.finish())


def gold_of(items: Sequence[Item]) -> list[float]:
    """The gold of the items that have it."""
    return [item.gold for item in items if item.gold is not None]


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import majority, pearson, pearson_unit, spearman

    items = read_items(folder, hold_out, with_gold=True)
    classes, scores = of_subtask(CLASSES, items), of_subtask(SCORES, items)
    units = {}
    if gold_of(classes["test"]):
        path = submission / run.file_name(SUBMISSIONS[CLASSES])
        submitted = _read_submission(path, CLASSES, classes["test"])
        labels = gold_of(classes["train"])
        units[CLASSES] = _accuracy(classes["test"], submitted, majority(labels or [FALLBACK]))
    if gold := gold_of(scores["test"]):
        path = submission / run.file_name(SUBMISSIONS[SCORES])
        submitted = _read_submission(path, SCORES, scores["test"])
        r, rho = pearson(gold, submitted), spearman(gold, submitted)
        mean = harmonic_mean([r, rho]) if min(r, rho) > 0 else 0.0
        details = {"spearman": rho, "harmonic_mean": mean}
        units[SCORES] = pearson_unit({"": (gold, submitted)}, details)
    return units


def _read_submission(path: Path, subtask: str, test: Sequence[Item]) -> list[float]:
    """Reads a submission: the class or score of each test item that has gold."""
    column, parse = next(iter(VALUES[subtask].items()))
    columns = {"ID": identifier, column: parse}
    rows = read_table(path, columns, delimiter="\t", quoted=False, header=list(columns))
    matched = zip(test, match_items(path, rows, "ID", test), strict=True)
    return [row[column] for item, row in matched if item.gold is not None]


def _accuracy(test: Sequence[Item], submitted: Sequence[float], baseline: float) -> Unit:
    from stages.toolkit.scores import labelled, mean_unit

    gold = gold_of(test)
    hits = [float(g == s) for g, s in zip(gold, submitted, strict=True)]
    by_source: dict[str, list[float]] = {}
    for item, hit in zip((item for item in test if item.gold is not None), hits, strict=True):
        by_source.setdefault(f"accuracy_{item.source.name}", []).append(hit)
    return mean_unit(
        "accuracy",
        hits,
        fmean(g == baseline for g in gold),
        details={name: fmean(values) for name, values in by_source.items()},
        outcome=labelled(gold, submitted, partial(write_answer, CLASSES)),
    )
