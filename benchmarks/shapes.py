"""LLaMAs with random weights of three shapes, and a GPU that is taken for a T4."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import torch

from stages.model import device, packing
from stages.model.device import linear_parameters
from stages.training.settings import Lora

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
LECTURE = Lora(rank=8, alpha=16.0, dropout=0.05, targets=ATTENTION)
WHOLE = Lora(
    rank=16, alpha=32.0, dropout=0.05, targets=[*ATTENTION, "gate_proj", "up_proj", "down_proj"]
)
FLOPS_PER_SECOND = 790e12  # of an H200 in bf16


class Shape(NamedTuple):
    """A shape of a LLaMA.

    Attributes:
        config: what differs from transformers' defaults, which are those of 7B.
        lora: settings of its adapter.
        quantized: whether its weights have 4 bits where memory is scarce.
    """

    config: dict[str, Any]
    lora: Lora
    quantized: bool


SHAPES = {
    "135M": Shape(
        {
            "vocab_size": 49_152,
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "tie_word_embeddings": True,
        },
        WHOLE,
        quantized=False,
    ),
    "1B": Shape(
        {
            "vocab_size": 128_256,
            "hidden_size": 2048,
            "intermediate_size": 8192,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "tie_word_embeddings": True,
        },
        WHOLE,
        quantized=False,
    ),
    "7B": Shape({}, LECTURE, quantized=True),
}


def random_base(
    shape: Shape, dtype: torch.dtype, kind: str = "nf4", compute: torch.dtype | None = None
) -> Any:
    """Makes a frozen base on the GPU.

    Args:
        shape: its shape.
        dtype: number type.
        kind: of 4-bit numbers, if its weights are quantised.
        compute: number type of the products with quantised weights, if it is another one.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    with torch.device("cuda"):
        base = LlamaForCausalLM(LlamaConfig(**shape.config))
    torch.set_default_dtype(torch.float32)
    base.requires_grad_(False)
    if shape.quantized:
        quantize(base, kind, compute or dtype)
    return base


def quantize(base: Any, kind: str, compute: torch.dtype) -> None:
    """Quantises all linear layers but the head to 4 bits."""
    from bitsandbytes.nn import Linear4bit, Params4bit

    for name, layer in list(base.named_modules()):
        if isinstance(layer, torch.nn.Linear) and name != "lm_head":
            size = (layer.in_features, layer.out_features)
            small = Linear4bit(*size, False, compute_dtype=compute, quant_type=kind, device="meta")
            small.weight = Params4bit(layer.weight.cpu(), requires_grad=False, quant_type=kind)
            base.set_submodule(name, small.to("cuda"))
    base.is_loaded_in_4bit = True  # which peft asks for


def flops_per_token(base: Any) -> float:
    """Returns the operations of a token, forward: two for each parameter of a linear layer."""
    return 2.0 * linear_parameters(base)


@contextmanager
def as_on_a_t4() -> Iterator[None]:
    """Has a model computed as on a GPU of compute capability 7.5.

    There is no variable-length attention, and so nothing is compiled. Models must be in fp16.
    """
    with ExitStack() as patches:
        for module in (device, packing):
            patches.enter_context(patch.object(module, "has_varlen_attention", lambda *_: False))
        yield
