"""Infer's own part: what it reads of encode's files, and an interrupted run's answers."""

import json
from pathlib import Path

import pytest

from stages import infer
from stages.answering.answers import Answer
from stages.common.command import InputError
from stages.model.examples import read_split
from tests.model.test_loading import encoder


def test_a_line_cut_short_is_removed_from_the_journal(tmp_path: Path) -> None:
    assert infer.read_finished(tmp_path) == {}
    line = json.dumps(["a", "[NOREL] è", "stop", 4]) + "\n"
    journal = tmp_path / "answers-0.jsonl"
    journal.write_text(line + '["b", "[NO', encoding="utf-8")
    finished = {"a": Answer("[NOREL] è", "stop", 4)}
    assert infer.read_finished(tmp_path) == finished
    assert journal.read_text(encoding="utf-8") == line
    scored = Answer("sì", "stop", 2, {"sì": 0.75, "no": 0.25})
    (tmp_path / "answers-1.jsonl").write_text(json.dumps(["c", *scored]) + "\n", encoding="utf-8")
    assert infer.read_finished(tmp_path) == finished | {"c": scored}


def test_probabilities_stand_in_predictions_of_closed_sub_tasks_alone() -> None:
    open_one, scored = Answer("x", "stop", 2), Answer("sì", "stop", 2, {"sì": 1.0})
    line = {"id": "a:1", "task": "a", "answer": "x", "finish": "stop", "tokens": 2}
    assert infer.prediction("a:1", "a", open_one) == line
    assert infer.prediction("a:1", "a", scored)["probabilities"] == {"sì": 1.0}


def test_candidates_are_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "closed.json"
    assert infer.read_closed(path) == {}
    path.write_text('{"a": ["sì", "no"]}', encoding="utf-8")
    assert infer.read_closed(path) == {"a": ["sì", "no"]}
    for text in ("[]", '{"a": []}', '{"a": "sì"}', '{"a": [1]}', "{"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(
            InputError, match=r"closed\.json: expected the candidate answers of each"
        ):
            infer.read_closed(path)


def test_the_longest_training_answers_are_measured(tiny_base: Path, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    answers = [("a", "ab"), ("a", "abcdefgh"), ("a", None), ("b", "à"), ("c", None)]
    lines = [
        {"id": f"{task}:{n}", "task": task, "input": "x", "output": answer}
        for n, (task, answer) in enumerate(answers)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    coder, _ = encoder(tiny_base)
    longest = infer.longest_answers(read_split(path), coder)
    assert longest == {"a": len(coder.answer("abcdefgh")), "b": len(coder.answer("à"))}
