"""The seam between a job and a model: how the logits of rows are computed, to learn or to answer.

Two paths implement it: stages/model/packed.py, which is fast, and stages/model/plain.py, which is
right for whatever transformers and peft can run. stages/model/check.py decides between them.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from stages.model.lora import TrainedWeights
from stages.model.text import TokenRow


class ModelPath(Protocol):
    """A way to compute what a model says about rows.

    Attributes:
        model: the base, or the base with its adapter, ready for this path.
    """

    model: Any

    def split(self, rows: Sequence[TokenRow], tokens: int) -> list[list[int]]:
        """Splits rows into batches.

        Args:
            rows: the rows.
            tokens: largest length of a batch; a longer row is alone.

        Returns:
            For each batch the numbers of its rows.
        """

    def length(self, rows: Sequence[TokenRow]) -> int:
        """Returns the number of tokens that a batch of rows has."""

    def batch(self, rows: Sequence[TokenRow]) -> Any:
        """Joins rows to a batch, in the host's memory.

        Returns:
            Nested tuples of tensors, with an attribute `labels`: the ids of the answers' tokens,
            row by row, of shape (predictions,).
        """

    def logits(self, batch: Any) -> torch.Tensor:
        """Computes logits.

        Args:
            batch: rows, on the model's device.

        Returns:
            The logits at all positions whose next token is predicted, row by row: the last token of
            the prompt, and the answer's tokens but the last. Of shape (predictions, vocabulary).
        """

    def trained_weights(self) -> TrainedWeights:
        """Takes over the adapter's weights, to train them."""

    def release(self) -> None:
        """Leaves the model as it was before this path took it."""
