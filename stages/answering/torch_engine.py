"""Answering with torch: many rows at a time, none waiting for another's end.

Prompts are read packed (stages/model/packing.py), so that a common prefix is computed once. The
keys and values of a row then lie in a slot of the cache (stages/answering/slots.py); each decoding
step adds a token to every slot, and a row that has ended makes room for the next one. On a GPU the
step is replayed as a CUDA graph, so that the CPU only reads the tokens; so is the reading of
prompts where the model is small. An answer depends on its own prompt alone, up to rounding.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from transformers import AttentionInterface

from stages.answering.candidates import Tree
from stages.answering.engine import Request
from stages.answering.forks import score_forks
from stages.answering.slots import NAME, SlotCache, cached_attention
from stages.model.attention import packed_logits
from stages.model.device import (
    can_compile,
    compile_layers,
    free_memory,
    linear_parameters,
)
from stages.model.greedy import likeliest
from stages.model.pack_sizes import Size
from stages.model.packed import PackedPath, base_of
from stages.model.packing import Packed
from stages.model.recording import Recorder, longest_recorded
from stages.model.text import NO_TOKEN, TokenRow

log = logging.getLogger(__name__)

SLOTS = {"cuda": 256, "cpu": 64}  # largest number of rows of a step
SMALL = 1_500_000_000  # parameters of a model whose step takes hardly longer for more rows
SMALL_SLOTS = 512  # of such a model on a GPU
SIZES = 4  # of recorded packs of prompts, from a power of two of tokens to the next one
PROMPTS = {"cuda": 8192, "cpu": 1024}  # largest number of tokens of prompts that are read at once
COLUMNS = 64  # a slot's length is a multiple of it
REFILL = 4  # when one slot in so many is free, rows move up
CPU_CACHE = 2 * 2**30  # bytes of a CPU's memory for the cache
# Tokens of prompts from which compiling pays: on an H200 it took 12 s, and
# from then on a prompt of 214 tokens took 1 ms less.
COMPILE_FROM = 3_000_000


def _uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function so that compiled code calls it as it is."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return, no-untyped-call]


@dataclass
class Row:
    """A row that is being generated.

    Attributes:
        number: of its request.
        prompt: number of tokens of its prompt.
        max_new_tokens: largest number of tokens to generate.
        tokens: those generated so far.
    """

    number: int
    prompt: int
    max_new_tokens: int
    tokens: list[int] = field(default_factory=list)


class TorchEngine:
    """Answers with packed prompts and a cache; see `stages.answering.engine.Engine`."""

    def __init__(self, model: Any, end_ids: Collection[int]) -> None:
        """Takes a model.

        Args:
            model: the base, or the base with an adapter on it.
            end_ids: of the tokens that end an answer.

        Raises:
            Exception: of any kind, if the base or its adapter is not made for it.
        """
        model.eval()
        AttentionInterface.register(NAME, _uncompiled(cached_attention))
        self._causal = base_of(model)
        self._cache = SlotCache(self._causal)
        self._path = PackedPath(model, NAME)
        self.end_ids = frozenset(end_ids)
        device = self._causal.device.type
        self._prompt_tokens, self._max_slots = PROMPTS[device], SLOTS[device]
        # A step can be recorded on a GPU, but 8-bit layers wait for the host in between.
        longest = longest_recorded(self._causal)
        self._recordable = longest.tokens > 0
        if device == "cuda" and linear_parameters(self._causal) < SMALL:
            self._max_slots = SMALL_SLOTS
        self._reader, self._scorer = (
            Recorder(work, self._causal.device, longest=longest, steps=SIZES, reserve=False)
            for work in (self._read_into_slots, self._read_only)
        )
        self._graph: torch.cuda.CUDAGraph | None = None
        self._warm = False  # whether a step was made, so that all kernels are loaded
        self._logits = self._tokens = torch.zeros(0)  # of the last step, by slot
        self._tried_slots = 0  # number of slots that room was last made for
        self._running: dict[int, Row] = {}  # by slot
        self.observe: Callable[[int, torch.Tensor], None] | None = None

    def release(self) -> None:
        """Leaves the model as it was."""
        self._path.release()

    def speed_up(self, tokens: int) -> None:
        """Makes answering faster, as the machine allows.

        An adapter is merged into weights of 32 bits. Beside others, whose rounding would swallow
        some of it, it stays, in their precision. The layers of a large model are compiled if there
        is so much to read that it pays.

        Args:
            tokens: number of tokens of prompts that there are to read.
        """
        model, base = self._path.model, self._causal
        quantized = getattr(base, "is_quantized", False)
        if model is not base and base.dtype == torch.float32 and not quantized:
            model.merge_and_unload()
        if tokens >= COMPILE_FROM and can_compile(base):
            log.info("the layers are compiled at the first prompts")
            compile_layers(base.get_decoder())
        for recorder in (self._reader, self._scorer):
            recorder.forget()  # what it was before

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        """Continues prompts greedily; see `stages.answering.engine.Engine`."""
        waiting = deque(Row(n, len(r.ids), r.max_new_tokens) for n, r in enumerate(requests))
        while waiting or self._running:
            free = self._cache.slots - len(self._running)
            try:
                if waiting and (not self._running or free * REFILL >= self._cache.slots):
                    yield from self._admit(requests, waiting)
                if self._running:
                    yield from self._step()
            except torch.OutOfMemoryError:
                if self._max_slots == 1:
                    raise
                self._do_with_less(waiting)
        self._reshape(0, 0)

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[list[int]], candidates: Tree, begun: Sequence[int] = ()
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Computes the logits at every fork; see `stages.answering.engine.Engine`."""
        yield from score_forks(prompts, candidates, self._read)

    # --- Prefill ---

    def _read(
        self, rows: Sequence[TokenRow], slots: Sequence[int] = ()
    ) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Reads prompts, in smaller packs after running out of GPU memory.

        Args:
            rows: the prompts.
            slots: where to keep each; none if they need not be kept.

        Yields:
            Numbers of rows, and the logits that follow them, of shape (rows, vocabulary).
        """
        recorder = self._reader if slots else self._scorer
        packs = deque(self._path.split(rows, self._prompt_tokens))
        while packs:
            numbers = packs.popleft()
            packed = self._path.batch([rows[i] for i in numbers])
            taken = [slots[i] for i in numbers] if slots else []
            lengths = [len(rows[i].ids) for i in numbers]

            def places(size: Size | None) -> tuple[torch.Tensor, ...]:
                return self._cache.places(taken, lengths, packed, size) if taken else ()  # noqa: B023

            try:
                logits = recorder(packed, places)
            except torch.OutOfMemoryError:
                half = len(numbers) // 2
                if recorder.stop():
                    packs.appendleft(numbers)
                elif half:
                    self._prompt_tokens = max(1, self._prompt_tokens // 2)
                    log.info("out of memory: prompts are read %d at a time", self._prompt_tokens)
                    packs.extendleft((numbers[half:], numbers[:half]))
                else:
                    raise
                torch.cuda.empty_cache()
                continue
            yield numbers, logits[: len(numbers)]
            recorder.allow(self._prompt_tokens)

    def _read_only(self, packed: Packed) -> torch.Tensor:
        """Reads prompts; see `stages.model.recording.Recorder`."""
        return packed_logits(self._causal, packed, slot_cache=None)

    def _read_into_slots(
        self, packed: Packed, source: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        """Reads prompts whose keys and values are to be kept."""
        self._cache.expect(source, target)
        return packed_logits(self._causal, packed, slot_cache=self._cache)

    def _admit(
        self, requests: Sequence[Request], waiting: deque[Row]
    ) -> Iterator[tuple[int, list[int]]]:
        """Fills the free slots with the next rows and generates their first, or next, tokens."""
        self._make_room(islice(waiting, self._max_slots))
        free = [slot for slot in range(self._cache.slots) if slot not in self._running]
        taken = list(islice(waiting, len(free)))
        texts = [requests[row.number].ids + row.tokens for row in taken]
        rows = [TokenRow(ids, len(ids), 0) for ids in texts]
        for numbers, logits in self._read(rows, free[: len(rows)]):
            slots = [free[n] for n in numbers]
            tokens = likeliest(logits)
            lengths = [len(rows[n].ids) for n in numbers]
            self._cache.ids[slots] = tokens.clamp(min=0)
            self._cache.positions[slots] = self._cache.positions.new_tensor(lengths)
            for slot, n in zip(slots, numbers, strict=True):
                self._running[slot] = taken[n]
                waiting.remove(taken[n])
            if self.observe:
                self._show(slots, logits)
            yield from self._add(dict(zip(slots, tokens.tolist(), strict=True)))

    def _do_with_less(self, waiting: deque[Row]) -> None:
        """After running out of memory: no more than half as many rows from now on.

        Those in work wait again, with what they have; that is read with their prompts.
        """
        self._max_slots = max(1, min(self._max_slots, self._tried_slots) // 2)
        log.info("out of memory: no more than %d answers are in work at a time", self._max_slots)
        waiting.extendleft(self._running.values())
        self._running.clear()
        self._reshape(0, 0)
        torch.cuda.empty_cache()

    def _make_room(self, coming: Iterable[Row]) -> None:
        """Gives the cache another shape where the coming rows need it or gain by it."""
        lengths = [row.prompt + row.max_new_tokens for row in (*coming, *self._running.values())]
        columns = math.ceil(max(lengths) / COLUMNS) * COLUMNS
        fitting = min(len(lengths), self._max_slots, self._capacity() // columns)
        slots = self._tried_slots = max(1, len(self._running), fitting)
        cache = self._cache
        # Recorded steps and passes are lost by it.
        too_long = (0.5 if self._recordable else 0.8) * cache.columns
        if cache.columns < columns or too_long > columns or 0.8 * slots > cache.slots:
            self._reshape(slots, columns)

    def _reshape(self, slots: int, columns: int) -> None:
        running = sorted(self._running)
        self._graph = None
        self._reader.forget()
        self._cache.reshape(slots, columns, running, self._used())
        self._running = {new: self._running[slot] for new, slot in enumerate(running)}

    def _used(self) -> int:
        """The number of columns in use, those of a step's tokens included."""
        rows = self._running.values()
        return max((row.prompt + len(row.tokens) for row in rows), default=0)

    def _capacity(self) -> int:
        """The number of tokens that the cache may hold in all.

        On a GPU it follows from nine tenths of the free memory, less what reading prompts takes: of
        each token about four times the intermediate size and sixteen times the hidden size, in 16
        bits.
        """
        if self._causal.device.type == "cpu":
            return CPU_CACHE // self._cache.token_size
        config = self._causal.config
        reading = self._prompt_tokens * 2 * (4 * config.intermediate_size + 16 * config.hidden_size)
        held = self._cache.slots * self._cache.columns * self._cache.token_size
        free = 0.9 * (free_memory(self._causal.device) + held) - reading
        return max(0, int(free)) // self._cache.token_size

    # --- Decoding steps ---

    def _step(self) -> Iterator[tuple[int, list[int]]]:
        """Adds a token to every running row."""
        if not self._recordable:
            if len(self._running) <= self._cache.slots // 2:  # empty slots would be computed too
                self._reshape(len(self._running), self._cache.columns)
            self._advance(self._used())
        elif not self._warm:
            self._advance(self._cache.columns)
            self._warm = True
        else:
            if self._graph is None:
                self._graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self._graph, capture_error_mode="relaxed"):
                    self._advance(self._cache.columns)
            self._graph.replay()
        tokens = self._tokens.tolist()
        running = list(self._running)
        if self.observe:
            self._show(running, self._logits[running])
        yield from self._add({slot: tokens[slot] for slot in running})

    def _advance(self, columns: int) -> None:
        """Runs the model on the last token of each slot and puts the next one in its place."""
        cache = self._cache
        cache.begin_step(columns)
        self._logits = self._causal(
            input_ids=cache.ids[None],
            position_ids=cache.positions[None],
            use_cache=False,
            slot_cache=cache,
            slot_step=True,
        ).logits[0]
        self._tokens = likeliest(self._logits)
        cache.ids.copy_(self._tokens.clamp(min=0))
        # A free slot goes on in its last column, without harm.
        cache.positions.add_(1).clamp_(max=cache.columns - 1)

    def _show(self, slots: Sequence[int], logits: torch.Tensor) -> None:
        """Lets the observer see the logits by which the next token of some slots is chosen."""
        for slot, row in zip(slots, logits, strict=True):
            self.observe(self._running[slot].number, row)  # type: ignore[misc]

    def _add(self, tokens: dict[int, int]) -> Iterator[tuple[int, list[int]]]:
        """Adds a new token to each slot's row, and yields the rows that have ended by it."""
        for slot, token in tokens.items():
            row = self._running[slot]
            row.tokens.append(token)
            if self._has_ended(row):
                del self._running[slot]
                yield row.number, row.tokens

    def _has_ended(self, row: Row) -> bool:
        last = row.tokens[-1]
        return last in self.end_ids or last == NO_TOKEN or len(row.tokens) == row.max_new_tokens
