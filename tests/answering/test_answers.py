"""How questions are answered: scored, generated, put off, and in which order."""

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from stages.answering import answers
from stages.answering.answers import ALIKE, Answer, Answerer, Question, generation_order
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.plain_engine import PlainEngine
from stages.answering.torch_engine import TorchEngine
from stages.common.command import InputError
from stages.model.loading import load_base
from tests.helpers.models import CPU, FP32, infer_settings, model_settings, text_encoder

END = 2


class Scripted:
    """An engine that generates given tokens, as many as it may, and prefers the last fork."""

    def __init__(self, answers: dict[int, list[int]]) -> None:
        self.answers = answers  # by the first id of the prompt
        self.calls: list[list[Request]] = []

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[int, list[int]]]:
        self.calls.append(list(requests))
        for number in reversed(range(len(requests))):
            ids, max_new_tokens, _ = requests[number]
            done = len(ids) - 3  # tokens of an earlier call
            yield number, self.answers[ids[0]][done : done + max_new_tokens]

    def score(
        self, prompts: Sequence[list[int]], candidates: Candidates, begun: Sequence[int] = ()
    ) -> Iterator[tuple[int, list[list[float]]]]:
        for number in reversed(range(len(prompts))):
            yield number, [list(range(len(fork.tokens))) for fork in candidates.forks]


def test_closed_ones_are_scored_and_long_ones_go_on(tiny_base: Path) -> None:
    """Questions 0, 2 and 3 are open; 2 has a longer answer than its sub-task's in training."""
    encoder, _ = text_encoder(tiny_base)
    ids = {text: encoder.encode_answer(text) for text in ("uno", "due", "x" * 9, "y" * 50)}
    engine = Scripted({10: ids["uno"], 12: ids["x" * 9], 13: ids["y" * 50]})
    questions = [
        Question("q0", "aperto", [10, 5, 5]),
        Question("q1", "chiuso", [11, 5, 5]),
        Question("q2", "aperto", [12, 5, 5]),
        Question("q3", "ignoto", [13, 5, 5]),
    ]
    usual = {"aperto": len(ids["uno"])}
    answerer = Answerer(engine, encoder, {"chiuso": ["uno", "due"]}, usual, max_new_tokens=20)
    found = {questions.index(question): answer for question, answer in answerer.answer(questions)}
    assert found[0] == Answer("uno", "stop", len(ids["uno"]))
    assert found[1].answer in ("uno", "due")
    assert found[1].probabilities == pytest.approx({"uno": 0.2689, "due": 0.7311}, abs=1e-4) or (
        found[1].probabilities == pytest.approx({"uno": 0.7311, "due": 0.2689}, abs=1e-4)
    )
    assert found[2] == Answer("x" * 9, "stop", len(ids["x" * 9]))
    assert found[3].finish == "length"
    assert found[3].tokens == 20
    first, second = engine.calls
    assert sorted(request.max_new_tokens for request in first) == [len(ids["uno"])] * 2 + [20]
    begun = ids["x" * 9][: len(ids["uno"])]
    assert second == [Request([12, 5, 5, *begun], 20 - len(begun), len(begun))]


def test_requests_that_need_most_room_come_first_and_like_ones_together() -> None:
    draw = random.Random(2)
    header = {kind: [1, *(draw.randrange(9, 99) for _ in range(12))] for kind in range(3)}
    requests = [
        Request(header[kind] + [7] * draw.randrange(1, 300), (5, 20, 5)[kind])
        for _ in range(40)
        for kind in range(3)
    ]
    order = generation_order(requests)
    assert sorted(order) == list(range(120))
    rooms = [(len(requests[i].ids) + requests[i].max_new_tokens) // ALIKE for i in order]
    assert rooms == sorted(rooms, reverse=True)
    kinds = [(room, i % 3) for room, i in zip(rooms, order, strict=True)]
    changes = sum(one != other for one, other in zip(kinds, kinds[1:], strict=False))
    assert changes == len(set(kinds)) - 1


def test_vllm_that_is_not_installed_is_named(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages.answering import engines, vllm_engine
    from stages.common.command import InputError

    monkeypatch.setattr(vllm_engine, "find_spec", lambda _: None)
    infer = infer_settings(adapter=True, engine="vllm")
    with pytest.raises(InputError, match=r"infer\.engine: vllm is not installed; docs/vllm\.md"):
        engines.load_engine(model_settings(tiny_base), infer, tmp_path, [[1, 5]])


@pytest.mark.parametrize("kind", ["torch", "plain"])
@pytest.mark.parametrize("closed", [{}, {"prova": ["uno", "due"]}])
def test_logits_that_are_no_numbers_are_no_answer(
    tiny_base: Path, kind: str, closed: dict[str, list[str]]
) -> None:
    """As if a weight were damaged in memory: that of a token of one of the questions."""
    encoder, _ = text_encoder(tiny_base)
    causal = load_base(model_settings(tiny_base), CPU, FP32)
    ends = model_settings(tiny_base).end_ids
    engine = TorchEngine(causal, ends) if kind == "torch" else PlainEngine(causal, ends, 0)
    answerer = Answerer(engine, encoder, closed, {"prova": 3}, max_new_tokens=5)
    questions = [Question(f"prova:{token}", "prova", [1, 50, token]) for token in (60, 61, 62)]
    assert len(list(answerer.answer(questions))) == 3
    causal.get_input_embeddings().weight[61] = math.nan
    with pytest.raises(InputError, match=r"question prova:6\d: the model's logits are no finite"):
        list(answerer.answer(questions))


def test_finished_ones_are_not_answered_again_and_portions_stay(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of ten closed questions, in portions of three, the first five are finished, and the last."""
    monkeypatch.setattr(answers, "SCORED", 3)
    encoder, _ = text_encoder(tiny_base)
    engine = Scripted({12: [5, END]})
    scored: list[list[int]] = []
    score = engine.score

    def noted(prompts: Sequence[list[int]], candidates: Candidates) -> Any:
        scored.append([ids[0] for ids in prompts])
        return score(prompts, candidates)

    monkeypatch.setattr(engine, "score", noted)
    questions = [Question(f"chiuso:{n}", "chiuso", [n, 5, 5]) for n in range(10)]
    questions += [Question(f"aperto:{n}", "aperto", [n, 5, 5]) for n in (11, 12)]
    finished = {*(f"chiuso:{n}" for n in (0, 1, 2, 3, 4, 9)), "aperto:11"}
    answerer = Answerer(engine, encoder, {"chiuso": ["uno", "due"]}, {}, max_new_tokens=20)
    found = [question.id for question, _ in answerer.answer(questions, finished)]
    assert sorted(found) == ["aperto:12", *(f"chiuso:{n}" for n in (5, 6, 7, 8))]
    assert scored == [[3, 4, 5], [6, 7, 8]]
    assert [[request.ids[0] for request in call] for call in engine.calls] == [[12], []]
