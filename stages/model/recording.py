"""Replays passes as CUDA graphs, so that the CPU launches one graph instead of hundreds of kernels.

For a small model or a short pack the CPU takes longer to launch kernels than the GPU to run them.
A pass is recorded once for each of a few sizes (stages/model/pack_sizes.py).
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from stages.model.device import linear_parameters
from stages.model.pack_sizes import SHORTEST, Size, fill_up, size_for
from stages.model.packed import MASKED, base_of
from stages.model.packing import Form, Packed, form_for, to_device

log = logging.getLogger(__name__)

# Operations of a recorded pass: its tokens times the parameters of linear layers. In larger ones
# the GPU is the slower part. 4,096 tokens of a model of 7 billion parameters, measured.
MOST = 2.7e13
LONGEST = 16_384  # tokens of a recorded pass of any model

Work = Callable[..., torch.Tensor]
"""From a pack and further tensors, all on the device, to a tensor."""


class Longest(NamedTuple):
    """What may be recorded.

    Attributes:
        tokens: largest number of tokens of a recorded pass; 0: none is.
        is_all: whether no pass is longer.
    """

    tokens: int
    is_all: bool


NONE = Longest(0, True)


class Recording(NamedTuple):
    """A recorded pass.

    Attributes:
        graph: to replay.
        inputs: tensors that it reads: those of the pack in turn, and the further ones.
        result: tensor that it writes.
    """

    graph: torch.cuda.CUDAGraph
    inputs: list[torch.Tensor]
    result: torch.Tensor


class Recorder:
    """Wraps a pass: calls it, or replays a recording where that is possible and pays."""

    def __init__(
        self, work: Work, device: torch.device, *, longest: Longest, steps: int, reserve: bool
    ) -> None:
        """Wraps a pass; nothing is recorded before `allow`.

        Args:
            work: the pass; whatever it changes in place must stay where it is.
            device: where passes run.
            longest: what may be recorded.
            steps: number of sizes from a power of two to the next one.
            reserve: whether memory for passes of all sizes is taken in one piece.
        """
        self._work, self._device, self._steps = work, device, steps
        self._possible, self._all = longest
        self._longest, self._bytes = 0, 0
        self._reserves = reserve
        self._recordings: dict[Size, Recording] = {}
        self._pool: torch.cuda.CUDAGraph | None = None  # a graph whose memory all others use too

    def allow(self, tokens: int, token_bytes: float = 0.0) -> int:
        """Has passes recorded from now on; call after a first pass.

        Args:
            tokens: of the longest pass for which there is memory.
            token_bytes: memory that a token takes.

        Returns:
            The tokens of the longest pass for which there is memory from now on, recorded or not.
        """
        longest = min(self._possible, tokens)
        # Long passes that are not recorded take all memory by themselves.
        if longest < 2 * SHORTEST or not (self._all or tokens >= 2 * longest):
            return tokens
        self._longest, self._bytes = longest, int(longest * token_bytes)
        return max(longest, tokens - longest)

    def __call__(
        self,
        packed: Packed,
        further: Callable[[Size | None], tuple[torch.Tensor, ...]],
    ) -> torch.Tensor:
        """Runs a pass; the first one of a size is recorded.

        Args:
            packed: the rows, in the host's memory.
            further: given the size that the pack is filled up to, or None, returns what else the
                pass reads, in the host's memory.

        Returns:
            The pass's result; valid until the next pass.
        """
        size = size_for(packed, self._steps) if self._longest else None
        if size is not None and size.tokens > self._longest:
            size = None
        filled = packed if size is None else fill_up(packed, size)
        inputs = to_device((filled, *further(size)), self._device)
        if size is None:
            return self._work(*inputs)
        if size not in self._recordings:
            self._recordings[size] = self._record(inputs)
        recording = self._recordings[size]
        for place, value in zip(recording.inputs, tensors(inputs), strict=True):
            if place is not value:
                place.copy_(value)
        recording.graph.replay()
        return recording.result

    def _record(self, inputs: tuple[Any, ...]) -> Recording:
        """Records a pass, whose inputs the given ones become."""
        if self._pool is None and self._reserves:
            self._pool, _ = self._capture(self._reserve)
        graph, result = self._capture(lambda: self._work(*inputs))
        self._pool = self._pool or graph
        return Recording(graph, list(tensors(inputs)), result)

    def _capture(self, work: Callable[[], Any]) -> tuple[torch.cuda.CUDAGraph, Any]:
        graph = torch.cuda.CUDAGraph()
        pool = self._pool.pool() if self._pool else None
        # Relaxed: other work meanwhile, such as loading kernels, or NCCL's, does no harm.
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="relaxed"):
            result = work()
        return graph, result

    def _reserve(self) -> None:
        """Takes memory in one piece, into which passes of all sizes fit in any order."""
        torch.empty(self._bytes, dtype=torch.uint8, device=self._device)[:1].zero_()

    def forget(self) -> None:
        """Gives the memory of recordings back."""
        for recording in self._recordings.values():
            recording.graph.reset()
        if self._pool is not None:
            self._pool.reset()
        self._recordings.clear()
        self._pool = None

    def stop(self) -> bool:
        """Records no more for good; says whether that is new."""
        was_allowed = self._longest > 0
        self._longest = self._possible = 0
        self.forget()
        if was_allowed:
            log.info("out of memory: no passes are recorded from now on")
        return was_allowed


def longest_recorded(model: Any) -> Longest:
    """Says which passes of a model are worth recording.

    None is where a pass waits for the host, as 8-bit layers do, or there is no GPU.
    """
    base = base_of(model)
    if model.device.type != "cuda" or getattr(base, "is_loaded_in_8bit", False):
        return NONE
    has_masks = form_for(base.device, base.dtype) is Form.RELATION
    longest = MASKED if has_masks else LONGEST
    tokens = min(longest, int(MOST / max(1, linear_parameters(base))))
    return Longest(tokens, tokens == longest)


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Yields the tensors in nested tuples."""
    if isinstance(value, tuple):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, torch.Tensor):
        yield value
