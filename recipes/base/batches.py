"""Training batches, made by processes that run beside the training.

A batch depends on the seed and its index alone, so the number of processes does not change the
stream. Documents do not share rows: they are sorted by length and padded in groups, which keeps
them apart, lets attention stay plainly causal and pads little.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import random
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from recipes.base.corpus import block
from recipes.base.tokenizer import BOS, EOS

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

LONGEST = 1024
"""Tokens of the longest document that is kept."""
NOTHING, PROMPT, ANSWER, PLAIN = 0, 1, 2, 3
"""Kinds of target tokens, each with its own weight in the loss; only the last two are learnt."""
_BLOCKS_PER_BATCH = 100_000
_BUFFER = 128


@dataclass(frozen=True)
class Batch:
    """One optimiser step's documents, in groups of like length.

    Attributes:
        groups: token ids and kinds of tokens, two arrays of (documents, length) each.
        tokens: tokens without padding.
        kinds: how many target tokens there are of each kind.
    """

    groups: list[tuple[np.ndarray, np.ndarray]]
    tokens: int
    kinds: tuple[int, int, int, int]


def make_batch(
    tokenizer: Tokenizer, seed: int, index: int, tokens: int, groups: int, first_lesson: int = 0
) -> Batch:
    """Makes one batch.

    Args:
        tokenizer: the model's tokenizer.
        seed: seed of the stream.
        index: number of the batch, from 0.
        tokens: tokens after which no more documents are added.
        groups: into how many groups of about as many tokens the documents are sorted.
        first_lesson: batches at the start of the stream that only repeat short texts.

    Returns:
        The batch, the same whoever asks.
    """
    import numpy as np

    documents: list[tuple[list[int], int, int]] = []
    total = 0
    for part in count():
        items = block(seed, index * _BLOCKS_PER_BATCH + part, first=index < first_lesson)
        strings = [item.prompt for item in items] + [item.answer for item in items]
        encoded = [e.ids for e in tokenizer.encode_batch_fast(strings, add_special_tokens=False)]
        for item, prompt, answer in zip(
            items, encoded[: len(items)], encoded[len(items) :], strict=True
        ):
            ids = [BOS, *prompt, *answer, EOS]
            if len(ids) <= LONGEST:
                kind = PLAIN if item.draft is None else ANSWER
                documents.append((ids, 1 + len(prompt), kind))
                total += len(ids)
                if total >= tokens:
                    break
        if total >= tokens:
            break
    documents.sort(key=lambda d: len(d[0]))
    cuts = [documents[a:b] for a, b in cut_points([len(d[0]) for d in documents], groups)]
    arrays = []
    for cut in cuts:
        width = _rounded(len(cut[-1][0]))
        ids_array = np.zeros((len(cut), width), dtype=np.uint16)
        kind_array = np.zeros((len(cut), width), dtype=np.uint8)
        for row, (ids, border, kind) in enumerate(cut):
            ids_array[row, : len(ids)] = ids
            kind_array[row, 1:border] = PROMPT
            kind_array[row, border : len(ids)] = kind
        arrays.append((ids_array, kind_array))
    numbers = [int(sum((kinds == k).sum() for _, kinds in arrays)) for k in range(4)]
    return Batch(arrays, total, (0, numbers[1], numbers[2], numbers[3]))


def _rounded(length: int) -> int:
    return -(-length // 16) * 16


def cut_points(lengths: list[int], groups: int) -> list[tuple[int, int]]:
    """Cuts sorted lengths into groups so that padding each to its longest costs the least.

    Args:
        lengths: lengths in rising order.
        groups: at most how many groups to make.

    Returns:
        Start and end (exclusive) of each group, in order.
    """
    ends = [
        k + 1
        for k, length in enumerate(lengths)
        if k + 1 == len(lengths) or _rounded(length) != _rounded(lengths[k + 1])
    ]
    starts = [0, *ends]
    best: list[tuple[int, list[tuple[int, int]]]] = [(0, [])]
    best += [(1 << 60, []) for _ in ends]
    for _ in range(groups):
        for right in range(len(ends), 0, -1):
            width = _rounded(lengths[ends[right - 1] - 1])
            for left in range(right):
                cost = best[left][0] + width * (starts[right] - starts[left])
                if cost < best[right][0]:
                    best[right] = (cost, [*best[left][1], (starts[left], starts[right])])
    return best[-1][1]


def _work(
    tokenizer_json: str,
    seed: int,
    first: int,
    step: int,
    tokens: int,
    groups: int,
    first_lesson: int,
    out: multiprocessing.Queue[Batch],
) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tokenizer_json)
    for index in count(first, step):
        out.put(make_batch(tokenizer, seed, index, tokens, groups, first_lesson))


def fresh_batches(
    tokenizer: Tokenizer,
    seed: int,
    tokens: int,
    groups: int,
    workers: int,
    first_lesson: int = 0,
) -> Generator[Batch, None, None]:
    """Yields batch 0, 1, 2, ... without end.

    Args:
        tokenizer: the model's tokenizer.
        seed: seed of the stream.
        tokens: tokens of a batch.
        groups: groups of a batch.
        workers: processes that make batches; 0 makes them in this process.
        first_lesson: batches at the start that only repeat short texts.

    Yields:
        The batches in order, the same for any number of workers.

    Raises:
        RuntimeError: a worker process has ended.
    """
    if workers == 0:
        for index in count():
            yield make_batch(tokenizer, seed, index, tokens, groups, first_lesson)
    context: Any = multiprocessing.get_context("spawn")
    queues = [context.Queue(maxsize=6) for _ in range(workers)]
    processes = [
        context.Process(
            target=_work,
            args=(tokenizer.to_str(), seed, k, workers, tokens, groups, first_lesson, queues[k]),
            daemon=True,
        )
        for k in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        for index in count():
            yield _take(queues[index % workers], processes[index % workers])
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _take(source: Any, process: Any) -> Batch:
    while True:
        try:
            batch: Batch = source.get(timeout=5)
            return batch
        except queue.Empty:
            if not process.is_alive():
                raise RuntimeError(
                    f"a data worker ended with exit code {process.exitcode}"
                ) from None


def reused(fresh: Iterator[Batch], times: int, seed: int) -> Generator[Batch, None, None]:
    """Yields each fresh batch, and after it `times` - 1 drawn from the latest ones.

    Args:
        fresh: the batches as they are made.
        times: how often a batch is used on average; 1 uses each once.
        seed: seed of the draw.

    Yields:
        The batches.
    """
    if times == 1:
        yield from fresh
        return
    rng = random.Random(seed)
    buffer: list[Batch] = []
    for batch in fresh:
        yield batch
        if len(buffer) < _BUFFER:
            buffer.append(batch)
        else:
            buffer[rng.randrange(_BUFFER)] = batch
        for _ in range(times - 1):
            yield rng.choice(buffer)
