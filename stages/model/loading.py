"""Loading the base model, its tokenizer and an adapter.

A base is a folder or a hub id at a pinned revision, in safetensors or in (sharded) ``.bin`` files;
the latter go through the restricted unpickler only. No code of a model's repository is ever run.
"""

import hashlib
import json
import logging
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError  # noqa: S403 - what the restricted unpickler raises
from typing import Any

import torch

from stages.common.command import InputError
from stages.model import processes
from stages.model.device import free_memory
from stages.model.settings import Model

log = logging.getLogger(__name__)

ADAPTER_CONFIG = "adapter_config.json"
ROOM = 16 * 2**30  # bytes of GPU memory for the work on a base that is kept in 16 bits


def load_base(model: Model, device: torch.device, dtype: torch.dtype) -> Any:
    """Loads the base, quantised if asked for, with all its parameters frozen.

    Args:
        model: which one.
        device: where to.
        dtype: of what is not quantised, and of the computation.

    Returns:
        A causal language model of transformers.

    Raises:
        InputError: if it cannot be found or read, or lacks weights.
    """
    # With this package bitsandbytes would fetch code from a hub and run it.
    sys.modules.setdefault("kernels", None)  # type: ignore[arg-type]
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GenerationConfig

    sharded = processes.here().sharded
    if sharded and model.quantization == "int8":
        raise InputError("model.quantization: int8 cannot be sharded (FSDP); expected nf4 or none")
    if (Path(model.base) / ADAPTER_CONFIG).is_file():
        raise InputError(f"model.base: {model.base} holds an adapter, not a base model")
    quantization = {
        "none": None,
        "int8": BitsAndBytesConfig(load_in_8bit=True),
        # Unless stated, bitsandbytes takes fp4 and computes in fp32. Bytes could not be sharded.
        "nf4": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
            bnb_4bit_quant_storage=dtype if sharded else "uint8",
        ),
    }[model.quantization]
    log.info(
        "load base %s, quantization %s, %s on %s", model.base, model.quantization, dtype, device
    )
    try:
        base, report = AutoModelForCausalLM.from_pretrained(
            model.base,
            revision=model.revision or "main",
            quantization_config=quantization,
            dtype=dtype,
            device_map={"": device},
            attn_implementation="sdpa",
            trust_remote_code=False,
            weights_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, UnpicklingError, SafetensorError) as error:
        raise InputError(f"model.base {model.base!r} cannot be loaded: {error}") from error
    # transformers would put random numbers in their place.
    if lacking := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise InputError(
            f"model.base {model.base!r} lacks weights, or has them in another shape:"
            f" {', '.join(lacking[:5])} ({len(lacking)} in all)"
        )
    ids = {
        "pad_token_id": model.pad_id,
        "bos_token_id": model.bos_id,
        "eos_token_id": model.eos_id,
    }
    if max(ids.values()) >= base.config.vocab_size:
        raise InputError(
            f"model: token id {max(ids.values())}, but the base has {base.config.vocab_size} tokens"
        )
    base.config.update(ids)
    base.generation_config = GenerationConfig(**ids)  # nothing else of the base's own habits
    base.requires_grad_(False)
    if model.quantization == "nf4" and not sharded and dequantized_fits(base):
        log.info("memory allows it: the 4-bit values are kept in %s", dtype)
        dequantize(base, dtype)
    return base


def four_bit_layers(base: Any) -> dict[str, Any]:
    """The layers that bitsandbytes has quantised to 4 bits, by name."""
    from bitsandbytes.nn import Linear4bit

    return {name: module for name, module in base.named_modules() if isinstance(module, Linear4bit)}


def dequantized_fits(base: Any) -> bool:
    """Whether a GPU has room for 4-bit layers in 16 bits, and for the work on them."""
    if base.device.type != "cuda":
        return False
    layers = four_bit_layers(base).values()
    needed: int = 2 * sum(layer.in_features * layer.out_features for layer in layers)
    return free_memory(base.device) > needed + ROOM


def dequantize(base: Any, dtype: torch.dtype) -> None:
    """Puts layers with the very values of 4-bit ones in their place, which every step would unpack.

    Args:
        base: the model.
        dtype: of the values.
    """
    from bitsandbytes.functional import dequantize_4bit

    for name, layer in four_bit_layers(base).items():
        values = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
        plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        plain.weight = torch.nn.Parameter(values, requires_grad=False)
        plain.bias = layer.bias
        base.set_submodule(name, plain)


def load_adapter(base: Any, adapter: Path) -> Any:
    """Puts a trained LoRA adapter (safetensors or ``.bin``) on a base.

    Raises:
        InputError: if the adapter cannot be read, lacks weights or does not fit the base.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    log.info("load adapter %s", adapter)
    # What is not here peft would look for on the hub, in a repository of the same name.
    try:
        config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{adapter / ADAPTER_CONFIG}: cannot be read: {error}") from error
    if config.get("peft_type") != "LORA" or config.get("megatron_config"):
        raise InputError(f"{adapter / ADAPTER_CONFIG}: expected the settings of a LoRA adapter")
    if not any((adapter / f"adapter_model.{form}").is_file() for form in ("safetensors", "bin")):
        raise InputError(f"{adapter}: no adapter_model.safetensors and no adapter_model.bin")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Found missing adapter keys")
            return PeftModel.from_pretrained(base, str(adapter), is_trainable=False)
    except (OSError, ValueError, RuntimeError, UserWarning, UnpicklingError, SafetensorError) as e:
        raise InputError(f"{adapter}: cannot be loaded as an adapter of the base: {e}") from e


def load_tokenizer(model: Model) -> Any:
    """Loads the tokenizer, the base's own or another one.

    Raises:
        InputError: if it cannot be found or read.
    """
    from transformers import AutoTokenizer

    place, revision = model.base, model.revision
    if model.tokenizer:
        place, revision = model.tokenizer, model.tokenizer_revision
    try:
        # Should a text spell a special token, such as </s>, it is text all the same.
        tokenizer = AutoTokenizer.from_pretrained(
            place,
            revision=revision or "main",
            trust_remote_code=False,
            split_special_tokens=True,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"the tokenizer {place!r} cannot be loaded: {error}") from error
    stated = (model.bos_id, model.eos_id)
    if stated != (tokenizer.bos_token_id, tokenizer.eos_token_id):
        log.warning(
            "the tokenizer's own bos and eos ids are %s and %s; params.yaml's %d and %d are used",
            *(tokenizer.bos_token_id, tokenizer.eos_token_id, *stated),
        )
    return tokenizer


def identity(model: Model) -> str:
    """A text that differs whenever a folder of the base or the tokenizer, or a library, does.

    Of files over 64 MiB the size and the time of change stand for the content.
    """
    parts = []
    for place in filter(None, (model.base, model.tokenizer)):
        for path in sorted(p for p in Path(place).glob("*") if p.is_file() and p.suffix != ".md"):
            status = path.stat()
            content = f"{status.st_size} {status.st_mtime_ns}"
            if status.st_size < 64 * 2**20:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            parts.append(f"{path.name} {content}")
    libraries = ("torch", "transformers", "peft", "bitsandbytes", "tokenizers")
    return "\n".join([*parts, *(f"{name} {version(name)}" for name in libraries)])


def load_config(model: Model) -> Any:
    """Loads the base's configuration alone.

    Raises:
        InputError: if it cannot be found or read.
    """
    from transformers import AutoConfig

    revision = model.revision or "main"
    try:
        return AutoConfig.from_pretrained(model.base, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(f"model.base {model.base!r} cannot be loaded: {error}") from error
