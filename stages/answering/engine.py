"""The interface of engines: what is requested of a model, and what comes back."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from stages.answering.candidates import Tree


class Request(NamedTuple):
    """A prompt to be continued.

    Attributes:
        ids: its token ids.
        max_new_tokens: largest number of tokens to generate.
        begun: how many of the last ids are of the answer already.
    """

    ids: list[int]
    max_new_tokens: int
    begun: int = 0


class Engine(Protocol):
    """A model that answers."""

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        """Continues prompts greedily.

        Args:
            requests: taken up in this order. It is best to have those with a common prefix, and
                those of similar length, one after the other.

        Yields:
            Each request's number and the generated token ids, as soon as they are complete: with
            the end token, because there are as many as may be, or with
            `stages.model.text.NO_TOKEN` at their end.
        """

    def score(
        self, prompts: Sequence[list[int]], candidates: Tree, begun: Sequence[int] = ()
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Computes the logits at every fork of a closed set of answers.

        Args:
            prompts: token ids of each prompt.
            candidates: the answers, or numbers.
            begun: how many of each prompt's last ids are of the answer already; without, none.

        Yields:
            Each prompt's number, and for each fork the logits of its tokens, up to a constant.
        """
