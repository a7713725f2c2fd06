"""The check at load tells rounding from wrong numbers."""

import math
from typing import Any

import pytest
import torch

from stages.model import check
from stages.model.check import Difference, beyond_rounding, difference, first_exact, in_fp32
from stages.model.packed import PackedPath
from stages.model.plain import PlainPath
from stages.training.adapter import add_lora
from stages.training.paths import choose_path
from tests.helpers import tiny
from tests.helpers.trainings import finetune_settings, token_rows

ALLOWED = 0.1


NOISE = [Difference(0.4, 0.02), Difference(0.01, 0.001)]


class Way:
    """A way that is off by so much.

    Attributes:
        made: how many there are.
    """

    made = 0

    def __init__(self, found: float) -> None:
        self.found = [Difference(found, 0.03), Difference(0.05, 0.01)]
        Way.made += 1

    def release(self) -> None:
        Way.made -= 1


@pytest.mark.parametrize(
    ("found", "chosen", "asked"),
    [(0.05, "first", 0), (0.5, "first", 1), (0.9, "second", 1), (math.inf, "second", 0)],
    ids=["small", "the model's own", "wrong", "infinite"],
)
def test_the_models_own_noise_is_measured_where_it_decides_and_without_a_way(
    found: float, chosen: str, asked: int
) -> None:
    """A way that has its hands on the model would be measured in place of the model."""
    Way.made, asked_for = 0, []

    def noise() -> list[Difference]:
        asked_for.append(Way.made)
        return NOISE

    ways = {"first": lambda: Way(found), "second": lambda: Way(0.01)}
    way = first_exact(ways, lambda way: way.found, ALLOWED, noise)
    assert way is not None
    assert (way.found[0].largest == found) == (chosen == "first")
    assert asked_for == [0] * asked
    assert Way.made == 1


@pytest.mark.parametrize(
    ("largest", "mean", "is_rounding"),
    [
        (0.5, 0.03, True),  # a position that the model's own rounding moves as much
        (0.9, 0.03, False),  # more than that
        (0.5, 0.2, False),  # everywhere, as where a window is ignored
    ],
)
def test_a_large_difference_is_held_against_the_models_own(
    largest: float, mean: float, is_rounding: bool
) -> None:
    found = [Difference(largest, mean), Difference(0.05, 0.01)]
    assert (beyond_rounding(found, ALLOWED, NOISE) <= 1) == is_rounding


def test_differences_are_relative_and_a_constant_changes_nothing() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [1.0, -1.0, 0.0]])
    found = difference(logits, logits + 5)
    assert found.largest == pytest.approx(0.0, abs=1e-6)
    found = difference(logits, torch.stack([logits[0], 2 * logits[1]]))
    assert found == pytest.approx((1.0, 0.5))


def base_in_16_bits() -> Any:
    return tiny.causal(key_heads=2, seed=3, spread=0.1).to(torch.bfloat16)


def test_a_base_computes_in_fp32_for_a_while_and_is_as_before() -> None:
    base = base_in_16_bits()
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    ids = torch.tensor([[3, 5, 7]])
    with in_fp32(base):
        assert base(ids).logits.dtype == torch.float32
    assert all(torch.equal(base.state_dict()[name], values) for name, values in before.items())
    assert base(ids).logits.dtype == torch.bfloat16


@pytest.mark.parametrize("is_wrong", [False, True])
def test_a_path_in_16_bits_is_held_against_the_models_own_rounding(
    is_wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a fixed limit that no path keeps."""
    monkeypatch.setitem(check.ROUNDING, torch.bfloat16, 1e-6)
    if is_wrong:
        right = PackedPath.logits
        monkeypatch.setattr(PackedPath, "logits", lambda *given: 1.5 * right(*given))
    model = add_lora(base_in_16_bits(), finetune_settings().lora)
    path = choose_path(model, token_rows(20), 0, "torch")
    assert isinstance(path, PlainPath if is_wrong else PackedPath)
