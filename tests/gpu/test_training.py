"""Training on a GPU: compiled, recorded and with masks against padded rows, and memory."""

import logging
from typing import Any

import pytest
import torch

from stages.model import device, packing
from stages.model.packed import PackedPath
from stages.model.plain import PlainPath
from stages.training import loop
from stages.training.loop import Trainer
from tests.helpers.llamas import llama, long_rows, with_adapter

RATE, CLIP, UPDATES, BATCH = 1e-3, 1.0, 20, 24
GIB = 2**30


def trainer(base: Any) -> Trainer:
    """A trainer of a base with an adapter."""
    return Trainer(PackedPath(with_adapter(base)))


def losses(trainer: Trainer, longest: int = 160, vocabulary: int = 2000) -> list[float]:
    """The losses of some updates, each of its own rows."""
    rows = long_rows(UPDATES * BATCH, longest, vocabulary)
    batches = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
    return [float(trainer.update(batch, RATE, CLIP)) for batch in batches]


@pytest.fixture(scope="module")
def exact() -> list[float]:
    """The losses in fp32, of padded rows through transformers' and peft's layers."""
    return losses(Trainer(PlainPath(with_adapter(llama(torch.float32)), pad_id=0)))


def test_masks_and_recorded_passes_in_fp32(exact: list[float]) -> None:
    recorded = trainer(llama(torch.float32))
    assert losses(recorded) == pytest.approx(exact, abs=1e-5)
    assert recorded._pass._recordings


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_losses_are_those_of_fp32(
    dtype: torch.dtype, exact: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "longest_recorded", lambda _: 0)
    plain = trainer(llama(dtype))
    found = losses(plain)
    assert found == pytest.approx(exact, abs=0.03)
    assert found[-1] != found[0]
    assert not plain._pass._recordings


def test_compiled_layers_give_the_same(exact: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "COMPILE_FROM", 0)
    monkeypatch.setattr(loop, "longest_recorded", lambda _: 0)
    assert losses(trainer(llama(torch.bfloat16))) == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("compile_from", [10**12, 0], ids=["as it is", "compiled"])
def test_recorded_passes_give_the_same(
    exact: list[float], compile_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "COMPILE_FROM", compile_from)
    recorder = trainer(llama(torch.bfloat16))
    assert losses(recorder) == pytest.approx(exact, abs=0.03)
    assert 1 <= len(recorder._pass._recordings) < UPDATES  # sizes serve several updates
    assert recorder._pass.stop()
    assert losses(recorder)[-1] < exact[0]


def test_a_t4s_path_in_fp16(exact: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without variable-length attention, recorded."""
    monkeypatch.setattr(packing, "has_varlen_attention", lambda *_: False)
    in_fp16 = trainer(llama(torch.float16))
    assert losses(in_fp16) == pytest.approx(exact, abs=0.03)
    assert in_fp16._pass._recordings


def limit_memory(gib: float) -> None:
    """Lets this process have so much of the GPU's memory."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(gib * GIB / total)


def test_after_running_out_of_memory_micro_batches_are_smaller(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A batch that fits as a whole, and then in 0.7 GiB only in pieces: the same losses."""
    caplog.set_level(logging.INFO)
    results = []
    for gib in (60.0, 0.7):
        small = trainer(llama(torch.bfloat16, 512, 8))
        limit_memory(gib)
        small._micro_batches.tokens, small._micro_batches.measured = 10**6, True
        results.append(losses(small, longest=400))
        halved = "out of memory: micro-batches of" in caplog.text
        assert halved == (gib == 0.7)
        assert torch.cuda.max_memory_reserved() <= gib * GIB
        del small
    assert results[1] == pytest.approx(results[0], abs=0.03)


def test_a_large_batch_stays_within_15_gib() -> None:
    """A base of 0.7 billion parameters; what a pass may have follows from the free memory."""
    limit_memory(15.0)
    base = llama(torch.bfloat16, 2048, 16, vocabulary=32_000)
    assert sum(p.numel() for p in base.parameters()) > 0.7e9
    large = trainer(base)
    found = losses(large, longest=512, vocabulary=32_000)
    assert all(0 < loss < 30 for loss in found)
    assert large._micro_batches.measured
    assert large._micro_batches.tokens > 1024
    assert torch.cuda.max_memory_reserved() <= 15 * GIB
