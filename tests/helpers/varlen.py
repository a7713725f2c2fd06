"""Variable-length attention on a CPU, from its definition."""

import pytest
import torch

from stages.model import attention, packing


def varlen_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    query_bounds: torch.Tensor,
    key_bounds: torch.Tensor,
    most_queries: int,
    most_keys: int,
    *,
    scale: float,
    window_size: tuple[int, int],
    enable_gqa: bool = False,
) -> torch.Tensor:
    """What PyTorch's kernel computes on GPUs, segment by segment."""
    window, after_last = window_size
    if q.shape[1] > k.shape[1]:  # versions that know enable_gqa want to be asked
        k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], dim=1) for t in (k, v))
    assert after_last == 0
    query_lengths, key_lengths = query_bounds.diff().tolist(), key_bounds.diff().tolist()
    assert max(query_lengths) <= most_queries
    assert max(key_lengths) <= most_keys
    assert (query_bounds[-1], key_bounds[-1]) == (len(q), len(k))
    outs = []
    for queries, keys, values in zip(
        q.split(query_lengths), k.split(key_lengths), v.split(key_lengths), strict=True
    ):
        scores = torch.einsum("qhd,khd->hqk", queries, keys) * scale
        after = torch.ones(scores.shape[1:]).triu(1 + len(keys) - len(queries)).bool()
        if window >= 0:  # tokens before the query's own
            after |= torch.ones(scores.shape[1:]).tril(len(keys) - len(queries) - window - 1).bool()
        weights = scores.masked_fill(after, -torch.inf).softmax(dim=-1)
        outs.append(torch.einsum("hqk,khd->qhd", weights, values))
    return torch.cat(outs)


def use_varlen_attention(patch: pytest.MonkeyPatch) -> None:
    """Makes rows be packed and computed as on a GPU that has the kernel."""
    patch.setattr(packing, "has_varlen_attention", lambda *_: True)
    patch.setattr(attention, "varlen_attn", varlen_attention)
