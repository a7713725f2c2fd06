"""Parsing the model's answers strictly, and counting those that could not be parsed."""

import re
import string
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from stages.common.command import InputError
from stages.toolkit.records import Tally

Value = TypeVar("Value")
Label = TypeVar("Label", bound=Hashable)

_AROUND = string.punctuation + string.whitespace + "«»“”‘’…"


def normalised(answer: str) -> str:
    """Removes from an answer the differences that strict parsing ignores.

    These are case, accents (``si`` is ``sì``), the kind and amount of white space, and white space
    and punctuation around the answer.
    """
    letters = answer.casefold()
    if not letters.isascii():
        letters = "".join(map(_without_accents, letters))
    return " ".join(letters.split()).strip(_AROUND)


@lru_cache(maxsize=4096)
def _without_accents(character: str) -> str:
    """A character without its accents; of a whole text, a decomposition may be quadratic."""
    decomposed = unicodedata.normalize("NFD", character)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


class Labels(Generic[Label]):
    """Labels of the data and the closed set of answers that stand for them.

    Attributes:
        answers: the answer for each label, in the order of the labels.
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

    def parse(self, answer: str) -> Label | None:
        """The label whose answer this is, as a whole, or None."""
        return self._labels.get(normalised(answer))


def yes_no(yes: Label, no: Label) -> Labels[Label]:
    """The answers ``sì`` and ``no`` for two labels."""
    return Labels({yes: "sì", no: "no"})


_NUMBER = re.compile(r"[+-]?[0-9]{1,9}(?:[.,][0-9]{1,17})?")


def parse_numbers(answer: str, count: int) -> tuple[float, ...] | None:
    """Parses an answer that consists of numbers separated by white space.

    A decimal comma counts as a decimal point: ``3,5 2.0`` are two numbers.

    Args:
        answer: the model's text.
        count: how many numbers it must have.

    Returns:
        The numbers, or None if the answer is not just that.
    """
    pieces = answer.split()
    if len(pieces) != count or not all(map(_NUMBER.fullmatch, pieces)):
        return None
    return tuple(float(piece.replace(",", ".")) for piece in pieces)


class AnswerParser:
    """Parses the answers to a task's test questions and keeps a tally for each sub-task.

    Every question must be asked for exactly once; `finish` makes sure of it.

    Attributes:
        tallies: by sub-task, the numbers of answers and of those that could not be parsed.
    """

    def __init__(self, answers: Mapping[str, str], folder: Path) -> None:
        """Takes the answers by question id, and the raw folder to name in messages."""
        self._left = dict(answers)
        self._folder = folder
        self.tallies: dict[str, Tally] = {}

    def answer(self, question_id: str) -> str:
        """Takes the answer to a question.

        Raises:
            InputError: if there is none.
        """
        if question_id not in self._left:
            raise InputError(
                f"no answer to {question_id}, which is in the test set of {self._folder}: encode"
                " and infer must run on the same files"
            )
        return self._left.pop(question_id)

    def parse(
        self,
        subtask: str,
        question_id: str,
        parse: Callable[[str], Value | None],
        fallback: Value,
    ) -> Value:
        """Takes the answer to a question, parses it as a whole, and counts it.

        Args:
            subtask: whose tally counts the answer.
            question_id: the question.
            parse: turns the answer into a value, or into None where it cannot be parsed.
            fallback: the value of an answer that cannot be parsed.
        """
        value = parse(self.answer(question_id))
        self.count(subtask, parsed=value is not None, fallback=value is None)
        return fallback if value is None else value

    def count(self, subtask: str, *, parsed: bool, fallback: bool) -> None:
        """Counts an answer.

        Args:
            subtask: whose tally counts it.
            parsed: whether all of it could be parsed.
            fallback: whether the fallback is submitted in its place.
        """
        tally = self.tallies.setdefault(subtask, Tally())
        tally.rows += 1
        tally.unparsable += not parsed
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
