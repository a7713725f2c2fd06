"""Encoded splits, as finetune and infer read them."""

from pathlib import Path

from datasets import Dataset, Features, Value

from stages.common.files import EXAMPLE, read_examples


def read_split(path: Path) -> Dataset:
    """Reads an encoded split.

    Returns:
        A dataset with the columns id, task (the sub-task), input and output (the answer, or None),
        in the file's order.

    Raises:
        InputError: naming the lines that are no examples.
    """
    rows = read_examples(path)
    features = Features(dict.fromkeys(EXAMPLE, Value("string")))
    return Dataset.from_dict({c: [row[c] for row in rows] for c in EXAMPLE}, features=features)
