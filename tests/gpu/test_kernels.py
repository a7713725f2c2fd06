"""Kernels of our own against what PyTorch computes, in values and gradients."""

import pytest
import torch

from stages.model import gates, rotations
from stages.model.packed import PackedPath
from tests.helpers.llamas import GPU, llama, with_adapter

DTYPES = pytest.mark.parametrize(
    ("dtype", "limit"),
    [(torch.float32, 1e-5), (torch.bfloat16, 2e-2), (torch.float16, 3e-3)],
    ids=["fp32", "bf16", "fp16"],
)


def drawn(dtype: torch.dtype, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, device=GPU, generator=torch.Generator(GPU).manual_seed(1)).to(dtype)


@DTYPES
@pytest.mark.parametrize("size", [64, 80])  # a power of two, and none
def test_rotations(dtype: torch.dtype, limit: float, size: int) -> None:
    joined = drawn(dtype, 37, 9, size)
    states, given = joined[:, 2:7], drawn(dtype, 37, 5, size)
    cos, sin = drawn(dtype, 37, size), drawn(dtype, 37, size).flip(0)
    for back, values in ((False, states), (True, given)):
        found = rotations.rotate(values, cos, sin, back=back)
        wide = [tensor.cpu().double() for tensor in (values, cos, sin)]
        exact = rotations.rotate(wide[0], wide[1], wide[2], back=back)
        torch.testing.assert_close(found.cpu().double(), exact, atol=limit, rtol=limit)


@DTYPES
@pytest.mark.parametrize("width", [96, 2500])
def test_gates(dtype: torch.dtype, limit: float, width: int) -> None:
    joined, given = drawn(dtype, 37, 2 * width), drawn(dtype, 1, 37, width).flip(1)

    def outcome(joined: torch.Tensor, given: torch.Tensor) -> list[torch.Tensor]:
        halves = [half.unsqueeze(0).requires_grad_() for half in joined.chunk(2, dim=-1)]
        product = gates.gated(*halves)
        gradients = torch.autograd.grad(product, halves, given)
        return [tensor.detach().cpu().double() for tensor in (product, *gradients)]

    found = outcome(joined, given)
    exact = outcome(joined.cpu().double(), given.cpu().double())
    torch.testing.assert_close(found, exact, atol=limit, rtol=limit)


def test_they_are_used() -> None:
    model = with_adapter(llama(torch.bfloat16))
    layer = model.get_base_model().model.layers[0]
    path = PackedPath(model)
    assert type(layer.mlp).__name__ == "FusedLlamaMLP"
    assert type(layer.input_layernorm).__name__ == "FusedLlamaRMSNorm"
    assert hasattr(rotations.sys.modules[type(layer).__module__].apply_rotary_pos_emb, "own")
    path.release()
    assert type(layer.mlp).__name__ == "LlamaMLP"
