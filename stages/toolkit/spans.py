"""Spans of text and the places where a mention occurs.

Offsets count characters from 0; the end is exclusive.
"""

import bisect
import re
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

from stages.forms.mentions import Markers as Markers
from stages.forms.mentions import Span as Span
from stages.forms.mentions import occurrences as occurrences
from stages.forms.mentions import parse_mark as parse_mark
from stages.forms.mentions import token_occurrences as token_occurrences
from stages.forms.mentions import with_mark as with_mark
from stages.toolkit.limits import MENTIONS

Mention = TypeVar("Mention", bound=Hashable)


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


# --- Mentions in order ----------------------------------------------------------------------------


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
