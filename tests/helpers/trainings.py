"""Small trainings: settings, examples, a base with an adapter, and a whole run."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from stages.model.loading import load_base
from stages.model.packed import PackedPath
from stages.model.text import TokenRow
from stages.training.adapter import add_lora
from stages.training.examples import Examples
from stages.training.loop import train
from stages.training.progress import Progress
from stages.training.settings import Finetune
from tests.helpers.models import CPU, FP32, model_settings


def finetune_settings(**changes: Any) -> Finetune:
    """Settings of a training that takes a second."""
    lora = {"rank": 4, "alpha": 8.0, "dropout": 0.0, "targets": ["q_proj", "v_proj", "o_proj"]}
    values: dict[str, Any] = {
        "engine": "torch",
        "seed": 1,
        "cap": None,
        "weights": {},
        "epochs": 2,
        "batch": 8,
        "learning_rate": 0.02,
        "warmup": 0.1,
        "clip": 1.0,
        "keep": "last",
        "lora": lora | changes.pop("lora", {}),
    }
    return Finetune.model_validate(values | changes)


def token_rows(count: int, seed: int = 0) -> list[TokenRow]:
    """Prompts of random ids, answered by their first two ids and the end token."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        prompt = [1, *(draw.randrange(10, 60) for _ in range(draw.randrange(3, 30)))]
        rows.append(TokenRow([*prompt, *prompt[1:3], 2], len(prompt), 0))
    return rows


def examples(count: int) -> Examples:
    """The same as examples of one sub-task."""
    return Examples(token_rows(count), ["x"] * count)


def adapted(
    base: Path, settings: Finetune, quantization: str = "none", dtype: torch.dtype = FP32
) -> Any:
    """A base with a fresh adapter, to be trained."""
    torch.manual_seed(settings.seed)
    causal = load_base(model_settings(base, quantization=quantization), CPU, dtype)
    return add_lora(causal, settings.lora).train()


def trained_weights(causal: Any) -> dict[str, torch.Tensor]:
    """Copies of the weights that are trained, by name."""
    return {n: p.detach().clone() for n, p in causal.named_parameters() if p.requires_grad}


def run(causal: Any, settings: Finetune, scratch: Path, dev: Sequence[TokenRow] = ()) -> Progress:
    """Trains on forty examples."""
    return train(PackedPath(causal), examples(40), dev, settings, scratch)
