"""Passes through the model as CUDA graphs, for which the host has nothing to do but send inputs.

To launch the kernels of a small micro-batch takes the host longer than it takes the GPU to run
them. A pass is recorded once for micro-batches of a size. Sizes are rounded up, so that there are
few: a row of its own fills the rest, from which no other row takes anything, and to whose output no
loss belongs.
"""

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from stages.packing import Packed, Pattern, one_kernel, sent

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

RECORDED = 4096  # most tokens of a recorded pass; in longer ones the GPU is the slower part
STRETCHES, WANTED = 64, 128  # of these there are multiples
IGNORED = -100  # the label of what has no loss, as torch.nn.functional.cross_entropy knows it

Work = Callable[[Packed, "torch.Tensor"], "torch.Tensor"]


class Recorder:
    """Passes through a model, recorded where that is possible and pays."""

    def __init__(self, work: Work, device: "torch.device", *, possible: bool) -> None:
        """Takes the work that a pass is.

        Args:
            work: computes with a micro-batch and a factor, on the device; what it changes in place
                must stay where it is. Returns a loss.
            device: where the passes go.
            possible: whether the work leaves all to the GPU, and waits for nothing in between.
        """
        self._work, self._device = work, device
        self._possible = possible and one_kernel(device)
        self._warm = False  # whether all code that passes need is compiled and loaded
        self._passes: dict[Any, tuple[torch.cuda.CUDAGraph, list[torch.Tensor], torch.Tensor]] = {}
        self._pool: Any = None

    def run(self, packed: Packed, factor: float, *, record: bool) -> "torch.Tensor":
        """Makes a pass.

        Args:
            packed: a micro-batch, on the host.
            factor: what the work takes besides.
            record: whether a recorded pass may be made.

        Returns:
            The loss; to be read, or added to another, before the next pass.
        """
        if not (record and self._possible) or packed.ids.shape[1] > RECORDED:
            return self._unrecorded(packed, factor)
        whole = filled_up(packed)
        if not self._warm:
            self._warm = True
            return self._unrecorded(whole, factor)
        size = (whole.branches.longest, whole.rows.longest, *(t.shape for t in _tensors(whole)))
        if size not in self._passes:
            self._passes[size] = self._record(whole)
        graph, inputs, loss = self._passes[size]
        for inside, outside in zip(inputs, _tensors(whole), strict=False):
            inside.copy_(outside.pin_memory(), non_blocking=True)
        inputs[-1].fill_(factor)
        graph.replay()
        return loss

    def _unrecorded(self, packed: Packed, factor: float) -> "torch.Tensor":
        import torch

        factors = torch.full((), factor, device=self._device)
        return self._work(sent(packed, self._device), factors)

    def _record(
        self, packed: Packed
    ) -> "tuple[torch.cuda.CUDAGraph, list[torch.Tensor], torch.Tensor]":
        import torch

        inside = sent(packed, self._device)
        factor = torch.ones((), device=self._device)
        graph = torch.cuda.CUDAGraph()
        # Relaxed: what is done besides, such as loading kernels, or by NCCL, does no harm.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="relaxed"):
            loss = self._work(inside, factor)
        self._pool = self._pool or graph.pool()
        return graph, [*_tensors(inside), factor], loss

    def forget(self) -> bool:
        """Gives the memory of recorded passes back; tells whether there were any."""
        there = bool(self._passes)
        self._passes.clear()
        self._pool = None
        return there

    def stop(self) -> None:
        """Has no pass recorded any more."""
        self._possible = False
        self.forget()


def _tensors(value: Any) -> "Iterator[torch.Tensor]":
    """The tensors in nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from _tensors(part)
    elif hasattr(value, "shape"):
        yield value


def filled_up(packed: Packed) -> Packed:
    """Adds a row to a micro-batch, in the form for the one kernel, that makes its sizes round."""
    import torch

    tokens = packed.ids.shape[1]
    asking = WANTED - len(packed.wanted) % WANTED  # at least one, for what attends to nothing fails
    more = _rounded(tokens + asking, 16) - tokens
    own = torch.arange(tokens, tokens + more)

    def with_row(pattern: Pattern, queries: int) -> Pattern:
        keys = torch.arange(tokens) if pattern.keys is None else pattern.keys
        # Beyond its own keys it has the first token as a key, as often as it takes.
        extra = _rounded(len(keys) + more, 8) - len(keys) - more
        keys = torch.cat([keys, keys.new_zeros(extra), own])
        (of_queries, of_keys), longest = cast(Any, (pattern.bounds, pattern.longest))
        ends = 1 + -len(of_queries) % STRETCHES  # its own, and those of stretches without tokens
        bounds = (
            torch.cat([of_queries, (of_queries[-1:] + queries).expand(ends)]),
            torch.cat([of_keys, of_keys.new_full((ends,), len(keys))]),
        )
        most = max(longest[0], queries), max(longest[1], extra + more)
        return Pattern(keys, bounds, (_power_of_two(most[0]), _power_of_two(most[1])), None, None)

    return Packed(
        torch.cat([packed.ids, packed.ids.new_zeros(1, more)], dim=1),
        torch.cat([packed.positions, torch.arange(more)[None]], dim=1),
        with_row(packed.branches, more),
        torch.cat([packed.wanted, own[more - asking :]]),
        with_row(packed.rows, asking),
        torch.cat([packed.labels, packed.labels.new_full((asking,), IGNORED)]),
    )


def _rounded(count: int, parts: int) -> int:
    """The next of numbers of which there are so many between a power of two and the next."""
    step = max(64, (_power_of_two(count + 1) // 2) // parts)
    return -(-count // step) * step


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
