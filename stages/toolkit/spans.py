"""Spans of text and the places where a mention occurs.

Offsets count characters from 0; the end is exclusive.
"""

import bisect
import re
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, Self, TypeVar

from stages.toolkit.limits import MENTIONS

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
    pattern = re.compile(r"\s++".join(map(re.escape, words)), re.IGNORECASE)
    return [Span(*m.span()) for m in pattern.finditer(text, within.start, within.end)]


def folded_occurrences(text: str, mention: str) -> list[Span]:
    """Finds every place of a mention, whatever the case and the kind and amount of white space.

    Case folding may change a text's length (``İ`` becomes two characters, ``ß`` becomes ``ss``), so
    every folded character remembers the one that it comes from. No place ends inside of one.
    """
    folded_mention = " ".join(mention.split()).casefold()
    if not folded_mention:
        return []
    folded, origins = _folded(text)
    return [
        Span(origins[place.start], origins[place.end - 1] + 1)
        for place in occurrences(folded, folded_mention, Span(0, len(folded)))
        if (place.start == 0 or origins[place.start - 1] < origins[place.start])
        and origins[place.end - 1] < origins[place.end]
    ]


@lru_cache(maxsize=2)  # an answer's mentions are looked for in the same text
def _folded(text: str) -> tuple[str, list[int]]:
    """A text without differences of case and white space, and where its characters come from."""
    folded: list[str] = []
    origins: list[int] = []
    for i, character in enumerate(text):
        if not character.isspace():
            folded += character.casefold()
        elif folded[-1:] != [" "]:
            folded.append(" ")
        origins += [i] * (len(folded) - len(origins))
    return "".join(folded), [*origins, len(text)]


def token_occurrences(tokens: Sequence[str], mention: str, *, any_case: bool = False) -> list[Span]:
    """Finds every place of a mention in a tokenised text.

    White space does not matter: ``d'Italia`` is found in the tokens ``d'``, ``Italia``. A place
    begins and ends with a token.

    Args:
        tokens: the text's tokens, none of them blank.
        mention: what is looked for.
        any_case: whether the case of letters does not matter either.

    Returns:
        Spans of tokens, not of characters.
    """
    bare_mention = "".join((mention.casefold() if any_case else mention).split())
    if not bare_mention:
        return []
    text, token_at = _joined(tuple(tokens), any_case)
    return [
        Span(token_at[place.start], token_at[place.end])
        for place in occurrences(text, bare_mention, Span(0, len(text)))
        if place.start in token_at and place.end in token_at
    ]


@lru_cache(maxsize=4)  # likewise
def _joined(tokens: tuple[str, ...], any_case: bool) -> tuple[str, dict[int, int]]:
    """The tokens as one text without white space, and which token begins at which offset."""
    bare = ["".join((t.casefold() if any_case else t).split()) for t in tokens]
    offsets = accumulate(map(len, bare), initial=0)
    return "".join(bare), {offset: i for i, offset in enumerate(offsets)}


def first_from(places: Sequence[Span], start: int) -> Span | None:
    """The first of ascending places that begins at an offset or after it, or None."""
    number = bisect.bisect_left(places, start, key=lambda place: place.start)
    return places[number] if number < len(places) else None


def is_word(text: str, span: Span) -> bool:
    """Says whether a span neither begins nor ends inside a word or number.

    Symbols border on anything: ``98%``, ``< 1 g`` and ``(-)`` are words too.
    """

    def inside(left: int) -> bool:
        return 0 < left < len(text) and text[left - 1].isalnum() and text[left].isalnum()

    return not inside(span.start) and not inside(span.end)


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
    mentions: Sequence[Mention], places: Callable[[Mention], Sequence[Span]]
) -> list[Span | None]:
    """Chooses a place for each mention of an answer that lists them in the order of the text.

    As many mentions as possible are placed in this order without overlaps, each as early as it can
    be (a longest increasing subsequence whose elements have alternatives). The others, which the
    answer has out of order, take their first place that is still free.

    Args:
        mentions: the answer; those after the first `MENTIONS` are not placed.
        places: the places of a mention, of which both starts and ends ascend.

    Returns:
        The place of each mention, None where there is none.
    """
    options = {mention: places(mention) for mention in dict.fromkeys(mentions[:MENTIONS])}
    starts = {mention: [place.start for place in own] for mention, own in options.items()}
    chains = [_Chain()]  # the chain of n mentions that ends first, for each n
    for index, mention in enumerate(mentions[:MENTIONS]):
        own, own_starts = options[mention], starts[mention]
        for n in reversed(range(len(chains))):
            first = bisect.bisect_left(own_starts, chains[n].end)
            if first == len(own):
                continue
            place = own[first]
            if n + 1 == len(chains):
                chains.append(_Chain(place.end, index, place, chains[n]))
            elif place.end < chains[n + 1].end:
                chains[n + 1] = _Chain(place.end, index, place, chains[n])
    placed: list[Span | None] = [None] * len(mentions)
    chain = chains[-1]
    while chain.before:
        placed[chain.mention] = chain.place
        chain = chain.before
    taken = sorted(place for place in placed if place)

    def is_free(place: Span) -> bool:
        after = bisect.bisect_left(taken, place)
        return not any(place.overlaps(other) for other in taken[max(0, after - 1) : after + 1])

    for index, mention in enumerate(mentions[:MENTIONS]):
        if placed[index] is None and (free := next(filter(is_free, options[mention]), None)):
            placed[index] = free
            bisect.insort(taken, free)
    return placed
