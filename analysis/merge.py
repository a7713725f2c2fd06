"""Merging: an adapter added to its base's weights, and how far the result is from the two.

An adapter on a quantised base has learnt beside the rounded values. So it is added to these, taken
back to 32 bits, in a base that has just been loaded; added to the weights before they were
rounded, or rounded again, it would give another model (docs/measurements.md).
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForCausalLM

from stages.common.command import InputError
from stages.model.adapters import load_adapter
from stages.model.loading import four_bit_layers, load_base
from stages.model.settings import Model

log = logging.getLogger(__name__)

CPU, FP32 = torch.device("cpu"), torch.float32
ALLOWED = 1e-3  # largest difference of a merged model's logits in fp32


class Merged(NamedTuple):
    """How far a merged model, as it was written, is from base and adapter.

    Attributes:
        from_values: largest difference of logits from those of the adapter on the base's values.
        from_base: the same from the base as it runs, quantised if it is.
        largest: the largest logit, for comparison.
    """

    from_values: float
    from_base: float
    largest: float


def merge(
    settings: Model, adapter: Path, prompts: Sequence[Sequence[int]], dtype: torch.dtype, to: Path
) -> Merged:
    """Writes a merged model as safetensors, and measures it; all on the CPU.

    Args:
        settings: of the base.
        adapter: the adapter's folder.
        prompts: token ids on which logits are compared.
        dtype: number type of the weights that are written.
        to: folder to write into.

    Returns:
        The differences. In fp32 the first is at most `ALLOWED`.

    Raises:
        InputError: if base and adapter cannot be loaded or merged, or differ from the result.
    """
    as_it_runs = _logits(_with_adapter(settings, adapter, is_plain=False), prompts)
    model = _with_adapter(settings, adapter, is_plain=True)
    by_values = _logits(model, prompts)
    try:
        merged = model.merge_and_unload(safe_merge=True)
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"{adapter}: peft cannot merge this adapter: {error}") from error
    ends = list(settings.end_ids)
    merged.generation_config.update(eos_token_id=ends, do_sample=False)
    merged.to(dtype).save_pretrained(str(to), safe_serialization=True)
    del model, merged
    found = _logits(AutoModelForCausalLM.from_pretrained(to, dtype=FP32).eval(), prompts)
    result = Merged(
        _difference(found, by_values),
        _difference(found, as_it_runs),
        max(float(part.abs().max()) for part in found),
    )
    if dtype == FP32 and result.from_values > ALLOWED:
        raise InputError(
            f"{adapter}: logits of the merged model differ by {result.from_values:.1e} from those"
            f" of base and adapter, at most {ALLOWED:.0e} is allowed; it is not written"
        )
    return result


def _with_adapter(settings: Model, adapter: Path, *, is_plain: bool) -> Any:
    """Loads the base anew with the adapter on it; plain: with its quantised values in 32 bits."""
    base = load_base(settings, CPU, FP32)
    if is_plain and settings.quantization != "none":
        base = base.dequantize(FP32)
    model = load_adapter(base, adapter).eval()
    for layer in four_bit_layers(model).values():
        layer.train()  # in evaluation, CPUs with AVX512-BF16 compute it in bf16
    return model


@torch.no_grad()
def _logits(model: Any, prompts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Computes the logits of each prompt, of shape (tokens, vocabulary)."""
    return [model(input_ids=torch.tensor([list(ids)])).logits[0] for ids in prompts]


def _difference(found: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True))
