"""Gated layers of fewer kernels stand in for those that they equal, and for no others."""

import pytest
import torch
from transformers import GemmaConfig, LlamaConfig
from transformers.models.gemma.modeling_gemma import GemmaMLP
from transformers.models.llama.modeling_llama import LlamaMLP

from stages.model import fused, gates

SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2}


class HalvedMLP(LlamaMLP):  # type: ignore[misc]
    """A layer that does a little more."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return super().forward(states) * 0.5


@pytest.fixture
def layer() -> torch.nn.Module:
    torch.manual_seed(3)
    return LlamaMLP(LlamaConfig(**SIZES))


def test_which_layers_can_be_fused(layer: torch.nn.Module) -> None:
    assert gates.can_be_fused(layer)
    assert gates.can_be_fused(layer.to(torch.bfloat16))
    assert not gates.can_be_fused(HalvedMLP(LlamaConfig(**SIZES)))
    assert not gates.can_be_fused(GemmaMLP(GemmaConfig(**SIZES)))  # another activation


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_size_of_weights_hides_another_activation(scale: float, dtype: torch.dtype) -> None:
    sizes = SIZES | {"hidden_size": 640, "intermediate_size": 2048}
    for kind, config, same in ((GemmaMLP, GemmaConfig, False), (LlamaMLP, LlamaConfig, True)):
        torch.manual_seed(3)
        layer = kind(config(**sizes))
        with torch.no_grad():
            layer.gate_proj.weight.mul_(scale)
        assert gates.can_be_fused(layer.to(dtype)) is same


def test_values_and_gradients_are_the_same_and_it_can_be_undone(
    layer: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = torch.nn.ModuleList([layer, HalvedMLP(LlamaConfig(**SIZES))]).train()
    states = torch.randn(1, 5, 16, requires_grad=True)
    expected = layer(states)
    (gradient,) = torch.autograd.grad(expected.pow(3).sum(), states)
    gates.use_fused_gates(model)
    assert type(model[0]) is LlamaMLP  # not on a CPU
    monkeypatch.setattr(fused, "is_on_gpu", lambda _: True)
    restore = gates.use_fused_gates(model)
    assert type(model[0]) is not LlamaMLP
    assert type(model[1]) is HalvedMLP
    assert model[0].training
    found = layer(states)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found.pow(3).sum(), states)[0], gradient)
    restore()
    assert type(model[0]) is LlamaMLP
