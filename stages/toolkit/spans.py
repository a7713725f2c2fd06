"""Spans of text and the places where a mention occurs.

Offsets count characters from 0; the end is exclusive.
"""

import bisect
import math
import re
from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import accumulate
from typing import NamedTuple, Self, TypeVar

from stages.toolkit.limits import MENTIONS
from stages.toolkit.memo import Memo

Mention = TypeVar("Mention", bound=Hashable)


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
    return not _is_inside_word(text, span.start) and not _is_inside_word(text, span.end)


def _is_inside_word(text: str, offset: int) -> bool:
    return 0 < offset < len(text) and text[offset - 1].isalnum() and text[offset].isalnum()


# --- Places, found one by one ---------------------------------------------------------------------


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
        offsets = (i for i in range(len(self._text) + 1) if not _is_inside_word(self._text, i))
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
        return _seams(text, (seam for seam in seams if not _is_inside_word(self._text, seam[1])))


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


# --- Mentions in answers --------------------------------------------------------------------------


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


class _Chain(NamedTuple):
    """Mentions placed in order: where the last one ends, which it is, and those before it."""

    end: int = 0
    mention: int = -1
    place: Span = Span(0, 0)
    before: "_Chain | None" = None


def place_in_order(
    mentions: Sequence[Mention], places: Callable[[Mention], Places]
) -> list[Span | None]:
    """Chooses a place for each mention of an answer that lists them in the order of the text.

    As many mentions as possible are placed in this order without overlaps, each as early as it can
    be (a longest increasing subsequence whose elements have alternatives). The others, which the
    answer has out of order, take their first place that is still free.

    Args:
        mentions: the answer; those after the first `MENTIONS` are not placed.
        places: the places of a mention.

    Returns:
        The place of each mention, None where there is none.
    """
    options = {mention: places(mention) for mention in dict.fromkeys(mentions[:MENTIONS])}
    placed: list[Span | None] = [None] * len(mentions)
    chain: _Chain | None = _longest_chain(mentions[:MENTIONS], options)
    while chain and chain.before:
        placed[chain.mention] = chain.place
        chain = chain.before
    taken = sorted(place for place in placed if place)
    for index, mention in enumerate(mentions[:MENTIONS]):
        if placed[index] is None and (free := _first_free(options[mention], taken)):
            placed[index] = free
            bisect.insort(taken, free)
    return placed


def _longest_chain(mentions: Sequence[Mention], options: Mapping[Mention, Places]) -> _Chain:
    """The longest chain of mentions; of these the one that ends first.

    A mention is tried at the end of those chains alone that have changed since it was tried before.
    """
    chains = [_Chain()]  # the chain of n mentions that ends first, for each n
    ends = [0]  # where they end, which ascends
    changed = [0]  # the numbers n of chains, as they came to be or changed
    seen = dict.fromkeys(mentions, 0)  # how many of these there were when a mention was tried
    for index, mention in enumerate(mentions):
        news, seen[mention] = changed[seen[mention] :], len(changed)
        longer: dict[int, _Chain] = {}
        last = -1
        for n in sorted(set(news)) if len(news) < len(chains) else range(len(chains)):
            if n <= last:
                continue
            if (place := options[mention].first(ends[n])) is None:
                break
            # Of the chains that end before this place, the longest alone can win by it.
            last = bisect.bisect_right(ends, place.start) - 1
            if last + 1 == len(chains) or place.end < ends[last + 1]:
                longer[last + 1] = _Chain(place.end, index, place, chains[last])
        for n, chain in longer.items():
            chains[n : n + 1], ends[n : n + 1] = [chain], [chain.end]
            changed.append(n)
    return chains[-1]


def _first_free(places: Places, taken: Sequence[Span]) -> Span | None:
    """The first place that overlaps none of those taken, which are in order, or None."""
    place = places.first(0)
    while place:
        after = bisect.bisect_left(taken, place)
        beside = [other for other in taken[max(0, after - 1) : after + 1] if place.overlaps(other)]
        if not beside:
            return place
        place = places.first(max(other.end for other in beside))
    return None
