"""Mentions that an answer lists in the order of the text, and the places that they have in it."""

import bisect
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from stages.forms.mentions import Span
from stages.forms.places import Places
from stages.toolkit.limits import MENTIONS

Mention = TypeVar("Mention", bound=Hashable)


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
