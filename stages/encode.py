"""Encode: the organisers' files become questions and answers.

Reads RAW, one folder a task (formats: docs/tasks.md). Writes ENCODED: train.jsonl, dev.jsonl and
test.jsonl, one object a line with the keys id, task, input, output; closed.json, the candidate
answers of each closed sub-task; and summary.json, figures about the conversion.

    python -m stages.encode data/sample data/encoded
"""

import gc
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from tqdm import tqdm

from stages.common.command import InputError, folders, run
from stages.common.files import write_json, write_jsonl
from stages.common.outputs import whole_folder
from stages.common.settings import StageSettings, read
from stages.tasks import load, owner, raw_folder
from stages.toolkit.records import Example
from stages.toolkit.splits import SPLITS, HoldOut, Split

log = logging.getLogger(__name__)


class Settings(StageSettings):
    """What encode reads of params.yaml."""

    tasks: Annotated[list[str], Field(min_length=1)]
    encode: HoldOut


def encode(raw: Path, settings: Settings) -> tuple[dict[Split, list[Example]], dict[str, Any]]:
    """Encodes the selected tasks.

    Args:
        raw: a folder with a folder of raw files for each task.
        settings: the tasks, and how data is held out.

    Returns:
        The examples of each split, and a summary: notes by task, rows by sub-task and split.

    Raises:
        InputError: for defects of the raw files, and if two examples have the same id.
    """
    by_split: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    summary: dict[str, Any] = {"tasks": {}, "rows": {}}
    for name in tqdm(settings.tasks, desc="encode", unit="task"):
        encoded = load(name).encode(raw_folder(raw, name), settings.encode)
        for split in SPLITS:
            by_split[split] += encoded.splits[split]
        summary["tasks"][name] = dict(encoded.notes)
        log.info("read %s: %s", raw / name, _words(encoded.notes))
    for split in SPLITS:
        summary["rows"][split] = dict(Counter(example.task for example in by_split[split]))
        log.info("%s: %d questions", split, len(by_split[split]))
    for split in ("train", "test"):
        if not by_split[split]:
            raise InputError(f"{raw}: no {split} questions; see encode.test and encode.dev")
    ids = Counter(example.id for split in SPLITS for example in by_split[split])
    if repeated := [question_id for question_id, count in ids.items() if count > 1]:
        raise InputError(f"{raw}: ids that are not unique: {', '.join(repeated[:20])}")
    return by_split, summary


def closed_answers(by_split: Mapping[Split, Sequence[Example]]) -> dict[str, Sequence[str]]:
    """Finds the closed sub-tasks of some examples.

    Args:
        by_split: the examples of each split.

    Returns:
        The candidate answers by sub-task, sorted by name. A sub-task that several tasks have, the
        lecture among them, is closed if it is so for all of them, with the same candidates.
    """
    tasks: dict[str, set[str]] = {}
    for examples in by_split.values():
        for example in examples:
            tasks.setdefault(example.task, set()).add(owner(example.id))
    closed: dict[str, Sequence[str]] = {}
    for subtask, names in sorted(tasks.items()):
        candidate_sets = {tuple(load(name).CLOSED.get(subtask, ())) for name in names}
        if len(candidate_sets) > 1:
            log.info("%s is open: %s differ in its answers", subtask, " and ".join(sorted(names)))
        elif candidates := candidate_sets.pop():
            closed[subtask] = candidates
    return closed


def _words(notes: Any) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in notes.items())


def main() -> None:
    """Runs the stage."""
    raw, encoded = folders(
        __doc__, raw="folder of raw files, one folder a task", encoded="folder to write"
    )
    gc.disable()  # rows hold no cycles, and passes over ever more of them took a fifth of the time
    by_split, summary = encode(raw, read(Settings))
    closed = closed_answers(by_split)
    with whole_folder(encoded, sums=True) as folder:
        for split, examples in by_split.items():
            write_jsonl(folder / f"{split}.jsonl", map(asdict, examples))
        write_json(folder / "closed.json", closed)
        write_json(folder / "summary.json", summary)


if __name__ == "__main__":
    run(main)
