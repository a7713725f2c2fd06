"""How questions are answered: closed sub-tasks by scoring their candidates, others greedily.

An engine writes the tokens: stages/answering/torch_engine.py, or for very large test sets vLLM
(stages/answering/vllm_engine.py). Both are asked in the same way, about the same prompts.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from stages.answering.candidates import Candidates
from stages.answering.engine import Engine, Question
from stages.answering.settings import Infer
from stages.model.device import device_and_dtype
from stages.model.loading import load_adapter, load_base
from stages.model.settings import Model
from stages.model.text import TextEncoder

log = logging.getLogger(__name__)

ALIKE = 64  # tokens by which questions may differ in the room that they need and be alike


def load(chosen: Model, infer: Infer, adapter: Path, tokens: int = 0) -> Engine:
    """Loads the base, with the adapter if that is wanted, into the engine of the settings.

    Args:
        chosen: the base.
        infer: which engine, and whether with the adapter.
        adapter: the adapter's folder.
        tokens: how many tokens of prompts there are to read.
    """
    if infer.engine == "vllm":
        from stages.answering import vllm_engine

        return vllm_engine.Engine(chosen, adapter if infer.adapter else None)
    from stages.answering import torch_engine as generation

    device, dtype = device_and_dtype()
    causal = load_base(chosen, device, dtype)
    if infer.adapter:
        causal = load_adapter(causal, adapter)
    return generation.Engine(generation.prepare(causal, tokens), chosen.eos_id)


class Answer(NamedTuple):
    """A model's answer.

    Attributes:
        answer: its text.
        finish: how it ended: stop, by itself, or length, because it was as long as may be.
        tokens: how many it has, the end token included.
        probabilities: of each candidate answer of a closed sub-task.
    """

    answer: str
    finish: str
    tokens: int
    probabilities: dict[str, float] | None = None


class Asked(NamedTuple):
    """A question: its sub-task, and its prompt's token ids."""

    task: str
    ids: list[int]


def answers(
    asked: Sequence[Asked],
    engine: Engine,
    encoder: TextEncoder,
    closed: Mapping[str, Sequence[str]],
    longest: Mapping[str, int],
    most: int,
) -> Iterator[tuple[int, Answer]]:
    """Answers questions.

    Args:
        asked: the questions.
        engine: writes tokens.
        encoder: turns answers into tokens and back.
        closed: the candidate answers of closed sub-tasks.
        longest: tokens after which a sub-task's answer is put off and continued after all others,
            for few will be longer.
        most: largest number of tokens of an answer.

    Yields:
        Each question's number and its answer, in any order.
    """
    of_task: dict[str, list[int]] = {}
    for number, question in enumerate(asked):
        of_task.setdefault(question.task, []).append(number)
    for task, numbers in of_task.items():
        if task in closed:
            candidates = Candidates({text: encoder.answer(text) for text in closed[task]})
            for i, logits in engine.score([asked[n].ids for n in numbers], candidates):
                answer, likely = candidates.chosen(logits)
                yield numbers[i], Answer(answer, "stop", candidates.tokens(answer), likely)

    writing = [number for number, question in enumerate(asked) if question.task not in closed]
    questions = [
        Question(asked[n].ids, min(most, longest.get(asked[n].task, most))) for n in writing
    ]
    order = planned(questions)
    put_off: list[tuple[int, list[int]]] = []
    for i, ids in engine.generate([questions[i] for i in order]):
        number = writing[order[i]]
        if encoder.has_ended(ids) or len(ids) >= most:
            yield number, written(ids, encoder)
        else:
            put_off.append((number, ids))
    if put_off:
        log.info("%d answers are longer than any training answer and go on", len(put_off))
        questions = [Question(asked[n].ids + ids, most - len(ids)) for n, ids in put_off]
        order = planned(questions)
        for i, more in engine.generate([questions[i] for i in order]):
            number, ids = put_off[order[i]]
            yield number, written(ids + more, encoder)


def planned(questions: Sequence[Question]) -> list[int]:
    """The order in which to take questions up.

    Those that need most room come first, and with them others that need about as much; among these
    come first those whose answers may be longest, and prompts that begin alike come together.

    Returns:
        Numbers of questions.
    """

    def key(number: int) -> tuple[int, int, list[int]]:
        ids, most = questions[number]
        return -((len(ids) + most) // ALIKE), -most, ids

    return sorted(range(len(questions)), key=key)


def written(ids: list[int], encoder: TextEncoder) -> Answer:
    """An answer of generated tokens."""
    return Answer(encoder.text(ids), "stop" if encoder.has_ended(ids) else "length", len(ids))
