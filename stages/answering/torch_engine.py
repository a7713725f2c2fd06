"""Answering with torch: many rows at a time, none waiting for another's end.

Prompts are read packed (stages/model/packing.py), so that what they begin with is computed once. The keys
and values of a row then lie in a slot of the cache; each step adds a token to every slot, and a row
that has ended makes room for the next one. On a GPU the step is a recorded CUDA graph, which leaves
nothing to do for the host but to read the tokens. An answer depends on its own prompt alone, up to
rounding.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from stages.answering.candidates import Candidates
from stages.answering.engine import Question
from stages.model.device import free_memory
from stages.model.last_layer import shorten
from stages.model.lora import Weights
from stages.model.packing import (
    Packed,
    can_compile,
    hidden_states,
    pack,
    packed_attention,
    shared_out,
)
from stages.model.text import TokenRow

log = logging.getLogger(__name__)

ATTENTION = "cached"
"""The name under which transformers knows this module's attention."""

SLOTS = {"cuda": 256, "cpu": 64}  # most rows of a step
PROMPTS = {"cuda": 8192, "cpu": 1024}  # most tokens of prompts that are read at once
COLUMNS = 64  # a slot's length is a multiple of it
REFILL = 4  # when one slot in so many is free, rows move up
CPU_CACHE = 2 * 2**30  # bytes of a CPU's memory for the cache
# Tokens of prompts from which compiling pays: on an H200 it took 12 s, and from then on a prompt of
# 214 tokens took 1 ms less.
COMPILE_FROM = 3_000_000


def prepare(causal: Any, tokens: int = 0) -> Any:
    """Makes a model ready to answer.

    An adapter becomes part of weights that are in 32 bits; beside others, whose rounding would
    swallow some of it, it stays, in their precision. The layers of a large model are compiled if
    there is so much to read that it pays.

    Args:
        causal: the base, or the base with an adapter on it.
        tokens: how many tokens of prompts there are to read.

    Returns:
        The model, whose attention is this module's.
    """
    from peft import PeftModel
    from transformers import AttentionInterface

    if isinstance(causal, PeftModel):
        base = causal.get_base_model()
        if getattr(base, "is_quantized", False) or base.dtype != torch.float32:
            Weights(causal, base.dtype)
        else:
            base = causal.merge_and_unload()
        causal = base
    AttentionInterface.register(ATTENTION, uncompiled(cached_attention))
    causal.set_attn_implementation(ATTENTION)
    shorten(causal.get_decoder())
    if tokens >= COMPILE_FROM and can_compile(causal):
        log.info("the layers are compiled at the first prompts")
        for layer in causal.get_decoder().layers:
            layer.compile(dynamic=True)
    return causal.eval()


class Cache:
    """Keys and values of the rows in work, and where each row stands.

    Attributes:
        slots: how many rows there is room for.
        columns: how many tokens each may have.
        ids: the last token of each slot, of shape (slots,).
        positions: its position, likewise.
    """

    def __init__(self, causal: Any) -> None:
        """Makes an empty cache for a model."""
        config = causal.config
        shape = (0, 0, config.num_key_value_heads, head_size(config))
        empty = torch.zeros(shape, dtype=causal.dtype, device=causal.device)
        self._keys = [empty] * config.num_hidden_layers
        self._values = [empty] * config.num_hidden_layers
        self.ids = self.positions = torch.zeros(0, dtype=torch.long, device=causal.device)
        self._from = self._to = self._mask = self.ids
        self.reshape(0, 0)

    @property
    def token_size(self) -> int:
        """Bytes that a token takes."""
        one = self._keys[0]
        return 2 * len(self._keys) * one.shape[2] * one.shape[3] * one.itemsize

    def reshape(self, slots: int, columns: int, kept: Sequence[int] = (), used: int = 0) -> None:
        """Changes the number and the length of slots, layer by layer.

        Args:
            slots: how many there will be.
            columns: how many tokens each may have.
            kept: slots whose rows move, in this order, into the first slots; others are lost.
            used: how many tokens these have at most.
        """
        there = list(kept)

        def moved(old: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
            new = old.new_zeros(shape)  # for what is not yet written is multiplied by a weight of 0
            new[: len(there)] = old[there]
            return new

        for sides in (self._keys, self._values):
            for layer, old in enumerate(sides):
                sides[layer] = old.new_zeros(slots, columns, *old.shape[2:])
                sides[layer][: len(there), :used] = old[there, :used]
        self.slots, self.columns = slots, columns
        self.ids, self.positions = moved(self.ids, (slots,)), moved(self.positions, (slots,))
        self._slots = torch.arange(slots, device=self.ids.device)
        self._columns = torch.arange(columns, device=self.ids.device)

    def expect(self, slots: Sequence[int], lengths: Sequence[int], packed: Packed) -> None:
        """Says in which slots the rows of the next prompts, of these lengths, are to be kept."""
        came = packed.rows.keys
        device = self.ids.device
        self._from = torch.arange(sum(lengths), device=device) if came is None else came
        self._to = torch.cat(
            [
                torch.arange(slot * self.columns, slot * self.columns + length)
                for slot, length in zip(slots, lengths, strict=True)
            ]
        ).to(device)

    def keep(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Keeps keys and values of prompts, of shape (1, heads, tokens, size)."""
        for whole, side in ((self._keys, key), (self._values, value)):
            whole[layer].flatten(0, 1)[self._to] = side.squeeze(0).transpose(0, 1)[self._from]

    def begin_step(self, columns: int) -> None:
        """Makes the mask of a step: of the first columns those up to each row's new token."""
        upto = self._columns[:columns] <= self.positions[:, None]
        self._mask = upto[:, None, None]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Attention of one new token of each slot; shapes are (1, heads, slots, size)."""
        columns = self._mask.shape[-1]
        keys, values = self._keys[layer], self._values[layer]
        keys[self._slots, self.positions] = key.squeeze(0).transpose(0, 1)
        values[self._slots, self.positions] = value.squeeze(0).transpose(0, 1)
        # Heads of the query that share a key are taken as queries of one head.
        _, heads, slots, size = query.shape
        groups = heads // key.shape[1]
        queries = query.squeeze(0).transpose(0, 1).reshape(slots, -1, groups, size)
        out = torch.nn.functional.scaled_dot_product_attention(
            queries,
            keys[:, :columns].transpose(1, 2),
            values[:, :columns].transpose(1, 2),
            attn_mask=self._mask,
            scale=scaling,
        )
        return out.flatten(1, 2).unsqueeze(0)


def cached_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    scaling: float,
    slot_cache: Cache | None = None,
    slot_step: bool = False,
    **packed: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of packed prompts, which are kept if there is a cache, or of a step's tokens.

    In the form that transformers calls; see `packed_attention`.
    """
    layer = module.layer_idx
    if slot_cache is not None and slot_step:
        return slot_cache.attend(layer, query, key, value, scaling), None

    def keep(key: torch.Tensor, value: torch.Tensor) -> None:
        if slot_cache is not None:
            slot_cache.keep(layer, key, value)

    return packed_attention(
        module, query, key, value, attention_mask, scaling=scaling, packed_keep=keep, **packed
    )


def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that compiled code calls as it is."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return, no-untyped-call]


def head_size(config: Any) -> int:
    """The size of an attention head."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(size)


@dataclass
class Row:
    """A row in work: its number, how many tokens its prompt has, and what it has written."""

    number: int
    prompt: int
    most: int
    tokens: list[int] = field(default_factory=list)


class Engine:
    """Answers questions with a model that `prepare` has seen."""

    def __init__(self, causal: Any, end: int) -> None:
        """Takes a model.

        Args:
            causal: the model.
            end: id of the end token.
        """
        self._causal = causal
        self._decoder, self._head = causal.get_decoder(), causal.get_output_embeddings()
        self._end = end
        device = causal.device.type
        self._prompts, self._most_slots = PROMPTS[device], SLOTS[device]
        # A step can be recorded on a GPU, but layers in 8 bits wait for the host in between.
        self._recordable = device == "cuda" and not getattr(causal, "is_loaded_in_8bit", False)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._warm = False  # whether a step has been made with the cache as it is
        self._cache = Cache(causal)
        self._running: dict[int, Row] = {}  # by slot

    @torch.inference_mode()
    def generate(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[int]]]:
        """Answers greedily; see `stages.answering.answers.Engine`."""
        waiting = deque(range(len(questions)))
        while waiting or self._running:
            free = self._cache.slots - len(self._running)
            if waiting and (not self._running or free * REFILL >= self._cache.slots):
                yield from self._take_up(questions, waiting)
            if self._running:
                yield from self._step()
        self._reshape(0, 0)

    @torch.inference_mode()
    def score(
        self, prompts: Sequence[list[int]], candidates: Candidates
    ) -> Iterator[tuple[int, list[list[float]]]]:
        """Looks at every fork of a closed set of answers; see `stages.answering.answers.Engine`."""
        forks = candidates.forks
        if not forks:  # an only answer is not in question
            yield from ((number, []) for number in range(len(prompts)))
            return
        rows = [
            TokenRow([*ids, *fork.before], len(ids) + len(fork.before), 0)
            for ids in prompts
            for fork in forks
        ]
        found: dict[int, dict[int, list[float]]] = {}
        for numbers, logits in self._read(rows):
            for i, values in zip(numbers, logits.float().cpu(), strict=True):
                prompt, fork = divmod(i, len(forks))
                of_prompt = found.setdefault(prompt, {})
                of_prompt[fork] = values[list(forks[fork].tokens)].tolist()
                if len(of_prompt) == len(forks):
                    yield prompt, [of_prompt[fork] for fork in range(len(forks))]
                    del found[prompt]

    # --- Prompts ---

    def _read(
        self, rows: Sequence[TokenRow], slots: Sequence[int] = ()
    ) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Reads prompts, in smaller pieces after running out of GPU memory.

        Args:
            rows: the prompts.
            slots: where to keep each; none if they need not be kept.

        Yields:
            Numbers of rows, and the logits that follow them, of shape (rows, vocabulary).
        """
        packs = deque(shared_out(rows, self._prompts))
        while packs:
            numbers = packs.popleft()
            packed = pack([rows[i] for i in numbers], self._causal.device)
            cache = self._cache if slots else None
            if cache:
                lengths = [len(rows[i].ids) for i in numbers]
                cache.expect([slots[i] for i in numbers], lengths, packed)
            try:
                states = hidden_states(self._decoder, packed, slot_cache=cache)
                logits = self._head(states)
            except torch.OutOfMemoryError:
                half = len(numbers) // 2
                if not half:
                    raise
                self._prompts = max(1, self._prompts // 2)
                log.info("out of memory: prompts are read %d tokens at a time", self._prompts)
                torch.cuda.empty_cache()
                packs.extendleft((numbers[half:], numbers[:half]))
                continue
            yield numbers, logits

    def _take_up(
        self, questions: Sequence[Question], waiting: deque[int]
    ) -> Iterator[tuple[int, list[int]]]:
        """Fills the free slots with the next questions and writes their first tokens."""
        self._make_room([questions[i] for i in islice(waiting, self._most_slots)])
        free = [slot for slot in range(self._cache.slots) if slot not in self._running]
        taken = [waiting.popleft() for _ in range(min(len(free), len(waiting)))]
        rows = [TokenRow(questions[i].ids, len(questions[i].ids), 0) for i in taken]
        for numbers, logits in self._read(rows, free[: len(rows)]):
            slots = [free[n] for n in numbers]
            tokens = logits.argmax(dim=-1)
            lengths = [len(rows[n].ids) for n in numbers]
            self._cache.ids[slots] = tokens
            self._cache.positions[slots] = self._cache.positions.new_tensor(lengths)
            for slot, n in zip(slots, numbers, strict=True):
                self._running[slot] = Row(taken[n], len(rows[n].ids), questions[taken[n]].most)
            yield from self._written(dict(zip(slots, tokens.tolist(), strict=True)))

    def _make_room(self, coming: Sequence[Question]) -> None:
        """Gives the cache another shape where the coming questions need it or gain by it."""
        needs = [len(q.ids) + q.most for q in coming]
        needs += [row.prompt + row.most for row in self._running.values()]
        columns = math.ceil(max(needs) / COLUMNS) * COLUMNS
        fitting = min(len(needs), self._most_slots, self._room() // columns)
        slots = max(1, len(self._running), fitting)
        cache = self._cache
        if cache.columns < columns or 0.8 * cache.columns > columns or 0.8 * slots > cache.slots:
            self._reshape(slots, columns)

    def _reshape(self, slots: int, columns: int) -> None:
        running = sorted(self._running)
        self._graph, self._warm = None, False
        self._cache.reshape(slots, columns, running, self._used())
        self._running = {new: self._running[slot] for new, slot in enumerate(running)}

    def _used(self) -> int:
        """How many columns are in use, those of a step's tokens included."""
        rows = self._running.values()
        return max((row.prompt + len(row.tokens) for row in rows), default=0)

    def _room(self) -> int:
        """How many tokens the cache may hold in all.

        On a GPU what nine tenths of the free memory can hold, less what the reading of prompts
        takes: of each token about four times the intermediate size and sixteen times the hidden
        size, in 16 bits.
        """
        if self._causal.device.type == "cpu":
            return CPU_CACHE // self._cache.token_size
        config = self._causal.config
        reading = self._prompts * 2 * (4 * config.intermediate_size + 16 * config.hidden_size)
        held = self._cache.slots * self._cache.columns * self._cache.token_size
        free = 0.9 * (free_memory(self._causal.device) + held) - reading
        return max(0, int(free)) // self._cache.token_size

    # --- Steps ---

    def _step(self) -> Iterator[tuple[int, list[int]]]:
        """Adds a token to every row in work."""
        if not self._recordable:
            if len(self._running) <= self._cache.slots // 2:  # no more to come; none is computed
                self._reshape(len(self._running), self._cache.columns)
            self._advance(self._used())
        elif not self._warm:  # unrecorded, so that all kernels are loaded
            self._advance(self._cache.columns)
            self._warm = True
        else:
            if self._graph is None:
                self._graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self._graph):
                    self._advance(self._cache.columns)
            self._graph.replay()
        tokens = self._cache.ids.tolist()
        yield from self._written({slot: tokens[slot] for slot in self._running})

    def _advance(self, columns: int) -> None:
        """Runs the model on the last token of each slot and puts the next one in its place."""
        cache = self._cache
        cache.begin_step(columns)
        states = self._decoder(
            input_ids=cache.ids[None],
            position_ids=cache.positions[None],
            use_cache=False,
            slot_cache=cache,
            slot_step=True,
        ).last_hidden_state[0]
        cache.ids.copy_(self._head(states).argmax(dim=-1))
        # A free slot goes on in its last column, without harm.
        cache.positions.add_(1).clamp_(max=cache.columns - 1)

    def _written(self, tokens: dict[int, int]) -> Iterator[tuple[int, list[int]]]:
        """Notes a new token of each slot, and yields the rows that have ended by it."""
        for slot, token in tokens.items():
            row = self._running[slot]
            row.tokens.append(token)
            if self._has_ended(row):
                del self._running[slot]
                yield row.number, row.tokens

    def _has_ended(self, row: Row) -> bool:
        return row.tokens[-1] == self._end or len(row.tokens) == row.most
