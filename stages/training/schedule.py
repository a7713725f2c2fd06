"""The schedule of a training: the learning rate of each update, the examples of each epoch."""

import math
from collections.abc import Mapping, Sequence

import torch


def learning_rate(
    update: int, updates: int, highest: float, warmup: float, schedule: str = "linear"
) -> float:
    """Returns the rate of an update: linear warm-up from 0, and then what the schedule says.

    Args:
        update: number of updates made before this one.
        updates: number of updates in all.
        highest: the peak.
        warmup: share of the updates before the peak.
        schedule: after it: linear or cosine, a decay to 0, or constant.
    """
    rising = math.ceil(updates * warmup)
    if update < rising:
        return highest * (update + 1) / rising
    if schedule == "constant":
        return highest
    left = (updates - update) / max(1, updates - rising)
    if schedule == "cosine":
        return highest * (1 - math.cos(math.pi * left)) / 2
    return highest * left


def epoch_order(
    subtasks: Sequence[str], weights: Mapping[str, float], seed: int, epoch: int
) -> list[int]:
    """Draws the order in which an epoch goes through the examples.

    A sub-task of weight 1 has each example once; of weight 2.3 each twice, and three tenths of
    them, drawn anew in every epoch, once more.

    Args:
        subtasks: of each example.
        weights: of sub-tasks; 1 where none is stated.
        seed: of the training.
        epoch: its number, from 0.

    Returns:
        Numbers of examples.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)

    def shuffled(numbers: list[int]) -> list[int]:
        order = torch.randperm(len(numbers), generator=generator).tolist()
        return [numbers[i] for i in order]

    drawn: list[int] = []
    for subtask in sorted(set(subtasks)):
        members = [number for number, name in enumerate(subtasks) if name == subtask]
        whole, part = divmod(round(weights.get(subtask, 1.0) * len(members)), len(members))
        drawn += members * whole + shuffled(members)[:part]
    return shuffled(drawn)
