"""PoliticIT: say of an author's tweets what gender and which political ideology they show.

Raw files, comma-separated with RFC 4180 quoting (every cell is quoted) and a header:

    politicIT_phase_2_train_public.csv    label,gender,ideology_binary,ideology_multiclass,tweet
    politicIT_phase_2_test_codalab.csv    label,tweet
    politicIT_phase_2_test_gold.csv       label,gender,ideology_binary,ideology_multiclass

A row is a tweet; ``label`` names its author. Gender is ``male`` or ``female``, the binary ideology
``left`` or ``right``, the multiclass one ``left``, ``moderate_left``, ``moderate_right`` or
``right``. All rows of an author have the same traits, and the two ideologies agree:
``moderate_left`` is ``left``. The training file is required; without a test file, authors are held
out. The form of the gold file is an assumption, as no description of it is known: a row for each
author, or for each tweet, with or without the column tweet. Formats: the practice files.

The question is a chunk of an author's tweets, one a line, up to 200 tokens; an author has as many
questions as it takes to ask about every tweet. A tweet that is longer is cut into chunks of its
own. White space within a tweet becomes single blanks. The answer is three words: gender (``donna``
or ``uomo``), binary ideology (``sinistra`` or ``destra``), multiclass ideology (``sinistra``,
``centrosinistra``, ``centrodestra`` or ``destra``), as in ``donna sinistra centrosinistra``.

The submission, ``results_post_eval.csv`` with the header
``label,gender,ideology_binary,ideology_multiclass``, has a row for each author in the order in
which they first appear. The answers to an author's chunks vote, each as many times as its chunk has
tokens. Every word is a vote of its own, so an unreadable one takes nothing from the others. The
gender with most votes wins, and of the four multiclass ideologies the one that has most together
with its side, so both always agree. Equal votes, as the none of an author without any readable
word, are decided by the number of training authors: the fallback is the majority.

The score is the mean of three macro F1, one a trait, over authors. With held-out authors the labels
of a trait are those that they have. Resamples keep the number of authors of each set of traits.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, Labels, normalised
from stages.toolkit.records import Encoded, Example, Sample, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Row,
    anything,
    identifier,
    one_of,
    read_table,
    same_items,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "politicit"
TRAIN = "politicIT_phase_2_train_public.csv"
TEST = "politicIT_phase_2_test_codalab.csv"
GOLD = "politicIT_phase_2_test_gold.csv"
REQUIRED = (TRAIN,)
UNITS = ("politicit",)
SUBMITTED = "results_post_eval.csv"  # ExtremITA's name; the organisers' is unknown

TOKENS = 200  # of a chunk, at most

GENDER = Labels({"female": "donna", "male": "uomo"})
BINARY = Labels({"left": "sinistra", "right": "destra"})
MULTICLASS = Labels(
    {
        "left": "sinistra",
        "moderate_left": "centrosinistra",
        "moderate_right": "centrodestra",
        "right": "destra",
    }
)
TRAITS = {"gender": GENDER, "ideology_binary": BINARY, "ideology_multiclass": MULTICLASS}
"""The columns of the traits, in order, with their labels and answers."""

DETAILS = ("gender_macro_f1", "binary_macro_f1", "multiclass_macro_f1")
"""The names of their scores."""

SIDES = {"left": "left", "moderate_left": "left", "moderate_right": "right", "right": "right"}
"""The binary ideology of each multiclass one."""


class Traits(NamedTuple):
    """What is to be said of an author, as the files have it."""

    gender: str
    ideology_binary: str
    ideology_multiclass: str


def write_answer(traits: Traits) -> str:
    """The answer for an author's traits."""
    words = zip(TRAITS.values(), traits, strict=True)
    return " ".join(labels.write(label) for labels, label in words)


CLOSED = {
    NAME: tuple(
        write_answer(Traits(gender, SIDES[multiclass], multiclass))
        for gender in GENDER.answers
        for multiclass in MULTICLASS.answers
    )
}


class Chunk(NamedTuple):
    """Tweets that are asked about together, one a line, and their number of tokens."""

    text: str
    tokens: int


@dataclass(frozen=True)
class Author:
    """An author; the traits are None where they are unknown.

    Attributes:
        label: the organisers' identifier.
        file: where the tweets stand.
        tweets: in the order of the file.
        traits: gender and ideologies.
    """

    label: str
    file: str
    tweets: tuple[str, ...]
    traits: Traits | None = None

    def questions(self) -> dict[str, Chunk]:
        """The chunks by identifier of the question; the same label may be in both files."""
        source = "test" if self.file == TEST else "train"
        numbered = enumerate(chunks(self.tweets), start=1)
        return {f"{NAME}:{source}:{self.label}:{number}": chunk for number, chunk in numbered}


# --- Raw files ------------------------------------------------------------------------------------


_CELLS = {column: one_of(*labels.answers) for column, labels in TRAITS.items()}


def authors(folder: Path, hold_out: HoldOut) -> dict[Split, list[Author]]:
    """Reads a raw folder without the test set's gold: the authors of each split."""
    by_split: dict[Split, list[Author]] = {split: [] for split in SPLITS}
    has_test = (folder / TEST).is_file()
    path = required(folder / TRAIN)
    rows = read_table(path, {"label": identifier, **_CELLS, "tweet": text})
    traits = _traits(path, rows)
    for author in _grouped(TRAIN, rows):
        split = hold_out.split_of(NAME, author.label, has_dev=False, has_test=has_test)
        known = None if split == "test" else traits[author.label]
        by_split[split].append(replace(author, traits=known))
    if has_test:
        by_split["test"] = _grouped(
            TEST, read_table(folder / TEST, {"label": identifier, "tweet": text})
        )
    return by_split


def _grouped(file: str, rows: Iterable[Row]) -> list[Author]:
    """The authors in order of first appearance; their rows need not stand together."""
    tweets: dict[str, list[str]] = {}
    for row in rows:
        tweets.setdefault(row["label"], []).append(row["tweet"])
    return [Author(label, file, tuple(found)) for label, found in tweets.items()]


def _traits(path: Path, rows: Iterable[Row]) -> dict[str, Traits]:
    """The traits of each author.

    Raises:
        InputError: where rows of an author, or the two ideologies of a row, contradict each other.
    """
    defects = Defects(path)
    first: dict[str, Row] = {}
    found: dict[str, Traits] = {}
    for row in rows:
        traits = Traits(*(row[column] for column in TRAITS))
        _, binary, multiclass = traits
        if SIDES[multiclass] != binary:
            defects.add(
                row.line,
                f"ideology_binary {binary!r}: expected {SIDES[multiclass]!r} beside"
                f" ideology_multiclass {multiclass!r}",
            )
        label = row["label"]
        if found.setdefault(label, traits) != traits:
            defects.add(
                row.line,
                f"label {label}: expected {', '.join(found[label])} as on line"
                f" {first[label].line}; found {', '.join(traits)}",
            )
        first.setdefault(label, row)
    defects.check()
    return found


def gold_traits(folder: Path, test: Sequence[Author]) -> dict[str, Traits]:
    """Reads the gold of the test authors by label; empty where there is none."""
    held_out = not (folder / TEST).is_file()
    path = folder / (TRAIN if held_out else GOLD)
    if not path.is_file():
        return {}
    rows = read_table(path, {"label": identifier, **_CELLS}, optional={"tweet": anything})
    traits = _traits(path, rows)
    if not held_out:
        same_items(path, [author.label for author in test], list(traits), ordered=False)
    return {author.label: traits[author.label] for author in test}


# --- Questions and answers ------------------------------------------------------------------------

# As spaCy splits Italian ("l'acqua" has two, a link, "@user" or an emoji one each), but in linear
# time: spaCy takes half a minute for 20,000 brackets in a row.
_TOKEN = re.compile(r"https?://\S+|@?\w+['’]?|[^\w\s]")


def chunks(tweets: Iterable[str]) -> list[Chunk]:
    """Joins an author's tweets, none of which is blank, into chunks of at most 200 tokens."""
    found: list[Chunk] = []
    room = 0  # tokens for which the last chunk has room
    for tweet in tweets:
        pieces = _pieces(" ".join(tweet.split()))
        longer = len(pieces) > 1
        if longer or pieces[0].tokens > room:
            found += pieces
            room = 0 if longer else TOKENS - pieces[0].tokens
        else:
            last, (piece,) = found[-1], pieces
            found[-1] = Chunk(f"{last.text}\n{piece.text}", last.tokens + piece.tokens)
            room -= piece.tokens
    return found


def _pieces(tweet: str) -> list[Chunk]:
    """The tweet as a whole, or in about equal pieces where it is longer than a chunk."""
    tokens = list(_TOKEN.finditer(tweet))
    count = -(-len(tokens) // TOKENS)
    ends = [len(tokens) * number // count for number in range(count + 1)]
    return [
        Chunk(tweet[tokens[start].start() : tokens[end - 1].end()], end - start)
        for start, end in zip(ends, ends[1:], strict=False)
    ]


def parse_answer(answer: str) -> tuple[dict[str, str], bool]:
    """Reads whatever a model answered, each word in its place and apart from the others.

    Returns:
        The traits that could be read, by column; and whether the whole answer was well-formed:
        three known words, of which the two ideologies agree.
    """
    words = [word for word in map(normalised, answer.split()) if word]
    read = {
        column: label
        for (column, labels), word in zip(TRAITS.items(), words, strict=False)
        if (label := labels.parse(word)) is not None
    }
    whole = len(words) == len(read) == len(TRAITS)
    return read, whole and SIDES[read["ideology_multiclass"]] == read["ideology_binary"]


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every chunk of tweets; see `stages.tasks.Task.encode`."""
    by_split = authors(folder, hold_out)
    gold = gold_traits(folder, by_split["test"])
    if not (folder / TEST).is_file():
        log.info("%s: no %s: %d authors are held out", folder, TEST, len(by_split["test"]))
    elif not gold:
        log.info("%s: no %s: no score", folder, GOLD)
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for author in by_split[split]:
            traits = gold.get(author.label) if split == "test" else author.traits
            output = None if traits is None else write_answer(traits)
            examples[split] += [
                Example(question, NAME, chunk.text, output)
                for question, chunk in author.questions().items()
            ]
    everybody = [author for split in SPLITS for author in by_split[split]]
    notes = {
        "authors": len(everybody),
        "authors_in_both_files": len(everybody) - len({author.label for author in everybody}),
        "tweets": sum(len(author.tweets) for author in everybody),
        "tweets_cut": sum(len(chunks([t])) > 1 for author in everybody for t in author.tweets),
    }
    return Encoded(examples, notes)


def interpret(subtask: str, answer: str) -> dict[str, str] | None:
    """The traits that could be read, by column; see `stages.tasks.Task.interpret`."""
    traits, _ = parse_answer(answer)
    return traits or None


# --- Submission -----------------------------------------------------------------------------------


Votes = Counter[tuple[str, str]]
"""How much speaks for a label, by column and label."""


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submission; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    by_split = authors(folder, hold_out)
    training = frequencies(by_split["train"])
    rows = []
    for author in by_split["test"]:
        votes: Votes = Counter()
        wholes = []
        for question, chunk in author.questions().items():
            read, whole = parse_answer(parser.answer(question))
            wholes.append(whole)
            for column, label in read.items():
                votes[column, label] += chunk.tokens
        for whole in wholes:
            parser.count(NAME, parsed=whole, fallback=not votes)
        rows.append((author.label, *elected(votes, training)))
    return Submission({SUBMITTED: write_table(["label", *TRAITS], rows)}, parser.finish())


def frequencies(train: Iterable[Author]) -> Votes:
    """How many training authors have each label."""
    known = [author.traits._asdict() for author in train if author.traits is not None]
    return Counter(item for traits in known for item in traits.items())


def elected(votes: Votes, training: Votes) -> Traits:
    """The gender and the pair of agreeing ideologies that most votes speak for.

    Args:
        votes: of the answers about an author.
        training: decides between equal votes, and then the order of the labels does.
    """

    def support(multiclass: str, given: Votes) -> int:
        binary = given["ideology_binary", SIDES[multiclass]]
        return binary + given["ideology_multiclass", multiclass]

    gender = max(GENDER.answers, key=lambda g: (votes["gender", g], training["gender", g]))
    multiclass = max(
        MULTICLASS.answers,
        key=lambda m: (support(m, votes), training["ideology_multiclass", m]),
    )
    return Traits(gender, SIDES[multiclass], multiclass)


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submission; see `stages.tasks.Task.score`."""
    import numpy as np
    from sklearn.metrics import f1_score

    from stages.toolkit.scores import average_f1, f1_counts, indicator, labelled

    by_split = authors(folder, hold_out)
    gold = gold_traits(folder, by_split["test"])
    if not gold:
        return {}
    wanted = list(gold.values())
    given = _submitted(submission / SUBMITTED, list(gold))
    training = frequencies(by_split["train"])
    official = (folder / TEST).is_file()
    values, baselines, counts, outcomes = [], [], [], {}
    for number, (column, answers) in enumerate(TRAITS.items()):
        right, said = [traits[number] for traits in wanted], [traits[number] for traits in given]
        most = max(answers.answers, key=lambda label: training[column, label])
        labels = [label for label in answers.answers if official or label in right]
        macro = partial(f1_score, right, labels=labels, average="macro", zero_division=0)
        values.append(float(macro(said)))
        truth = indicator(right, labels)
        constant = f1_counts(truth, indicator([most] * len(right), labels)).sum(0)
        baselines.append(float(average_f1(constant, "macro")))
        counts.append(f1_counts(truth, indicator(said, labels)))
        outcomes[column] = labelled(right, said, answers.write)
    ends = np.cumsum([part.shape[1] for part in counts])[:-1]
    sample = Sample(
        np.hstack(counts),
        lambda s: np.mean([average_f1(part, "macro") for part in np.split(s, ends, axis=1)], 0),
        strata=wanted,
    )
    unit = Unit(
        "mean_macro_f1",
        fmean(values),
        fmean(baselines),
        sample,
        details=dict(zip(DETAILS, values, strict=True)),
        outcomes=outcomes,
    )
    return {NAME: unit}


def _submitted(path: Path, everybody: Sequence[str]) -> list[Traits]:
    rows = read_table(path, {"label": identifier, **_CELLS})
    same_items(path, everybody, [row["label"] for row in rows])
    return [Traits(*(row[column] for column in TRAITS)) for row in rows]
