"""Places of a mention in a text, found one by one."""

import bisect
import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import accumulate
from typing import NamedTuple

from stages.common.memo import Memo
from stages.forms.mentions import Span, is_inside_word


class Places:
    """The places of a mention, of which both starts and ends ascend.

    They are found only as far as is asked for, for a text can have as many as it has characters.
    """

    def __init__(self, find: Callable[[int], Span | None]) -> None:
        """Finds nothing yet.

        Args:
            find: does what `first` does.
        """
        self._find = find
        self._first = Memo(self._looked_for)
        self._none_from: float = math.inf

    def first(self, start: int) -> Span | None:
        """The first place that begins at an offset or after it, or None."""
        return self._first[start]

    def _looked_for(self, start: int) -> Span | None:
        place = self._find(start) if start < self._none_from else None
        if place is None:
            self._none_from = min(start, self._none_from)
        return place

    def __iter__(self) -> Iterator[Span]:
        place = self.first(0)
        while place:
            yield place
            place = self.first(place.start + 1)

    def __bool__(self) -> bool:
        return self.first(0) is not None

    def numbered(self, number: int) -> Span | None:
        """The place of a number, counted from 1, or None."""
        return self.first(self._starts[number - 1]) if 0 < number <= len(self._starts) else None

    def number(self, place: Span) -> int:
        """The number of one of the places, counted from 1."""
        return bisect.bisect_left(self._starts, place.start) + 1

    @cached_property
    def _starts(self) -> "array[int]":
        return array("q", (place.start for place in self))

    def where(self, holds: Callable[[Span], bool]) -> "Places":
        """The places of which something holds."""

        def find(start: int) -> Span | None:
            place = self.first(start)
            while place and not holds(place):
                place = self.first(place.start + 1)
            return place

        return Places(find)


def only(place: Span) -> Places:
    """A place as the only one."""
    return Places(lambda start: place if start <= place.start else None)


class _Seams(NamedTuple):
    """A text whose mentions begin and end at seams only: between its characters, words or tokens.

    Attributes:
        text: where mentions are looked for.
        offsets: of the seams in it, ascending.
        begins: what a place that begins at a seam begins with, ascending.
        ends: what a place that ends there ends with.
        numbers: of the seams, by their offsets.
    """

    text: str
    offsets: Sequence[int]
    begins: Sequence[int]
    ends: Sequence[int]
    numbers: Mapping[int, int]

    def first(self, mention: str, start: int) -> Span | None:
        """The first place of a mention that begins with a number or after it, or None."""
        seam = bisect.bisect_left(self.begins, start)
        while mention and seam < len(self.offsets):
            offset = self.text.find(mention, self.offsets[seam])
            if offset < 0:
                return None
            begin, end = self.numbers.get(offset), self.numbers.get(offset + len(mention))
            if begin is not None and end is not None:
                return Span(self.begins[begin], self.ends[end])
            seam = bisect.bisect_right(self.offsets, offset)
        return None

    def places(self, mention: str) -> Places:
        """The places of a mention; nothing has none."""
        return Places(partial(self.first, mention))


def _seams(text: str, seams: Iterable[tuple[int, int, int]]) -> _Seams:
    """Sews a text.

    Args:
        text: where mentions are looked for.
        seams: offset, begin and end of each.
    """
    offsets, begins, ends = map(list, zip(*seams, strict=True))
    return _Seams(text, offsets, begins, ends, {at: number for number, at in enumerate(offsets)})


class TextPlaces:
    """Finds mentions in a text."""

    def __init__(self, text: str) -> None:
        """Takes a text."""
        self._text = text

    def exact(self, mention: str, *, words: bool = False) -> Places:
        """The places of a mention.

        Args:
            mention: what is looked for; nothing has no places.
            words: whether they must neither begin nor end inside a word or number (see `is_word`).
        """
        return self._words.places(mention) if words else Places(partial(self._first, mention))

    def folded(self, mention: str, *, words: bool = False) -> Places:
        """Likewise, whatever the case and the kind and amount of white space.

        Case folding may change a text's length (``İ`` becomes two characters, ``ß`` becomes
        ``ss``); no place begins or ends inside of what one character has become.
        """
        folded = " ".join(mention.split()).casefold()
        return (self._folded_words if words else self._folded).places(folded)

    def _first(self, mention: str, start: int) -> Span | None:
        offset = self._text.find(mention, start) if mention else -1
        return Span(offset, offset + len(mention)) if offset >= 0 else None

    @cached_property
    def _words(self) -> _Seams:
        offsets = (i for i in range(len(self._text) + 1) if not is_inside_word(self._text, i))
        return _seams(self._text, ((offset,) * 3 for offset in offsets))

    @cached_property
    def _folded(self) -> _Seams:
        pieces: list[str] = []
        seams = [(0, 0, 0)]
        for i, character in enumerate(self._text):
            if character.isspace() and pieces[-1:] == [" "]:
                seams[-1] = (seams[-1][0], i + 1, seams[-1][2])
                continue
            pieces.append(" " if character.isspace() else character.casefold())
            seams.append((seams[-1][0] + len(pieces[-1]), i + 1, i + 1))
        return _seams("".join(pieces), seams)

    @cached_property
    def _folded_words(self) -> _Seams:
        text, *columns, _ = self._folded
        seams = zip(*columns, strict=True)
        return _seams(text, (seam for seam in seams if not is_inside_word(self._text, seam[1])))


class TokenPlaces:
    """Finds mentions in a tokenised text, as spans of tokens, not of characters.

    White space does not matter: ``d'Italia`` is found in the tokens ``d'``, ``Italia``. A place
    begins and ends with a token.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        """Takes the tokens, none of them blank."""
        self._tokens = tokens

    def exact(self, mention: str) -> Places:
        """The places of a mention; nothing has none."""
        return self._exact.places(_bare(mention))

    def folded(self, mention: str) -> Places:
        """Likewise, whatever the case of letters."""
        return self._folded.places(_bare(mention.casefold()))

    @cached_property
    def _exact(self) -> _Seams:
        return self._joined([_bare(token) for token in self._tokens])

    @cached_property
    def _folded(self) -> _Seams:
        return self._joined([_bare(token.casefold()) for token in self._tokens])

    def _joined(self, tokens: Sequence[str]) -> _Seams:
        offsets = accumulate(map(len, tokens), initial=0)
        return _seams("".join(tokens), ((offset, i, i) for i, offset in enumerate(offsets)))


def _bare(text: str) -> str:
    """A text without its white space."""
    return "".join(text.split())
