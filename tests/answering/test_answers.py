"""How questions are answered: scored, written, put off, and in which order."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stages.answering import answers as answering
from stages.answering.answers import Answer, Asked
from stages.answering.candidates import Candidates
from stages.answering.engine import Question
from stages.answering.settings import Infer
from tests.model.test_loading import encoder, settings

END = 2


class Scripted:
    """An engine that writes given tokens, however many it is asked for, and likes the last fork."""

    def __init__(self, answers: dict[int, list[int]]) -> None:
        self.answers = answers  # by the first id of the prompt
        self.asked: list[list[Question]] = []

    def generate(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[int]]]:
        self.asked.append(list(questions))
        for number in reversed(range(len(questions))):
            ids, most = questions[number]
            done = len(ids) - 3  # what was written before
            yield number, self.answers[ids[0]][done : done + most]

    def score(
        self, prompts: Sequence[list[int]], candidates: Candidates
    ) -> Iterator[tuple[int, list[list[float]]]]:
        for number in reversed(range(len(prompts))):
            yield number, [list(range(len(fork.tokens))) for fork in candidates.forks]


def test_closed_ones_are_scored_and_long_ones_go_on(tiny_base: Path) -> None:
    """Questions 10, 12 and 13 are open; 12 writes more than its sub-task's training answers."""
    coder, _ = encoder(tiny_base)
    ids = {text: coder.answer(text) for text in ("uno", "due", "x" * 9, "y" * 50)}
    engine = Scripted({10: ids["uno"], 12: ids["x" * 9], 13: ids["y" * 50]})
    asked = [
        Asked("aperto", [10, 5, 5]),
        Asked("chiuso", [11, 5, 5]),
        Asked("aperto", [12, 5, 5]),
        Asked("ignoto", [13, 5, 5]),
    ]
    longest = {"aperto": len(ids["uno"])}
    found = dict(
        answering.answers(asked, engine, coder, {"chiuso": ["uno", "due"]}, longest, most=20)
    )
    assert found[0] == Answer("uno", "stop", len(ids["uno"]))
    assert found[1].answer in ("uno", "due")
    assert found[1].probabilities == pytest.approx({"uno": 0.2689, "due": 0.7311}, abs=1e-4) or (
        found[1].probabilities == pytest.approx({"uno": 0.7311, "due": 0.2689}, abs=1e-4)
    )
    assert found[2] == Answer("x" * 9, "stop", len(ids["x" * 9]))
    assert found[3].finish == "length"
    assert found[3].tokens == 20
    first, second = engine.asked
    assert sorted(question.most for question in first) == [len(ids["uno"])] * 2 + [20]
    assert second == [Question([12, 5, 5, *ids["x" * 9][: len(ids["uno"])]], 20 - len(ids["uno"]))]


def test_those_that_need_most_room_come_first_and_like_ones_together() -> None:
    draw = random.Random(2)
    header = {kind: [1, *(draw.randrange(9, 99) for _ in range(12))] for kind in range(3)}
    questions = [
        Question(header[kind] + [7] * draw.randrange(1, 300), (5, 20, 5)[kind])
        for _ in range(40)
        for kind in range(3)
    ]
    order = answering.planned(questions)
    assert sorted(order) == list(range(120))
    rooms = [(len(questions[i].ids) + questions[i].most) // answering.ALIKE for i in order]
    assert rooms == sorted(rooms, reverse=True)
    kinds = [(room, i % 3) for room, i in zip(rooms, order, strict=True)]
    changes = sum(one != other for one, other in zip(kinds, kinds[1:], strict=False))
    assert changes == len(set(kinds)) - 1


def test_vllm_that_is_not_installed_is_named(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages.answering import vllm_engine
    from stages.common.command import InputError

    monkeypatch.setattr(vllm_engine, "find_spec", lambda _: None)
    infer = Infer(adapter=True, engine="vllm", score_closed=True, max_new_tokens=8)
    with pytest.raises(InputError, match=r"infer\.engine: vllm is not installed; docs/vllm\.md"):
        answering.load(settings(tiny_base), infer, tmp_path)
