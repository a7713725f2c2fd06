"""The training loop: LoRA on a frozen, possibly quantised base.

One update sees one global batch of examples, split over processes (stages/model/processes.py) and
micro-batches (stages/training/micro_batches.py). The loss of an update is the mean over all its
label tokens, so neither the order of examples nor the result depends on processes and
micro-batches, up to rounding and dropout's draws.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from stages.model import processes
from stages.model.cost import Account, Meter
from stages.model.pack_sizes import Size
from stages.model.packed import PackedPath
from stages.model.packing import to_device
from stages.model.path import ModelPath
from stages.model.recording import Recorder, longest_recorded
from stages.model.text import TokenRow
from stages.training.adapter import speed_up
from stages.training.examples import Examples, label_tokens
from stages.training.micro_batches import MicroBatcher, within_memory
from stages.training.passes import answer_loss, training_pass
from stages.training.paths import without_dropout
from stages.training.progress import Progress
from stages.training.saved import SavingTimes
from stages.training.schedule import epoch_order, learning_rate
from stages.training.settings import Finetune
from stages.training.state import TrainingState, diverged

log = logging.getLogger(__name__)

SIZES = 16  # of recorded passes, from a power of two of tokens to the next one

Result = TypeVar("Result")


class Trainer:
    """Makes updates, as the machine allows.

    Attributes:
        state: everything that updates change.
    """

    def __init__(self, path: ModelPath, b_rate: float = 1.0) -> None:
        """Begins a training.

        Args:
            path: computes the logits of a base with a fresh adapter, which stays in fp32.
            b_rate: see `TrainingState`.
        """
        self._path, self._device = path, path.model.device
        path.model.train()  # else bitsandbytes repacks weights on some CPUs, without gradients
        speed_up(path)
        weights = path.trained_weights()
        dtype = path.model.get_base_model().dtype
        self.state = TrainingState(path.model, weights, dtype, b_rate)
        self._micro_batches = MicroBatcher(path)
        # Sharded layers wait for other processes in between.
        is_recorded = isinstance(path, PackedPath) and not processes.here().sharded
        self._pass = Recorder(
            training_pass(path, weights, self.state.scaler),
            self._device,
            longest=longest_recorded(path.model) if is_recorded else 0,
            steps=SIZES,
            reserve=True,
        )

    def release(self) -> None:
        """Gives the memory of recorded passes back."""
        self._pass.forget()

    def update(self, batch: Sequence[TokenRow], rate: float, clip: float) -> torch.Tensor:
        """Makes one update: each process computes the gradient of its part; all use the sum.

        Args:
            batch: the examples of the update.
            rate: the learning rate.
            clip: largest norm of the gradient.

        Returns:
            The loss per label token before the update, a scalar that a GPU may still be computing.
        """
        loss = self._within_memory(partial(self._gradient, batch))
        if (here := processes.here()).count > 1:
            gradient = self.state.weights.gradient
            joined = here.summed(torch.cat([gradient, loss.reshape(1)]))
            gradient.copy_(joined[:-1])
            loss = joined[-1]
        self.state.update(rate, clip)
        return loss

    def _gradient(self, batch: Sequence[TokenRow]) -> torch.Tensor:
        """Computes the gradient of this process's part of a batch, and returns its loss."""
        labels = label_tokens(batch)
        total = torch.zeros((), device=self._device)
        self.state.optimizer.zero_grad(set_to_none=False)  # recorded passes add to it in place
        for rows, loss_weight in self._micro_batches.split(batch):
            weight = (torch.tensor(loss_weight / labels),)
            total += self._pass(self._path.batch(rows), partial(_whatever_the_size, weight))
        return total

    def dev_loss(self, rows: Sequence[TokenRow]) -> float:
        """Measures the loss per label token without training; each process measures its part."""
        with torch.no_grad(), without_dropout(self._path.model):
            total = self._within_memory(partial(self._summed_loss, rows))
        return float(processes.here().summed(total)) / label_tokens(rows)

    def _summed_loss(self, rows: Sequence[TokenRow]) -> torch.Tensor:
        total = torch.zeros((), device=self._device, dtype=torch.float64)
        for micro_batch, loss_weight in self._micro_batches.split(rows):
            batch = to_device(self._path.batch(micro_batch), self._device)
            total += answer_loss(self._path, batch) * loss_weight
        return total

    def _within_memory(self, work: Callable[[], Result]) -> Result:
        """Does a piece of work that splits a batch; the first one shows what memory allows."""

        def measured() -> Result:
            if self._micro_batches.measured:
                return work()
            return self._micro_batches.measure(work, self._pass.allow)

        remedies = (self._pass.stop, self._micro_batches.halve, self._micro_batches.recompute)
        return within_memory(measured, remedies)


def train(
    path: ModelPath,
    examples: Examples,
    dev_rows: Sequence[TokenRow],
    settings: Finetune,
    scratch: Path,
    meter: Meter | None = None,
    dev_subtasks: Sequence[str] = (),
) -> Progress:
    """Trains the adapter; afterwards the path's model holds the weights to keep.

    Goes on from the scratch state if there is one. Dev loss is measured after each epoch; without
    dev rows the last weights are kept.

    Args:
        path: computes the logits of a base with a fresh adapter.
        examples: what to learn from.
        dev_rows: what to measure on; may be empty.
        settings: see params.yaml.
        scratch: folder for the state of an interrupted training.
        meter: measures energy meanwhile.
        dev_subtasks: the sub-task of each dev row, to measure each; empty: all together.

    Returns:
        The learning curve.

    Raises:
        InputError: if a loss or a weight is not a finite number, or nothing was learnt.
    """
    trainer = Trainer(path, settings.lora.b_rate)
    by_subtask = group_by(dev_rows, dev_subtasks)
    state = trainer.state
    is_main = processes.here().main
    per_epoch = updates_per_epoch(examples, settings)
    updates = per_epoch * settings.epochs
    if state.load(scratch, settings.seed):
        log.info("go on after update %d of %d (%s)", state.progress.update, updates, scratch)
    progress = state.progress
    account = Account(progress, meter)
    saving = SavingTimes()

    def save() -> None:
        with saving:
            losses.read_all()
            if is_main:
                account.settle(progress)
                state.save(scratch)

    with (
        meter or nullcontext(),
        tqdm(
            total=updates,
            initial=progress.update,
            desc="finetune",
            unit="update",
            disable=not is_main,
        ) as bar,
    ):
        losses = _Losses(progress, bar)
        for batch in batches(examples, settings, progress.update):
            rate = learning_rate(
                *(progress.update, updates, settings.learning_rate),
                *(settings.warmup, settings.schedule),
            )
            loss = trainer.update(batch, rate, settings.clip)
            progress.count(batch)
            epoch = round(progress.update / per_epoch, 4)
            losses.add(progress.update, epoch, rate, loss)
            if progress.update % per_epoch == 0:
                losses.read_all()
                if dev_rows:
                    losses_of = {name: trainer.dev_loss(r) for name, r in by_subtask.items()}
                    dev_loss = mean_loss(losses_of, by_subtask)
                    check_finite(dev_loss, "the dev loss", progress.update)
                    log.info("epoch %d: dev loss %.4f", round(epoch), dev_loss)
                    state.note_dev_loss(epoch, dev_loss, keep=settings.keep == "best")
                    if dev_subtasks:
                        state.note_dev_losses(epoch, losses_of)
            if saving.due:
                save()
        save()  # an interruption before the outputs are written costs nothing either
    trainer.release()
    state.keep_best()
    state.check_learnt()
    return progress


def group_by(rows: Sequence[TokenRow], subtasks: Sequence[str]) -> dict[str, list[TokenRow]]:
    """Groups rows by their sub-task; without sub-tasks they are one group."""
    groups: dict[str, list[TokenRow]] = {}
    for row, name in zip(rows, subtasks or [""] * len(rows), strict=True):
        groups.setdefault(name, []).append(row)
    return groups


def mean_loss(losses: Mapping[str, float], groups: Mapping[str, Sequence[TokenRow]]) -> float:
    """The loss per label token of groups of rows, given that of each group."""
    labels = {name: label_tokens(rows) for name, rows in groups.items()}
    return math.fsum(losses[name] * labels[name] for name in groups) / sum(labels.values())


def updates_per_epoch(examples: Examples, settings: Finetune) -> int:
    """Returns the number of updates of an epoch."""
    drawn = epoch_order(examples.subtasks, settings.weights, settings.seed, epoch=0)
    return math.ceil(len(drawn) / settings.batch)


def batches(examples: Examples, settings: Finetune, start: int) -> Iterator[list[TokenRow]]:
    """Yields the global batches of a training from an update on."""
    first_epoch, step = divmod(start, updates_per_epoch(examples, settings))
    for epoch in range(first_epoch, settings.epochs):
        order = epoch_order(examples.subtasks, settings.weights, settings.seed, epoch)
        for at in range(step * settings.batch, len(order), settings.batch):
            yield [examples.rows[i] for i in order[at : at + settings.batch]]
        step = 0


def _whatever_the_size(
    tensors: tuple[torch.Tensor, ...], _: Size | None
) -> tuple[torch.Tensor, ...]:
    """What a pass reads beside the pack, and is never filled up."""
    return tensors


class _Losses:
    """Reads the loss of an update when the next one is under way, for reading waits for the GPU."""

    def __init__(self, progress: Progress, bar: Any) -> None:
        self._progress, self._bar = progress, bar
        self._unread: deque[tuple[int, float, float, torch.Tensor]] = deque()

    def add(self, update: int, epoch: float, rate: float, loss: torch.Tensor) -> None:
        """Takes the loss of an update and reads the one before it."""
        self.read_all()
        self._unread.append((update, epoch, rate, loss))

    def read_all(self) -> None:
        """Reads the losses that are not yet in the learning curve."""
        while self._unread:
            update, epoch, rate, loss = self._unread.popleft()
            value = float(loss)
            check_finite(value, "the loss", update)
            self._progress.train.append((update, epoch, rate, value))
            self._bar.set_postfix(loss=f"{value:.3f}", refresh=False)
            self._bar.update()


def check_finite(loss: float, name: str, update: int) -> None:
    """Makes sure that a loss is a finite number.

    Raises:
        InputError: if it is not.
    """
    if not math.isfinite(loss):
        raise diverged(f"{name} is {loss}", update)
