"""The cache of keys and values: a slot for each row that is being generated.

A row's prompt fills the first columns of its slot, and each decoding step one more. A row that has
ended leaves its slot to the next one.
"""

from collections.abc import Sequence
from typing import Any

import torch

from stages.model.attention import check_attention, packed_attention
from stages.model.pack_sizes import Size
from stages.model.packing import Packed

NAME = "cached"
"""The name under which transformers knows this module's attention."""


class SlotCache:
    """Keys and values of the rows that are being generated, and where each row stands.

    Attributes:
        slots: number of rows that there is room for.
        columns: number of tokens that each may have.
        ids: last token of each slot, of shape (slots,).
        positions: position of that token, of shape (slots,).
    """

    def __init__(self, causal: Any) -> None:
        """Makes an empty cache for a model."""
        config = causal.config
        key_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        shape = (0, 0, key_heads, head_size(config))
        empty = torch.zeros(shape, dtype=causal.dtype, device=causal.device)
        self._keys = [empty] * config.num_hidden_layers
        self._values = [empty] * config.num_hidden_layers
        self.ids = self.positions = torch.zeros(0, dtype=torch.long, device=causal.device)
        self._source = self._target = self._mask = self.ids
        self._window_masks: dict[int, torch.Tensor] = {}
        self.reshape(0, 0)

    @property
    def token_size(self) -> int:
        """Bytes that a token takes in all layers."""
        keys = self._keys[0]
        return 2 * len(self._keys) * keys.shape[2] * keys.shape[3] * keys.itemsize

    def reshape(self, slots: int, columns: int, kept: Sequence[int] = (), used: int = 0) -> None:
        """Changes the number and the length of slots, layer by layer.

        Args:
            slots: their number.
            columns: their length in tokens.
            kept: slots whose rows move, in this order, into the first slots; others are lost.
            used: largest number of tokens of these rows.
        """
        rows = list(kept)

        def moved(old: torch.Tensor) -> torch.Tensor:
            new = old.new_zeros(slots)
            new[: len(rows)] = old[rows]
            return new

        for tensors in (self._keys, self._values):
            for layer, old in enumerate(tensors):
                # Zeros, for columns not yet written take part in products with a weight of 0.
                # One slot is to spare, for what nobody reads.
                tensors[layer] = old.new_zeros(slots + 1, columns, *old.shape[2:])
                tensors[layer][: len(rows), :used] = old[rows, :used]
        self.slots, self.columns = slots, columns
        self.ids, self.positions = moved(self.ids), moved(self.positions)
        self._slot_numbers = torch.arange(slots, device=self.ids.device)
        self._column_numbers = torch.arange(columns, device=self.ids.device)

    # --- Prefill ---

    def places(
        self, slots: Sequence[int], lengths: Sequence[int], packed: Packed, size: Size | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds where the keys and values of packed prompts come from and where they are kept.

        Args:
            slots: of each row.
            lengths: number of tokens of each row.
            packed: the prompts, before they are filled up.
            size: that they are filled up to.

        Returns:
            Tokens of the sequence, and for each a column of all slots, one slot after the other.
        """
        source = torch.arange(sum(lengths)) if packed.rows.keys is None else packed.rows.keys
        target = torch.cat(
            [
                torch.arange(slot * self.columns, slot * self.columns + length)
                for slot, length in zip(slots, lengths, strict=True)
            ]
        )
        if size is None:
            return source, target
        added = size.keys - len(source)
        spare = self.slots * self.columns
        return (
            torch.cat([source, source.new_zeros(added)]),
            torch.cat([target, target.new_full((added,), spare)]),
        )

    def expect(self, source: torch.Tensor, target: torch.Tensor) -> None:
        """Decides where the next packed prompts are kept; see `places`."""
        self._source, self._target = source, target

    def keep(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> None:
        """Keeps a layer's keys and values of prompts, of shape (1, heads, tokens, head size)."""
        for cache, new in ((self._keys, key), (self._values, value)):
            cache[layer].flatten(0, 1)[self._target] = new.squeeze(0).transpose(0, 1)[self._source]

    # --- Decoding steps ---

    def begin_step(self, columns: int) -> None:
        """Makes the mask of a step: of the first columns those up to each row's new token."""
        visible = self._column_numbers[:columns] <= self.positions[:, None]
        self._mask = visible[:, None, None]
        self._window_masks.clear()

    def _visible(self, window: int | None) -> torch.Tensor:
        """The mask of a step, of shape (slots, 1, 1, columns), for layers with a sliding window."""
        if window is None or window >= self._mask.shape[-1]:
            return self._mask
        if window not in self._window_masks:  # layers share it
            columns = self._column_numbers[: self._mask.shape[-1]]
            near = columns > self.positions[:, None] - window
            self._window_masks[window] = self._mask & near[:, None, None]
        return self._window_masks[window]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float,
        window: int | None = None,
    ) -> torch.Tensor:
        """Computes attention of one new token of each slot.

        Args:
            layer: its number.
            query: of shape (1, heads, slots, head size).
            key: of shape (1, key heads, slots, head size); added to the cache.
            value: like the key.
            scaling: factor of the products of queries and keys.
            window: number of tokens that a query attends to at the most, its own included.

        Returns:
            The output, of shape (1, slots, heads, head size).
        """
        columns = self._mask.shape[-1]
        keys, values = self._keys[layer][: self.slots], self._values[layer][: self.slots]
        keys[self._slot_numbers, self.positions] = key.squeeze(0).transpose(0, 1)
        values[self._slot_numbers, self.positions] = value.squeeze(0).transpose(0, 1)
        # Query heads that share a key head are taken as queries of one head.
        _, heads, slots, size = query.shape
        groups = heads // key.shape[1]
        queries = query.squeeze(0).transpose(0, 1).reshape(slots, -1, groups, size)
        out = torch.nn.functional.scaled_dot_product_attention(
            queries,
            keys[:, :columns].transpose(1, 2),
            values[:, :columns].transpose(1, 2),
            attn_mask=self._visible(window),
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
    sliding_window: int | None = None,
    slot_cache: SlotCache | None = None,
    slot_step: bool = False,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Computes attention of packed prompts, which a cache may keep, or of a decoding step.

    The signature is that of transformers' attention functions; see
    `stages.model.attention.packed_attention`.
    """
    layer = module.layer_idx
    if slot_cache is not None and slot_step:
        check_attention(others)
        return slot_cache.attend(layer, query, key, value, scaling, sliding_window), None

    def keep(key: torch.Tensor, value: torch.Tensor) -> None:
        if slot_cache is not None:
            slot_cache.keep(layer, key, value)

    others |= {"scaling": scaling, "sliding_window": sliding_window, "packed_keep": keep}
    return packed_attention(module, query, key, value, attention_mask, **others)


def head_size(config: Any) -> int:
    """Returns the size of an attention head."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(size)
