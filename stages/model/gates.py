"""Gated feed-forward layers whose activation and product are one kernel, on a GPU.

They are exchanged one by one where that gives the same values, whatever a family calls them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._triton import has_triton

from stages.model.fused import TOKENS, equals, exchange_layers

PARTS = ("gate_proj", "up_proj", "down_proj")  # their names in most families
SPREAD = 0.5  # of the gates in a trial; activations look alike where gates are tiny or large


def use_fused_gates(model: torch.nn.Module) -> Callable[[], None]:
    """Makes the gated feed-forward layers of a model on a GPU take fewer kernels.

    Returns:
        What undoes it.
    """
    return exchange_layers(model, can_be_fused, _forward)


def can_be_fused(module: Any) -> bool:
    """Whether a module is down(silu(gate(x)) * up(x)) and nothing else, by trial."""
    if not all(hasattr(module, name) for name in PARTS):
        return False
    parameter = next(module.parameters())
    draw = torch.Generator().manual_seed(0)
    size = module.gate_proj.in_features
    states = torch.randn(1, TOKENS, size, generator=draw).to(parameter.device, _dtype(module))
    training = module.training
    module.eval()  # no dropout
    try:
        with torch.no_grad():
            states *= SPREAD / module.gate_proj(states).std()
            return equals(module(states), _forward(module, states))
    except (AttributeError, TypeError, ValueError, RuntimeError):  # another kind of module
        return False
    finally:
        module.train(training)


def _dtype(module: Any) -> torch.dtype:
    """The number type of a module's computation; quantised weights are bytes."""
    floats = (p.dtype for p in module.parameters() if p.is_floating_point())
    return next(floats, torch.bfloat16)


def _forward(module: Any, states: torch.Tensor) -> torch.Tensor:
    joined: torch.Tensor = module.down_proj(gated(module.gate_proj(states), module.up_proj(states)))
    return joined


def gated(gates: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Computes silu(gates) * values, each of shape (1, tokens, size)."""
    product: torch.Tensor = _Gate.apply(gates.squeeze(0), values.squeeze(0))  # type: ignore[no-untyped-call]
    return product.unsqueeze(0)


class _Gate(torch.autograd.Function):
    """silu(gates) * values of matrices."""

    @staticmethod
    def forward(ctx: Any, gates: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gates, values)
        if gates.is_cuda and has_triton():
            from stages.model import kernels  # Triton is there

            return kernels.gate(gates, values)
        return torch.nn.functional.silu(gates) * values

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        (gradient,), (gates, values) = gradients, ctx.saved_tensors
        if gradient.is_cuda and has_triton():
            from stages.model import kernels

            return kernels.gate_back(gradient, gates, values)
        to_gates = torch.ops.aten.silu_backward(gradient * values, gates)
        return to_gates, gradient * torch.nn.functional.silu(gates)
