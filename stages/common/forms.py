"""Forms of answers that hold numbers: how many, in which range, with how many decimals.

A task states the form of such a sub-task's answers; encode hands it on in numbers.json, from which
infer knows over which numbers an expectation is taken (stages/answering/numbers.py).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from stages.common.command import InputError
from stages.common.files import read_bytes
from stages.common.settings import Section

MOST = 100_000  # numbers of a range


class NumberForm(Section):
    """What an answer with numbers looks like: a text, then numbers with single blanks between.

    Attributes:
        after: the text that the numbers follow directly, such as ``[geo] ``; empty if the answer
            begins with them.
        ranges: smallest and largest value of each number, in their order.
        decimals: of every number.
        resolution: numbers that are no further apart are not told apart in an expectation.
    """

    after: str = ""
    ranges: Annotated[tuple[tuple[float, float], ...], Field(min_length=1)]
    decimals: Annotated[int, Field(ge=0, le=6)]
    resolution: Annotated[float, Field(ge=0.0)] = 0.0

    @model_validator(mode="after")
    def _are_ranges(self) -> Self:
        for low, high in self.ranges:
            if not low < high or (high - low) * 10**self.decimals >= MOST:
                raise ValueError(f"expected ranges of fewer than {MOST} numbers")
        return self

    def numbers(self, which: int) -> Iterator[tuple[str, float]]:
        """Yields the texts and values of one of the numbers, ascending."""
        low, high = (round(end * 10**self.decimals) for end in self.ranges[which])
        for whole in range(low, high + 1):
            value = whole / 10**self.decimals
            yield self.write(value), value

    def write(self, value: float) -> str:
        """Writes a number with its decimals; there is no negative zero."""
        text = f"{value:.{self.decimals}f}"
        return text if float(text) else f"{0.0:.{self.decimals}f}"

    def clip(self, which: int, value: float) -> float:
        """Cuts a value to the range of one of the numbers."""
        low, high = self.ranges[which]
        return min(max(value, low), high)

    def before(self, answer: str) -> str | None:
        """What stands in an answer before its numbers; None if it has no place for them."""
        if not self.after:
            return ""
        at = answer.rfind(self.after.rstrip())
        return None if at < 0 else answer[:at] + self.after

    def fill(self, answer: str, values: Sequence[float]) -> str | None:
        """Puts other numbers into an answer; None if it has no place for them."""
        before = self.before(answer)
        return None if before is None else before + " ".join(map(self.write, values))


Forms = dict[str, NumberForm]
"""Forms by sub-task."""


def read_forms(path: Path) -> Forms:
    """Reads the forms of answers with numbers.

    Raises:
        InputError: if the file is absent or holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file, which encode always writes")
    try:
        return TypeAdapter(Forms).validate_json(read_bytes(path))
    except ValidationError as error:
        raise InputError(
            f"{path}: expected the form of the numbers of sub-tasks, as encode writes it:"
            f" {error.errors()[0]['msg']}"
        ) from error
