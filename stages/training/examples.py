"""Training examples: an encoded split as token rows."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from stages.common.command import InputError
from stages.model import processes
from stages.model.examples import capped, read_split
from stages.model.text import Survival, TextEncoder, TokenRow, TooLong

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Token rows of a split, with their sub-tasks.

    Attributes:
        rows: prompts with answers.
        subtasks: of the same length.
        too_long: number of examples that were left out.
        changed_texts: number of inputs and answers that do not survive the tokenizer.
    """

    rows: Sequence[TokenRow] = ()
    subtasks: Sequence[str] = ()
    too_long: int = 0
    changed_texts: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """What is reported of them, by name."""
        return {
            "examples": len(self.rows),
            "tokens": sum(len(row.ids) for row in self.rows),
            "label_tokens": label_tokens(self.rows),
            "cut_examples": sum(row.cut > 0 for row in self.rows),
            "cut_characters": sum(row.cut for row in self.rows),
            "too_long": self.too_long,
            "changed_texts": self.changed_texts,
        }


def label_tokens(rows: Sequence[TokenRow]) -> int:
    """Returns the number of labels that loss is computed on.

    They are the answers' tokens, with the end token; of rows for heads there is one each.
    """
    return sum(row.labels for row in rows)


def read_examples(
    path: Path, encoder: TextEncoder, cap: int | None = None, seed: int = 0, *, empty: bool = False
) -> Examples:
    """Reads a split and turns it into token rows.

    Examples without an answer cannot be learnt from and are left out. So are those whose answer and
    instruction exceed the cut-off, for answers are never cut.

    Args:
        path: the split's file.
        encoder: knows the prompts and the tokenizer.
        cap: largest number of examples of a sub-task.
        seed: of the choice where there are more.
        empty: whether there may be none, as in dev.

    Raises:
        InputError: for defects of the file, and if all examples are too long.
    """
    split = read_split(path, empty=empty)
    split = split.select([i for i, answer in enumerate(split["output"]) if answer is not None])
    if cap is not None:
        split = split.select(capped(list(split["id"]), list(split["task"]), cap, seed))
    rows, subtasks, too_long = [], [], 0
    survival = Survival(encoder)
    silent = not processes.here().main
    for example in tqdm(split, desc=f"read {path.name}", unit="example", disable=silent):
        try:
            row = encoder.encode_example(example["task"], example["input"], example["output"])
        except TooLong as error:
            too_long += 1
            log.warning("%s: %s is left out: %s", path, example["id"], error)
        else:
            rows.append(row)
            subtasks.append(example["task"])
            survival.look_at(example["id"], example["input"], example["output"])
    if too_long and not rows:
        raise InputError(f"{path}: model.cutoff is too small for all of {too_long} examples")
    survival.report(path)
    examples = Examples(rows, subtasks, too_long, survival.changed)
    described = (f"{count} {name.replace('_', ' ')}" for name, count in examples.counts.items())
    log.info("%s: %s", path, ", ".join(described))
    return examples


def check_examples(examples: Examples, weights: Mapping[str, float], path: Path) -> None:
    """Makes sure that there is something to learn from, and that weights name its sub-tasks.

    Args:
        examples: of the train split.
        weights: of sub-tasks.
        path: the split's file, for messages.

    Raises:
        InputError: if not.
    """
    if not examples.rows:
        raise InputError(f"{path}: no example with an answer to learn from")
    if unknown := set(weights) - set(examples.subtasks):
        raise InputError(
            f"params.yaml: finetune.weights: no sub-task {', '.join(sorted(unknown))} in {path};"
            f" it has {', '.join(sorted(set(examples.subtasks)))}"
        )
    counts = Counter(examples.subtasks)
    if not any(round(weights.get(subtask, 1.0) * n) for subtask, n in counts.items()):
        raise InputError(
            "params.yaml: finetune.weights: no example is left to learn from; expected a larger"
            f" weight of one of {', '.join(sorted(counts))}"
        )
