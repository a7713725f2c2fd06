"""Scoring: the logits at the places where the candidate answers of closed sub-tasks part."""

from collections.abc import Callable, Iterator, Sequence

import torch

from stages.answering.candidates import Tree
from stages.model.text import TokenRow


def score_forks(
    prompts: Sequence[list[int]],
    candidates: Tree,
    read: Callable[[list[TokenRow]], Iterator[tuple[list[int], torch.Tensor]]],
) -> Iterator[tuple[int, list[list[float]]]]:
    """Computes the logits at every fork after every prompt.

    Args:
        prompts: token ids of each prompt.
        candidates: the answers.
        read: given rows, yields numbers of rows, and the logits that follow them, of shape (rows,
            vocabulary).

    Yields:
        Each prompt's number, and for each fork the logits of its tokens.
    """
    forks = candidates.forks
    if not forks:  # an only answer is not in question
        yield from ((number, []) for number in range(len(prompts)))
        return
    rows = [
        TokenRow([*ids, *fork.before], len(ids) + len(fork.before), 0)
        for ids in prompts
        for fork in forks
    ]
    tokens = sorted({token for fork in forks for token in fork.tokens})
    columns = [[tokens.index(token) for token in fork.tokens] for fork in forks]
    by_prompt: dict[int, dict[int, list[float]]] = {}
    for numbers, logits in read(rows):
        for i, values in zip(numbers, logits[:, tokens].float().tolist(), strict=True):
            prompt, fork = divmod(i, len(forks))
            by_fork = by_prompt.setdefault(prompt, {})
            by_fork[fork] = [values[column] for column in columns[fork]]
            if len(by_fork) == len(forks):
                yield prompt, [by_fork[fork] for fork in range(len(forks))]
                del by_prompt[prompt]
