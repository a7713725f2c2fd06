"""Training batches, made by processes that run beside the training.

A batch depends on the seed and its index alone, so the number of processes does not change the
stream. Documents do not share rows: each is padded to the next of a few widths, which keeps
documents apart and lets attention stay plainly causal. Every batch has the same number of rows of
each width, so that a GPU can replay the work on one batch for all of them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from recipes.base.corpus import block
from recipes.base.tokenizer import BOS, EOS
from recipes.base.workers import made_in_order

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

NOTHING, PROMPT, ANSWER, PLAIN = 0, 1, 2, 3
"""Kinds of target tokens, each with its own weight in the loss; only the last two are learnt."""

SHARES = {96: 0.04, 128: 0.09, 192: 0.34, 256: 0.28, 384: 0.2, 640: 0.05}
"""Share of a batch's tokens, padding included, in rows of each width; as documents are long."""
FIRST_SHARES = {96: 0.33, 128: 0.41, 192: 0.18, 256: 0.08}
"""The same for batches of the first lesson."""
FILLED = 0.96
"""Share of a batch's rows that have a document at least; the others stay empty."""
_BLOCKS_PER_BATCH = 100_000

Shapes = list[tuple[int, int]]


@dataclass(frozen=True)
class Batch:
    """One optimiser step's documents, in groups of rows of one width.

    Attributes:
        shapes: rows and width of each group.
        ids: token ids of all groups, one after the other, as a flat array.
        kinds: the kinds of the same tokens.
        tokens: tokens without padding.
    """

    shapes: Shapes
    ids: np.ndarray
    kinds: np.ndarray
    tokens: int


def shapes_of(tokens: int, *, first: bool) -> Shapes:
    """Returns rows and width of each group of a batch of so many tokens, padding included."""
    shares = FIRST_SHARES if first else SHARES
    return [(max(1, round(tokens * share / width)), width) for width, share in shares.items()]


def make_batch(
    tokenizer: Tokenizer, seed: int, index: int, tokens: int, first_lesson: int = 0
) -> Batch:
    """Makes one batch.

    Args:
        tokenizer: the model's tokenizer.
        seed: seed of the stream.
        index: number of the batch, from 0.
        tokens: size of the batch in tokens, padding included.
        first_lesson: batches at the start of the stream that only repeat short texts.

    Returns:
        The batch, the same whoever asks. Documents that no longer fit are left out.
    """
    import numpy as np

    first = index < first_lesson
    shapes = shapes_of(tokens, first=first)
    groups: list[list[tuple[list[int], int, int]]] = [[] for _ in shapes]
    wanted = FILLED * sum(rows for rows, _ in shapes)
    for part in count():
        items = block(seed, index * _BLOCKS_PER_BATCH + part, first=first)
        strings = [item.prompt for item in items] + [item.answer for item in items]
        encoded = [e.ids for e in tokenizer.encode_batch_fast(strings, add_special_tokens=False)]
        for item, prompt, answer in zip(
            items, encoded[: len(items)], encoded[len(items) :], strict=True
        ):
            ids = [BOS, *prompt, *answer, EOS]
            for group, (rows, width) in zip(groups, shapes, strict=True):
                if len(ids) <= width:
                    if len(group) < rows:
                        kind = PLAIN if item.draft is None else ANSWER
                        group.append((ids, 1 + len(prompt), kind))
                    break
        if sum(map(len, groups)) >= wanted:
            break
    flat_ids, flat_kinds = [], []
    for group, shape in zip(groups, shapes, strict=True):
        ids_array, kinds = np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.uint8)
        for row, (ids, border, kind) in enumerate(group):
            ids_array[row, : len(ids)] = ids
            kinds[row, 1:border] = PROMPT
            kinds[row, border : len(ids)] = kind
        flat_ids.append(ids_array.ravel())
        flat_kinds.append(kinds.ravel())
    held = sum(len(ids) for group in groups for ids, _, _ in group)
    return Batch(shapes, np.concatenate(flat_ids), np.concatenate(flat_kinds), held)


def fresh_batches(
    tokenizer: Tokenizer,
    seed: int,
    tokens: int,
    workers: int,
    first_lesson: int = 0,
) -> Generator[Batch, None, None]:
    """Makes batch 0, 1, 2, ... without end.

    Args:
        tokenizer: the model's tokenizer.
        seed: seed of the stream.
        tokens: size of a batch in tokens, padding included.
        workers: processes that make batches; 0 makes them in this process.
        first_lesson: batches at the start that only repeat short texts.

    Returns:
        The batches in order, the same for any number of workers.

    Raises:
        RuntimeError: a worker process has ended.
    """
    make = partial(make_batch, seed=seed, tokens=tokens, first_lesson=first_lesson)
    return made_in_order(make, tokenizer, workers, held=6)
