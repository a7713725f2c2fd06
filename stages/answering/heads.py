"""Answering by heads: an encoder reads an input once, and a sub-task's head computes the value."""

import logging
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import torch

from stages.answering.answers import DIGITS, Answer, Question, no_number
from stages.answering.plain_engine import TOKENS
from stages.forms.forms import Fields
from stages.model.heads import HeadRow, HeadsPath, units_of
from stages.model.packing import to_device
from stages.model.text import InputEncoder

log = logging.getLogger(__name__)


class HeadsAnswerer:
    """Answers questions with the heads of an encoder, as `stages.answering.answers.Answerer` does.

    No token is generated. Where several rows fill a batch, they are those of all questions,
    whichever are finished, so that last digits do not depend on it.
    """

    def __init__(
        self,
        path: HeadsPath,
        encoder: InputEncoder,
        closed: Collection[str],
        forms: Mapping[str, Fields] | None = None,
    ) -> None:
        """Takes an encoder with its heads.

        Args:
            path: computes states, and has the heads.
            encoder: knows where the tokens of an input are.
            closed: sub-tasks whose candidates get probabilities.
            forms: of answers with numbers whose expectations are asked for, by sub-task. A head
                that has learnt by squared error computes these.
        """
        self._path, self._encoder = path, encoder
        self._closed, self._forms = closed, forms or {}
        self._tokens = TOKENS[path.model.device.type]

    @torch.no_grad()
    def answer(
        self, questions: Sequence[Question], finished: Collection[str] = ()
    ) -> Iterator[tuple[Question, Answer]]:
        """Answers questions.

        Args:
            questions: all that there are.
            finished: ids of those that were answered by an earlier run.

        Yields:
            Each other question with its answer, in any order; an empty one, which decode counts as
            unreadable, where the sub-task has no head.

        Raises:
            InputError: if what a head computes is no finite number.
        """
        self._path.model.eval()
        heads = self._path.model.heads
        if without := Counter(q.subtask for q in questions if q.subtask not in heads):
            described = ", ".join(f"{name} ({count})" for name, count in without.items())
            log.warning("the adapter has no heads for these questions: %s", described)
        nothing = Answer("", "stop", 0)
        yield from (
            (q, nothing) for q in questions if q.subtask in without and q.id not in finished
        )
        questions = [q for q in questions if q.subtask not in without]
        rows: list[Any] = [self._row(question) for question in questions]
        batches = deque(self._path.split(rows, self._tokens))
        while batches:
            numbers = batches.popleft()
            if all(questions[i].id in finished for i in numbers):
                continue
            try:
                states = self._states([rows[i] for i in numbers])
            except torch.OutOfMemoryError:
                half = len(numbers) // 2
                if not half:
                    raise
                torch.cuda.empty_cache()
                batches.extendleft((numbers[half:], numbers[:half]))
                continue
            for i, of_row in zip(numbers, states, strict=True):
                if questions[i].id not in finished:
                    yield questions[i], self._answer(questions[i], rows[i], of_row)

    def _row(self, question: Question) -> HeadRow:
        form = self._path.model.heads.forms[question.subtask]
        units = units_of(question.text, form, self._encoder, len(question.ids))
        return HeadRow(question.ids, len(question.ids), 0, question.subtask, None, units)

    def _states(self, rows: Sequence[HeadRow]) -> list[torch.Tensor]:
        return self._path.states(to_device(self._path.batch(rows), self._path.model.device))

    def _answer(self, question: Question, row: HeadRow, states: torch.Tensor) -> Answer:
        if not bool(states.isfinite().all()):
            raise no_number(question)
        heads = self._path.model.heads
        value, probabilities = heads.of(question.subtask).value(states, row)
        if not _is_finite(value):
            raise no_number(question)
        answer = heads.forms[question.subtask].write(question.text, value)
        of_closed = probabilities if question.subtask in self._closed else None
        means = None
        if form := self._forms.get(question.subtask):
            means = [round(n.clip(value[name]), DIGITS) for name, n in form.numbers.items()]
        return Answer(answer, "stop", 0, of_closed, means)


def _is_finite(value: Any) -> bool:
    numbers = value.values() if isinstance(value, dict) else ()
    return all(isfinite(number) for number in numbers if isinstance(number, float))
