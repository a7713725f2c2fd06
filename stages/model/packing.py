"""Packing: the rows of a micro-batch as one sequence, so that nothing is padded or computed twice.

Positions begin at 0 in every row, and a row attends to itself alone. Prefixes that several prompts
share, such as the header and the instruction of a sub-task, stand in the sequence once: the rows
form a prefix tree, whose branches attend to the branches that they grow from as to tokens of their
own. This module is the host's side, which decides what stands where and what attends to what;
stages/model/attention.py computes it.

The output of the last layer is needed only at positions whose next token is predicted: the end of a
prompt and its answer. The last token of an answer predicts nothing and is not an input at all.
"""

from bisect import bisect_left
from collections.abc import Sequence
from enum import Enum
from itertools import accumulate, chain, pairwise
from typing import Any, NamedTuple, cast

import torch

from stages.model.device import has_varlen_attention
from stages.model.text import TokenRow

MIN_SHARED = 4  # tokens that prompts must have in common for these to be computed once
ROTATIONS = 32  # rows tried as the first one when rows are split evenly


class Branch(NamedTuple):
    """A branch of the prefix tree, which is a segment of the packed sequence.

    Attributes:
        ids: its token ids.
        position: position of its first token in the rows.
        parent: number of the branch that it grows from, or None.
    """

    ids: list[int]
    position: int
    parent: int | None


def prefix_tree(rows: Sequence[TokenRow]) -> tuple[list[Branch], list[int]]:
    """Builds the tree of the prefixes that prompts share.

    The last token of a prompt is never shared, for the answer follows from it.

    Returns:
        The branches, each after its parent; and for each row the number of its last branch.
    """
    branches: list[Branch] = []
    last_branch = [0] * len(rows)
    inputs = [_input_ids(row) for row in rows]

    def grow(members: list[int], start: int, parent: int | None) -> None:
        by_beginning: dict[tuple[int, ...], list[int]] = {}
        for i in members:
            beginning = tuple(inputs[i][start : min(start + MIN_SHARED, rows[i].prompt - 1)])
            by_beginning.setdefault(beginning, []).append(i)
        for beginning, group in by_beginning.items():
            if len(group) == 1 or len(beginning) < MIN_SHARED:
                for i in group:
                    last_branch[i] = len(branches)
                    branches.append(Branch(inputs[i][start:], start, parent))
            else:
                prompts = [inputs[i][start : rows[i].prompt - 1] for i in group]
                end = start + _common_prefix(prompts)
                number = len(branches)
                branches.append(Branch(inputs[group[0]][start:end], start, parent))
                grow(group, end, number)

    grow(list(range(len(rows))), 0, None)
    return branches, last_branch


def _input_ids(row: TokenRow) -> list[int]:
    """The ids that the model reads: all but the last one of an answer."""
    return row.ids if row.prompt == len(row.ids) else row.ids[:-1]


def _common_prefix(texts: Sequence[list[int]]) -> int:
    """The length of the longest prefix that all texts have."""
    first, last = min(texts), max(texts)  # of all pairs these differ soonest
    length = min(len(first), len(last))
    return next((i for i in range(length) if first[i] != last[i]), length)


# --- Packed sequences -----------------------------------------------------------------------------


class Relation(NamedTuple):
    """Which tokens a query attends to: those of its branch and of the branches above, before it.

    Attributes:
        query_branches: the branch of each query, of shape (queries,).
        query_positions: the position of each query in its rows, likewise.
        key_branches: the branch of each token, of shape (tokens,).
        key_positions: the position of each token in its rows, likewise.
        above: whether a branch (of the row) may attend to another (of the column): to itself and
            to those that it grows from; of shape (branches, branches).
    """

    query_branches: torch.Tensor
    query_positions: torch.Tensor
    key_branches: torch.Tensor
    key_positions: torch.Tensor
    above: torch.Tensor


class Form(Enum):
    """The forms of a pattern, by what computes it."""

    BOUNDS = "variable-length attention: newer GPUs, in 16 bits"
    RELATION = "attention with a mask: other GPUs, and fp32"
    LENGTHS = "segment by segment: a CPU"


class Pattern(NamedTuple):
    """Attention pattern: each segment of queries attends causally to its own list of keys.

    The queries of a segment are aligned with the end of its keys: the last one attends to all of
    them. The pattern takes one of three forms, as its device has it.

    Attributes:
        keys: for each segment in turn the tokens that it may attend to, as indices into the
            sequence. None where they are the sequence as it is.
        bounds: where segments begin among the queries, and among the keys, and where the last one
            ends, each of shape (segments + 1,). For variable-length attention, else None.
        longest: the largest number of queries and of keys of a segment, likewise.
        lengths: numbers of queries, and of keys, of each segment. For attention segment by segment,
            else None.
        causal: a lower triangular matrix as large as the largest number of keys, likewise.
        relation: the same for attention with a mask, else None.
        mask: made of the relation at the beginning of a pass.
    """

    keys: torch.Tensor | None
    bounds: tuple[torch.Tensor, torch.Tensor] | None = None
    longest: tuple[int, int] | None = None
    lengths: tuple[list[int], list[int]] | None = None
    causal: torch.Tensor | None = None
    relation: Relation | None = None
    mask: torch.Tensor | None = None


class Packed(NamedTuple):
    """Rows as one sequence.

    Attributes:
        ids: token ids, of shape (1, tokens).
        positions: position of each token in its rows, of shape (1, tokens).
        branches: how each branch attends to the branches that it grows from, and to itself.
        predicting: positions whose next token is predicted, row by row: the last token of the
            prompt, and the answer's tokens but the last; of shape (predictions,).
        rows: how the predicting tokens of each row attend to the row.
        labels: ids of the answers' tokens, of shape (predictions,); empty for rows without answers.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    branches: Pattern
    predicting: torch.Tensor
    rows: Pattern
    labels: torch.Tensor


def pack(rows: Sequence[TokenRow], device: torch.device, dtype: torch.dtype) -> Packed:
    """Joins rows to one sequence, on a device."""
    return cast(Packed, to_device(pack_on_host(rows, device, dtype), device))


def pack_on_host(rows: Sequence[TokenRow], device: torch.device, dtype: torch.dtype) -> Packed:
    """Joins rows to one sequence, in the host's memory.

    Args:
        rows: the rows.
        device: where they are computed, which decides the form of their patterns.
        dtype: number type of the computation, which does too.
    """
    form = form_for(device, dtype)
    branches, last_branch = prefix_tree(rows)
    lengths = [len(branch.ids) for branch in branches]
    bounds = [0, *accumulate(lengths)]
    paths: list[list[tuple[int, int]]] = []  # the spans that each branch attends to, itself last
    for number, branch in enumerate(branches):
        above = [] if branch.parent is None else paths[branch.parent]
        paths.append([*above, (bounds[number], bounds[number + 1])])
    predictions = [len(_input_ids(row)) - row.prompt + 1 for row in rows]
    ends = [bounds[number + 1] for number in last_branch]
    spans = [range(end - n, end) for end, n in zip(ends, predictions, strict=True)]
    predicting = torch.tensor(list(chain.from_iterable(spans)))
    positions = torch.cat([torch.arange(b.position, b.position + len(b.ids)) for b in branches])
    by_branch = _pattern(lengths, paths, form)
    by_row = _pattern(predictions, [paths[number] for number in last_branch], form)
    if form is Form.RELATION:
        relation = _relation(branches, lengths, positions)
        by_branch = by_branch._replace(relation=relation)
        by_row = by_row._replace(
            relation=relation._replace(
                query_branches=relation.key_branches[predicting],
                query_positions=positions[predicting],
            )
        )
    return Packed(
        ids=torch.tensor([list(chain.from_iterable(branch.ids for branch in branches))]),
        positions=positions[None],
        branches=by_branch,
        predicting=predicting,
        rows=by_row,
        labels=torch.tensor([i for row in rows for i in row.ids[row.prompt :]]),
    )


def form_for(device: torch.device, dtype: torch.dtype) -> Form:
    """Returns the form of patterns on a device.

    Args:
        device: where they are computed.
        dtype: number type of the computation.
    """
    if has_varlen_attention(device, dtype):
        return Form.BOUNDS
    return Form.LENGTHS if device.type == "cpu" else Form.RELATION


def to_device(value: Any, device: torch.device) -> Any:
    """Copies the tensors in nested tuples to a device.

    The copies go through page-locked memory, so that the host need not wait for them.
    """
    if isinstance(value, tuple):
        copies = [to_device(item, device) for item in value]
        return type(value)(*copies) if hasattr(value, "_fields") else tuple(copies)
    if device.type == "cuda" and isinstance(value, torch.Tensor):
        return value.pin_memory().to(device, non_blocking=True)
    return value


def _pattern(queries: list[int], paths: Sequence[Sequence[tuple[int, int]]], form: Form) -> Pattern:
    """Describes segments, but for a relation.

    Args:
        queries: number of queries of each segment.
        paths: for each segment the spans (start, end) of the sequence that it attends to.
        form: as a device's attention takes it.
    """
    keys = None
    spans = list(chain.from_iterable(paths))
    if any(end != start for (_, end), (start, _) in pairwise(spans)):  # not the sequence as it is
        keys = torch.cat([torch.arange(*span) for span in spans])
    if form is Form.RELATION:
        return Pattern(keys)
    key_counts = [sum(end - start for start, end in path) for path in paths]
    if form is Form.BOUNDS:
        query_bounds, key_bounds = (
            torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
            for lengths in (queries, key_counts)
        )
        longest = (max(queries), max(key_counts))
        return Pattern(keys, bounds=(query_bounds, key_bounds), longest=longest)
    causal = torch.ones(max(key_counts), max(key_counts), dtype=torch.bool).tril()
    return Pattern(keys, lengths=(queries, key_counts), causal=causal)


def _relation(
    branches: Sequence[Branch], lengths: Sequence[int], positions: torch.Tensor
) -> Relation:
    """How all tokens of branches attend to each other."""
    numbers = torch.repeat_interleave(torch.arange(len(branches)), torch.tensor(lengths))
    above = torch.eye(len(branches), dtype=torch.bool)
    for number, branch in enumerate(branches):  # a branch comes after the one that it grows from
        if branch.parent is not None:
            above[number] |= above[branch.parent]
    return Relation(numbers, positions, numbers, positions, above)


# --- Which rows are packed together ---------------------------------------------------------------


def packed_length(rows: Sequence[TokenRow]) -> int:
    """Returns the number of tokens that rows have once they are packed."""
    return sum(len(branch.ids) for branch in prefix_tree(rows)[0])


def split_by_tokens(rows: Sequence[TokenRow], tokens: int) -> list[list[int]]:
    """Splits rows into as few packs as possible, which are about equally long.

    Rows with a common prefix come together.

    Args:
        rows: the rows.
        tokens: largest length of a pack; a longer row is alone.

    Returns:
        For each pack the numbers of its rows.
    """
    sizes = _sizes(rows)
    return _fill(sizes, _smallest_limit(sizes, len(_fill(sizes, tokens)), tokens))


def split_evenly(rows: Sequence[TokenRow], count: int) -> list[list[int]]:
    """Splits rows into a given number of packs, which are about equally long; some may be empty.

    Rows with a common prefix come together. Several rows are tried as the first one, for it decides
    where packs part.

    Args:
        rows: the rows.
        count: number of packs.

    Returns:
        For each pack the numbers of its rows.
    """
    sizes = _sizes(rows)
    if count == 1:
        return [[size.row for size in sizes]]
    limit = sum(size.alone for size in sizes)
    packs: list[list[int]] = []
    for first in range(0, len(sizes), max(1, len(sizes) // ROTATIONS)):
        rotated = sizes[first:] + sizes[:first]
        if len(_fill(rotated, limit)) <= count:
            limit = _smallest_limit(rotated, count, limit)
            packs = _fill(rotated, limit)
            limit -= 1  # another first row must do better
    return packs + [[] for _ in range(count - len(packs))]


class _Size(NamedTuple):
    """How much of a pack a row takes.

    Attributes:
        row: its number.
        alone: its tokens.
        added: tokens that it adds to a pack whose last row is the one before it.
    """

    row: int
    alone: int
    added: int


def _sizes(rows: Sequence[TokenRow]) -> list[_Size]:
    """The sizes of rows, ordered so that rows with a common prefix come together.

    The order is taken as a circle: the row before the first one is the last one.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i].ids)
    sizes = []
    for before, i in zip(order[-1:] + order, order, strict=False):
        previous, row = rows[before], rows[i]
        common = _common_prefix([previous.ids[: previous.prompt - 1], row.ids[: row.prompt - 1]])
        saved = max(0, common - MIN_SHARED + 1)  # at least; branches may part a little sooner
        sizes.append(_Size(i, len(row.ids), len(row.ids) - saved))
    return sizes


def _fill(sizes: Sequence[_Size], limit: int) -> list[list[int]]:
    """Fills packs of at most `limit` tokens one after another; a longer row is alone."""
    packs: list[list[int]] = []
    filled = 0
    for row, alone, added in sizes:
        if packs and filled + added <= limit:
            packs[-1].append(row)
            filled += added
        else:
            packs.append([row])
            filled = alone
    return packs


def _smallest_limit(sizes: Sequence[_Size], count: int, upper: int) -> int:
    """The smallest limit that needs at most `count` packs; `upper` is known to do."""
    limits = range(upper)
    return bisect_left(limits, True, key=lambda limit: len(_fill(sizes, limit)) <= count)
