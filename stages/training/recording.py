"""Replays passes as CUDA graphs, so that the CPU launches one graph instead of hundreds of kernels.

For a small micro-batch the CPU takes longer to launch kernels than the GPU to run them. A pass is
recorded once for each of a few sizes (stages/training/pack_sizes.py).
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch

from stages.model.packing import Packed, to_device
from stages.training.pack_sizes import Size, fill_up, size_for
from stages.training.passes import Pass

log = logging.getLogger(__name__)

LONGEST = 4096  # tokens of a recorded pass; in longer ones the GPU is the slower part


class Recording(NamedTuple):
    """A recorded pass.

    Attributes:
        graph: to replay.
        inputs: tensors that it reads: those of the pack in turn, and the weight of the loss.
        loss: tensor that it writes.
    """

    graph: torch.cuda.CUDAGraph
    inputs: list[torch.Tensor]
    loss: torch.Tensor


class Recorder:
    """Wraps a pass: calls it, or replays a recording where that is possible and pays."""

    def __init__(self, work: Pass, device: torch.device, *, possible: bool) -> None:
        """Wraps a pass; nothing is recorded before `allow`.

        Args:
            work: the pass; whatever it changes in place must stay where it is.
            device: where passes run.
            possible: whether the pass runs on a GPU alone, with variable-length attention, and
                waits for nothing in between.
        """
        self._work, self._device, self._possible = work, device, possible
        self._longest, self._bytes = 0, 0
        self._recordings: dict[Size, Recording] = {}
        self._reserved: torch.cuda.CUDAGraph | None = None

    def allow(self, tokens: int, token_bytes: float) -> int:
        """Has passes recorded from now on if memory is ample; call after a first pass.

        Args:
            tokens: of the longest pass for which there is memory.
            token_bytes: memory that a token takes.

        Returns:
            The tokens whose memory belongs to recorded passes from now on.
        """
        if not self._possible or tokens < 2 * LONGEST:
            return 0
        self._longest, self._bytes = LONGEST, int(LONGEST * token_bytes)
        return LONGEST

    def __call__(self, packed: Packed, loss_weight: float) -> torch.Tensor:
        """Runs a pass; the first one of a size is recorded.

        Args:
            packed: a micro-batch, in the host's memory.
            loss_weight: factor of its loss.

        Returns:
            The weighted loss, a scalar; valid until the next pass.
        """
        size = size_for(packed) if self._longest else None
        if size is None or size.tokens > self._longest:
            weight = torch.full((), loss_weight, device=self._device)
            return self._work(to_device(packed, self._device), weight)
        inputs = to_device(fill_up(packed, size), self._device)
        if size not in self._recordings:
            self._recordings[size] = self._record(inputs)
        recording = self._recordings[size]
        *packed_inputs, weight = recording.inputs
        for place, value in zip(packed_inputs, tensors(inputs), strict=True):
            place.copy_(value)
        weight.fill_(loss_weight)
        recording.graph.replay()
        return recording.loss

    def _record(self, packed: Packed) -> Recording:
        """Records a pass, whose inputs the given ones become."""
        if not self._reserved:
            self._reserved, _ = self._capture(self._reserve)
        weight = torch.ones((), device=self._device)
        graph, loss = self._capture(lambda: self._work(packed, weight))
        return Recording(graph, [*tensors(packed), weight], loss)

    def _capture(self, work: Callable[[], Any]) -> tuple[torch.cuda.CUDAGraph, Any]:
        graph = torch.cuda.CUDAGraph()
        pool = self._reserved.pool() if self._reserved else None
        # Relaxed: other work meanwhile, such as loading kernels, or NCCL's, does no harm.
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="relaxed"):
            result = work()
        return graph, result

    def _reserve(self) -> None:
        """Takes memory in one piece, into which passes of all sizes fit in any order."""
        torch.empty(self._bytes, dtype=torch.uint8, device=self._device)[:1].zero_()

    def stop(self) -> bool:
        """Gives the memory of recordings back for good; says whether there were any."""
        had_recordings = bool(self._recordings)
        self._longest = 0
        self._possible = False
        self._recordings.clear()
        self._reserved = None
        if had_recordings:
            log.info("out of memory: no passes are recorded from now on")
        return had_recordings


def tensors(value: Any) -> Iterator[torch.Tensor]:
    """Yields the tensors in nested tuples."""
    if isinstance(value, tuple):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, torch.Tensor):
        yield value
