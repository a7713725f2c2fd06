"""Encoded splits, as finetune and infer read them."""

from pathlib import Path

from datasets import Dataset, Features, Value

from stages.common.files import Defects, is_unicode, read_jsonl

COLUMNS = ("id", "task", "input", "output")


def read_split(path: Path) -> Dataset:
    """Reads an encoded split.

    Returns:
        A dataset with the columns id, task (the sub-task), input and output (the answer, or None),
        in the file's order.

    Raises:
        InputError: naming the lines that are no examples.
    """
    rows = read_jsonl(path, COLUMNS)
    defects = Defects(path)
    for number, row in enumerate(rows, start=1):
        if not all(isinstance(row[c], str) or (c == "output" and row[c] is None) for c in COLUMNS):
            defects.add(number, "expected texts (or null as output)")
        elif not all(is_unicode(row[c] or "") for c in COLUMNS):
            defects.add(number, "expected Unicode text, found a lone surrogate")
    defects.check()
    features = Features(dict.fromkeys(COLUMNS, Value("string")))
    return Dataset.from_dict({c: [row[c] for row in rows] for c in COLUMNS}, features=features)
