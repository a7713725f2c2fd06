"""Tiny encoder-decoders with random weights, and their trainings by transformers and peft alone."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from stages.model.settings import Model
from stages.model.text import TokenRow
from stages.training.schedule import epoch_order, learning_rate
from stages.training.settings import Finetune
from tests.helpers import tiny
from tests.helpers.models import model_settings

T5 = {
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 64,
    "num_layers": 3,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 20,
}
BART = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 128,
    "forced_eos_token_id": 2,
}
PAIRS: dict[str, tuple[str, dict[str, Any], int, Sequence[str]]] = {
    "T5": ("t5", T5, 0, ("q", "k", "v", "o", "wi", "wo")),
    "T5 1.1": (
        "t5",
        T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        0,
        ("q", "v", "wi_0", "wi_1", "wo"),
    ),
    "mT5": ("mt5", T5 | {"feed_forward_proj": "gated-gelu"}, 0, ("q", "k", "v", "o")),
    "UMT5": ("umt5", T5 | {"feed_forward_proj": "gated-gelu"}, 0, ("q", "v")),
    "BART": ("bart", BART, 2, ("q_proj", "v_proj", "fc1")),
    "mBART": ("mbart", BART, 2, ("q_proj", "v_proj")),
}
"""Type, options, start token and targets of an adapter, by the name that people know."""


def save(name: str, folder: Path, spread: float = 0.1) -> Path:
    """Writes a model with random weights, dropout in its settings, and a tokenizer."""
    kind, options, start, _ = PAIRS[name]
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": start}
    config = AutoConfig.for_model(kind, vocab_size=400, **options | ids)
    torch.manual_seed(7)
    model = AutoModelForSeq2SeqLM.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() >= 2:
                weight.normal_(std=spread)
    model.save_pretrained(str(folder))
    tiny.tokenizer(folder)
    return folder


def settings(name: str, folder: Path, **changes: Any) -> Model:
    """The settings of such a base."""
    family = {"family": "encoder-decoder", "bos_id": None, "start_id": PAIRS[name][2]}
    return model_settings(folder, **family | changes)


def rows(count: int, seed: int = 0) -> list[TokenRow]:
    """Prompts of random ids with an end token, answered by their first ids and the end token."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        prompt = [*(draw.randrange(10, 60) for _ in range(draw.randrange(4, 40))), 2]
        made.append(TokenRow([*prompt, *prompt[: draw.randrange(1, 4)], 2], len(prompt), 0))
    return made


def reference(folder: Path, targets: Sequence[str]) -> Any:
    """A base without dropout, with a fresh adapter, by transformers and peft alone."""
    base = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
    for module in base.modules():
        for key, value in vars(module).items():
            if isinstance(value, float) and ("drop" in key or key == "p"):
                setattr(module, key, 0.0)
    shape = LoraConfig(r=4, lora_alpha=8, target_modules=sorted(targets), task_type="SEQ_2_SEQ_LM")
    return get_peft_model(base, shape)


def matrix(values: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
    """Rows padded on the right."""
    width = max(map(len, values))
    return torch.tensor([[*v, *[filler] * (width - len(v))] for v in values])


def reference_losses(
    model: Any, examples: Sequence[TokenRow], finetune: Finetune, updates: int
) -> list[float]:
    """Trains by a plain loop, in which transformers shifts the labels and computes the loss."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, weight_decay=0.0)
    per_epoch = -(-len(examples) // finetune.batch)
    losses = []
    for update in range(updates):
        epoch, step = divmod(update, per_epoch)
        order = epoch_order(["x"] * len(examples), {}, finetune.seed, epoch)
        batch = [examples[i] for i in order[step * finetune.batch :][: finetune.batch]]
        prompts = [row.ids[: row.prompt] for row in batch]
        loss = model(
            input_ids=matrix(prompts, 0),
            attention_mask=matrix([[1] * len(ids) for ids in prompts], 0),
            labels=matrix([row.ids[row.prompt :] for row in batch], -100),
        ).loss
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(update, updates, finetune.learning_rate, finetune.warmup)
        torch.nn.utils.clip_grad_norm_(trained, finetune.clip)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses
