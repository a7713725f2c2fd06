"""The trained weights as one tensor, and LoRA layers of peft that compute faster.

Whatever concerns all weights (an optimizer step, the gradient's norm, its sum over processes, a
cast) is then one operation instead of hundreds of small ones.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from typing import Any

import torch
from peft.tuners.lora import Linear, LoraLayer
from peft.tuners.lora.bnb import Linear4bit, Linear8bitLt
from torch.nn.functional import linear


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
    """The weights of a model's LoRA layers, which compute in few products.

    Layers with one input, such as queries, keys and values, are computed together: their first
    matrices are one, and so are their second ones, block by block, and the base's. They share their
    draws of dropout.
    """

    def __init__(self, model: Any, dtype: torch.dtype, run: Callable[[], Any] | None) -> None:
        """Takes over the layers, whose inputs must have the shape (1, tokens, size) from now on.

        Args:
            model: the base with its adapter.
            dtype: number type of the computation.
            run: runs the model once, to find out which layers have one input; None: each layer is
                computed by itself.

        Raises:
            NotImplementedError: if a layer has more than LoRA's two matrices.
        """
        self._dtype = dtype
        layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
        if not all(map(is_plain, layers)):
            raise NotImplementedError("a layer of the adapter has more than LoRA's two matrices")
        shared = _by_input(layers, run) if run else [[layer] for layer in layers]
        self._groups = [_Group(members) for alike in shared for members in _joinable(alike)]
        super().__init__([matrix for group in self._groups for matrix in group.matrices()])
        self._places, self._scales = self._layout()
        self._kinds = [(layer, layer.__class__) for layer in layers]
        for group in self._groups:
            for number, layer in enumerate(group.members):
                layer.group, layer.number = group, number
        for layer, kind in self._kinds:
            layer.__class__ = _fused(kind)
        self.refresh()

    def release(self) -> None:
        """Gives the layers back to peft."""
        for layer, kind in self._kinds:
            layer.__class__ = kind
            del layer.group, layer.number

    def refresh(self) -> None:
        """Casts the current weights for the layers; call before every training pass."""
        sizes = [size for group in self._groups for size in group.sizes()]
        scaled = (self.values.detach() * self._scales).to(self._dtype)
        # A new leaf for each pass, which autograd has not seen in another stream.
        leaf = scaled.new_zeros(sum(sizes)).index_copy_(0, self._places, scaled)
        self._leaf = leaf.requires_grad_(self.values.requires_grad)
        pieces = iter(torch.split(self._leaf, sizes))
        for group in self._groups:
            group.take(next(pieces), next(pieces))

    def backward(self, loss: torch.Tensor) -> None:
        """Adds the gradient of a loss, computed since the last `refresh`, to that of `values`."""
        (gradient,) = torch.autograd.grad(loss, self._leaf)
        self.gradient += gradient.index_select(0, self._places).float() * self._scales

    def _layout(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds where each weight stands in what the layers compute with, and its factor.

        Returns:
            Two vectors of shape (weights,).
        """
        places, scales, start = [], [], 0
        for group in self._groups:
            down, up = group.sizes()
            places.append(torch.arange(start, start + down))
            scales.append(torch.ones(down))
            for place, scale in group.blocks():
                places.append(start + down + place.flatten())
                scales.append(torch.full((place.numel(),), scale))
            start += down + up
        device = self.values.device
        return torch.cat(places).to(device), torch.cat(scales).to(device)


class _Group:
    """LoRA layers with one input: base(x) + dropout(x) @ down.T @ up of all at once.

    Attributes:
        members: the layers.
    """

    def __init__(self, members: Sequence[Any]) -> None:
        """Joins layers, and the weights of their bases, which become views of one tensor."""
        self.members = list(members)
        self._adapter = members[0].active_adapters[0]
        self._outputs: dict[int, torch.Tensor] = {}
        self._inputs: torch.Tensor | None = None
        bases = [layer.get_base_layer() for layer in members]
        self._widths = [base.out_features for base in bases]
        self._joined: tuple[torch.Tensor, torch.Tensor | None] | None = None
        if len(members) > 1:
            weight = torch.cat([base.weight.detach() for base in bases])
            for base, own in zip(bases, torch.split(weight, self._widths), strict=True):
                base.weight.data = own
            biases = [base.bias.detach() for base in bases if base.bias is not None]
            self._joined = weight, torch.cat(biases) if biases else None

    def matrices(self) -> list[torch.nn.Parameter]:
        """The first matrices, each of shape (rank, input size), and the second ones."""
        layers = [_matrices(layer) for layer in self.members]
        return [down for down, _ in layers] + [up for _, up in layers]

    def sizes(self) -> tuple[int, int]:
        """Numbers of values of the joined matrices."""
        ranks = sum(self._ranks())
        return ranks * self.members[0].in_features, ranks * sum(self._widths)

    def blocks(self) -> Iterator[tuple[torch.Tensor, float]]:
        """Yields each layer's places in the second matrix, (output size, rank), and its scale."""
        places = torch.arange(sum(self._ranks()) * sum(self._widths))
        rows = torch.split(places.view(-1, sum(self._widths)), self._ranks())
        for number, layer in enumerate(self.members):
            block = torch.split(rows[number], self._widths, dim=1)[number]
            yield block.t(), layer.scaling[self._adapter]

    def take(self, down: torch.Tensor, up: torch.Tensor) -> None:
        """Takes the values of the joined matrices."""
        ranks = sum(self._ranks())
        self._down, self._up = down.view(ranks, -1), up.view(ranks, -1)

    def output(self, number: int, inputs: torch.Tensor) -> torch.Tensor:
        """Returns a layer's output; those of the others are kept until they are asked for."""
        if inputs is not self._inputs or number not in self._outputs:
            self._inputs, self._outputs = inputs, dict(enumerate(self._compute(inputs.squeeze(0))))
        output = self._outputs.pop(number)
        if not self._outputs:
            self._inputs = None
        return output.unsqueeze(0)

    def _compute(self, inputs: torch.Tensor) -> Sequence[torch.Tensor]:
        """From (tokens, input size) to each layer's (tokens, output size)."""
        base, dropout = self.members[0].base_layer, self.members[0].lora_dropout[self._adapter]
        if type(base) is not torch.nn.Linear:  # quantised
            return [torch.addmm(base(inputs), linear(dropout(inputs), self._down), self._up)]
        weight, bias = self._joined or (base.weight, base.bias)
        rate = dropout.p if isinstance(dropout, torch.nn.Dropout) and dropout.training else 0.0
        outputs: tuple[torch.Tensor, ...] = _Adapted.apply(  # type: ignore[no-untyped-call]
            inputs, weight, bias, self._down, self._up, rate, self._widths
        )
        return outputs

    def _ranks(self) -> list[int]:
        return [layer.r[self._adapter] for layer in self.members]


class _Adapted(torch.autograd.Function):
    """x @ weight.T + bias + dropout(x) @ down.T @ up of a frozen weight, in parts.

    Each part is a tensor of its own, which a model may change in place.
    """

    @staticmethod
    def forward(
        ctx: Any,
        inputs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        rate: float,
        widths: list[int],
    ) -> tuple[torch.Tensor, ...]:
        dropped, kept = torch.native_dropout(inputs, rate, True) if rate else (inputs, None)
        low_rank = linear(dropped, down)
        ctx.save_for_backward(weight, down, up, dropped, kept, low_rank)
        ctx.scale = 1 / (1 - rate)
        result = linear(inputs, weight, bias).addmm_(low_rank, up)
        return tuple(part.detach() for part in torch.split(result, widths, dim=-1))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        weight, down, up, dropped, kept, low_rank = ctx.saved_tensors
        gradient = torch.cat(gradients, dim=-1) if len(gradients) > 1 else gradients[0]
        to_low_rank = gradient @ up.t()
        to_inputs = None
        if ctx.needs_input_grad[0]:
            to_inputs = to_low_rank @ down
            if kept is not None:
                to_inputs = torch.ops.aten.native_dropout_backward(to_inputs, kept, ctx.scale)
            to_inputs.addmm_(gradient, weight)
        to_down, to_up = to_low_rank.t() @ dropped, low_rank.t() @ gradient
        return to_inputs, None, None, to_down, to_up, None, None


def _by_input(layers: Sequence[Any], run: Callable[[], Any]) -> list[list[Any]]:
    """Finds out, in a run of the model, which layers are called once, and with one input."""
    inputs: dict[int, list[torch.Tensor]] = {number: [] for number in range(len(layers))}
    with ExitStack() as hooks:
        for number, layer in enumerate(layers):

            def note(_: Any, given: tuple[torch.Tensor], number: int = number) -> None:
                inputs[number].append(given[0])

            hooks.callback(layer.register_forward_pre_hook(note).remove)
        run()
    by_input: dict[tuple[str, int], list[Any]] = {}
    for number, layer in enumerate(layers):
        once = len(inputs[number]) == 1
        key = ("input", id(inputs[number][0])) if once else ("layer", number)
        by_input.setdefault(key, []).append(layer)
    return list(by_input.values())


def _joinable(alike: Sequence[Any]) -> list[list[Any]]:
    """Parts layers with one input into those that can be computed together."""
    parts: dict[Any, list[Any]] = {}
    for number, layer in enumerate(alike):
        base, dropout = layer.get_base_layer(), layer.lora_dropout[layer.active_adapters[0]]
        is_dense = type(base) is torch.nn.Linear
        key = (base.weight.dtype, base.bias is None, getattr(dropout, "p", 0.0))
        parts.setdefault(key if is_dense else number, []).append(layer)
    return list(parts.values())


def is_plain(layer: Any) -> bool:
    """Whether peft's layer is base(x) + scaling * up(down(dropout(x))) and nothing else."""
    (adapter,) = layer.active_adapters
    return (
        type(layer) in (Linear, Linear4bit, Linear8bitLt)
        and isinstance(layer.get_base_layer(), torch.nn.Linear)
        and layer.lora_variant.get(adapter) is None
        and not layer.lora_bias[adapter]
    )


def _matrices(layer: Any) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    """A layer's matrices: of shape (rank, input size), and (output size, rank)."""
    (adapter,) = layer.active_adapters
    return layer.lora_A[adapter].weight, layer.lora_B[adapter].weight


@cache
def _fused(kind: type[Any]) -> type[Any]:
    """Derives a class of peft's LoRA layers that leave the computing to their group.

    It is one class for all layers of a kind, for compiled code is shared only among layers that
    have their code in common.
    """
    return type(f"Fused{kind.__name__}", (kind,), {"forward": _fused_forward})


def _fused_forward(layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    """Computes base(x) + scaling * up(down(dropout(x))) of inputs of shape (1, tokens, size)."""
    output: torch.Tensor = layer.group.output(layer.number, inputs)
    return output
