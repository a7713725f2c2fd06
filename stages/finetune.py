"""Finetune: LoRA on the base model, with the train and dev splits of all tasks at once.

Reads ENCODED/train.jsonl, dev.jsonl and prompts.json. Writes ADAPTER, a LoRA adapter as
safetensors; METRICS/finetune.json, losses and counts; METRICS/finetune/, the learning curve; and,
not declared as outputs, METRICS/cost/finetune.json (stages/model/cost.py) and ADAPTER.run.json
(stages/training/provenance.py). An interrupted run goes on where it stopped
(stages/model/scratch.py).

    python -m stages.finetune data/encoded models/adapter metrics
"""

import json
import logging
import shutil
from pathlib import Path

from stages.common.command import folders, run
from stages.common.files import whole_folder, write_csv, write_json
from stages.common.prompts import Prompts
from stages.common.settings import StageSettings, read
from stages.model.settings import Model
from stages.training.settings import Finetune

log = logging.getLogger(__name__)

CODE = ("common", "model", "training")
"""Folders of stages/ whose code decides what the adapter becomes."""


class Settings(StageSettings):
    """What finetune reads of params.yaml."""

    model: Model
    finetune: Finetune


def finetune(encoded: Path, adapter: Path, metrics: Path) -> None:
    """Reads the examples, trains on them and, in the main process, writes.

    Args:
        encoded: folder with train.jsonl, dev.jsonl and prompts.json.
        adapter: folder to write the adapter to.
        metrics: folder for the figures.

    Raises:
        InputError: if settings or files are defective, or training diverges.
    """
    import torch

    from stages.model import processes
    from stages.model.cost import Meter, record
    from stages.model.device import device_and_dtype
    from stages.model.loading import fingerprint, load_base, load_tokenizer
    from stages.model.scratch import scratch
    from stages.model.text import TextEncoder, check_fit
    from stages.training.adapter import add_lora, save_adapter, trainable_parameters
    from stages.training.examples import check_examples, read_examples
    from stages.training.loop import train
    from stages.training.paths import choose_path
    from stages.training.progress import summary
    from stages.training.provenance import make_record, record_path

    settings = read(Settings)
    prompts = read(Prompts, encoded / "prompts.json")
    encoder = TextEncoder(settings.model, load_tokenizer(settings.model), prompts)
    cap, seed = settings.finetune.cap, settings.finetune.seed
    examples = read_examples(encoded / "train.jsonl", encoder, cap, seed)
    dev = read_examples(encoded / "dev.jsonl", encoder, cap, seed)
    check_examples(examples, settings.finetune.weights, encoded / "train.jsonl")

    device, dtype = device_and_dtype()
    torch.manual_seed(seed)
    base = load_base(settings.model, device, dtype)
    rows = [*examples.rows, *dev.rows]
    check_fit(rows, base.config)
    model = add_lora(base, settings.finetune.lora)
    path = choose_path(model, rows, settings.model.pad_id, settings.finetune.engine)
    state = scratch(
        "finetune",
        CODE,
        settings.model_dump_json(),
        fingerprint(settings.model),
        str(dtype),
        json.dumps([examples.rows, examples.subtasks, dev.rows]),
    )
    progress = train(path, examples, dev.rows, settings.finetune, state, Meter())

    if not processes.here().main:
        return
    trainable = trainable_parameters(model)
    with whole_folder(adapter) as folder:
        save_adapter(model, folder)
    with whole_folder(metrics / "finetune") as folder:
        header = ("update", "epoch", "learning_rate", "train_loss")
        write_csv(folder / "train.csv", header, progress.train)
        write_csv(folder / "dev.csv", ("update", "epoch", "dev_loss"), progress.dev)
    figures = summary(progress, settings.finetune.epochs, trainable, examples, dev)
    write_json(metrics / "finetune.json", figures)
    size = sum(path.stat().st_size for path in adapter.rglob("*") if path.is_file())
    sizes = {"trainable_parameters": trainable, "adapter_mib": round(size / 2**20, 2)}
    cost = record(progress, "examples", progress.examples, progress.tokens, sizes)
    write_json(metrics / "cost" / "finetune.json", cost)
    inputs = [encoded / name for name in ("train.jsonl", "dev.jsonl", "prompts.json")]
    made = make_record(adapter, settings.model, inputs, settings.model_dump(), cost)
    beside = record_path(adapter)
    write_json(beside, made.model_dump())
    for file in (metrics / "finetune.json", metrics / "cost" / "finetune.json", beside):
        log.info("wrote %s", file)
    shutil.rmtree(state)


def main() -> None:
    """Runs the stage."""
    encoded, adapter, metrics = folders(
        __doc__,
        encoded="folder that encode wrote",
        adapter="folder to write the adapter to",
        metrics="folder for finetune.json and finetune/",
    )
    from stages.model.processes import on_every_gpu

    on_every_gpu(finetune, encoded, adapter, metrics)


if __name__ == "__main__":
    run(main)
