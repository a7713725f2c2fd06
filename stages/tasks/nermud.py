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
lines of the test file. The fallback for an answer that cannot be parsed is no entity.

The score is macro F1 over PER, LOC and ORG of the tokens' labels, without their prefixes, of all
domains that have gold together. The organisers' scorer prints micro F1 too; that macro F1 ranks is
likely, not confirmed.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from stages.common.command import InputError
from stages.common.files import Defects, read_lines
from stages.common.memo import Memo
from stages.forms.forms import PATTERNS, Spans
from stages.forms.mentions import Markers, Span, parse_mark, with_mark
from stages.forms.places import Places, TokenPlaces, only
from stages.toolkit.answers import AnswerParser, normalised
from stages.toolkit.decisions import Figure
from stages.toolkit.limits import too_large
from stages.toolkit.questions import question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits, require_one
from stages.toolkit.records import Array, Encoded, Example, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.spans import place_in_order
from stages.toolkit.splits import SPLITS, BySplit, HoldOut, merge_splits
from stages.toolkit.tables import Parser, one_of, text

log = logging.getLogger(__name__)

NAME = "nermud"
DOMAINS = ("WN", "FIC", "ADG")
KINDS = ("PER", "LOC", "ORG")
OUTSIDE = "O"
FILES = {
    domain: RawFiles(
        train=f"{domain}_train.tsv",
        dev=f"{domain}_dev.tsv",
        test=f"{domain}_test_nolabel.tsv",
        gold=f"{domain}_test.tsv",
        needed=False,
    )
    for domain in DOMAINS
}
REQUIRED = (FILES["WN"].train,)  # enough to run, and so is the training file of another domain
SUBMISSION = "DAC_{domain}_{{team}}_{{run}}.tsv"  # of a domain
UNITS = ("nermud",)
SENDING = Sending()
CLOSED: dict[str, tuple[str, ...]] = {}
FIGURES: dict[str, Figure] = {}


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
        gold: a label for each token; None where they are unknown.
    """

    id: str
    line: int
    tokens: tuple[str, ...]
    gold: tuple[str, ...] | None

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(NAME, self.id)

    @property
    def text(self) -> str:
        """The tokens joined by blanks."""
        return " ".join(self.tokens)


# --- Raw files ------------------------------------------------------------------------------------


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


def read_sentences(path: Path, parse: Parser | None = label) -> list[Sentence]:
    """Reads a file of sentences.

    Args:
        path: the file.
        parse: parses a label; None for a file of tokens alone.

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
        if problem := too_large(sum(map(len, tokens)), len(entities_of(labels))):
            defects.add(rows[0][0], problem)
        identifier = f"{domain}:{name.removesuffix('_nolabel')}:{len(sentences) + 1:05}"
        sentences.append(
            Sentence(identifier, rows[0][0], tuple(tokens), tuple(labels) if parse else None)
        )
    defects.check()
    return sentences


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[str, BySplit[Sentence]]:
    """Reads the sentences of each domain and split, those to test without gold or with it.

    Raises:
        InputError: for defects, and if there is no training file.
    """
    require_one(folder, FILES.values())
    return {
        domain: read_splits(
            NAME,
            folder,
            _files(folder, domain),
            hold_out,
            train=read_sentences,
            test=_read_test,
            gold=_read_gold if with_gold else None,
            group=lambda sentence: normalised(sentence.text),
        )
        for domain in DOMAINS
    }


def _files(folder: Path, domain: str) -> RawFiles:
    """The files of a domain; its gold has the test tokens, too, where they have no other file."""
    files = FILES[domain]
    if files.path(folder, "test") is None and files.path(folder, "gold"):
        return replace(files, test=files.gold)
    return files


def _read_test(path: Path) -> list[Sentence]:
    blind = path.stem.endswith("_nolabel")
    return [replace(s, gold=None) for s in read_sentences(path, None if blind else label)]


def _read_gold(path: Path, test: Sequence[Sentence]) -> list[tuple[str, ...] | None]:
    gold = read_sentences(path)
    _check_tokens(path, test, gold)
    if [len(sentence.tokens) for sentence in test] != [len(s.tokens) for s in gold]:
        raise InputError(f"{path}: sentences end elsewhere than in the test set without labels")
    return [sentence.gold for sentence in gold]


def _check_tokens(path: Path, test: Sequence[Sentence], sentences: Sequence[Sentence]) -> None:
    """Makes sure that a file has the tokens of the test set, in the same order."""
    expected = [token for sentence in test for token in sentence.tokens]
    found = [(t, s.line + i) for s in sentences for i, t in enumerate(s.tokens)]
    for token, (other, line) in zip(expected, found, strict=False):
        if token != other:
            raise InputError(f"{path}:{line}: expected the test set's token {token!r}: {other!r}")
    if len(expected) != len(found):
        raise InputError(f"{path}: {len(found)} tokens, but the test set has {len(expected)}")


# --- Labels and entities --------------------------------------------------------------------------


def entities_of(labels: Sequence[str]) -> list[Entity]:
    """The entities that labels mark."""
    entities: list[Entity] = []
    previous = OUTSIDE
    for i, current in enumerate(labels):
        prefix, _, kind = current.partition("-")
        if prefix == "I" and previous.endswith(f"-{kind}"):
            entities[-1] = Entity(kind, Span(entities[-1].place.start, i + 1))
        elif kind:
            entities.append(Entity(kind, Span(i, i + 1)))
        previous = current
    return entities


def labels_of(length: int, entities: Sequence[Entity]) -> list[str]:
    """The labels that mark entities in a sentence of ``length`` tokens."""
    labels = [OUTSIDE] * length
    for kind, (start, end) in entities:
        labels[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return labels


# --- Questions and answers ------------------------------------------------------------------------

NONE = "nessuna"
MARKERS = Markers(*KINDS)
FORMS = {
    NAME: Spans(
        labels=list(KINDS),
        entry="[{label}] {mention}",
        joint=" ",
        none=NONE,
        markers=list(KINDS),
        unit="token",
        whole=True,
    )
}


class Mention(NamedTuple):
    """An entity as the answer names it: its kind and its text, with an occurrence mark, if any."""

    kind: str
    text: str


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every sentence; see `stages.tasks.Task.encode`."""
    by_domain = read_items(folder, hold_out, with_gold=True)
    for domain, by_split in by_domain.items():
        files = _files(folder, domain)
        log_absent(folder, files, by_split, domain)
        if files != FILES[domain]:
            log.info("%s: no %s: %s has the tokens", folder, FILES[domain].test, files.test)
    sentences = merge_splits(by_domain.values())
    notes = {"sentences": 0, "entities": 0, "marked_entities": 0, "repaired_labels": 0}
    encoded: BySplit[Example] = {
        split: [
            Example(sentence.question_id, NAME, sentence.text, _gold_answer(sentence, notes))
            for sentence in sentences[split]
        ]
        for split in SPLITS
    }
    return Encoded(encoded, notes)


def _gold_answer(sentence: Sentence, notes: dict[str, int]) -> str | None:
    """The gold answer about a sentence, None where it is unknown; adds to the notes."""
    notes["sentences"] += 1
    if sentence.gold is None:
        return None
    entities = entities_of(sentence.gold)
    answer, marked = write_answer(sentence.tokens, entities)
    repaired = labels_of(len(sentence.gold), entities)
    notes["entities"] += len(entities)
    notes["marked_entities"] += marked
    notes["repaired_labels"] += sum(a != b for a, b in zip(sentence.gold, repaired, strict=True))
    return answer


def write_answer(tokens: Sequence[str], entities: Sequence[Entity]) -> tuple[str, int]:
    """Writes the gold answer, every mention so that it is located at its own entity.

    Args:
        tokens: of the sentence.
        entities: those of the sentence, in order.

    Returns:
        The answer, and the number of mentions that needed an occurrence mark.
    """
    finder = _Finder(tokens)
    pieces = []
    marked = cursor = 0
    for kind, place in entities:
        mention = " ".join(" ".join(tokens[place.start : place.end]).split())
        if finder.places(mention).first(cursor) != place:  # which is what decode takes
            mention = with_mark(mention, finder.everywhere(mention).number(place))
            marked += 1
        pieces.append(f"[{kind}] {MARKERS.escape(mention)}")
        cursor = place.end
    return " ".join(pieces) or NONE, marked


def parse_answer(answer: str) -> tuple[list[Mention], bool]:
    """Parses an answer.

    Args:
        answer: the model's text.

    Returns:
        The mentions in order, and whether the whole answer is well-formed.
    """
    if normalised(answer) == NONE:
        return [], True
    before, parts = MARKERS.split(answer)
    mentions = [Mention(kind, mention.strip()) for kind, mention in parts if mention.strip()]
    return mentions, bool(mentions) and len(mentions) == len(parts) and not before.strip()


def locate(tokens: Sequence[str], mentions: Sequence[Mention]) -> list[Entity | None]:
    """Locates the entities that an answer's mentions name.

    Args:
        tokens: of the sentence.
        mentions: the answer.

    Returns:
        The entity for each mention, None where a mention does not occur.
    """
    texts = [mention.text for mention in mentions]
    places = place_in_order(texts, _Finder(tokens).places)
    return [
        Entity(mention.kind, place) if place else None
        for mention, place in zip(mentions, places, strict=True)
    ]


class _Finder:
    """Finds the mentions of an answer in a sentence."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._places = TokenPlaces(tokens)
        self._all = Memo(self._find)

    def places(self, mention: str) -> Places:
        """The places of a mention: the marked one, or all."""
        bare, mark = parse_mark(mention)
        if mark is not None and (marked := self.everywhere(bare).numbered(mark)):
            return only(marked)
        return self.everywhere(mention)

    def everywhere(self, mention: str) -> Places:
        """All places; whatever the case of letters, if there is none otherwise."""
        return self._all[mention]

    def _find(self, mention: str) -> Places:
        exact = self._places.exact(mention)
        return exact if exact else self._places.folded(mention)


def place(subtask: str, text: str, answer: str) -> list[tuple[int, int, str]]:
    """The entities in a question's text that an answer names; see `stages.tasks.Task.place`."""
    units = [Span(*match.span()) for match in re.finditer(PATTERNS["token"], text)]
    found = locate([text[start:end] for start, end in units], parse_answer(answer)[0])
    return sorted(
        (units[place.start].start, units[place.end - 1].end, kind)
        for kind, place in filter(None, found)
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
    for domain, by_split in read_items(folder, hold_out).items():
        for sentence in by_split["test"]:
            mentions, parsed = parse_answer(parser.answer(sentence.question_id))
            entities = [entity for entity in locate(sentence.tokens, mentions) if entity]
            parser.count(
                NAME,
                parsed=parsed and len(entities) == len(mentions),
                fallback=not entities and bool(mentions or not parsed),
            )
            rows = zip(sentence.tokens, labels_of(len(sentence.tokens), entities), strict=True)
            block = "".join(f"{token}\t{label}\n" for token, label in rows)
            blocks.setdefault(submission_file(domain, run), []).append(block)
    return Submission({name: "\n".join(b) for name, b in blocks.items()}, parser.finish())


def submission_file(domain: str, run: Run) -> str:
    """The name of a domain's submission file."""
    return run.file_name(SUBMISSION.format(domain=domain))


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

    by_domain = read_items(folder, hold_out, with_gold=True)
    gold: dict[str, list[str]] = {}
    submitted: dict[str, list[str]] = {}
    numbers: list[int] = []  # the number of each token's sentence
    for domain, by_split in by_domain.items():
        test = by_split["test"]
        if not test:
            continue
        path = submission / submission_file(domain, run)
        sentences = read_sentences(path, scored_label)
        _check_tokens(path, test, sentences)
        if test[0].gold is None:
            continue
        gold[domain] = [scored_label(cell) for s in test for cell in s.gold or ()]
        submitted[domain] = [kind for sentence in sentences for kind in sentence.gold or ()]
        first = numbers[-1] + 1 if numbers else 0
        numbers += [first + i for i, sentence in enumerate(test) for _ in sentence.tokens]
    if not gold:
        return {}

    counts = {
        d: f1_counts(indicator(gold[d], KINDS), indicator(submitted[d], KINDS)).sum(0) for d in gold
    }

    def micro(sums: Array) -> float:
        return float(f1_of_counts(*sums.reshape(3, -1).sum(1)))

    details = {"micro_f1": micro(sum(counts.values()))}
    macros = {domain: float(average_f1(sums, "macro")) for domain, sums in counts.items()}
    details["average_of_domains"] = fmean(macros.values())
    for domain, sums in counts.items():
        details[f"{domain.lower()}_macro_f1"] = macros[domain]
        details[f"{domain.lower()}_micro_f1"] = micro(sums)
    train = merge_splits(by_domain.values())["train"]
    known = [scored_label(cell) for sentence in train for cell in sentence.gold or ()]
    unit = f1_unit(
        [kind for domain in gold for kind in gold[domain]],
        [kind for domain in gold for kind in submitted[domain]],
        KINDS,
        majority(known) if known else OUTSIDE,
        details=details,
        groups=numbers,
        answer=str,
    )
    return {NAME: unit}
