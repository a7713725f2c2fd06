"""Records of tasks and stages: items, examples, submissions, and scores of ranked units."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import Field, dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from stages.toolkit.splits import Split

Array = NDArray[Any]


class Item(Protocol):
    """A post, a pair, a document: what the records of all tasks have in common.

    Each task has frozen dataclasses of its own, with further fields.

    Attributes:
        id: the organisers' id, unique in its file.
        gold: the organisers' answer, as the raw files state it; None where it is unknown.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def id(self) -> str: ...  # noqa: D102

    @property
    def gold(self) -> Any: ...  # noqa: D102


AnyItem = TypeVar("AnyItem", bound=Item)


@dataclass(frozen=True)
class Example:
    """A question with its answer.

    Attributes:
        id: the question id, unique over all splits; starts with the sub-task's name.
        task: the sub-task's name, which selects the instruction.
        input: the text about which the model is asked.
        output: the gold answer, or None where it is unknown.
    """

    id: str
    task: str
    input: str
    output: str | None


@dataclass(frozen=True)
class Encoded:
    """A task's examples by split, and figures about the conversion.

    Attributes:
        splits: examples of each split, in a stable order.
        notes: figures by name, such as how often an occurrence mark was needed.
    """

    splits: Mapping[Split, list[Example]]
    notes: Mapping[str, int]


@dataclass
class Tally:
    """Numbers of a sub-task's answers.

    Attributes:
        rows: all answers.
        unparsable: answers that could not be parsed in full.
        fallback: answers of which nothing could be parsed, so that the fallback was submitted.
    """

    rows: int = 0
    unparsable: int = 0
    fallback: int = 0


@dataclass(frozen=True)
class Submission:
    """A task's submission: file contents by name, and a tally for each sub-task."""

    files: Mapping[str, str]
    tallies: Mapping[str, Tally]


@dataclass(frozen=True)
class Sending:
    """How the organisers want submission files to be sent.

    Attributes:
        how: where to, in a few words.
        runs: how many runs they read; 5, the most that a run's number can be, where it is unknown.
        archive: name of the zip, a template like those of submission files; "" for none.
        suffix: the end of a submission file's name that its name in the archive lacks.
        description: name of a text about the system that has to be in the archive; "" for none.
        needed: files that have to be sent together, as templates of names.
    """

    how: str = "how is not known"
    runs: int = 5
    archive: str = ""
    suffix: str = ""
    description: str = ""
    needed: Sequence[str] = ()


@dataclass(frozen=True)
class Sample:
    """A metric as a function of sums over items, so that a bootstrap can resample the items.

    Attributes:
        terms: the terms of the sums, of shape (items, columns); an item is a document, a post, ...
        statistic: from sums, of shape (resamples, columns), to the metric of each resample.
        strata: a class for each item, of which every resample has as many items as there are.
    """

    terms: Array
    statistic: Callable[[Array], Array]
    strata: Sequence[Hashable] | None = None


@dataclass(frozen=True)
class Outcome:
    """Gold and submitted values of the same items, for the plots.

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
        sample: the terms from which the interval is computed.
        better: which direction is better.
        perfect: the best possible value.
        details: secondary figures.
        outcomes: values for the plots by a name within the unit, "" where there is one only.
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

    def scaled_all(self, values: Array) -> Array:
        """Values of the metric on that scale."""
        if self.baseline == self.perfect:
            return np.asarray(values == self.perfect, dtype=float)
        return np.asarray((values - self.baseline) / (self.perfect - self.baseline))
