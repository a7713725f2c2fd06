"""Encoded splits, as finetune and infer read them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset, Features, Value

from stages.common.files import EXAMPLE, read_encoded


def read_split(path: Path, columns: Sequence[str] = EXAMPLE) -> Dataset:
    """Reads an encoded split.

    Args:
        path: the file.
        columns: the keys of its objects.

    Returns:
        A dataset with the columns id, task (the sub-task), input and, for examples, output (the
        answer, or None), in the file's order.

    Raises:
        InputError: naming the lines that are no examples.
    """
    rows = read_encoded(path, columns)
    features = Features(dict.fromkeys(columns, Value("string")))
    return Dataset.from_dict({c: [row[c] for row in rows] for c in columns}, features=features)


def capped(ids: Sequence[str], subtasks: Sequence[str], cap: int, seed: int) -> list[int]:
    """Chooses at most `cap` examples of each sub-task, by the hash of seed and question id.

    Returns:
        Their numbers, ascending.
    """
    ranks = [hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest() for name in ids]
    by_subtask: dict[str, list[int]] = {}
    for number, subtask in enumerate(subtasks):
        by_subtask.setdefault(subtask, []).append(number)
    return sorted(
        number
        for members in by_subtask.values()
        for number in sorted(members, key=ranks.__getitem__)[:cap]
    )
