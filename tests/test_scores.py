"""Scores and intervals against computations by hand."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages import evaluate, scores
from stages.tasks import Bootstrap, Unit

sets = st.lists(st.tuples(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5))), max_size=6)


@settings(deadline=None)
@given(sets)
def test_micro_scores_follow_the_definition(documents: list[tuple[set[int], set[int]]]) -> None:
    gold, found = [g for g, _ in documents], [f for _, f in documents]
    right = sum(len(g & f) for g, f in documents)
    given_, wanted = sum(map(len, found)), sum(map(len, gold))
    precision = right / given_ if given_ else 0.0
    recall = right / wanted if wanted else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    assert scores.micro_scores(gold, found) == pytest.approx((precision, recall, f1))
    assert scores.f1_of_counts(right, given_, wanted) == pytest.approx(f1)


def test_the_interval_is_that_of_resampled_items() -> None:
    """Against a plain loop over resamples, with other random numbers."""
    draw = random.Random(4)
    counts = [
        (r, r + draw.randrange(3), r + draw.randrange(3)) for r in draw.choices(range(8), k=40)
    ]
    resampled = []
    for _ in range(4000):
        right, given_, wanted = map(sum, zip(*draw.choices(counts, k=40), strict=True))
        resampled.append(2 * right / (given_ + wanted))
    resampled.sort()
    columns = list(zip(*counts, strict=True))

    def f1(*columns, axis):
        return scores.f1_of_counts(*(c.sum(axis) for c in columns))

    low, high = scores.interval(f1, columns, Bootstrap(resamples=4000, seed=1))
    assert low == pytest.approx(resampled[100], abs=0.01)
    assert high == pytest.approx(resampled[3900], abs=0.01)
    assert (low, high) == scores.interval(f1, columns, Bootstrap(resamples=4000, seed=1))


def test_the_interval_of_one_item_is_its_value() -> None:
    def mean(column, axis):
        return column.mean(axis)

    assert scores.interval(mean, [[0.5]], Bootstrap(resamples=100, seed=1)) == (0.5, 0.5)
    assert scores.interval(mean, [[0.5] * 9], Bootstrap(resamples=100, seed=1)) == (0.5, 0.5)


def test_the_headline_is_the_mean_of_values_normalised_against_the_baseline() -> None:
    units = {
        "a": Unit("macro_f1", 0.75, 10, 0.7, 0.8, 0.5),
        "b": Unit("distance_km", 75.0, 10, 70, 80, 300.0, better="lower", perfect=0.0),
    }
    report = evaluate.report(units)
    assert report["headline"] == pytest.approx((0.5 + 0.75) / 2)
    assert list(report["units"]["a"]) == [
        *("metric", "value", "n", "low", "high", "baseline", "better", "details")
    ]
    header, rows = evaluate.scores_table(units)
    assert dict(zip(header, rows[1], strict=True)) == {
        "unit": "b",
        "metric": "distance_km",
        "score": 75.0,
        "normalised": 0.75,
        "low": 70,
        "high": 80,
        "baseline": 300.0,
        "n": 10,
    }


def test_without_gold_there_is_no_headline() -> None:
    assert evaluate.report({}) == {"headline": None, "units": {}}


def test_a_perfect_baseline_can_only_be_met_or_missed() -> None:
    assert Unit("f1", 1.0, 1, 1.0, 1.0, 1.0).normalised == 1.0
    assert Unit("f1", 0.5, 1, 0.5, 0.5, 1.0).normalised == 0.0
