"""Encode: the organisers' files become questions and answers.

Reads RAW, one folder a task (formats: docs/tasks.md), and the prompt file. Writes ENCODED:
train.jsonl, dev.jsonl and test.jsonl, one object a line with the keys id, task, input, output;
questions.jsonl, test.jsonl without the answers, which is what infer reads; prompts.json, the
prompts of the encoded sub-tasks; closed.json, the candidate answers of each closed sub-task;
forms.json and values.jsonl, the form of each sub-task's answers and the value of each training and
dev answer (stages/forms/forms.py), for models that compute answers instead of writing them, and for
expectations of numbers; and
summary.json, figures about the conversion. Training and dev questions whose text stands in a test
set are counted there, and left out (`stages.toolkit.leaks`).

    python -m stages.encode data/sample data/encoded
"""

import gc
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stages.common.command import InputError, folders, run
from stages.common.files import recorded_reads, write_json, write_jsonl
from stages.common.outputs import whole_folder
from stages.common.prompts import Prompts
from stages.common.settings import Names, StageSettings, read
from stages.forms.forms import Fields, Form, Pairs, Spans
from stages.tasks import form_of, load, owner, raw_folder
from stages.toolkit.leaks import count_leaks, find_leaks
from stages.toolkit.raw_files import log_unread
from stages.toolkit.records import Example
from stages.toolkit.settings import Data, Encode
from stages.toolkit.splits import SPLITS, Split

log = logging.getLogger(__name__)


class Settings(StageSettings):
    """What encode reads of params.yaml."""

    tasks: Names
    data: Data
    encode: Encode


def encode(raw: Path, settings: Settings) -> tuple[dict[Split, list[Example]], dict[str, Any]]:
    """Encodes the selected tasks.

    Args:
        raw: a folder with a folder of raw files for each task.
        settings: the tasks, how data is held out, and what becomes of leaks.

    Returns:
        The examples of each split, and a summary: notes by task, leaks by sub-tasks, rows by
        sub-task and split.

    Raises:
        InputError: for defects of the raw files, and if two examples have the same id.
    """
    by_split: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    summary: dict[str, Any] = {"tasks": {}, "leaks": {}, "rows": {}}
    for name in tqdm(settings.tasks, desc="encode", unit="task"):
        with recorded_reads() as reads:
            encoded = load(name).encode(raw_folder(raw, name), settings.encode)
        log_unread(raw / name, reads)
        for split in SPLITS:
            by_split[split] += encoded.splits[split]
        summary["tasks"][name] = dict(encoded.notes)
        log.info("read %s: %s", raw / name, _words(encoded.notes))
    summary["leaks"] = drop_leaks(by_split, keep=settings.encode.leaks == "keep")
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


def drop_leaks(by_split: dict[Split, list[Example]], *, keep: bool) -> dict[str, Any]:
    """Leaves training and dev questions whose text stands in a test set out, and says so.

    Args:
        by_split: the examples of each split; leaks are removed in place.
        keep: leave them in, with a warning.

    Returns:
        Their numbers, as `count_leaks` gives them.
    """
    leaks = find_leaks(by_split)
    counts = count_leaks(by_split, leaks)
    for test, subtasks in counts.items():
        for subtask, splits in subtasks.items():
            level, fate = (logging.WARNING, "kept") if keep else (logging.INFO, "left out")
            message = "%s: texts in the test set of %s, %s: %s"
            log.log(level, message, subtask, test, fate, _words(splits))
    if not keep:
        for split in by_split:
            by_split[split] = [e for e in by_split[split] if e.id not in leaks]
    return counts


def closed_answers(by_split: Mapping[Split, Sequence[Example]]) -> dict[str, Sequence[str]]:
    """Finds the closed sub-tasks of some examples.

    Args:
        by_split: the examples of each split.

    Returns:
        The candidate answers by sub-task, sorted by name. A sub-task that several tasks have, the
        lecture among them, is closed if it is so for all of them, with the same candidates.
    """
    closed: dict[str, Sequence[str]] = {}
    for subtask, names in owners(by_split).items():
        candidate_sets = {tuple(load(name).CLOSED.get(subtask, ())) for name in names}
        if len(candidate_sets) > 1:
            log.info("%s is open: %s differ in its answers", subtask, " and ".join(sorted(names)))
        elif candidates := candidate_sets.pop():
            closed[subtask] = candidates
    return closed


def owners(by_split: Mapping[Split, Sequence[Example]]) -> dict[str, set[str]]:
    """The names of the tasks that have each sub-task, sorted by the sub-task's name."""
    tasks: dict[str, set[str]] = {}
    for examples in by_split.values():
        for example in examples:
            tasks.setdefault(example.task, set()).add(owner(example.id))
    return dict(sorted(tasks.items()))


def forms_of(by_split: Mapping[Split, Sequence[Example]]) -> dict[str, Form]:
    """Returns the forms of the sub-tasks that have one, sorted by name.

    Args:
        by_split: the examples of each split; training answers tell labels that no task lists.
    """
    forms: dict[str, Form] = {}
    for subtask in owners(by_split):
        if form := form_of(subtask):
            answers = [e.output for e in by_split["train"] if e.task == subtask and e.output]
            forms[subtask] = form.with_labels(answers) if isinstance(form, Fields) else form
    return forms


def value_of(example: Example, form: Form) -> Any:
    """Returns the value that an example's answer has in its form; None if it has none.

    A value of spans counts only if the answer that the form writes for it names the same spans.
    """
    if example.output is None:
        return None
    if not isinstance(form, Spans | Pairs):
        return form.parse(example.output)
    place = partial(load(owner(example.task)).place, example.task, example.input)
    value = list(place(example.output))
    return value if list(place(form.write(example.input, value))) == value else None


def values(
    by_split: Mapping[Split, Sequence[Example]], forms: Mapping[str, Form]
) -> Iterator[dict[str, Any]]:
    """Yields the lines of values.jsonl, of training and dev examples; the test set has none."""
    for split in ("train", "dev"):
        for example in by_split[split]:
            value = value_of(example, forms[example.task]) if example.task in forms else None
            if value is not None:
                yield {"id": example.id, "value": value}


def question(example: Example) -> dict[str, str]:
    """Returns the line of questions.jsonl: an example without its answer."""
    return {"id": example.id, "task": example.task, "input": example.input}


def _words(notes: Any) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in notes.items())


def run_encode(raw: Path, encoded: Path) -> None:
    """Reads params.yaml and the prompt file, encodes and writes.

    Args:
        raw: folder of raw files.
        encoded: folder to write.

    Raises:
        InputError: if settings or files are defective.
    """
    settings = read(Settings)
    prompts = read(Prompts, Path(settings.data.prompts))
    by_split, summary = encode(raw, settings)
    subtasks = {example.task for examples in by_split.values() for example in examples}
    prompts = prompts.select(subtasks)
    closed = closed_answers(by_split)
    forms = forms_of(by_split)
    with whole_folder(encoded, sums=True) as folder:
        for split, examples in by_split.items():
            write_jsonl(folder / f"{split}.jsonl", map(asdict, examples))
        write_jsonl(folder / "questions.jsonl", map(question, by_split["test"]))
        write_json(folder / "prompts.json", prompts.model_dump())
        write_json(folder / "closed.json", closed)
        dumped = {name: form.model_dump(mode="json") for name, form in forms.items()}
        write_json(folder / "forms.json", dumped)
        write_jsonl(folder / "values.jsonl", values(by_split, forms))
        write_json(folder / "summary.json", summary)


def main() -> None:
    """Runs the stage."""
    raw, encoded = folders(
        __doc__, raw="folder of raw files, one folder a task", encoded="folder to write"
    )
    gc.disable()  # rows hold no cycles, and passes over ever more of them took a fifth of the time
    run_encode(raw, encoded)


if __name__ == "__main__":
    run(main)
