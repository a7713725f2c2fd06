"""The adapter: fresh on a base, prepared for training, and written to a folder."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model
from torch.distributed.fsdp import fully_shard
from torch.nn import Linear
from transformers.pytorch_utils import Conv1D

from stages.common.command import InputError
from stages.common.files import write_text
from stages.model import processes
from stages.model.adapters import TASKS
from stages.model.device import can_compile, compile_layers
from stages.model.family import family_of
from stages.model.heads import save_heads
from stages.model.packed import PackedPath
from stages.model.path import ModelPath
from stages.training.settings import Lora

log = logging.getLogger(__name__)


def add_lora(base: Any, lora: Lora) -> Any:
    """Puts a fresh adapter on a base: fp32 weights, the second matrix of each layer zero.

    Draws from torch's global random numbers.

    Args:
        base: of whichever family.
        lora: the adapter's shape; `named_targets` says of which layers.

    Raises:
        InputError: if the base has no layer of a target's name, or peft has no adapter for one.
    """
    kinds = {name.rpartition(".")[2]: module for name, module in base.named_modules()}
    targets = named_targets(base, lora.targets)
    if unknown := {name for name in targets if name.rpartition(".")[2] not in kinds}:
        linear = (name for name, module in kinds.items() if isinstance(module, (Linear, Conv1D)))
        raise InputError(
            f"finetune.lora.targets: the base has no layers {', '.join(sorted(unknown))}; it has"
            f" {', '.join(sorted(linear))}"
        )
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=sorted(targets),
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        bias="none",
        task_type=TASKS[family_of(base.config.to_dict())],
    )
    try:
        return get_peft_model(base, config)
    except ValueError as error:
        raise InputError(f"finetune.lora.targets: {error}") from error


def named_targets(base: Any, targets: Sequence[str] | str) -> Sequence[str]:
    """Returns the names of the layers that get an adapter, or paths where a name says too little.

    Args:
        base: the model.
        targets: the names; or all, attention or mlp for the linear layers of every block, or those
            of its attention, or the others.
    """
    if not isinstance(targets, str):
        return targets
    head = base.get_output_embeddings()
    paths: dict[str, dict[str, list[str]]] = {}  # by name, and by kind
    for path, module in base.named_modules():
        if isinstance(module, (Linear, Conv1D)) and module is not head:
            parents, _, name = path.rpartition(".")
            kind = "attention" if "att" in parents.lower() else "mlp"
            paths.setdefault(name, {}).setdefault(kind, []).append(path)
    found: list[str] = []
    for name, by_kind in paths.items():
        if targets == "all" or list(by_kind) == [targets]:
            found.append(name)
        else:  # BERT calls layers of both kinds dense
            found += by_kind.get(targets, [])
    if not found:
        raise InputError(f"finetune.lora.targets: the base has no linear layers of {targets}")
    return sorted(found)


def trainable_parameters(model: Any) -> int:
    """Returns the number of parameters that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def speed_up(path: ModelPath) -> None:
    """Makes a path faster, or smaller, as the machine allows.

    The layers of a large model are compiled on GPUs that have variable-length attention: norms,
    rotary embedding, activation and adapter are then fused, and less is kept for the backward pass.
    They are not if the base is sharded.

    Args:
        path: prepared to be trained.
    """
    if not isinstance(path, PackedPath):
        return
    if processes.here().sharded:
        shard(path.model)
    elif can_compile(path.model):
        log.info("the layers are compiled in the first update, which takes a minute")
        compile_layers(path.base.get_decoder())


def shard(model: Any) -> None:
    """Leaves each process a part of the base's weights; a layer's are gathered while it computes.

    The adapter stays whole everywhere, so that gradients, optimizer and saved state are the same as
    without sharding. Embeddings are sharded with the last norm; the head stays whole.
    """
    trained = {p for p in model.parameters() if p.requires_grad}
    decoder = model.get_base_model().get_decoder()
    for module in (*decoder.layers, decoder):
        # Stated for the decoder too, which saving in one process would else reshard there alone.
        fully_shard(module, ignored_params=trained, reshard_after_forward=True)
    log.info("the base is sharded over %d processes", processes.here().count)


def save_adapter(model: Any, folder: Path) -> None:
    """Writes the adapter as safetensors, and its settings with lists in a stable order.

    The heads of an encoder are written beside it.
    """
    model.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))  # sets come in a random order
    stable = {k: sorted(v) if isinstance(v, list) else v for k, v in sorted(config.items())}
    write_text(path, json.dumps(stable, indent=2) + "\n")
    save_heads(model, folder)
    (folder / "README.md").unlink(missing_ok=True)  # a form with nothing filled in
