"""Variants of LoRA: which layers, rsLoRA, LoRA+, DoRA, and the schedule of the learning rate."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer

from stages.common.command import InputError
from stages.model.lora import TrainedWeights
from stages.model.packed import PackedPath
from stages.model.plain import PlainPath
from stages.training.adapter import add_lora, named_targets
from stages.training.paths import choose_path
from stages.training.schedule import learning_rate
from stages.training.settings import Lora
from stages.training.state import TrainingState
from tests.helpers import encoders, tiny
from tests.helpers.trainings import token_rows

LORA: dict[str, Any] = {"targets": ["q_proj", "up_proj"], "rank": 4, "alpha": 8.0, "dropout": 0.0}
ATTENTION = ["k_proj", "o_proj", "q_proj", "v_proj"]
MLP = ["down_proj", "gate_proj", "up_proj"]


def adapted(**changes: Any) -> Any:
    return add_lora(tiny.causal(2, seed=1), Lora(**LORA | changes))


@pytest.mark.parametrize(
    ("targets", "names"), [("all", ATTENTION + MLP), ("attention", ATTENTION), ("mlp", MLP)]
)
def test_kinds_of_layers_are_found(targets: str, names: list[str]) -> None:
    assert named_targets(tiny.causal(2, seed=1), targets) == sorted(names)
    layers = {n for n, m in adapted(targets=targets).named_modules() if isinstance(m, LoraLayer)}
    assert {name.rpartition(".")[2] for name in layers} == set(names)


@pytest.mark.parametrize("name", ["BERT", "ModernBERT", "DistilBERT"])
def test_layers_of_an_encoder_are_told_apart_that_have_one_name(name: str, tmp_path: Path) -> None:
    """BERT has dense layers, and ModernBERT Wo, in its attention and beside it."""
    encoders.save(name, tmp_path)
    found = {}
    for targets in ("all", "attention", "mlp"):
        model = add_lora(encoders.bare(name, tmp_path), Lora(**LORA | {"targets": targets}))
        found[targets] = {n for n, m in model.named_modules() if isinstance(m, LoraLayer)}
    assert found["attention"] | found["mlp"] == found["all"]
    assert not found["attention"] & found["mlp"]
    assert found["mlp"]
    assert all("att" in path for path in found["attention"])


def test_a_base_without_such_layers_is_named() -> None:
    causal = tiny.causal(2, seed=1)
    causal.model.layers = torch.nn.ModuleList()
    with pytest.raises(InputError, match=r"finetune\.lora\.targets: the base has no linear layers"):
        named_targets(causal, "mlp")


def test_rslora_scales_by_the_root_of_the_rank() -> None:
    for rslora, scale in ((False, 8 / 4), (True, 8 / math.sqrt(4))):
        layers = [m for m in adapted(rslora=rslora).modules() if isinstance(m, LoraLayer)]
        assert {layer.scaling["default"] for layer in layers} == {scale}


@pytest.mark.parametrize("b_rate", [1.0, 16.0])
def test_lora_plus_is_adamw_with_a_rate_of_its_own_for_b(b_rate: float) -> None:
    """Against torch's optimizer with two groups of parameters."""
    model = adapted(b_rate=b_rate)
    other = copy.deepcopy(model)
    trained = dict(other.named_parameters())
    trained = {name: p for name, p in trained.items() if p.requires_grad}
    groups = [
        {"params": [p for n, p in trained.items() if ("lora_B" in n) == is_b], "times": times}
        for is_b, times in ((False, 1.0), (True, b_rate))
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    weights = TrainedWeights([p for p in model.parameters() if p.requires_grad])
    state = TrainingState(model, weights, torch.float32, b_rate)
    draw = torch.Generator().manual_seed(3)
    for rate in (1e-2, 5e-3, 1e-3):
        gradients = {n: torch.randn(p.shape, generator=draw) for n, p in trained.items()}
        for name, parameter in trained.items():
            parameter.grad = gradients[name].clone()
        norm = torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        assert norm > 1
        for group in optimizer.param_groups:
            group["lr"] = rate * group["times"]
        optimizer.step()
        flat = [gradients[n].flatten() for n, p in model.named_parameters() if p.requires_grad]
        weights.gradient.copy_(torch.cat(flat))
        state.update(rate, 1.0)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter, trained[name], rtol=1e-5, atol=1e-6)


def test_dora_is_trained_on_the_plain_path() -> None:
    rows = token_rows(6)
    assert isinstance(choose_path(adapted(rslora=True), rows, 0, "torch"), PackedPath)
    model = adapted(dora=True)
    path = choose_path(model, rows, 0, "torch")
    assert isinstance(path, PlainPath)
    assert any("magnitude" in name for name, p in model.named_parameters() if p.requires_grad)


def test_schedules_fall_as_they_say() -> None:
    def rates(schedule: str) -> list[float]:
        return [learning_rate(u, 10, 1.0, 0.2, schedule) for u in range(11)]

    for schedule in ("linear", "cosine", "constant"):
        assert rates(schedule)[:3] == [0.5, 1.0, 1.0]
    assert rates("constant")[3:] == [1.0] * 8
    assert rates("linear")[6] == pytest.approx(0.5)
    assert rates("cosine")[4] == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert rates("cosine")[10] == pytest.approx(rates("linear")[10]) == 0.0


def test_the_dev_loss_is_measured_by_sub_task(tiny_base: Path, tmp_path: Path) -> None:
    """Its mean, weighted by label tokens, is that of all together."""
    from stages.training.examples import Examples, label_tokens
    from stages.training.loop import train
    from tests.helpers.trainings import finetune_settings

    settings = finetune_settings(epochs=1)
    model = add_lora(tiny.causal(2, seed=1), settings.lora)
    rows, dev = token_rows(8), token_rows(9, seed=7)
    names = ["a", "b", "b"] * 3
    path = PackedPath(model)
    examples = Examples(rows, ["a"] * 8)
    progress = train(path, examples, dev, settings, tmp_path, dev_subtasks=names)
    losses = {subtask: loss for _, _, subtask, loss in progress.dev_by_subtask}
    labels = {
        name: label_tokens([r for r, n in zip(dev, names, strict=True) if n == name])
        for name in "ab"
    }
    mean = sum(losses[name] * labels[name] for name in "ab") / sum(labels.values())
    assert progress.dev[-1][2] == pytest.approx(mean)
    assert losses["a"] != losses["b"]
