"""The state of a training: everything that an update changes, saved and loaded as a whole."""

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft.tuners.lora import LoraLayer

from stages.common.command import InputError
from stages.model import processes
from stages.model.heads import adapter_state, set_adapter_state
from stages.model.lora import TrainedWeights
from stages.training.progress import Progress
from stages.training.saved import read_state, write_state

log = logging.getLogger(__name__)

NOTHING = 1e-12  # change of a weight up to which it is none; fp32 keeps 1e-9 of one of 0.01
RANK_SEED = 1_000_003  # distance of the seeds of two processes


class TrainingState:
    """What an interrupted training needs to go on to the same result.

    Attributes:
        model: the base with its adapter.
        weights: the adapter's, which are the optimizer's only parameter.
        optimizer: AdamW.
        scaler: of the loss, for fp16.
        progress: updates so far, and the learning curve.
        best: the adapter with the smallest dev loss so far; empty if none is kept.
    """

    def __init__(
        self, model: Any, weights: TrainedWeights, dtype: torch.dtype, b_rate: float = 1.0
    ) -> None:
        """Begins a training.

        Args:
            model: the base with its adapter, prepared.
            weights: the adapter's.
            dtype: number type of the computation.
            b_rate: learning rate of the second matrices (B) for that of the first: LoRA+ (Hayou et
                al., LoRA+: Efficient Low Rank Adaptation of Large Models, 2024).
        """
        self.model = model
        self.weights = weights
        self.optimizer = torch.optim.AdamW([weights.values], weight_decay=0.0)
        self.scaler = torch.amp.GradScaler(model.device.type, enabled=dtype == torch.float16)
        self.progress = Progress()
        self.best: dict[str, torch.Tensor] = {}
        self._more: torch.Tensor | None = None  # by how much the steps of weights are larger
        if b_rate != 1:
            second = {id(p) for name, p in model.named_parameters() if "lora_B" in name}
            self._more = (b_rate - 1) * weights.mark(second)

    def adapter(self) -> dict[str, torch.Tensor]:
        """Copies the weights of the adapter, by peft's names, and of an encoder's heads."""
        by_name = adapter_state(self.model)
        return {name: value.detach().cpu().clone() for name, value in by_name.items()}

    def update(self, rate: float, clip: float) -> None:
        """Changes the adapter by its gradient.

        Args:
            rate: the learning rate.
            clip: largest norm of the gradient.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.weights.values, clip)
        before = None if self._more is None else self.weights.values.detach().clone()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if before is not None and self._more is not None:  # AdamW's step is linear in the rate
            values = self.weights.values.detach()
            values.addcmul_(values - before, self._more)

    def note_dev_loss(self, epoch: float, loss: float, *, keep: bool) -> None:
        """Adds a dev loss to the learning curve, and keeps the adapter if it is the best so far."""
        progress = self.progress
        progress.dev.append((progress.update, epoch, loss))
        if loss < progress.best:
            progress.best, progress.best_update = loss, progress.update
            self.best = self.adapter() if keep else {}

    def note_dev_losses(self, epoch: float, losses: Mapping[str, float]) -> None:
        """Adds the dev loss of each sub-task to the learning curve."""
        progress = self.progress
        rows = [(progress.update, epoch, name, loss) for name, loss in losses.items()]
        progress.dev_by_subtask += rows

    def keep_best(self) -> None:
        """Puts the best adapter, if one was kept, in the place of the last one."""
        if self.best:
            set_adapter_state(self.model, self.best)

    def check_finite(self) -> None:
        """Makes sure that all weights of the adapter are finite numbers.

        Raises:
            InputError: if they are not.
        """
        if not bool(self.weights.values.detach().isfinite().all()):
            raise diverged("a weight of the adapter is no finite number", self.progress.update)

    def check_learnt(self) -> None:
        """Makes sure that the adapter changes the base, which a fresh one does not.

        Raises:
            InputError: if it does not, or not by finite numbers.
        """
        self.check_finite()
        layers = [module for module in self.model.modules() if isinstance(module, LoraLayer)]
        changes = [change for layer in layers for change in _changes(layer)]
        largest = float(torch.stack(changes).max())
        if not NOTHING < largest < math.inf:
            found = "changes nothing" if largest <= NOTHING else "changes the base without limit"
            raise InputError(
                f"nothing was learnt: after {self.progress.update} updates the adapter {found};"
                " finetune.learning_rate, finetune.clip or finetune.lora.alpha is out of all"
                " proportion"
            )

    def save(self, folder: Path) -> None:
        """Saves the state in a folder (stages/training/saved.py).

        Raises:
            InputError: if a weight is not a finite number; what was saved before stays.
        """
        self.check_finite()
        state = {
            "adapter": self.adapter(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": _random_state(),
            "progress": asdict(self.progress),
            "best": self.best,
        }
        write_state(folder, self.progress.update, state)

    def load(self, folder: Path, seed: int) -> bool:
        """Takes up the last whole state that the main process has saved, if there is one.

        Args:
            folder: where it was saved.
            seed: of the training; processes other than the main one draw dropout of their own.

        Returns:
            Whether there was one.
        """
        here = processes.here()
        if state := here.from_main(read_state(folder) if here.main else None):
            set_adapter_state(self.model, state["adapter"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
            _set_random_state(state["random"])
            self.progress, self.best = Progress(**state["progress"]), state["best"]
        if not here.main:
            torch.manual_seed(seed + RANK_SEED * here.rank + self.progress.update)
        return bool(state)


def _changes(layer: LoraLayer) -> Iterator[torch.Tensor]:
    """Yields how far each adapter of a layer changes it: it adds scale * B A x.

    In the beginning B is zero, in an embedding A.
    """
    pairs = ((layer.lora_A, layer.lora_B), (layer.lora_embedding_A, layer.lora_embedding_B))
    for firsts, seconds in pairs:
        for name, second in seconds.items():
            sizes = [
                getattr(matrix, "weight", matrix).detach().float().abs().max()
                for matrix in (firsts[name], second)
            ]
            yield float(layer.scaling[name]) * sizes[0] * sizes[1]


def diverged(what: str, update: int) -> InputError:
    """Returns the error of a training that leads nowhere.

    Args:
        what: a sentence about what was found.
        update: the number of updates made.
    """
    return InputError(
        f"{what} at update {update}: training has diverged; a lower finetune.learning_rate or"
        " finetune.lora.alpha may help (the last state before it is kept, but with other settings"
        " a training begins anew)"
    )


def _random_state() -> Mapping[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _set_random_state(state: Mapping[str, torch.Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
