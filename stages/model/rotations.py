"""Rotary positions in one kernel each for queries and keys: transformers' take five, on a GPU.

The function is exchanged in the module of a model's attention where it gives the values of ours,
whatever a family calls its layers.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._triton import has_triton

from stages.model.norms import equals, is_on_gpu

NAME = "apply_rotary_pos_emb"  # transformers' name of the function in most families
TOKENS, HEADS, SIZE = 5, (4, 2), 32  # shapes that both are tried with


def use_fused_rotations(model: torch.nn.Module) -> Callable[[], None]:
    """Makes the rotary positions of a model on a GPU take few kernels.

    Returns:
        What undoes it.
    """
    exchanged: list[tuple[Any, Callable[..., Any]]] = []
    if is_on_gpu(model):
        names = {type(module).__module__ for module in model.modules()}
        for module in (sys.modules[name] for name in sorted(names)):
            own = getattr(module, NAME, None)
            if own is not None and not hasattr(own, "own") and can_be_fused(own):
                exchanged.append((module, own))
                setattr(module, NAME, _fused(own))

    def restore() -> None:
        for module, own in exchanged:
            setattr(module, NAME, own)

    return restore


def can_be_fused(function: Callable[..., Any]) -> bool:
    """Whether a function rotates the halves of queries and keys and does nothing else, by trial."""
    draw = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, heads, TOKENS, SIZE, generator=draw) for heads in HEADS)
    cos, sin = (torch.randn(1, TOKENS, SIZE, generator=draw) for _ in range(2))
    try:
        own = function(query, key, cos, sin)
    except (TypeError, ValueError, RuntimeError, IndexError):  # another function of this name
        return False
    ours = rotated(query, cos, sin), rotated(key, cos, sin)
    return len(own) == 2 and all(map(equals, own, ours))


def _fused(own: Callable[..., Any]) -> Callable[..., Any]:
    """Derives a function for packed rows on a GPU; compiled code has kernels of its own."""

    def apply_rotary_pos_emb(
        query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *others: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        is_ours = not others and len(query) == 1 and cos.shape == (1, *query.shape[2:])
        if torch.compiler.is_compiling() or not is_ours or not query.is_cuda:
            result: tuple[torch.Tensor, torch.Tensor] = own(query, key, cos, sin, *others)
            return result
        return rotated(query, cos, sin), rotated(key, cos, sin)

    apply_rotary_pos_emb.own = own  # type: ignore[attr-defined]
    return apply_rotary_pos_emb


def rotated(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotates vectors.

    Args:
        states: of shape (1, heads, tokens, size).
        cos: of shape (1, tokens, size).
        sin: likewise.

    Returns:
        Their rotations, of the same shape; in memory, the heads of a token stand together.
    """
    by_token = states.squeeze(0).transpose(0, 1)
    turned: torch.Tensor = _Rotation.apply(by_token, cos.squeeze(0), sin.squeeze(0))  # type: ignore[no-untyped-call]
    return turned.transpose(0, 1).unsqueeze(0)


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return rotate(states, cos, sin, back=False)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return rotate(gradients[0], *ctx.saved_tensors, back=True), None, None


def rotate(
    states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *, back: bool
) -> torch.Tensor:
    """Rotates the halves of vectors by angles, or gives the gradient of that.

    Args:
        states: of shape (tokens, heads, size); the halves of a vector are the coordinates that are
            rotated. Or the gradient of the result.
        cos: of shape (tokens, size).
        sin: likewise.
        back: whether the gradient is asked for.

    Returns:
        Vectors of the shape of `states`.
    """
    if states.is_cuda and has_triton():
        from stages.model import kernels  # Triton is there

        return kernels.rotate(states, cos, sin, back=back)
    (first, second), (cos_first, cos_second), (sin_first, sin_second) = (
        tensor.chunk(2, dim=-1) for tensor in (states, cos[:, None], sin[:, None])
    )
    if back:
        halves = first * cos_first + second * sin_second, second * cos_second - first * sin_first
    else:
        halves = first * cos_first - second * sin_first, second * cos_second + first * sin_second
    return torch.cat(halves, dim=-1)
