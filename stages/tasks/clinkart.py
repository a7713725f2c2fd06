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
second ``38,5`` counted from the start of the chunk, ``PCR [-1]`` the last one before the chunk.

The submission is ``TEAM_runN.txt``: every document with its original text, and the relations found.
The fallback for an answer that cannot be read is no relation.

The score is micro precision, recall and F1 over exact (document, result span, test span) triples.
That matching is exact is an assumption (the organisers' kit is not public), so the same with
overlapping spans stands beside it.
"""

import bisect
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from stages.common.command import InputError
from stages.common.files import Defects, read_lines, required
from stages.toolkit.records import Encoded, Example, Sample, Submission, Tally, Unit
from stages.toolkit.sentences import sentences
from stages.toolkit.settings import Run
from stages.toolkit.spans import (
    Markers,
    Span,
    is_word,
    loose_occurrences,
    occurrences,
    parse_mark,
    with_mark,
)
from stages.toolkit.splits import SPLITS, HoldOut, Split

log = logging.getLogger(__name__)

NAME = "clinkart"
TRAIN, TEST, GOLD = "training.txt", "test.txt", "test_gold.txt"
REQUIRED = (TRAIN,)
UNITS = ("clinkart",)
CLOSED: dict[str, tuple[str, ...]] = {}


class Relation(NamedTuple):
    """A result and the test that it belongs to; the order of relations in answers."""

    result: Span
    test: Span


@dataclass(frozen=True)
class Document:
    """A clinical case; `relations` is None where they are unknown."""

    id: str
    text: str
    relations: tuple[Relation, ...] | None


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
    relations: dict[str, list[Relation]] = {}
    current = None
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        if match := _TEXT_LINE.fullmatch(line):
            current = match[1]
            if current in texts:
                defects.add(number, f"document {current} stands twice in the file")
            texts[current] = match[2]
            relations[current] = []
            continue
        columns = line.split("\t")
        if blind:
            defects.add(
                number,
                f"expected text lines only, DOCID|t|TEXT (gold belongs in {GOLD});"
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
            for problem in problems:
                defects.add(number, problem)
            if relation and not problems:
                relations[current].append(relation)
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
        found = text[span.start : span.end]
        if not span.start < span.end <= len(text):
            problems.append(
                f"{kind} offsets {offsets} are outside the text, which has {len(text)} characters"
            )
        elif quoted is not None and quoted != found:
            problems.append(f"{kind} {offsets} is {found!r} in the text, but quoted as {quoted!r}")
        elif found != found.strip():
            problems.append(f"{kind} {offsets} begins or ends with white space: {found!r}")
        spans.append(span)
    return problems, Relation(*spans) if len(spans) == 2 else None


def documents(folder: Path, hold_out: HoldOut) -> dict[Split, list[Document]]:
    """Reads a raw folder without the test set's gold: the documents of each split.

    Raises:
        InputError: for defects, and if a test document stands in the training file too.
    """
    test = folder / TEST
    by_split: dict[Split, list[Document]] = {split: [] for split in SPLITS}
    for document in read(required(folder / TRAIN)):
        split = hold_out.split_of(NAME, document.id, has_dev=False, has_test=test.is_file())
        by_split[split].append(document)
    if test.is_file():
        known = {d.id for split in SPLITS for d in by_split[split]}
        by_split["test"] = read(test, blind=True)
        if both := [d.id for d in by_split["test"] if d.id in known]:
            raise InputError(f"{test}: documents that stand in {TRAIN} too: {', '.join(both[:20])}")
    by_split["test"] = [replace(document, relations=None) for document in by_split["test"]]
    return by_split


def gold_documents(folder: Path, test: Sequence[Document]) -> list[Document]:
    """Reads the gold of the test documents: of the gold file, or held out of the training file.

    Returns:
        The documents in the order of `test`; those without gold as they are.

    Raises:
        InputError: for defects, and if the test file and its gold differ in documents or texts.
    """
    held_out = not (folder / TEST).is_file()
    path = folder / (TRAIN if held_out else GOLD)
    if not path.is_file():
        return list(test)
    gold = {d.id: d for d in read(path)}
    _same_documents(test, gold.values(), path, more_allowed=held_out)
    return [gold[d.id] for d in test]


def _same_documents(
    wanted: Iterable[Document],
    found: Iterable[Document],
    path: Path,
    *,
    more_allowed: bool = False,
) -> None:
    texts = {d.id: d.text for d in wanted}
    others = {d.id: d.text for d in found}
    for problem, ids in (
        ("missing documents", [i for i in texts if i not in others]),
        (
            "documents that are not in the test set",
            [i for i in others if i not in texts and not more_allowed],
        ),
        ("documents with another text", [i for i in texts if others.get(i, texts[i]) != texts[i]]),
    ):
        if ids:
            raise InputError(f"{path}: {problem}: {', '.join(ids[:20])} ({len(ids)} in all)")


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
    kept = [
        Span(min(r.result.start, r.test.start), max(r.result.end, r.test.end)) for r in together
    ]
    found: list[Span] = []
    tokens = 0
    for sentence in sentences(text):
        small = found and found[-1].end - found[-1].start < CHUNK_CHARACTERS
        cut = found and any(k.start < found[-1].end and sentence.start < k.end for k in kept)
        if found and (small or cut or tokens + sentence.tokens <= CHUNK_TOKENS):
            found[-1] = Span(found[-1].start, sentence.end)
            tokens += sentence.tokens
        else:
            found.append(Span(sentence.start, sentence.end))
            tokens = sentence.tokens
    return found


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every chunk of every document; see `stages.tasks.Task.encode`."""
    notes = {"documents": 0, "relations": 0, "marked_relations": 0, "split_relations": 0}
    encoded: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    by_split = documents(folder, hold_out)
    if not (folder / TEST).is_file():
        log.info("%s: no %s, %d documents are held out", folder, TEST, len(by_split["test"]))
    by_split["test"] = gold_documents(folder, by_split["test"])
    for split in SPLITS:
        for document in by_split[split]:
            notes["documents"] += 1
            # The test set's chunks must not depend on its gold.
            together = document.relations or () if split != "test" else ()
            for chunk in chunks(document.text, together):
                output = None
                if document.relations is not None:
                    inside = [
                        r for r in document.relations if chunk.start <= r.result.start < chunk.end
                    ]
                    output, marked = write_answer(document.text, chunk, inside)
                    notes["relations"] += len(inside)
                    notes["marked_relations"] += marked
                    notes["split_relations"] += sum(not chunk.overlaps(r.test) for r in inside)
                identifier = f"{NAME}:{document.id}:{chunk.start}-{chunk.end}"
                text = document.text[chunk.start : chunk.end]
                encoded[split].append(Example(identifier, NAME, text, output))
    return Encoded(encoded, notes)


# --- Answers --------------------------------------------------------------------------------------

NO_RELATION = "[NOREL]"

MARKERS = Markers("BREL", "SEP", "EREL", "NOREL")


class Pair(NamedTuple):
    """A relation as the answer writes it: two mentions, each with its occurrence mark, if any."""

    result: str
    test: str

    def __str__(self) -> str:
        """The pair between its markers."""
        result, test = map(MARKERS.escape, self)
        return f"[BREL] {result} [SEP] {test} [EREL]"


def write_answer(text: str, chunk: Span, relations: Sequence[Relation]) -> tuple[str, int]:
    """Writes the gold answer and makes sure that it will be read as just these relations.

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

    def misread() -> int | None:
        """The first pair that would be read as something else than its relation."""
        read_pairs = [parse_answer(str(pair))[0][0] for pair in pairs]
        found = locate(text, chunk, read_pairs)
        return next((i for i, relation in enumerate(gold) if found[i] != relation), None)

    while (i := misread()) is not None:
        end = 1 if pairs[i].result != plain[i].result else 0
        pairs[i] = _with_mark(pairs[i], end, text, chunk, gold[i])
    for i in range(len(pairs)):  # a later mark may have made an earlier one needless
        for end in (0, 1):
            kept = pairs[i]
            pairs[i] = Pair(*(plain[i][e] if e == end else kept[e] for e in (0, 1)))
            if pairs[i] != kept and misread() is not None:
                pairs[i] = kept
    marked = sum(pair != unmarked for pair, unmarked in zip(pairs, plain, strict=True))
    return " ".join(map(str, pairs)), marked


def _with_mark(pair: Pair, end: int, text: str, chunk: Span, relation: Relation) -> Pair:
    span = relation[end]
    starts = [s.start for s in occurrences(text, pair[end], Span(0, len(text)))]
    first = bisect.bisect_left(starts, chunk.start)
    index = starts.index(span.start)
    mark = index - first + (index >= first)
    mentions = list(pair)
    mentions[end] = with_mark(mentions[end], mark)
    return Pair(*mentions)


def parse_answer(answer: str) -> tuple[list[Pair], bool]:
    """Reads whatever a model answered.

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

# Costs of reading a pair as a relation, in characters between result and test. Measured on the 83
# real documents: docs/decisions/0002-occurrence-marks.md.
AFTER = 2.0  # factor on the gap to a test that stands after its result (18 % of the relations)
OVERLAP = 1_000.0  # a test inside its own result
INSIDE_WORD = 1_000.0  # a mention that begins or ends inside a word
DISORDER = 10_000.0  # a relation that does not come after the one before it
NEAREST = 8  # tests considered for each place of a result
PLACES = 64  # places of a mention considered


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
    found: list[Relation | None] = [None] * len(pairs)
    steps: list[tuple[int, list[Relation], list[float], list[int]]] = []
    for index, pair in enumerate(pairs):
        options = _readings(text, chunk, pair)
        if not options:
            continue
        relations = sorted(options)
        totals = [options[r] for r in relations]
        origins = [-1] * len(relations)
        if steps:
            _, before, sums, _ = steps[-1]
            best_until = [0]  # index of the smallest sum among the first readings
            for i in range(1, len(sums)):
                best_until.append(i if sums[i] < sums[best_until[-1]] else best_until[-1])
            for i, relation in enumerate(relations):
                earlier = bisect.bisect_left(before, relation)
                origin, extra = best_until[-1], DISORDER
                if earlier and sums[best_until[earlier - 1]] <= sums[origin] + extra:
                    origin, extra = best_until[earlier - 1], 0.0
                totals[i] += sums[origin] + extra
                origins[i] = origin
        steps.append((index, relations, totals, origins))
    if steps:
        last = steps[-1][2]
        choice = last.index(min(last))
        for index, relations, _, origins in reversed(steps):
            found[index] = relations[choice]
            choice = origins[choice]
    return found


def _readings(text: str, chunk: Span, pair: Pair) -> dict[Relation, float]:
    """The relations that a pair can mean, with their costs."""
    tests = _places(text, chunk, pair.test)
    readings = {}
    for result, cost in _places(text, chunk, pair.result).items():
        near = sorted((other + _distance(result, test), test) for test, other in tests.items())
        for distance, test in near[:NEAREST]:
            readings[Relation(result, test)] = cost + distance
    return readings


def _distance(result: Span, test: Span) -> float:
    if result.overlaps(test):
        return OVERLAP
    return result.gap(test) * (AFTER if test.start > result.start else 1.0)


def _places(text: str, chunk: Span, mention: str) -> dict[Span, float]:
    """The places of a mention, with the cost of a place inside a word."""
    bare, mark = parse_mark(mention)
    if mark is not None:
        everywhere = occurrences(text, bare, Span(0, len(text)))
        first = bisect.bisect_left(everywhere, chunk.start, key=lambda s: s.start)
        index = first + mark - (mark > 0)
        if mark and 0 <= index < len(everywhere):
            return {everywhere[index]: 0.0}
    places = occurrences(text, mention, chunk) or loose_occurrences(text, mention, chunk)
    return {p: 0.0 if is_word(text, p) else INSIDE_WORD for p in places[:PLACES]}


def interpret(subtask: str, answer: str) -> list[Pair] | None:
    """The pairs that an answer lists; see `stages.tasks.Task.interpret`."""
    pairs, parsed = parse_answer(answer)
    return pairs if pairs or parsed else None


# --- Submission -----------------------------------------------------------------------------------

_ID = re.compile(rf"{NAME}:(.+):([0-9]+)-([0-9]+)", re.DOTALL)


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submission; see `stages.tasks.Task.decode`."""
    test = documents(folder, hold_out)["test"]
    parts: dict[str, list[tuple[Span, str]]] = {document.id: [] for document in test}
    for identifier, answer in answers.items():
        match = _ID.fullmatch(identifier)
        if not match or match[1] not in parts:
            raise InputError(
                f"an answer to {identifier!r}, which is not in the test set of {folder}"
            )
        parts[match[1]].append((Span(int(match[2]), int(match[3])), answer))
    tally = Tally(rows=len(answers))
    blocks = []
    for document in test:
        _check_cover(document, sorted(parts[document.id]), folder)
        relations: set[Relation] = set()
        for chunk, answer in parts[document.id]:
            pairs, parsed = parse_answer(answer)
            located = locate(document.text, chunk, pairs)
            relations.update(r for r in located if r)
            tally.unparsable += not parsed or None in located
            tally.fallback += not any(located) and bool(pairs or not parsed)
        blocks.append(write_document(document, sorted(relations)))
    return Submission({file_name(run): "\n".join(blocks)}, {NAME: tally})


def _check_cover(document: Document, parts: Sequence[tuple[Span, str]], folder: Path) -> None:
    """Makes sure that the chunks answered are the document's: white space alone lies between."""
    end = 0
    for chunk, _ in [*parts, (Span(len(document.text), len(document.text)), "")]:
        if chunk.start < end or document.text[end : chunk.start].strip():
            raise InputError(
                f"{folder}: the answers to document {document.id} do not fit its text"
                f" around character {end}: encode and infer must run on the same files"
            )
        end = chunk.end


def write_document(document: Document, relations: Iterable[Relation]) -> str:
    """Writes a document's block: its original text and its relations with their texts."""
    lines = [f"{document.id}|t|{document.text}"]
    for relation in relations:
        spans = [f"{span.start}-{span.end}" for span in relation]
        texts = [document.text[span.start : span.end] for span in relation]
        quoted = [] if any("\t" in text for text in texts) else texts  # they are optional
        lines.append("\t".join([document.id, "REL", *spans, *quoted]))
    return "".join(f"{line}\n" for line in lines)


def file_name(run: Run) -> str:
    """The submission's file name."""
    return f"{run.team}_run{run.run}.txt"


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submission; see `stages.tasks.Task.score`."""
    import numpy as np

    from stages.toolkit.scores import f1_of_counts, micro_scores

    test = documents(folder, hold_out)["test"]
    path = submission / file_name(run)
    submitted = {document.id: document for document in read(path)}
    _same_documents(test, submitted.values(), path)
    gold = gold_documents(folder, test)
    if any(document.relations is None for document in gold):
        return {}
    wanted = [set(document.relations or ()) for document in gold]
    given = [set(submitted[document.id].relations or ()) for document in gold]
    precision, recall, f1 = micro_scores(wanted, given)

    right = [len(w & g) for w, g in zip(wanted, given, strict=True)]
    counts = list(zip(right, map(len, given), map(len, wanted), strict=True))
    sample = Sample(np.array(counts), lambda sums: f1_of_counts(*sums.T))
    details = {"precision": precision, "recall": recall, "overlap_f1": overlap_f1(wanted, given)}
    return {NAME: Unit("micro_f1", f1, 0.0, sample, details=details)}


def overlap_f1(wanted: Sequence[set[Relation]], given: Sequence[set[Relation]]) -> float:
    """F1 that counts a relation as right if both its spans overlap with those of another's.

    Precision is the share of submitted relations that meet a gold one, recall the share of gold
    relations that meet a submitted one.
    """

    def share(ours: Sequence[set[Relation]], theirs: Sequence[set[Relation]]) -> float:
        met = [
            any(one.result.overlaps(o.result) and one.test.overlaps(o.test) for o in others)
            for these, others in zip(ours, theirs, strict=True)
            for one in these
        ]
        return sum(met) / len(met) if met else 0.0

    precision, recall = share(given, wanted), share(wanted, given)
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0
