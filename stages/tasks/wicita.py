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
one a line. The fallback for an answer that cannot be parsed is 1, the majority of the training
data: 71 % of the training pairs have one sense, but half of those in the dev and test sets.

The score of each of the two is macro F1 over the two classes, which the organisers' scorer writes
as the mean of the F1 of each.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stages.common.files import Defects
from stages.forms.forms import Form
from stages.forms.mentions import Span
from stages.toolkit.answers import AnswerParser, normalised, yes_no
from stages.toolkit.decisions import F1
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import BySplit, HoldOut, merge_splits
from stages.toolkit.tables import Row, identifier, match_items, read_objects, text

NAME = "wicita"


@dataclass(frozen=True)
class RankedSet:
    """A ranked unit: its name, raw files and submission file, and the keys of the lemmas."""

    unit: str
    files: RawFiles
    submission: str
    lemmas: tuple[str, ...]


ITALIAN = RankedSet(
    "wicita_it",
    RawFiles(
        train="binary/train.jsonl",
        dev="binary/dev.jsonl",
        test="binary/test.jsonl",
        gold="gold_truth/binary/test.jsonl",
    ),
    "binary.jsonl",
    ("lemma",),
)
ENGLISH = RankedSet(
    "wicita_en",
    RawFiles(test="binary/test_eng.jsonl", gold="gold_truth/binary/test_eng.jsonl"),
    "binary_eng.jsonl",
    ("lemma1", "lemma2"),
)
SETS = (ITALIAN, ENGLISH)
REQUIRED = (ITALIAN.files.train,)
UNITS = (ITALIAN.unit, ENGLISH.unit)
SENDING = Sending(
    "by the form at wic-ita.github.io/submit",
    runs=3,
    archive="{team}_run{run}.zip",
    description="description.txt",
)

SAME = yes_no(1, 0)
CLOSED = {NAME: SAME.candidates}
FORMS: dict[str, Form] = {}
FIGURES = dict.fromkeys(CLOSED, F1())
FALLBACK = 1


@dataclass(frozen=True)
class Pair:
    """Two sentences with a word.

    Attributes:
        file: the name of its file, without folder and extension, such as ``train``.
        id: unique in the file.
        lemma: of the word; of the first sentence's where there are two.
        sentences: as they are in the file.
        words: where the word stands in each.
        gold: 1 if the word has one sense in both, 0 if not, None where it is unknown.
    """

    file: str
    id: str
    lemma: str
    sentences: tuple[str, str]
    words: tuple[Span, Span]
    gold: int | None

    @property
    def question_id(self) -> str:
        """The id of the question about it; the two test sets may have the same native ids."""
        return question_id(NAME, self.file, self.id)

    @property
    def marked(self) -> str:
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


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[RankedSet, BySplit[Pair]]:
    """Reads the pairs of each language and split, those of the test sets without gold or with it.

    There are no training pairs in English.
    """
    return {
        ranked: read_splits(
            NAME,
            folder,
            ranked.files,
            hold_out,
            train=partial(_read_pairs, ranked, labelled=True),
            test=partial(_read_pairs, ranked, labelled=False),
            gold=partial(_read_gold, ranked) if with_gold else None,
            group=lambda pair: normalised(pair.lemma),
        )
        for ranked in SETS
    }


def _read_pairs(ranked: RankedSet, path: Path, *, labelled: bool) -> list[Pair]:
    keys = pair_keys(ranked.lemmas) | ({"label": label} if labelled else {})
    rows = read_objects(path, keys, unique="id")
    defects = Defects(path)
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
            path.stem,
            row["id"],
            row[ranked.lemmas[0]],
            (row["sentence1"], row["sentence2"]),
            (_word(row, 1), _word(row, 2)),
            row["label"] if labelled else None,
        )
        for row in rows
    ]


def _word(row: Row, n: int) -> Span:
    return Span(row[f"start{n}"], row[f"end{n}"])


def _read_gold(ranked: RankedSet, path: Path, test: Sequence[Pair]) -> list[int]:
    optional = pair_keys(ranked.lemmas)
    keys = {"id": optional.pop("id"), "label": label}
    rows = read_objects(path, keys, optional=optional, unique="id")
    return [row["label"] for row in match_items(path, rows, "id", test, ordered=False)]


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every pair; see `stages.tasks.Task.encode`."""
    by_set = read_items(folder, hold_out, with_gold=True)
    for ranked, pairs in by_set.items():
        log_absent(folder, ranked.files, pairs, ranked.unit)
    encoded = merge_splits(
        examples(pairs, NAME, text=lambda pair: pair.marked, answer=SAME.write)
        for pairs in by_set.values()
    )
    train = by_set[ITALIAN]["train"]
    notes = {
        "pairs": sum(map(len, encoded.values())),
        "training_pairs": len(train),
        "training_pairs_of_one_sense": sum(pair.gold == 1 for pair in train),
    }
    return Encoded(encoded, notes)


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return SAME.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    files = {}
    for ranked, pairs in read_items(folder, hold_out).items():
        rows = [
            {"id": pair.id, "label": parser.parse(NAME, pair.question_id, SAME.parse, FALLBACK)}
            for pair in pairs["test"]
        ]
        if rows:
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            files[run.file_name(ranked.submission)] = "".join(lines)
    return Submission(files, parser.finish())


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    by_set = read_items(folder, hold_out, with_gold=True)
    baseline = majority([pair.gold for pair in by_set[ITALIAN]["train"]])
    units = {}
    for ranked, pairs in by_set.items():
        scored = [pair for pair in pairs["test"] if pair.gold is not None]
        if scored:
            path = submission / run.file_name(ranked.submission)
            rows = read_objects(path, {"id": name, "label": label})
            submitted = [row["label"] for row in match_items(path, rows, "id", scored)]
            gold = [pair.gold for pair in scored]
            units[ranked.unit] = f1_unit(gold, submitted, (0, 1), baseline, answer=SAME.write)
    return units
