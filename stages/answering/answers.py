"""How questions are answered: closed sub-tasks by scoring their candidates, others greedily.

Answers that hold numbers are given greedily too, and each number's expectation beside them.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from math import isfinite, isnan
from typing import NamedTuple

from stages.answering.candidates import Candidates
from stages.answering.engine import Engine, Request
from stages.answering.numbers import Expectations
from stages.common.command import InputError
from stages.forms.forms import Fields
from stages.model.text import NO_TOKEN, TextEncoder

log = logging.getLogger(__name__)

# Questions that are answered together; an interruption costs as many at the most. Those with
# numbers take long: answers are generated before their expectations are computed.
SCORED, WITH_NUMBERS = 512, 128
DIGITS = 6  # decimals of expectations
ALIKE = 64  # tokens by which requests may differ in length and still be of like length


class Question(NamedTuple):
    """A question to the model.

    Attributes:
        id: its question id.
        subtask: its sub-task.
        ids: token ids of its prompt.
        text: its input, of which heads answer with spans.
    """

    id: str
    subtask: str
    ids: list[int]
    text: str = ""


class Answer(NamedTuple):
    """A model's answer.

    Attributes:
        answer: its text.
        finish: stop if it ended by itself, length if it was cut at the largest length.
        tokens: number of its tokens, the end token included.
        probabilities: of each candidate answer of a closed sub-task.
        expectations: of each number of an answer with numbers.
    """

    answer: str
    finish: str
    tokens: int
    probabilities: dict[str, float] | None = None
    expectations: Sequence[float] | None = None


class Answerer:
    """Answers questions with an engine."""

    def __init__(
        self,
        engine: Engine,
        encoder: TextEncoder,
        closed: Mapping[str, Sequence[str]],
        usual_lengths: Mapping[str, int],
        max_new_tokens: int,
        forms: Mapping[str, Fields] | None = None,
    ) -> None:
        """Takes an engine and what is known of the sub-tasks.

        Args:
            engine: generates and scores tokens.
            encoder: turns answers into tokens and back.
            closed: the candidate answers of closed sub-tasks.
            usual_lengths: number of tokens that few answers of a sub-task exceed. An answer that
                does is put off and continued after all others, so that these need not wait.
            max_new_tokens: largest number of tokens of an answer.
            forms: of answers with numbers whose expectations are asked for, by sub-task.
        """
        self._engine = engine
        self._encoder = encoder
        self._closed = closed
        self._usual_lengths = usual_lengths
        self._max_new_tokens = max_new_tokens
        self._expectations = {
            subtask: Expectations(engine, encoder, form)
            for subtask, form in (forms or {}).items()
            if subtask not in closed
        }

    def answer(
        self, questions: Sequence[Question], finished: Collection[str] = ()
    ) -> Iterator[tuple[Question, Answer]]:
        """Answers questions.

        Probabilities depend, in their last digits, on what else is scored with a question. So the
        portions are those of all questions, whichever are finished.

        Args:
            questions: all that there are.
            finished: ids of those that were answered by an earlier run.

        Yields:
            Each other question with its answer, in any order.

        Raises:
            InputError: if the model does not compute finite numbers.
        """
        by_subtask: dict[str, list[Question]] = {}
        for question in questions:
            by_subtask.setdefault(question.subtask, []).append(question)
        for subtask, members in by_subtask.items():
            in_portions = self._in_portions(subtask)
            size = SCORED if subtask in self._closed else WITH_NUMBERS
            for at in range(0, len(members) if in_portions else 0, size):
                portion = members[at : at + size]
                if in_portions and any(question.id not in finished for question in portion):
                    for question, answer in in_portions(portion):
                        if question.id not in finished:
                            yield question, answer
        open_ones = [q for q in questions if not self._in_portions(q.subtask)]
        yield from self._generate([q for q in open_ones if q.id not in finished])

    def _in_portions(
        self, subtask: str
    ) -> Callable[[Sequence[Question]], Iterator[tuple[Question, Answer]]] | None:
        """How a portion of a sub-task is answered, if that goes by portions."""
        if subtask in self._closed:
            return partial(self._score, answers=self._closed[subtask])
        if subtask in self._expectations:
            return partial(self._generate_numbers, expectations=self._expectations[subtask])
        return None

    def _generate_numbers(
        self, questions: Sequence[Question], expectations: Expectations
    ) -> Iterator[tuple[Question, Answer]]:
        answers = {question.id: answer for question, answer in self._generate(questions)}
        given = [answers[question.id] for question in questions]
        means = expectations.compute([q.ids for q in questions], [a.answer for a in given])
        for question, answer, numbers in zip(questions, given, means, strict=True):
            if numbers and isnan(numbers[-1]):
                raise no_number(question)
            rounded = numbers and [round(number, DIGITS) for number in numbers]
            yield question, answer._replace(expectations=rounded)

    def _score(
        self, questions: Sequence[Question], answers: Sequence[str]
    ) -> Iterator[tuple[Question, Answer]]:
        candidates = Candidates({text: self._encoder.encode_answer(text) for text in answers})
        for number, logits in self._engine.score([q.ids for q in questions], candidates):
            if not all(isfinite(max(values)) and not any(map(isnan, values)) for values in logits):
                raise no_number(questions[number])
            best = candidates.best(logits)
            probabilities = candidates.probabilities(logits)
            yield questions[number], Answer(best, "stop", candidates.tokens(best), probabilities)

    def _generate(self, questions: Sequence[Question]) -> Iterator[tuple[Question, Answer]]:
        limit = self._max_new_tokens
        first = [
            Request(q.ids, min(limit, self._usual_lengths.get(q.subtask, limit))) for q in questions
        ]
        put_off: list[tuple[Question, list[int]]] = []
        for number, ids in self._in_good_order(first):
            if ids[-1] == NO_TOKEN:
                raise no_number(questions[number])
            if self._encoder.has_ended(ids) or len(ids) >= limit:
                yield questions[number], self._decode_answer(ids)
            else:
                put_off.append((questions[number], ids))
        if put_off:
            log.info("%d answers are longer than any training answer and go on", len(put_off))
        second = [Request(q.ids + ids, limit - len(ids), len(ids)) for q, ids in put_off]
        for number, more_ids in self._in_good_order(second):
            question, ids = put_off[number]
            if more_ids[-1] == NO_TOKEN:
                raise no_number(question)
            yield question, self._decode_answer(ids + more_ids)

    def _in_good_order(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        order = generation_order(requests)
        for i, ids in self._engine.generate([requests[number] for number in order]):
            yield order[i], ids

    def _decode_answer(self, ids: list[int]) -> Answer:
        finish = "stop" if self._encoder.has_ended(ids) else "length"
        return Answer(self._encoder.decode(ids), finish, len(ids))


def no_number(question: Question) -> InputError:
    """Returns the error of a question to which the model computes no finite numbers."""
    return InputError(
        f"question {question.id}: the model's logits are no finite numbers: the base or the"
        " adapter is damaged, or was trained to no purpose"
    )


def generation_order(requests: Sequence[Request]) -> list[int]:
    """Returns the numbers of requests in the order in which an engine does best.

    Requests that need most room come first, together with others that need about as much; among
    these come first those whose answers may be longest, and prompts with a common prefix come
    together.
    """

    def key(number: int) -> tuple[int, int, list[int]]:
        ids, max_new_tokens, _ = requests[number]
        return -((len(ids) + max_new_tokens) // ALIKE), -max_new_tokens, ids

    return sorted(range(len(requests)), key=key)
