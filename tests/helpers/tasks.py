"""What the tests of tasks share: settings, raw folders, gold answers, submissions and defects."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stages.common.command import InputError
from stages.tasks import Task
from stages.toolkit.records import Submission
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut

HOLD_OUT = HoldOut(seed=3, dev=0.2, test=0.25)
NOTHING_HELD_OUT = HoldOut(seed=3, dev=0.0, test=0.0)
RUN = Run(team="prova", run=2)


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Writes files by name, which may begin with folders, and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode("utf-8", "backslashreplace"))
    return folder


def gold_answers(task: Task, folder: Path) -> dict[str, str]:
    """The gold answers to the test questions by question id."""
    test = task.encode(folder, HOLD_OUT).splits["test"]
    assert test
    assert all(example.output is not None for example in test)
    return {example.id: str(example.output) for example in test}


def submit(task: Task, folder: Path, answers: Mapping[str, str], out: Path) -> Submission:
    """Decodes answers and writes the submission files."""
    submission = task.decode(folder, HOLD_OUT, answers, RUN)
    write_files(out, submission.files)
    return submission


def assert_defect(task: Task, folder: Path, file: str, line: int, message: str) -> None:
    """Encode refuses a raw file, and names the file, the line and what is wrong."""
    with pytest.raises(InputError, match=rf"{re.escape(file)}:{line}: ") as error:
        task.encode(folder, HOLD_OUT)
    assert message in str(error.value)


def assert_groups_stay_together(
    one: BySplit[Any], other: BySplit[Any], group: Callable[[Any], str]
) -> None:
    """All splits have items, no group is in two of them, and the order of the file is no matter.

    Args:
        one: the items of each split.
        other: likewise, of a file in another order.
        group: names an item's group.
    """
    groups = [{group(item) for item in one[split]} for split in SPLITS]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups))
    for split in SPLITS:
        assert {item.id for item in one[split]} == {item.id for item in other[split]}


def assert_other_items_are_refused(
    score: Callable[[], object], path: Path, unknown: str, row: str, *, header: int = 1
) -> None:
    """Score refuses a submission with other items than the test set, or in another order.

    Args:
        score: scores the submission.
        path: a submission file that is whole.
        unknown: an id that no test item has.
        row: the row of such an item.
        header: how many lines the header has.
    """
    whole = path.read_text(encoding="utf-8")
    lines = whole.splitlines(keepends=True)
    head, (first, second, *rest) = lines[:header], lines[header:]
    for changed, message in (
        ([second, *rest], "missing items"),
        ([first, second, *rest, f"{row}\n"], f"not in the test set: {unknown}"),
        ([first, first, second, *rest], "stand there twice"),
        ([second, first, *rest], "out of order"),
    ):
        path.write_text("".join([*head, *changed]), encoding="utf-8")
        with pytest.raises(InputError, match=rf"{re.escape(path.name)}: .*{message}"):
            score()
    path.write_text(whole, encoding="utf-8")
    score()
