"""Tiny models of many families, with random weights and with their peculiarities switched on."""

import random
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from stages.model.text import TokenRow
from tests.helpers import tiny

VOCABULARY, HIDDEN, LAYERS, HEADS, POSITIONS = 400, 64, 2, 4, 256
WINDOW = 24  # tokens, where there is a sliding window
HALVES = ["sliding_attention", "full_attention"]
ATTENTION = ("q_proj", "v_proj")


class Family(NamedTuple):
    """A kind of model.

    Attributes:
        model_type: as transformers calls it.
        options: of its configuration, beside the sizes.
        targets: layers that get an adapter.
    """

    model_type: str
    options: dict[str, Any] = {}
    targets: tuple[str, ...] = ATTENTION


MOE = {"num_experts_per_tok": 2, "moe_intermediate_size": 64, "num_experts": 4}
MLA = {
    "num_key_value_heads": HEADS,
    "q_lora_rank": 64,
    "kv_lora_rank": 64,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 16,
    "n_routed_experts": 4,
    "moe_intermediate_size": 64,
    "first_k_dense_replace": 1,
    "num_experts_per_tok": 2,
    "n_shared_experts": 1,
    "n_group": 1,
    "topk_group": 1,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0] * 8,
    "long_factor": [1.0 + i for i in range(8)],
    "original_max_position_embeddings": 40,
}

FAMILIES: dict[str, Family] = {
    "LLaMA": Family("llama"),
    "LLaMA, head and embeddings adapted": Family(
        "llama", targets=("q_proj", "lm_head", "embed_tokens")
    ),
    "LLaMA with biases, tied": Family(
        "llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}
    ),
    "Llama 3": Family("llama", {"rope_parameters": LLAMA3}),
    "Llama 4 (text)": Family(
        "llama4_text",
        {
            "intermediate_size_mlp": 128,
            "head_dim": 16,
            "attention_chunk_size": WINDOW,
            "no_rope_layers": [1, 0],
            "num_local_experts": 2,
        },
    ),
    "Mistral 0.1": Family("mistral", {"sliding_window": WINDOW}),
    "Mistral": Family("mistral", {"sliding_window": None}),
    "Mixtral": Family("mixtral", {"num_local_experts": 4, "sliding_window": None}),
    "Ministral": Family(
        "ministral", {"head_dim": 16, "sliding_window": WINDOW, "layer_types": HALVES}
    ),
    "Qwen 2": Family("qwen2"),
    "Qwen 2 with a window": Family(
        "qwen2",
        {"use_sliding_window": True, "sliding_window": WINDOW, "layer_types": HALVES},
    ),
    "Qwen 3": Family("qwen3", {"head_dim": 16}),
    "Qwen 3 MoE": Family("qwen3_moe", MOE | {"head_dim": 16}),
    "Qwen 3 Next": Family(
        "qwen3_next",
        MOE
        | {
            "head_dim": 16,
            "layer_types": ["linear_attention", "full_attention"],
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
            "shared_expert_intermediate_size": 64,
        },
    ),
    "Gemma": Family("gemma", {"head_dim": 16}),
    "Gemma 2": Family(
        "gemma2",
        {
            "head_dim": 16,
            "sliding_window": WINDOW,
            "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 2.0,
            "query_pre_attn_scalar": 8,
        },
    ),
    "Gemma 3 (text)": Family(
        "gemma3_text", {"head_dim": 16, "sliding_window": WINDOW, "layer_types": HALVES}
    ),
    "Phi-2": Family("phi", {"partial_rotary_factor": 0.5}),
    "Phi-3": Family("phi3", {"sliding_window": WINDOW}, ("qkv_proj", "o_proj")),
    "Phi-3 with LongRoPE": Family(
        "phi3",
        {"rope_parameters": LONG_ROPE, "original_max_position_embeddings": 40},
        ("qkv_proj", "o_proj"),
    ),
    "OLMo": Family("olmo", {"clip_qkv": 0.5}),
    "OLMo 2": Family("olmo2"),
    "OLMo 3": Family("olmo3", {"sliding_window": WINDOW, "layer_types": HALVES}),
    "OLMoE": Family("olmoe", {"num_experts": 4, "num_experts_per_tok": 2}),
    "Cohere": Family("cohere", {"logit_scale": 0.0625}),
    "Cohere 2": Family(
        "cohere2", {"logit_scale": 0.25, "sliding_window": WINDOW, "layer_types": HALVES}
    ),
    "Granite": Family(
        "granite",
        {
            "logits_scaling": 8.0,
            "embedding_multiplier": 12.0,
            "residual_multiplier": 0.22,
            "attention_multiplier": 0.3,
        },
    ),
    "Granite MoE": Family("granitemoe", {"num_local_experts": 4, "logits_scaling": 6.0}),
    "Starcoder 2": Family("starcoder2", {"sliding_window": WINDOW}),
    "StableLM": Family("stablelm", {"partial_rotary_factor": 0.25}),
    "Nemotron": Family("nemotron", {"partial_rotary_factor": 0.5}),
    "GLM": Family("glm", {"head_dim": 16, "partial_rotary_factor": 0.5}),
    "GLM 4": Family("glm4", {"head_dim": 16, "partial_rotary_factor": 0.5}),
    "SmolLM 3": Family("smollm3", {"no_rope_layers": [1, 0]}),
    "Helium": Family("helium", {"head_dim": 16}),
    "EXAONE 4": Family("exaone4", {"sliding_window": WINDOW, "layer_types": HALVES}),
    "ERNIE 4.5": Family("ernie4_5", {"head_dim": 16}),
    "Seed-OSS": Family("seed_oss", {"head_dim": 16}),
    "GPT-OSS": Family(
        "gpt_oss",
        {
            "head_dim": 16,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "sliding_window": WINDOW,
            "layer_types": HALVES,
        },
    ),
    "DeepSeek V2": Family("deepseek_v2", MLA, ("q_b_proj", "kv_b_proj")),
    "DeepSeek V3": Family("deepseek_v3", MLA, ("q_b_proj", "kv_b_proj")),
    "GPT-2": Family("gpt2", {}, ("c_attn",)),
    "GPT-Neo": Family(
        "gpt_neo", {"attention_types": [[["global", "local"], 1]], "window_size": WINDOW}
    ),
    "GPT-NeoX": Family("gpt_neox", {}, ("query_key_value",)),
    "GPT-J": Family("gptj", {"rotary_dim": 8}),
    "CodeGen": Family("codegen", {"rotary_dim": 8}, ("qkv_proj",)),
    "GPT-BigCode": Family("gpt_bigcode", {}, ("c_attn",)),
    "OPT": Family("opt", {"ffn_dim": 128, "word_embed_proj_dim": HIDDEN}),
    "XGLM": Family("xglm", {"ffn_dim": 128, "attention_heads": HEADS}),
    "BLOOM": Family("bloom", {}, ("query_key_value",)),
    "Falcon": Family("falcon", {"alibi": True}, ("query_key_value",)),
    "MPT": Family("mpt", {}, ("Wqkv",)),
    "Persimmon": Family("persimmon", {}, ("query_key_value",)),
    "Mamba": Family("mamba", {"state_size": 8}, ("in_proj",)),
    "Mamba 2": Family(
        "mamba2",
        {"state_size": 8, "num_heads": 8, "head_dim": 16, "n_groups": 2, "chunk_size": 16},
        ("in_proj",),
    ),
    "Jamba": Family(
        "jamba",
        {
            "attn_layer_offset": 1,
            "attn_layer_period": 2,
            "num_experts": 2,
            "mamba_d_state": 8,
            "use_mamba_kernels": False,
        },
        ("q_proj", "in_proj"),
    ),
    "LFM 2": Family("lfm2", {"layer_types": ["conv", "full_attention"]}, ("q_proj", "in_proj")),
    "RecurrentGemma": Family(
        "recurrent_gemma",
        {
            "lru_width": HIDDEN,
            "attention_window_size": WINDOW,
            "block_types": ["recurrent", "attention"],
        },
        ("q_proj", "linear_x"),
    ),
}

SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": 128,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
    "max_position_embeddings": POSITIONS,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def save(family: Family, folder: Path, spread: float = 0.2) -> Path:
    """Writes a model of a family with random weights, and a tokenizer.

    Args:
        family: which.
        folder: where to.
        spread: standard deviation of the weights of all matrices.
    """
    own = AutoConfig.for_model(family.model_type)
    sizes = {key: value for key, value in SIZES.items() if hasattr(own, key)}
    config = AutoConfig.for_model(family.model_type, **sizes | family.options)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() >= 2 or "sinks" in name or "bias" in name:
                weight.normal_(std=spread)
    model.save_pretrained(str(folder))
    tiny.tokenizer(folder)
    return folder


def rows(count: int = 6, longest: int = 80) -> list[TokenRow]:
    """Rows of two sub-tasks with a common prefix each, some longer than the window."""
    draw = random.Random(5)
    prefixes = [[1, *(draw.randrange(3, VOCABULARY) for _ in range(9))] for _ in range(2)]
    made = []
    for n in range(count):
        length = 16 + (longest - 16) * n // (count - 1)
        ids = prefixes[n % 2] + [draw.randrange(3, VOCABULARY) for _ in range(length - 10)]
        made.append(TokenRow([*ids, 2], length - 4, 0))
    return made
