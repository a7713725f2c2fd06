"""Exchanges layers of a model on a GPU for ones of fewer kernels.

They are exchanged one by one, where a trial gives the same values, whatever a family calls them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch

TOKENS = 8  # states that both are tried on

Forward = Callable[[Any, torch.Tensor], torch.Tensor]
"""From a layer and its input to its output."""


def exchange_layers(
    model: torch.nn.Module, can_be_fused: Callable[[Any], bool], forward: Forward
) -> Callable[[], None]:
    """Makes layers of a model on a GPU compute in another way.

    Args:
        model: the model.
        can_be_fused: whether that way gives a layer's own values.
        forward: the way.

    Returns:
        What undoes it.
    """
    exchanged: list[tuple[Any, type[Any]]] = []
    if is_on_gpu(model):
        modules: list[Any] = list(model.modules())
        for module in modules:
            if can_be_fused(module):
                exchanged.append((module, type(module)))
                module.__class__ = _fused(cast(Any, type(module)), forward)

    def restore() -> None:
        for module, kind in exchanged:
            module.__class__ = kind

    return restore


def is_on_gpu(model: torch.nn.Module) -> bool:
    """Whether a model is on a GPU; a CPU has no kernels of this kind."""
    return next(model.parameters()).is_cuda


def equals(own: torch.Tensor, fused: torch.Tensor) -> bool:
    """Whether two computations give the same values, up to a few roundings."""
    if own.shape != fused.shape:
        return False
    allowed = 4 * torch.finfo(own.dtype).eps
    own, apart = own.float(), (own - fused).float()
    at_most = apart.abs().max() <= allowed * own.abs().max()
    return bool(at_most and apart.norm() <= allowed * own.norm())


@cache
def _fused(kind: type[Any], forward: Forward) -> type[Any]:
    """Derives a class of layers, one for all of a kind.

    Compiled code has kernels of its own, which are joined with what stands before and after.
    """

    def run(module: Any, states: torch.Tensor) -> torch.Tensor:
        own = torch.compiler.is_compiling()
        output: torch.Tensor = (kind.forward if own else forward)(module, states)
        return output

    return type(f"Fused{kind.__name__}", (kind,), {"forward": run})
