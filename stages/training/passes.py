"""A pass: what one micro-batch goes through, forward and, in training, backward.

Loss is computed on answers alone, and logits only there.
"""

from collections.abc import Callable
from typing import Any

import torch

from stages.model.attention import hidden_states
from stages.model.lora import FlatLora
from stages.model.packing import Packed

Pass = Callable[[Packed, torch.Tensor], torch.Tensor]
"""From a micro-batch and the weight of its loss, both on the device, to the weighted loss."""


def answer_loss(model: Any, packed: Packed) -> torch.Tensor:
    """Sums the cross-entropy of the answers' tokens, the end token included.

    Args:
        model: the base with its adapter, prepared.
        packed: questions with answers.

    Returns:
        The sum in nats, a scalar in fp32.
    """
    base = model.get_base_model()
    states = hidden_states(base.get_decoder(), packed)
    logits = base.get_output_embeddings()(states)
    return torch.nn.functional.cross_entropy(logits.float(), packed.labels, reduction="sum")


def training_pass(model: Any, lora: FlatLora, scaler: torch.amp.GradScaler) -> Pass:
    """Returns the pass of a training, which adds the gradient of a weighted loss to the adapter's.

    Args:
        model: the base with its adapter, prepared.
        lora: the adapter's weights.
        scaler: of the loss, for fp16.
    """

    def run(packed: Packed, loss_weight: torch.Tensor) -> torch.Tensor:
        loss = answer_loss(model, packed) * loss_weight
        lora.backward(scaler.scale(loss))
        return loss.detach()

    return run
