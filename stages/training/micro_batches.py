"""Micro-batches: how many tokens a pass may have, and what is done when memory runs out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from stages.model import processes
from stages.model.device import free_memory
from stages.model.packing import split_evenly
from stages.model.path import ModelPath
from stages.model.text import TokenRow

log = logging.getLogger(__name__)

# Tokens of a micro-batch before memory is measured. On two CPU cores, where it never is, small
# ones, which stay in the cache, were a fifth faster.
FIRST = 1024
USABLE = 0.85  # share of the free GPU memory that a micro-batch may fill

Result = TypeVar("Result")


class MicroBatcher:
    """Splits global batches into micro-batches that fit the memory.

    The first work on a GPU is done with few tokens and tells how much memory a token takes; from
    then on the free memory decides.

    Attributes:
        tokens: largest number of tokens of a micro-batch.
        measured: whether it follows from the memory, as on a CPU it never does.
    """

    def __init__(self, path: ModelPath) -> None:
        """Measures nothing yet.

        Args:
            path: which batches are for.
        """
        self.tokens = FIRST
        self.measured = path.model.device.type == "cpu"
        self._path, self._model = path, path.model
        self._longest = 0  # tokens of the longest micro-batch since measuring began
        self._recomputes = False

    def split(self, rows: Sequence[TokenRow]) -> Iterator[tuple[list[TokenRow], float]]:
        """Splits a global batch, which all processes have, into this process's micro-batches.

        Processes with a sharded base must run the model equally often: those with fewer
        micro-batches are given fillers.

        Yields:
            Micro-batches with the weight of their loss: 1, and 0 for fillers.
        """
        here = processes.here()
        own = [rows[i] for i in split_evenly(rows, here.count)[here.rank]]
        split = self._path.split(own, self.tokens)
        micro_batches = [[own[i] for i in numbers] for numbers in split]
        self._longest = max([self._longest, *map(self._path.length, micro_batches)])
        fillers = 0
        if here.sharded:
            passes = max(here.gathered(len(micro_batches), self._model.device))
            fillers = int(passes) - len(micro_batches)
        yield from ((micro_batch, 1.0) for micro_batch in micro_batches)
        shortest = min(rows, key=lambda row: len(row.ids))
        yield from [([shortest], 0.0)] * fillers

    def halve(self) -> bool:
        """Halves the number of tokens; says whether it could be."""
        if self.tokens == 1:
            return False
        self.tokens //= 2
        log.info("out of memory: micro-batches of %d tokens from now on", self.tokens)
        return True

    def recompute(self) -> bool:
        """Has layers computed again in the backward pass instead of kept; says whether that is new.

        It is the last resort, where a single row is too much.
        """
        if self._recomputes:
            return False
        log.info("out of memory with a single row: layers are computed again from now on")
        base = self._model.get_base_model()
        enable = getattr(base, "activation_checkpointing_enable", None)  # the newer name
        (enable or base.gradient_checkpointing_enable)({"use_reentrant": False})
        self._recomputes = True
        self.tokens = FIRST
        return True

    def measure(self, work: Callable[[], Result], reserve: Callable[[int, float], int]) -> Result:
        """Does a piece of work and finds out how many tokens would fill the memory.

        Args:
            work: splits a global batch.
            reserve: given the tokens that fit and the bytes that a token takes, returns the tokens
                that fit beside what it takes for itself.

        Returns:
            The work's result.
        """
        self._longest = 0
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = work()
        here = processes.here()
        if not (self._longest or here.sharded):
            return result
        each = (torch.cuda.max_memory_allocated() - before) / max(1, self._longest)
        trained = [p for p in self._model.parameters() if p.requires_grad]
        moments = 2 * sum(p.numel() * p.itemsize for p in trained)  # AdamW's, of the first step
        free = free_memory(self._model.device) - moments
        fit = USABLE * free / each
        if here.sharded:
            fit = min(here.gathered(fit, self._model.device))
        self.tokens = reserve(max(self.tokens, int(fit)), each)
        self.measured = True
        log.info(
            "a token takes %.1f MiB, %.1f GiB are free: micro-batches of up to %d tokens",
            each / 2**20,
            free / 2**30,
            self.tokens,
        )
        return result


def within_memory(work: Callable[[], Result], remedies: Sequence[Callable[[], bool]]) -> Result:
    """Does a piece of work, again after running out of GPU memory.

    Processes that share a sharded base cannot go on, for each waits for the others.

    Args:
        work: must be repeatable after a failure.
        remedies: what needs less memory; each says whether it changed anything. The first one that
            did is followed by another try.

    Raises:
        torch.OutOfMemoryError: if no remedy is left.
    """
    while True:
        try:
            return work()
        except torch.OutOfMemoryError:
            if processes.here().sharded or not any(remedy() for remedy in remedies):
                raise
        torch.cuda.empty_cache()
