"""Pieces of work that several processes share, each of which `in_processes` runs.

python -m tests.helpers.shared_work KIND FOLDER [...]
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import torch

from stages.common.command import InputError, run
from stages.model import device, processes
from stages.model.loading import load_base
from stages.model.packed import PackedPath
from stages.training import loop, micro_batches
from stages.training.adapter import add_lora
from stages.training.loop import Trainer, train
from stages.training.saved import SavingTimes
from stages.training.state import TrainingState
from tests.helpers.llamas import LORA, long_rows
from tests.helpers.models import model_settings
from tests.helpers.trainings import (
    adapted,
    examples,
    finetune_settings,
    token_rows,
    trained_weights,
)


class FailingTrainer(Trainer):
    """A trainer whose second process fails at an update, counted from 1; 0: never."""

    fails_at = 0
    updates = 0

    def update(self, *arguments: object) -> torch.Tensor:  # type: ignore[override]
        """Makes an update, or fails."""
        self.updates += 1
        if processes.here().rank == 1 and self.updates == self.fails_at:
            raise InputError("as if: the second process fails")
        return super().update(*arguments)  # type: ignore[arg-type]


def learn(folder: str, base: str, quantization: str, fails_at: str) -> None:
    """Trains as the test does in one process."""
    SavingTimes.due = True  # type: ignore[assignment, method-assign]
    micro_batches.FIRST = 40  # so that the processes have unequal numbers of passes
    FailingTrainer.fails_at = int(fails_at)
    loop.Trainer = FailingTrainer  # type: ignore[misc]
    here = processes.here()
    # Then the main process alone saves, which must not put a sharded base out of step.
    settings = finetune_settings(batch=3, keep="last" if here.sharded else "best")
    causal = adapted(Path(base), settings, quantization)
    dev = token_rows(10, seed=5)
    progress = train(PackedPath(causal), examples(40), dev, settings, Path(folder))
    layer = causal.get_base_model().get_decoder().layers[0].self_attn.q_proj.base_layer
    sizes = [layer.weight.to_local().numel() if here.sharded else 0, layer.weight.numel()]
    if here.main:
        learnt = [progress.train, progress.dev, trained_weights(causal), sizes]
        torch.save(learnt, Path(folder) / "learnt.pt")


def learn_on_gpus(folder: str, base: str) -> None:
    """Makes some updates on the GPUs; writes their losses, and the memory of the base in GiB."""
    device.COMPILE_FROM = 10**12  # compiling takes longer than these updates
    gpu, dtype = device.device_and_dtype()
    torch.manual_seed(1)
    causal = add_lora(load_base(model_settings(base), gpu, dtype), LORA)
    trainer = Trainer(PackedPath(causal))
    torch.cuda.empty_cache()
    memory = torch.cuda.memory_allocated() / 2**30
    rows = long_rows(5 * 16, longest=300, vocabulary=32_000)
    batches = [rows[i : i + 16] for i in range(0, len(rows), 16)]
    losses = [float(trainer.update(batch, 1e-3, 1.0)) for batch in batches]
    if processes.here().main:
        torch.save([losses, memory], Path(folder) / "learnt.pt")


def crash(folder: str) -> None:
    """One process crashes; the others wait for it."""
    here = processes.here()
    if here.rank == 1:
        raise RuntimeError("as if")
    here.summed(torch.zeros(1))


def wait(folder: str) -> None:
    """Writes the process's number, and sleeps."""
    here = processes.here()
    here.summed(torch.zeros(1))
    temporary = Path(folder) / f"{here.rank}.tmp"
    temporary.write_text(str(os.getpid()))
    temporary.rename(Path(folder) / f"{here.rank}.pid")
    time.sleep(600)


def describe(folder: str) -> None:
    """Writes what a process knows, and a sum over all."""
    here = processes.here()
    total = int(here.summed(torch.tensor([here.rank + 1])))
    known = here.from_main(os.getpid() if here.main else None)
    Path(folder, f"{here.rank}.txt").write_text(f"{here} {total} {known}")


def overflow(folder: str, base: str) -> None:
    """Makes two updates with scaled losses; in the first a gradient of one process is infinite."""
    here = processes.here()
    torch.amp.GradScaler = partial(torch.amp.GradScaler, init_scale=4.0)  # type: ignore[misc]
    causal = adapted(Path(base), finetune_settings())
    path = PackedPath(causal)
    with_scaler = TrainingState(causal, path.trained_weights(), torch.float16)
    loop.TrainingState = lambda *_: with_scaler  # type: ignore[misc, assignment]
    trainer = Trainer(path)
    lora, scaler = with_scaler.weights, with_scaler.scaler
    backward, seen = lora.backward, []
    lora.backward = lambda loss: backward(loss * (torch.inf if here.rank == 1 else 1.0))
    for _ in range(2):
        before = lora.values.detach().clone()
        trainer.update(token_rows(4), 0.1, 1.0)
        same = lora.values.equal(before)
        seen.append([scaler.get_scale(), same, float(lora.values.detach().sum())])
        lora.backward = backward
    Path(folder, f"{here.rank}.txt").write_text(json.dumps(seen))


KINDS = {kind.__name__: kind for kind in (learn, learn_on_gpus, crash, wait, describe, overflow)}

if __name__ == "__main__":
    processes.START_METHOD = "fork"  # also where a test starts it by itself
    name, *arguments = sys.argv[1:]
    run(lambda: processes.in_processes("", KINDS[name], *arguments))
