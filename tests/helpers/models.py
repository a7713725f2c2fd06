"""What tests of models share: settings of a base and of answers, its logits, an encoder."""

from pathlib import Path
from typing import Any

import torch

from stages.answering.settings import Infer
from stages.common.prompts import Prompts
from stages.model.loading import load_tokenizer
from stages.model.settings import Model
from stages.model.text import TextEncoder

CPU, FP32 = torch.device("cpu"), torch.float32
IDS = torch.tensor([[1, 50, 60, 70, 80, 90]])
PROMPTS = Prompts(
    template="{header}|{instruction}|{input}|", header="H", instructions={"prova": "Trova."}
)


def model_settings(base: Path | str, **changes: Any) -> Model:
    """The settings of a base, as params.yaml has them."""
    values: dict[str, Any] = {
        "base": str(base),
        "family": "decoder-only",
        "revision": None,
        "tokenizer": None,
        "tokenizer_revision": None,
        "pad_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "start_id": 0,
        "quantization": "none",
        "cutoff": 128,
        "max_characters": None,
    }
    return Model(**values | changes)


def infer_settings(**changes: Any) -> Infer:
    """How questions are answered, as params.yaml has it, but for a few short answers."""
    values: dict[str, Any] = {
        "adapter": False,
        "engine": "torch",
        "score_closed": True,
        "expectations": True,
        "dev": 0,
        "max_new_tokens": 8,
    }
    return Infer(**values | changes)


def logits(causal: Any) -> torch.Tensor:
    """The logits of some fixed ids."""
    with torch.no_grad():
        return causal(IDS).logits


def text_encoder(base: Path, **changes: Any) -> tuple[TextEncoder, Any]:
    """An encoder with a short prompt, and its tokenizer."""
    settings = model_settings(base, **changes)
    tokenizer = load_tokenizer(settings)
    return TextEncoder(settings, tokenizer, PROMPTS), tokenizer
