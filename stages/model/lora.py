"""LoRA layers of peft that compute faster: all weights lie in one tensor, sums are one product.

What is done with all weights (a step of the optimizer, the gradient's norm, its sum over processes,
a change of precision) is then done at once, and not a hundred times with little to do.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Weights:
    """The weights of a model's LoRA layers as one tensor.

    Attributes:
        values: a parameter of shape (weights,). The layers' own parameters are views of it, so that
            they can be read, saved and loaded as ever.
    """

    def __init__(self, model: Any, dtype: "torch.dtype") -> None:
        """Takes over the layers, whose inputs have the shape (1, tokens, size) from now on.

        Args:
            model: the base with its adapter.
            dtype: what to compute with.
        """
        import torch
        from peft.tuners.lora import LoraLayer

        self._dtype = dtype
        self._layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
        self._own = [matrix for layer in self._layers for matrix in _matrices(layer)]
        joined = torch.cat([matrix.detach().flatten() for matrix in self._own])
        self.values = torch.nn.Parameter(joined, self._own[0].requires_grad)
        self.values.grad = self._gradient = torch.zeros_like(joined)
        for matrix, piece in zip(self._own, self._pieces(joined), strict=True):
            matrix.data = piece
        for layer in self._layers:
            layer.__class__ = _fused(layer.__class__)
        self.use()

    def use(self) -> None:
        """Gives the layers the weights as they are; due before each pass that is learnt from."""
        # A leaf of its own for each pass, of which autograd knows nothing from another stream.
        self._leaf = self.values.detach().to(self._dtype).requires_grad_(self.values.requires_grad)
        pieces = self._pieces(self._leaf)
        for layer, down, up in zip(self._layers, pieces[::2], pieces[1::2], strict=True):
            layer.down, layer.up = down, up

    def learn(self, loss: "torch.Tensor") -> None:
        """Adds the gradient of a loss, computed since the last `use`, to that of the values."""
        import torch

        (gradient,) = torch.autograd.grad(loss, self._leaf)
        self._gradient += gradient

    def _pieces(self, joined: "torch.Tensor") -> "list[torch.Tensor]":
        import torch

        pieces = torch.split(joined, [matrix.numel() for matrix in self._own])
        return [piece.view_as(own) for piece, own in zip(pieces, self._own, strict=True)]


def _matrices(layer: Any) -> "tuple[torch.nn.Parameter, torch.nn.Parameter]":
    """A layer's matrices: of shape (rank, input size), and (output size, rank)."""
    (adapter,) = layer.active_adapters
    return layer.lora_A[adapter].weight, layer.lora_B[adapter].weight


@cache
def _fused(kind: type[Any]) -> type[Any]:
    """A class of peft's LoRA layers whose scaling and sum are one product.

    One class for all layers of a kind, and no function of each layer's own, for compiled code is
    shared among layers only where these have their code in common.
    """
    return type(f"Fused{kind.__name__}", (kind,), {"forward": _fused_forward})


def _fused_forward(layer: Any, inputs: "torch.Tensor") -> "torch.Tensor":
    """base(x) + scaling * up(down(dropout(x))) of inputs of shape (1, tokens, size)."""
    import torch

    (adapter,) = layer.active_adapters
    result = layer.base_layer(inputs)
    low = torch.nn.functional.linear(layer.lora_dropout[adapter](inputs), layer.down)
    scaling = layer.scaling[adapter]
    return torch.addmm(result.squeeze(0), low.squeeze(0), layer.up.t(), alpha=scaling).unsqueeze(0)
