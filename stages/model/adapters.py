"""Adapters: which one is used, and loading it on a base.

An adapter is a folder, as finetune writes it, or a hub id at a commit; its weights are safetensors
or a ``.bin`` file, which goes through the restricted unpickler only.
"""

import hashlib
import json
import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from peft import (
    PeftConfig,
    PeftModelForCausalLM,
    PeftModelForFeatureExtraction,
    PeftModelForSeq2SeqLM,
)

from stages.common.command import InputError
from stages.common.files import read_json, read_text
from stages.model import limits
from stages.model.checkpoints import check_finite, types_of
from stages.model.family import family_of
from stages.model.reading import reading

log = logging.getLogger(__name__)

MODELS = {
    "decoder-only": PeftModelForCausalLM,
    "encoder-decoder": PeftModelForSeq2SeqLM,
    "encoder-only": PeftModelForFeatureExtraction,
}
"""peft's model of a base with its adapter, by the base's family."""

TASKS = {
    "decoder-only": "CAUSAL_LM",
    "encoder-decoder": "SEQ_2_SEQ_LM",
    "encoder-only": "FEATURE_EXTRACTION",
}
"""peft's name of what an adapter is for, likewise."""

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")

FLOATS = ("f16", "f32", "f64", "bf16", "float16", "float32", "float64", "bfloat16")
"""Types of an adapter's weights, as safetensors and torch name them."""
HEADS = ("adapter_heads.json", "adapter_heads.safetensors")
"""Forms and weights of an encoder's heads, beside the adapter that they were trained with."""

PATTERNS = (
    "target_modules",
    "exclude_modules",
    "modules_to_save",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
)
"""Keys of an adapter's settings that may hold regular expressions."""


def adapter_folder(setting: bool | str, own: Path) -> Path | None:
    """Returns the folder of the adapter to use, after fetching it from a hub if need be.

    Args:
        setting: infer.adapter: whether to use one, or a hub id and commit, as org/name@commit.
        own: the adapter that finetune has written.

    Returns:
        The folder, or None to use none.

    Raises:
        InputError: if it cannot be found.
    """
    if not isinstance(setting, str):
        return own if setting else None
    name, _, commit = setting.partition("@")
    with reading(f"infer.adapter {setting!r}"):
        folder = snapshot_download(name, revision=commit, allow_patterns=[CONFIG, *WEIGHTS, *HEADS])
    return Path(folder)


def load_adapter(base: Any, adapter: Path) -> Any:
    """Puts a trained LoRA adapter on a base.

    Raises:
        InputError: if the adapter cannot be read, does not fit the base, or if its file lacks
            weights or has some for which the adapter's settings have no place.
    """
    log.info("load adapter %s", adapter)
    # peft would look for a file that is not here on the hub, in a repository of the same name.
    path = adapter / CONFIG
    with reading(str(path)):
        config = read_json(read_text(path))
    is_lora = isinstance(config, dict) and config.get("peft_type") == "LORA"
    if not is_lora or config.get("megatron_config"):
        raise InputError(f"{path}: expected the settings of a LoRA adapter")
    if not any((adapter / name).is_file() for name in WEIGHTS):
        raise InputError(f"{adapter}: expected a file {' or '.join(WEIGHTS)}")
    _check_sizes(path, config)
    for file in WEIGHTS:
        _check_numbers(adapter / file)
    _check_patterns(path, config, [name for name, _ in base.named_modules()])
    with reading(f"the adapter {str(adapter)!r}"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found missing adapter keys")
        settings = PeftConfig.from_pretrained(str(adapter))
        settings.inference_mode = True
        model = MODELS[family_of(base.config.to_dict())](base, settings)
        result = model.load_adapter(str(adapter), "default", is_trainable=False)
    for problem, keys in (
        ("lacks weights that its settings ask for", result.missing_keys),
        ("has weights for which its settings have no place", result.unexpected_keys),
    ):
        if keys:
            names = ", ".join(sorted(keys)[:5])
            raise InputError(f"{adapter}: the adapter {problem}: {names} ({len(keys)} in all)")
    weights = ((name, w) for name, w in model.named_parameters() if "lora_" in name)
    check_finite(str(adapter), weights)
    return model


def _check_sizes(path: Path, config: Mapping[str, Any]) -> None:
    """Makes sure that an adapter asks for no more memory than one can need.

    Raises:
        InputError: naming a setting that does.
    """
    ranges = config.get("layer_replication") or []
    ranks = [config.get("r"), *(config.get("rank_pattern") or {}).values()]
    with reading(str(path)):
        layers = sum(int(end) - int(start) for start, end in ranges)
        rank = max(map(int, filter(None, ranks)), default=0)
        number = max(_whole_numbers(config), default=0)
        start = re.search(r"\d+", str(config.get("init_lora_weights")))
        steps = int(start[0]) if start else 0  # as pissa_niter_16: peft takes them when it loads
    for what, found, most in (
        ("replicated layers", layers, limits.LAYERS),
        ("a rank of", rank, limits.RANK),
        ("steps of init_lora_weights,", steps, limits.STEPS),
        ("a number of", number, limits.NUMBER),
    ):
        if found > most:
            raise InputError(f"{path}: {what} {found:,}, expected at most {most:,}")


def _whole_numbers(value: Any) -> Iterator[int]:
    """Yields all whole numbers in a value of JSON."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _whole_numbers(inner)


def _check_numbers(path: Path) -> None:
    """Makes sure that an adapter's weights are numbers of 16 or 32 bits, not codes or integers."""
    for name, kind in types_of(path).items() if path.is_file() else ():
        if kind.lower() not in FLOATS:
            raise InputError(f"{path}: {name} has the type {kind}, expected 16 or 32 bits")


def _check_patterns(path: Path, config: Mapping[str, Any], names: Sequence[str]) -> None:
    """Makes sure that an adapter's regular expressions come to an end.

    Some take longer than the age of the universe on one name. So another process compares them with
    the names of the base's layers before peft does.

    Raises:
        InputError: if they do not in `limits.PATTERN_SECONDS`, or are none.
    """
    values = [config.get(key) for key in PATTERNS]
    listed = [list(value) if isinstance(value, (list, dict)) else [value] for value in values]
    patterns = [pattern for part in listed for pattern in part if isinstance(pattern, str)]
    if len(patterns) > limits.PATTERNS:
        raise InputError(
            f"{path}: {len(patterns):,} names and patterns, expected at most {limits.PATTERNS:,}"
        )
    if all(re.fullmatch(r"[\w.-]*", pattern) for pattern in patterns):
        return  # plain names
    try:
        subprocess.run(  # noqa: S603 - the patterns are its input alone
            [sys.executable, "-m", "stages.model.patterns"],
            input=json.dumps([patterns, names]),
            text=True,
            check=True,
            capture_output=True,
            timeout=limits.PATTERN_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{path}: its patterns take over {limits.PATTERN_SECONDS} s to compare with names of"
            " the base's layers"
        ) from None
    except subprocess.CalledProcessError as error:
        raise InputError(f"{path}: {error.stderr.strip().removeprefix('error: ')}") from None


def adapter_fingerprint(adapter: Path) -> str:
    """Returns a text that differs whenever a file of an adapter does.

    Raises:
        InputError: if there is no adapter.
    """
    if not adapter.is_dir():
        raise InputError(f"{adapter}: no such folder; expected an adapter, as finetune writes it")
    files = (adapter / name for name in (CONFIG, *WEIGHTS, *HEADS))
    return " ".join(
        hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()
    )
