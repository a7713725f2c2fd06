"""Answering on a GPU: recorded steps against plain ones, a T4's path, running out of memory."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.torch_engine import TorchEngine
from stages.model import packing
from tests.helpers.answers import WORDS
from tests.helpers.llamas import llama, long_rows, with_adapter

END = 2
REQUESTS = [Request(row.ids[: row.prompt], 12) for row in long_rows(100)]


class UnrecordedEngine(TorchEngine):
    """An engine whose steps and passes are not recorded."""

    def _read(self, *rows: Any) -> Iterator[tuple[list[int], torch.Tensor]]:
        for recorder in (self._reader, self._scorer):
            recorder.stop()
        yield from super()._read(*rows)

    def _step(self) -> Iterator[tuple[int, list[int]]]:
        self._warm = False
        yield from super()._step()


def engine(kind: type[TorchEngine], dtype: torch.dtype = torch.bfloat16) -> TorchEngine:
    return kind(with_adapter(llama(dtype)), [END])


def share_of_equal(one: dict[int, list[int]], other: dict[int, list[int]]) -> float:
    return sum(one[n] == other[n] for n in range(len(REQUESTS))) / len(REQUESTS)


def test_recorded_passes_and_steps_give_the_same_answers() -> None:
    recorded, plain = engine(TorchEngine), engine(UnrecordedEngine)
    recorded._max_slots = plain._max_slots = 16
    recorded._prompt_tokens = plain._prompt_tokens = 1024
    candidates = Candidates({"sì": [7, END], "no": [8, END]})
    prompts = [request.ids for request in REQUESTS]
    for _ in range(2):  # recordings of the first time serve, or are given back
        answers = dict(recorded.generate(REQUESTS))
        assert share_of_equal(answers, dict(plain.generate(REQUESTS))) > 0.97
        assert len({tuple(answer) for answer in answers.values()}) > 50
        scores, expected = (dict(e.score(prompts, candidates)) for e in (recorded, plain))
        for n in range(len(prompts)):
            probabilities = candidates.probabilities(expected[n])
            assert candidates.probabilities(scores[n]) == pytest.approx(probabilities, abs=0.01)
    assert recorded._scorer._recordings
    assert not plain._scorer._recordings


def test_a_t4s_path_gives_the_answers_of_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """In fp16 and with masks; a few answers part where two tokens are nearly equal."""
    monkeypatch.setattr(packing, "has_varlen_attention", lambda *_: False)
    in_fp16, exact = (engine(TorchEngine, dtype) for dtype in (torch.float16, torch.float32))
    assert share_of_equal(*(dict(e.generate(REQUESTS)) for e in (in_fp16, exact))) > 0.9
    candidates = Candidates(WORDS)
    prompts = [request.ids for request in REQUESTS]
    scores, expected = (dict(e.score(prompts, candidates)) for e in (in_fp16, exact))
    for n in range(len(prompts)):
        probabilities = candidates.probabilities(expected[n])
        assert candidates.probabilities(scores[n]) == pytest.approx(probabilities, abs=0.02)


def test_after_running_out_of_memory_prompts_are_read_in_pieces(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    causal, candidates = llama(torch.bfloat16, hidden=1024), Candidates(WORDS)
    prompts = [request.ids for request in REQUESTS]
    plenty = dict(TorchEngine(causal, [END]).score(prompts, candidates))
    scarce = TorchEngine(causal, [END])
    scarce._prompt_tokens = 10**6
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    limit = torch.cuda.memory_reserved() + 100 * 2**20
    torch.cuda.set_per_process_memory_fraction(limit / total)
    scores = dict(scarce.score(prompts, candidates))
    assert "out of memory: prompts are read" in caplog.text
    for n in range(len(prompts)):
        probabilities = candidates.probabilities(plenty[n])
        assert candidates.probabilities(scores[n]) == pytest.approx(probabilities, abs=0.05)


def test_after_running_out_of_memory_in_the_cache_fewer_answers_are_in_work(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the GPU had no room for more than 20 at the sixth step; what was begun goes on."""
    caplog.set_level(logging.INFO)
    scarce, plain = engine(TorchEngine), engine(TorchEngine)
    step, steps = scarce._step, []

    def little_memory() -> Iterator[tuple[int, list[int]]]:
        steps.append(scarce._cache.slots)
        if len(steps) > 5 and scarce._cache.slots > 20:
            torch.empty(2**50, dtype=torch.uint8, device="cuda")
        yield from step()

    monkeypatch.setattr(scarce, "_step", little_memory)
    answers = dict(scarce.generate(REQUESTS))
    assert "out of memory: no more than" in caplog.text
    assert max(steps[:6]) > 20 >= steps[-1]
    assert share_of_equal(answers, dict(plain.generate(REQUESTS))) > 0.9
