"""The lecture: rows of ExtremITA's that are encoded already, a few of every sub-task.

Raw files, tab-separated without a header, quoted as RFC 4180 says (`write_rows` writes the same):

    train_100.txt       id sub-task input answer
    dev_100.txt         the same

At least one file is required. The rows are used as they are: those of the first file for training,
those of the second as dev set. There is no test file, so rows of the first file are held out; all
rows of one input, those of a pair of texts in either order, and those of one author (PoliticIT)
stay together. Without the second file, dev rows are held out likewise. Format: the repository
crux82/CLiC-it_2023_tutorial.

The sub-tasks are those of the other tasks and, from an older encoding, ``geolingit_a`` (the
region), ``geolingit_b`` (latitude and longitude), ``wicita_1`` (the word, and ``uguale`` or
``differente``) and ``wicita_2`` (the word, and a score).

The question is the input. The answer is that of the row; where its sub-task is answered with yes
or no, the row's label word (``odio``, ``non_odio``) becomes ``sì`` or ``no``. Misspelt answers of
the other sub-tasks (``sinitra``, and ``nan`` for no answer) are kept as they are and counted.

The submission is ``TEAM_runN.txt``: the test rows with the answers, in the same form. Line ends
and tabs in an answer become blanks. The fallback, for an answer that is neither ``sì`` nor ``no``
where it has to be, and for an empty one, is the most frequent answer to the sub-task in training;
``no`` or ``UNK``, the reference's word for no answer, where training does not have the sub-task.

The score is the share of the rows whose whole answer is right, but for case, accents, white space
and punctuation around it. There is no official one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

from stages.common.command import InputError
from stages.common.files import Defects
from stages.forms.forms import Form
from stages.toolkit.answers import AnswerParser, Labels, normalised, yes_no
from stages.toolkit.decisions import Figure
from stages.toolkit.questions import question_id
from stages.toolkit.raw_files import RawFiles, log_absent
from stages.toolkit.records import Encoded, Example, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut
from stages.toolkit.tables import anything, one_of, read_table, same_items, text, write_table

NAME = "lecture"
FILES = RawFiles(train="train_100.txt", dev="dev_100.txt", needed=False)
REQUIRED = (FILES.train,)
UNITS = ("lecture",)
SENDING = Sending("nowhere: the rows are for comparison")
SUBMISSION = "{team}_run{run}.txt"

YES_NO = yes_no(True, False)
WORDS = {
    "acti_a": Labels({True: "cospirazione", False: "non_cospirazione"}),
    "discotex_1": Labels({True: "coerente", False: "non_coerente"}),
    "haspeede": Labels({True: "odio", False: "non_odio"}),
    "hodi_a": Labels({True: "omotransfobico", False: "non_omotransfobico"}),
    "langlearn": Labels({True: "corretto", False: "incorretto"}),
    "wicita": Labels({True: "uguale", False: "differente"}),
}
"""The label words of the sub-tasks that are answered with yes or no."""

CLOSED = dict.fromkeys(WORDS, YES_NO.candidates)  # no others: misspelt answers are kept

FORMS: dict[str, Form] = {}
FIGURES: dict[str, Figure] = {}
VOCABULARY = {
    "acti_b": "covid qanon russia terra piatta",
    "emit_a": "amore anticipazione disgusto fiducia gioia neutro paura rabbia sorpresa tristezza",
    "emit_b": "direzione argomento direzione_argomento non_specificato",
    "multifakedetective": "certamente probabilmente falso vero",
    "politicit": "uomo donna destra sinistra centrodestra centrosinistra",
}
"""The words of which the answers to other sub-tasks with few answers consist."""

OPEN = ("clinkart", "discotex_2", "emotivita", "geolingit", "hodi_b", "nermud")
OLDER = ("geolingit_a", "geolingit_b", "wicita_1", "wicita_2")
SUBTASKS = (*WORDS, *VOCABULARY, *OPEN, *OLDER)

UNKNOWN = "UNK"


@dataclass(frozen=True)
class Row:
    """An encoded row.

    Attributes:
        id: the file's; several rows of an author may have the same.
        question_id: unique over both files.
        subtask: its name.
        text: the input.
        gold: the expected answer, as the model writes it; None where it is unknown.
    """

    id: str
    question_id: str
    subtask: str
    text: str
    gold: str | None


# --- Four columns ---------------------------------------------------------------------------------

COLUMNS = {"id": text, "sub-task": one_of(*SUBTASKS), "input": text}


def write_rows(examples: Iterable[Example]) -> str:
    """Writes examples in the reference's four columns, which `read_examples` reads back.

    The first column is the question id without the sub-task's name, the last the label word where
    the sub-task has one; it is empty where the answer is unknown.
    """
    rows = []
    for example in examples:
        rest = example.id.removeprefix(example.task)
        if rest[1:2] not in ("@", ":"):
            rest = rest.removeprefix(":")
        word = "" if example.output is None else _word(example.task, example.output)
        rows.append((rest, example.task, example.input, word))
    return write_table(None, rows, delimiter="\t")


def read_examples(path: Path) -> list[Example]:
    """Reads a file of four columns as examples.

    Raises:
        InputError: with file and line of every defect.
    """
    return [
        Example(
            row.subtask + (row.id if row.id[0] in "@:" else f":{row.id}"),
            row.subtask,
            row.text,
            row.gold,
        )
        for row in _read_rows(path, answered=False)
    ]


def _read_rows(path: Path, *, answered: bool = True) -> list[Row]:
    """Reads a file; question ids are not made unique."""
    columns = {**COLUMNS, "answer": text if answered else anything}
    table = read_table(path, columns, delimiter="\t", header=list(columns))
    defects = Defects(path)
    rows = []
    for row in table:
        subtask, answer = row["sub-task"], row["answer"]
        if answer and subtask in WORDS:
            label = WORDS[subtask].parse(answer)
            if label is None:
                yes, no = WORDS[subtask].answers.values()
                defects.add(row.line, f"answer {answer[:60]!r}: expected {yes} or {no}")
            answer = "" if label is None else YES_NO.write(label)
        rows.append(Row(row["id"], row["id"], subtask, row["input"], answer or None))
    defects.check()
    return rows


def _word(subtask: str, answer: str) -> str:
    """The label word for ``sì`` or ``no``; other answers are their own word."""
    label = YES_NO.parse(answer) if subtask in WORDS else None
    return answer if label is None else WORDS[subtask].write(label)


# --- Raw files ------------------------------------------------------------------------------------


def read_items(folder: Path, hold_out: HoldOut, *, with_gold: bool = False) -> BySplit[Row]:
    """Reads the rows of each split, those to test without their answers or with them.

    There is no test file: rows of the training file are held out.
    """
    train, dev = _read_files(folder)
    by_split: BySplit[Row] = {"train": [], "dev": [*dev], "test": []}
    for row in train:
        split = hold_out.split_of(NAME, _group(row), has_dev=bool(dev), has_test=False)
        known = split != "test" or with_gold
        by_split[split].append(row if known else replace(row, gold=None))
    return by_split


def _read_files(folder: Path) -> tuple[list[Row], list[Row]]:
    """The rows of the two files, with unique question ids; no rows where a file is absent."""
    paths = (FILES.path(folder, "train"), FILES.path(folder, "dev"))
    if not any(paths):
        raise InputError(
            f"{folder}: neither {FILES.train} nor {FILES.dev}, of which the task needs one"
        )
    train, dev = (_read_rows(path) if path else [] for path in paths)
    ids = unique([question_id(f"{row.subtask}@{NAME}", row.id) for row in train + dev])
    rows = [replace(row, question_id=i) for row, i in zip(train + dev, ids, strict=True)]
    return rows[: len(train)], rows[len(train) :]


def unique(names: Sequence[str]) -> list[str]:
    """Makes names unique: the second ``x`` becomes ``x#2``, or the next that is not taken."""
    taken = set(names)
    counts: Counter[str] = Counter()
    distinct = []
    for name in names:
        counts[name] += 1
        candidate = name if counts[name] == 1 else f"{name}#{counts[name]}"
        while counts[name] > 1 and candidate in taken:
            counts[name] += 1
            candidate = f"{name}#{counts[name]}"
        taken.add(candidate)
        distinct.append(candidate)
    return distinct


_PAIR = re.compile(r"\[SEP\]", re.IGNORECASE)


def _group(row: Row) -> str:
    """What must stay together: an author's rows, an input, a pair of texts in either order."""
    if row.subtask == "politicit":
        return row.id
    return " [sep] ".join(sorted(map(normalised, _PAIR.split(row.text))))


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes an example of every row; see `stages.tasks.Task.encode`."""
    by_split = read_items(folder, hold_out, with_gold=True)
    log_absent(folder, FILES, by_split, NAME)
    everything = [row for split in SPLITS for row in by_split[split]]
    notes = {
        "rows": len(everything),
        "repeated_ids": len(everything) - len({(row.subtask, row.id) for row in everything}),
        "misspelt_answers": sum(_misspelt(row) for row in everything),
    }
    encoded: BySplit[Example] = {
        split: [Example(r.question_id, r.subtask, r.text, r.gold) for r in by_split[split]]
        for split in SPLITS
    }
    return Encoded(encoded, notes)


def _misspelt(row: Row) -> bool:
    """Whether an answer has a word that its sub-task does not know, or is no answer."""
    words = set(str(row.gold).casefold().split())
    known = VOCABULARY.get(row.subtask)
    return words == {"nan"} or (known is not None and not words <= set(known.split()))


def parse_answer(subtask: str, answer: str) -> str | None:
    """Parses ``sì`` or ``no``, or else takes any answer that is not empty, as one line."""
    if subtask in WORDS:
        label = YES_NO.parse(answer)
        return None if label is None else YES_NO.write(label)
    return re.sub(r"[\t\r\n\0]+", " ", answer).strip() or None


def interpret(subtask: str, answer: str) -> str | None:
    """The label word, or the answer as one line; see `stages.tasks.Task.interpret`."""
    parsed = parse_answer(subtask, answer)
    return None if parsed is None else _word(subtask, parsed)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submission; see `stages.tasks.Task.decode`."""
    by_split = read_items(folder, hold_out)
    parser = AnswerParser(answers, folder)
    fallbacks = majority_answers(by_split["train"])
    table = []
    for row in by_split["test"]:
        tally, parse = f"{row.subtask}@{NAME}", partial(parse_answer, row.subtask)
        answer = parser.parse(tally, row.question_id, parse, fallbacks[row.subtask])
        table.append((row.id, row.subtask, row.text, _word(row.subtask, answer)))
    files = {run.file_name(SUBMISSION): write_table(None, table, delimiter="\t")} if table else {}
    return Submission(files, parser.finish())


def majority_answers(train: Sequence[Row]) -> dict[str, str]:
    """The most frequent answer to each sub-task; a constant where it has no training row."""
    from stages.toolkit.scores import majority

    known: dict[str, list[str]] = {subtask: [] for subtask in SUBTASKS}
    for row in train:
        known[row.subtask] += [" ".join(str(row.gold).split())]
    return {
        subtask: majority(answers) if answers else "no" if subtask in WORDS else UNKNOWN
        for subtask, answers in known.items()
    }


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submission; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import mean_unit

    by_split = read_items(folder, hold_out, with_gold=True)
    test, majority_answer = by_split["test"], majority_answers(by_split["train"])
    if not test:
        return {}
    path = submission / run.file_name(SUBMISSION)
    submitted = _read_rows(path)
    expected, found = (unique([f"{r.subtask}:{r.id}" for r in rows]) for rows in (test, submitted))
    same_items(path, expected, found)
    pairs = list(zip(test, submitted, strict=True))
    if other := [i for i, (a, b) in zip(expected, pairs, strict=True) if a.text != b.text]:
        raise InputError(f"{path}: rows with another input: {', '.join(other[:20])}")
    hits = [float(_same(str(row.gold), str(item.gold))) for item, row in pairs]
    baseline = fmean(_same(majority_answer[item.subtask], str(item.gold)) for item in test)
    details = {
        f"accuracy_{subtask}": fmean(
            hit for row, hit in zip(test, hits, strict=True) if row.subtask == subtask
        )
        for subtask in SUBTASKS
        if any(row.subtask == subtask for row in test)
    }
    return {NAME: mean_unit("accuracy", hits, baseline, details=details)}


def _same(answer: str, gold: str) -> bool:
    return (normalised(answer) or answer.strip()) == (normalised(gold) or gold.strip())
