"""The vLLM engine against a stand-in for vLLM, and against vLLM itself where it is installed.

The stand-in answers with a real small model, and takes the arguments that vLLM 0.32 documents, and
no others.
"""

import json
import shutil
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import infer
from stages.answering import vllm_engine
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.torch_engine import TorchEngine
from stages.answering.vllm_engine import VllmEngine
from stages.common.command import InputError
from stages.model import processes
from stages.model.loading import load_base
from tests.helpers.answers import END, WORDS, greedy, lively, prompts
from tests.helpers.models import CPU, FP32, model_settings
from tests.helpers.params import put


@dataclass
class SamplingParams:
    temperature: float
    max_tokens: int
    stop_token_ids: list[int] = field(default_factory=list)
    ignore_eos: bool = False
    detokenize: bool = True
    logprob_token_ids: list[int] | None = None


@dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str


class LLM:
    made: list[dict[str, Any]] = []

    def __init__(self, **options: Any) -> None:
        self.made.append(options)
        self.causal = lively(4)
        self.adapters: list[Any] = []

    def generate(
        self,
        texts: Sequence[dict[str, list[int]]],
        wanted: Sequence[SamplingParams],
        *,
        use_tqdm: bool,
        lora_request: LoRARequest | None,
    ) -> list[Any]:
        self.adapters.append(lora_request)
        return [self.answer(t["prompt_token_ids"], w) for t, w in zip(texts, wanted, strict=True)]

    def answer(self, ids: list[int], wanted: SamplingParams) -> Any:
        assert wanted.temperature == 0.0
        first = None
        if wanted.logprob_token_ids:
            with torch.no_grad():
                logits = self.causal(torch.tensor([ids])).logits[0, -1].log_softmax(0)
            assert wanted.max_tokens == 1
            first = {t: types.SimpleNamespace(logprob=float(logits[t])) for t in range(len(logits))}
            first = {t: first[t] for t in {*wanted.logprob_token_ids, int(logits.argmax())}}
        stops = wanted.stop_token_ids
        tokens = greedy(self.causal, ids, wanted.max_tokens, stops[0] if stops else -1)
        completion = types.SimpleNamespace(token_ids=tokens, logprobs=[first])
        return types.SimpleNamespace(outputs=[completion])


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the package, and an adapter of rank 12."""
    vllm, request = types.ModuleType("vllm"), types.ModuleType("vllm.lora.request")
    vllm.LLM, vllm.SamplingParams, request.LoRARequest = LLM, SamplingParams, LoRARequest  # type: ignore[attr-defined]
    for name, module in {"vllm": vllm, "vllm.lora.request": request}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "vllm.lora", types.ModuleType("vllm.lora"))
    monkeypatch.setattr(vllm_engine, "find_spec", lambda _: "found")
    monkeypatch.setattr(LLM, "made", [])
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    return tmp_path


def test_gives_the_same_answers_as_the_own_engine(tiny_base: Path, adapter: Path) -> None:
    theirs = VllmEngine(model_settings(tiny_base), adapter)
    ours = TorchEngine(lively(4), [END])
    requests = [Request(ids, 3 + n % 4) for n, ids in enumerate(prompts(9))]
    assert dict(theirs.generate(requests)) == dict(ours.generate(requests))
    assert list(theirs.generate([])) == []
    asked, candidates = prompts(8), Candidates(WORDS)
    one, other = (dict(engine.score(asked, candidates)) for engine in (theirs, ours))
    assert sorted(one) == list(range(8))
    for n in range(8):
        assert candidates.best(one[n]) == candidates.best(other[n])
        probabilities = candidates.probabilities(other[n])
        assert candidates.probabilities(one[n]) == pytest.approx(probabilities, abs=1e-5)


def test_asks_vllm_for_the_base_and_the_adapter(tiny_base: Path, adapter: Path) -> None:
    engine = VllmEngine(model_settings(tiny_base), adapter)
    list(engine.generate([Request([1, 5], 2)]))
    (options,) = LLM.made
    assert options["model"] == str(tiny_base)
    assert "quantization" not in options
    assert options["trust_remote_code"] is False
    assert options["max_lora_rank"] == 16
    assert options["tensor_parallel_size"] == max(1, torch.cuda.device_count())
    assert engine._llm.adapters == [LoRARequest("adapter", 1, str(adapter))]
    VllmEngine(model_settings(tiny_base), None)
    assert "enable_lora" not in LLM.made[1]


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_a_quantised_base_is_refused(tiny_base: Path, adapter: Path, quantization: str) -> None:
    """vLLM 0.32 has none of bitsandbytes' quantizations."""
    with pytest.raises(InputError, match=f"vllm has no {quantization} of bitsandbytes"):
        VllmEngine(model_settings(tiny_base, quantization=quantization), adapter)


def test_several_processes_are_refused(
    tiny_base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="vllm spreads the base over the GPUs itself"):
        VllmEngine(model_settings(tiny_base), adapter)
    assert LLM.made == []


@pytest.mark.parametrize(("engine", "starts"), [("vllm", 0), ("torch", 1)])
def test_vllm_alone_is_not_started_once_for_each_gpu(
    engine: str, starts: int, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(root / "params.yaml", tmp_path)
    put(tmp_path, {"infer.engine": engine})
    (tmp_path / "data" / "bases" / "llama").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["infer", "encoded", "adapter", "predictions", "metrics"])
    started: list[int] = []
    here: list[tuple[Path, ...]] = []
    monkeypatch.delenv(processes.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(processes, "_start", lambda count, *_: started.append(count))
    monkeypatch.setattr(infer, "infer", lambda *folders: here.append(folders))
    infer.main()
    assert started == [2] * starts
    assert len(here) == 1 - starts


@pytest.mark.long
@pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed (docs/vllm.md)")
def test_vllm_itself_answers_as_the_own_engine(root: Path) -> None:
    settings = model_settings(root / "data" / "bases" / "llama")
    theirs = VllmEngine(settings, None)
    causal = load_base(settings, CPU, FP32)
    ours = TorchEngine(causal, [END])
    requests = [Request(ids, 8) for ids in prompts(20)]
    assert dict(theirs.generate(requests)) == dict(ours.generate(requests))
    candidates = Candidates(WORDS)
    tokens = [request.ids for request in requests]
    one, other = (dict(engine.score(tokens, candidates)) for engine in (theirs, ours))
    for n in range(20):
        probabilities = candidates.probabilities(other[n])
        assert candidates.probabilities(one[n]) == pytest.approx(probabilities, abs=1e-4)
