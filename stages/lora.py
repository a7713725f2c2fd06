"""LoRA layers of peft that compute faster."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def fuse(model: Any) -> None:
    """Makes LoRA layers add up in one product; inputs have the shape (1, tokens, size)."""
    from peft.tuners.lora import LoraLayer

    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            layer.__class__ = _fused(layer.__class__)


@cache
def _fused(kind: type[Any]) -> type[Any]:
    """A class of peft's LoRA layers whose scaling and sum are one product.

    One class for all layers of a kind, and no function of each layer's own, for compiled code is
    shared among layers only where these have their code in common.
    """
    return type(f"Fused{kind.__name__}", (kind,), {"forward": _fused_forward})


def _fused_forward(layer: Any, inputs: "torch.Tensor") -> "torch.Tensor":
    """base(x) + scaling * B(A(dropout(x))) of inputs of shape (1, tokens, size)."""
    import torch

    (adapter,) = layer.active_adapters
    result = layer.base_layer(inputs)
    low = layer.lora_A[adapter](layer.lora_dropout[adapter](inputs))
    up = layer.lora_B[adapter].weight.t()
    scaling = layer.scaling[adapter]
    return torch.addmm(result.squeeze(0), low.squeeze(0), up, alpha=scaling).unsqueeze(0)
