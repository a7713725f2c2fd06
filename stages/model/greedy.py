"""The greedy choice of tokens, which tells a model's likeliest token from none at all."""

from typing import Any

import torch
from transformers import LogitsProcessor

from stages.model.text import NO_TOKEN


def likeliest(logits: torch.Tensor) -> torch.Tensor:
    """Returns the likeliest token of each row, or `NO_TOKEN`.

    Args:
        logits: of shape (rows, vocabulary); minus infinity rules a token out.

    Returns:
        Token ids of shape (rows,).
    """
    tokens = logits.argmax(dim=-1)  # that of a NaN, if there is one
    largest = logits.gather(-1, tokens[:, None])[:, 0]
    return torch.where(largest.isfinite(), tokens, NO_TOKEN)


class NoTokens(LogitsProcessor):  # type: ignore[misc]
    """Notes, while transformers generates, which rows have come to logits without a token.

    Attributes:
        rows: whether each has, of shape (rows,); empty before the first step.
    """

    def __init__(self) -> None:
        self.rows = torch.zeros(0, dtype=torch.bool)

    def __call__(self, _: torch.Tensor, scores: torch.Tensor) -> Any:
        """Looks at the scores of a step, of shape (rows, vocabulary), and returns them."""
        found = likeliest(scores) == NO_TOKEN
        self.rows = found | self.rows if len(self.rows) else found
        return scores
