"""What an engine is asked, and what it gives."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from stages.answering.candidates import Candidates


class Question(NamedTuple):
    """What is to be answered: the prompt's token ids, and the largest number of tokens to write."""

    ids: list[int]
    most: int


class Engine(Protocol):
    """A model that answers."""

    def generate(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[int]]]:
        """Answers greedily.

        Args:
            questions: which are taken up in this order; best those that begin alike, and those of
                like length, one after the other.

        Yields:
            Each question's number and its answer's token ids, as soon as it has ended: with the end
            token, or because it has as many tokens as it may have.
        """

    def score(
        self, prompts: Sequence[list[int]], candidates: Candidates
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Looks at every fork of a closed set of answers.

        Args:
            prompts: token ids of each prompt.
            candidates: the answers.

        Yields:
            Each prompt's number, and for each fork the logits of its tokens, up to a constant.
        """
