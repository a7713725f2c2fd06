"""Rotary positions in few kernels stand in for functions that they equal, and for no others."""

import types
from typing import Any

import pytest
import torch
from transformers.models.cohere import modeling_cohere
from transformers.models.llama import modeling_llama
from transformers.models.qwen2 import modeling_qwen2

from stages.model import rotations

LLAMAS = modeling_llama.apply_rotary_pos_emb


def test_which_functions_can_be_fused() -> None:
    assert rotations.can_be_fused(LLAMAS)
    assert rotations.can_be_fused(modeling_qwen2.apply_rotary_pos_emb)
    assert not rotations.can_be_fused(modeling_cohere.apply_rotary_pos_emb)  # neighbours in pairs
    assert not rotations.can_be_fused(lambda q, k, cos, sin: (q, k))
    assert not rotations.can_be_fused(lambda q, frequencies: q)


def states(heads: int) -> torch.Tensor:
    """As a model has them: a slice of what one product gives for queries, keys and values."""
    torch.manual_seed(heads)
    joined = torch.randn(1, 7, 10, 12)[:, :, :heads]
    return joined.transpose(1, 2).requires_grad_()


@pytest.mark.parametrize("key_heads", [4, 2, 0])
def test_values_and_gradients_are_transformers(key_heads: int) -> None:
    query, key = states(4), states(key_heads)
    cos, sin = torch.randn(1, 7, 12), torch.randn(1, 7, 12)
    expected = LLAMAS(query, key, cos, sin)
    found = rotations.rotated(query, cos, sin), rotations.rotated(key, cos, sin)
    torch.testing.assert_close(found, expected)
    gradients = [
        torch.autograd.grad(sum(part.pow(3).sum() for part in both), (query, key))
        for both in (expected, found)
    ]
    torch.testing.assert_close(*gradients)


def test_the_function_is_exchanged_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Linear(2, 2)
    module: Any = types.ModuleType("a_family")
    module.apply_rotary_pos_emb = LLAMAS
    monkeypatch.setitem(rotations.sys.modules, "a_family", module)
    monkeypatch.setattr(type(model), "__module__", "a_family")
    rotations.use_fused_rotations(model)
    assert module.apply_rotary_pos_emb is LLAMAS  # not on a CPU
    monkeypatch.setattr(rotations, "is_on_gpu", lambda _: True)
    restore = rotations.use_fused_rotations(model)
    assert module.apply_rotary_pos_emb.own is LLAMAS
    restore_nothing = rotations.use_fused_rotations(model)  # another path of the same family
    restore_nothing()
    query, key = states(4), states(2)
    cos, sin = torch.randn(2, 1, 7, 12)
    torch.testing.assert_close(
        module.apply_rotary_pos_emb(query, key, cos, sin), LLAMAS(query, key, cos, sin)
    )
    restore()
    assert module.apply_rotary_pos_emb is LLAMAS
