"""HaSpeeDe 3: say whether a tweet is hate speech, in political and in religious debate.

Raw files, comma-separated with RFC 4180 quoting and a header:

    training_textual.csv       anonymized_tweet_id,anonymized_text,label,dataset
    test_textual.csv           anonymized_tweet_id,anonymized_text,dataset
    test_textual_gold.csv      anonymized_tweet_id,label (the other columns may be there)

The label is 1 (hate) or 0, the dataset ``training_politics``, ``test_politics`` or
``test_religious``. The training file is required. Without a test file, training tweets are held
out as political test tweets. Formats: the organisers' repository.

The question is the tweet, the answer ``sì`` (hate) or ``no``.

The submissions, comma-separated with the header ``anonymized_tweet_id,label``, are
``TEAM_taskA_textual_run_N.csv`` and, with the same rows, ``TEAM_taskB_XPoliticalHate_run_N.csv``
for the political tweets, and ``TEAM_taskB_XReligiousHate_run_N.csv`` for the religious ones. The
fallback for an answer that cannot be parsed is 0, the majority of the training data.

The score of each of the three is macro F1 over the two classes, which the organisers write as
(F1 of hate + F1 of not hate) / 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.forms.forms import Form
from stages.toolkit.answers import AnswerParser, normalised, yes_no
from stages.toolkit.decisions import F1
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import BySplit, HoldOut
from stages.toolkit.tables import (
    flag,
    identifier,
    match_items,
    one_of,
    read_table,
    text,
    write_table,
)

NAME = "haspeede"
FILES = RawFiles(
    train="training_textual.csv", test="test_textual.csv", gold="test_textual_gold.csv"
)
REQUIRED = (FILES.train,)
ID, TEXT = "anonymized_tweet_id", "anonymized_text"
POLITICS, RELIGION = "test_politics", "test_religious"

SUBMISSIONS = {
    "haspeede_a": "{team}_taskA_textual_run_{run}.csv",
    "haspeede_xpolitical": "{team}_taskB_XPoliticalHate_run_{run}.csv",
    "haspeede_xreligious": "{team}_taskB_XReligiousHate_run_{run}.csv",
}
"""The submission file of each ranked unit."""
UNITS = tuple(SUBMISSIONS)
SENDING = Sending("to the organisers, as they are", runs=2)

HATE = yes_no(1, 0)
CLOSED = {NAME: HATE.candidates}
FORMS: dict[str, Form] = {}
FIGURES = dict.fromkeys(CLOSED, F1())
FALLBACK = 0


@dataclass(frozen=True)
class Tweet:
    """A tweet; its gold is 1 (hate) or 0, None where it is unknown."""

    id: str
    text: str
    gold: int | None = None
    religious: bool = False

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(NAME, self.id)


# --- Raw files ------------------------------------------------------------------------------------


def read_items(folder: Path, hold_out: HoldOut, *, with_gold: bool = False) -> BySplit[Tweet]:
    """Reads the tweets of each split, those of the test set without their gold or with it."""
    return read_splits(
        NAME,
        folder,
        FILES,
        hold_out,
        train=_read_train,
        test=_read_test,
        gold=_read_gold if with_gold else None,
        group=lambda tweet: normalised(tweet.text),  # retweets stay together
    )


def _read_train(path: Path) -> list[Tweet]:
    dataset = one_of("training_politics")
    columns = {ID: identifier, TEXT: text, "label": flag, "dataset": dataset}
    rows = read_table(path, columns, unique=ID)
    return [Tweet(row[ID], row[TEXT], row["label"]) for row in rows]


def _read_test(path: Path) -> list[Tweet]:
    columns = {ID: identifier, TEXT: text, "dataset": one_of(POLITICS, RELIGION)}
    rows = read_table(path, columns, unique=ID)
    return [Tweet(row[ID], row[TEXT], religious=row["dataset"] == RELIGION) for row in rows]


def _read_gold(path: Path, test: Sequence[Tweet]) -> list[int]:
    columns, optional = {ID: identifier, "label": flag}, {TEXT: text, "dataset": text}
    rows = read_table(path, columns, optional=optional, unique=ID)
    return [row["label"] for row in match_items(path, rows, ID, test, ordered=False)]


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every tweet; see `stages.tasks.Task.encode`."""
    tweets = read_items(folder, hold_out, with_gold=True)
    log_absent(folder, FILES, tweets)
    encoded = examples(tweets, NAME, text=lambda tweet: tweet.text, answer=HATE.write)
    return Encoded(encoded, {"tweets": sum(map(len, tweets.values()))})


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return HATE.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    test = read_items(folder, hold_out)["test"]
    labels = {t.id: parser.parse(NAME, t.question_id, HATE.parse, FALLBACK) for t in test}
    files = {}
    for unit, file in SUBMISSIONS.items():
        rows = [(tweet.id, labels[tweet.id]) for tweet in ranked_in(unit, test)]
        if rows:
            files[run.file_name(file)] = write_table([ID, "label"], rows)
    return Submission(files, parser.finish())


def ranked_in(unit: str, test: Sequence[Tweet]) -> list[Tweet]:
    """The test tweets of a ranked unit: the religious ones, or the political ones."""
    return [tweet for tweet in test if tweet.religious == (unit == "haspeede_xreligious")]


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    tweets = read_items(folder, hold_out, with_gold=True)
    baseline = majority([tweet.gold for tweet in tweets["train"]])
    units = {}
    for unit, file in SUBMISSIONS.items():
        scored = [tweet for tweet in ranked_in(unit, tweets["test"]) if tweet.gold is not None]
        if scored:
            path = submission / run.file_name(file)
            rows = read_table(path, {ID: identifier, "label": flag})
            submitted = [row["label"] for row in match_items(path, rows, ID, scored)]
            gold = [tweet.gold for tweet in scored]
            units[unit] = f1_unit(gold, submitted, (0, 1), baseline, answer=HATE.write)
    return units
