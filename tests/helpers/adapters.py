"""Adapters of many kinds, with random weights, for a tiny LLaMA and a tiny mixture of experts."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

TARGETS = ["q_proj", "v_proj"]

KINDS: dict[str, dict[str, Any]] = {
    "LoRA": {},
    "rsLoRA": {"use_rslora": True},
    "patterns of ranks and alphas": {
        "rank_pattern": {"q_proj": 2},
        "alpha_pattern": {"layers.1.self_attn.v_proj": 32},
    },
    "some layers only": {"layers_to_transform": [1]},
    "modules_to_save": {"modules_to_save": ["lm_head"]},
    "biases of the base": {"bias": "all", "target_modules": ["q_proj"]},
    "DoRA": {"use_dora": True},
    "lora_bias": {"lora_bias": True},
    "aLoRA": {"alora_invocation_tokens": [7, 8]},
    "layer_replication": {"layer_replication": [(0, 2), (1, 2)]},
    "the head": {"target_modules": [*TARGETS, "lm_head"]},
    "the embeddings": {"target_modules": [*TARGETS, "embed_tokens"]},
    "trained tokens": {"trainable_token_indices": {"embed_tokens": [5, 6, 20]}},
    "expert parameters": {"target_parameters": ["mlp.experts.down_proj"]},
    "PiSSA": {"init_lora_weights": "pissa"},
}
"""Settings of peft's LoraConfig, by a name."""


def save(base: Path, folder: Path, kind: str) -> Path:
    """Writes an adapter of a kind for a base."""
    settings = {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "task_type": "CAUSAL_LM"}
    torch.manual_seed(1)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        LoraConfig(**settings | KINDS[kind]),
    )
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                spread = 0.02 if "magnitude" in name else 0.2
                parameter.add_(spread * torch.randn(parameter.shape, generator=draw))
    model.save_pretrained(str(folder))
    return folder
