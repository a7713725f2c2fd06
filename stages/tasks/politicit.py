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
questions as its tweets need. A tweet that is longer is cut into chunks of its
own. White space within a tweet becomes single blanks. The answer is three words: gender (``donna``
or ``uomo``), binary ideology (``sinistra`` or ``destra``), multiclass ideology (``sinistra``,
``centrosinistra``, ``centrodestra`` or ``destra``), as in ``donna sinistra centrosinistra``.

The submission, ``results_post_eval.csv`` with the header
``label,gender,ideology_binary,ideology_multiclass``, has a row for each author in the order in
which they first appear. The answers to an author's chunks vote, each as many times as its chunk has
tokens. Every word is a vote of its own, so an unparsable one takes nothing from the others. The
gender with most votes wins, and of the four multiclass ideologies the one that has most together
with its side, so both always agree. Equal votes, as the none of an author without any parsed
word, are decided by the number of training authors: the fallback is the majority.

The score is the mean of three macro F1, one a trait, over authors. With held-out authors the labels
of a trait are those that they have. Resamples keep the number of authors of each set of traits.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from stages.common.files import Defects
from stages.forms.forms import Form
from stages.toolkit.answers import AnswerParser, Labels, normalised
from stages.toolkit.decisions import F1
from stages.toolkit.questions import question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Example, Sample, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut
from stages.toolkit.tables import (
    Row,
    anything,
    identifier,
    match_items,
    one_of,
    read_table,
    text,
    write_table,
)

NAME = "politicit"
FILES = RawFiles(
    train="politicIT_phase_2_train_public.csv",
    test="politicIT_phase_2_test_codalab.csv",
    gold="politicIT_phase_2_test_gold.csv",
)
REQUIRED = (FILES.train,)
UNITS = ("politicit",)
SENDING = Sending("upload it to competition 8507 on Codalab", archive="{team}.zip")
SUBMISSION = "results_post_eval.csv"  # ExtremITA's name; the organisers' is unknown

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
    """The traits of an author, as the files have them."""

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


FORMS: dict[str, Form] = {}
FIGURES = {NAME: F1(labels=lambda answer: tuple({word} for word in answer.split()))}


class Chunk(NamedTuple):
    """Tweets about which there is one question, one a line, and their number of tokens."""

    text: str
    tokens: int


@dataclass(frozen=True)
class Author:
    """An author.

    Attributes:
        id: the organisers' label.
        source: train or test, the file of the tweets.
        tweets: in the order of the file.
        gold: gender and ideologies, None where they are unknown.
    """

    id: str
    source: str
    tweets: tuple[str, ...]
    gold: Traits | None = None

    def questions(self) -> dict[str, Chunk]:
        """The chunks by question id; the same author may be in both files."""
        numbered = enumerate(chunks(self.tweets), start=1)
        return {question_id(NAME, self.source, self.id, number): c for number, c in numbered}


# --- Raw files ------------------------------------------------------------------------------------


TRAIT_CELLS = {column: one_of(*labels.answers) for column, labels in TRAITS.items()}


def read_items(folder: Path, hold_out: HoldOut, *, with_gold: bool = False) -> BySplit[Author]:
    """Reads the authors of each split, those of the test set without their gold or with it."""
    return read_splits(
        NAME,
        folder,
        FILES,
        hold_out,
        train=_read_train,
        test=_read_test,
        gold=_read_gold if with_gold else None,
        group=lambda author: author.id,
    )


def _read_train(path: Path) -> list[Author]:
    rows = read_table(path, {"label": identifier, **TRAIT_CELLS, "tweet": text})
    traits = _traits(path, rows)
    return [Author(name, "train", tweets, traits[name]) for name, tweets in _tweets(rows).items()]


def _read_test(path: Path) -> list[Author]:
    rows = read_table(path, {"label": identifier, "tweet": text})
    return [Author(name, "test", tweets) for name, tweets in _tweets(rows).items()]


def _read_gold(path: Path, test: Sequence[Author]) -> list[Traits]:
    rows = read_table(path, {"label": identifier, **TRAIT_CELLS}, optional={"tweet": anything})
    traits = _traits(path, rows)
    firsts = {row["label"]: row for row in reversed(rows)}  # an author may have several rows
    matched = match_items(path, list(firsts.values()), "label", test, ordered=False)
    return [traits[row["label"]] for row in matched]


def _tweets(rows: Iterable[Row]) -> dict[str, tuple[str, ...]]:
    """The tweets by author, in order of first appearance; their rows need not stand together."""
    tweets: dict[str, list[str]] = {}
    for row in rows:
        tweets.setdefault(row["label"], []).append(row["tweet"])
    return {name: tuple(own) for name, own in tweets.items()}


def _traits(path: Path, rows: Iterable[Row]) -> dict[str, Traits]:
    """The traits of each author.

    Raises:
        InputError: where rows of an author, or the two ideologies of a row, contradict each other.
    """
    defects = Defects(path)
    first: dict[str, Row] = {}
    by_author: dict[str, Traits] = {}
    for row in rows:
        traits = Traits(*(row[column] for column in TRAITS))
        _, binary, multiclass = traits
        if SIDES[multiclass] != binary:
            defects.add(
                row.line,
                f"ideology_binary {binary!r}: expected {SIDES[multiclass]!r} beside"
                f" ideology_multiclass {multiclass!r}",
            )
        author = row["label"]
        if by_author.setdefault(author, traits) != traits:
            defects.add(
                row.line,
                f"label {author}: expected {', '.join(by_author[author])} as on line"
                f" {first[author].line}; found {', '.join(traits)}",
            )
        first.setdefault(author, row)
    defects.check()
    return by_author


# --- Questions and answers ------------------------------------------------------------------------

# As spaCy splits Italian ("l'acqua" has two, a link, "@user" or an emoji one each), but in linear
# time: spaCy takes half a minute for 20,000 brackets in a row.
_TOKEN = re.compile(r"https?://\S+|@?\w+['’]?|[^\w\s]")


def chunks(tweets: Iterable[str]) -> list[Chunk]:
    """Joins an author's tweets, none of which is blank, into chunks of at most 200 tokens."""
    joined: list[Chunk] = []
    room = 0  # tokens for which the last chunk has room
    for tweet in tweets:
        pieces = _pieces(" ".join(tweet.split()))
        longer = len(pieces) > 1
        if longer or pieces[0].tokens > room:
            joined += pieces
            room = 0 if longer else TOKENS - pieces[0].tokens
        else:
            last, (piece,) = joined[-1], pieces
            joined[-1] = Chunk(f"{last.text}\n{piece.text}", last.tokens + piece.tokens)
            room -= piece.tokens
    return joined


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
    """Parses an answer, each word in its place and apart from the others.

    Returns:
        The traits that could be parsed, by column; and whether the whole answer is well-formed:
        three known words, of which the two ideologies agree.
    """
    words = [word for word in map(normalised, answer.split()) if word]
    traits = {
        column: label
        for (column, labels), word in zip(TRAITS.items(), words, strict=False)
        if (label := labels.parse(word)) is not None
    }
    whole = len(words) == len(traits) == len(TRAITS)
    return traits, whole and SIDES[traits["ideology_multiclass"]] == traits["ideology_binary"]


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every chunk of tweets; see `stages.tasks.Task.encode`."""
    by_split = read_items(folder, hold_out, with_gold=True)
    log_absent(folder, FILES, by_split)
    examples: BySplit[Example] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for author in by_split[split]:
            output = None if author.gold is None else write_answer(author.gold)
            examples[split] += [
                Example(name, NAME, chunk.text, output)
                for name, chunk in author.questions().items()
            ]
    everybody = [author for split in SPLITS for author in by_split[split]]
    notes = {
        "authors": len(everybody),
        "authors_in_both_files": len(everybody) - len({author.id for author in everybody}),
        "tweets": sum(len(author.tweets) for author in everybody),
        "tweets_cut": sum(len(chunks([t])) > 1 for author in everybody for t in author.tweets),
    }
    return Encoded(examples, notes)


def interpret(subtask: str, answer: str) -> dict[str, str] | None:
    """The traits that an answer names, by column; see `stages.tasks.Task.interpret`."""
    traits, _ = parse_answer(answer)
    return traits or None


# --- Submission -----------------------------------------------------------------------------------


Votes = Counter[tuple[str, str]]
"""The weight of votes by column and label."""


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submission; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    by_split = read_items(folder, hold_out)
    training = frequencies(by_split["train"])
    rows = []
    for author in by_split["test"]:
        votes: Votes = Counter()
        well_formed = []
        for name, chunk in author.questions().items():
            traits, whole = parse_answer(parser.answer(name))
            well_formed.append(whole)
            for column, label in traits.items():
                votes[column, label] += chunk.tokens
        for whole in well_formed:
            parser.count(NAME, parsed=whole, fallback=not votes)
        rows.append((author.id, *elected(votes, training)))
    return Submission({SUBMISSION: write_table(["label", *TRAITS], rows)}, parser.finish())


def frequencies(train: Iterable[Author]) -> Votes:
    """The number of training authors that have each label."""
    known = [author.gold._asdict() for author in train if author.gold is not None]
    return Counter(item for traits in known for item in traits.items())


def elected(votes: Votes, training: Votes) -> Traits:
    """The gender and the pair of agreeing ideologies with most votes.

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

    by_split = read_items(folder, hold_out, with_gold=True)
    scored = [author for author in by_split["test"] if author.gold is not None]
    if not scored:
        return {}
    gold = [author.gold for author in scored if author.gold is not None]
    submitted = _read_submission(submission / SUBMISSION, scored)
    training = frequencies(by_split["train"])
    official = FILES.path(folder, "test") is not None
    values, baselines, counts, outcomes = [], [], [], {}
    for number, (column, answers) in enumerate(TRAITS.items()):
        expected = [traits[number] for traits in gold]
        given = [traits[number] for traits in submitted]
        majority_label = max(answers.answers, key=lambda label: training[column, label])
        labels = [label for label in answers.answers if official or label in expected]
        macro = partial(f1_score, expected, labels=labels, average="macro", zero_division=0)
        values.append(float(macro(given)))
        truth = indicator(expected, labels)
        constant = f1_counts(truth, indicator([majority_label] * len(gold), labels)).sum(0)
        baselines.append(float(average_f1(constant, "macro")))
        counts.append(f1_counts(truth, indicator(given, labels)))
        outcomes[column] = labelled(expected, given, answers.write)
    ends = np.cumsum([part.shape[1] for part in counts])[:-1]
    sample = Sample(
        np.hstack(counts),
        lambda s: np.mean([average_f1(part, "macro") for part in np.split(s, ends, axis=1)], 0),
        strata=gold,
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


def _read_submission(path: Path, authors: Sequence[Author]) -> list[Traits]:
    rows = match_items(
        path, read_table(path, {"label": identifier, **TRAIT_CELLS}), "label", authors
    )
    return [Traits(*(row[column] for column in TRAITS)) for row in rows]
