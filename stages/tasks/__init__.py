"""The interface between the stages and the tasks.

A task is a module of this package, named like its folder of raw files, with four functions:
``encode`` (files to questions and answers), ``interpret`` (what an answer says), ``decode``
(answers to submission files) and ``score`` (submission files to figures). No task knows anything
about models.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from stages.common.command import InputError
from stages.toolkit.records import Encoded, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import Splits


class Task(Protocol):
    """What a task's module offers to the stages.

    Attributes:
        REQUIRED: raw files without which the task cannot run; the others may be absent.
        UNITS: names of the ranked units.
        CLOSED: the closed sub-tasks, each with its possible answers as the model writes them, in a
            stable order. A sub-task is closed if these few (25 at most) are all that encode can
            write; decode must be able to read each of them in full. The others, whose answers are
            numbers, names, spans or sets of labels, are open and not named.
    """

    REQUIRED: Sequence[str]
    UNITS: Sequence[str]
    CLOSED: Mapping[str, Sequence[str]]

    def encode(self, folder: Path, splits: Splits) -> Encoded:
        """Reads the raw files and asks the questions.

        Raises:
            InputError: naming file and line of every defect.
        """

    def interpret(self, subtask: str, answer: str) -> object | None:
        """Reads an answer by itself, with the very parsers that decode uses.

        The text that was asked about is not known here: whether it has the names, relations or
        stretches that the answer lists is for decode to find out.

        Args:
            subtask: one of the task's.
            answer: whatever a model answered.

        Returns:
            A label as the submission has it, a number, a list of what the answer names, or a
            mapping of parts that are read apart, if there is one at least; None where nothing can
            be read, so that decode would submit its fallback. An answer that says that there is
            nothing, such as ``nessuna``, is an empty list.
        """

    def decode(
        self, folder: Path, splits: Splits, answers: Mapping[str, str], run: Run
    ) -> Submission:
        """Turns the answers to the test questions (by id) into the submission files.

        Reads the test items from the raw files, never their gold.

        Raises:
            InputError: if the answers are not those to this test set.
        """

    def score(self, folder: Path, splits: Splits, submission: Path, run: Run) -> dict[str, Unit]:
        """Scores the submission files in a folder; units without gold are absent.

        Raises:
            InputError: if a submission has missing, extra or duplicate items.
        """


def owner(identifier: str) -> str:
    """The task that asked: ``acti`` of ``acti_a:7``, ``lecture`` of ``acti_a@lecture:7``.

    An identifier begins with the sub-task's name, and that with the task's; only rows that the
    lecture has encoded belong to another task than their sub-task's.
    """
    subtask, _, other = identifier.partition(":")[0].partition("@")
    return other or subtask.partition("_")[0]


def load(name: str) -> Task:
    """Finds the module of a task.

    Raises:
        InputError: if there is no such task.
    """
    if not name.isidentifier() or not (Path(__file__).parent / f"{name}.py").is_file():
        known = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem != "__init__")
        raise InputError(f"params.yaml: tasks: no task {name!r}; known: {', '.join(known)}")
    return cast(Task, importlib.import_module(f"stages.tasks.{name}"))


def raw_folder(raw: Path, name: str) -> Path:
    """The folder of a task's raw files.

    Raises:
        InputError: if it is not there.
    """
    folder = raw / name
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, but params.yaml selects the task {name}")
    return folder
