"""Finetune: LoRA on the base model, with the train and dev splits of all tasks at once.

Reads ENCODED/train.jsonl and dev.jsonl, and the prompt file. Writes ADAPTER, a LoRA adapter as
safetensors; METRICS/finetune.json, losses and counts; METRICS/finetune/, the learning curve; and,
not declared as an output, METRICS/cost/finetune.json (stages/training/cost.py). An interrupted run goes on
where it stopped (stages/model/scratch.py).

    python -m stages.finetune data/encoded models/adapter metrics
"""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from stages.common import settings
from stages.common.command import InputError, folders, run
from stages.common.files import whole_folder, write_csv, write_json, write_text
from stages.model import processes, prompts
from stages.model.device import device_and_dtype
from stages.model.examples import read_split
from stages.model.loading import identity, load_base, load_tokenizer
from stages.model.scratch import scratch
from stages.model.settings import Data, Model
from stages.model.text import TextEncoder, TokenRow, TooLong, check_fit
from stages.training import loop as training
from stages.training.cost import Meter, record
from stages.training.settings import Cost, Finetune

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)


class Settings(settings.StageSettings):
    """What finetune reads of params.yaml."""

    data: Data
    model: Model
    finetune: Finetune
    cost: Cost


def capped(split: "Dataset", cap: int | None, seed: int) -> "Dataset":
    """Keeps at most so many examples of each sub-task, by the hash of id and seed."""
    if cap is None:
        return split
    names, tasks = list(split["id"]), list(split["task"])
    ranks = [hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest() for name in names]
    kept: list[int] = []
    for task in set(tasks):
        rows = [i for i, other in enumerate(tasks) if other == task]
        kept += sorted(rows, key=ranks.__getitem__)[:cap]
    return split.select(sorted(kept))


def encode_split(
    path: Path, encoder: TextEncoder, cap: int | None = None, seed: int = 0
) -> tuple[list[TokenRow], list[str], dict[str, int]]:
    """Reads a split and turns it into token ids.

    Args:
        path: the split's file. Examples without an answer cannot be learnt from and are left out,
            also those whose answer alone is too long for the cut-off, for answers are never cut.
        encoder: knows the prompts and the tokenizer.
        cap: largest number of examples of a sub-task.
        seed: of the choice when there are more.

    Returns:
        The rows, their sub-tasks, and counts: examples, tokens, label tokens, cut examples, cut
        characters, and examples that were too long.
    """
    from tqdm import tqdm

    split = read_split(path)
    split = split.select([i for i, output in enumerate(split["output"]) if output is not None])
    split = capped(split, cap, seed)
    rows, tasks, too_long = [], [], []
    silent = not processes.here().main
    for example in tqdm(split, desc=f"read {path.name}", unit="example", disable=silent):
        try:
            rows.append(encoder.training(example["task"], example["input"], example["output"]))
            tasks.append(example["task"])
        except TooLong as error:
            too_long.append(example["id"])
            log.warning("%s: %s is left out: %s", path, example["id"], error)
    if too_long and not rows:
        raise InputError(f"{path}: model.cutoff is too small for all of {len(too_long)} examples")
    counts = {
        "examples": len(rows),
        "tokens": sum(len(row.ids) for row in rows),
        "label_tokens": training.label_tokens(rows),
        "cut_examples": sum(row.cut > 0 for row in rows),
        "cut_characters": sum(row.cut for row in rows),
        "too_long": len(too_long),
    }
    log.info("%s: %s", path, ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in counts.items()))
    return rows, tasks, counts


def save_adapter(adapted: Any, folder: Path) -> None:
    """Writes the adapter as safetensors, and its settings with lists in a stable order."""
    adapted.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))  # sets come in a random order
    stable = {k: sorted(v) if isinstance(v, list) else v for k, v in sorted(config.items())}
    write_text(path, json.dumps(stable, indent=2) + "\n")
    (folder / "README.md").unlink(missing_ok=True)  # a form with nothing filled in


def finetune(encoded: Path, adapter: Path, metrics: Path) -> None:
    """Reads, trains and, in the main process, writes.

    Args:
        encoded: folder with train.jsonl and dev.jsonl.
        adapter: folder to write the adapter to.
        metrics: folder for the figures.

    Raises:
        InputError: if settings or files are defective, or training diverges.
    """
    chosen = settings.read(Settings)
    asked = settings.read(prompts.Prompts, Path(chosen.data.prompts))
    encoder = TextEncoder(chosen.model, load_tokenizer(chosen.model), asked)
    train, cap, seed = encoded / "train.jsonl", chosen.finetune.cap, chosen.finetune.seed
    train_rows, tasks, train_counts = encode_split(train, encoder, cap, seed)
    dev_rows, _, dev_counts = encode_split(encoded / "dev.jsonl", encoder, cap, seed)
    if not train_rows:
        raise InputError(f"{train}: no example with an answer to learn from")
    if unknown := set(chosen.finetune.weights) - set(tasks):
        raise InputError(
            f"params.yaml: finetune.weights: no sub-task {', '.join(sorted(unknown))} in {train};"
            f" it has {', '.join(sorted(set(tasks)))}"
        )

    import torch

    from stages.model import last_layer  # noqa: F401 - for the scratch state's key

    device, dtype = device_and_dtype()
    torch.manual_seed(seed)
    base = load_base(chosen.model, device, dtype)
    check_fit(train_rows + dev_rows, base.config)
    adapted = training.add_lora(base, chosen.finetune.lora)
    texts = (chosen.model_dump_json(exclude={"cost"}), identity(chosen.model), str(dtype))
    state = scratch("finetune", *texts, json.dumps([train_rows, tasks, dev_rows]))
    progress = training.train(
        *(adapted, train_rows, tasks, dev_rows),
        *(chosen.finetune, dtype, state, Meter(chosen.cost.country)),
    )
    here = processes.here()
    if not here.main:
        return
    with whole_folder(adapter) as folder:
        save_adapter(adapted, folder)
    with whole_folder(metrics / "finetune") as folder:
        header = ("update", "epoch", "learning_rate", "train_loss")
        write_csv(folder / "train.csv", header, progress.train)
        write_csv(folder / "dev.csv", ("update", "epoch", "dev_loss"), progress.dev)
    per_epoch = progress.update // chosen.finetune.epochs
    trainable = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    write_json(
        metrics / "finetune.json",
        {
            "updates": progress.update,
            "train_loss": round(fmean(row[3] for row in progress.train[-per_epoch:]), 6),
            "dev_loss": round(progress.dev[-1][2], 6) if progress.dev else None,
            "best_dev_loss": round(progress.best, 6) if progress.dev else None,
            "best_update": progress.best_update if progress.dev else None,
            "trainable_parameters": trainable,
            "train": train_counts,
            "dev": dev_counts,
        },
    )
    spent = record(progress, here.count, trainable, adapter)
    write_json(metrics / "cost" / "finetune.json", spent)
    for name in ("finetune.json", "cost/finetune.json"):
        log.info("wrote %s", metrics / name)
    shutil.rmtree(state)


def main() -> None:
    """Runs the stage."""
    encoded, adapter, metrics = folders(
        __doc__,
        encoded="folder with train.jsonl and dev.jsonl",
        adapter="folder to write the adapter to",
        metrics="folder for finetune.json and finetune/",
    )
    processes.on_every_gpu(finetune, encoded, adapter, metrics)


if __name__ == "__main__":
    run(main)
