"""The job of infer: what it reads of encode's files, and what it writes of an answer."""

import json
from pathlib import Path

import pytest

from stages.answering.answers import Answer, Question
from stages.answering.job import encode_questions, prediction, read_longest_answers
from stages.common.command import InputError
from stages.common.files import read_closed
from stages.model.loading import load_config
from tests.helpers.models import model_settings, text_encoder


def test_probabilities_stand_in_predictions_of_closed_sub_tasks_alone() -> None:
    open_one, scored = Answer("x", "stop", 2), Answer("sì", "stop", 2, {"sì": 1.0})
    line = {"id": "a:1", "task": "a", "answer": "x", "finish": "stop", "tokens": 2}
    question = Question("a:1", "a", [1, 5])
    assert prediction(question, open_one) == line
    assert prediction(question, scored)["probabilities"] == {"sì": 1.0}


def test_candidates_are_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "closed.json"
    with pytest.raises(InputError, match=r"closed\.json: no such file, which encode always writes"):
        read_closed(path)
    path.write_text('{"a": ["sì", "no"]}', encoding="utf-8")
    assert read_closed(path) == {"a": ["sì", "no"]}
    for text in ("[]", '{"a": []}', '{"a": "sì"}', '{"a": [1]}', "{", "[" * 5000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(
            InputError, match=r"closed\.json: expected the candidate answers of each"
        ):
            read_closed(path)


def test_the_longest_training_answers_are_measured(tiny_base: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    answers = [("a", "ab"), ("a", "abcdefgh"), ("a", None), ("b", "à"), ("c", None)]
    lines = [
        {"id": f"{task}:{n}", "task": task, "input": "x", "output": answer}
        for n, (task, answer) in enumerate(answers)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    encoder, _ = text_encoder(tiny_base)
    lengths = {text: len(encoder.encode_answer(text)) for text in ("abcdefgh", "à")}
    assert read_longest_answers(path, encoder) == {"a": lengths["abcdefgh"], "b": lengths["à"]}


def test_answers_longer_than_the_base_can_hold_are_refused_by_name(tiny_base: Path) -> None:
    encoder, _ = text_encoder(tiny_base)
    config = load_config(model_settings(tiny_base))
    with pytest.raises(InputError, match=r"infer\.max_new_tokens is 5000, but the base can hold"):
        encode_questions([], encoder, config, 5000)
