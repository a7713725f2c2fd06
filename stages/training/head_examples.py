"""Training examples for heads: the inputs of an encoded split, and the values of their answers."""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

from stages.common.command import InputError
from stages.forms.forms import Forms, read_forms, read_values
from stages.model import processes
from stages.model.examples import capped, read_split
from stages.model.heads import HeadRow, units_of
from stages.model.text import InputEncoder, Survival, TokenRow
from stages.training.examples import Examples

log = logging.getLogger(__name__)

FILES = ("forms.json", "values.jsonl")
"""What encode writes for heads."""


def read_head_examples(
    encoded: Path,
    split: str,
    encoder: InputEncoder,
    cap: int | None = None,
    seed: int = 0,
    trained: Collection[str] | None = None,
) -> Examples:
    """Reads a split and turns it into rows for heads.

    Examples whose answer has no value in the form of their sub-task are left out.

    Args:
        encoded: folder that encode wrote.
        split: train or dev.
        encoder: knows the tokenizer.
        cap: largest number of examples of a sub-task.
        seed: of the choice where there are more.
        trained: the sub-tasks that have heads, for those of the dev split; others are left out.

    Raises:
        InputError: for defects of the files.
    """
    path = encoded / f"{split}.jsonl"
    forms, values = read_forms(encoded / FILES[0]), read_values(encoded / FILES[1])
    examples = read_split(path)
    known = [
        i
        for i, (name, subtask) in enumerate(zip(examples["id"], examples["task"], strict=True))
        if name in values and (trained is None or subtask in trained)
    ]
    answered = sum(answer is not None for answer in examples["output"])
    if answered > len(known):
        log.warning(
            "%s: %d answers have no value that a head could learn, or no head, and are left out",
            path,
            answered - len(known),
        )
    examples = examples.select(known)
    if cap is not None:
        ids, subtasks = list(examples["id"]), list(examples["task"])
        examples = examples.select(capped(ids, subtasks, cap, seed))
    rows, survival = [], Survival(encoder)
    silent = not processes.here().main
    for example in tqdm(examples, desc=f"read {path.name}", unit="example", disable=silent):
        value = values[example["id"]]
        rows.append(head_row(example["task"], example["input"], value, encoder, forms))
        survival.look_at(example["id"], example["input"])
    survival.report(path)
    read = Examples(cast(list[TokenRow], rows), list(examples["task"]), 0, survival.changed)
    described = (f"{count} {name.replace('_', ' ')}" for name, count in read.counts.items())
    log.info("%s: %s", path, ", ".join(described))
    return read


def head_row(subtask: str, text: str, value: Any, encoder: InputEncoder, forms: Forms) -> HeadRow:
    """Turns an example into a row.

    Raises:
        InputError: if the sub-task has no form.
    """
    if subtask not in forms:
        raise InputError(f"no form of the answers to {subtask}; encode and finetune must run alike")
    row = encoder.encode_question(subtask, text, encoder.cutoff)
    units = units_of(text, forms[subtask], encoder, len(row.ids))
    return HeadRow(row.ids, row.prompt, row.cut, subtask, value, units)
