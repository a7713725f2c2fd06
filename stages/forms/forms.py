"""Forms: what kind of answer a sub-task has, for heads that compute it instead of writing it.

An answer is a text. Behind it stands a value that a head of an encoder can compute: labels and
numbers, a set of words, spans of the input, or pairs of spans. A form says which, and turns values
into answers that decode parses as it parses those of any model. Tasks name the forms of their open
sub-tasks; closed ones have one label of a few. encode writes the forms, and the value of every
training answer, for whoever learns them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from stages.common.command import InputError
from stages.common.files import read_bytes, read_jsonl
from stages.common.settings import Section, Text
from stages.forms.mentions import (
    Markers,
    Span,
    occurrences,
    parse_mark,
    token_occurrences,
    with_mark,
)

Place = tuple[int, int, str]
"""A span of the input, start and end, with its label."""

Pair = tuple[int, int, int, int]
"""Two spans of the input that belong together: start and end of each."""

Unit = Literal["token", "word"]
PATTERNS: Mapping[Unit, str] = {"token": r"\S+", "word": r"\w+|[^\w\s]"}
"""Patterns of what a head labels: what stands between blanks, or a word or a sign."""

Marker = Annotated[str, Field(pattern="^[A-Za-z]+$")]
"""The name of a marker such as ``[PER]``."""

_SLOT = re.compile(r"\{(\w+)\}")
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"


class Fields(Section):
    """A template with slots for labels and numbers, as ``{valence} {arousal}``.

    Attributes:
        template: the answer, with ``{NAME}`` for each slot.
        labels: the labels of each slot that has some; none where training answers say which.
        decimals: of each slot that has a number.
    """

    kind: Literal["fields"] = "fields"
    template: Text
    labels: Mapping[str, list[str]] = {}
    decimals: Mapping[str, int] = {}

    def parse(self, answer: str) -> dict[str, Any] | None:
        """Returns the label or number in each slot; None for an answer of another form."""
        match = self._pattern().fullmatch(answer)
        if not match:
            return None
        return {n: float(v) if n in self.decimals else v for n, v in match.groupdict().items()}

    def write(self, text: str, value: Mapping[str, Any]) -> str:
        """Returns the answer; what the input is does not matter."""
        return _SLOT.sub(lambda slot: self._written(slot[1], value[slot[1]]), self.template)

    def with_labels(self, answers: Iterable[str]) -> "Fields":
        """Returns the form with the labels that some answers have, where it has none."""
        values = [value for answer in answers if (value := self.parse(answer))]
        found = {
            name: known or sorted({value[name] for value in values})
            for name, known in self.labels.items()
        }
        return self.model_copy(update={"labels": found})

    def _written(self, name: str, value: Any) -> str:
        return f"{value:.{self.decimals[name]}f}" if name in self.decimals else str(value)

    def _pattern(self) -> re.Pattern[str]:
        pieces = _SLOT.split(self.template)  # text, name, text, name, …, text
        pattern = re.escape(pieces[0])
        for name, after in zip(pieces[1::2], pieces[2::2], strict=True):
            inner = _NUMBER if name in self.decimals else self._one_of(name)
            pattern += f"(?P<{name}>{inner}){re.escape(after)}"
        return re.compile(pattern)

    def _one_of(self, name: str) -> str:
        labels = sorted(self.labels[name], key=len, reverse=True)
        return "|".join(map(re.escape, labels)) or ".+?"


class Words(Section):
    """A set of a few words in alphabetical order, separated by blanks.

    Attributes:
        words: all that there are.
        none: the answer without any.
    """

    kind: Literal["words"] = "words"
    words: Annotated[list[str], Field(min_length=1)]
    none: Text

    def parse(self, answer: str) -> list[str] | None:
        """Returns the words; None for an answer of another form."""
        words = [] if answer == self.none else answer.split()
        return words if set(words) <= set(self.words) else None

    def write(self, text: str, value: Iterable[str]) -> str:
        """Returns the answer; what the input is does not matter."""
        return " ".join(sorted(value)) or self.none


class Spans(Section):
    """Spans of the input in its order, each with a label.

    A mention that stands in the input more than once has an occurrence mark.

    Attributes:
        labels: of spans.
        entry: how a span is written, with ``{label}`` and ``{mention}``.
        joint: what stands between two.
        none: the answer without any.
        markers: names of markers, which mentions escape.
        blank: stands for each white space at the ends of a mention; empty: there is none.
        unit: what a head labels, and of which spans consist (`PATTERNS`).
        whole: whether equal mentions count only where they begin and end with units.
    """

    kind: Literal["spans"] = "spans"
    labels: Annotated[list[str], Field(min_length=1)]
    entry: Text
    joint: str
    none: Text
    markers: Annotated[list[Marker], Field(min_length=1)]
    blank: str = ""
    unit: Unit
    whole: bool = False

    def write(self, text: str, value: Iterable[Place]) -> str:
        """Returns the answer about an input."""
        places = sorted(value)
        mentions = _Mentions(
            text, self.markers, self.blank, PATTERNS[self.unit] if self.whole else ""
        )
        alone = self.none if len(places) == 1 else ""
        entries = (
            _fill(self.entry, label=label, mention=mentions.write(Span(start, end), alone))
            for start, end, label in places
        )
        return self.joint.join(entries) or self.none


class Pairs(Section):
    """Pairs of spans of the input, in the order of the first one and then of the second.

    Attributes:
        labels: of the first and of the second span; the names of their slots.
        entry: how a pair is written.
        joint: what stands between two.
        none: the answer without any.
        markers: names of markers, which mentions escape.
        unit: as of `Spans`.
    """

    kind: Literal["pairs"] = "pairs"
    labels: tuple[str, str]
    entry: Text
    joint: str
    none: Text
    markers: Annotated[list[Marker], Field(min_length=1)]
    unit: Unit

    def write(self, text: str, value: Iterable[Pair]) -> str:
        """Returns the answer about an input."""
        mentions = _Mentions(text, self.markers)
        first, second = self.labels
        entries = (
            _fill(
                self.entry,
                **{first: mentions.write(Span(*pair[:2])), second: mentions.write(Span(*pair[2:]))},
            )
            for pair in sorted(value)
        )
        return self.joint.join(entries) or self.none


Form = Annotated[Fields | Words | Spans | Pairs, Field(discriminator="kind")]
Forms = dict[str, Form]
"""The form of each sub-task that has one."""


def one_label(answers: Sequence[str]) -> Fields:
    """Returns the form of a closed sub-task.

    Args:
        answers: its candidate answers.
    """
    return Fields(template="{answer}", labels={"answer": list(answers)})


# --- Mentions -------------------------------------------------------------------------------------


class _Mentions:
    """Writes mentions of a text so that they are found where they are.

    Args:
        text: the input.
        markers: names of markers, which mentions escape.
        blank: stands for each white space at the ends of a mention; empty: there is none.
        unit: what mentions begin and end with; empty: any character.
    """

    def __init__(self, text: str, markers: Sequence[str], blank: str = "", unit: str = "") -> None:
        self._text, self._blank = text, blank
        self._markers = Markers(*markers)
        self._units = [Span(*m.span()) for m in re.finditer(unit, text)] if unit else []

    def write(self, span: Span, none: str = "") -> str:
        """Writes the mention of a span, marked if it might be taken for another or for none."""
        mention = self._text[span.start : span.end]
        core = mention.strip()
        before = len(mention) - len(mention.lstrip())
        after = len(mention) - len(core) - before
        if self._units:
            core = " ".join(core.split())
        blanks = [self._blank] * before, [self._blank] * after
        pieces = [*blanks[0], *[self._markers.escape(core)] * bool(core), *blanks[1]]
        written = " ".join(piece for piece in pieces if piece)
        places = self._places(core, before, after)
        is_none = none and none.casefold() in mention.casefold()
        if len(places) > 1 or is_none or parse_mark(core)[1] is not None:
            return with_mark(written, places.index(span) + 1)
        return written

    def _places(self, core: str, before: int, after: int) -> list[Span]:
        """All places of a mention with as much white space around it."""
        if self._units:
            texts = [self._text[unit.start : unit.end] for unit in self._units]
            found = token_occurrences(texts, core)
            return [Span(self._units[p.start].start, self._units[p.end - 1].end) for p in found]
        if not core:
            length = before + after
            starts = range(len(self._text) - length + 1)
            return [Span(i, i + length) for i in starts if self._is_blank(i, i + length)]
        wide = [
            Span(place.start - before, place.end + after)
            for place in occurrences(self._text, core, Span(0, len(self._text)))
        ]
        return [
            place
            for place in wide
            if self._is_blank(place.start, place.start + before)
            and self._is_blank(place.end - after, place.end)
        ]

    def _is_blank(self, start: int, end: int) -> bool:
        inside = start >= 0 and end <= len(self._text)
        return start == end or (inside and self._text[start:end].isspace())


def _fill(entry: str, **values: str) -> str:
    return _SLOT.sub(lambda slot: values[slot[1]], entry)


# --- Files ----------------------------------------------------------------------------------------


def read_forms(path: Path) -> Forms:
    """Reads the forms of sub-tasks.

    Raises:
        InputError: if the file is absent or holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the forms of answers")
    try:
        return TypeAdapter(Forms).validate_json(read_bytes(path))
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(map(str, found["loc"]))
        raise InputError(f"{path}: expected forms of answers: {place}: {found['msg']}") from error


def read_values(path: Path) -> dict[str, Any]:
    """Reads the values of answers by question id, as encode writes them.

    Raises:
        InputError: for defects of the file.
    """
    return {row["id"]: row["value"] for row in read_jsonl(path, ("id", "value"))}
