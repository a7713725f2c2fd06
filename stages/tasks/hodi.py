"""HODI: say whether a post is homotransphobic (A), and which spans of it make it so (B).

Raw files, tab-separated with a header; the blind ones are named .csv, but are no different:

    HODI_2023_train_subtaskA.tsv    id text homotransphobic
    HODI_2023_train_subtaskB.tsv    id text rationales
    HODI_2023_test_subtaskA.csv     id text
    HODI_2023_test_subtaskB.csv     id text
    HODI_2023_test_GOLD.tsv         id homotransphobic rationales (text may be there)

``homotransphobic`` is 1 or 0. ``rationales`` is a list of positions in the text, which count
characters from 0: ``[42, 43, 44]``, in any order and perhaps with duplicates; an empty cell and
``[]`` both mean none. A line is a record and a quote belongs to its text, but for cells that are
plainly quoted as RFC 4180 says. Sub-task A's training file is required. Sub-task B is skipped where
its training file is absent. Where a test file is absent, its sub-task has the other's posts, for
the gold is one table for both; where both are, training posts are held out. Equal posts are in the
same split in both sub-tasks. Formats: the organisers' guidelines and scorer.

The question is the post. In A the answer is ``sì`` or ``no``. In B it is the spans of text in
order, joined by `` [gap] ``, or ``nessuna``. Their places follow from their order, each being the
first possible one, not inside a word if it can be helped. What this cannot express is written out:

    pavone [2]          an occurrence mark, where this picks the wrong place: the second one
    [blank] e [blank]   white space at the ends of a span, a marker for each character
    [[gap]              a marker's text in the post gets one more bracket

The submissions, tab-separated, are ``TEAM.A.runN.tsv``, id and homotransphobic, and
``TEAM.B.runN.tsv``, id and rationales, where none is ``[]``. They have a header: the guidelines
want none, but the official scorer takes the first line for one and joins by id. The fallback for an
answer that cannot be parsed is 0 in A and no rationale in B.

The score is macro F1 over the two classes in A. In B it is the Dice coefficient of submitted and
gold positions of each post, 1 where both are empty, and the mean of it over all posts.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stages.common.files import Defects, required
from stages.common.memo import Memo
from stages.forms.forms import Spans
from stages.forms.mentions import Markers, Span, is_word, parse_mark, with_mark
from stages.forms.places import Places, TextPlaces, only
from stages.toolkit.answers import AnswerParser, normalised, yes_no
from stages.toolkit.decisions import F1
from stages.toolkit.limits import too_large
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.spans import place_in_order
from stages.toolkit.splits import SPLITS, BySplit, HoldOut, merge_splits
from stages.toolkit.tables import (
    Parser,
    Row,
    flag,
    identifier,
    match_items,
    read_table,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "hodi"
A, B = "hodi_a", "hodi_b"
TRAIN = {A: "HODI_2023_train_subtaskA.tsv", B: "HODI_2023_train_subtaskB.tsv"}
TEST = {A: "HODI_2023_test_subtaskA.csv", B: "HODI_2023_test_subtaskB.csv"}
GOLD = "HODI_2023_test_GOLD.tsv"
REQUIRED = (TRAIN[A],)
UNITS = (A, B)
SENDING = Sending("to the organisers", runs=3, archive="{team}.zip", suffix=".tsv")
COLUMN = {A: "homotransphobic", B: "rationales"}

SUBMISSIONS = {A: "{team}.A.run{run}.tsv", B: "{team}.B.run{run}.tsv"}
"""The submission file of each sub-task."""

HOMOTRANSPHOBIC = yes_no(1, 0)
CLOSED = {A: HOMOTRANSPHOBIC.candidates}
FIGURES = {A: F1()}
FALLBACK = 0


@dataclass(frozen=True)
class Post:
    """A post as one of the sub-tasks has it.

    Attributes:
        subtask: the sub-task's name.
        id: the organisers' id, unique in its file.
        text: the post.
        gold: its label (1 or 0) in A, its rationale (positions in the text) in B; None where it is
            unknown.
    """

    subtask: str
    id: str
    text: str
    gold: Any = None

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(self.subtask, self.id)


# --- Raw files ------------------------------------------------------------------------------------

_POSITIONS = re.compile(r"\[\s*+(?:[0-9]{1,9}\s*+(?:,\s*+[0-9]{1,9}\s*+)*+)?\]")


def positions_cell(cell: str) -> frozenset[int]:
    """The positions of a list such as ``[3, 4, 4]``, which may be empty."""
    if not _POSITIONS.fullmatch(cell):
        raise ValueError("expected a list of positions such as [3, 4, 5], or []")
    return frozenset(map(int, re.findall("[0-9]+", cell)))


def rationale_cell(cell: str) -> frozenset[int]:
    """The positions of such a list; none in an empty cell."""
    return positions_cell(cell) if cell.strip() else frozenset()


LABELS: Mapping[str, Parser] = {COLUMN[A]: flag, COLUMN[B]: rationale_cell}


def raw_files(folder: Path, subtask: str) -> RawFiles:
    """The raw files of a sub-task, which has the other's test file where its own is absent."""
    tests = (TEST[subtask], TEST[B if subtask == A else A])
    present = [name for name in tests if (folder / name).is_file()]
    return RawFiles(train=TRAIN[subtask], test=[*present, *tests][0], gold=GOLD)


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[str, BySplit[Post]]:
    """Reads the posts of each sub-task and split, those of test files without or with their gold.

    A sub-task without a training file is absent.
    """
    required(folder / TRAIN[A])
    sources = {s: raw_files(folder, s) for s in (A, B) if (folder / TRAIN[s]).is_file()}
    test_posts: dict[str, Post] = {}
    for subtask, files in sources.items():
        if path := files.path(folder, "test"):
            test_posts |= {post.id: post for post in _read_test(subtask, path)}
    return {
        subtask: read_splits(
            NAME,
            folder,
            files,
            hold_out,
            train=partial(_read_train, subtask),
            test=partial(_read_test, subtask),
            gold=partial(_read_gold, subtask, test_posts) if with_gold else None,
            group=lambda post: normalised(post.text),  # equal posts stay together
        )
        for subtask, files in sources.items()
    }


def _read_train(subtask: str, path: Path) -> list[Post]:
    column = COLUMN[subtask]
    rows = _table(path, {"text": text, column: LABELS[column]})
    posts = [Post(subtask, row["id"], row["text"], row[column]) for row in rows]
    _check_rows(path, rows, posts)
    return posts


def _read_test(subtask: str, path: Path) -> list[Post]:
    rows = _table(path, {"text": text})
    return [Post(subtask, row["id"], row["text"]) for row in rows]


def _read_gold(
    subtask: str, test_posts: Mapping[str, Post], path: Path, test: Sequence[Post]
) -> list[Any]:
    """Reads the gold of a sub-task's posts from the table of the posts of both sub-tasks."""
    rows = _table(path, LABELS, text=text)
    rows = match_items(path, rows, "id", test_posts.values(), ordered=False)
    _check_rows(path, rows, test_posts.values())
    gold = {row["id"]: row[COLUMN[subtask]] for row in rows}
    return [gold[post.id] for post in test]


def _table(path: Path, columns: Mapping[str, Parser], **optional: Parser) -> list[Row]:
    return read_table(
        path,
        {"id": identifier, **columns},
        delimiter="\t",
        quoted=False,
        optional=optional,
        unique="id",
    )


def _check_rows(path: Path, rows: Sequence[Row], posts: Iterable[Post]) -> None:
    """Makes sure that each row has the text of its post, if any, and positions inside of it."""
    defects = Defects(path)
    for row, post in sorted(zip(rows, posts, strict=True), key=lambda pair: pair[0].line):
        if row.values.get("text", post.text) != post.text:
            defects.add(row.line, f"expected the test set's text {post.text!r}: {row['text']!r}")
        rationale = row.values.get(COLUMN[B], frozenset())
        outside = [i for i in rationale if i >= len(post.text)]
        if problem := too_large(len(post.text), len(spans_of(rationale))):
            defects.add(row.line, problem)
        elif outside:
            defects.add(
                row.line,
                f"position {min(outside)} is outside the text, which has {len(post.text)}"
                " characters",
            )
    defects.check()


# --- Questions ------------------------------------------------------------------------------------


NOTES = (
    "questions",
    "rationales",
    "spans",
    "marked_spans",
    "spans_with_blanks",
    "spans_inside_words",  # many of them: the positions may be those of another text
)


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every post; see `stages.tasks.Task.encode`."""
    posts = read_items(folder, hold_out, with_gold=True)
    _log_absent(folder, posts)
    encoded = []
    notes = dict.fromkeys(NOTES, 0)
    for subtask, by_split in posts.items():
        answered: BySplit[Post] = {
            split: [replace(post, gold=_gold_answer(post, notes)) for post in by_split[split]]
            for split in SPLITS
        }
        encoded.append(examples(answered, subtask, text=lambda post: post.text, answer=str))
    return Encoded(merge_splits(encoded), notes)


def _gold_answer(post: Post, notes: dict[str, int]) -> str | None:
    """The gold answer about a post, which depends on its text; None where it is unknown."""
    notes["questions"] += 1
    if post.gold is None:
        return None
    if post.subtask == A:
        return HOMOTRANSPHOBIC.write(post.gold)
    answer, marked = write_answer(post.text, post.gold)
    spans = spans_of(post.gold)
    mentions = [post.text[span.start : span.end] for span in spans]
    notes["rationales"] += bool(spans)
    notes["spans"] += len(spans)
    notes["marked_spans"] += marked
    notes["spans_with_blanks"] += sum(mention != mention.strip() for mention in mentions)
    notes["spans_inside_words"] += sum(not is_word(post.text, span) for span in spans)
    return answer


def _log_absent(folder: Path, posts: Mapping[str, BySplit[Post]]) -> None:
    for subtask in (A, B):
        files = raw_files(folder, subtask)
        log_absent(folder, files, posts.get(subtask, {}), subtask)
        if subtask in posts and files.test != TEST[subtask]:
            log.info("%s: no %s: %s has the posts", folder, TEST[subtask], files.test)


# --- Rationales and answers -----------------------------------------------------------------------

NONE = "nessuna"
GAP = Markers("gap")
BLANK = Markers("blank")
FORMS = {
    B: Spans(
        labels=[COLUMN[B]],
        entry="{mention}",
        joint=" [gap] ",
        none=NONE,
        markers=["gap", "blank"],
        blank="[blank]",
        unit="word",
    )
}


def spans_of(rationale: AbstractSet[int]) -> list[Span]:
    """The spans that positions in a text make up, in order; two of them never touch."""
    ordered = sorted(rationale)
    starts = [i for i in ordered if i - 1 not in rationale]
    ends = [i + 1 for i in ordered if i + 1 not in rationale]
    return [Span(start, end) for start, end in zip(starts, ends, strict=True)]


def write_answer(text: str, rationale: AbstractSet[int]) -> tuple[str, int]:
    """Writes the gold answer, every span so that it will be parsed as itself alone.

    Args:
        text: of the post.
        rationale: positions in the text.

    Returns:
        The answer, and the number of spans that needed an occurrence mark.
    """
    spans = spans_of(rationale)
    finder = _Finder(text)
    segments = []
    marked = cursor = 0
    for span in spans:
        segment = _segment(text[span.start : span.end])
        none = len(spans) == 1 and normalised(segment) == NONE
        if none or finder.places(segment).first(cursor) != span:  # which is what decode takes
            segment = with_mark(segment, finder.everywhere(segment).number(span))
            marked += 1
        segments.append(GAP.escape(segment))
        cursor = span.end
    return " [gap] ".join(segments) or NONE, marked


def _segment(mention: str) -> str:
    """The text of a span as the answer writes it, white space at its ends by markers."""
    core = mention.strip()
    before = len(mention) - len(mention.lstrip())
    after = len(mention) - len(core) - before
    pieces = ["[blank]"] * before + [BLANK.escape(core)] * bool(core) + ["[blank]"] * after
    return " ".join(pieces)


def parse_answer(answer: str) -> tuple[list[str], bool]:
    """Parses any answer to sub-task B.

    Args:
        answer: a model's text.

    Returns:
        The segments in order, and whether the whole answer was well-formed.
    """
    if normalised(answer) == NONE:
        return [], True
    first, others = GAP.split(answer)
    segments = [segment.strip() for segment in (first, *(after for _, after in others))]
    return [segment for segment in segments if segment], all(segments)


def locate(text: str, segments: Sequence[str]) -> list[Span | None]:
    """Finds the spans of a post that an answer's segments mean.

    Args:
        text: of the post.
        segments: the segments of the answer, in order.

    Returns:
        The span of each segment, None where it does not occur.
    """
    return place_in_order(segments, _Finder(text).places)


class _Finder:
    """Finds the segments of an answer in a post."""

    def __init__(self, text: str) -> None:
        self._text, self._places = text, TextPlaces(text)
        self._all = Memo(partial(self._find, words=False))
        self._words = Memo(partial(self._find, words=True))

    def places(self, segment: str) -> Places:
        """The places of a segment: the marked one, or those outside words, or all."""
        bare, mark = parse_mark(segment)
        if mark is not None and (marked := self.everywhere(bare).numbered(mark)):
            return only(marked)
        return self._words[segment] or self.everywhere(segment)

    def everywhere(self, segment: str) -> Places:
        """All places of a segment; whatever case and white space, if there is none otherwise."""
        return self._all[segment]

    def _find(self, segment: str, *, words: bool) -> Places:
        first, others = BLANK.split(segment)
        pieces = [piece.strip() for piece in (first, *(after for _, after in others))]
        solid = [i for i, piece in enumerate(pieces) if piece]
        if not solid:
            return self._blanks(len(pieces) - 1)
        core = " ".join(pieces[i] for i in solid)
        places = self._places.exact(core)
        find = self._places.exact if places else self._places.folded
        before, after = solid[0], len(pieces) - 1 - solid[-1]
        if (before or after) and (wide := self._widened(find(core), before, after)):
            return self._widened(find(core, words=True), before, after) if words else wide
        return places if places and not words else find(core, words=words)

    def _blanks(self, count: int) -> Places:
        pattern = re.compile(rf"\s{{{count}}}")

        def find(start: int) -> Span | None:
            match = pattern.search(self._text, start)
            return Span(*match.span()) if match else None

        return Places(find)

    def _widened(self, places: Places, before: int, after: int) -> Places:
        """The places that have so many blanks before and after them, with these."""

        def find(start: int) -> Span | None:
            place = inside.first(start + before)
            return Span(place.start - before, place.end + after) if place else None

        inside = places.where(
            lambda place: (
                _is_blank(self._text, place.start - before, place.start)
                and _is_blank(self._text, place.end, place.end + after)
            )
        )
        return Places(find)


def _is_blank(text: str, start: int, end: int) -> bool:
    inside = start >= 0 and end <= len(text)
    return start == end or (inside and text[start:end].isspace())


def place(subtask: str, text: str, answer: str) -> list[tuple[int, int, str]]:
    """The spans of a post that an answer means; see `stages.tasks.Task.place`."""
    spans = locate(text, parse_answer(answer)[0])
    return sorted((span.start, span.end, COLUMN[B]) for span in spans if span)


def interpret(subtask: str, answer: str) -> int | list[str] | None:
    """The label or the mentions in an answer; see `stages.tasks.Task.interpret`.

    Any text could be a mention.
    """
    if subtask == A:
        return HOMOTRANSPHOBIC.parse(answer)
    segments, parsed = parse_answer(answer)
    return segments if segments or parsed else None


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    files = {}
    for subtask, by_split in read_items(folder, hold_out).items():
        rows = [(post.id, _submitted(parser, post)) for post in by_split["test"]]
        table = write_table(["id", COLUMN[subtask]], rows, delimiter="\t", quoted=False)
        files[run.file_name(SUBMISSIONS[subtask])] = table
    return Submission(files, parser.finish())


def _submitted(parser: AnswerParser, post: Post) -> int | list[int]:
    """The label, or the positions, that the answer about a post states."""
    if post.subtask == A:
        return parser.parse(A, post.question_id, HOMOTRANSPHOBIC.parse, FALLBACK)
    segments, parsed = parse_answer(parser.answer(post.question_id))
    spans = [span for span in locate(post.text, segments) if span]
    parser.count(
        B,
        parsed=parsed and len(spans) == len(segments),
        fallback=not spans and bool(segments or not parsed),
    )
    return sorted(i for span in spans for i in range(*span))


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority, mean_unit

    units = {}
    for subtask, by_split in read_items(folder, hold_out, with_gold=True).items():
        path, column = submission / run.file_name(SUBMISSIONS[subtask]), COLUMN[subtask]
        columns = {"id": identifier, column: flag if subtask == A else positions_cell}
        rows = read_table(path, columns, delimiter="\t", quoted=False)
        submitted = [row[column] for row in match_items(path, rows, "id", by_split["test"])]
        gold = [post.gold for post in by_split["test"]]
        if None in gold:
            continue
        if subtask == A:
            baseline = majority([post.gold for post in by_split["train"]])
            units[A] = f1_unit(gold, submitted, (0, 1), baseline, answer=HOMOTRANSPHOBIC.write)
        else:
            values = [dice(g, s) for g, s in zip(gold, submitted, strict=True)]
            without = sum(not rationale for rationale in gold) / len(gold)
            units[B] = mean_unit("mean_dice", values, without)
    return units


def dice(gold: AbstractSet[int], submitted: AbstractSet[int]) -> float:
    """The Dice coefficient of two sets of positions, their F1; 1 if both are empty."""
    size = len(gold) + len(submitted)
    return 2 * len(gold & submitted) / size if size else 1.0
