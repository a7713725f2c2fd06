"""LoRA layers of peft that compute faster: all weights in one tensor, two operations in one.

Whatever concerns all weights (an optimizer step, the gradient's norm, its sum over processes, a
cast) is then one operation instead of hundreds of small ones.
"""

from functools import cache
from typing import Any

import torch
from peft.tuners.lora import LoraLayer


class FlatLora:
    """The weights of a model's LoRA layers as one tensor.

    Attributes:
        values: a parameter of shape (weights,). The layers' own parameters are views of it, so that
            peft reads, saves and loads them as ever.
        gradient: its gradient, of the same shape; always the same tensor.
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        """Takes over the layers, whose inputs must have the shape (1, tokens, size) from now on.

        Args:
            model: the base with its adapter.
            dtype: number type of the computation.
        """
        self._dtype = dtype
        self._layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
        self._matrices = [matrix for layer in self._layers for matrix in _matrices(layer)]
        flat = torch.cat([matrix.detach().flatten() for matrix in self._matrices])
        self.values = torch.nn.Parameter(flat, self._matrices[0].requires_grad)
        self.values.grad = self.gradient = torch.zeros_like(flat)
        for matrix, view in zip(self._matrices, self._views(flat), strict=True):
            matrix.data = view
        for layer in self._layers:
            layer.__class__ = _fused(layer.__class__)
        self.refresh()

    def refresh(self) -> None:
        """Casts the current weights for the layers; call before every training pass."""
        # A new leaf for each pass, which autograd has not seen in another stream.
        self._leaf = self.values.detach().to(self._dtype).requires_grad_(self.values.requires_grad)
        views = self._views(self._leaf)
        for layer, down, up in zip(self._layers, views[::2], views[1::2], strict=True):
            layer.down, layer.up = down, up

    def backward(self, loss: torch.Tensor) -> None:
        """Adds the gradient of a loss, computed since the last `refresh`, to that of `values`."""
        (gradient,) = torch.autograd.grad(loss, self._leaf)
        self.gradient += gradient

    def _views(self, flat: torch.Tensor) -> list[torch.Tensor]:
        pieces = torch.split(flat, [matrix.numel() for matrix in self._matrices])
        return [piece.view_as(own) for piece, own in zip(pieces, self._matrices, strict=True)]


def _matrices(layer: Any) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    """A layer's matrices: of shape (rank, input size), and (output size, rank)."""
    (adapter,) = layer.active_adapters
    return layer.lora_A[adapter].weight, layer.lora_B[adapter].weight


@cache
def _fused(kind: type[Any]) -> type[Any]:
    """Derives a class of peft's LoRA layers whose scaling and sum are one product.

    It is one class for all layers of a kind, for compiled code is shared only among layers that
    have their code in common.
    """
    return type(f"Fused{kind.__name__}", (kind,), {"forward": _fused_forward})


def _fused_forward(layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    """Computes base(x) + scaling * up(down(dropout(x))) of inputs of shape (1, tokens, size)."""
    (adapter,) = layer.active_adapters
    result = layer.base_layer(inputs)
    low_rank = torch.nn.functional.linear(layer.lora_dropout[adapter](inputs), layer.down)
    product = torch.addmm(
        result.squeeze(0), low_rank.squeeze(0), layer.up.t(), alpha=layer.scaling[adapter]
    )
    return product.unsqueeze(0)
