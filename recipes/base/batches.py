"""Training batches, made by processes that run beside the training.

A batch depends on the seed and its index alone, so the number of processes does not change the
stream. Documents do not share rows: each is padded to the next of a few widths, which keeps
documents apart and lets attention stay plainly causal. Every batch has the same number of rows of
each width, so that a GPU can replay the work on one batch for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from recipes.base.corpus import COMPARING_FIRST, EVERYTHING, REPEATING, block
from recipes.base.tokenizer import BOS, EOS
from recipes.base.workers import made_in_order

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

PLAIN_WEIGHT = 0.3
"""Weight of a plain text in the loss, compared with an answer that is as long."""
SHARES = {64: 0.09, 96: 0.25, 128: 0.25, 192: 0.25, 256: 0.09, 384: 0.055, 640: 0.015}
"""Share of a batch's tokens, padding included, in rows of each width; as documents are long."""
SHORT_SHARES = {64: 0.31, 96: 0.49, 128: 0.09, 192: 0.08, 256: 0.03}
"""The same for batches of the first two lessons."""
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
        weights: what each of these tokens counts in the loss as a target; 0 for prompts, for
            padding and for the first token of a row.
        tokens: tokens without padding.
    """

    shapes: Shapes
    ids: np.ndarray
    weights: np.ndarray
    tokens: int


@dataclass(frozen=True)
class Schedule:
    """How many batches at the start of the stream belong to the first and the second lesson."""

    repeating: int = 0
    comparing: int = 0

    def lesson(self, index: int) -> int:
        """Returns the lesson of a batch."""
        if index < self.repeating:
            return REPEATING
        return COMPARING_FIRST if index < self.repeating + self.comparing else EVERYTHING


def shapes_of(tokens: int, *, short: bool) -> Shapes:
    """Returns rows and width of each group of a batch of so many tokens, padding included."""
    shares = SHORT_SHARES if short else SHARES
    return [(max(1, round(tokens * share / width)), width) for width, share in shares.items()]


def make_batch(
    tokenizer: Tokenizer, seed: int, index: int, tokens: int, schedule: Schedule = Schedule()
) -> Batch:
    """Makes one batch.

    Args:
        tokenizer: the model's tokenizer.
        seed: seed of the stream.
        index: number of the batch, from 0.
        tokens: size of the batch in tokens, padding included.
        schedule: when the lessons begin.

    Returns:
        The batch, the same whoever asks. Documents that no longer fit are left out.
    """
    import numpy as np

    lesson = schedule.lesson(index)
    shapes = shapes_of(tokens, short=lesson < EVERYTHING)
    groups: list[list[tuple[list[int], int, float]]] = [[] for _ in shapes]
    wanted = FILLED * sum(rows for rows, _ in shapes)
    for part in count():
        items = block(seed, index * _BLOCKS_PER_BATCH + part, lesson=lesson)
        strings = [item.prompt for item in items] + [item.answer for item in items]
        encoded = [e.ids for e in tokenizer.encode_batch_fast(strings, add_special_tokens=False)]
        for item, prompt, answer in zip(
            items, encoded[: len(items)], encoded[len(items) :], strict=True
        ):
            ids = [BOS, *prompt, *answer, EOS]
            for group, (rows, width) in zip(groups, shapes, strict=True):
                if len(ids) <= width:
                    if len(group) < rows:
                        whole = 1.0 if item.draft else PLAIN_WEIGHT
                        group.append((ids, 1 + len(prompt), whole))
                    break
        if sum(map(len, groups)) >= wanted:
            break
    flat_ids, flat_weights = [], []
    for group, shape in zip(groups, shapes, strict=True):
        ids_array, weights = np.zeros(shape, dtype=np.uint16), np.zeros(shape, dtype=np.float32)
        for row, (ids, border, whole) in enumerate(group):
            ids_array[row, : len(ids)] = ids
            # A short answer counts less than a long one, but more than its share of tokens: else
            # those that are one word would hardly be learnt from.
            weights[row, border : len(ids)] = whole / math.sqrt(len(ids) - border)
        flat_ids.append(ids_array.ravel())
        flat_weights.append(weights.ravel())
    held = sum(len(ids) for group in groups for ids, _, _ in group)
    return Batch(shapes, np.concatenate(flat_ids), np.concatenate(flat_weights), held)


def fresh_batches(
    tokenizer: Tokenizer,
    seed: int,
    tokens: int,
    workers: int,
    schedule: Schedule = Schedule(),
) -> Generator[Batch, None, None]:
    """Makes batch 0, 1, 2, ... without end.

    Args:
        tokenizer: the model's tokenizer.
        seed: seed of the stream.
        tokens: size of a batch in tokens, padding included.
        workers: processes that make batches; 0 makes them in this process.
        schedule: when the lessons begin.

    Returns:
        The batches in order, the same for any number of workers.

    Raises:
        RuntimeError: a worker process has ended.
    """
    make = partial(make_batch, seed=seed, tokens=tokens, schedule=schedule)
    return made_in_order(make, tokenizer, workers, held=6)
