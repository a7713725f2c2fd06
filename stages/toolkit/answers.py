"""Reading the model's answers strictly, and counting what could not be read."""

import re
import string
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from stages.common.command import InputError
from stages.toolkit.records import Tally

Value = TypeVar("Value")
Label = TypeVar("Label", bound=Hashable)

_AROUND = string.punctuation + string.whitespace + "«»“”‘’…"


def normalised(answer: str) -> str:
    """An answer without what a strict reading forgives.

    That is case, accents (``si`` is ``sì``), the kind and amount of white space, and white space
    and punctuation around it.
    """
    bare = unicodedata.normalize("NFD", answer.casefold())
    letters = "".join(c for c in bare if not unicodedata.combining(c))
    return " ".join(letters.split()).strip(_AROUND)


class Labels(Generic[Label]):
    """A closed set of answers.

    Attributes:
        answers: what the model writes for each label of the data, in the order of the labels.
    """

    def __init__(self, answers: Mapping[Label, str]) -> None:
        self.answers = dict(answers)
        self._labels = {normalised(answer): label for label, answer in answers.items()}
        if len(self._labels) < len(self.answers):
            raise ValueError(f"two labels have the same answer: {self.answers}")

    @property
    def candidates(self) -> tuple[str, ...]:
        """All answers, in the order of the labels."""
        return tuple(self.answers.values())

    def write(self, label: Label) -> str:
        """The answer for a label."""
        return self.answers[label]

    def read(self, answer: str) -> Label | None:
        """The label that an answer names as a whole, or None."""
        return self._labels.get(normalised(answer))


def yes_no(yes: Label, no: Label) -> Labels[Label]:
    """The answers ``sì`` and ``no`` for two labels."""
    return Labels({yes: "sì", no: "no"})


_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:[.,][0-9]{1,17})?")


def read_numbers(answer: str, count: int) -> tuple[float, ...] | None:
    """Reads so many numbers separated by white space, or returns None.

    A decimal comma counts as a decimal point: ``3,5 2.0`` are two numbers.
    """
    pieces = answer.split()
    if len(pieces) != count or not all(map(_NUMBER.fullmatch, pieces)):
        return None
    return tuple(float(piece.replace(",", ".")) for piece in pieces)


class Reader:
    """Hands out the answers to a task's test questions and keeps the tallies.

    Every question must be asked for just once; `finish` makes sure of it.
    """

    def __init__(self, answers: Mapping[str, str], folder: Path) -> None:
        self._left = dict(answers)
        self._folder = folder
        self.tallies: dict[str, Tally] = {}

    def answer(self, identifier: str) -> str:
        """Takes the answer to a question.

        Raises:
            InputError: if there is none.
        """
        if identifier not in self._left:
            raise InputError(
                f"no answer to {identifier}, which is in the test set of {self._folder}: encode"
                " and infer must run on the same files"
            )
        return self._left.pop(identifier)

    def read(
        self,
        subtask: str,
        identifier: str,
        parse: Callable[[str], Value | None],
        fallback: Value,
    ) -> Value:
        """Reads the answer to a question as a whole.

        Args:
            subtask: whose tally counts it.
            identifier: the question.
            parse: reads the answer, or returns None.
            fallback: what stands for an answer that cannot be read.
        """
        value = parse(self.answer(identifier))
        self.count(subtask, readable=value is not None, fallback=value is None)
        return fallback if value is None else value

    def count(self, subtask: str, *, readable: bool, fallback: bool) -> None:
        """Counts an answer: whether all of it could be read, and whether the fallback stood in."""
        tally = self.tallies.setdefault(subtask, Tally())
        tally.rows += 1
        tally.unparsable += not readable
        tally.fallback += fallback

    def finish(self) -> dict[str, Tally]:
        """Returns the tallies.

        Raises:
            InputError: if answers are left that belong to no test question.
        """
        if self._left:
            some = ", ".join(list(self._left)[:20])
            raise InputError(
                f"answers to {some} ({len(self._left)} in all), which are not in the test set of"
                f" {self._folder}"
            )
        return self.tallies
