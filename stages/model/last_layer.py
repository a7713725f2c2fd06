"""The last layer of a LLaMA, computed only where its output is used.

Its keys and values are needed for every token, but queries, attention and all that follows only at
positions whose next token is predicted: few in training, where loss is computed on answers, and one
of each prompt in prefill.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama import modeling_llama
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from stages.model.packing import Pattern


def use_short_last_layer(decoder: Any) -> Callable[[], None]:
    """Makes a decoder's last layer compute predicting tokens alone, if it is a LLaMA's.

    Returns:
        What undoes it.
    """
    last = decoder.layers[-1]
    kind = type(last)
    if kind is LlamaDecoderLayer:
        last.__class__ = LastLayer

    def restore() -> None:
        last.__class__ = kind

    return restore


class LastLayer(LlamaDecoderLayer):  # type: ignore[misc]
    """A layer of transformers that computes fewer tokens, with the same weights and values."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        *,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        packed_predicting: tuple[torch.Tensor, Pattern] | None = None,
        **attention: Any,
    ) -> torch.Tensor:
        """Computes the layer.

        Args:
            hidden_states: of shape (1, tokens, hidden size).
            position_embeddings: cosines and sines, each of shape (1, tokens, head size).
            packed_predicting: indices of the tokens whose output is used, and how these attend to
                all tokens; None: all tokens, as `attention` says.
            **attention: further arguments of the attention.

        Returns:
            The states of these tokens, of shape (1, predictions, hidden size).
        """
        if packed_predicting is None:
            attention["position_embeddings"] = position_embeddings
            return cast(torch.Tensor, super().forward(hidden_states, **attention))
        predicting, attention["packed_pattern"] = packed_predicting
        layer = self.self_attn
        normed = self.input_layernorm(hidden_states)
        cos, sin = position_embeddings
        query = _split_heads(layer.q_proj(normed.index_select(1, predicting)), layer.head_dim)
        query = _rotate(query, cos.index_select(1, predicting), sin.index_select(1, predicting))
        key = _rotate(_split_heads(layer.k_proj(normed), layer.head_dim), cos, sin)
        value = _split_heads(layer.v_proj(normed), layer.head_dim)
        attend = ALL_ATTENTION_FUNCTIONS[layer.config._attn_implementation]
        out, _ = attend(layer, query, key, value, scaling=layer.scaling, **attention)
        states = hidden_states.index_select(1, predicting) + layer.o_proj(out.flatten(2))
        states = states + self.mlp(self.post_attention_layernorm(states))
        return cast(torch.Tensor, states)


def _split_heads(states: torch.Tensor, size: int) -> torch.Tensor:
    """(1, tokens, heads * head size) to (1, heads, tokens, head size)."""
    return states.view(1, states.shape[1], -1, size).transpose(1, 2)


def _rotate(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotates queries or keys by their positions; transformers' function takes both at once."""
    rotated, _ = modeling_llama.apply_rotary_pos_emb(states, states[:, :0], cos, sin)
    return cast(torch.Tensor, rotated)
