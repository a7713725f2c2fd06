"""CLinkaRT: link the results of tests and measurements to the tests that they belong to.

Raw files (section "Raw files" below), one block a document, a blank line between blocks:

    DOCID|t|TEXT
    DOCID<TAB>REL<TAB>start-end<TAB>start-end[<TAB>result<TAB>test]

The first span is the result, the second the test; offsets count characters of TEXT, end exclusive;
the quoted texts are optional. ``training.txt`` is required; ``test.txt`` holds text lines only, and
``test_gold.txt`` the same documents with their relations. Without a test file, documents of the
training file are held out. Format: README of the CLinkaRT distribution 1.1.

A question is a chunk of a document: whole sentences, at least 50 characters, about 30 tokens.

An answer is ``[BREL] result [SEP] test [EREL]`` for each relation, in order of the result and then
of the test, or ``[NOREL]``. The places of the mentions follow from order and nearness. Where these
pick the wrong place, and only there, a mention carries an occurrence mark: ``38,5 [2]`` is the
second ``38,5`` counted from the start of the chunk, ``PCR [-1]`` the last one before the chunk. In
a chunk with so many equal mentions that finding the few marks would take long, all carry one.

The submission is ``TEAM_runN.txt``: every document with its original text, and the relations found.
The fallback for an answer that cannot be parsed is no relation.

The score is micro precision, recall and F1 over exact (document, result span, test span) triples.
That matching is exact is an assumption (the organisers' kit is not public), so the same with
overlapping spans stands beside it.
"""

import bisect
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate, islice, takewhile
from operator import eq
from pathlib import Path
from typing import NamedTuple

from stages.common.command import InputError
from stages.common.files import Defects, read_lines
from stages.common.memo import Memo
from stages.forms.forms import Pairs
from stages.forms.mentions import (
    Markers,
    Span,
    is_word,
    loose_occurrences,
    occurrences,
    parse_mark,
    with_mark,
)
from stages.toolkit.answers import AnswerParser
from stages.toolkit.decisions import Figure
from stages.toolkit.limits import MENTIONS, too_large
from stages.toolkit.questions import question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Example, Sample, Sending, Submission, Unit
from stages.toolkit.sentences import sentences
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut

NAME = "clinkart"
FILES = RawFiles(train="training.txt", test="test.txt", gold="test_gold.txt")
REQUIRED = (FILES.train,)
SUBMISSION = "{team}_run{run}.txt"
UNITS = (NAME,)
SENDING = Sending("by e-mail to the organisers", runs=2)
CLOSED: dict[str, tuple[str, ...]] = {}
FIGURES: dict[str, Figure] = {}


class Relation(NamedTuple):
    """A result and the test that it belongs to; the order of relations in answers."""

    result: Span
    test: Span


@dataclass(frozen=True)
class Document:
    """A clinical case; its gold are its relations in order, None where they are unknown."""

    id: str
    text: str
    gold: tuple[Relation, ...] | None

    def question_id(self, chunk: Span) -> str:
        """The id of the question about a chunk of it."""
        return question_id(NAME, self.id, f"{chunk.start}-{chunk.end}")


# --- Raw files ------------------------------------------------------------------------------------

_TEXT_LINE = re.compile(r"([^|\t]+)\|t\|(.*)", re.DOTALL)
_OFFSETS = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


def read(path: Path, *, blind: bool = False) -> list[Document]:
    """Reads a file of documents with their relations.

    Args:
        path: the file.
        blind: the file must have text lines only; the documents' relations are then unknown.

    Raises:
        InputError: with file and line of every defect.
    """
    defects = Defects(path)
    texts: dict[str, str] = {}
    relations: dict[str, set[Relation]] = {}
    current = None
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        if match := _TEXT_LINE.fullmatch(line):
            current = match[1]
            if current in texts:
                defects.add(number, f"document {current} stands twice in the file")
            texts[current] = match[2]
            relations[current] = set()
            if problem := too_large(len(match[2]), 0):
                defects.add(number, problem)
            continue
        columns = line.split("\t")
        if blind:
            defects.add(
                number,
                f"expected text lines only, DOCID|t|TEXT (gold belongs in {FILES.gold});"
                f" found {line[:60]!r}",
            )
        elif len(columns) not in (4, 6) or columns[1] != "REL":
            defects.add(
                number,
                f"expected DOCID|t|TEXT, or a relation in 4 or 6 columns separated by tabs"
                f" (DOCID, REL, start-end, start-end[, result, test]); found {line[:60]!r}",
            )
        elif columns[0] != current:
            defects.add(
                number,
                f"a relation of document {columns[0]} before that document's text line"
                f" (the last one was {current or 'none'})",
            )
        else:
            problems, relation = _relation(columns, texts[current])
            if relation in relations[current]:
                problems = [f"the relation {columns[2]}, {columns[3]} stands twice"]
            if relation and not problems:
                relations[current].add(relation)
                problems = list(filter(None, [too_large(0, len(relations[current]))]))
            for problem in problems:
                defects.add(number, problem)
    defects.check()
    return [
        Document(i, text, None if blind else tuple(sorted(relations[i])))
        for i, text in texts.items()
    ]


def _relation(columns: Sequence[str], text: str) -> tuple[list[str], Relation | None]:
    problems = []
    spans = []
    for kind, offsets, quoted in zip(
        ("result", "test"), columns[2:4], columns[4:] or (None, None), strict=True
    ):
        match = _OFFSETS.fullmatch(offsets)
        if not match:
            problems.append(f"{kind} offsets {offsets!r}: expected start-end, two whole numbers")
            continue
        span = Span(int(match[1]), int(match[2]))
        mention = text[span.start : span.end]
        if not span.start < span.end <= len(text):
            problems.append(
                f"{kind} offsets {offsets} are outside the text, which has {len(text)} characters"
            )
        elif quoted is not None and quoted != mention:
            problems.append(
                f"{kind} {offsets} is {mention!r} in the text, but quoted as {quoted!r}"
            )
        elif mention != mention.strip():
            problems.append(f"{kind} {offsets} begins or ends with white space: {mention!r}")
        spans.append(span)
    return problems, Relation(*spans) if len(spans) == 2 else None


def read_items(folder: Path, hold_out: HoldOut, *, with_gold: bool = False) -> BySplit[Document]:
    """Reads the documents of each split, those of the test set without their gold or with it.

    Raises:
        InputError: for defects, and if a test document stands in the training file too.
    """
    documents = read_splits(
        NAME,
        folder,
        FILES,
        hold_out,
        train=read,
        test=partial(read, blind=True),
        gold=_read_gold if with_gold else None,
        group=lambda document: document.id,
    )
    known = {document.id for document in documents["train"] + documents["dev"]}
    if both := [document.id for document in documents["test"] if document.id in known]:
        some = ", ".join(both[:20])
        raise InputError(
            f"{folder / FILES.test}: documents that stand in {FILES.train} too: {some}"
        )
    return documents


def _read_gold(path: Path, test: Sequence[Document]) -> list[tuple[Relation, ...] | None]:
    return [document.gold for document in match_documents(path, read(path), test)]


def match_documents(
    path: Path, documents: Sequence[Document], test: Sequence[Document]
) -> list[Document]:
    """Finds each test document in a gold file or a submission.

    Args:
        path: the file.
        documents: its documents.
        test: the test documents.

    Returns:
        The documents of the file, in the order of `test`.

    Raises:
        InputError: unless the file has exactly these documents with the same texts.
    """
    by_id = {document.id: document for document in documents}
    texts = {document.id: document.text for document in test}
    problems = {
        "missing documents": [i for i in texts if i not in by_id],
        "documents that are not in the test set": [i for i in by_id if i not in texts],
        "documents with another text": [i for i, d in by_id.items() if d.text != texts.get(i)],
    }
    for problem, ids in problems.items():
        if ids:
            raise InputError(f"{path}: {problem}: {', '.join(ids[:20])} ({len(ids)} in all)")
    return [by_id[identifier] for identifier in texts]


# --- Questions ------------------------------------------------------------------------------------

CHUNK_CHARACTERS = 50
CHUNK_TOKENS = 30


def chunks(text: str, together: Iterable[Relation] = ()) -> list[Span]:
    """Cuts a text into chunks of whole sentences.

    Sentences are joined while a chunk has fewer than 50 characters, or as long as it does not
    exceed 30 tokens.

    Args:
        text: the document.
        together: relations whose two ends must not be separated (training data only).

    Returns:
        The chunks in order; only white space lies between them.
    """
    kept = sorted(
        Span(min(r.result.start, r.test.start), max(r.result.end, r.test.end)) for r in together
    )
    ends = list(accumulate((span.end for span in kept), max, initial=0))
    spans: list[Span] = []
    tokens = 0
    for sentence in sentences(text):
        small = spans and spans[-1].end - spans[-1].start < CHUNK_CHARACTERS
        before = bisect.bisect_left(kept, spans[-1].end, key=lambda k: k.start) if spans else 0
        cut = sentence.start < ends[before]  # by the end of what began before it
        if spans and (small or cut or tokens + sentence.tokens <= CHUNK_TOKENS):
            spans[-1] = Span(spans[-1].start, sentence.end)
            tokens += sentence.tokens
        else:
            spans.append(Span(sentence.start, sentence.end))
            tokens = sentence.tokens
    return spans


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every chunk of every document; see `stages.tasks.Task.encode`."""
    documents = read_items(folder, hold_out, with_gold=True)
    log_absent(folder, FILES, documents)
    notes = {"documents": 0, "relations": 0, "marked_relations": 0, "split_relations": 0}
    encoded: BySplit[Example] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for document in documents[split]:
            # The test set's chunks must not depend on its gold.
            together = document.gold or () if split != "test" else ()
            encoded[split] += _examples(document, chunks(document.text, together), notes)
    return Encoded(encoded, notes)


def _examples(
    document: Document, spans: Iterable[Span], notes: dict[str, int]
) -> Iterator[Example]:
    """Yields the questions about a document's chunks, and adds to the notes."""
    notes["documents"] += 1
    for chunk in spans:
        output = None
        if document.gold is not None:
            first, last = (
                bisect.bisect_left(document.gold, end, key=lambda r: r.result.start)
                for end in chunk
            )
            relations = document.gold[first:last]
            output, marked = write_answer(document.text, chunk, relations)
            notes["relations"] += len(relations)
            notes["marked_relations"] += marked
            notes["split_relations"] += sum(not chunk.overlaps(r.test) for r in relations)
        text = document.text[chunk.start : chunk.end]
        yield Example(document.question_id(chunk), NAME, text, output)


# --- Answers --------------------------------------------------------------------------------------

NO_RELATION = "[NOREL]"

MARKERS = Markers("BREL", "SEP", "EREL", "NOREL")
FORMS = {
    NAME: Pairs(
        labels=("result", "test"),
        entry="[BREL] {result} [SEP] {test} [EREL]",
        joint=" ",
        none=NO_RELATION,
        markers=["BREL", "SEP", "EREL", "NOREL"],
        unit="word",
    )
}


class Pair(NamedTuple):
    """A relation as the answer writes it: two mentions, each with its occurrence mark, if any."""

    result: str
    test: str

    def __str__(self) -> str:
        """The pair between its markers."""
        result, test = map(MARKERS.escape, self)
        return f"[BREL] {result} [SEP] {test} [EREL]"


def write_answer(text: str, chunk: Span, relations: Sequence[Relation]) -> tuple[str, int]:
    """Writes the gold answer and makes sure that it parses to just these relations.

    Args:
        text: the document.
        chunk: the part that the question shows.
        relations: the relations whose results begin in the chunk.

    Returns:
        The answer, and how many relations needed an occurrence mark.
    """
    if not relations:
        return NO_RELATION, 0
    gold = sorted(relations)
    plain = [Pair(*(text[s.start : s.end] for s in relation)) for relation in gold]
    pairs = list(plain)
    parsed = Memo(_parsed)
    layout = _Layout(text, chunk, [parsed[pair] for pair in pairs])

    def first_misplaced() -> int | None:
        """The first pair that would be placed elsewhere than its relation, or None."""
        placed = layout.place([parsed[pair] for pair in pairs])
        return next((i for i, relation in enumerate(gold) if placed[i] != relation), None)

    if layout.is_crowded and first_misplaced() is not None:
        pairs = [_marked_pair(*item, text, chunk) for item in zip(plain, gold, strict=True)]
        return " ".join(map(str, pairs)), len(pairs)
    while (i := first_misplaced()) is not None:
        end = 1 if pairs[i].result != plain[i].result else 0
        pairs[i] = _with_mark(pairs[i], end, text, chunk, gold[i])
    for i in range(len(pairs)):  # a later mark may have made an earlier one needless
        for end in (0, 1):
            kept = pairs[i]
            pairs[i] = Pair(*(plain[i][e] if e == end else kept[e] for e in (0, 1)))
            if pairs[i] != kept and first_misplaced() is not None:
                pairs[i] = kept
    marked = sum(pair != unmarked for pair, unmarked in zip(pairs, plain, strict=True))
    return " ".join(map(str, pairs)), marked


def _parsed(pair: Pair) -> Pair:
    """A pair as it is read when it has been written."""
    return parse_answer(str(pair))[0][0]


def _with_mark(pair: Pair, end: int, text: str, chunk: Span, relation: Relation) -> Pair:
    everywhere = _everywhere(text, pair[end])
    first = _first_in(chunk, everywhere)
    index = bisect.bisect_left(everywhere, relation[end])
    mark = index - first + (index >= first)
    mentions = list(pair)
    mentions[end] = with_mark(mentions[end], mark)
    return Pair(*mentions)


def _marked_pair(pair: Pair, relation: Relation, text: str, chunk: Span) -> Pair:
    """A pair with both its marks, which is placed at its relation whatever the others are."""
    return _with_mark(_with_mark(pair, 0, text, chunk, relation), 1, text, chunk, relation)


def parse_answer(answer: str) -> tuple[list[Pair], bool]:
    """Parses any answer of a model.

    Args:
        answer: the model's text.

    Returns:
        The well-formed pairs in order, and whether the whole answer was well-formed.
    """
    before, parts = MARKERS.split(answer)
    tokens = [("text", before)]
    for name, after in parts:
        tokens += [(name, ""), ("text", after)]
    kinds = [kind for kind, value in tokens if kind != "text" or value.strip()]
    if kinds == ["NOREL"]:
        return [], True
    form = ("BREL", "text", "SEP", "text", "EREL")
    pairs = []
    for i in range(1, len(tokens) - 4):
        window = tokens[i : i + 5]
        if tuple(kind for kind, _ in window) == form:
            mentions = [value.strip() for kind, value in window if kind == "text"]
            if all(mentions):
                pairs.append(Pair(*mentions))
    return pairs, bool(pairs) and len(kinds) == 5 * len(pairs)


# --- Finding the mentions again -------------------------------------------------------------------

# Costs of taking a pair for a relation, in characters between result and test. Measured on the 83
# real documents: docs/decisions/0002-occurrence-marks.md.
AFTER = 2.0  # factor on the gap to a test that stands after its result (18 % of the relations)
OVERLAP = 1_000.0  # a test inside its own result
INSIDE_WORD = 1_000.0  # a mention that begins or ends inside a word
DISORDER = 10_000.0  # a relation that does not come after the one before it
NEAREST = 8  # tests considered for each place of a result
PLACES = 64  # places of a mention considered
# For each character of a chunk; in the real documents at most 0.9 and 0.1.
EFFORT = 2.0  # up to which the fewest marks are sought: readings of all pairs, times the pairs
READINGS = 1.0  # of all pairs that are considered
FRAME = len("[BREL]  [SEP]  [EREL]")  # characters of a pair beside its mentions


def locate(text: str, chunk: Span, pairs: Sequence[Pair]) -> list[Relation | None]:
    """Finds the spans that an answer's pairs mean.

    All pairs are placed jointly: the sum of the distances between results and tests is minimal
    among the readings in which the relations ascend, as answers list them (a shortest path over
    the places of each pair).

    Args:
        text: the document.
        chunk: the part that the question showed.
        pairs: the answer.

    Returns:
        The relation for each pair, None where a mention does not occur.
    """
    kept = pairs[:MENTIONS]
    placed = _Layout(text, chunk, kept).place(kept)
    return placed + [None] * (len(pairs) - len(placed))


class _Step(NamedTuple):
    """What the pairs up to one of them can mean.

    Attributes:
        relations: the readings of the last of these pairs, ascending.
        totals: of each, the least cost of the pairs up to it.
        origins: of each, the number of the reading of the pair before, at that cost.
    """

    relations: list[Relation]
    totals: list[float]
    origins: list[int]


class _Layout:
    """The places of an answer's pairs in a chunk; after a change the steps before it stay.

    Where the mentions have so many places that reading them would take long for the size of the
    chunk and the answer, the first ones of each mention count.

    Attributes:
        is_crowded: whether seeking the fewest marks would take long.
    """

    def __init__(self, text: str, chunk: Span, pairs: Sequence[Pair]) -> None:
        """Looks for the mentions of an answer, which may get marks later."""
        self._found = Memo(partial(_found, text, chunk))
        self._places = Memo(self._first_places)
        self._readings = Memo(self._read)
        self._pairs: Sequence[Pair] = ()
        self._steps: list[_Step | None] = []  # of each pair; None where it has no reading
        characters = max(chunk.end - chunk.start, CHUNK_CHARACTERS)
        room = READINGS * (characters + FRAME * len(pairs))
        readings = sum(self._count(pair) for pair in pairs)
        self.is_crowded = readings > room or readings * len(pairs) > EFFORT * characters
        self._most = PLACES  # places of a mention that count
        if readings > room:
            share = int(room / len(pairs))
            self._most = max(1, share // NEAREST if share > NEAREST**2 else math.isqrt(share))

    def _count(self, pair: Pair) -> int:
        """The number of readings of a pair, if all places count."""
        results, tests = (len(self._found[mention]) for mention in pair)
        return results * min(tests, NEAREST)

    def _first_places(self, mention: str) -> "_Places":
        return _Places(self._found[mention][: self._most])

    def _read(self, pair: Pair) -> tuple[list[Relation], list[float]]:
        """The relations that a pair can mean, ascending, and their costs."""
        tests = self._places[pair.test]
        readings = {}
        for result, cost in self._places[pair.result].costs.items():
            for distance, test in tests.near(result):
                readings[Relation(result, test)] = cost + distance
        relations = sorted(readings)
        return relations, [readings[relation] for relation in relations]

    def place(self, pairs: Sequence[Pair]) -> list[Relation | None]:
        """Finds the relation for each pair; see `locate`."""
        same = sum(takewhile(bool, map(eq, self._pairs, pairs)))
        self._pairs = pairs
        del self._steps[same:]
        before = next(filter(None, reversed(self._steps)), None)
        for pair in pairs[same:]:
            step = self._step(before, pair)
            self._steps.append(step)
            before = step or before
        placed: list[Relation | None] = [None] * len(self._steps)
        choice = before.totals.index(min(before.totals)) if before else -1
        for index, step in reversed(list(enumerate(self._steps))):
            if step:
                placed[index] = step.relations[choice]
                choice = step.origins[choice]
        return placed

    def _step(self, before: _Step | None, pair: Pair) -> _Step | None:
        relations, costs = self._readings[pair]
        if not relations:
            return None
        if before is None:
            return _Step(relations, costs, [-1] * len(relations))
        sums = before.totals
        best_until = [0]  # number of the least sum among the first readings
        for i in range(1, len(sums)):
            best_until.append(i if sums[i] < sums[best_until[-1]] else best_until[-1])
        totals, origins = [], []
        earlier = 0  # number of readings of the pair before that come before this relation
        for relation, cost in zip(relations, costs, strict=True):
            while earlier < len(sums) and before.relations[earlier] < relation:
                earlier += 1
            origin, extra = best_until[-1], DISORDER
            if earlier and sums[best_until[earlier - 1]] <= sums[origin] + extra:
                origin, extra = best_until[earlier - 1], 0.0
            totals.append(cost + (sums[origin] + extra))
            origins.append(origin)
        return _Step(relations, totals, origins)


class _Places:
    """The places of a mention that count.

    Attributes:
        costs: of the places, which ascend.
    """

    def __init__(self, places: Iterable[tuple[Span, float]]) -> None:
        self.costs = dict(places)
        self._groups = [
            (cost, spans, [span.start for span in spans], [span.end for span in spans])
            for cost in (0.0, INSIDE_WORD)
            if (spans := [span for span, own in self.costs.items() if own == cost])
        ]

    def near(self, result: Span) -> list[tuple[float, Span]]:
        """The `NEAREST` places to a result, with their costs as its tests."""
        near = []
        for cost, spans, starts, ends in self._groups:
            before, after = (
                bisect.bisect_right(ends, result.start),
                bisect.bisect_left(starts, result.end),
            )
            own = spans[max(0, before - NEAREST) : min(before + NEAREST, max(before, after))]
            own += spans[after : after + NEAREST]
            near += [(cost + _distance(result, test), test) for test in own]
        return sorted(near)[:NEAREST]


def _distance(result: Span, test: Span) -> float:
    if result.overlaps(test):
        return OVERLAP
    return result.gap(test) * (AFTER if test.start > result.start else 1.0)


def _found(text: str, chunk: Span, mention: str) -> list[tuple[Span, float]]:
    """The first places of a mention in order, with the cost of a place inside a word."""
    bare, mark = parse_mark(mention)
    if mark is not None:
        everywhere = _everywhere(text, bare)
        index = _first_in(chunk, everywhere) + mark - (mark > 0)
        if mark and 0 <= index < len(everywhere):
            return [(everywhere[index], 0.0)]
    exact = list(islice(occurrences(text, mention, chunk), PLACES))
    places = exact or islice(loose_occurrences(text, mention, chunk), PLACES)
    return [(place, 0.0 if is_word(text, place) else INSIDE_WORD) for place in places]


@lru_cache(maxsize=16)  # an answer may name the same test again and again
def _everywhere(text: str, mention: str) -> list[Span]:
    """The places of a mention in the whole document, from which marks count."""
    return list(occurrences(text, mention, Span(0, len(text))))


def _first_in(chunk: Span, places: Sequence[Span]) -> int:
    """The number of the first place that does not begin before a chunk."""
    return bisect.bisect_left(places, chunk.start, key=lambda place: place.start)


def place(subtask: str, text: str, answer: str) -> list[tuple[int, int, int, int]]:
    """The relations of which a chunk has both spans; see `stages.tasks.Task.place`."""
    found = locate(text, Span(0, len(text)), parse_answer(answer)[0])
    return sorted({(*relation.result, *relation.test) for relation in found if relation})


def interpret(subtask: str, answer: str) -> list[Pair] | None:
    """The pairs that an answer lists; see `stages.tasks.Task.interpret`."""
    pairs, parsed = parse_answer(answer)
    return pairs if pairs or parsed else None


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submission; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    blocks = []
    for document in read_items(folder, hold_out)["test"]:
        relations: set[Relation] = set()
        for chunk in chunks(document.text):
            pairs, parsed = parse_answer(parser.answer(document.question_id(chunk)))
            located = locate(document.text, chunk, pairs)
            relations.update(relation for relation in located if relation)
            parser.count(
                NAME,
                parsed=parsed and None not in located,
                fallback=not any(located) and bool(pairs or not parsed),
            )
        blocks.append(write_document(document, sorted(relations)))
    return Submission({run.file_name(SUBMISSION): "\n".join(blocks)}, parser.finish())


def write_document(document: Document, relations: Iterable[Relation]) -> str:
    """Writes a document's block: its original text and its relations with their texts."""
    lines = [f"{document.id}|t|{document.text}"]
    for relation in relations:
        spans = [f"{span.start}-{span.end}" for span in relation]
        texts = [document.text[span.start : span.end] for span in relation]
        quoted = [] if any("\t" in text for text in texts) else texts  # they are optional
        lines.append("\t".join([document.id, "REL", *spans, *quoted]))
    return "".join(f"{line}\n" for line in lines)


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submission; see `stages.tasks.Task.score`."""
    import numpy as np

    from stages.toolkit.scores import f1_of_counts, micro_scores

    test = read_items(folder, hold_out, with_gold=True)["test"]
    path = submission / run.file_name(SUBMISSION)
    documents = match_documents(path, read(path), test)
    if any(document.gold is None for document in test):
        return {}
    gold = [set(document.gold or ()) for document in test]
    submitted = [set(document.gold or ()) for document in documents]
    precision, recall, f1 = micro_scores(gold, submitted)

    right = [len(g & s) for g, s in zip(gold, submitted, strict=True)]
    terms = list(zip(right, map(len, submitted), map(len, gold), strict=True))
    sample = Sample(np.array(terms), lambda sums: f1_of_counts(*sums.T))
    details = {"precision": precision, "recall": recall, "overlap_f1": overlap_f1(gold, submitted)}
    return {NAME: Unit("micro_f1", f1, 0.0, sample, details=details)}


def overlap_f1(gold: Sequence[set[Relation]], submitted: Sequence[set[Relation]]) -> float:
    """F1 in which a relation is right if both its spans overlap with those of another one.

    Precision is the share of submitted relations that meet a gold one, recall the share of gold
    relations that meet a submitted one.
    """
    precision, recall = _share_met(submitted, gold), _share_met(gold, submitted)
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def _share_met(ours: Sequence[set[Relation]], theirs: Sequence[set[Relation]]) -> float:
    """The share of relations, of which each document has a set, that overlap with one of others."""
    import numpy as np

    total = met = 0
    for these, others in zip(ours, theirs, strict=True):
        total += len(these)
        if these and others:
            ends = (np.array([[*r.result, *r.test] for r in part]) for part in (these, others))
            a, b = (part.reshape(-1, 2, 2) for part in ends)  # relation, span, start or end
            overlap = (a[:, None, :, 0] < b[None, :, :, 1]) & (b[None, :, :, 0] < a[:, None, :, 1])
            met += int(np.any(np.all(overlap, axis=2), axis=1).sum())
    return met / total if total else 0.0
