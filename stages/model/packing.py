"""Packing: the rows of a micro-batch as one sequence, so that nothing is padded or computed twice.

Positions begin at 0 in every row, and a row attends to itself alone. What several prompts begin
with, such as the header and the instruction of a sub-task, stands in the sequence once: the rows
grow from it like branches, and attend to it as to tokens of their own. On GPUs of compute
capability 8.0 and newer PyTorch's variable-length attention does that in one kernel; elsewhere each
branch goes through scaled dot-product attention by itself.

What the last layer gives out is wanted only where a token is to be foretold: at the end of a prompt
and on its answer. The last token of an answer, after which nothing comes, is not read at all.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from stages.model.text import TokenRow

if TYPE_CHECKING:
    import torch

ATTENTION = "packed"
"""The name under which transformers knows this attention."""

COMPILE_FROM = 10**9  # parameters (4-bit ones are counted in pairs) from which compiling pays
SHARED = 4  # tokens that prompts must begin with alike for these to be computed once
TRIES = 32  # places at which to begin filling packs


class Branch(NamedTuple):
    """A stretch of the packed sequence.

    Attributes:
        ids: its token ids.
        position: of the first of them in its rows.
        parent: the number of the branch that it grows from, or None.
    """

    ids: list[int]
    position: int
    parent: int | None


def branches(rows: Sequence[TokenRow]) -> tuple[list[Branch], list[int]]:
    """Finds what prompts have in common.

    The last token of a prompt is never shared, for the answer follows from it.

    Returns:
        The branches, each after its parent; and for each row the number of its last one.
    """
    found: list[Branch] = []
    last = [0] * len(rows)
    texts = [_read(row) for row in rows]

    def grow(group: list[int], start: int, parent: int | None) -> None:
        alike: dict[tuple[int, ...], list[int]] = {}
        for i in group:
            beginning = tuple(texts[i][start : min(start + SHARED, rows[i].prompt - 1)])
            alike.setdefault(beginning, []).append(i)
        for beginning, members in alike.items():
            if len(members) == 1 or len(beginning) < SHARED:
                for i in members:
                    last[i] = len(found)
                    found.append(Branch(texts[i][start:], start, parent))
            else:
                end = start + _common([texts[i][start : rows[i].prompt - 1] for i in members])
                number = len(found)
                found.append(Branch(texts[members[0]][start:end], start, parent))
                grow(members, end, number)

    grow(list(range(len(rows))), 0, None)
    return found, last


def _read(row: TokenRow) -> list[int]:
    """The ids that the model reads: all but the last one of an answer."""
    return row.ids if row.prompt == len(row.ids) else row.ids[:-1]


def _common(texts: Sequence[list[int]]) -> int:
    """The number of ids with which all texts begin alike."""
    first, final = min(texts), max(texts)  # those that differ soonest
    length = min(len(first), len(final))
    return next((i for i in range(length) if first[i] != final[i]), length)


class Pattern(NamedTuple):
    """Which tokens attend to which: stretches of queries, each causally to keys at whose end it is.

    Attributes:
        keys: for each stretch in turn the tokens that it may attend to, as indices into the
            sequence. None where they are the sequence as it is.
        bounds: where the stretches begin among the queries, and among the keys, and where the last
            ones end, each of shape (stretches + 1,). For the one kernel, else None.
        longest: the most queries and the most keys of a stretch, likewise.
        lengths: queries, and keys, of each stretch, where each goes by itself. Else None.
        before: the lower triangle of a matrix as large as the most keys, likewise.
    """

    keys: "torch.Tensor | None"
    bounds: "tuple[torch.Tensor, torch.Tensor] | None"
    longest: tuple[int, int] | None
    lengths: tuple[list[int], list[int]] | None
    before: "torch.Tensor | None"


class Packed(NamedTuple):
    """Rows as one sequence.

    Attributes:
        ids: token ids, of shape (1, tokens).
        positions: the position of each token in its rows, likewise.
        branches: how each branch attends to what it grows from, and to itself.
        wanted: indices of the tokens after which another one is to be foretold, row by row: the
            last one of the prompt, and those of the answer.
        rows: how the wanted tokens of each row attend to the row.
        labels: ids of the answers' tokens; of a question without an answer none.
    """

    ids: "torch.Tensor"
    positions: "torch.Tensor"
    branches: Pattern
    wanted: "torch.Tensor"
    rows: Pattern
    labels: "torch.Tensor"


def pack(rows: Sequence[TokenRow], device: "torch.device") -> Packed:
    """Joins rows to one sequence, on a device."""
    return cast(Packed, sent(arranged(rows, device), device))


def arranged(rows: Sequence[TokenRow], device: "torch.device") -> Packed:
    """Joins rows to one sequence, still on the host, in the form that a device takes."""
    import torch

    found, last = branches(rows)
    lengths = [len(branch.ids) for branch in found]
    bounds = [0, *accumulate(lengths)]
    spans: list[list[tuple[int, int]]] = []  # what each branch attends to
    for number, branch in enumerate(found):
        before = [] if branch.parent is None else spans[branch.parent]
        spans.append([*before, (bounds[number], bounds[number + 1])])
    asking = [len(_read(row)) - row.prompt + 1 for row in rows]  # wanted tokens of each row
    ends = [bounds[number + 1] for number in last]
    wanted = [range(end - count, end) for end, count in zip(ends, asking, strict=True)]
    positions = [torch.arange(b.position, b.position + len(b.ids)) for b in found]
    return Packed(
        torch.tensor([list(chain.from_iterable(branch.ids for branch in found))]),
        torch.cat(positions)[None],
        _pattern(lengths, spans, device),
        torch.tensor(list(chain.from_iterable(wanted))),
        _pattern(asking, [spans[number] for number in last], device),
        torch.tensor([i for row in rows for i in row.ids[row.prompt :]]),
    )


def sent(value: Any, device: "torch.device") -> Any:
    """Copies the tensors in nested tuples to a device.

    From page-locked memory, so that the host need not wait for it.
    """
    if isinstance(value, tuple):
        parts = [sent(part, device) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if device.type == "cuda" and hasattr(value, "pin_memory"):
        return value.pin_memory().to(device, non_blocking=True)
    return value


def _pattern(
    queries: list[int], spans: Sequence[Sequence[tuple[int, int]]], device: "torch.device"
) -> Pattern:
    """Describes stretches to the attention that a device has.

    Args:
        queries: tokens of each stretch.
        spans: for each stretch where what it attends to begins in the sequence, and where it ends.
        device: where the attention is computed.
    """
    import torch

    keys = None
    if any(len(of_stretch) > 1 for of_stretch in spans):
        keys = torch.cat([torch.arange(*span) for span in chain.from_iterable(spans)])
    counts = [sum(stop - start for start, stop in of_stretch) for of_stretch in spans]
    if one_kernel(device):
        query_bounds, key_bounds = (
            torch.tensor([0, *accumulate(of_side)], dtype=torch.int32)
            for of_side in (queries, counts)
        )
        longest = (max(queries), max(counts))
        return Pattern(keys, (query_bounds, key_bounds), longest, None, None)
    before = torch.ones(max(counts), max(counts), dtype=torch.bool).tril()
    return Pattern(keys, None, None, (queries, counts), before)


def packed_length(rows: Sequence[TokenRow]) -> int:
    """How many tokens rows have once they are packed."""
    return sum(len(branch.ids) for branch in branches(rows)[0])


def shared_out(rows: Sequence[TokenRow], tokens: int) -> list[list[int]]:
    """Shares rows out over as few packs as will do, which are about equally long.

    Rows that begin alike come together.

    Args:
        rows: what to share out.
        tokens: of a pack, at most; a longer row is alone.

    Returns:
        For each pack the numbers of its rows.
    """
    packs = _packs_by_size(_alike(rows))
    return packs(_smallest(packs, len(packs(tokens)), tokens))


def divided(rows: Sequence[TokenRow], count: int) -> list[list[int]]:
    """Divides rows into so many packs, which are about equally long; some may be empty.

    Rows that begin alike come together. Where the packs part is tried out.

    Args:
        rows: what to divide.
        count: of packs.

    Returns:
        For each pack the numbers of its rows.
    """
    row_sizes = _alike(rows)
    longest = 1 + sum(len(row.ids) for row in rows)
    found: list[list[int]] = []
    for first in range(0, len(rows), max(1, len(rows) // TRIES)) if count > 1 else [0]:
        packs = _packs_by_size(row_sizes[first:] + row_sizes[:first])
        if len(packs(longest - 1)) <= count:
            longest = _smallest(packs, count, longest - 1)
            found = packs(longest)
    return found + [[] for _ in range(count - len(found))]


def _alike(rows: Sequence[TokenRow]) -> list[tuple[int, int, int]]:
    """Puts rows in order, so that those that begin alike come together.

    Returns:
        For each row its number, its tokens, and how many more it takes after the one before; after
        the last one comes the first.
    """
    order = sorted(range(len(rows)), key=lambda i: rows[i].ids)
    found = []
    for before, i in zip(order[-1:] + order, order, strict=False):
        one, other = rows[before], rows[i]
        common = _common([one.ids[: one.prompt - 1], other.ids[: other.prompt - 1]])
        saved = max(0, common - SHARED + 1)  # at least; branches may part a little sooner
        found.append((i, len(other.ids), len(other.ids) - saved))
    return found


def _packs_by_size(
    row_sizes: Sequence[tuple[int, int, int]],
) -> Callable[[int], list[list[int]]]:
    """What fills packs of a size one after another with rows, of which `_alike` tells."""

    def packs(size: int) -> list[list[int]]:
        found: list[list[int]] = []
        filled = 0
        for i, alone, more in row_sizes:
            if found and filled + more <= size:
                found[-1].append(i)
                filled += more
            else:
                found.append([i])
                filled = alone
        return found

    return packs


def _smallest(packs: Callable[[int], list[list[int]]], count: int, most: int) -> int:
    """The smallest size of which so many packs will do; the most will do."""
    return bisect_left(range(most), True, key=lambda size: len(packs(size)) <= count)


def one_kernel(device: "torch.device") -> bool:
    """Whether a device has variable-length attention in one kernel."""
    import torch

    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def can_compile(model: Any) -> bool:
    """Whether compiling a model's layers is possible and pays: large ones, on newer GPUs."""
    from torch.utils._triton import has_triton

    parameters = sum(p.numel() for p in model.parameters())
    return parameters >= COMPILE_FROM and one_kernel(model.device) and has_triton()


def hidden_states(decoder: Any, packed: Packed, **more: Any) -> "torch.Tensor":
    """Runs a decoder, whose attention is this module's, on packed rows.

    Args:
        decoder: the model without its head.
        packed: the rows.
        **more: for the attention.

    Returns:
        The last hidden states of the wanted tokens, of shape (wanted, size).
    """
    from stages.model.last_layer import LastLayer

    states = decoder(
        input_ids=packed.ids,
        position_ids=packed.positions,
        use_cache=False,
        packed_pattern=packed.branches,
        packed_wanted=(packed.wanted, packed.rows),
        **more,
    ).last_hidden_state[0]
    if isinstance(decoder.layers[-1], LastLayer):
        return states  # type: ignore[no-any-return]
    return states[packed.wanted]  # type: ignore[no-any-return]


def use_packed_attention(causal: Any) -> None:
    """Makes a model of transformers attend as `hidden_states` asks it to."""
    from transformers import AttentionInterface

    from stages.model.last_layer import shorten

    AttentionInterface.register(ATTENTION, packed_attention)
    causal.set_attn_implementation(ATTENTION)
    shorten(causal.get_decoder())


def packed_attention(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: None,
    *,
    scaling: float,
    packed_pattern: Pattern,
    packed_keep: "Callable[[torch.Tensor, torch.Tensor], None] | None" = None,
    **_: Any,
) -> "tuple[torch.Tensor, None]":
    """Causal attention of stretches of queries, each to its own keys.

    In the form that transformers calls; keyword arguments come from `hidden_states`; their names
    are such as transformers will hardly use itself.

    Args:
        module: the attention layer.
        query: of shape (1, heads, queries, size).
        key: likewise, of all tokens; there may be fewer heads, shared by groups of the query's.
        value: like the key.
        attention_mask: none.
        scaling: of the products of queries and keys.
        packed_pattern: which queries attend to which tokens.
        packed_keep: is given the keys and values.

    Returns:
        The output, of shape (1, queries, heads, size), and no weights.
    """
    import torch

    keys, bounds, longest, lengths, before = packed_pattern
    if packed_keep is not None:
        packed_keep(key, value)
    if keys is not None:
        key, value = (gathered(side, keys) for side in (key, value))
    if (groups := query.shape[1] // key.shape[1]) > 1:
        key, value = (side.repeat_interleave(groups, dim=1) for side in (key, value))
    if lengths is None or before is None:
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = (side.squeeze(0).transpose(0, 1) for side in (query, key, value))
        window = (-1, 0)  # every token before, none after; the last query stands at the last key
        out: torch.Tensor = varlen_attn(  # type: ignore[assignment]
            *(q, k, v, *cast(Any, bounds), *cast(Any, longest)), scale=scaling, window_size=window
        )
        return out.unsqueeze(0), None
    outs = []
    for q, k, v in zip(
        torch.split(query, lengths[0], dim=2),
        *(torch.split(side, lengths[1], dim=2) for side in (key, value)),
        strict=True,
    ):
        tokens, of_keys = q.shape[2], k.shape[2]
        mask = before[of_keys - tokens : of_keys, :of_keys] if tokens < of_keys else None
        outs.append(
            torch.nn.functional.scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling
            )
        )
    return torch.cat(outs, dim=2).transpose(1, 2), None


def gathered(side: "torch.Tensor", keys: "torch.Tensor") -> "torch.Tensor":
    """Picks keys or values of shape (1, heads, tokens, size) by token.

    As an embedding, whose gradient is summed in fp32 also where the values have 16 bits.
    """
    import torch

    _, heads, _, size = side.shape
    picked = torch.nn.functional.embedding(keys, side.squeeze(0).transpose(0, 1).flatten(1))
    return picked.view(-1, heads, size).transpose(0, 1).unsqueeze(0)
