"""The head in full precision: logits of 16-bit models that are not rounded to 16 bits.

A model in bf16 rounds its logits to 8 significant bits. Near 16, where logits often are, that is a
step of 1/16: whole tests get a handful of distinct probabilities, and many answers tie. The
products of states and weights are exact in fp32; they are summed and left there.
"""

from typing import Any

import torch


def use_full_precision_head(causal: Any) -> None:
    """Makes a causal language model of transformers compute its logits in fp32.

    What stands between head and softmax, such as a scale or a soft cap, then gets fp32 too.
    """
    head = causal.get_output_embeddings()
    if type(head) is torch.nn.Linear and head.weight.dtype in (torch.bfloat16, torch.float16):
        head.__class__ = FullPrecisionHead


class FullPrecisionHead(torch.nn.Linear):
    """A linear layer with inputs and weights of 16 bits and outputs in fp32."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Computes logits of shape (..., vocabulary) from states of shape (..., hidden size)."""
        logits: torch.Tensor = _Product.apply(states.flatten(0, -2), self.weight)  # type: ignore[no-untyped-call]
        if self.bias is not None:
            logits = logits + self.bias
        return logits.view(*states.shape[:-1], -1)


class _Product(torch.autograd.Function):
    """states @ weight.T in fp32; gradients have the type of what they belong to."""

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(states, weight)
        if states.is_cuda and states.dtype != torch.float32:
            return torch.mm(states, weight.t(), out_dtype=torch.float32)
        return states.float() @ weight.t().float()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states, weight = ctx.saved_tensors
        gradient = gradients[0].to(states.dtype)
        to_states = gradient @ weight if ctx.needs_input_grad[0] else None
        to_weight = gradient.t() @ states if ctx.needs_input_grad[1] else None
        return to_states, to_weight
