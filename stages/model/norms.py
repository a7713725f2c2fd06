"""Norms of one kernel: transformers' RMS norms take seven.

They are exchanged one by one where PyTorch's own gives the same values, whatever a family calls
them and however it defines them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch

TOKENS = 8  # states that both are tried on


def use_fused_norms(model: torch.nn.Module) -> Callable[[], None]:
    """Makes the RMS norms of a model on a GPU take one kernel each.

    Returns:
        What undoes it.
    """
    exchanged: list[tuple[Any, type[Any]]] = []
    if is_on_gpu(model):
        modules: list[Any] = list(model.modules())
        for module in modules:
            if can_be_fused(module):
                exchanged.append((module, type(module)))
                module.__class__ = _fused(cast(Any, type(module)))

    def restore() -> None:
        for module, kind in exchanged:
            module.__class__ = kind

    return restore


def is_on_gpu(model: torch.nn.Module) -> bool:
    """Whether a model is on a GPU; a CPU has no kernel of this kind."""
    return next(model.parameters()).is_cuda


def can_be_fused(module: Any) -> bool:
    """Whether a module is x / sqrt(mean(x^2) + eps) * weight and nothing else, by trial."""
    weight, eps = getattr(module, "weight", None), getattr(module, "variance_epsilon", None)
    if not type(module).__name__.endswith("RMSNorm") or eps is None or weight is None:
        return False
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(TOKENS, len(weight), generator=draw).to(weight)
    with torch.no_grad():
        return equals(module(states), _norm(module, states))


def equals(own: torch.Tensor, fused: torch.Tensor) -> bool:
    """Whether two computations give the same values, up to a few roundings."""
    if own.shape != fused.shape:
        return False
    apart = (own - fused).float().abs().max()
    return bool(apart <= 4 * torch.finfo(own.dtype).eps * own.float().abs().max())


def _norm(module: Any, states: torch.Tensor) -> torch.Tensor:
    weight = module.weight
    return torch.nn.functional.rms_norm(states, weight.shape, weight, module.variance_epsilon)


@cache
def _fused(kind: type[Any]) -> type[Any]:
    """Derives a class of norms, one for all of a kind.

    Compiled code has kernels of its own, which are joined with what stands before and after.
    """

    def forward(module: Any, states: torch.Tensor) -> torch.Tensor:
        own = torch.compiler.is_compiling()
        return kind.forward(module, states) if own else _norm(module, states)

    return type(f"Fused{kind.__name__}", (kind,), {"forward": forward})
