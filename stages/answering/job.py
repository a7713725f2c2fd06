"""The job of infer: the questions of the test split, and what their sub-tasks' answers are like."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.answering.answers import Answer, Question
from stages.answering.settings import Infer
from stages.common.command import InputError
from stages.common.files import QUESTION, read_closed
from stages.model.examples import read_split
from stages.model.loading import load_config
from stages.model.settings import Model
from stages.model.text import (
    InputEncoder,
    Survival,
    TextEncoder,
    TokenRow,
    check_fit,
    longest_answers,
    max_positions,
    max_prompt,
)


class Job(NamedTuple):
    """What is to be answered.

    Attributes:
        questions: of the test split, in its order.
        closed: candidate answers by closed sub-task.
        longest: tokens of the longest training answer of each sub-task.
        empty_inputs: number of questions with an empty input.
        cut_inputs: number of questions whose input was cut.
        changed_inputs: number of inputs that do not survive the tokenizer.
    """

    questions: list[Question]
    closed: dict[str, list[str]]
    longest: dict[str, int]
    empty_inputs: int
    cut_inputs: int
    changed_inputs: int


def read_job(encoded: Path, encoder: TextEncoder, model: Model, infer: Infer) -> Job:
    """Reads what encode has written; it has no answers of the test split.

    Args:
        encoded: folder with questions.jsonl, train.jsonl and closed.json.
        encoder: knows the prompts and the tokenizer.
        model: the base.
        infer: how questions are answered.

    Raises:
        InputError: for defects of the files, and if the base cannot hold a question.
    """
    split = read_split(encoded / "questions.jsonl", QUESTION)
    ids, subtasks, inputs = list(split["id"]), list(split["task"]), list(split["input"])
    texts = zip(subtasks, inputs, strict=True)
    rows = encode_questions(texts, encoder, load_config(model), infer.max_new_tokens)
    survival = Survival(encoder)
    for question_id, text in zip(ids, inputs, strict=True):
        survival.look_at(question_id, text)
    survival.report(encoded / "questions.jsonl")
    return Job(
        questions=[
            Question(question_id, subtask, row.ids, text)
            for question_id, subtask, row, text in zip(ids, subtasks, rows, inputs, strict=True)
        ],
        closed=read_closed(encoded / "closed.json") if infer.score_closed else {},
        longest=read_longest_answers(encoded / "train.jsonl", encoder),
        empty_inputs=sum(not text.strip() for text in inputs),
        cut_inputs=sum(row.cut > 0 for row in rows),
        changed_inputs=survival.changed,
    )


def encode_questions(
    texts: Iterable[tuple[str, str]], encoder: TextEncoder, config: Any, max_new_tokens: int
) -> list[TokenRow]:
    """Encodes questions and makes sure that the base can hold them with their answers.

    Args:
        texts: sub-task and input of each.
        encoder: turns them into token ids.
        config: the base's configuration.
        max_new_tokens: largest number of tokens of an answer.

    Raises:
        InputError: if it cannot.
    """
    if isinstance(encoder, InputEncoder):  # heads write nothing
        max_new_tokens = 0
    positions = max_prompt(config, max_new_tokens)
    if positions < 1:
        raise InputError(
            f"infer.max_new_tokens is {max_new_tokens}, but the base can hold"
            f" {max_positions(config)} tokens of prompt and answer"
        )
    rows = [encoder.encode_question(subtask, text, positions) for subtask, text in texts]
    check_fit(rows, config, answer=max_new_tokens)
    return rows


def read_longest_answers(path: Path, encoder: TextEncoder) -> dict[str, int]:
    """Reads the number of tokens of the longest training answer of each sub-task."""
    train = read_split(path)
    answers = zip(train["task"], train["output"], strict=True)
    known = ((subtask, answer) for subtask, answer in answers if answer is not None)
    return longest_answers(known, encoder)


def prediction(question: Question, answer: Answer) -> dict[str, Any]:
    """Returns a line of the predictions."""
    line = {"id": question.id, "task": question.subtask, **answer._asdict()}
    if answer.probabilities is None:
        del line["probabilities"]
    return line


def summary(job: Job, answers: Mapping[str, Answer]) -> dict[str, int]:
    """Returns the content of summary.json.

    Args:
        job: the questions.
        answers: to all of them, by question id.
    """
    return {
        "questions": len(job.questions),
        "scored": sum(answer.probabilities is not None for answer in answers.values()),
        "empty_inputs": job.empty_inputs,
        "cut_inputs": job.cut_inputs,
        "changed_inputs": job.changed_inputs,
        "cut_answers": sum(answer.finish == "length" for answer in answers.values()),
    }
