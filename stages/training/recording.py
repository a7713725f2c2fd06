"""Passes through the model as CUDA graphs, for which the host has nothing to do but send inputs.

To launch the kernels of a small micro-batch takes the host longer than it takes the GPU to run
them. A pass is recorded once for micro-batches of a size, and sizes are rounded up, so that there
are few: tokens that nothing else attends to, and to whose output no loss belongs, fill the rest.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from stages.model.packing import Packed, Pattern, sent

if TYPE_CHECKING:
    import torch

LEAST, MOST = 512, 4096  # tokens of a recorded pass; in longer ones the GPU is the slower part
STEPS = 16  # sizes from a power of two to the next one
LONGEST = 512  # tokens of a row, or more: the next power of two
IGNORED = -100  # the label of what has no loss, as torch.nn.functional.cross_entropy knows it

Work = Callable[[Packed, "torch.Tensor"], "torch.Tensor"]


class Size(NamedTuple):
    """How large a recorded pass is: all that a pack has goes with its tokens.

    Attributes:
        tokens: of the sequence.
        longest: the most queries and the most keys of a stretch.
        dense: whether there is more of all else than usual: short rows that have much in common, or
            long answers.
    """

    tokens: int
    longest: int
    dense: bool

    @property
    def keys(self) -> int:
        """Keys of all stretches, for rows that begin alike have some in common."""
        return self.tokens * (12 if self.dense else 7) // 4

    @property
    def wanted(self) -> int:
        """Tokens after which another one is foretold."""
        return self.tokens // (2 if self.dense else 8)

    @property
    def stretches(self) -> int:
        """Stretches of queries, empty ones included."""
        return self.tokens // (16 if self.dense else 48)


class Recorder:
    """Passes through a model, recorded where that is possible and pays."""

    def __init__(self, work: Work, device: "torch.device", *, possible: bool) -> None:
        """Takes the work that a pass is.

        Args:
            work: computes with a micro-batch and a factor, on the device; what it changes in place
                must stay where it is. Returns a loss.
            device: where the passes go.
            possible: whether the work leaves all to a GPU that has the one kernel for attention,
                and waits for nothing in between.
        """
        self._work, self._device, self._possible = work, device, possible
        self._most, self._each = 0, 0.0
        self._passes: dict[Size, tuple[torch.cuda.CUDAGraph, list[torch.Tensor], torch.Tensor]] = {}
        self._reserved: torch.cuda.CUDAGraph | None = None

    def allow(self, tokens: int, each: float) -> int:
        """Has passes recorded from now on if memory is ample; one was made, so all is compiled.

        What recorded passes compute with is lost to all others.

        Args:
            tokens: of the longest pass for which there is memory.
            each: bytes that a token takes.

        Returns:
            The tokens for which memory is kept from now on.
        """
        if not self._possible or tokens < 2 * MOST:
            return 0
        self._most, self._each = MOST, each
        return MOST

    def run(self, packed: Packed, factor: float) -> "torch.Tensor":
        """Makes a pass; the first one of a size is recorded.

        Args:
            packed: a micro-batch, on the host.
            factor: what the work takes besides.

        Returns:
            The loss; to be read, or added to another, before the next pass.
        """
        size = size_for(packed) if self._possible else None
        if size is None or size.tokens > self._most:
            import torch

            factors = torch.full((), factor, device=self._device)
            return self._work(sent(packed, self._device), factors)
        inputs = sent(filled_up(packed, size), self._device)
        if size not in self._passes:
            self._passes[size] = self._record(inputs)
        graph, (*inside, of_factor), loss = self._passes[size]
        for place, value in zip(inside, _tensors(inputs), strict=True):
            place.copy_(value)
        of_factor.fill_(factor)
        graph.replay()
        return loss

    def _record(
        self, packed: Packed
    ) -> "tuple[torch.cuda.CUDAGraph, list[torch.Tensor], torch.Tensor]":
        """Records a pass; the inputs become its own."""
        import torch

        def recorded(work: Callable[[], Any]) -> tuple[torch.cuda.CUDAGraph, Any]:
            graph = torch.cuda.CUDAGraph()
            pool = self._reserved.pool() if self._reserved else None
            # Relaxed: what is done besides, such as loading kernels, or by NCCL, does no harm.
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="relaxed"):
                result = work()
            return graph, result

        def reserve() -> None:
            """Takes memory in one piece, which passes of all sizes fit into, in any order."""
            memory = int(self._most * self._each)
            torch.empty(memory, dtype=torch.uint8, device=self._device)[:1].zero_()

        if not self._reserved:
            self._reserved, _ = recorded(reserve)
        factor = torch.ones((), device=self._device)
        graph, loss = recorded(lambda: self._work(packed, factor))
        return graph, [*_tensors(packed), factor], loss

    def stop(self) -> bool:
        """Gives the memory of recorded passes back for good; tells whether there were any."""
        there = bool(self._passes)
        self._possible = False
        self._passes.clear()
        self._reserved = None
        return there


def _tensors(value: Any) -> "Iterator[torch.Tensor]":
    """The tensors in nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from _tensors(part)
    elif hasattr(value, "shape"):
        yield value


def size_for(packed: Packed) -> Size | None:
    """The size that a pack is to be filled up to; None if that would take too much."""
    tokens = packed.ids.shape[1]
    if tokens < LEAST:
        return None
    most = [*cast(Any, packed.branches.longest), *cast(Any, packed.rows.longest)]
    longest = max(LONGEST, _power_of_two(max(most)))
    step = max(64, _power_of_two(tokens + 1) // 2 // STEPS)
    for dense in (False, True):
        size = Size((tokens // step + 1) * step, longest, dense)
        if _has_room(packed.branches, tokens, size.tokens, size) and _has_room(
            packed.rows, len(packed.wanted), size.wanted, size
        ):
            return size
    return None


def _has_room(pattern: Pattern, queries: int, most: int, size: Size) -> bool:
    """Whether queries, of which there may be so many, fit a size with their keys and stretches."""
    of_queries, of_keys = cast(Any, pattern.bounds)
    stretches = size.stretches - (len(of_queries) - 1)
    return bool(0 <= most - queries <= size.keys - of_keys[-1] <= size.longest * stretches)


def filled_up(packed: Packed, size: Size) -> Packed:
    """Adds tokens to a pack, in the form for the one kernel, that give it a size.

    They are stretches of their own, which attend to themselves, as often as it takes to have the
    keys; the last stretches have keys only, or nothing at all.
    """
    import torch

    tokens = packed.ids.shape[1]
    more, asking = size.tokens - tokens, size.wanted - len(packed.wanted)

    def with_fillers(pattern: Pattern, queries: int) -> Pattern:
        keys = torch.arange(tokens) if pattern.keys is None else pattern.keys
        of_queries, of_keys = cast(Any, pattern.bounds)
        steps = torch.arange(1, size.stretches - len(of_queries) + 2, dtype=torch.int32)
        bounds = (
            torch.cat([of_queries, (of_queries[-1] + size.longest * steps).clamp(max=queries)]),
            torch.cat([of_keys, (of_keys[-1] + size.longest * steps).clamp(max=size.keys)]),
        )
        keys = torch.cat([keys, tokens + torch.arange(size.keys - len(keys)) % more])
        return Pattern(keys, bounds, (size.longest, size.longest), None, None)

    return Packed(
        torch.cat([packed.ids, packed.ids.new_zeros(1, more)], dim=1),
        torch.cat([packed.positions, torch.arange(more)[None]], dim=1),
        with_fillers(packed.branches, size.tokens),
        torch.cat([packed.wanted, tokens + torch.arange(asking) % more]),
        with_fillers(packed.rows, size.wanted),
        torch.cat([packed.labels, packed.labels.new_full((asking,), IGNORED)]),
    )


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
