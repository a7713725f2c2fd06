"""Scores and intervals against computations by hand."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import evaluate
from stages.toolkit import scores
from stages.toolkit.records import Outcome, Sample, Unit
from stages.toolkit.scores import interval
from stages.toolkit.settings import Bootstrap

FEW = Bootstrap(resamples=100, seed=1)
NOTHING = Sample(np.zeros((10, 1)), lambda sums: sums[:, 0])

sets = st.lists(st.tuples(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5))), max_size=6)


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

    def f1(sums):
        return scores.f1_of_counts(*sums.T)

    sample, many = Sample(np.array(counts), f1), Bootstrap(resamples=4000, seed=1)
    low, high = interval(sample, many)
    assert low == pytest.approx(resampled[100], abs=0.01)
    assert high == pytest.approx(resampled[3900], abs=0.01)
    assert (low, high) == interval(sample, many)


def test_the_interval_of_equal_items_is_their_value() -> None:
    for count in (1, 9):
        unit = scores.mean_unit("accuracy", [0.5] * count, 0.0)
        assert (unit.value, interval(unit.sample, FEW)) == (0.5, (0.5, 0.5))


def test_stratified_resamples_have_every_label() -> None:
    """Of 17 labels with two items each a plain resample misses some, which then score 0."""
    gold = [label for label in range(17) for _ in range(2)]
    plain = scores.f1_unit(gold, gold, range(17), 0)
    stratified = scores.f1_unit(gold, gold, range(17), 0, stratified=True)
    assert interval(plain.sample, FEW)[0] < plain.value == 1.0
    assert interval(stratified.sample, FEW) == (1.0, 1.0)
    assert stratified.value == 1.0
    wrong = scores.f1_unit(gold, [0] * 3 + gold[3:], range(17), 0, stratified=True)
    low, high = interval(wrong.sample, FEW)
    assert low < wrong.value < high


labels = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1)


@given(labels)
def test_average_f1_follows_the_definition(pairs: list[tuple[str, str]]) -> None:
    """Label d has neither gold nor submission: 0 in the macro average, no weight in the other."""
    gold, found = zip(*pairs, strict=True)
    f1 = {}
    for label in "abcd":
        right = sum(g == f == label for g, f in pairs)
        both = gold.count(label) + found.count(label)
        f1[label] = 2 * right / both if both else 0.0
    macro = scores.f1_unit(gold, found, "abcd", "a")
    assert macro.value == pytest.approx(sum(f1.values()) / 4)
    assert macro.details == pytest.approx({f"f1_{k}": v for k, v in f1.items()})
    weighted = scores.f1_unit(gold, found, "abcd", "a", average="weighted")
    expected = sum(v * gold.count(k) for k, v in f1.items()) / len(gold)
    assert weighted.value == pytest.approx(expected)
    share = gold.count("a") / len(gold)
    assert macro.baseline == pytest.approx(2 * share / (1 + share) / 4)
    counts = scores.f1_counts(*(scores.indicator(side, "abcd") for side in (gold, found))).sum(0)
    assert scores.average_f1(counts, "macro") == pytest.approx(macro.value)
    assert scores.average_f1(counts, "weighted") == pytest.approx(weighted.value)


def test_sets_of_labels_are_scored_label_by_label() -> None:
    """F1 of a: 1 right of 2 given and 1 wanted, 2/3; of b: 1 of 1 and 2, 2/3; of c: 0."""
    gold, found = [{"a", "b"}, {"b"}, set()], [{"a", "b"}, {"a"}, set()]
    unit = scores.f1_unit(gold, found, "abc", {"b"})
    assert unit.value == pytest.approx(4 / 9)
    assert unit.baseline == pytest.approx((2 * 2 / 5) / 3)


def test_groups_of_items_are_resampled_and_items_scored() -> None:
    """A group that holds every item varies as little as one item; the value stays the same."""
    gold, found = list("aabbb"), list("abbba")
    alone = scores.f1_unit(gold, found, "ab", "a")
    one = scores.f1_unit(gold, found, "ab", "a", groups=[0] * 5)
    each = scores.f1_unit(gold, found, "ab", "a", groups=range(5))
    assert (alone.n, one.n, each.n) == (5, 1, 5)
    assert interval(one.sample, FEW) == (one.value, one.value)
    assert one.value == alone.value
    assert one.details == alone.details
    assert interval(each.sample, FEW) == interval(alone.sample, FEW)


def test_pearson_of_sums_is_pearson() -> None:
    draw = random.Random(2)
    gold = [draw.gauss(3, 1) for _ in range(50)]
    found = [g + draw.gauss(0, 1) for g in gold]
    unit = scores.pearson_unit({"": (gold, found)})
    mean = (sum(gold) / 50, sum(found) / 50)
    products = [(g - mean[0]) * (f - mean[1]) for g, f in zip(gold, found, strict=True)]
    squares = [sum((v - m) ** 2 for v in c) for c, m in zip((gold, found), mean, strict=True)]
    assert unit.value == pytest.approx(sum(products) / (squares[0] * squares[1]) ** 0.5)
    low, high = interval(unit.sample, FEW)
    assert low < unit.value < high
    two = scores.pearson_unit({"a": (gold, gold), "b": (gold, [-g for g in gold])})
    assert (two.metric, two.value) == ("mean_pearson", pytest.approx(0.0))
    assert interval(two.sample, FEW) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert scores.pearson_unit({"": (gold, [1.0] * 50)}).value == 0.0
    assert scores.spearman([1, 2, 3, 4], [1, 10, 100, 50]) == pytest.approx(0.8)


def test_the_majority_does_not_depend_on_order() -> None:
    assert scores.majority(["b", "a", "b", "a", "c"]) == "a"
    assert scores.majority([0, 1, 1]) == 1


def test_the_headline_is_the_mean_of_values_normalised_against_the_baseline() -> None:
    far = Unit("distance_km", 75.0, 300.0, NOTHING, better="lower", perfect=0.0)
    units = {"a": Unit("macro_f1", 0.75, 0.5, NOTHING), "b": far}
    intervals = {"a": (0.7, 0.8), "b": (60.0, 90.0)}
    linear = {"b": Unit("distance_km", 90.0, 300.0, NOTHING, better="lower", perfect=0.0)}
    report = evaluate.report(units, intervals, linear)
    assert report["headline"] == pytest.approx((0.5 + 0.75) / 2)
    keys = ["metric", "value", "n", "low", "high", "baseline", "better", "details"]
    assert list(report["units"]["a"]) == keys
    assert list(report["units"]["b"]) == [*keys[:6], "linear", *keys[6:]]
    assert report["units"]["b"]["linear"] == 90.0
    header, rows = evaluate.scores_table(units, intervals, linear)
    assert [rows[0][header.index(name)] for name in ("linear", "scaled_linear")] == [None, None]
    assert dict(zip(header, rows[1], strict=True)) == {
        "unit": "b",
        "metric": "distance_km",
        "score": 75.0,
        "low": 60.0,
        "high": 90.0,
        "baseline": 300.0,
        "linear": 90.0,
        "n": 10,
        "scaled_score": 0.75,
        "scaled_low": 0.8,
        "scaled_high": 0.7,
        "scaled_linear": 0.7,
    }


def test_without_gold_there_is_no_headline() -> None:
    assert evaluate.report({}, {}, {}) == {"headline": None, "units": {}}


def test_a_perfect_baseline_can_only_be_met_or_missed() -> None:
    assert Unit("f1", 1.0, 1.0, NOTHING).normalised == 1.0
    assert Unit("f1", 0.5, 1.0, NOTHING).normalised == 0.0


def test_tables_to_plot() -> None:
    outcomes = {
        "x": Outcome("label", ["sì", "no", "no"], ["no", "no", "sì"]),
        "": Outcome("number", [1.0, 2.5], [1, 3]),
        "p": Outcome("point", [(45.0, 9.0)], [(41.5, 12.5)]),
    }
    units = {"u": Unit("f1", 0.5, 0.0, NOTHING, outcomes=outcomes)}
    assert evaluate.confusion_table(units)[1] == [
        ["u_x", "no", "no", 1],
        ["u_x", "no", "sì", 1],
        ["u_x", "sì", "no", 1],
        ["u_x", "sì", "sì", 0],
    ]
    assert evaluate.numbers_table(units)[1] == [["u", 1.0, 1.0], ["u", 2.5, 3.0]]
    assert evaluate.points_table(units)[1] == [
        ["u_p", 0, "gold", 45.0, 9.0],
        ["u_p", 0, "submitted", 41.5, 12.5],
    ]
