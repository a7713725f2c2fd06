"""EMit: say which emotions a tweet expresses (A), and what they are about (B).

Raw files, comma-separated with RFC 4180 quoting and a header:

    emit_train_A.csv                       id,text and ten columns of emotions
    emit_train_B.csv                       id,text,Direction,Topic
    emit_test_nolabel.csv                  id,text: the in-domain test set
    emit_test_nolabel_out_of_domain.csv    id,text: the out-of-domain test set
    emit_test.csv, emit_test_ood.csv       their gold: id and the columns of A and B (text too)

The emotions are Anger, Anticipation, Disgust, Fear, Joy, Love, Neutral, Sadness, Surprise and
Trust. Every label is 0 or 1, and a tweet may have several. Sub-task A's training file is required;
sub-task B is skipped where its training file is absent. Without the in-domain test file, training
tweets are held out, the same for A and B. A gold file may lack all columns of one sub-task.
Formats: the organisers' repository and guidelines.

The question of both sub-tasks is the tweet, as it is. The answer in A are the emotions in Italian,
in alphabetical order, separated by blanks: ``gioia sorpresa``; ``nessuna`` for a tweet without any
label. In B it is ``direzione``, ``argomento``, ``direzione_argomento`` or ``non_specificato``.

The submissions, comma-separated with the header ``id`` and the columns of the sub-task, are
``TEAM_SubtaskA_in-domain_runN.csv`` and ``TEAM_SubtaskA_out-of-domain_runN.csv``, and the same for
B, in the order of the test files. In A known words count and unknown ones are left out; where
nothing can be read, the fallback is ``neutro``. In B it is the most frequent answer in training.

The score of each sub-task is macro F1 over its columns, in which only the label's presence counts,
on the in-domain test set; the same for the other set stands beside it. With held-out tweets the
columns are those that they have. Resamples keep the number of tweets of each set of labels.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, Labels, normalised
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Row,
    anything,
    flag,
    identifier,
    read_table,
    same_items,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "emit"
TRAIN, IN_DOMAIN, OUT_OF_DOMAIN = "train", "in-domain", "out-of-domain"
BLIND = {
    IN_DOMAIN: "emit_test_nolabel.csv",
    OUT_OF_DOMAIN: "emit_test_nolabel_out_of_domain.csv",
}
GOLD = {IN_DOMAIN: "emit_test.csv", OUT_OF_DOMAIN: "emit_test_ood.csv"}
REQUIRED = ("emit_train_A.csv",)
UNITS = ("emit_a", "emit_b")

LabelSet = frozenset[str]
"""The columns in which a tweet has a 1."""

EMOTIONS = Labels(
    {
        "Anger": "rabbia",
        "Anticipation": "anticipazione",
        "Disgust": "disgusto",
        "Fear": "paura",
        "Joy": "gioia",
        "Love": "amore",
        "Neutral": "neutro",
        "Sadness": "tristezza",
        "Surprise": "sorpresa",
        "Trust": "fiducia",
    }
)
NEUTRAL = LabelSet({"Neutral"})
NONE = "nessuna"

TARGETS = Labels(
    {
        LabelSet({"Direction"}): "direzione",
        LabelSet({"Topic"}): "argomento",
        LabelSet({"Direction", "Topic"}): "direzione_argomento",
        LabelSet(): "non_specificato",
    }
)


@dataclass(frozen=True)
class SubTask:
    """A sub-task: its letter, and its columns in order."""

    letter: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name under which its questions are asked."""
        return f"{NAME}_{self.letter.lower()}"

    def train(self, folder: Path) -> Path:
        """Its training file."""
        return folder / f"{NAME}_train_{self.letter}.csv"

    def submission(self, domain: str, run: Run) -> str:
        """The name of its submission file for a test set."""
        return f"{run.team}_Subtask{self.letter}_{domain}_run{run.run}.csv"

    def labels(self, row: Row) -> LabelSet:
        """The labels of a row that has the columns."""
        return LabelSet(column for column in self.columns if row[column])


A = SubTask("A", tuple(EMOTIONS.answers))
B = SubTask("B", ("Direction", "Topic"))
CLOSED = {B.name: TARGETS.candidates}


@dataclass(frozen=True)
class Tweet:
    """A tweet as one of the sub-tasks has it.

    Attributes:
        id: the organisers' identifier.
        text: the tweet.
        source: where it stands: in the training file or one of the test sets.
        labels: None where they are unknown.
    """

    id: str
    text: str
    source: str
    labels: LabelSet | None = None

    @property
    def domain(self) -> str:
        """The test set to which it belongs, should it be tested."""
        return OUT_OF_DOMAIN if self.source == OUT_OF_DOMAIN else IN_DOMAIN

    def question(self, subtask: SubTask) -> str:
        """The identifier of the question."""
        return f"{subtask.name}:{self.source}:{self.id}"


# --- Raw files ------------------------------------------------------------------------------------


def subtasks(folder: Path) -> list[SubTask]:
    """The sub-tasks that can be learnt from a raw folder."""
    required(A.train(folder))
    return [subtask for subtask in (A, B) if subtask.train(folder).is_file()]


def tweets(folder: Path, hold_out: HoldOut) -> dict[str, dict[Split, list[Tweet]]]:
    """Reads a raw folder without the test sets' gold: the tweets of each sub-task and split."""
    has_test = (folder / BLIND[IN_DOMAIN]).is_file()
    test = [tweet for domain in BLIND for tweet in _read_blind(folder, domain)]
    texts: dict[str, str] = {}
    by_subtask = {}
    for subtask in subtasks(folder):
        by_split: dict[Split, list[Tweet]] = {split: [] for split in SPLITS}
        for tweet in _read_train(folder, subtask):
            # Equal texts stay together, and so does a tweet whose text differs between A and B.
            group = normalised(texts.setdefault(tweet.id, tweet.text))
            split = hold_out.split_of(NAME, group, has_dev=False, has_test=has_test)
            by_split[split].append(replace(tweet, labels=None) if split == "test" else tweet)
        by_split["test"] += test
        by_subtask[subtask.name] = by_split
    return by_subtask


def _read_train(folder: Path, subtask: SubTask) -> list[Tweet]:
    columns = {"id": identifier, "text": text, **dict.fromkeys(subtask.columns, flag)}
    rows = read_table(subtask.train(folder), columns, unique="id")
    return [Tweet(row["id"], row["text"], TRAIN, subtask.labels(row)) for row in rows]


def _read_blind(folder: Path, domain: str) -> list[Tweet]:
    path = folder / BLIND[domain]
    if not path.is_file():
        return []
    rows = read_table(path, {"id": identifier, "text": text}, unique="id")
    return [Tweet(row["id"], row["text"], domain) for row in rows]


def gold_labels(folder: Path, subtask: SubTask, test: Sequence[Tweet]) -> dict[str, LabelSet]:
    """Reads the gold of a sub-task's test tweets by question; a test set without it is absent."""
    gold: dict[str, LabelSet] = {}
    for source in (TRAIN, IN_DOMAIN, OUT_OF_DOMAIN):
        if not (asked := [tweet for tweet in test if tweet.source == source]):
            continue
        if source == TRAIN:
            labels = {t.id: t.labels or LabelSet() for t in _read_train(folder, subtask)}
        elif not (labels := _read_gold(folder / GOLD[source], subtask, asked)):
            continue
        gold |= {tweet.question(subtask): labels[tweet.id] for tweet in asked}
    return gold


def _read_gold(path: Path, subtask: SubTask, asked: Sequence[Tweet]) -> dict[str, LabelSet]:
    """Reads a gold file; empty if it is absent or has no columns of the sub-task."""
    if not path.is_file():
        return {}
    optional = {"text": anything, **dict.fromkeys(A.columns + B.columns, flag)}
    rows = read_table(path, {"id": identifier}, optional=optional, unique="id")
    same_items(path, [tweet.id for tweet in asked], [row["id"] for row in rows], ordered=False)
    absent = [column for column in subtask.columns if column not in rows[0].values]
    if len(absent) == len(subtask.columns):
        return {}
    if absent:
        defects = Defects(path)
        defects.add(1, f"expected all columns of sub-task {subtask.letter}; no {', '.join(absent)}")
        defects.check()
    return {row["id"]: subtask.labels(row) for row in rows}


# --- Questions and answers ------------------------------------------------------------------------


def write_answer(subtask: SubTask, labels: LabelSet) -> str:
    """The answer for a set of labels."""
    if subtask is B:
        return TARGETS.write(labels)
    return " ".join(sorted(map(EMOTIONS.write, labels))) or NONE


def parse_answer(subtask: SubTask, answer: str) -> tuple[LabelSet | None, bool]:
    """Reads whatever a model answered.

    Returns:
        The labels, None where nothing can be read; and whether the whole answer was well-formed.
    """
    if subtask is B:
        targets = TARGETS.parse(answer)
        return targets, targets is not None
    words = [word for word in map(normalised, answer.split()) if word]
    if words == [NONE]:
        return LabelSet(), True
    read = [EMOTIONS.parse(word) for word in words]
    labels = LabelSet(label for label in read if label is not None)
    return labels or None, bool(labels) and None not in read


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every tweet; see `stages.tasks.Task.encode`."""
    by_subtask = tweets(folder, hold_out)
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    notes = {}
    for subtask in subtasks(folder):
        by_split = by_subtask[subtask.name]
        gold = gold_labels(folder, subtask, by_split["test"])
        without = 0
        for split in SPLITS:
            for tweet in by_split[split]:
                question = tweet.question(subtask)
                labels = gold.get(question) if split == "test" else tweet.labels
                output = None if labels is None else write_answer(subtask, labels)
                examples[split].append(Example(question, subtask.name, tweet.text, output))
                without += labels == LabelSet()
        notes[f"{subtask.name}_tweets"] = sum(map(len, by_split.values()))
        notes[f"{subtask.name}_tweets_without_label"] = without
        for domain, file in GOLD.items():
            asked = [t.question(subtask) for t in by_split["test"] if t.source == domain]
            if asked and asked[0] not in gold:
                log.info("%s: no gold of %s in %s: no score", folder, subtask.name, file)
    _log_absent(folder, by_subtask)
    return Encoded(examples, notes)


def _log_absent(folder: Path, by_subtask: Mapping[str, Mapping[Split, Sequence[Tweet]]]) -> None:
    if B.name not in by_subtask:
        log.info("no %s: %s is skipped", B.train(folder), B.name)
    for domain, file in BLIND.items():
        if (folder / file).is_file():
            continue
        count = sum(tweet.domain == domain for tweet in by_subtask[A.name]["test"])
        held_out = f": {count} training tweets are held out" if count else ""
        log.info("no %s%s; the organisers ask for both test sets", folder / file, held_out)


def interpret(subtask: str, answer: str) -> list[str] | None:
    """The columns that an answer sets to 1; see `stages.tasks.Task.interpret`."""
    chosen = A if subtask == A.name else B
    labels, _ = parse_answer(chosen, answer)
    return None if labels is None else [column for column in chosen.columns if column in labels]


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    by_subtask = tweets(folder, hold_out)
    files = {}
    for subtask in subtasks(folder):
        fallback = NEUTRAL if subtask is A else most_frequent(subtask, by_subtask[subtask.name])
        rows: dict[str, list[tuple[object, ...]]] = {}
        for tweet in by_subtask[subtask.name]["test"]:
            labels, whole = parse_answer(subtask, parser.answer(tweet.question(subtask)))
            parser.count(subtask.name, parsed=whole, fallback=labels is None)
            given = fallback if labels is None else labels
            cells = (int(column in given) for column in subtask.columns)
            rows.setdefault(tweet.domain, []).append((tweet.id, *cells))
        for domain, records in rows.items():
            name = subtask.submission(domain, run)
            files[name] = write_table(["id", *subtask.columns], records)
    return Submission(files, parser.finish())


def most_frequent(subtask: SubTask, by_split: Mapping[Split, Sequence[Tweet]]) -> LabelSet:
    """The most frequent set of labels in training; of several the first in order of answers."""
    from stages.toolkit.scores import majority

    # Sets are counted as answers, for the order of sets differs from run to run.
    answers = [write_answer(subtask, tweet.labels or LabelSet()) for tweet in by_split["train"]]
    most, _ = parse_answer(subtask, majority(answers or [write_answer(subtask, LabelSet())]))
    return most or LabelSet()


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit

    by_subtask = tweets(folder, hold_out)
    units = {}
    for subtask in subtasks(folder):
        test = by_subtask[subtask.name]["test"]
        gold = gold_labels(folder, subtask, test)
        baseline = most_frequent(subtask, by_subtask[subtask.name])
        scored: dict[str, Unit] = {}
        for domain in BLIND:
            asked = [tweet for tweet in test if tweet.domain == domain]
            if not asked or asked[0].question(subtask) not in gold:
                continue
            wanted = [gold[tweet.question(subtask)] for tweet in asked]
            given = _submitted(submission / subtask.submission(domain, run), subtask, asked)
            official = asked[0].source != TRAIN
            columns = subtask.columns if official else _present(subtask, wanted)
            scored[domain] = f1_unit(
                *(wanted, given, columns, baseline),
                stratified=True,
                answer=TARGETS.write if subtask == B else None,
            )
        if unit := scored.get(IN_DOMAIN):
            other = scored.get(OUT_OF_DOMAIN)
            beside = {"out_of_domain_macro_f1": other.value} if other else {}
            units[subtask.name] = replace(unit, details={**beside, **unit.details})
    return units


def _submitted(path: Path, subtask: SubTask, asked: Sequence[Tweet]) -> list[LabelSet]:
    rows = read_table(path, {"id": identifier, **dict.fromkeys(subtask.columns, flag)})
    same_items(path, [tweet.id for tweet in asked], [row["id"] for row in rows])
    return [subtask.labels(row) for row in rows]


def _present(subtask: SubTask, wanted: Sequence[LabelSet]) -> Sequence[str]:
    """The columns that the held-out tweets have, or all if these are fewer than two.

    A single column would be read by scikit-learn as two classes.
    """
    found = LabelSet().union(*wanted)
    present = [column for column in subtask.columns if column in found]
    return present if len(present) > 1 else subtask.columns
