"""Few sizes of packs: a pack is filled up, so that a recorded pass serves many of them.

The filling tokens are segments of their own: nothing else attends to them, and no loss belongs to
their output.
"""

from typing import Any, NamedTuple, cast

import torch

from stages.model.packing import Packed, Pattern, Relation

SHORTEST = 512  # tokens of a pack that is worth filling up
LONGEST_SEGMENT = 512  # tokens, or more: the next power of two
IGNORED = -100  # the label that torch.nn.functional.cross_entropy leaves out


class Size(NamedTuple):
    """The size of a pack: whatever a pack has follows from its tokens.

    Attributes:
        tokens: length of the sequence.
        longest: largest number of queries and of keys of a segment.
        dense: whether there is more of all else than usual, as with short rows that have much in
            common, or long answers.
        answers: whether rows have answers, and so several positions to predict from.
    """

    tokens: int
    longest: int
    dense: bool
    answers: bool

    @property
    def keys(self) -> int:
        """Keys of all segments, which may share some."""
        return self.tokens * (12 if self.dense else 7) // 4

    @property
    def predictions(self) -> int:
        """Positions whose next token is predicted."""
        return self.tokens // (2 if self.dense else 8) if self.answers else self.segments

    @property
    def segments(self) -> int:
        """Segments of queries, empty ones included."""
        return self.tokens // (16 if self.dense else 48)


def size_for(packed: Packed, steps: int) -> Size | None:
    """Returns the size that a pack is to be filled up to; None if that would take too much.

    Args:
        packed: in the host's memory.
        steps: number of sizes from a power of two to the next one.
    """
    tokens = packed.ids.shape[1]
    if tokens < SHORTEST:
        return None
    step = max(64, _power_of_two(tokens + 1) // 2 // steps)
    filled, answers = (tokens // step + 1) * step, len(packed.labels) > 0
    for dense in (False, True):
        size = Size(filled, _longest_segment(packed), dense, answers)
        if _fits(packed.branches, tokens, size.tokens, size) and _fits(
            packed.rows, len(packed.predicting), size.predictions, size
        ):
            return size
    return None


def _longest_segment(packed: Packed) -> int:
    if packed.branches.longest is None:
        return LONGEST_SEGMENT
    segments = [*packed.branches.longest, *cast(Any, packed.rows.longest)]
    return max(LONGEST_SEGMENT, _power_of_two(max(segments)))


def _fits(pattern: Pattern, queries: int, room: int, size: Size) -> bool:
    """Whether queries fit the room for them, and their keys and segments those of a size."""
    if pattern.relation:
        keys = 0 if pattern.keys is None else len(pattern.keys)
        has_branches = len(pattern.relation.above) < size.segments
        return has_branches and queries <= room and keys <= size.keys
    query_bounds, key_bounds = cast(Any, pattern.bounds)
    free_segments = size.segments - (len(query_bounds) - 1)
    return bool(0 <= room - queries <= size.keys - key_bounds[-1] <= size.longest * free_segments)


def fill_up(packed: Packed, size: Size) -> Packed:
    """Adds tokens to a pack that give it a size.

    They attend to themselves, as often as it takes to have the keys; the last segments have keys
    only, or nothing at all.

    Args:
        packed: in the host's memory, in the form of a GPU.
        size: which it fits.
    """
    tokens = packed.ids.shape[1]
    added, predictions = size.tokens - tokens, size.predictions - len(packed.predicting)
    positions = torch.arange(added)
    predicting = torch.arange(predictions) % added
    return Packed(
        ids=torch.cat([packed.ids, packed.ids.new_zeros(1, added)], dim=1),
        positions=torch.cat([packed.positions, positions[None]], dim=1),
        branches=_filled(packed.branches, size, tokens, size.tokens, positions),
        predicting=torch.cat([packed.predicting, tokens + predicting]),
        rows=_filled(packed.rows, size, tokens, size.predictions, predicting),
        labels=torch.cat(
            [packed.labels, packed.labels.new_full((predictions * size.answers,), IGNORED)]
        ),
    )


def _filled(
    pattern: Pattern, size: Size, tokens: int, queries: int, positions: torch.Tensor
) -> Pattern:
    """Fills a pattern up.

    Args:
        pattern: to be filled.
        size: of the whole pack.
        tokens: of the pack as it is.
        queries: number of queries that the pattern is to have.
        positions: of the queries that are added.
    """
    added = size.tokens - tokens
    if pattern.relation:
        return Pattern(None, relation=_filled_relation(pattern.relation, size, added, positions))
    keys = torch.arange(tokens) if pattern.keys is None else pattern.keys
    keys = torch.cat([keys, tokens + torch.arange(size.keys - len(keys)) % added])
    query_bounds, key_bounds = cast(Any, pattern.bounds)
    steps = torch.arange(1, size.segments - len(query_bounds) + 2, dtype=torch.int32)
    bounds = (
        torch.cat([query_bounds, (query_bounds[-1] + size.longest * steps).clamp(max=queries)]),
        torch.cat([key_bounds, (key_bounds[-1] + size.longest * steps).clamp(max=size.keys)]),
    )
    return Pattern(keys, bounds=bounds, longest=(size.longest, size.longest))


def _filled_relation(
    relation: Relation, size: Size, added: int, positions: torch.Tensor
) -> Relation:
    """Adds a branch for the added tokens, and branches without any."""
    branches = len(relation.above)
    above = torch.eye(size.segments, dtype=torch.bool)
    above[:branches, :branches] = relation.above

    def with_last(numbers: torch.Tensor, count: int) -> torch.Tensor:
        return torch.cat([numbers, numbers.new_full((count,), branches)])

    return Relation(
        query_branches=with_last(relation.query_branches, len(positions)),
        query_positions=torch.cat([relation.query_positions, positions]),
        key_branches=with_last(relation.key_branches, added),
        key_positions=torch.cat([relation.key_positions, torch.arange(added)]),
        above=above,
    )


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
