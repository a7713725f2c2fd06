"""LLaMAs with random weights that are large enough for a GPU's kernels."""

import random
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from stages.model.text import TokenRow
from stages.training.adapter import add_lora
from stages.training.settings import Lora

GPU = torch.device("cuda", 0)
LORA = Lora(rank=8, alpha=16.0, dropout=0.0, targets=["q_proj", "k_proj", "v_proj", "o_proj"])


def llama(dtype: torch.dtype, hidden: int = 256, layers: int = 2, vocabulary: int = 2000) -> Any:
    """A frozen LLaMA on the GPU, always with the same weights; two query heads share a key head."""
    torch.manual_seed(4)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 128,
        initializer_range=0.05,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    torch.set_default_dtype(torch.float32)
    with torch.device(GPU):
        causal = LlamaForCausalLM(config)
    return causal.to(dtype).requires_grad_(False)


def with_adapter(causal: Any) -> Any:
    """The same with an adapter that changes what it computes."""
    adapted = add_lora(causal, LORA)
    torch.manual_seed(5)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    return adapted


def long_rows(count: int, longest: int = 160, vocabulary: int = 2000) -> list[TokenRow]:
    """Rows of random ids, of three sub-tasks with a common prefix each."""
    draw = random.Random(6)
    prefixes = [[1, *(draw.randrange(3, vocabulary) for _ in range(30))] for _ in range(3)]
    rows = []
    for n in range(count):
        length = draw.randrange(longest // 2, longest)
        ids = prefixes[n % 3] + [draw.randrange(3, vocabulary) for _ in range(length - 31)]
        rows.append(TokenRow([*ids, 2], length - draw.randrange(2, 9), 0))
    return rows


def save_base(folder: Path, hidden: int, layers: int) -> None:
    """Writes a base of random weights in bf16, in several safetensors files."""
    llama(torch.bfloat16, hidden, layers, vocabulary=32_000).save_pretrained(
        str(folder), max_shard_size="2GB"
    )
