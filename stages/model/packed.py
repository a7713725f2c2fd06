"""The fast path: packed rows, attention and LoRA layers of our own.

It is exact for decoders whose layers attend to tokens and do nothing else across positions, beside
a sliding window; stages/model/check.py finds out whether a base is one.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch
from peft import PeftModel

from stages.model import processes
from stages.model.attention import NAME, packed_logits, use_packed_attention
from stages.model.gates import use_fused_gates
from stages.model.lora import FlatLora
from stages.model.norms import use_fused_norms
from stages.model.packing import (
    Form,
    Packed,
    form_for,
    pack_on_host,
    packed_length,
    split_by_tokens,
    to_device,
)
from stages.model.rotations import use_fused_rotations
from stages.model.text import TokenRow

MASKED = 2048  # tokens of a pack whose attention has a mask, as large as their square


def joins_layers(base: Any) -> bool:
    """Whether LoRA layers with one input are computed together, which takes fewer launches.

    On a CPU these cost less than the zeros between the blocks of a joined matrix. The layers of a
    sharded base are shared out later.
    """
    return base.device.type != "cpu" and not processes.here().sharded


class PackedPath:
    """Computes rows as one sequence; see `stages.model.path.ModelPath`."""

    def __init__(self, model: Any, attention: str = NAME) -> None:
        """Makes a model compute packed rows.

        Args:
            model: the base, or the base with its adapter.
            attention: the attention's name.

        Raises:
            Exception: of any kind, if the base or its adapter is not made for it.
        """
        self.model = model
        self.base = base_of(model)
        self._lora: FlatLora | None = None
        with ExitStack() as undo:
            undo.callback(use_packed_attention(self.base, attention))
            for use in (use_fused_norms, use_fused_gates, use_fused_rotations):
                undo.callback(use(self.base))
            if model is not self.base:
                run = self._run if joins_layers(self.base) else None
                self._lora = FlatLora(model, self.base.dtype, run)
                undo.callback(self._lora.release)
                if self._lora.values.requires_grad:  # every pass begins with a cast of its values
                    refresh = self._lora.refresh
                    decoder = self.base.get_decoder()
                    undo.callback(decoder.register_forward_pre_hook(lambda *_: refresh()).remove)
            self._undo = undo.pop_all()  # nothing has failed

    def split(self, rows: Sequence[TokenRow], tokens: int) -> list[list[int]]:
        """Splits rows into packs, those with a common prefix together."""
        if form_for(self.base.device, self.base.dtype) is Form.RELATION:
            tokens = min(tokens, MASKED)
        return split_by_tokens(rows, tokens)

    def length(self, rows: Sequence[TokenRow]) -> int:
        """Returns the number of tokens of a pack; common prefixes count once."""
        return packed_length(rows)

    def batch(self, rows: Sequence[TokenRow]) -> Packed:
        """Packs rows."""
        return pack_on_host(rows, self.base.device, self.base.dtype)

    def logits(self, batch: Packed) -> torch.Tensor:
        """Computes logits of a pack."""
        return packed_logits(self.base, batch)

    def trained_weights(self) -> FlatLora:
        """Takes over the adapter's weights."""
        if self._lora is None:
            raise ValueError("a base without an adapter has nothing to train")
        return self._lora

    def _run(self) -> None:
        """Runs the model on two tokens."""
        batch = to_device(self.batch([TokenRow([0, 0], 1, 0)]), self.base.device)
        with torch.no_grad():
            self.logits(batch)

    def release(self) -> None:
        """Leaves the model as it was."""
        self._undo.close()


def base_of(model: Any) -> Any:
    """Returns the base of a model with an adapter, or of one without."""
    return model.get_base_model() if isinstance(model, PeftModel) else model
