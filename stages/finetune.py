"""Finetune: LoRA on the base model, with the train and dev splits of all tasks at once.

Reads ENCODED/train.jsonl, dev.jsonl and prompts.json, for an encoder with heads also forms.json and
values.jsonl. Writes ADAPTER, a LoRA adapter as
safetensors, with hashes of what it was trained with (stages/model/identity.py);
METRICS/finetune.json, losses and counts; METRICS/finetune/, the learning curve; and, not declared
as outputs, METRICS/cost/finetune.json (stages/model/cost.py) and ADAPTER.run.json
(stages/training/provenance.py). An interrupted run goes on where it stopped
(stages/model/scratch.py).

    python -m stages.finetune data/encoded models/adapter metrics
"""

import json
import logging
from pathlib import Path

from stages.common.command import folders, run
from stages.common.files import write_csv, write_json
from stages.common.outputs import check_sums, try_folders, whole_folder
from stages.common.prompts import Prompts
from stages.common.settings import StageSettings, read
from stages.model.settings import Model
from stages.training.settings import Finetune

log = logging.getLogger(__name__)

CODE = ("common", "forms", "model", "training")
"""Folders of stages/ whose code decides what the adapter becomes."""

STATES = 12
"""Saved states of a training have so many times the size of the adapter: weights, two moments and
the best weights, in three files for a moment."""


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
        InputError: if settings or files are defective, a folder cannot be written into, or
            training diverges.
    """
    import torch

    from stages.forms.forms import read_forms
    from stages.model import identity, processes
    from stages.model.cost import Meter, record, write_cost
    from stages.model.device import device_and_dtype
    from stages.model.heads import add_heads
    from stages.model.loading import load_base, load_tokenizer, settled
    from stages.model.scratch import scratch, scratch_folder
    from stages.model.text import InputEncoder, check_fit, text_encoder
    from stages.training.adapter import add_lora, save_adapter, trainable_parameters
    from stages.training.examples import check_examples, read_examples
    from stages.training.head_examples import FILES, read_head_examples
    from stages.training.loop import train
    from stages.training.paths import choose_path
    from stages.training.progress import summary
    from stages.training.provenance import make_record, write_beside

    meter = Meter()
    settings = read(Settings)
    check_sums(encoded, "train.jsonl", "dev.jsonl", "prompts.json")
    identity.check_base(settings.model)
    prompts = read(Prompts, encoded / "prompts.json")
    given = settled(settings.model)
    encoder = text_encoder(given, load_tokenizer(given), prompts)
    cap, seed = settings.finetune.cap, settings.finetune.seed
    if isinstance(encoder, InputEncoder):
        check_sums(encoded, *FILES)
        examples = read_head_examples(encoded, "train", encoder, cap, seed)
        trained = set(examples.subtasks)
        dev = read_head_examples(encoded, "dev", encoder, cap, seed, trained)
    else:
        examples = read_examples(encoded / "train.jsonl", encoder, cap, seed)
        dev = read_examples(encoded / "dev.jsonl", encoder, cap, seed, empty=True)
    check_examples(examples, settings.finetune.weights, encoded / "train.jsonl")

    device, dtype = device_and_dtype()
    torch.manual_seed(seed)
    base = load_base(given, device, dtype)
    rows = [*examples.rows, *dev.rows]
    check_fit(rows, base.config)
    model = add_lora(base, settings.finetune.lora)
    if isinstance(encoder, InputEncoder):
        add_heads(model, examples.rows, read_forms(encoded / FILES[0]))
    path = choose_path(model, rows, settings.model.pad_id, settings.finetune.engine)
    inputs = identity.identify(
        settings.model, prompts, encoded / "train.jsonl", encoded / "dev.jsonl"
    )
    state = scratch_folder(
        "finetune",
        CODE,
        settings.model_dump_json(),
        identity.fingerprint(inputs),
        str(dtype),
        json.dumps([examples.rows, examples.subtasks, dev.rows]),
    )
    trainable = trainable_parameters(model)
    room = 4 * trainable
    if processes.here().main:
        try_folders([(state.parent, STATES * room), (adapter.parent, room), (metrics, 2**20)])
    with scratch(state):
        chosen = settings.finetune.for_family(given.family)
        progress = train(path, examples, dev.rows, chosen, state, meter, dev.subtasks)
        if not processes.here().main:
            return
        with whole_folder(adapter, sums=True) as folder:
            save_adapter(model, folder)
            write_json(folder / identity.INPUTS, inputs)
        with whole_folder(metrics / "finetune") as folder:
            header = ("update", "epoch", "learning_rate", "train_loss")
            write_csv(folder / "train.csv", header, progress.train)
            write_csv(folder / "dev.csv", ("update", "epoch", "dev_loss"), progress.dev)
            header = ("update", "epoch", "subtask", "dev_loss")
            write_csv(folder / "dev_by_subtask.csv", header, progress.dev_by_subtask)
        figures = summary(progress, settings.finetune.epochs, trainable, examples, dev)
        write_json(metrics / "finetune.json", figures)
        size = sum(path.stat().st_size for path in adapter.rglob("*") if path.is_file())
        sizes = {"trainable_parameters": trainable, "adapter_mib": round(size / 2**20, 2)}
        cost = record(progress, "examples", progress.examples, progress.tokens, sizes)
        write_cost(cost, "finetune", adapter, metrics)
        files = ["train.jsonl", "dev.jsonl", "prompts.json"]
        if isinstance(encoder, InputEncoder):
            files += FILES
        data = [encoded / name for name in files]
        made = make_record(adapter, settings.model, inputs, data, settings.model_dump(), cost)
        write_beside(adapter, made)
        log.info("wrote %s", metrics / "finetune.json")


def main() -> None:
    """Runs the stage."""
    encoded, adapter, metrics = folders(
        __doc__,
        encoded="folder that encode wrote",
        adapter="folder to write the adapter to",
        metrics="folder for finetune.json and finetune/",
    )
    from stages.model.processes import in_processes

    in_processes(read(Settings).model.base, finetune, encoded, adapter, metrics)


if __name__ == "__main__":
    run(main)
