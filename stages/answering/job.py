"""The job of infer: questions of the test and dev splits, and what their answers are like."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.answering.answers import Answer, Question
from stages.answering.settings import Infer
from stages.common.command import InputError
from stages.common.files import QUESTION, read_closed, read_encoded
from stages.forms.forms import Fields, number_forms, read_forms
from stages.model.examples import capped, read_split
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
        questions: of the test split, in its order, and then of the dev split.
        gold: the answers to those of the dev split, by question id.
        closed: candidate answers by closed sub-task.
        forms: of answers with numbers whose expectations are asked for, by sub-task.
        longest: tokens of the longest training answer of each sub-task.
        empty_inputs: number of questions with an empty input.
        cut_inputs: number of questions whose input was cut.
        changed_inputs: number of inputs that do not survive the tokenizer.
    """

    questions: list[Question]
    gold: dict[str, str]
    closed: dict[str, list[str]]
    forms: dict[str, Fields]
    longest: dict[str, int]
    empty_inputs: int
    cut_inputs: int
    changed_inputs: int

    @property
    def by_split(self) -> dict[str, list[Question]]:
        """The questions of each split."""
        test = len(self.questions) - len(self.gold)
        return {"test": self.questions[:test], "dev": self.questions[test:]}


def read_job(encoded: Path, encoder: TextEncoder, model: Model, infer: Infer) -> Job:
    """Reads what encode has written; it has no answers of the test split.

    Args:
        encoded: folder with questions.jsonl, dev.jsonl, train.jsonl, closed.json and forms.json.
        encoder: knows the prompts and the tokenizer.
        model: the base.
        infer: how questions are answered.

    Raises:
        InputError: for defects of the files, and if the base cannot hold a question.
    """
    split = read_split(encoded / "questions.jsonl", QUESTION)
    dev = read_dev(encoded / "dev.jsonl", infer.dev)
    ids, subtasks, inputs = (
        [*split[key], *(row[key] for row in dev)] for key in ("id", "task", "input")
    )
    texts = zip(subtasks, inputs, strict=True)
    rows = encode_questions(texts, encoder, load_config(model), infer.max_new_tokens)
    survival = Survival(encoder)
    for question_id, text in zip(ids, inputs, strict=True):
        survival.look_at(question_id, text)
    survival.report(encoded)
    return Job(
        questions=[
            Question(question_id, subtask, row.ids, text)
            for question_id, subtask, row, text in zip(ids, subtasks, rows, inputs, strict=True)
        ],
        gold={row["id"]: row["output"] for row in dev},
        closed=read_closed(encoded / "closed.json") if infer.score_closed else {},
        forms=number_forms(read_forms(encoded / "forms.json")) if infer.expectations else {},
        longest=read_longest_answers(encoded / "train.jsonl", encoder),
        empty_inputs=sum(not text.strip() for text in inputs),
        cut_inputs=sum(row.cut > 0 for row in rows),
        changed_inputs=survival.changed,
    )


def read_dev(path: Path, cap: int | None) -> list[dict[str, Any]]:
    """Reads the dev questions with their answers, at most so many of each sub-task."""
    if cap == 0:
        return []
    rows = [row for row in read_encoded(path, empty=True) if row["output"] is not None]
    if cap is None:
        return rows
    kept = capped([row["id"] for row in rows], [row["task"] for row in rows], cap, seed=0)
    return [rows[number] for number in kept]


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


def prediction(question: Question, answer: Answer, gold: str | None = None) -> dict[str, Any]:
    """Returns a line of the predictions; that of a dev question has its gold answer."""
    line = {"id": question.id, "task": question.subtask, **answer._asdict()}
    for key in ("probabilities", "expectations"):
        if line[key] is None:
            del line[key]
    return line if gold is None else line | {"gold": gold}


def summary(job: Job, answers: Mapping[str, Answer]) -> dict[str, int]:
    """Returns the content of summary.json.

    Args:
        job: the questions.
        answers: to all of them, by question id.
    """
    return {
        "questions": len(job.questions) - len(job.gold),
        "dev_questions": len(job.gold),
        "scored": sum(answer.probabilities is not None for answer in answers.values()),
        "empty_inputs": job.empty_inputs,
        "cut_inputs": job.cut_inputs,
        "changed_inputs": job.changed_inputs,
        "cut_answers": sum(answer.finish == "length" for answer in answers.values()),
    }
