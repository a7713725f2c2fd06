"""Small models that answer, and what they should answer, from the definition."""

import random
from collections.abc import Sequence
from typing import Any

import torch

from tests.helpers import tiny

END = 2
WORDS = {"sì": [5, END], "no": [6, END], "non so": [6, 7, 8, END], "non io": [6, 7, 9, END]}
"""Candidate answers, some of which have tokens in common."""


def prompts(count: int, seed: int = 3) -> list[list[int]]:
    """Prompts of three sub-tasks, which have a common prefix each."""
    draw = random.Random(seed)
    headers = [[1, *(draw.randrange(10, 100) for _ in range(20))] for _ in range(3)]
    return [
        headers[n % 3] + [draw.randrange(10, 100) for _ in range(draw.randrange(1, 40))]
        for n in range(count)
    ]


def greedy(causal: Any, ids: Sequence[int], max_new_tokens: int, end: int = END) -> list[int]:
    """The most probable next token, one forward pass each, without a cache."""
    answer: list[int] = []
    while len(answer) < max_new_tokens and (not answer or answer[-1] != end):
        with torch.no_grad():
            logits = causal(torch.tensor([[*ids, *answer]])).logits[0, -1]
        answer.append(int(logits.argmax()))
    return answer


def lively(key_heads: int) -> Any:
    """A small model whose answers differ."""
    return tiny.causal(key_heads, seed=4, spread=0.5)
