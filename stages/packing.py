"""Packing: the rows of a micro-batch as one sequence, so that nothing is padded.

Every row attends to itself alone, and its positions begin at 0. On GPUs of compute capability 8.0
and newer PyTorch's variable-length attention does that in one kernel; elsewhere each row goes
through scaled dot-product attention by itself.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, NamedTuple

from stages.model import TokenRow

if TYPE_CHECKING:
    import torch

ATTENTION = "packed"
"""The name under which transformers knows this attention."""


class Packed(NamedTuple):
    """Rows as one sequence.

    Attributes:
        ids: token ids, of shape (1, tokens).
        positions: the position of each token in its row, likewise.
        bounds: where rows begin, and where the last one ends, of shape (rows + 1,).
        lengths: tokens of each row.
        labelled: indices of the tokens before those that loss is computed on.
        labels: ids of the latter.
    """

    ids: "torch.Tensor"
    positions: "torch.Tensor"
    bounds: "torch.Tensor"
    lengths: list[int]
    labelled: "torch.Tensor"
    labels: "torch.Tensor"


def pack(rows: Sequence[TokenRow], device: "torch.device") -> Packed:
    """Joins rows to one sequence."""
    import torch

    lengths = [len(row.ids) for row in rows]
    bounds = [0, *accumulate(lengths)]
    labelled = [
        start + i - 1
        for start, row in zip(bounds, rows, strict=False)
        for i in range(row.prompt, len(row.ids))
    ]
    ids = torch.tensor(list(chain.from_iterable(row.ids for row in rows)))
    before = torch.tensor(labelled)
    return Packed(
        ids[None].to(device),
        torch.cat([torch.arange(length) for length in lengths])[None].to(device),
        torch.tensor(bounds, dtype=torch.int32).to(device),
        lengths,
        before.to(device),
        ids[before + 1].to(device),
    )


def shared_out(rows: Sequence[TokenRow], tokens: int) -> Iterator[list[TokenRow]]:
    """Shares rows out over as few packs as will do, which are about equally long.

    Args:
        rows: what to share out.
        tokens: of a pack, at most; a longer row is alone.
    """
    count = math.ceil(sum(len(row.ids) for row in rows) / tokens)
    longest_first = sorted(rows, key=lambda row: -len(row.ids))
    while True:
        packs: list[list[TokenRow]] = [[] for _ in range(count)]
        sizes = [0] * count
        for row in longest_first:
            shortest = sizes.index(min(sizes))
            packs[shortest].append(row)
            sizes[shortest] += len(row.ids)
        if all(size <= tokens or len(p) == 1 for p, size in zip(packs, sizes, strict=True)):
            yield from filter(None, packs)
            return
        count += 1


def one_kernel(device: "torch.device") -> bool:
    """Whether a device has variable-length attention in one kernel."""
    import torch

    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def hidden_states(decoder: Any, packed: Packed) -> "torch.Tensor":
    """Runs a decoder, whose attention is this module's, on packed rows.

    Returns:
        The last hidden states at the positions before the labels, of shape (labels, size).
    """
    kernel = one_kernel(packed.ids.device)
    states = decoder(
        input_ids=packed.ids,
        position_ids=packed.positions,
        use_cache=False,
        bounds=packed.bounds if kernel else None,
        longest=max(packed.lengths) if kernel else None,
        lengths=[] if kernel else packed.lengths,
    ).last_hidden_state
    return states[0, packed.labelled]  # type: ignore[no-any-return]


def use_packed_attention(causal: Any) -> None:
    """Makes a model of transformers attend row by row, as `hidden_states` asks it to."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, packed_attention)
    causal.set_attn_implementation(ATTENTION)


def packed_attention(
    module: Any,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: None,
    *,
    scaling: float,
    bounds: "torch.Tensor | None",
    longest: int | None,
    lengths: list[int],
    **_: Any,
) -> "tuple[torch.Tensor, None]":
    """Causal attention within each row; in the form that transformers calls.

    Args:
        module: the attention layer.
        query: of shape (1, heads, tokens, size).
        key: likewise; there may be fewer heads, shared by groups of the query's.
        value: like the key.
        attention_mask: none.
        scaling: of the products of queries and keys.
        bounds: see `Packed`; for the one kernel, else None.
        longest: tokens of the longest row, for the one kernel.
        lengths: tokens of each row, where each goes by itself.

    Returns:
        The output, of shape (1, tokens, heads, size), and no weights.
    """
    import torch

    if (groups := query.shape[1] // key.shape[1]) > 1:
        key, value = (side.repeat_interleave(groups, dim=1) for side in (key, value))
    if bounds is not None and longest is not None:
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = (side.squeeze(0).transpose(0, 1) for side in (query, key, value))
        window = (-1, 0)  # every token before, none after
        out: torch.Tensor = varlen_attn(  # type: ignore[assignment]
            q, k, v, bounds, bounds, longest, longest, scale=scaling, window_size=window
        )
        return out.unsqueeze(0), None
    rows = zip(*(torch.split(side, lengths, dim=2) for side in (query, key, value)), strict=True)
    attend = torch.nn.functional.scaled_dot_product_attention
    outs = [attend(q, k, v, is_causal=True, scale=scaling) for q, k, v in rows]
    return torch.cat(outs, dim=2).transpose(1, 2), None
