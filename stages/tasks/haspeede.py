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
fallback for an answer that cannot be read is 0, the majority of the training data.

The score of each of the three is macro F1 over the two classes, which the organisers write as
(F1 of hate + F1 of not hate) / 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.common.files import required
from stages.toolkit.answers import Reader, normalised, yes_no
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, Side, Splits
from stages.toolkit.tables import (
    flag,
    identifier,
    one_of,
    read_table,
    same_items,
    text,
    write_table,
)

NAME = "haspeede"
TRAIN, TEST, GOLD = "training_textual.csv", "test_textual.csv", "test_textual_gold.csv"
REQUIRED = (TRAIN,)
UNITS = ("haspeede_a", "haspeede_xpolitical", "haspeede_xreligious")
POLITICS, RELIGION = "test_politics", "test_religious"

HATE = yes_no(1, 0)
CLOSED = {NAME: HATE.candidates}
FALLBACK = 0


@dataclass(frozen=True)
class Tweet:
    """A tweet; the label is None where it is unknown."""

    id: str
    text: str
    label: int | None
    religious: bool = False


# --- Raw files ------------------------------------------------------------------------------------


def tweets(folder: Path, splits: Splits) -> dict[Side, list[Tweet]]:
    """Reads a raw folder without the test set's gold: the tweets of each split."""
    columns = {"anonymized_tweet_id": identifier, "anonymized_text": text}
    train = read_table(
        required(folder / TRAIN),
        {**columns, "label": flag, "dataset": one_of("training_politics")},
        unique="anonymized_tweet_id",
    )
    split: dict[Side, list[Tweet]] = {side: [] for side in SPLITS}
    has_test = (folder / TEST).is_file()
    for row in train:
        group = normalised(row["anonymized_text"])  # retweets stay together
        side = splits.side(NAME, group, has_dev=False, has_test=has_test)
        label = row["label"] if side != "test" else None
        split[side].append(Tweet(row["anonymized_tweet_id"], row["anonymized_text"], label))
    if has_test:
        test = read_table(
            folder / TEST,
            {**columns, "dataset": one_of(POLITICS, RELIGION)},
            unique="anonymized_tweet_id",
        )
        split["test"] = [
            Tweet(r["anonymized_tweet_id"], r["anonymized_text"], None, r["dataset"] == RELIGION)
            for r in test
        ]
    return split


def gold_labels(folder: Path, test: Sequence[Tweet]) -> dict[str, int]:
    """Reads the gold of the test tweets by id; empty where there is none."""
    held_out = not (folder / TEST).is_file()
    path = folder / (TRAIN if held_out else GOLD)
    if not path.is_file():
        return {}
    rows = read_table(
        path,
        {"anonymized_tweet_id": identifier, "label": flag},
        optional={"anonymized_text": text, "dataset": text},
        unique="anonymized_tweet_id",
    )
    labels = {row["anonymized_tweet_id"]: row["label"] for row in rows}
    if not held_out:
        same_items(path, [tweet.id for tweet in test], list(labels), ordered=False)
    return labels


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, splits: Splits) -> Encoded:
    """Asks about every tweet; see `stages.tasks.Task.encode`."""
    split = tweets(folder, splits)
    gold = gold_labels(folder, split["test"])
    examples: dict[Side, list[Example]] = {side: [] for side in SPLITS}
    for side in SPLITS:
        for tweet in split[side]:
            label = gold.get(tweet.id) if side == "test" else tweet.label
            output = None if label is None else HATE.write(label)
            examples[side].append(Example(_question(tweet), NAME, tweet.text, output))
    return Encoded(examples, {"tweets": sum(map(len, split.values()))})


def _question(tweet: Tweet) -> str:
    return f"{NAME}:{tweet.id}"


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    return HATE.read(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, splits: Splits, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    reader = Reader(answers, folder)
    test = tweets(folder, splits)["test"]
    labels = {t.id: reader.read(NAME, _question(t), HATE.read, FALLBACK) for t in test}
    files = {}
    for name, members in parts(test, run).values():
        if members:
            rows = [(tweet.id, labels[tweet.id]) for tweet in members]
            files[name] = write_table(["anonymized_tweet_id", "label"], rows)
    return Submission(files, reader.finish())


def parts(test: Sequence[Tweet], run: Run) -> dict[str, tuple[str, list[Tweet]]]:
    """The ranked units: the submission file of each, and its tweets."""
    political = [tweet for tweet in test if not tweet.religious]
    religious = [tweet for tweet in test if tweet.religious]
    return {
        "haspeede_a": (f"{run.team}_taskA_textual_run_{run.run}.csv", political),
        "haspeede_xpolitical": (f"{run.team}_taskB_XPoliticalHate_run_{run.run}.csv", political),
        "haspeede_xreligious": (f"{run.team}_taskB_XReligiousHate_run_{run.run}.csv", religious),
    }


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, splits: Splits, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    split = tweets(folder, splits)
    gold = gold_labels(folder, split["test"])
    baseline = majority([tweet.label for tweet in split["train"]])
    units = {}
    for unit, (name, members) in parts(split["test"], run).items():
        if not members or not gold:
            continue
        rows = read_table(submission / name, {"anonymized_tweet_id": identifier, "label": flag})
        ids = [tweet.id for tweet in members]
        same_items(submission / name, ids, [row["anonymized_tweet_id"] for row in rows])
        wanted, given = [gold[i] for i in ids], [row["label"] for row in rows]
        units[unit] = f1_unit(wanted, given, (0, 1), baseline, answer=HATE.write)
    return units
