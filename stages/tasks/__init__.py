"""The interface between the stages and the tasks.

A task is a module of this package, named like its folder of raw files, with four functions:
``encode`` (files to questions and answers), ``interpret`` (what an answer says), ``decode``
(answers to submission files) and ``score`` (submission files to figures). No task knows anything
about models.
"""

import importlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, cast

from pydantic import Field

from stages.command import InputError
from stages.settings import Section
from stages.splits import Side, Splits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Example:
    """One question to the model.

    Attributes:
        id: unique over all splits; starts with the sub-task's name.
        task: the sub-task's name, which selects the instruction.
        input: the text that the question is about.
        output: the answer, or None where it is unknown.
    """

    id: str
    task: str
    input: str
    output: str | None


@dataclass(frozen=True)
class Encoded:
    """A task's examples by split, and what is worth reporting about the conversion.

    Attributes:
        splits: examples of each split, in a stable order.
        notes: figures by name, such as how often an occurrence mark was needed.
    """

    splits: Mapping[Side, list[Example]]
    notes: Mapping[str, int]


@dataclass
class Tally:
    """How well a sub-task's answers could be read.

    Attributes:
        rows: answers.
        unparsable: answers that could not be read in full.
        fallback: answers of which nothing could be read, so that the fallback was submitted.
    """

    rows: int = 0
    unparsable: int = 0
    fallback: int = 0


@dataclass(frozen=True)
class Submission:
    """A task's submission: file contents by name, and a tally for each sub-task."""

    files: Mapping[str, str]
    tallies: Mapping[str, Tally]


class Run(Section):
    """Names under which answers are submitted."""

    team: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    run: Annotated[int, Field(ge=1, le=5)]


@dataclass(frozen=True)
class Sample:
    """A metric as a function of sums over items, which is what a bootstrap resamples.

    Attributes:
        terms: the terms of the sums, of shape (items, columns); an item is a document, a post, ...
        statistic: from sums, of shape (resamples, columns), to the metric of each resample.
        strata: a class for each item, of which every resample has as many items as there are.
    """

    terms: "Array"
    statistic: Callable[["Array"], "Array"]
    strata: Sequence[Hashable] | None = None


@dataclass(frozen=True)
class Outcome:
    """Gold and submitted values of the same items, to be drawn.

    Attributes:
        kind: labels, numbers, or points as pairs of latitude and longitude.
        gold: a value for each item.
        submitted: likewise.
    """

    kind: Literal["label", "number", "point"]
    gold: Sequence[Any]
    submitted: Sequence[Any]


@dataclass(frozen=True)
class Unit:
    """The score of one ranked unit.

    Attributes:
        metric: the organisers' metric.
        value: its value.
        baseline: value of the majority or mean baseline.
        sample: what the interval is computed from.
        better: which direction is better.
        perfect: the best possible value.
        details: secondary figures.
        outcomes: what can be drawn, by a name within the unit, or "" where there is one only.
    """

    metric: str
    value: float
    baseline: float
    sample: Sample
    better: Literal["higher", "lower"] = "higher"
    perfect: float = 1.0
    details: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many items were resampled and scored."""
        return len(self.sample.terms)

    @property
    def normalised(self) -> float:
        """The value on a scale where the baseline is 0 and the perfect score 1."""
        return self.scaled(self.value)

    def scaled(self, value: float) -> float:
        """A value of the metric on that scale."""
        if self.baseline == self.perfect:
            return float(value == self.perfect)
        return (value - self.baseline) / (self.perfect - self.baseline)


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
