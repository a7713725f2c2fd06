"""Questions: their ids, and the examples of a task whose items are one question each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from stages.toolkit.records import Example, Item
from stages.toolkit.splits import SPLITS, BySplit, Split


class QuestionItem(Item, Protocol):
    """An item about which there is one question.

    Attributes:
        question_id: the id of the question.
    """

    @property
    def question_id(self) -> str: ...  # noqa: D102


AnyQuestionItem = TypeVar("AnyQuestionItem", bound=QuestionItem)


def question_id(subtask: str, *parts: object) -> str:
    """The id of a question: the sub-task, and what tells its questions apart, joined by colons."""
    return ":".join([subtask, *map(str, parts)])


def examples(
    by_split: Mapping[Split, Sequence[AnyQuestionItem]],
    subtask: str,
    *,
    text: Callable[[AnyQuestionItem], str],
    answer: Callable[[Any], str | None],
) -> BySplit[Example]:
    """Makes an example of each item.

    A training item whose question id a test item has too, because the organisers number their test
    file from 0 again, becomes ``SUBTASK:train:ID``.

    Args:
        by_split: the items of a sub-task; those of the test set with their gold, if there is any.
        subtask: the sub-task's name.
        text: the input of the question about an item.
        answer: the answer for an item's gold; None where the gold is not all that it needs.

    Returns:
        The examples of each split, in the order of the items.
    """
    test_ids = {item.question_id for item in by_split["test"]}
    made: BySplit[Example] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for item in by_split[split]:
            identifier = item.question_id
            if split != "test" and identifier in test_ids:
                identifier = question_id(subtask, "train", identifier.removeprefix(f"{subtask}:"))
            output = None if item.gold is None else answer(item.gold)
            made[split].append(Example(identifier, subtask, text(item), output))
    return made
