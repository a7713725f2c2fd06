"""Attention over packed rows, plugged into transformers' models.

On GPUs of compute capability 8.0 and newer PyTorch's variable-length attention computes all
segments of a packed sequence in one kernel. Other GPUs, and fp32, take scaled dot-product attention
of the whole sequence with a mask; on a CPU each segment goes through it by itself. What attends to
what is decided by stages/model/packing.py.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from stages.model.last_layer import LastLayer, use_short_last_layer
from stages.model.packing import Packed, Pattern, Relation

NAME = "packed"
"""The name under which transformers knows this attention."""

# Newer versions of PyTorch want to be told that a group of query heads shares a key head.
SHARES_KEYS: dict[str, Any] = dict.fromkeys(
    {"enable_gqa"} & inspect.signature(varlen_attn).parameters.keys(), True
)

NOT_OFFERED = {"softcap": "a soft cap", "s_aux": "sinks"}
"""Arguments of transformers' attention functions that this attention does not know."""


def use_packed_attention(causal: Any, name: str = NAME) -> Callable[[], None]:
    """Makes a causal language model of transformers attend as `packed_logits` asks it to.

    Args:
        causal: the model.
        name: of the attention, as transformers knows it.

    Returns:
        What undoes it.

    Raises:
        NotImplementedError: if the model has attention of its own that cannot be exchanged.
    """
    AttentionInterface.register(NAME, packed_attention)
    before = causal.config._attn_implementation
    restore_last_layer = use_short_last_layer(causal.get_decoder())  # fails before any change
    causal.set_attn_implementation(name)
    if causal.config._attn_implementation != name:
        restore_last_layer()
        raise NotImplementedError("its attention cannot be exchanged")

    def restore() -> None:
        restore_last_layer()
        causal.set_attn_implementation(before)

    return restore


def packed_logits(causal: Any, packed: Packed, **attention: Any) -> torch.Tensor:
    """Runs a causal language model that attends to packed rows.

    Args:
        causal: the model, after `use_packed_attention`.
        packed: the rows, on the model's device.
        **attention: further arguments of the attention.

    Returns:
        The logits of the predicting tokens, of shape (predictions, vocabulary).

    Raises:
        NotImplementedError: if the model computes logits of all tokens only.
    """
    is_short = isinstance(causal.get_decoder().layers[-1], LastLayer)
    branches, rows = (
        with_mask(pattern, causal.dtype) for pattern in (packed.branches, packed.rows)
    )
    logits: torch.Tensor = causal(
        input_ids=packed.ids,
        position_ids=packed.positions,
        use_cache=False,
        logits_to_keep=0 if is_short else packed.predicting,
        packed_pattern=branches,
        packed_predicting=(packed.predicting, rows),
        **attention,
    ).logits[0]
    if len(logits) != len(packed.predicting):
        raise NotImplementedError("its head computes the logits of all tokens")
    return logits


def packed_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    scaling: float,
    sliding_window: int | None = None,
    packed_pattern: Pattern,
    packed_keep: Callable[[torch.Tensor, torch.Tensor], None] | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Computes causal attention of segments of queries, each to its own keys.

    The signature is that of transformers' attention functions. The keyword arguments come from
    `packed_logits`; their prefix keeps them apart from those of transformers.

    Args:
        module: the attention layer.
        query: of shape (1, heads, queries, head size).
        key: of all tokens, of shape (1, key heads, tokens, head size); a group of query heads may
            share a key head.
        value: like the key.
        attention_mask: none.
        scaling: factor of the products of queries and keys.
        sliding_window: number of tokens that a query attends to at the most, its own included.
        packed_pattern: which queries attend to which tokens.
        packed_keep: receives keys and values, to cache them.
        **others: none that would change the result.

    Returns:
        The output, of shape (1, queries, heads, head size), and no attention weights.

    Raises:
        NotImplementedError: if the model asks for a form of attention that is not offered here.
    """
    check_attention(others)
    if packed_keep is not None:
        packed_keep(key, value)
    if packed_pattern.relation is None and packed_pattern.keys is not None:
        key, value = (pick_tokens(tensor, packed_pattern.keys) for tensor in (key, value))
    in_one_kernel = packed_pattern.bounds is not None
    if (groups := query.shape[1] // key.shape[1]) > 1 and not in_one_kernel:
        key, value = (tensor.repeat_interleave(groups, dim=1) for tensor in (key, value))
    if packed_pattern.relation is not None:
        return _masked(query, key, value, packed_pattern, scaling, sliding_window), None
    if in_one_kernel:
        return _in_one_kernel(query, key, value, packed_pattern, scaling, sliding_window), None
    return _segment_by_segment(query, key, value, packed_pattern, scaling, sliding_window), None


def check_attention(arguments: Mapping[str, Any]) -> None:
    """Makes sure that a layer asks for no form of attention that is not offered.

    Args:
        arguments: what transformers gives to its attention functions, beside what we know.

    Raises:
        NotImplementedError: if it does.
    """
    for name in NOT_OFFERED:
        if arguments.get(name) is not None:
            raise NotImplementedError(f"its attention has {NOT_OFFERED[name]}")


def _in_one_kernel(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pattern: Pattern,
    scaling: float,
    window: int | None,
) -> torch.Tensor:
    query_bounds, key_bounds = cast(Any, pattern.bounds)
    most_queries, most_keys = cast(Any, pattern.longest)
    q, k, v = (tensor.squeeze(0).transpose(0, 1) for tensor in (query, key, value))
    out: torch.Tensor = varlen_attn(  # type: ignore[assignment]
        q,
        k,
        v,
        query_bounds,
        key_bounds,
        most_queries,
        most_keys,
        scale=scaling,
        # Causal; the last query of a segment is aligned with its last key.
        window_size=(-1 if window is None else window - 1, 0),
        **SHARES_KEYS,
    )
    return out.unsqueeze(0)


def with_mask(pattern: Pattern, dtype: torch.dtype) -> Pattern:
    """Adds the mask, once for all layers, to a pattern that needs one.

    Args:
        pattern: on the device.
        dtype: number type of queries, keys and values.
    """
    if pattern.relation is None:
        return pattern
    return pattern._replace(mask=_mask(pattern.relation, dtype, None))


def _mask(relation: Relation, dtype: torch.dtype, window: int | None) -> torch.Tensor:
    """What is added to the products of queries and keys: 0 or minus infinity, (queries, keys)."""
    distance = relation.query_positions[:, None] - relation.key_positions
    above = relation.above[relation.query_branches][:, relation.key_branches]
    visible = above & (distance >= 0)
    if window is not None:
        visible &= distance < window
    return torch.zeros_like(visible, dtype=dtype).masked_fill_(~visible, float("-inf"))


def _masked(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pattern: Pattern,
    scaling: float,
    window: int | None,
) -> torch.Tensor:
    mask = pattern.mask
    if window is not None and window < key.shape[2]:
        mask = _mask(cast(Relation, pattern.relation), query.dtype, window)
    out = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    return out.transpose(1, 2)


def _segment_by_segment(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    pattern: Pattern,
    scaling: float,
    window: int | None,
) -> torch.Tensor:
    query_lengths, key_lengths = cast(Any, pattern.lengths)
    causal = cast(torch.Tensor, pattern.causal)
    outs = []
    for q, k, v in zip(
        torch.split(query, query_lengths, dim=2),
        torch.split(key, key_lengths, dim=2),
        torch.split(value, key_lengths, dim=2),
        strict=True,
    ):
        queries, keys = q.shape[2], k.shape[2]
        visible = causal[keys - queries : keys, :keys]
        if is_near := window is not None and window < keys:
            visible = visible.triu(keys - queries - window + 1)
        mask = visible if queries < keys or is_near else None
        outs.append(
            scaled_dot_product_attention(
                q, k, v, attn_mask=mask, is_causal=mask is None, scale=scaling
            )
        )
    return torch.cat(outs, dim=2).transpose(1, 2)


def pick_tokens(tensor: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Picks keys or values of shape (1, heads, tokens, head size) by token.

    The gradients of a token that is picked several times are summed in fp32, also where values have
    16 bits.
    """
    _, heads, _, size = tensor.shape
    picked: torch.Tensor = _Pick.apply(tensor.squeeze(0).transpose(0, 1).flatten(1), tokens)  # type: ignore[no-untyped-call]
    return picked.view(-1, heads, size).transpose(0, 1).unsqueeze(0)


class _Pick(torch.autograd.Function):
    """Rows of a matrix by their numbers."""

    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(numbers)
        ctx.rows = len(matrix)
        return matrix.index_select(0, numbers)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (gradient,), (numbers,) = gradients, ctx.saved_tensors
        if not gradient.is_cuda:
            dense = torch.ops.aten.embedding_dense_backward
            return dense(gradient, numbers, ctx.rows, -1, False), None
        # An embedding's backward pass would sort the numbers, in some fifteen kernels.
        total = gradient.new_zeros(ctx.rows, gradient.shape[1], dtype=torch.float32)
        return total.index_add_(0, numbers, gradient.float()).to(gradient.dtype), None
