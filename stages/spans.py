"""Spans of text and the places where a mention occurs.

Offsets count characters from 0; the end is exclusive.
"""

import re
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of a text."""

    start: int
    end: int

    def overlaps(self, other: "Span") -> bool:
        """Says whether the two share a character."""
        return self.start < other.end and other.start < self.end

    def gap(self, other: "Span") -> int:
        """Counts the characters between the two, 0 if they touch or overlap."""
        return max(0, self.start - other.end, other.start - self.end)


def occurrences(text: str, mention: str, within: Span) -> list[Span]:
    """Finds every place of a non-empty mention inside a part of a text, overlapping ones too."""
    places = []
    start = text.find(mention, within.start, within.end)
    while start >= 0:
        places.append(Span(start, start + len(mention)))
        start = text.find(mention, start + 1, within.end)
    return places


def loose_occurrences(text: str, mention: str, within: Span) -> list[Span]:
    """Likewise, whatever the case of letters and the kind and amount of white space."""
    words = mention.split()
    if not words:
        return []
    pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
    return [Span(*m.span()) for m in pattern.finditer(text, within.start, within.end)]


def is_word(text: str, span: Span) -> bool:
    """Says whether a span neither begins nor ends inside a word or number.

    Symbols border on anything: ``98%``, ``< 1 g`` and ``(-)`` are words too.
    """

    def inside(left: int) -> bool:
        return 0 < left < len(text) and text[left - 1].isalnum() and text[left].isalnum()

    return not inside(span.start) and not inside(span.end)
