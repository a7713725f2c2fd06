"""Adapters: which one is used, and loading it on a base.

An adapter is a folder, as finetune writes it, or a hub id at a commit; its weights are safetensors
or a ``.bin`` file, which goes through the restricted unpickler only.
"""

import hashlib
import json
import logging
import warnings
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from peft import PeftConfig, PeftModelForCausalLM

from stages.common.command import InputError
from stages.model.checkpoints import check_finite

log = logging.getLogger(__name__)

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


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
    try:
        folder = snapshot_download(name, revision=commit, allow_patterns=[CONFIG, *WEIGHTS])
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise InputError(f"infer.adapter {setting!r} cannot be loaded: {error}") from error
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
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if config.get("peft_type") != "LORA" or config.get("megatron_config"):
        raise InputError(f"{path}: expected the settings of a LoRA adapter")
    if not any((adapter / name).is_file() for name in WEIGHTS):
        raise InputError(f"{adapter}: expected a file {' or '.join(WEIGHTS)}")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")
            settings = PeftConfig.from_pretrained(str(adapter))
            settings.inference_mode = True
            model = PeftModelForCausalLM(base, settings)
            result = model.load_adapter(str(adapter), "default", is_trainable=False)
    except Exception as error:  # peft raises whatever its settings lead to
        raise InputError(
            f"{adapter}: cannot be loaded as an adapter of the base:"
            f" {type(error).__name__}: {error}"
        ) from error
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


def adapter_fingerprint(adapter: Path) -> str:
    """Returns a text that differs whenever a file of an adapter does.

    Raises:
        InputError: if there is no adapter.
    """
    if not adapter.is_dir():
        raise InputError(f"{adapter}: no such folder; expected an adapter, as finetune writes it")
    files = (adapter / name for name in (CONFIG, *WEIGHTS))
    return " ".join(
        hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()
    )
