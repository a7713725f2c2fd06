"""Norms of one kernel stand in for those that they equal, and for no others."""

import pytest
import torch
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from stages.model import fused, norms


def filled(norm: torch.nn.Module, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    torch.manual_seed(3)
    torch.nn.init.normal_(norm.weight, mean=1.0)
    return norm.to(dtype)


class HalvedRMSNorm(LlamaRMSNorm):  # type: ignore[misc]
    """A norm that does a little more."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return super().forward(states) * 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_which_norms_can_be_fused(dtype: torch.dtype) -> None:
    assert norms.can_be_fused(filled(LlamaRMSNorm(64), dtype))
    for other in (HalvedRMSNorm(64), GemmaRMSNorm(64), torch.nn.LayerNorm(64)):
        assert not norms.can_be_fused(filled(other, dtype))


def test_fused_norms_give_the_same_and_can_be_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Sequential(filled(LlamaRMSNorm(64)), filled(HalvedRMSNorm(64)))
    states = torch.randn(2, 5, 64, requires_grad=True)
    expected = model(states)
    (gradient,) = torch.autograd.grad(expected.pow(3).sum(), states)
    monkeypatch.setattr(fused, "is_on_gpu", lambda _: True)
    restore = norms.use_fused_norms(model)
    assert type(model[0]) is not LlamaRMSNorm
    assert type(model[1]) is HalvedRMSNorm
    found = model(states)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found.pow(3).sum(), states)[0], gradient)
    restore()
    assert type(model[0]) is LlamaRMSNorm
