"""A pass: what one micro-batch goes through, forward and, in training, backward.

Loss is computed on answers alone, and logits only there; that of an encoder's heads is their own.
"""

from collections.abc import Callable
from typing import Any

import torch

from stages.model.heads import HeadsPath
from stages.model.lora import TrainedWeights
from stages.model.path import ModelPath

Pass = Callable[[Any, torch.Tensor], torch.Tensor]
"""From a micro-batch and the weight of its loss, both on the device, to the weighted loss."""


def answer_loss(path: ModelPath, batch: Any) -> torch.Tensor:
    """Sums the cross-entropy of the answers' tokens, the end token included, or heads' losses.

    Args:
        path: computes the logits.
        batch: questions with answers, as the path has joined them.

    Returns:
        The sum in nats, a scalar in fp32.
    """
    if isinstance(path, HeadsPath):
        return path.loss(batch)
    logits = path.logits(batch).float()
    return torch.nn.functional.cross_entropy(logits, batch.labels, reduction="sum")


def training_pass(path: ModelPath, weights: TrainedWeights, scaler: torch.amp.GradScaler) -> Pass:
    """Returns the pass of a training, which adds the gradient of a weighted loss to the adapter's.

    Args:
        path: computes the logits.
        weights: the adapter's.
        scaler: of the loss, for fp16.
    """

    def run(batch: Any, loss_weight: torch.Tensor) -> torch.Tensor:
        loss = answer_loss(path, batch) * loss_weight
        weights.backward(scaler.scale(loss))
        return loss.detach()

    return run
