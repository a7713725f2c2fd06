"""LoRA layers with one input are computed together, and give what peft's give."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from stages.model.lora import FlatLora

TOKENS, SIZE = 6, 8


class Layer(nn.Module):
    """Layers of several widths: three with one input, one with what follows, two by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}
        self.q, self.k, self.v = nn.Linear(SIZE, 10), nn.Linear(SIZE, 4), nn.Linear(SIZE, 4)
        self.o = nn.Linear(10, SIZE, bias=False)
        self.bare, self.unused = nn.Linear(SIZE, 3, bias=False), nn.Linear(SIZE, 3, bias=False)
        self.again = nn.Linear(SIZE, SIZE)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        queries = self.q(states).sin() * self.k(states).sum(-1, keepdim=True)
        return self.again(self.again(self.o(queries + self.v(states).mean() + self.extra(states))))

    def extra(self, states: torch.Tensor) -> torch.Tensor:
        return self.bare(states).mean(-1, keepdim=True)


@pytest.fixture
def model() -> Any:
    torch.manual_seed(1)
    base = Layer().requires_grad_(False)
    targets = ["q", "k", "v", "o", "bare", "again", "unused"]
    config = LoraConfig(
        r=3,
        lora_alpha=5,
        target_modules=targets,
        rank_pattern={"k": 2},
        alpha_pattern={"v": 7},
        use_rslora=True,
    )
    adapted = get_peft_model(base, config)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.3)
    return adapted


def members(lora: FlatLora, model: Any) -> list[set[str]]:
    names = {id(module): name.rpartition(".")[2] for name, module in model.named_modules()}
    return [{names[id(layer)] for layer in group.members} for group in lora._groups]


@pytest.mark.parametrize("grouped", [True, False])
def test_values_and_gradients_are_those_of_peft(model: Any, grouped: bool) -> None:
    states = torch.randn(1, TOKENS, SIZE)
    expected = model(states).pow(2).sum()
    expected.backward()
    trained = [p for p in model.parameters() if p.requires_grad]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in trained]
    lora = FlatLora(model, torch.float32, (lambda: model(states)) if grouped else None)
    together = members(lora, model)
    assert ({"q", "k", "v"} in together) == grouped
    assert {"bare"} in together  # it has no bias
    assert {"again"} in together  # it is called twice
    for _ in range(2):
        lora.refresh()
        found = model(states).pow(2).sum()
        torch.testing.assert_close(found, expected)
        lora.gradient.zero_()
        lora.backward(found)
        by_parameter = lora.gradients()
        for parameter, gradient in zip(trained, gradients, strict=True):
            torch.testing.assert_close(by_parameter[id(parameter)], gradient)
    lora.release()
    torch.testing.assert_close(model(states).pow(2).sum(), expected)


def test_layers_are_right_where_their_inputs_differ_after_all(model: Any) -> None:
    states, others = torch.randn(1, TOKENS, SIZE), torch.randn(1, TOKENS, SIZE)
    base = model.get_base_model()
    expected = base.q(states), base.k(others), base.v(states)
    lora = FlatLora(model, torch.float32, lambda: model(states))
    assert {"q", "k", "v"} in members(lora, model)
    torch.testing.assert_close((base.q(states), base.k(others), base.v(states)), expected)
    torch.testing.assert_close((base.q(states), base.q(states)), (expected[0], expected[0]))


def test_layers_with_one_input_share_their_draws_of_dropout() -> None:
    torch.manual_seed(2)
    base = Layer().requires_grad_(False)
    adapted = get_peft_model(base, LoraConfig(r=2, lora_dropout=0.5, target_modules=["k", "v"]))
    for layer in (base.k, base.v):
        layer.lora_A["default"].weight.data = torch.ones(2, SIZE)
        layer.lora_B["default"].weight.data = torch.ones(4, 2)
        layer.base_layer.weight.data = torch.zeros(4, SIZE)
        layer.base_layer.bias.data = torch.zeros(4)
    states = torch.randn(1, TOKENS, SIZE)

    def run() -> None:
        base.k(states), base.v(states)

    FlatLora(adapted, torch.float32, run)
    adapted.train()
    first, second = base.k(states), base.v(states)
    assert first.equal(second)
    assert not first.equal(base.k(states))
