"""Decisions: figures against scikit-learn and scipy, and rules that are learnt when they pay."""

import random
from typing import Any

import numpy as np
import pytest
from haversine import haversine
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score

from stages import tasks
from stages.toolkit import decisions
from stages.toolkit.decisions import F1, Accuracy, Answered, Closeness, Correlation, learn
from tests.helpers.number_forms import number_form

LABELS = ["a", "b", "c"]
ONE = number_form((0.0, 10.0), decimals=1)


def counts(gold: list[str], given: list[str], labels: list[str]) -> Any:
    table = np.zeros((len(labels), len(labels)))
    for g, s in zip(gold, given, strict=True):
        table[labels.index(g), labels.index(s)] += 1
    return table


@pytest.mark.parametrize("seed", range(3))
def test_figures_of_labels_are_those_of_scikit_learn(seed: int) -> None:
    draw = random.Random(seed)
    gold, given = (draw.choices(LABELS, [6, 3, 1], k=40) for _ in range(2))
    table = counts(gold, given, LABELS)
    for average in ("macro", "weighted"):
        expected = f1_score(gold, given, labels=LABELS, average=average, zero_division=0)
        assert F1(average).over(LABELS)(table) == pytest.approx(expected)
    assert Accuracy().over(LABELS)(table) == pytest.approx(accuracy_score(gold, given))


def test_an_answer_of_several_parts_is_judged_part_by_part() -> None:
    """As PoliticIT's traits and EMit's columns are."""
    draw = random.Random(1)
    for name, subtask in (("politicit", "politicit"), ("emit", "emit_b")):
        task = tasks.load(name)
        candidates, figure = list(task.CLOSED[subtask]), task.FIGURES[subtask]
        assert isinstance(figure, F1)
        gold, given = (draw.choices(candidates, k=60) for _ in range(2))
        found = figure.over(candidates)(counts(gold, given, candidates))
        pairs = [list(map(figure.labels, answers)) for answers in (gold, given)]
        groups = []
        for part in range(len(pairs[0][0])):
            names = sorted(set().union(*(labels[part] for labels in pairs[0] + pairs[1])), key=repr)
            of_names = [
                f1_score([n in g[part] for g in pairs[0]], [n in s[part] for s in pairs[1]])
                for n in names
            ]
            groups.append(np.mean(of_names))
        assert len(groups) == (3 if name == "politicit" else 1)
        assert found == pytest.approx(np.mean(groups))


def test_figures_of_numbers_are_those_of_scipy_and_haversine() -> None:
    draw = np.random.default_rng(2)
    gold, given = draw.uniform(40, 44, (2, 30, 2))
    expected = np.mean([pearsonr(gold[:, i], given[:, i]).statistic for i in range(2)])
    assert Correlation().of(gold, given) == pytest.approx(expected)
    assert Correlation().of(gold, np.full_like(gold, 3.5)) == 0.0
    distances = [haversine(g, s) for g, s in zip(gold.tolist(), given.tolist(), strict=True)]
    assert Closeness().of(gold, given) == pytest.approx(-np.mean(distances))


def skewed(count: int, seed: int, tilt: float) -> list[Answered]:
    """Answers of a model that knows something, but thinks yes much likelier than it is."""
    draw, rows = random.Random(seed), []
    for n in range(count):
        gold = draw.random() < 0.5
        logit = (1.5 if gold else -1.5) + draw.gauss(0, 1) + tilt
        yes = 1 / (1 + np.exp(-logit))
        shares = {"sì": yes, "no": 1 - yes}
        rows.append(Answered(f"q:{n}", max(shares, key=shares.__getitem__), shares, None,
                             "sì" if gold else "no"))  # fmt: skip
    return rows


def test_a_threshold_is_learnt_that_holds_on_other_questions() -> None:
    decision = learn(skewed(120, 1, tilt=2.5), F1(), None)
    assert decision.rule is not None
    others = skewed(400, 2, tilt=2.5)
    gold = [str(row.gold) for row in others]
    plain = f1_score(gold, [row.answer for row in others], average="macro")
    ruled = f1_score(gold, [decision.rule.answer(row) for row in others], average="macro")
    assert ruled > plain + 0.2
    assert decision.describe()["rule"] == "offsets"


@pytest.mark.parametrize("rows", [skewed(120, 3, tilt=0.0), skewed(19, 4, tilt=2.5)])
def test_without_a_gain_beyond_chance_answers_stay_as_they_are(rows: list[Answered]) -> None:
    decision = learn(rows, F1(), None)
    assert decision.rule is None
    assert decision.describe()["rule"] == "plain"


def test_chance_alone_seldom_gives_a_rule() -> None:
    """Of probabilities that know nothing about the gold."""
    taken = 0
    for seed in range(20):
        draw, rows = random.Random(seed), []
        for n in range(40):
            shares = {"sì": (yes := draw.random()), "no": 1 - yes}
            best = max(shares, key=shares.__getitem__)
            rows.append(Answered(f"q:{n}", best, shares, None, draw.choice(["sì", "no"])))
        taken += learn(rows, Accuracy(), None).rule is not None
    assert taken <= 6  # one in six is beyond one standard error, if errors are normal


def test_means_are_answered_where_modes_do_not_vary() -> None:
    draw = random.Random(5)
    golds = [round(draw.uniform(2, 8), 1) for _ in range(60)]
    rows = [
        Answered(f"q:{n}", "5.0", None, [5 + 0.2 * (g - 5) + draw.gauss(0, 0.1)], f"{g:.1f}")
        for n, g in enumerate(golds)
    ]
    decision = learn(rows, Correlation(), ONE)
    assert isinstance(decision.rule, decisions.Means)
    assert decision.plain == 0.0
    assert decision.ruled > 0.9
    assert decision.rule.answer(rows[0]._replace(expectations=[4.26])) == "4.3"
    assert decision.rule.answer(rows[0]._replace(expectations=None)) == "5.0"


def test_points_are_drawn_to_the_centre_where_the_model_knows_little() -> None:
    draw = random.Random(6)
    form = number_form((35.0, 47.0), (6.0, 18.0), decimals=2, before="[geo] ")

    def point() -> list[float]:
        return [round(draw.uniform(40, 44), 2), round(draw.uniform(10, 14), 2)]

    rows = []
    for n in range(60):
        gold, said = point(), point()
        wanted, answer = (str(form.fill("[geo]", numbers)) for numbers in (gold, said))
        rows.append(Answered(f"q:{n}", answer, None, said, wanted))
    decision = learn(rows, Closeness(), form)
    assert isinstance(decision.rule, decisions.Means)
    assert decision.rule.shrink <= 0.25
    assert decision.ruled > decision.plain


def test_candidates_of_another_sub_task_are_left_as_they_are() -> None:
    rule = decisions.Offsets({"sì": 0.0, "no": 9.0})
    assert rule.answer(Answered("q:1", "sì", {"sì": 0.9, "no": 0.1})) == "no"
    assert rule.answer(Answered("q:1", "sì")) == "sì"
    assert rule.answer(Answered("q:1", "Covid", {"Covid": 0.9, "Qanon": 0.1})) == "Covid"
