"""Recorded passes: a micro-batch that is filled up gives the same loss and the same gradient."""

from typing import Any

import pytest
import torch

from stages import packing, recording, training
from stages.model import TokenRow
from stages.recording import filled_up
from tests import tiny
from tests.test_model import CPU, FP32
from tests.test_packing import BRANCHING, ROWS
from tests.test_training import finetune

SETS = pytest.mark.parametrize("rows", [ROWS, BRANCHING, ROWS[:1]], ids=["rows", "branches", "one"])


def kernel(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    query_bounds: torch.Tensor,
    key_bounds: torch.Tensor,
    longest: int,
    most_keys: int,
    *,
    scale: float,
    window_size: tuple[int, int],
) -> torch.Tensor:
    """What the one kernel of GPUs computes, from its definition; what it leaves open is NaN."""
    assert window_size == (-1, 0)
    lengths, of_keys = query_bounds.diff().tolist(), key_bounds.diff().tolist()
    assert (max(lengths) <= longest, max(of_keys) <= most_keys) == (True, True)
    assert all((count > 0) == (keys > 0) for count, keys in zip(lengths, of_keys, strict=True))
    assert (query_bounds[0], query_bounds[-1], key_bounds[-1]) == (0, len(q), len(k))
    outs = []
    for queries, keys, values in zip(
        q.split(lengths), k.split(of_keys), v.split(of_keys), strict=True
    ):
        scores = torch.einsum("qhd,khd->hqk", queries, keys) * scale
        after = torch.ones(scores.shape[1:]).triu(1 + len(keys) - len(queries)).bool()
        weights = scores.masked_fill(after, -torch.inf).softmax(dim=-1)
        outs.append(torch.einsum("hqk,khd->qhd", weights, values))
    return torch.cat(outs)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were a GPU with the one kernel."""
    monkeypatch.setattr(packing, "one_kernel", lambda _: True)
    monkeypatch.setattr(recording, "one_kernel", lambda _: True)
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", kernel)


def learner() -> tuple[Any, training.Weights]:
    causal = tiny.causal(4, seed=1).requires_grad_(False)
    adapted = training.add_lora(causal, finetune().lora)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return adapted, training.prepare(adapted, FP32)


@SETS
def test_a_row_that_fills_up_changes_nothing(rows: list[TokenRow], gpu: None) -> None:
    adapted, weights = learner()
    packed = packing.arranged(rows, CPU)
    whole = filled_up(packed)
    assert whole.ids.shape[1] % 64 == len(whole.wanted) % 64 == 0
    assert (len(whole.branches.bounds[0]) - 1) % 64 == (len(whole.rows.bounds[0]) - 1) % 64 == 0
    assert len(whole.labels) == len(whole.wanted)
    found = []
    for each in (packed, whole):
        weights.values.grad.zero_()
        loss = training.answer_loss(adapted, each)
        weights.learn(loss)
        found.append((loss.detach(), weights.values.grad.clone()))
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-5)


def test_the_one_kernel_computes_as_row_by_row(monkeypatch: pytest.MonkeyPatch, gpu: None) -> None:
    adapted, _ = learner()
    with torch.no_grad():
        one = training.answer_loss(adapted, packing.arranged(BRANCHING, CPU))
        monkeypatch.setattr(packing, "one_kernel", lambda _: False)
        each = training.answer_loss(adapted, packing.arranged(BRANCHING, CPU))
    torch.testing.assert_close(one, each)
