"""The check at load tells rounding from wrong numbers."""

import math

import pytest
import torch

from stages.model.check import Difference, beyond_rounding, difference

ALLOWED = 0.1


def noise() -> list[Difference]:
    return [Difference(0.4, 0.02), Difference(0.01, 0.001)]


def not_asked() -> list[Difference]:
    raise AssertionError("the noise is measured where it decides only")


def test_small_differences_need_no_noise() -> None:
    found = [Difference(0.05, 0.05), Difference(0.02, 0.01)]
    assert beyond_rounding(found, ALLOWED, not_asked) == pytest.approx(0.5)
    infinite = [Difference(math.inf, math.inf), found[1]]
    assert beyond_rounding(infinite, ALLOWED, not_asked) == math.inf


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
    assert (beyond_rounding(found, ALLOWED, noise) <= 1) == is_rounding


def test_differences_are_relative_and_a_constant_changes_nothing() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0], [1.0, -1.0, 0.0]])
    found = difference(logits, logits + 5)
    assert found.largest == pytest.approx(0.0, abs=1e-6)
    found = difference(logits, torch.stack([logits[0], 2 * logits[1]]))
    assert found == pytest.approx((1.0, 0.5))
