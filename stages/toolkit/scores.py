"""Scores, intervals and baselines: scikit-learn and scipy compute the figures.

A bootstrap needs a figure of thousands of resamples, so every metric is also given as a function of
sums over items: numbers of labels for F1, values for a mean, products for a correlation. To
resample items is then to weight the terms of these sums.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np

from stages.toolkit.records import Array, Outcome, Sample, Unit
from stages.toolkit.settings import Bootstrap

Item = TypeVar("Item", bound=Hashable)


# --- Resampling and baselines ---------------------------------------------------------------------


def resampled(samples: Sequence[Sample], bootstrap: Bootstrap) -> Array:
    """Computes the metric on resamples, drawn with replacement.

    Args:
        samples: one or several samples of the same items, of which the same ones are drawn.
        bootstrap: number of resamples and seed.

    Returns:
        The metric, of shape (samples, resamples).
    """
    random = np.random.default_rng(bootstrap.seed)
    count = len(samples[0].terms)
    members: dict[Hashable, list[int]] = {}
    for item, stratum in enumerate(samples[0].strata or [0] * count):
        members.setdefault(stratum, []).append(item)
    strata = [np.asarray(items) for items in members.values()]
    terms = [np.asarray(sample.terms, dtype=float) for sample in samples]
    sums = [np.empty((bootstrap.resamples, columns.shape[1])) for columns in terms]
    for row in range(bootstrap.resamples):
        drawn = np.concatenate([p[random.integers(len(p), size=len(p))] for p in strata])
        weights = np.bincount(drawn, minlength=count)
        for total, columns in zip(sums, terms, strict=True):
            total[row] = weights @ columns
    return np.stack([s.statistic(total) for s, total in zip(samples, sums, strict=True)])


def interval(sample: Sample, bootstrap: Bootstrap) -> tuple[float, float]:
    """Computes the ends of a 95 % percentile bootstrap interval."""
    low, high = np.percentile(resampled([sample], bootstrap), [2.5, 97.5])
    return float(low), float(high)


def of_task(unit: str, bootstrap: Bootstrap) -> Bootstrap:
    """A bootstrap that draws a task's items independently of other tasks'.

    Where figures of several units are joined, units of one task that have the same items must see
    the same draws, others should not.

    Args:
        unit: the unit's name, which begins with its task's.
        bootstrap: number of resamples and seed.
    """
    task = unit.partition("_")[0]
    seed = (bootstrap.seed + zlib.crc32(task.encode())) % 2**32
    return bootstrap.model_copy(update={"seed": seed})


def headline_interval(units: Mapping[str, Unit], bootstrap: Bootstrap) -> tuple[float, float]:
    """Computes the ends of a 95 % percentile bootstrap interval of the mean normalised value."""
    drawn = [
        unit.scaled_all(resampled([unit.sample], of_task(name, bootstrap))[0])
        for name, unit in units.items()
    ]
    low, high = np.percentile(np.mean(drawn, axis=0), [2.5, 97.5])
    return float(low), float(high)


def majority(values: Sequence[Item]) -> Item:
    """The most frequent value; of several the first in sorted order."""
    frequencies = Counter(values)
    highest = max(frequencies.values())
    return min((v for v, frequency in frequencies.items() if frequency == highest), key=repr)


# --- F1 -------------------------------------------------------------------------------------------


def micro_scores(
    gold: Sequence[AbstractSet[Item]], submitted: Sequence[AbstractSet[Item]]
) -> tuple[float, float, float]:
    """Compares sets of items, a set a document, pooled over documents.

    Args:
        gold: the items of each document.
        submitted: the items submitted for the same documents.

    Returns:
        Micro-averaged precision, recall and F1; 0 where nothing could be counted.
    """
    from sklearn.metrics import precision_recall_fscore_support

    pairs = [(i in g, i in s) for g, s in zip(gold, submitted, strict=True) for i in g | s]
    if not pairs:
        return 0.0, 0.0, 0.0
    is_gold, is_submitted = zip(*pairs, strict=True)
    precision, recall, f1, _ = precision_recall_fscore_support(
        is_gold, is_submitted, average="binary", pos_label=True, zero_division=0
    )
    return float(precision), float(recall), float(f1)


def f1_of_counts(right: Any, submitted: Any, gold: Any) -> Any:
    """F1 from numbers of labels, elementwise: 2·right / (submitted + gold).

    Equal to the harmonic mean of precision, right/submitted, and recall, right/gold; 0 where there
    are neither submitted nor gold labels.
    """
    both = np.asarray(submitted + gold, dtype=float)
    return np.divide(2.0 * right, both, out=np.zeros_like(both), where=both > 0)


def indicator(values: Sequence[Any], labels: Sequence[Hashable]) -> Array:
    """Which label, or labels, each item has: zeros and ones of shape (items, labels).

    Args:
        values: a label or a set of labels for each item.
        labels: the labels that are scored; others give a row of zeros.
    """
    sets = [v if isinstance(v, AbstractSet) else {v} for v in values]
    return np.array([[label in s for label in labels] for s in sets], dtype=int)


Average = Literal["macro", "weighted"]


def f1_counts(gold: Array, submitted: Array) -> Array:
    """Right, submitted and gold labels of each item, joined to rows: (items, 3 · labels)."""
    return np.hstack([gold * submitted, submitted, gold])


def average_f1(sums: Array, average: Average) -> Array:
    """The average over labels of the F1 of each, from sums of `f1_counts`.

    ``macro`` is the plain mean, in which a label that neither gold nor submission has scores 0;
    ``weighted`` weighs by the label's frequency in the gold (as scikit-learn defines them).
    """
    right, submitted, gold = np.split(sums, 3, axis=-1)
    f1 = f1_of_counts(right, submitted, gold)
    if average == "macro":
        return np.asarray(f1.mean(-1))
    total = gold.sum(-1)
    return np.asarray((f1 * gold).sum(-1) / np.where(total > 0, total, 1.0))


def f1_unit(
    gold: Sequence[Any],
    submitted: Sequence[Any],
    labels: Sequence[Hashable],
    baseline: Any,
    *,
    average: Average = "macro",
    details: Mapping[str, float] | None = None,
    groups: Sequence[int] | None = None,
    stratified: bool = False,
    answer: Callable[[Any], str] | None = None,
) -> Unit:
    """Scores labels, or sets of labels, by macro or weighted F1.

    Args:
        gold: the label or the set of labels of each item.
        submitted: the label or the set of labels submitted for the same items.
        labels: the labels that are averaged over.
        baseline: what the baseline submits for every item.
        average: over the labels.
        details: further figures; the F1 of each label is added as ``f1_LABEL``.
        groups: the number, from 0, of the group of each item, such as a token's sentence; groups
            are resampled. Without it every item is.
        stratified: keep each label's number of items when resampling items. With many labels and
            few items a resample would miss some, which would then score 0.
        answer: writes a label, or a set of them, for the confusion matrix; None: there is none.
    """
    from sklearn.metrics import f1_score

    is_gold, is_submitted = indicator(gold, labels), indicator(submitted, labels)
    constant = indicator([baseline] * len(gold), labels)
    f1 = f1_score(is_gold, is_submitted, average=None, zero_division=0)
    weights = is_gold.sum(0) if average == "weighted" and is_gold.any() else None
    counts = f1_counts(is_gold, is_submitted)
    if groups is not None:
        of_items, counts = counts, np.zeros((max(groups) + 1, 3 * len(labels)), dtype=int)
        np.add.at(counts, np.asarray(groups), of_items)
    each = {f"f1_{k}": float(v) for k, v in zip(labels, f1, strict=True)}
    return Unit(
        f"{average}_f1",
        float(np.average(f1, weights=weights)),
        float(average_f1(f1_counts(is_gold, constant).sum(0), average)),
        Sample(counts, partial(average_f1, average=average), gold if stratified else None),
        details={**(details or {}), **each},
        outcomes={"": labelled(gold, submitted, answer)} if answer else {},
    )


def labelled(
    gold: Sequence[Any], submitted: Sequence[Any], answer: Callable[[Any], str]
) -> Outcome:
    """Gold and submitted labels as answers."""
    return Outcome("label", list(map(answer, gold)), list(map(answer, submitted)))


# --- Means and correlations -----------------------------------------------------------------------


def mean_unit(
    metric: str,
    values: Sequence[float],
    baseline: float,
    *,
    better: Literal["higher", "lower"] = "higher",
    perfect: float = 1.0,
    details: Mapping[str, float] | None = None,
    outcome: Outcome | None = None,
) -> Unit:
    """Scores by the mean of a figure of each item: accuracy, Dice, distance."""
    from statistics import fmean

    return Unit(
        metric,
        fmean(values),
        baseline,
        Sample(np.array([[v] for v in values]), lambda sums: sums[:, 0] / len(values)),
        better=better,
        perfect=perfect,
        details=details or {},
        outcomes={"": outcome} if outcome else {},
    )


def pearson(gold: Sequence[float], submitted: Sequence[float]) -> float:
    """Pearson's r; 0 where gold or submission does not vary, for which it is not defined."""
    from scipy import stats

    if len(set(gold)) < 2 or len(set(submitted)) < 2:
        return 0.0
    return float(stats.pearsonr(gold, submitted).statistic)


def spearman(gold: Sequence[float], submitted: Sequence[float]) -> float:
    """Spearman's rho: Pearson's r of the ranks, of which ties share the mean."""
    from scipy import stats

    return pearson(stats.rankdata(gold).tolist(), stats.rankdata(submitted).tolist())


def pearson_unit(
    pairs: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    details: Mapping[str, float] | None = None,
) -> Unit:
    """Scores by Pearson's r, or the mean of several, of the same items.

    The baseline, a constant, does not vary: 0.

    Args:
        pairs: gold and submitted values by name, a pair of columns for each r.
        details: further figures.
    """
    columns = []
    for pair in pairs.values():
        x, y = (np.asarray(values, dtype=float) - np.mean(values) for values in pair)
        columns += [np.ones_like(x), x, y, x * x, y * y, x * y]

    def mean_r(sums: Array) -> Array:
        n, x, y, xx, yy, xy = np.moveaxis(sums.reshape(len(sums), len(pairs), 6), -1, 0)
        spread = np.maximum(n * xx - x * x, 0.0) * np.maximum(n * yy - y * y, 0.0)
        root = np.sqrt(spread)
        varies = root > 1e-9
        r = np.divide(n * xy - x * y, root, out=np.zeros_like(root), where=varies)
        return np.asarray(np.clip(r, -1.0, 1.0).mean(-1))

    return Unit(
        "pearson" if len(pairs) == 1 else "mean_pearson",
        sum(pearson(*pair) for pair in pairs.values()) / len(pairs),
        0.0,
        Sample(np.stack(columns, axis=1), mean_r),
        details=details or {},
        outcomes={name: Outcome("number", *pair) for name, pair in pairs.items()},
    )
