"""Mentions: parts of a text that an answer repeats, and how it says which of equal ones it means.

Offsets count characters from 0; the end is exclusive.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Self


class Span(NamedTuple):
    """A part of a text, from the first character to that after the last one."""

    start: int
    end: int

    def overlaps(self, other: Self) -> bool:
        """Says whether the two share a character."""
        return self.start < other.end and other.start < self.end

    def gap(self, other: Self) -> int:
        """Counts the characters between the two, 0 if they touch or overlap."""
        return max(0, self.start - other.end, other.start - self.end)


def occurrences(text: str, mention: str, within: Span) -> Iterator[Span]:
    """Finds every place of a non-empty mention inside a part of a text, overlapping ones too."""
    start = text.find(mention, within.start, within.end)
    while start >= 0:
        yield Span(start, start + len(mention))
        start = text.find(mention, start + 1, within.end)


def loose_occurrences(text: str, mention: str, within: Span) -> Iterator[Span]:
    """Likewise, whatever the case of letters and the kind and amount of white space."""
    words = mention.split()
    if words:
        pattern = re.compile(r"\s++".join(map(re.escape, words)), re.IGNORECASE)
        for match in pattern.finditer(text, within.start, within.end):
            yield Span(*match.span())


def is_word(text: str, span: Span) -> bool:
    """Says whether a span neither begins nor ends inside a word or number.

    Symbols border on anything: ``98%``, ``< 1 g`` and ``(-)`` are words too.
    """
    return not is_inside_word(text, span.start) and not is_inside_word(text, span.end)


def is_inside_word(text: str, offset: int) -> bool:
    """Says whether an offset stands between two characters of a word or number."""
    return 0 < offset < len(text) and text[offset - 1].isalnum() and text[offset].isalnum()


class Markers:
    """Markers such as ``[PER]`` between the mentions of an answer, in any case of letters.

    A mention that holds a marker's text gets one more opening bracket: ``[[PER]`` is the text
    ``[PER]``.
    """

    def __init__(self, *names: str) -> None:
        # Brackets are taken from the first one on, all at once: a try at each would be quadratic.
        self._pattern = re.compile(rf"(?<!\[)(\[++)({'|'.join(names)})\]", re.IGNORECASE)

    def escape(self, mention: str) -> str:
        """A mention as the answer writes it."""
        return self._pattern.sub(r"[\g<0>", mention)

    def split(self, answer: str) -> tuple[str, list[tuple[str, str]]]:
        """Cuts an answer at its markers.

        Returns:
            The text before the first marker; and for each marker its name, in capitals, and the
            text that follows it up to the next one.
        """
        pieces = self._pattern.split(answer)  # text, brackets, name, text, brackets, name, …, text
        segments = [("", [pieces[0]])]
        for brackets, name, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            if len(brackets) == 1:
                segments.append((name.upper(), [after]))
            else:
                segments[-1][1].append(f"{brackets[1:]}{name}]{after}")
        (_, before), *marked = ((name, "".join(parts)) for name, parts in segments)
        return before, marked


_MARK = re.compile(r"(.*\S) \[(-?[0-9]{1,6})\]", re.DOTALL)


def with_mark(mention: str, mark: int) -> str:
    """A mention with its occurrence mark: ``Roma [2]``."""
    return f"{mention} [{mark}]"


def parse_mark(mention: str) -> tuple[str, int | None]:
    """Parts a mention from its occurrence mark, None where it has none."""
    match = _MARK.fullmatch(mention)
    return (match[1], int(match[2])) if match else (mention, None)
