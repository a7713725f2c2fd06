"""How far a training has come, and its learning curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from stages.model.cost import Spent
from stages.model.text import TokenRow
from stages.training.examples import Examples


@dataclass
class Progress(Spent):
    """How far a training has come, its learning curve, and what it has taken.

    Attributes:
        update: number of updates made.
        train: (update, epoch, learning rate, loss) of each update.
        dev: (update, epoch, loss) of each measurement on the dev split.
        dev_by_subtask: (update, epoch, sub-task, loss) likewise.
        best: the smallest dev loss so far.
        best_update: the update after which it was measured.
        examples: number of examples of these updates.
        tokens: number of their tokens.
    """

    update: int = 0
    train: list[tuple[int, float, float, float]] = field(default_factory=list)
    dev: list[tuple[int, float, float]] = field(default_factory=list)
    dev_by_subtask: list[tuple[int, float, str, float]] = field(default_factory=list)
    best: float = math.inf
    best_update: int = 0
    examples: int = 0
    tokens: int = 0

    def count(self, batch: Sequence[TokenRow]) -> None:
        """Counts an update with its examples and their tokens."""
        self.update += 1
        self.examples += len(batch)
        self.tokens += sum(len(row.ids) for row in batch)


def summary(
    progress: Progress, epochs: int, trainable: int, train: Examples, dev: Examples
) -> dict[str, Any]:
    """Returns the content of finetune.json; losses are in nats per label token.

    Args:
        progress: of a finished training.
        epochs: its number of epochs.
        trainable: number of parameters of the adapter.
        train: the examples learnt from.
        dev: the examples measured on.
    """
    last_epoch = progress.train[-(progress.update // epochs) :]
    measured = bool(progress.dev)
    return {
        "updates": progress.update,
        "train_loss": round(fmean(loss for *_, loss in last_epoch), 6),
        "dev_loss": round(progress.dev[-1][2], 6) if measured else None,
        "best_dev_loss": round(progress.best, 6) if measured else None,
        "best_update": progress.best_update if measured else None,
        "trainable_parameters": trainable,
        "train": train.counts,
        "dev": dev.counts,
    }
