"""Norms of one kernel: transformers' RMS norms take seven.

They are exchanged one by one where PyTorch's own gives the same values, whatever a family calls
them and however it defines them.
"""

from collections.abc import Callable
from typing import Any

import torch

from stages.model.fused import TOKENS, equals, exchange_layers


def use_fused_norms(model: torch.nn.Module) -> Callable[[], None]:
    """Makes the RMS norms of a model on a GPU take one kernel each.

    Returns:
        What undoes it.
    """
    return exchange_layers(model, can_be_fused, _norm)


def can_be_fused(module: Any) -> bool:
    """Whether a module is x / sqrt(mean(x^2) + eps) * weight and nothing else, by trial."""
    weight, eps = getattr(module, "weight", None), getattr(module, "variance_epsilon", None)
    if not type(module).__name__.endswith("RMSNorm") or eps is None or weight is None:
        return False
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(TOKENS, len(weight), generator=draw).to(weight)
    with torch.no_grad():
        return equals(module(states), _norm(module, states))


def _norm(module: Any, states: torch.Tensor) -> torch.Tensor:
    weight = module.weight
    return torch.nn.functional.rms_norm(states, weight.shape, weight, module.variance_epsilon)
