"""The trained weights as one tensor, and LoRA layers of peft that compute faster.

Whatever concerns all weights (an optimizer step, the gradient's norm, its sum over processes, a
cast) is then one operation instead of hundreds of small ones.
"""

from collections.abc import Collection
from functools import cache
from typing import Any

import torch
from peft.tuners.lora import Linear, LoraLayer
from peft.tuners.lora.bnb import Linear4bit, Linear8bitLt


class TrainedWeights:
    """The trained weights of a model as one tensor.

    Attributes:
        values: a parameter of shape (weights,). The model's own parameters are views of it, so that
            peft reads, saves and loads them as ever.
        gradient: its gradient, of the same shape; always the same tensor.
    """

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        """Takes over parameters.

        Args:
            parameters: all trained, or all frozen.
        """
        self._parameters = parameters
        flat = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self.values = torch.nn.Parameter(flat, parameters[0].requires_grad)
        self.values.grad = self.gradient = torch.zeros_like(flat)
        for parameter, view in zip(parameters, self._views(flat), strict=True):
            parameter.data = view

    def backward(self, loss: torch.Tensor) -> None:
        """Adds the gradient of a loss to that of `values`."""
        gradients = torch.autograd.grad(loss, self._parameters)
        self.gradient += torch.cat([gradient.flatten() for gradient in gradients])

    def gradients(self) -> dict[int, torch.Tensor]:
        """Returns views of the gradient by the identity of the parameter that each belongs to."""
        views = self._views(self.gradient)
        return {id(own): view for own, view in zip(self._parameters, views, strict=True)}

    def mark(self, chosen: Collection[int]) -> torch.Tensor:
        """Returns 1 for the weights of some parameters, by their identities, and 0 for others."""
        marks = [torch.full((p.numel(),), float(id(p) in chosen)) for p in self._parameters]
        return torch.cat(marks).to(self.values.device)

    def _views(self, flat: torch.Tensor) -> list[torch.Tensor]:
        pieces = torch.split(flat, [parameter.numel() for parameter in self._parameters])
        return [piece.view_as(own) for piece, own in zip(pieces, self._parameters, strict=True)]


class FlatLora(TrainedWeights):
    """The weights of a model's LoRA layers, which compute their two additions as one."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        """Takes over the layers, whose inputs must have the shape (1, tokens, size) from now on.

        Args:
            model: the base with its adapter.
            dtype: number type of the computation.

        Raises:
            NotImplementedError: if a layer has more than LoRA's two matrices.
        """
        self._dtype = dtype
        self._layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
        for layer in self._layers:
            _check_plain(layer)
        super().__init__([matrix for layer in self._layers for matrix in _matrices(layer)])
        self._kinds = [layer.__class__ for layer in self._layers]
        for layer, kind in zip(self._layers, self._kinds, strict=True):
            layer.__class__ = _fused(kind)
        self.refresh()

    def release(self) -> None:
        """Gives the layers back to peft."""
        for layer, kind in zip(self._layers, self._kinds, strict=True):
            layer.__class__ = kind
            del layer.down, layer.up

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


def _check_plain(layer: Any) -> None:
    """Makes sure that a layer is base(x) + scaling * up(down(dropout(x))) and nothing else."""
    (adapter,) = layer.active_adapters
    if (
        type(layer) not in (Linear, Linear4bit, Linear8bitLt)
        or not isinstance(layer.get_base_layer(), torch.nn.Linear)
        or layer.lora_variant.get(adapter) is not None
        or layer.lora_bias[adapter]
    ):
        raise NotImplementedError("a layer of the adapter has more than LoRA's two matrices")


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
    result = layer.base_layer(inputs).squeeze(0)
    low_rank = torch.nn.functional.linear(layer.lora_dropout[adapter](inputs), layer.down)
    # Scaled here, where the tensor is small, also for the backward pass.
    low_rank = (low_rank * layer.scaling[adapter]).squeeze(0)
    add = torch.addmm if torch.is_grad_enabled() else torch.Tensor.addmm_  # in place, if it may be
    total: torch.Tensor = add(result, low_rank, layer.up.t())
    return total.unsqueeze(0)
