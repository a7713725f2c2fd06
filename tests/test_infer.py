"""Answering: batches against one at a time, how answers end, and going on after an interruption."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import infer, model
from tests.test_model import CPU, FP32, settings


@pytest.fixture(scope="module")
def causal(tiny_base: Path) -> Any:
    return model.load_base(settings(tiny_base), CPU, FP32).eval()


def greedy(causal: Any, ids: list[int], most: int) -> list[int]:
    """From the definition: the likeliest next token, one forward pass each, without a cache."""
    answer: list[int] = []
    while len(answer) < most and (not answer or answer[-1] != 2):
        with torch.no_grad():
            logits = causal(torch.tensor([ids + answer])).logits[0, -1]
        answer.append(int(logits.argmax()))
    return answer


def test_batched_answers_equal_those_one_at_a_time(tiny_base: Path, causal: Any) -> None:
    tokenizer = model.load_tokenizer(settings(tiny_base))
    rows = [[1, *range(20, 20 + n)] for n in (3, 17, 1, 9)]
    answers = infer.answer_batch(causal, tokenizer, rows, 12, settings(tiny_base))
    for row, answer in zip(rows, answers, strict=True):
        ids = greedy(causal, row, 12)
        ended = ids[-1] == 2
        text = tokenizer.decode(ids[:-1] if ended else ids, skip_special_tokens=True)
        assert answer == (text.strip(), "stop" if ended else "length", len(ids))


def test_answers_stop_at_the_end_token(tiny_base: Path, causal: Any) -> None:
    """The end token is stated to be one that the model is known to write."""
    tokenizer = model.load_tokenizer(settings(tiny_base))
    row = [1, 20, 21, 22]
    ids = greedy(causal, row, 6)
    end = ids[2]
    before = ids[: ids.index(end)]
    chosen = settings(tiny_base, eos_id=end)
    (answer,) = infer.answer_batch(causal, tokenizer, [row], 6, chosen)
    assert answer.finish == "stop"
    assert answer.tokens == len(before) + 1
    assert answer.answer == tokenizer.decode(before, skip_special_tokens=True).strip()


def test_a_line_cut_short_is_removed_from_the_journal(tmp_path: Path) -> None:
    journal = tmp_path / "answers.jsonl"
    assert infer.read_finished(journal) == {}
    line = json.dumps(["a", "[NOREL] è", "stop", 4]) + "\n"
    journal.write_text(line + '["b", "[NO', encoding="utf-8")
    assert infer.read_finished(journal) == {"a": infer.Answer("[NOREL] è", "stop", 4)}
    assert journal.read_text(encoding="utf-8") == line
