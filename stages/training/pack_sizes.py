"""Few sizes of packs: a pack is filled up, so that a recorded pass serves many micro-batches.

The filling tokens are segments of their own: nothing else attends to them, and no loss belongs to
their output.
"""

from typing import Any, NamedTuple, cast

import torch

from stages.model.packing import Packed, Pattern

SHORTEST = 512  # tokens of a pack that is worth filling up
STEPS = 16  # sizes from a power of two to the next one
LONGEST_SEGMENT = 512  # tokens, or more: the next power of two
IGNORED = -100  # the label that torch.nn.functional.cross_entropy leaves out


class Size(NamedTuple):
    """The size of a pack: whatever a pack has follows from its tokens.

    Attributes:
        tokens: length of the sequence.
        longest: largest number of queries and of keys of a segment.
        dense: whether there is more of all else than usual, as with short rows that have much in
            common, or long answers.
    """

    tokens: int
    longest: int
    dense: bool

    @property
    def keys(self) -> int:
        """Keys of all segments, which may share some."""
        return self.tokens * (12 if self.dense else 7) // 4

    @property
    def predictions(self) -> int:
        """Positions whose next token is predicted."""
        return self.tokens // (2 if self.dense else 8)

    @property
    def segments(self) -> int:
        """Segments of queries, empty ones included."""
        return self.tokens // (16 if self.dense else 48)


def size_for(packed: Packed) -> Size | None:
    """Returns the size that a pack is to be filled up to; None if that would take too much."""
    tokens = packed.ids.shape[1]
    if tokens < SHORTEST:
        return None
    segments = [*cast(Any, packed.branches.longest), *cast(Any, packed.rows.longest)]
    longest = max(LONGEST_SEGMENT, _power_of_two(max(segments)))
    step = max(64, _power_of_two(tokens + 1) // 2 // STEPS)
    for dense in (False, True):
        size = Size((tokens // step + 1) * step, longest, dense)
        if _fits(packed.branches, tokens, size.tokens, size) and _fits(
            packed.rows, len(packed.predicting), size.predictions, size
        ):
            return size
    return None


def _fits(pattern: Pattern, queries: int, room: int, size: Size) -> bool:
    """Whether queries fit the room for them, and their keys and segments those of a size."""
    query_bounds, key_bounds = cast(Any, pattern.bounds)
    free_segments = size.segments - (len(query_bounds) - 1)
    return bool(0 <= room - queries <= size.keys - key_bounds[-1] <= size.longest * free_segments)


def fill_up(packed: Packed, size: Size) -> Packed:
    """Adds tokens to a pack, in the form for variable-length attention, that give it a size.

    They attend to themselves, as often as it takes to have the keys; the last segments have keys
    only, or nothing at all.
    """
    tokens = packed.ids.shape[1]
    added, predictions = size.tokens - tokens, size.predictions - len(packed.predicting)

    def filled(pattern: Pattern, queries: int) -> Pattern:
        keys = torch.arange(tokens) if pattern.keys is None else pattern.keys
        query_bounds, key_bounds = cast(Any, pattern.bounds)
        steps = torch.arange(1, size.segments - len(query_bounds) + 2, dtype=torch.int32)
        bounds = (
            torch.cat([query_bounds, (query_bounds[-1] + size.longest * steps).clamp(max=queries)]),
            torch.cat([key_bounds, (key_bounds[-1] + size.longest * steps).clamp(max=size.keys)]),
        )
        keys = torch.cat([keys, tokens + torch.arange(size.keys - len(keys)) % added])
        return Pattern(keys, bounds, (size.longest, size.longest), None, None)

    return Packed(
        ids=torch.cat([packed.ids, packed.ids.new_zeros(1, added)], dim=1),
        positions=torch.cat([packed.positions, torch.arange(added)[None]], dim=1),
        branches=filled(packed.branches, size.tokens),
        predicting=torch.cat([packed.predicting, tokens + torch.arange(predictions) % added]),
        rows=filled(packed.rows, size.predictions),
        labels=torch.cat([packed.labels, packed.labels.new_full((predictions,), IGNORED)]),
    )


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
