"""WiC-ITA: say whether a word has the same sense in two sentences, both Italian or one English.

Raw files, one JSON object a line:

    binary/train.jsonl                    id lemma sentence1 sentence2 start1 end1 start2 end2 label
    binary/dev.jsonl                      the same keys
    binary/test.jsonl                     the same keys without the label
    binary/test_eng.jsonl                 lemma1 lemma2 for lemma; sentence2 is English
    gold_truth/binary/test.jsonl          id label (the other keys of the test file may be there)
    gold_truth/binary/test_eng.jsonl      likewise

start and end are offsets of the word's characters in its sentence, the end exclusive. The label is
1 (same sense) or 0. The training file is required. Without a dev or an Italian test file, training
pairs are held out, those of one lemma together; nothing is held out for English. Formats: the
organisers' repository.

The question is ``sentence1 [SEP] sentence2`` with the words marked as ``[BT1] word [ET1]`` and
``[BT2] word [ET2]``; without the markers and the blanks inside them, the sentences are as before.
The answer is ``sì`` (same sense) or ``no``.

The submissions are ``binary.jsonl`` and ``binary_eng.jsonl``: objects with ``id`` and ``label``,
one a line. The fallback for an answer that cannot be read is 1, the majority of the training data:
71 % of its pairs have one sense, but half of those in the dev and test sets.

The score of each of the two is macro F1 over the two classes, which the organisers' scorer writes
as the mean of the F1 of each.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, normalised, yes_no
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.spans import Span
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import Row, identifier, read_objects, same_items, text

log = logging.getLogger(__name__)

NAME = "wicita"
TRAIN, DEV = "binary/train.jsonl", "binary/dev.jsonl"
REQUIRED = (TRAIN,)
UNITS = ("wicita_it", "wicita_en")

SAME = yes_no(1, 0)
CLOSED = {NAME: SAME.candidates}
FALLBACK = 1


@dataclass(frozen=True)
class RankedSet:
    """A ranked unit: its name, its test file, that of its gold, and that of its submission."""

    unit: str
    test: str
    gold: str
    submission: str
    lemmas: tuple[str, ...]


ITALIAN = RankedSet(
    "wicita_it", "binary/test.jsonl", "gold_truth/binary/test.jsonl", "binary.jsonl", ("lemma",)
)
ENGLISH = RankedSet(
    "wicita_en",
    "binary/test_eng.jsonl",
    "gold_truth/binary/test_eng.jsonl",
    "binary_eng.jsonl",
    ("lemma1", "lemma2"),
)


@dataclass(frozen=True)
class Pair:
    """Two sentences with a word.

    Attributes:
        file: which has the pair, such as ``binary/train.jsonl``.
        id: unique in the file.
        lemma: of the word; of the first sentence's where there are two.
        sentences: as they are in the file.
        words: where the word stands in each.
        label: 1 if the word has one sense in both, 0 if not, None where it is unknown.
    """

    file: str
    id: str
    lemma: str
    sentences: tuple[str, str]
    words: tuple[Span, Span]
    label: int | None

    @property
    def example(self) -> str:
        """The identifier of the question; the two test sets may have the same native ones."""
        return f"{NAME}:{Path(self.file).stem}:{self.id}"

    @property
    def question(self) -> str:
        """Both sentences with their words marked."""
        return " [SEP] ".join(
            f"{sentence[:start]}[BT{n}] {sentence[start:end]} [ET{n}]{sentence[end:]}"
            for n, sentence, (start, end) in zip((1, 2), self.sentences, self.words, strict=True)
        )


# --- Raw files ------------------------------------------------------------------------------------


def string(value: Any) -> str:
    """A string that is not blank."""
    if not isinstance(value, str):
        raise ValueError("expected a string")
    return text(value)


def name(value: Any) -> str:
    """A string without white space."""
    return identifier(string(value))


def offset(value: Any) -> int:
    """A number of characters."""
    if type(value) is not int or value < 0:
        raise ValueError("expected an offset, a whole number from 0")
    return value


def label(value: Any) -> int:
    """The number 0 or 1."""
    if type(value) is not int or value not in (0, 1):
        raise ValueError("expected the number 0 or 1")
    return value


def pair_keys(lemmas: Sequence[str]) -> dict[str, Any]:
    """Parsers for the keys of a pair, the label aside."""
    offsets = ("start1", "end1", "start2", "end2")
    strings = (*lemmas, "sentence1", "sentence2")
    return {"id": name, **dict.fromkeys(strings, string), **dict.fromkeys(offsets, offset)}


def read(
    folder: Path, file: str, lemmas: Sequence[str] = ("lemma",), *, labelled: bool
) -> list[Pair]:
    """Reads a file of pairs.

    Args:
        folder: the raw folder.
        file: relative to it.
        lemmas: the keys that have the lemma, or the lemma of each sentence.
        labelled: whether the pairs have labels.

    Raises:
        InputError: with file and line of every defect.
    """
    keys = pair_keys(lemmas) | ({"label": label} if labelled else {})
    rows = read_objects(folder / file, keys, unique="id")
    defects = Defects(folder / file)
    for row in rows:
        for n in (1, 2):
            sentence, (start, end) = row[f"sentence{n}"], _word(row, n)
            word = sentence[start:end]
            if end > len(sentence) or not word or word != word.strip():
                defects.add(
                    row.line,
                    f"expected start{n} and end{n} around a word of sentence{n}, found"
                    f" {start}-{end}, {word[:60]!r}, in {len(sentence)} characters",
                )
    defects.check()
    return [
        Pair(
            file,
            row["id"],
            row[lemmas[0]],
            (row["sentence1"], row["sentence2"]),
            (_word(row, 1), _word(row, 2)),
            row["label"] if labelled else None,
        )
        for row in rows
    ]


def _word(row: Row, n: int) -> Span:
    return Span(row[f"start{n}"], row[f"end{n}"])


def pairs(folder: Path, hold_out: HoldOut) -> dict[Split, list[Pair]]:
    """Reads a raw folder without the test sets' gold: the pairs of each split, Italian first."""
    required(folder / TRAIN)
    has_dev = (folder / DEV).is_file()
    has_test = (folder / ITALIAN.test).is_file()
    by_split: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
    for pair in read(folder, TRAIN, labelled=True):
        split = hold_out.split_of(NAME, normalised(pair.lemma), has_dev=has_dev, has_test=has_test)
        by_split[split].append(replace(pair, label=None) if split == "test" else pair)
    if has_dev:
        by_split["dev"] = read(folder, DEV, labelled=True)
    for test in (ITALIAN, ENGLISH):
        if (folder / test.test).is_file():
            by_split["test"] += read(folder, test.test, test.lemmas, labelled=False)
    return by_split


def members(test: RankedSet, found: Sequence[Pair]) -> list[Pair]:
    """The test pairs of a ranked unit; those held out of the training file are Italian."""
    return [pair for pair in found if (pair.file == ENGLISH.test) == (test is ENGLISH)]


def gold_labels(folder: Path, test: Sequence[Pair]) -> dict[str, int]:
    """Reads the gold of the test pairs by question; that of a set without gold is absent."""
    gold: dict[str, int] = {}
    for unit in (ITALIAN, ENGLISH):
        asked = members(unit, test)
        held_out = not (folder / unit.test).is_file()
        path = folder / (TRAIN if held_out else unit.gold)
        if not asked or not path.is_file():
            continue
        optional = {k: v for k, v in pair_keys(unit.lemmas).items() if k != "id"}
        rows = read_objects(path, {"id": name, "label": label}, optional=optional, unique="id")
        labels = {row["id"]: row["label"] for row in rows}
        if not held_out:
            same_items(path, [pair.id for pair in asked], list(labels), ordered=False)
        gold |= {pair.example: labels[pair.id] for pair in asked}
    return gold


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every pair; see `stages.tasks.Task.encode`."""
    by_split = pairs(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    _log_absent(folder)
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for pair in by_split[split]:
            known = gold.get(pair.example) if split == "test" else pair.label
            output = None if known is None else SAME.write(known)
            examples[split].append(Example(pair.example, NAME, pair.question, output))
    notes = {
        "pairs": sum(map(len, by_split.values())),
        "training_pairs": len(by_split["train"]),
        "training_pairs_of_one_sense": sum(pair.label == 1 for pair in by_split["train"]),
    }
    return Encoded(examples, notes)


def _log_absent(folder: Path) -> None:
    for file, consequence in (
        (DEV, "held out of train"),
        (ITALIAN.test, "held out of train"),
        (ENGLISH.test, "no questions about English"),
    ):
        if not (folder / file).is_file():
            log.info("%s: no %s: %s", folder, file, consequence)
    for test in (ITALIAN, ENGLISH):
        if (folder / test.test).is_file() and not (folder / test.gold).is_file():
            log.info("%s: no %s: no score", folder, test.gold)


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return SAME.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    found = pairs(folder, hold_out)["test"]
    files = {}
    for test in (ITALIAN, ENGLISH):
        rows = [
            {"id": pair.id, "label": parser.parse(NAME, pair.example, SAME.parse, FALLBACK)}
            for pair in members(test, found)
        ]
        if rows:
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            files[test.submission] = "".join(lines)
    return Submission(files, parser.finish())


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    by_split = pairs(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    baseline = majority([pair.label for pair in by_split["train"]])
    units = {}
    for test in (ITALIAN, ENGLISH):
        asked = [pair for pair in members(test, by_split["test"]) if pair.example in gold]
        if not asked:
            continue
        path = submission / test.submission
        rows = read_objects(path, {"id": name, "label": label})
        same_items(path, [pair.id for pair in asked], [row["id"] for row in rows])
        wanted, given = [gold[pair.example] for pair in asked], [row["label"] for row in rows]
        units[test.unit] = f1_unit(wanted, given, (0, 1), baseline, answer=SAME.write)
    return units
