"""Forms: what kind of answer a sub-task has, for heads that compute it instead of writing it.

An answer is a text. Behind it stands a value that a head of an encoder can compute: labels and
numbers, a set of words, spans of the input, or pairs of spans. A form says which, and turns values
into answers that decode parses as it parses those of any model. Tasks name the forms of their open
sub-tasks; closed ones have one label of a few. encode writes the forms, and the value of every
training answer, for whoever learns them: heads and linear models. infer takes expectations over the
numbers of a form (stages/answering/numbers.py), and decode decides between them
(stages/toolkit/decisions.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from stages.common.command import InputError
from stages.common.files import read_bytes, read_jsonl
from stages.common.settings import Section, Text
from stages.forms.mentions import Markers, Span, occurrences, parse_mark, with_mark
from stages.forms.places import TokenPlaces

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


MOST = 100_000  # numbers of a range


class Number(Section):
    """A number in an answer.

    Attributes:
        low: the smallest that there is.
        high: the largest.
        decimals: with which it is written.
    """

    low: float
    high: float
    decimals: Annotated[int, Field(ge=0, le=6)]

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        if not self.low < self.high or (self.high - self.low) * 10**self.decimals >= MOST:
            raise ValueError(f"expected a range of fewer than {MOST} numbers")
        return self

    def all(self) -> Iterator[tuple[str, float]]:
        """Yields texts and values of all numbers, ascending."""
        low, high = (round(end * 10**self.decimals) for end in (self.low, self.high))
        for whole in range(low, high + 1):
            value = whole / 10**self.decimals
            yield self.write(value), value

    def write(self, value: float) -> str:
        """Writes a number with its decimals; there is no negative zero."""
        text = f"{value:.{self.decimals}f}"
        return text if float(text) else f"{0.0:.{self.decimals}f}"

    def clip(self, value: float) -> float:
        """Cuts a value to the range."""
        return min(max(value, self.low), self.high)


class Fields(Section):
    """A template with slots for labels and then for numbers, as ``{valence} {arousal}``.

    Attributes:
        template: the answer, with ``{NAME}`` for each slot; single blanks between numbers.
        labels: the labels of each slot that has some; none where training answers say which.
        numbers: of the slots at the end, in their order.
        resolution: numbers that are no further apart are not told apart in an expectation.
    """

    kind: Literal["fields"] = "fields"
    template: Text
    labels: Mapping[str, list[str]] = {}
    numbers: Annotated[Mapping[str, Number], Field(max_length=100)] = {}
    resolution: Annotated[float, Field(ge=0.0)] = 0.0

    @model_validator(mode="after")
    def _ends_in_numbers(self) -> Self:
        texts, names, first = self._slots()
        is_whole = names[first:] == list(self.numbers) and set(names[:first]) == set(self.labels)
        between = set(texts[first + 1 : -1]) <= {" "} and (texts[first].strip() or not first)
        if not is_whole or (self.numbers and (not between or texts[-1])):
            raise ValueError(
                "expected a template with a slot for each label and, at its end, for each number,"
                " text before the first of these and single blanks between them"
            )
        return self

    def _slots(self) -> tuple[list[str], list[str], int]:
        """The texts around slots, the names of slots, and which is the first with a number."""
        pieces = _SLOT.split(self.template)  # text, name, text, name, …, text
        names = pieces[1::2]
        return pieces[::2], names, len(names) - len(self.numbers)

    def before(self, answer: str) -> str | None:
        """What stands in an answer before its numbers; None if it has no place for them."""
        texts, _, first = self._slots()
        after = texts[first].lstrip()
        if not after:
            return ""
        at = answer.rfind(after.rstrip())
        return None if at < 0 else answer[:at] + after

    def fill(self, answer: str, values: Sequence[float]) -> str | None:
        """Puts other numbers into an answer; None if it has no place for them."""
        before = self.before(answer)
        pairs = zip(self.numbers.values(), values, strict=True)
        return None if before is None else before + " ".join(n.write(v) for n, v in pairs)

    def parse(self, answer: str) -> dict[str, Any] | None:
        """Returns the label or number in each slot; None for an answer of another form."""
        match = self._pattern().fullmatch(answer)
        if not match:
            return None
        return {n: float(v) if n in self.numbers else v for n, v in match.groupdict().items()}

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
        return self.numbers[name].write(value) if name in self.numbers else str(value)

    def _pattern(self) -> re.Pattern[str]:
        texts, names, _ = self._slots()
        pattern = re.escape(texts[0])
        for name, after in zip(names, texts[1:], strict=True):
            inner = _NUMBER if name in self.numbers else self._one_of(name)
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


def number_forms(forms: Mapping[str, Form]) -> dict[str, Fields]:
    """Returns the forms of answers with numbers."""
    return {name: form for name, form in forms.items() if isinstance(form, Fields) and form.numbers}


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
            found = TokenPlaces(texts).exact(core)
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
