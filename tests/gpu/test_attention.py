"""Variable-length attention against SDPA, segment by segment, and both against fp32."""

import pytest
import torch

from stages.model import packing
from stages.model.attention import packed_logits, use_packed_attention
from stages.model.packing import pack
from tests.helpers.llamas import GPU, llama, long_rows


def logits_and_gradient(dtype: torch.dtype) -> list[torch.Tensor]:
    """Logits of packed rows, and the gradient of a sum over them, in fp32."""
    causal = llama(dtype)
    use_packed_attention(causal)
    weights = [layer.self_attn.q_proj.weight.requires_grad_() for layer in causal.model.layers]
    logits = packed_logits(causal, pack(long_rows(24), GPU, dtype))
    gradients = torch.autograd.grad(logits.float().pow(3).sum(), weights)
    return [logits.detach().float(), *(gradient.float() for gradient in gradients)]


def error(result: list[torch.Tensor], exact: list[torch.Tensor]) -> list[float]:
    """The relative error of each tensor."""
    return [float((r - e).norm() / e.norm()) for r, e in zip(result, exact, strict=True)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_one_kernel_is_as_exact_as_segment_by_segment(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_one_kernel = logits_and_gradient(dtype)
    monkeypatch.setattr(packing, "has_varlen_attention", lambda *_: False)
    by_segment, exact = logits_and_gradient(dtype), logits_and_gradient(torch.float32)
    limits = error(by_segment, exact)
    for found, limit in zip(error(in_one_kernel, exact), limits, strict=True):
        assert found < 2 * limit + 1e-3
