"""The forward pass of a LLaMA on batches of rows of several widths.

All rows of a batch lie one after the other, so that all but attention works on one matrix.
A layer is a function of tensors alone, which is compiled once for all layers: small models on GPUs
are bound by reading and writing, not by arithmetic: a compiler joins what is between products.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from recipes.base.batches import Shapes


class Forward:
    """The losses and states of a model for batches of the same shapes."""

    def __init__(self, model: Any, shapes: Shapes, device: str, *, compiled: bool = False) -> None:
        """Computes what depends on the shapes alone.

        Args:
            model: a `LlamaForCausalLM` with as many heads of keys as of queries, without biases.
            shapes: rows and width of each group of rows.
            device: `cpu` or `cuda`.
            compiled: whether PyTorch compiles layers and loss.
        """
        config = model.config
        self._model = model
        positions = torch.cat([torch.arange(width).repeat(rows) for rows, width in shapes])
        powers = torch.arange(0, config.head_dim, 2) / config.head_dim
        angles = positions[:, None] / config.rope_parameters["rope_theta"] ** powers[None]
        angles = torch.cat((angles, angles), dim=1).to(device)[:, None]
        self._rotation = angles.cos().bfloat16(), angles.sin().bfloat16()
        join = partial(torch.compile, dynamic=False, fullgraph=True) if compiled else lambda f: f
        sizes = {"heads": config.num_attention_heads, "eps": config.rms_norm_eps}
        self._layer = partial(join(layer_states), shapes=tuple(shapes), **sizes)
        self._loss = partial(join(losses_of), eps=config.rms_norm_eps)

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """Returns what the last layer gives out, tokens by width, in fp32.

        Args:
            ids: token ids of all rows, one after the other.
        """
        x = functional.embedding(ids, self._model.model.embed_tokens.weight)
        for layer in self._model.model.layers:
            x = self._layer(x, *self._rotation, *weights_of(layer))
        return x

    def losses(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Returns the loss of each of the chosen targets, in nats.

        Args:
            ids: token ids of all rows, one after the other.
            targets: places of the targets in `ids`, none the first of a row.
        """
        inner, head = self._model.model, self._model.lm_head
        states = self.states(ids)
        losses: torch.Tensor = self._loss(states, inner.norm.weight, head.weight, ids, targets)
        return losses

    def likeliest(self, ids: torch.Tensor) -> torch.Tensor:
        """Returns the likeliest token after each token."""
        inner, head = self._model.model, self._model.lm_head
        states = normalised(self.states(ids), inner.norm.weight, self._model.config.rms_norm_eps)
        return product(states, head.weight).argmax(-1)


def weights_of(layer: Any) -> tuple[torch.Tensor, ...]:
    """Returns the weights of a layer in the order in which `layer_states` takes them."""
    attention, mlp = layer.self_attn, layer.mlp
    return (
        layer.input_layernorm.weight,
        attention.q_proj.weight,
        attention.k_proj.weight,
        attention.v_proj.weight,
        attention.o_proj.weight,
        layer.post_attention_layernorm.weight,
        mlp.gate_proj.weight,
        mlp.up_proj.weight,
        mlp.down_proj.weight,
    )


def layer_states(
    x: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    before_attention: torch.Tensor,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    o: torch.Tensor,
    before_mlp: torch.Tensor,
    gate: torch.Tensor,
    up: torch.Tensor,
    down: torch.Tensor,
    *,
    shapes: tuple[tuple[int, int], ...],
    heads: int,
    eps: float,
) -> torch.Tensor:
    """Returns what a layer gives out for the states `x`, tokens by width, in fp32."""
    of_heads = product(normalised(x, before_attention, eps), torch.cat((q, k, v)))
    queries, keys, values = of_heads.view(len(x), 3, heads, -1).unbind(1)
    parts = rotated(queries, cos, sin), rotated(keys, cos, sin), values
    attended, at = [], 0
    for rows, width in shapes:
        end = at + rows * width
        of_group = (part[at:end].view(rows, width, heads, -1).transpose(1, 2) for part in parts)
        query, key, value = of_group
        out = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        attended.append(out.transpose(1, 2).reshape(rows * width, -1))
        at = end
    x = x + product(torch.cat(attended), o)
    both = product(normalised(x, before_mlp, eps), torch.cat((gate, up)))
    gates, ups = both.chunk(2, dim=-1)
    return x + product(functional.silu(gates) * ups, down)


def losses_of(
    x: torch.Tensor,
    norm: torch.Tensor,
    head: torch.Tensor,
    ids: torch.Tensor,
    targets: torch.Tensor,
    *,
    eps: float,
) -> torch.Tensor:
    """Returns the losses of targets, given the states that the last layer gives out."""
    logits = product(normalised(x[targets - 1], norm, eps), head).float()
    return functional.cross_entropy(logits, ids[targets], reduction="none")


def normalised(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Returns the RMS norm of fp32 states, in bf16."""
    return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight).bfloat16()


def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Returns queries or keys turned by their positions."""
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-b, a), dim=-1) * sin


def product(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Returns a product in bf16."""
    return functional.linear(x, weight.bfloat16())
