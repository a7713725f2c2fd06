"""Which engine answers: the fast one where it is exact, and scoring in fp32 beside bf16."""

from pathlib import Path

import pytest
import torch

from stages.answering import engines
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.engines import ScoredInFp32, exact_engine
from stages.answering.plain_engine import PlainEngine
from stages.answering.settings import Infer
from stages.answering.torch_engine import TorchEngine
from stages.model.head import FullPrecisionHead
from stages.model.loading import load_base
from tests.helpers.answers import WORDS, greedy, lively, prompts
from tests.helpers.models import CPU, model_settings

INFER = Infer(
    adapter=False,
    engine="torch",
    score_closed=True,
    expectations=True,
    dev=0,
    max_new_tokens=12,
)
ASKED = prompts(9)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a model whose answers differ."""
    lively(2).save_pretrained(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("engine", "kind"), [("torch", TorchEngine), ("plain", PlainEngine)])
def test_both_engines_answer_as_one_at_a_time(base: Path, engine: str, kind: type) -> None:
    settings = model_settings(base)
    causal = load_base(settings, CPU, torch.float32)
    expected = [greedy(causal, ids, 12) for ids in ASKED]
    infer = INFER.model_copy(update={"engine": engine})
    found = exact_engine(causal, settings, infer, ASKED)
    assert isinstance(found, kind)
    assert dict(found.generate([Request(ids, 12) for ids in ASKED])) == dict(enumerate(expected))


def test_an_engine_that_is_wrong_is_not_taken(
    base: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As if attention to the own token alone were all that the fast engine knew."""
    monkeypatch.setattr(
        "stages.answering.slots.SlotCache.attend", lambda *a: 0 * a[2].transpose(1, 2)
    )
    settings = model_settings(base)
    found = exact_engine(load_base(settings, CPU, torch.float32), settings, INFER, ASKED)
    assert isinstance(found, PlainEngine)
    assert "the fast engine does not compute what this base and adapter do" in caplog.text


def test_small_bases_in_bf16_score_in_fp32(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, candidates = model_settings(base), Candidates(WORDS)
    causal = load_base(settings, CPU, torch.bfloat16)
    assert isinstance(causal.get_output_embeddings(), FullPrecisionHead)
    exact = load_base(settings, CPU, torch.bfloat16).float()
    expected = dict(TorchEngine(exact, [2]).score(ASKED, candidates))
    monkeypatch.setattr(engines, "_is_small_in_bf16", lambda _: True)
    engine = exact_engine(causal, settings, INFER, ASKED)
    assert isinstance(engine, ScoredInFp32)
    for number, logits in engine.score(ASKED, candidates):
        own = candidates.probabilities(expected[number])
        assert candidates.probabilities(logits) == pytest.approx(own, abs=1e-4)
    assert torch.get_float32_matmul_precision() == "highest"
    assert len(dict(engine.generate([Request(ids, 3) for ids in ASKED]))) == len(ASKED)


def test_logits_of_bf16_are_not_rounded(base: Path) -> None:
    causal = load_base(model_settings(base), CPU, torch.bfloat16)
    logits = causal(torch.tensor([[1, 5, 6]])).logits
    assert logits.dtype == torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())
