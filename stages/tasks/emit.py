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
nothing can be parsed, the fallback is ``neutro``. In B it is the most frequent answer in training.

The score of each sub-task is macro F1 over its columns, in which only the label's presence counts,
on the in-domain test set; the same for the other set stands beside it. With held-out tweets the
columns are those that they have. Resamples keep the number of tweets of each set of labels.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from stages.common.files import Defects, required
from stages.forms.forms import Words
from stages.toolkit.answers import AnswerParser, Labels, normalised
from stages.toolkit.decisions import F1
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut, merge_splits
from stages.toolkit.tables import (
    Row,
    anything,
    flag,
    identifier,
    match_items,
    read_table,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "emit"
TRAIN, IN_DOMAIN, OUT_OF_DOMAIN = "train", "in-domain", "out-of-domain"
REQUIRED = ("emit_train_A.csv",)
UNITS = ("emit_a", "emit_b")
SENDING = Sending(
    "to the organisers, both test sets together",
    runs=2,
    archive="{team}.zip",
    needed=[f"{{team}}_SubtaskA_{domain}_run{{run}}.csv" for domain in (IN_DOMAIN, OUT_OF_DOMAIN)],
)

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
        """The name that its question ids begin with."""
        return f"{NAME}_{self.letter.lower()}"

    @property
    def files(self) -> dict[str, RawFiles]:
        """Its raw files by domain; both sub-tasks have the same test files."""
        return {
            IN_DOMAIN: RawFiles(
                train=f"emit_train_{self.letter}.csv",
                test="emit_test_nolabel.csv",
                gold="emit_test.csv",
            ),
            OUT_OF_DOMAIN: RawFiles(
                test="emit_test_nolabel_out_of_domain.csv", gold="emit_test_ood.csv"
            ),
        }

    def submission(self, domain: str, run: Run) -> str:
        """The name of its submission file for a domain."""
        return run.file_name(f"{{team}}_Subtask{self.letter}_{domain}_run{{run}}.csv")

    def labels(self, row: Row) -> LabelSet:
        """The labels of a row that has the columns."""
        return LabelSet(column for column in self.columns if row[column])


A = SubTask("A", tuple(EMOTIONS.answers))
B = SubTask("B", ("Direction", "Topic"))
CLOSED = {B.name: TARGETS.candidates}
FORMS = {A.name: Words(words=sorted(EMOTIONS.candidates), none=NONE)}
FIGURES = {B.name: F1(labels=lambda answer: (TARGETS.parse(answer) or frozenset(),))}


@dataclass(frozen=True)
class Tweet:
    """A tweet as one of the sub-tasks has it.

    Attributes:
        subtask: the sub-task's name.
        source: the training file or the domain of the test file in which it stands.
        id: the organisers' id, unique in its file.
        text: the tweet.
        gold: its labels; None where they are unknown.
    """

    subtask: str
    source: str
    id: str
    text: str
    gold: LabelSet | None = None

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(self.subtask, self.source, self.id)

    @property
    def domain(self) -> str:
        """Its domain, which is that of the training tweets too."""
        return OUT_OF_DOMAIN if self.source == OUT_OF_DOMAIN else IN_DOMAIN


# --- Raw files ------------------------------------------------------------------------------------


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[SubTask, BySplit[Tweet]]:
    """Reads the tweets of each sub-task and split, those of test files without or with their gold.

    A sub-task without a training file is absent.
    """
    texts: dict[str, str] = {}

    def group(tweet: Tweet) -> str:
        """Equal texts stay together, and so does a tweet whose text differs between A and B."""
        return normalised(texts.setdefault(tweet.id, tweet.text))

    required(folder / A.files[IN_DOMAIN].train)
    tweets = {}
    for subtask in (A, B):
        if subtask.files[IN_DOMAIN].path(folder, "train"):
            tweets[subtask] = merge_splits(
                read_splits(
                    NAME,
                    folder,
                    files,
                    hold_out,
                    train=partial(_read_train, subtask),
                    test=partial(_read_test, subtask, domain),
                    gold=partial(_read_gold, subtask) if with_gold else None,
                    group=group,
                )
                for domain, files in subtask.files.items()
            )
    return tweets


def _read_train(subtask: SubTask, path: Path) -> list[Tweet]:
    columns = {"id": identifier, "text": text, **dict.fromkeys(subtask.columns, flag)}
    rows = read_table(path, columns, unique="id")
    return [Tweet(subtask.name, TRAIN, r["id"], r["text"], subtask.labels(r)) for r in rows]


def _read_test(subtask: SubTask, domain: str, path: Path) -> list[Tweet]:
    rows = read_table(path, {"id": identifier, "text": text}, unique="id")
    return [Tweet(subtask.name, domain, row["id"], row["text"]) for row in rows]


def _read_gold(subtask: SubTask, path: Path, test: Sequence[Tweet]) -> list[LabelSet | None]:
    """Reads a gold file, which may lack all columns of the sub-task: no tweet has gold then."""
    optional = {"text": anything, **dict.fromkeys(A.columns + B.columns, flag)}
    rows = read_table(path, {"id": identifier}, optional=optional, unique="id")
    rows = match_items(path, rows, "id", test, ordered=False)
    absent = [column for column in subtask.columns if column not in rows[0].values]
    if len(absent) == len(subtask.columns):
        log.info("%s: no column of %s: no score", path, subtask.name)
        return [None] * len(rows)
    if absent:
        defects = Defects(path)
        defects.add(1, f"expected all columns of sub-task {subtask.letter}; no {', '.join(absent)}")
        defects.check()
    return [subtask.labels(row) for row in rows]


# --- Questions and answers ------------------------------------------------------------------------


def write_answer(subtask: SubTask, labels: LabelSet) -> str:
    """The answer for a set of labels."""
    if subtask is B:
        return TARGETS.write(labels)
    return " ".join(sorted(map(EMOTIONS.write, labels))) or NONE


def parse_answer(subtask: SubTask, answer: str) -> tuple[LabelSet | None, bool]:
    """Parses any answer.

    Returns:
        The labels, None where nothing can be parsed; and whether the whole answer was well-formed.
    """
    if subtask is B:
        targets = TARGETS.parse(answer)
        return targets, targets is not None
    words = [word for word in map(normalised, answer.split()) if word]
    if words == [NONE]:
        return LabelSet(), True
    parsed = [EMOTIONS.parse(word) for word in words]
    labels = LabelSet(label for label in parsed if label is not None)
    return labels or None, bool(labels) and None not in parsed


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every tweet; see `stages.tasks.Task.encode`."""
    tweets = read_items(folder, hold_out, with_gold=True)
    _log_absent(folder, tweets)
    encoded = []
    notes = {}
    for subtask, by_split in tweets.items():
        answer = partial(write_answer, subtask)
        encoded.append(examples(by_split, subtask.name, text=lambda t: t.text, answer=answer))
        gold = [tweet.gold for split in SPLITS for tweet in by_split[split]]
        notes[f"{subtask.name}_tweets"] = len(gold)
        notes[f"{subtask.name}_tweets_without_label"] = gold.count(LabelSet())
    return Encoded(merge_splits(encoded), notes)


def _log_absent(folder: Path, tweets: Mapping[SubTask, BySplit[Tweet]]) -> None:
    if B not in tweets:
        log_absent(folder, B.files[IN_DOMAIN], {}, B.name)
    for subtask, by_split in tweets.items():
        for domain, files in subtask.files.items():
            members = {split: in_domain(domain, by_split[split]) for split in SPLITS}
            log_absent(folder, files, members, f"{subtask.name} {domain}")
            if files.path(folder, "gold") and any(t.gold is None for t in members["test"]):
                log.info("%s: no column of %s: no score", folder / files.gold, subtask.name)


def in_domain(domain: str, tweets: Sequence[Tweet]) -> list[Tweet]:
    """The tweets of a domain."""
    return [tweet for tweet in tweets if tweet.domain == domain]


def interpret(subtask: str, answer: str) -> list[str] | None:
    """The columns that an answer sets to 1; see `stages.tasks.Task.interpret`."""
    owner = A if subtask == A.name else B
    labels, _ = parse_answer(owner, answer)
    return None if labels is None else [column for column in owner.columns if column in labels]


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    files = {}
    for subtask, by_split in read_items(folder, hold_out).items():
        fallback = NEUTRAL if subtask is A else majority_labels(subtask, by_split["train"])
        for domain in subtask.files:
            rows = []
            for tweet in in_domain(domain, by_split["test"]):
                labels, whole = parse_answer(subtask, parser.answer(tweet.question_id))
                parser.count(subtask.name, parsed=whole, fallback=labels is None)
                submitted = fallback if labels is None else labels
                rows.append((tweet.id, *(int(column in submitted) for column in subtask.columns)))
            if rows:
                header = ["id", *subtask.columns]
                files[subtask.submission(domain, run)] = write_table(header, rows)
    return Submission(files, parser.finish())


def majority_labels(subtask: SubTask, train: Sequence[Tweet]) -> LabelSet:
    """The most frequent set of labels in training; of several the first in order of answers."""
    from stages.toolkit.scores import majority

    # Answers are compared, for the order in which a set is written differs from run to run.
    answers = [write_answer(subtask, tweet.gold or LabelSet()) for tweet in train]
    labels, _ = parse_answer(subtask, majority(answers or [write_answer(subtask, LabelSet())]))
    return labels or LabelSet()


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit

    units = {}
    for subtask, by_split in read_items(folder, hold_out, with_gold=True).items():
        baseline = majority_labels(subtask, by_split["train"])
        scored: dict[str, Unit] = {}
        for domain in subtask.files:
            test = [t for t in in_domain(domain, by_split["test"]) if t.gold is not None]
            if not test:
                continue
            path = submission / subtask.submission(domain, run)
            rows = read_table(path, {"id": identifier, **dict.fromkeys(subtask.columns, flag)})
            scored[domain] = f1_unit(
                [tweet.gold for tweet in test],
                [subtask.labels(row) for row in match_items(path, rows, "id", test)],
                _scored_columns(subtask, test),
                baseline,
                stratified=True,
                answer=TARGETS.write if subtask is B else None,
            )
        if unit := scored.get(IN_DOMAIN):
            other = scored.get(OUT_OF_DOMAIN)
            beside = {"out_of_domain_macro_f1": other.value} if other else {}
            units[subtask.name] = replace(unit, details={**beside, **unit.details})
    return units


def _scored_columns(subtask: SubTask, test: Sequence[Tweet]) -> Sequence[str]:
    """All columns; of held-out tweets those that they have, unless these are fewer than two.

    A single column would be taken for two classes by scikit-learn.
    """
    present = LabelSet().union(*(tweet.gold or () for tweet in test))
    columns = [column for column in subtask.columns if column in present]
    held_out = test[0].source == TRAIN
    return columns if held_out and len(columns) > 1 else subtask.columns
