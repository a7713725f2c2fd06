"""NERMuD: find the persons, places and organisations that a sentence names, in three domains.

Raw files, without header and quoting (``"`` is a token like any other), a blank line between
sentences, one after the last sentence or none; DOMAIN is WN (news), FIC (fiction) or ADG (political
speeches):

    DOMAIN_train.tsv           token<TAB>label
    DOMAIN_dev.tsv             token<TAB>label
    DOMAIN_test_nolabel.tsv    token
    DOMAIN_test.tsv            token<TAB>label, the gold of the test set

Labels are ``O``, or ``B-`` and ``I-`` with PER, LOC or ORG. As in the organisers' scorer, case and
what follows a ``|`` do not count; an ``I-`` that continues nothing begins an entity. Any training
file will do, all others may be absent. Without ``DOMAIN_test_nolabel.tsv`` the tokens of
``DOMAIN_test.tsv`` are the test set; with neither, sentences of the training file are held out.
Formats: the organisers' repository.

The question is the sentence, its tokens joined by blanks. The answer is ``[PER] mention``, ``[LOC]
mention``, ``[ORG] mention`` for each entity in order of the text, or ``nessuna``. The places of the
mentions follow from their order, each being the first possible one. Where this picks the wrong
place, and only there, a mention carries an occurrence mark: ``Roma [2]`` is the second ``Roma`` of
the sentence.

The submissions are ``DAC_DOMAIN_TEAM_RUN.tsv``: token<TAB>label, with the tokens and the blank
lines of the test file. The fallback for an answer that cannot be read is no entity.

The score is macro F1 over PER, LOC and ORG of the tokens' labels, without their prefixes, of all
domains that have gold together. The organisers' scorer prints micro F1 too; that macro F1 ranks is
likely, not confirmed.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.common.command import InputError
from stages.common.files import Defects, read_lines
from stages.toolkit.answers import AnswerParser, normalised
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.spans import (
    Markers,
    Span,
    parse_mark,
    place_in_order,
    token_occurrences,
    with_mark,
)
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import Parser, one_of, text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

log = logging.getLogger(__name__)

NAME = "nermud"
DOMAINS = ("WN", "FIC", "ADG")
KINDS = ("PER", "LOC", "ORG")
OUTSIDE = "O"
REQUIRED = ("WN_train.tsv",)  # enough to run, and so is the training file of another domain
UNITS = ("nermud",)
CLOSED: dict[str, tuple[str, ...]] = {}


class Entity(NamedTuple):
    """A named entity: its kind, and its place as a span of tokens."""

    kind: str
    place: Span


@dataclass(frozen=True)
class Sentence:
    """A tokenised sentence.

    Attributes:
        id: domain, file and number in the file, from 1: ``WN:test:00012``.
        line: the line of its first token.
        tokens: none of them blank.
        labels: a label for each token; None where they are unknown.
    """

    id: str
    line: int
    tokens: tuple[str, ...]
    labels: tuple[str, ...] | None

    @property
    def domain(self) -> str:
        """WN, FIC or ADG."""
        return self.id.partition(":")[0]

    @property
    def text(self) -> str:
        """The tokens joined by blanks."""
        return " ".join(self.tokens)


# --- Raw files ------------------------------------------------------------------------------------


def file_of(domain: str, name: str) -> str:
    """The name of a domain's train, dev, test or test_nolabel file."""
    return f"{domain}_{name}.tsv"


_NATIVE = one_of(OUTSIDE, *(f"{prefix}-{kind}" for kind in KINDS for prefix in "BI"))
_SCORED = one_of(OUTSIDE, *KINDS)


@lru_cache
def label(cell: str) -> str:
    """A label with its prefix, such as ``B-PER``, or ``O``."""
    return str(_NATIVE(cell.strip().upper().partition("|")[0]))


@lru_cache
def scored_label(cell: str) -> str:
    """A label as the organisers' scorer reads it: PER, LOC, ORG or O."""
    plain = cell.strip().upper().partition("|")[0]
    return str(_SCORED(plain.removeprefix("B-").removeprefix("I-")))


def read(path: Path, parse: Parser | None = label) -> list[Sentence]:
    """Reads a file of sentences.

    Args:
        path: the file.
        parse: reads a label; None for a file of tokens alone.

    Raises:
        InputError: with file and line of every defect.
    """
    defects = Defects(path)
    sentences: list[Sentence] = []
    domain, _, name = path.stem.partition("_")
    columns = ["token", "label"] if parse else ["token"]
    lines = enumerate(read_lines(path), start=1)
    for blank, block in groupby(lines, key=lambda numbered: not numbered[1].strip()):
        if blank:
            continue
        rows = list(block)
        tokens, labels = [], []
        for number, line in rows:
            cells = line.split("\t")
            if len(cells) != len(columns):
                defects.add(
                    number,
                    f"expected {' and '.join(columns)}, found {len(cells)} columns: {line[:60]!r}",
                )
                continue
            try:
                tokens.append(text(cells[0]))
            except ValueError:
                defects.add(number, f"expected a token before the label {cells[1]!r}")
            if parse:
                try:
                    labels.append(parse(cells[1]))
                except ValueError as error:
                    defects.add(number, f"label {cells[1][:60]!r}: {error}")
        identifier = f"{domain}:{name.removesuffix('_nolabel')}:{len(sentences) + 1:05}"
        sentences.append(
            Sentence(identifier, rows[0][0], tuple(tokens), tuple(labels) if parse else None)
        )
    defects.check()
    return sentences


def sentences(folder: Path, hold_out: HoldOut) -> dict[Split, list[Sentence]]:
    """Reads a raw folder without the test set's gold: the sentences of each split.

    Raises:
        InputError: for defects, and if there is no training file.
    """
    by_split: dict[Split, list[Sentence]] = {split: [] for split in SPLITS}
    if not any((folder / file_of(domain, "train")).is_file() for domain in DOMAINS):
        names = ", ".join(file_of(domain, "train") for domain in DOMAINS)
        raise InputError(f"{folder}: no training file; expected one at least of {names}")
    for domain in DOMAINS:
        train, dev = folder / file_of(domain, "train"), folder / file_of(domain, "dev")
        test = test_file(folder, domain)
        if dev.is_file():
            by_split["dev"] += read(dev)
        if test:
            blind = test.name == file_of(domain, "test_nolabel")
            by_split["test"] += read(test, None if blind else label)
        for sentence in read(train) if train.is_file() else ():
            split = hold_out.split_of(
                NAME, normalised(sentence.text), has_dev=dev.is_file(), has_test=test is not None
            )
            by_split[split].append(sentence)
    by_split["test"] = [replace(sentence, labels=None) for sentence in by_split["test"]]
    return by_split


def test_file(folder: Path, domain: str) -> Path | None:
    """The file that has a domain's test tokens; None where training sentences are held out."""
    paths = [folder / file_of(domain, name) for name in ("test_nolabel", "test")]
    return next((path for path in paths if path.is_file()), None)


def gold_labels(folder: Path, test: Sequence[Sentence]) -> dict[str, tuple[str, ...]]:
    """Reads the labels of the test sentences by id; those of a domain without gold are absent.

    Raises:
        InputError: for defects, and if the gold has other tokens or sentences than the test set.
    """
    labels: dict[str, tuple[str, ...]] = {}
    for domain in DOMAINS:
        asked = [sentence for sentence in test if sentence.domain == domain]
        held_out = test_file(folder, domain) is None
        path = folder / file_of(domain, "train" if held_out else "test")
        if not asked or not path.is_file():
            continue
        gold = read(path)
        if held_out:
            known = {sentence.id: sentence for sentence in gold}
            gold = [known[sentence.id] for sentence in asked]
        _same_tokens(path, asked, gold)
        if [len(s.tokens) for s in asked] != [len(s.tokens) for s in gold]:
            raise InputError(f"{path}: sentences end elsewhere than in {test_file(folder, domain)}")
        for sentence, other in zip(asked, gold, strict=True):
            labels[sentence.id] = other.labels or ()
    return labels


def _same_tokens(path: Path, wanted: Sequence[Sentence], found: Sequence[Sentence]) -> None:
    tokens = [token for sentence in wanted for token in sentence.tokens]
    others = [(t, s.line + i) for s in found for i, t in enumerate(s.tokens)]
    for token, (other, line) in zip(tokens, others, strict=False):
        if token != other:
            raise InputError(f"{path}:{line}: expected the test set's token {token!r}: {other!r}")
    if len(tokens) != len(others):
        raise InputError(f"{path}: {len(others)} tokens, but the test set has {len(tokens)}")


# --- Labels and entities --------------------------------------------------------------------------


def entities(labels: Sequence[str]) -> list[Entity]:
    """The entities that labels mark."""
    found: list[Entity] = []
    previous = OUTSIDE
    for i, current in enumerate(labels):
        prefix, _, kind = current.partition("-")
        if prefix == "I" and previous.endswith(f"-{kind}"):
            found[-1] = Entity(kind, Span(found[-1].place.start, i + 1))
        elif kind:
            found.append(Entity(kind, Span(i, i + 1)))
        previous = current
    return found


def labelled(length: int, found: Sequence[Entity]) -> list[str]:
    """The labels that mark entities in a sentence of so many tokens."""
    labels = [OUTSIDE] * length
    for kind, (start, end) in found:
        labels[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return labels


# --- Questions and answers ------------------------------------------------------------------------

NONE = "nessuna"
MARKERS = Markers(*KINDS)


class Mention(NamedTuple):
    """An entity as the answer names it: its kind and its text, with an occurrence mark, if any."""

    kind: str
    text: str


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every sentence; see `stages.tasks.Task.encode`."""
    by_split = sentences(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    _log_absent(folder)
    notes = {"sentences": 0, "entities": 0, "marked_entities": 0, "repaired_labels": 0}
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for sentence in by_split[split]:
            notes["sentences"] += 1
            output = None
            labels = gold.get(sentence.id) if split == "test" else sentence.labels
            if labels is not None:
                found = entities(labels)
                output, marked = write_answer(sentence.tokens, found)
                notes["entities"] += len(found)
                notes["marked_entities"] += marked
                pairs = zip(labels, labelled(len(labels), found), strict=True)
                notes["repaired_labels"] += sum(a != b for a, b in pairs)
            examples[split].append(Example(_question(sentence), NAME, sentence.text, output))
    return Encoded(examples, notes)


def _question(sentence: Sentence) -> str:
    return f"{NAME}:{sentence.id}"


def _log_absent(folder: Path) -> None:
    for domain in DOMAINS:
        names = ("train", "dev", "test_nolabel", "test")
        there = {name: (folder / file_of(domain, name)).is_file() for name in names}
        if not any(there.values()):
            log.info("%s: no files of the domain %s, which is skipped", folder, domain)
            continue
        if not there["train"]:
            log.info("%s: no %s: no training", folder, file_of(domain, "train"))
        for name, other in (("dev", False), ("test", there["test_nolabel"])):
            if not there[name] and other:
                log.info("%s: no %s: no score", folder, file_of(domain, name))
            elif not there[name] and there["train"]:
                log.info("%s: no %s: held out of train", folder, file_of(domain, name))


def write_answer(tokens: Sequence[str], found: Sequence[Entity]) -> tuple[str, int]:
    """Writes the gold answer, every mention so that it will be read as just its entity.

    Args:
        tokens: of the sentence.
        found: its entities, in order.

    Returns:
        The answer, and how many mentions needed an occurrence mark.
    """
    pieces = []
    marked = cursor = 0
    for kind, place in found:
        mention = " ".join(" ".join(tokens[place.start : place.end]).split())
        ahead = (p for p in _places(tokens, mention) if p.start >= cursor)
        if next(ahead, None) != place:  # the decoder takes the first place after the last mention
            mention = with_mark(mention, token_occurrences(tokens, mention).index(place) + 1)
            marked += 1
        pieces.append(f"[{kind}] {MARKERS.escape(mention)}")
        cursor = place.end
    return " ".join(pieces) or NONE, marked


def parse_answer(answer: str) -> tuple[list[Mention], bool]:
    """Reads whatever a model answered.

    Args:
        answer: the model's text.

    Returns:
        The mentions in order, and whether the whole answer was well-formed.
    """
    if normalised(answer) == NONE:
        return [], True
    before, parts = MARKERS.split(answer)
    mentions = [Mention(kind, mention.strip()) for kind, mention in parts if mention.strip()]
    return mentions, bool(mentions) and len(mentions) == len(parts) and not before.strip()


def locate(tokens: Sequence[str], mentions: Sequence[Mention]) -> list[Entity | None]:
    """Finds the entities that an answer's mentions mean.

    Args:
        tokens: of the sentence.
        mentions: the answer.

    Returns:
        The entity for each mention, None where a mention does not occur.
    """
    places = place_in_order([_places(tokens, mention.text) for mention in mentions])
    return [
        Entity(mention.kind, place) if place else None
        for mention, place in zip(mentions, places, strict=True)
    ]


def _places(tokens: Sequence[str], mention: str) -> list[Span]:
    """The places of a mention: the marked one, or all."""
    bare, mark = parse_mark(mention)
    if mark is not None:
        marked = _everywhere(tokens, bare)
        if 1 <= mark <= len(marked):
            return [marked[mark - 1]]
    return _everywhere(tokens, mention)


def _everywhere(tokens: Sequence[str], mention: str) -> list[Span]:
    """All places of a mention; whatever the case of letters, if there is none otherwise."""
    return token_occurrences(tokens, mention) or token_occurrences(
        [token.casefold() for token in tokens], mention.casefold()
    )


def interpret(subtask: str, answer: str) -> list[Mention] | None:
    """The mentions that an answer lists; see `stages.tasks.Task.interpret`."""
    mentions, parsed = parse_answer(answer)
    return mentions if mentions or parsed else None


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    blocks: dict[str, list[str]] = {}
    for sentence in sentences(folder, hold_out)["test"]:
        mentions, parsed = parse_answer(parser.answer(_question(sentence)))
        located = locate(sentence.tokens, mentions)
        found = [entity for entity in located if entity]
        parser.count(
            NAME,
            parsed=parsed and len(found) == len(mentions),
            fallback=not found and bool(mentions or not parsed),
        )
        rows = zip(sentence.tokens, labelled(len(sentence.tokens), found), strict=True)
        block = "".join(f"{token}\t{label}\n" for token, label in rows)
        blocks.setdefault(file_name(sentence.domain, run), []).append(block)
    return Submission({name: "\n".join(b) for name, b in blocks.items()}, parser.finish())


def file_name(domain: str, run: Run) -> str:
    """The submission's file name for a domain."""
    return f"DAC_{domain}_{run.team}_{run.run}.tsv"


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import (
        average_f1,
        f1_counts,
        f1_of_counts,
        f1_unit,
        indicator,
        majority,
    )

    by_split = sentences(folder, hold_out)
    gold = gold_labels(folder, by_split["test"])
    wanted: dict[str, list[str]] = {}
    given: dict[str, list[str]] = {}
    numbers: list[int] = []  # the number of each token's sentence
    for domain in DOMAINS:
        asked = [sentence for sentence in by_split["test"] if sentence.domain == domain]
        if not asked:
            continue
        path = submission / file_name(domain, run)
        submitted = read(path, scored_label)
        _same_tokens(path, asked, submitted)
        if asked[0].id not in gold:
            continue
        wanted[domain] = [scored_label(cell) for s in asked for cell in gold[s.id]]
        given[domain] = [kind for sentence in submitted for kind in sentence.labels or ()]
        first = numbers[-1] + 1 if numbers else 0
        numbers += [first + i for i, sentence in enumerate(asked) for _ in sentence.tokens]
    if not wanted:
        return {}

    counts = {
        d: f1_counts(*(indicator(labels[d], KINDS) for labels in (wanted, given))).sum(0)
        for d in wanted
    }

    def micro(sums: "Array") -> float:
        return float(f1_of_counts(*sums.reshape(3, -1).sum(1)))

    details = {"micro_f1": micro(sum(counts.values()))}
    macros = {domain: float(average_f1(sums, "macro")) for domain, sums in counts.items()}
    details["average_of_domains"] = fmean(macros.values())
    for domain, sums in counts.items():
        details[f"{domain.lower()}_macro_f1"] = macros[domain]
        details[f"{domain.lower()}_micro_f1"] = micro(sums)
    known = [scored_label(cell) for sentence in by_split["train"] for cell in sentence.labels or ()]
    unit = f1_unit(
        [kind for domain in wanted for kind in wanted[domain]],
        [kind for domain in wanted for kind in given[domain]],
        KINDS,
        majority(known) if known else OUTSIDE,
        details=details,
        groups=numbers,
        answer=str,
    )
    return {NAME: unit}
