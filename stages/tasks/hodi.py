"""HODI: say whether a post is homotransphobic (A), and which stretches of it make it so (B).

Raw files, tab-separated with a header; the blind ones are named .csv, but are no different:

    HODI_2023_train_subtaskA.tsv    id text homotransphobic
    HODI_2023_train_subtaskB.tsv    id text rationales
    HODI_2023_test_subtaskA.csv     id text
    HODI_2023_test_subtaskB.csv     id text
    HODI_2023_test_GOLD.tsv         id homotransphobic rationales (text may be there)

``homotransphobic`` is 1 or 0. ``rationales`` is a list of positions in the text, which count
characters from 0: ``[42, 43, 44]``, in any order and perhaps with duplicates; an empty cell and
``[]`` both mean none. A line is a record and a quote belongs to its text, unless all of a file's
quotes are those of RFC 4180 (`stages.toolkit.tables.is_quoted`). Sub-task A's training file is
required. Sub-task B is skipped where its training file is absent. Where a test file is absent, its
sub-task is asked about the other's posts, for the gold is one table for both; where both are,
training posts are held out. Equal posts are on the same side in both sub-tasks. Formats: the
organisers' guidelines and scorer.

The question is the post. In A the answer is ``sì`` or ``no``. In B it is the stretches of text in
order, joined by `` [gap] ``, or ``nessuna``. Their places follow from their order, each being the
first possible one, not inside a word if it can be helped. What this cannot tell is written out:

    pavone [2]          an occurrence mark, where this picks the wrong place: the second one
    [blank] e [blank]   white space at the ends of a stretch, a marker for each character
    [[gap]              a marker's text in the post gets one more bracket

The submissions, tab-separated, are ``TEAM.A.runN.tsv``, id and homotransphobic, and
``TEAM.B.runN.tsv``, id and rationales, where none is ``[]``. They have a header: the guidelines
want none, but the official scorer takes the first line for one and joins by id. The fallback for an
answer that cannot be read is 0 in A and no rationale in B.

The score is macro F1 over the two classes in A. In B it is the Dice coefficient of submitted and
gold positions of each post, 1 where both are empty, and the mean of it over all posts.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, normalised, yes_no
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.spans import (
    Markers,
    Span,
    folded_occurrences,
    is_word,
    occurrences,
    parse_mark,
    place_in_order,
    with_mark,
)
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Parser,
    flag,
    identifier,
    is_quoted,
    read_table,
    same_items,
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
UNITS = ("hodi_a", "hodi_b")
COLUMN = {A: "homotransphobic", B: "rationales"}

HOMOTRANSPHOBIC = yes_no(1, 0)
CLOSED = {A: HOMOTRANSPHOBIC.candidates}
FALLBACK = 0


@dataclass(frozen=True)
class Post:
    """A post; label and rationale (positions in the text) are None where they are unknown."""

    id: str
    text: str
    homotransphobic: int | None = None
    rationales: frozenset[int] | None = None


# --- Raw files ------------------------------------------------------------------------------------

_POSITIONS = re.compile(r"\[\s*(?:[0-9]{1,9}(?:\s*,\s*[0-9]{1,9})*)?\s*\]")


def positions(cell: str) -> frozenset[int]:
    """The positions of a list such as ``[3, 4, 4]``, which may be empty."""
    if not _POSITIONS.fullmatch(cell):
        raise ValueError("expected a list of positions such as [3, 4, 5], or []")
    return frozenset(map(int, re.findall("[0-9]+", cell)))


def rationale(cell: str) -> frozenset[int]:
    """Likewise; none in an empty cell."""
    return positions(cell) if cell.strip() else frozenset()


LABELS: Mapping[str, Parser] = {COLUMN[A]: flag, COLUMN[B]: rationale}


def read(path: Path, *labels: str, texts: Mapping[str, str] | None = None) -> list[Post]:
    """Reads a file of posts.

    Args:
        path: the file.
        labels: its columns beside id and text.
        texts: the posts' texts by id, which the file must agree with if it has texts.

    Raises:
        InputError: with file and line of every defect.
    """
    columns = {"id": identifier, "text": text, **{column: LABELS[column] for column in labels}}
    optional = {} if texts is None else {"text": columns.pop("text")}
    quoted = is_quoted(path)
    rows = read_table(path, columns, delimiter="\t", quoted=quoted, optional=optional, unique="id")
    if texts is not None:
        same_items(path, list(texts), [row["id"] for row in rows], ordered=False)
    defects = Defects(path)
    posts = []
    for row in rows:
        known = row["text"] if texts is None else texts[row["id"]]
        if row.values.get("text", known) != known:
            defects.add(row.line, f"expected the test set's text {known!r}: {row['text']!r}")
        outside = [i for i in row.values.get(COLUMN[B], ()) if i >= len(known)]
        if outside:
            defects.add(
                row.line,
                f"position {min(outside)} is outside the text, which has {len(known)} characters",
            )
        posts.append(Post(row["id"], known, **{column: row[column] for column in labels}))
    defects.check()
    return posts


def posts(folder: Path, hold_out: HoldOut) -> dict[str, dict[Split, list[Post]]]:
    """Reads a raw folder without the test set's gold: the posts of each sub-task and split."""
    required(folder / TRAIN[A])
    by_subtask: dict[str, dict[Split, list[Post]]] = {}
    for subtask in (A, B):
        if not (folder / TRAIN[subtask]).is_file():
            continue
        test = test_file(folder, subtask)
        by_subtask[subtask] = {"train": [], "dev": [], "test": read(test) if test else []}
        for post in read(folder / TRAIN[subtask], COLUMN[subtask]):
            group = normalised(post.text)
            split = hold_out.split_of(NAME, group, has_dev=False, has_test=test is not None)
            by_subtask[subtask][split].append(post if split != "test" else Post(post.id, post.text))
    return by_subtask


def test_file(folder: Path, subtask: str) -> Path | None:
    """The file of a sub-task's test posts; None where training posts are held out."""
    other = B if subtask == A else A
    paths = (folder / TEST[subtask], folder / TEST[other])
    return next((path for path in paths if path.is_file()), None)


def gold_posts(
    folder: Path, by_subtask: Mapping[str, Mapping[Split, Sequence[Post]]]
) -> dict[str, dict[str, Post]]:
    """Reads the gold of each sub-task's test posts by id; empty where there is none."""
    if not test_file(folder, A):
        return {s: {p.id: p for p in read(folder / TRAIN[s], COLUMN[s])} for s in by_subtask}
    if not (folder / GOLD).is_file():
        return {subtask: {} for subtask in by_subtask}
    asked = {post.id: post.text for subtask in by_subtask for post in by_subtask[subtask]["test"]}
    gold = {post.id: post for post in read(folder / GOLD, *COLUMN.values(), texts=asked)}
    return dict.fromkeys(by_subtask, gold)


# --- Questions ------------------------------------------------------------------------------------


NOTES = (
    "questions",
    "rationales",
    "stretches",
    "marked_stretches",
    "stretches_with_blanks",
    "stretches_inside_words",  # many of them: the positions may count something else
)


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every post; see `stages.tasks.Task.encode`."""
    by_subtask = posts(folder, hold_out)
    gold = gold_posts(folder, by_subtask)
    _log_absent(folder)
    notes = dict.fromkeys(NOTES, 0)
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for subtask, by_split in by_subtask.items():
        taken = {post.id for post in by_split["test"]}
        for split in SPLITS:
            for post in by_split[split]:
                known = gold[subtask].get(post.id, post) if split == "test" else post
                output = _answer(subtask, known, notes)
                # Should a test file number its posts anew, training posts give way.
                again = "train:" if split != "test" and post.id in taken else ""
                question = _question(subtask, again + post.id)
                examples[split].append(Example(question, subtask, post.text, output))
    return Encoded(examples, notes)


def _answer(subtask: str, post: Post, notes: dict[str, int]) -> str | None:
    """The gold answer about a post, None where it is unknown."""
    notes["questions"] += 1
    if subtask == A:
        label = post.homotransphobic
        return None if label is None else HOMOTRANSPHOBIC.write(label)
    if post.rationales is None:
        return None
    answer, marked = write_answer(post.text, post.rationales)
    spans = stretches(post.rationales)
    words = [post.text[span.start : span.end] for span in spans]
    notes["rationales"] += bool(spans)
    notes["stretches"] += len(spans)
    notes["marked_stretches"] += marked
    notes["stretches_with_blanks"] += sum(word != word.strip() for word in words)
    notes["stretches_inside_words"] += sum(not is_word(post.text, span) for span in spans)
    return answer


def _question(subtask: str, post: str) -> str:
    return f"{subtask}:{post}"


def _log_absent(folder: Path) -> None:
    if not (folder / TRAIN[B]).is_file():
        log.info("%s: no %s: %s is skipped", folder, TRAIN[B], B)
    test = test_file(folder, A)
    if not test:
        log.info("%s: no %s: held out of train", folder, " and no ".join(TEST.values()))
        return
    for name in TEST.values():
        if not (folder / name).is_file():
            log.info("%s: no %s: %s has the posts", folder, name, test.name)
    if not (folder / GOLD).is_file():
        log.info("%s: no %s: no score", folder, GOLD)


# --- Rationales and answers -----------------------------------------------------------------------

NONE = "nessuna"
GAP = Markers("gap")
BLANK = Markers("blank")


def stretches(rationale: AbstractSet[int]) -> list[Span]:
    """The stretches of text that positions make up, in order; two of them never touch."""
    ordered = sorted(rationale)
    starts = [i for i in ordered if i - 1 not in rationale]
    ends = [i + 1 for i in ordered if i + 1 not in rationale]
    return [Span(start, end) for start, end in zip(starts, ends, strict=True)]


def write_answer(text: str, rationale: AbstractSet[int]) -> tuple[str, int]:
    """Writes the gold answer, every stretch so that it will be read as just itself.

    Args:
        text: of the post.
        rationale: positions in the text.

    Returns:
        The answer, and how many stretches needed an occurrence mark.
    """
    wanted = stretches(rationale)
    segments = []
    marked = cursor = 0
    for stretch in wanted:
        segment = _segment(text[stretch.start : stretch.end])
        ahead = (p for p in _places(text, segment) if p.start >= cursor)
        none = len(wanted) == 1 and normalised(segment) == NONE
        if none or next(ahead, None) != stretch:  # the decoder takes the first one after the last
            segment = with_mark(segment, _everywhere(text, segment).index(stretch) + 1)
            marked += 1
        segments.append(GAP.escape(segment))
        cursor = stretch.end
    return " [gap] ".join(segments) or NONE, marked


def _segment(stretch: str) -> str:
    """A stretch as the answer writes it, white space at its ends by markers."""
    core = stretch.strip()
    before = len(stretch) - len(stretch.lstrip())
    after = len(stretch) - len(core) - before
    pieces = ["[blank]"] * before + [BLANK.escape(core)] * bool(core) + ["[blank]"] * after
    return " ".join(pieces)


def parse_answer(answer: str) -> tuple[list[str], bool]:
    """Reads whatever a model answered.

    Args:
        answer: the model's text.

    Returns:
        The segments in order, and whether the whole answer was well-formed.
    """
    if normalised(answer) == NONE:
        return [], True
    before, parts = GAP.split(answer)
    segments = [segment.strip() for segment in (before, *(after for _, after in parts))]
    return [segment for segment in segments if segment], all(segments)


def locate(text: str, segments: Sequence[str]) -> list[Span | None]:
    """Finds the stretches of a post that an answer's segments mean.

    Args:
        text: of the post.
        segments: the answer.

    Returns:
        The stretch for each segment, None where it does not occur.
    """
    return place_in_order([_places(text, segment) for segment in segments])


def _places(text: str, segment: str) -> list[Span]:
    """The places of a segment: the marked one, or those outside words, or all."""
    bare, mark = parse_mark(segment)
    if mark is not None:
        marked = _everywhere(text, bare)
        if 1 <= mark <= len(marked):
            return [marked[mark - 1]]
    everywhere = _everywhere(text, segment)
    return [place for place in everywhere if is_word(text, place)] or everywhere


def _everywhere(text: str, segment: str) -> list[Span]:
    """All places of a segment; whatever case and white space, if there is none otherwise."""
    first, parts = BLANK.split(segment)
    pieces = [piece.strip() for piece in (first, *(after for _, after in parts))]
    words = [i for i, piece in enumerate(pieces) if piece]
    if not words:
        blanks = len(pieces) - 1
        spans = (Span(i, i + blanks) for i in range(len(text)))
        return [span for span in spans if _is_blank(text, *span)]
    core = " ".join(pieces[i] for i in words)
    places = occurrences(text, core, Span(0, len(text))) or folded_occurrences(text, core)
    before, after = words[0], len(pieces) - 1 - words[-1]
    wide = [
        Span(place.start - before, place.end + after)
        for place in places
        if _is_blank(text, place.start - before, place.start)
        and _is_blank(text, place.end, place.end + after)
    ]
    return wide or places


def _is_blank(text: str, start: int, end: int) -> bool:
    inside = start >= 0 and end <= len(text)
    return start == end or (inside and text[start:end].isspace())


def interpret(subtask: str, answer: str) -> int | list[str] | None:
    """The label or the stretches of text in an answer; see `stages.tasks.Task.interpret`.

    Any text could be a stretch.
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
    for subtask, by_split in posts(folder, hold_out).items():
        rows = []
        for post in by_split["test"]:
            question = _question(subtask, post.id)
            submitted: int | list[int]
            if subtask == A:
                submitted = parser.parse(A, question, HOMOTRANSPHOBIC.parse, FALLBACK)
            else:
                submitted = _parse_rationale(parser, question, post.text)
            rows.append((post.id, submitted))
        header = ["id", COLUMN[subtask]]
        files[file_name(subtask, run)] = write_table(header, rows, delimiter="\t", quoted=False)
    return Submission(files, parser.finish())


def _parse_rationale(parser: AnswerParser, question: str, text: str) -> list[int]:
    segments, parsed = parse_answer(parser.answer(question))
    located = locate(text, segments)
    found = [stretch for stretch in located if stretch]
    parser.count(
        B,
        parsed=parsed and len(found) == len(segments),
        fallback=not found and bool(segments or not parsed),
    )
    return sorted(i for stretch in found for i in range(*stretch))


def file_name(subtask: str, run: Run) -> str:
    """The submission's file name."""
    return f"{run.team}.{'A' if subtask == A else 'B'}.run{run.run}.tsv"


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority, mean_unit

    by_subtask = posts(folder, hold_out)
    gold = gold_posts(folder, by_subtask)
    units = {}
    for subtask, by_split in by_subtask.items():
        path, column = submission / file_name(subtask, run), COLUMN[subtask]
        columns = {"id": identifier, column: flag if subtask == A else positions}
        rows = read_table(path, columns, delimiter="\t", quoted=False)
        ids = [post.id for post in by_split["test"]]
        same_items(path, ids, [row["id"] for row in rows])
        if not gold[subtask]:
            continue
        wanted: list[Any] = [getattr(gold[subtask][i], column) for i in ids]
        given = [row[column] for row in rows]
        if subtask == A:
            baseline = majority([post.homotransphobic for post in by_split["train"]])
            units[A] = f1_unit(wanted, given, (0, 1), baseline, answer=HOMOTRANSPHOBIC.write)
        else:
            values = [dice(w, g) for w, g in zip(wanted, given, strict=True)]
            empty = sum(not w for w in wanted) / len(wanted)
            units[B] = mean_unit("mean_dice", values, empty)
    return units


def dice(wanted: AbstractSet[int], given: AbstractSet[int]) -> float:
    """The Dice coefficient of two sets of positions, their F1; 1 if both are empty."""
    size = len(wanted) + len(given)
    return 2 * len(wanted & given) / size if size else 1.0
