"""The interface between the stages and the tasks.

A task is a module of this package, named like its folder of raw files. It has a few constants and
four functions: ``encode`` (raw files to questions and answers), ``interpret`` (what an answer
says), ``decode`` (answers to submission files) and ``score`` (submission files to figures). No task
knows anything about models. How to write one: docs/adding-a-task.md.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

from stages.common.command import InputError
from stages.common.outputs import check_sums
from stages.common.settings import PARAMS
from stages.common.tracked import check_pointers
from stages.forms.forms import Form, one_label
from stages.toolkit.decisions import Figure
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import HoldOut


class Task(Protocol):
    """What a task's module offers to the stages.

    Attributes:
        REQUIRED: raw files without which the task cannot run; the others may be absent.
        UNITS: names of the ranked units.
        SENDING: how the organisers want submissions sent, and how many.
        CLOSED: the candidate answers of each closed sub-task, in a stable order. A sub-task is
            closed if encode can write no other answers than these few (25 at most); decode must be
            able to parse each of them in full. Sub-tasks whose answers are numbers, names, spans
            or sets of labels are open and have no entry.
        FORMS: what kind of answer each open sub-task has (stages/forms/forms.py), for models that
            compute answers instead of writing them, and for expectations of numbers; those without
            an entry have none of the kinds.
        FIGURES: by which decisions of a sub-task are judged on dev (stages/toolkit/decisions.py);
            sub-tasks without an entry are answered as the model answers.
    """

    REQUIRED: Sequence[str]
    UNITS: Sequence[str]
    SENDING: Sending
    CLOSED: Mapping[str, Sequence[str]]
    FORMS: Mapping[str, Form]
    FIGURES: Mapping[str, Figure]

    def encode(self, folder: Path, hold_out: HoldOut) -> Encoded:
        """Makes examples of the raw files.

        Args:
            folder: the task's raw files.
            hold_out: how much is held out where dev or test files are absent.

        Raises:
            InputError: naming file and line of every defect.
        """

    def interpret(self, subtask: str, answer: str) -> object | None:
        """Parses an answer by itself, with the parsers that decode uses.

        The input is not known here: whether it has the names, relations or spans that the answer
        lists is for decode to find out.

        Args:
            subtask: one of the task's.
            answer: any text of a model.

        Returns:
            A label as the submission has it, a number, a list of what the answer names, or a
            mapping of at least one part that is parsed apart; None where nothing can be parsed, so
            that decode would submit its fallback. An answer that names nothing, such as
            ``nessuna``, is an empty list.
        """

    def place(self, subtask: str, text: str, answer: str) -> Sequence[Any]:
        """Finds in a question's input what an answer names, as decode does.

        Only tasks with a sub-task whose form is `Spans` or `Pairs` have it.

        Args:
            subtask: such a sub-task.
            text: the input of a question.
            answer: an answer to it.

        Returns:
            The values that the form writes, ascending.
        """

    def decode(
        self, folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run
    ) -> Submission:
        """Makes submission files of the answers.

        Reads the test items from the raw files, never their gold.

        Args:
            folder: the task's raw files.
            hold_out: as for `encode`.
            answers: the model's answers to the test questions, by question id.
            run: the names to submit under.

        Raises:
            InputError: if the answers are not those to this test set.
        """

    def score(self, folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
        """Scores submission files; units without gold are absent.

        Args:
            folder: the task's raw files.
            hold_out: as for `encode`.
            submission: the folder of the submission files.
            run: the names that were submitted under.

        Raises:
            InputError: if a submission has missing, extra or duplicate items.
        """


@cache
def names() -> tuple[str, ...]:
    """The names of all tasks, sorted."""
    return tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem != "__init__"))


def owner(question_id: str) -> str:
    """The task to which a question, or a sub-task, belongs.

    A question id begins with the sub-task's name, and that with the task's: ``acti`` is the owner
    of ``acti_a:7``. Task names may have underscores; the longest that fits is taken. A task that
    has questions of other tasks' sub-tasks adds its own name: ``lecture`` is the owner of
    ``acti_a@lecture:7``.

    Returns:
        The task's name, or that of the sub-task where no task fits.
    """
    subtask, _, other = question_id.partition(":")[0].partition("@")
    fitting = [name for name in names() if f"{subtask}_".startswith(f"{name}_")]
    return other or max(fitting, key=len, default=subtask)


def load(name: str) -> Task:
    """Imports the module of a task.

    Raises:
        InputError: if there is no such task.
    """
    if name not in names():
        raise InputError(f"{PARAMS}: tasks: no task {name!r}; known: {', '.join(names())}")
    return cast(Task, importlib.import_module(f"stages.tasks.{name}"))


def form_of(subtask: str) -> Form | None:
    """The form of a sub-task's answers, which the task that it belongs to has; None if none has.

    Rows of the lecture are of the form that other rows of their sub-task have, or of none.
    """
    if (name := owner(subtask)) not in names():
        return None
    candidates = load(name).CLOSED.get(subtask)
    return one_label(candidates) if candidates else load(name).FORMS.get(subtask)


def problems(selected: Sequence[str], run: int) -> Iterator[str]:
    """Yields what is wrong with the settings of a submission, as key and reason.

    Args:
        selected: names of tasks.
        run: number of the run, of which a task's organisers read no more than its module says.
    """
    if unknown := [name for name in selected if name not in names()]:
        yield f"tasks: no task {', '.join(map(repr, unknown))}; known: {', '.join(names())}"
    runs = {name: load(name).SENDING.runs for name in selected if name in names()}
    if few := [f"{name} {count}" for name, count in runs.items() if count < run]:
        yield f"decode.run: {run} is more than the runs that organisers read: {', '.join(few)}"


def raw_folder(raw: Path, name: str) -> Path:
    """The folder of a task's raw files, compared with SHA256SUMS and DVC's files if there are some.

    Raises:
        InputError: if it is not there, or a file differs.
    """
    folder = raw / name
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder, but params.yaml selects the task {name}")
    check_sums(folder)
    check_pointers(folder)
    return folder
