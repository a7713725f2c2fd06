"""Closed sets of answers: the most probable candidate, and the probability of each.

The answers, as token ids with the end token, form a tree. Where it forks the model chooses among
the tokens that lead to some answer, and no others: that is greedy generation restricted to the
candidates. Since the forks are known beforehand, all of them are computed in one forward pass.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from stages.common.command import InputError


class Fork(NamedTuple):
    """A place where candidates part.

    Attributes:
        before: token ids of the answer up to there.
        tokens: ids that lead to a candidate, ascending.
    """

    before: tuple[int, ...]
    tokens: tuple[int, ...]


class Tree(Protocol):
    """Answers, or parts of answers, as a tree of tokens; the forks are where it parts."""

    @property
    def forks(self) -> Sequence[Fork]: ...  # noqa: D102


class Candidates:
    """The possible answers of a closed sub-task.

    Attributes:
        forks: where they part, in the order of their length; none if there is one answer alone.
    """

    def __init__(self, answers: Mapping[str, Sequence[int]]) -> None:
        """Finds the forks.

        Args:
            answers: token ids of each answer, the end token included.

        Raises:
            InputError: if two answers have the same tokens, so that no model can tell them apart.
        """
        self._answers = {answer: tuple(ids) for answer, ids in answers.items()}
        if len(set(self._answers.values())) < len(self._answers):
            raise InputError(
                f"the answers {', '.join(self._answers)}: the tokenizer gives two of them the same"
                " tokens, so that they cannot be told apart"
            )
        next_tokens: dict[tuple[int, ...], set[int]] = {}
        for ids in self._answers.values():
            for i, token in enumerate(ids):
                next_tokens.setdefault(ids[:i], set()).add(token)
        self.forks: Sequence[Fork] = [
            Fork(before, tuple(sorted(tokens)))
            for before, tokens in sorted(next_tokens.items(), key=lambda item: (len(item[0]), item))
            if len(tokens) > 1
        ]

    def tokens(self, answer: str) -> int:
        """Returns the number of an answer's tokens, the end token included."""
        return len(self._answers[answer])

    def best(self, logits: Sequence[Sequence[float]]) -> str:
        """Returns the answer that greedy generation restricted to the candidates gives.

        Args:
            logits: for each fork those of its tokens, up to a constant.
        """
        left = dict(self._answers)
        for fork, values in zip(self.forks, logits, strict=True):  # a shorter fork comes first
            at = len(fork.before)
            if all(ids[:at] == fork.before for ids in left.values()):
                best = fork.tokens[max(range(len(values)), key=values.__getitem__)]
                left = {answer: ids for answer, ids in left.items() if ids[at] == best}
        (answer,) = left
        return answer

    def probabilities(self, logits: Sequence[Sequence[float]]) -> dict[str, float]:
        """Returns the probability of each candidate under that restriction; they sum to 1.

        It is the product, over the forks on the candidate's way, of its token's share among the
        fork's tokens.

        Args:
            logits: for each fork those of its tokens, up to a constant.
        """
        shares = {
            fork.before: dict(zip(fork.tokens, softmax(values), strict=True))
            for fork, values in zip(self.forks, logits, strict=True)
        }
        return {
            answer: math.prod(
                shares[ids[:i]][token] for i, token in enumerate(ids) if ids[:i] in shares
            )
            for answer, ids in self._answers.items()
        }


def softmax(logits: Sequence[float]) -> list[float]:
    """Returns the shares that logits give; they sum to 1."""
    highest = max(logits)
    powers = [math.exp(value - highest) for value in logits]
    return [power / sum(powers) for power in powers]
