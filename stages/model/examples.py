"""Encoded splits, as finetune and infer read them."""

from pathlib import Path

from datasets import Dataset, Features, Value

from stages.common.files import Defects, read_jsonl


def read_split(path: Path) -> Dataset:
    """Reads an encoded split.

    Returns:
        A dataset with the columns id, task, input and output, in the file's order.

    Raises:
        InputError: naming the lines that are no examples.
    """
    columns = ("id", "task", "input", "output")
    rows = read_jsonl(path, columns)
    defects = Defects(path)
    for number, row in enumerate(rows, start=1):
        if not all(isinstance(row[c], str) or (c == "output" and row[c] is None) for c in columns):
            defects.add(number, "expected texts (or null as output)")
    defects.check()
    features = Features(dict.fromkeys(columns, Value("string")))
    return Dataset.from_dict({c: [row[c] for row in rows] for c in columns}, features=features)
