"""The last layer of a LLaMA, computed only where its output is used.

Its keys and values are needed for every token, but queries, attention, and all that follows only
for those tokens after which another one is to be foretold: few in training, where loss is computed
on answers, and one of each prompt when it is read.
"""

from typing import Any, cast

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, apply_rotary_pos_emb

from stages.model.packing import Pattern


def shorten(decoder: Any) -> None:
    """Makes a decoder's last layer one that gives out wanted tokens alone, if it is a LLaMA's."""
    last = decoder.layers[-1]
    if type(last) is LlamaDecoderLayer:
        last.__class__ = LastLayer


class LastLayer(LlamaDecoderLayer):  # type: ignore[misc]
    """A layer of transformers that computes less; with the same weights and the same values."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        *,
        position_embeddings: tuple[torch.Tensor, torch.Tensor],
        packed_wanted: tuple[torch.Tensor, Pattern] | None = None,
        **more: Any,
    ) -> torch.Tensor:
        """Computes the layer.

        Args:
            hidden_states: of shape (1, tokens, size).
            position_embeddings: cosines and sines, each of shape (1, tokens, size of a head).
            packed_wanted: indices of the tokens whose states are used, and how these attend to the
                others; None: all tokens, as `more` says.
            **more: for the attention.

        Returns:
            The states of these tokens, of shape (1, wanted, size).
        """
        if packed_wanted is None:
            more["position_embeddings"] = position_embeddings
            return cast(torch.Tensor, super().forward(hidden_states, **more))
        wanted, more["packed_pattern"] = packed_wanted
        attention = self.self_attn
        normed = self.input_layernorm(hidden_states)
        cos, sin = position_embeddings
        query = _heads(attention.q_proj(normed.index_select(1, wanted)), attention.head_dim)
        query = _rotated(query, cos.index_select(1, wanted), sin.index_select(1, wanted))
        key = _rotated(_heads(attention.k_proj(normed), attention.head_dim), cos, sin)
        value = _heads(attention.v_proj(normed), attention.head_dim)
        attend = ALL_ATTENTION_FUNCTIONS[attention.config._attn_implementation]
        out, _ = attend(attention, query, key, value, scaling=attention.scaling, **more)
        states = hidden_states.index_select(1, wanted) + attention.o_proj(out.flatten(2))
        states = states + self.mlp(self.post_attention_layernorm(states))
        return cast(torch.Tensor, states)


def _heads(states: torch.Tensor, size: int) -> torch.Tensor:
    """(1, tokens, heads * size) to (1, heads, tokens, size)."""
    return states.view(1, states.shape[1], -1, size).transpose(1, 2)


def _rotated(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turns queries or keys by their positions; transformers' function takes both at once."""
    turned, _ = apply_rotary_pos_emb(states, states[:, :0], cos, sin)
    return cast(torch.Tensor, turned)
