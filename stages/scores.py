"""Scores, baselines and intervals: scikit-learn and scipy compute the figures.

A bootstrap needs a figure of thousands of resamples, so every metric is also given as a function of
sums over items: counts for F1, values for a mean, products for a correlation. Resampling items is
then weighting the terms of these sums.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from stages.tasks import Bootstrap, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Item = TypeVar("Item", bound=Hashable)

Statistic = Callable[["Array"], "Array"]
"""From sums over items, of shape (resamples, columns), to a figure for each resample."""


# --- Intervals and baselines ----------------------------------------------------------------------


def interval(
    statistic: Statistic,
    columns: Any,
    bootstrap: Bootstrap,
    *,
    strata: Sequence[Hashable] | None = None,
) -> tuple[float, float]:
    """Computes a 95 % percentile bootstrap interval of a function of sums.

    Args:
        statistic: the figure.
        columns: terms of the sums, of shape (items, columns); the items are resampled.
        bootstrap: number of resamples and seed.
        strata: a class for each item; every resample has as many items of each as there are.

    Returns:
        The ends of the interval.
    """
    import numpy as np

    terms = np.asarray(columns, dtype=float)
    random = np.random.default_rng(bootstrap.seed)
    members: dict[Hashable, list[int]] = {}
    for item, stratum in enumerate(strata or [0] * len(terms)):
        members.setdefault(stratum, []).append(item)
    parts = [np.asarray(items) for items in members.values()]
    sums = np.empty((bootstrap.resamples, terms.shape[1]))
    for row in sums:
        drawn = np.concatenate([p[random.integers(len(p), size=len(p))] for p in parts])
        row[:] = np.bincount(drawn, minlength=len(terms)) @ terms
    low, high = np.percentile(statistic(sums), [2.5, 97.5])
    return float(low), float(high)


def majority(values: Sequence[Item]) -> Item:
    """The most frequent value; of several the first in sorted order."""
    counts = Counter(values)
    most = max(counts.values())
    return min((v for v, count in counts.items() if count == most), key=repr)


# --- F1 -------------------------------------------------------------------------------------------


def micro_scores(
    gold: Sequence[AbstractSet[Item]], found: Sequence[AbstractSet[Item]]
) -> tuple[float, float, float]:
    """Compares sets of items, a set a document, pooled over documents.

    Args:
        gold: the items of each document.
        found: the items submitted for the same documents.

    Returns:
        Micro-averaged precision, recall and F1; 0 where nothing could be counted.
    """
    from sklearn.metrics import precision_recall_fscore_support

    pairs = [(item in g, item in f) for g, f in zip(gold, found, strict=True) for item in g | f]
    if not pairs:
        return 0.0, 0.0, 0.0
    is_gold, is_found = zip(*pairs, strict=True)
    precision, recall, f1, _ = precision_recall_fscore_support(
        is_gold, is_found, average="binary", pos_label=True, zero_division=0
    )
    return float(precision), float(recall), float(f1)


def f1_of_counts(right: Any, given: Any, wanted: Any) -> Any:
    """F1 as 2·right / (given + wanted), elementwise; 0 where nothing is given or wanted.

    Equal to the harmonic mean of precision right/given and recall right/wanted.
    """
    import numpy as np

    both = np.asarray(given + wanted, dtype=float)
    return np.divide(2.0 * right, both, out=np.zeros_like(both), where=both > 0)


def indicator(values: Sequence[Any], labels: Sequence[Hashable]) -> "Array":
    """Which label, or labels, each item has: zeros and ones of shape (items, labels).

    Args:
        values: a label or a set of labels for each item.
        labels: all labels that count; others give a row of zeros.
    """
    import numpy as np

    sets = [v if isinstance(v, AbstractSet) else {v} for v in values]
    return np.array([[label in s for label in labels] for s in sets], dtype=int)


Average = Literal["macro", "weighted"]


def f1_counts(gold: "Array", found: "Array") -> "Array":
    """Right, given and wanted labels of each item, side by side: (items, 3 · labels)."""
    import numpy as np

    return np.hstack([gold * found, found, gold])


def average_f1(sums: "Array", average: Average) -> "Array":
    """The average over labels of the F1 of each, from sums of `f1_counts`.

    ``macro`` is the plain mean, in which a label that neither gold nor submission has scores 0;
    ``weighted`` weighs by the label's frequency in the gold (as scikit-learn defines them).
    """
    import numpy as np

    right, given, wanted = np.split(sums, 3, axis=-1)
    f1 = f1_of_counts(right, given, wanted)
    if average == "macro":
        return np.asarray(f1.mean(-1))
    total = wanted.sum(-1)
    return np.asarray((f1 * wanted).sum(-1) / np.where(total > 0, total, 1.0))


def f1_unit(
    gold: Sequence[Any],
    found: Sequence[Any],
    labels: Sequence[Hashable],
    baseline: Any,
    bootstrap: Bootstrap,
    *,
    average: Average = "macro",
    details: Mapping[str, float] | None = None,
    groups: Sequence[int] | None = None,
    stratified: bool = False,
) -> Unit:
    """Scores labels, or sets of labels, by macro or weighted F1.

    Args:
        gold: the label or the set of labels of each item.
        found: what was submitted for the same items.
        labels: the labels that are averaged over.
        baseline: what the baseline submits for every item.
        bootstrap: number of resamples and seed.
        average: over the labels.
        details: further figures; the F1 of each label is added as ``f1_LABEL``.
        groups: the number, from 0, of the group of each item, such as a token's sentence; groups
            are resampled. Without it every item is.
        stratified: keep each label's number of items when resampling items. With many labels and
            few items a resample would miss some, which would then score 0.
    """
    import numpy as np
    from sklearn.metrics import f1_score

    wanted, given = indicator(gold, labels), indicator(found, labels)
    constant = indicator([baseline] * len(gold), labels)

    def score(submitted: "Array", average: Average | None) -> Any:
        return f1_score(wanted, submitted, average=average, zero_division=0)

    counts = f1_counts(wanted, given)
    if groups is not None:
        of_items, counts = counts, np.zeros((max(groups) + 1, 3 * len(labels)), dtype=int)
        np.add.at(counts, np.asarray(groups), of_items)
    low, high = interval(
        lambda s: average_f1(s, average), counts, bootstrap, strata=gold if stratified else None
    )
    each = {f"f1_{k}": float(v) for k, v in zip(labels, score(given, None), strict=True)}
    return Unit(
        f"{average}_f1",
        float(score(given, average)),
        len(counts),
        low,
        high,
        float(score(constant, average)),
        details={**(details or {}), **each},
    )


# --- Means and correlations -----------------------------------------------------------------------


def mean_unit(
    metric: str,
    values: Sequence[float],
    baseline: float,
    bootstrap: Bootstrap,
    *,
    better: Literal["higher", "lower"] = "higher",
    perfect: float = 1.0,
    details: Mapping[str, float] | None = None,
) -> Unit:
    """Scores by the mean of a figure of each item: accuracy, Dice, distance."""
    from statistics import fmean

    low, high = interval(lambda s: s[:, 0] / len(values), [[v] for v in values], bootstrap)
    return Unit(
        metric,
        fmean(values),
        len(values),
        low,
        high,
        baseline,
        better=better,
        perfect=perfect,
        details=details or {},
    )


def pearson(gold: Sequence[float], found: Sequence[float]) -> float:
    """Pearson's r; 0 where one side does not vary, for which it is not defined."""
    from scipy import stats

    if len(set(gold)) < 2 or len(set(found)) < 2:
        return 0.0
    return float(stats.pearsonr(gold, found).statistic)


def spearman(gold: Sequence[float], found: Sequence[float]) -> float:
    """Spearman's rho: Pearson's r of the ranks, of which ties share the mean."""
    from scipy import stats

    return pearson(stats.rankdata(gold).tolist(), stats.rankdata(found).tolist())


def pearson_unit(
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]],
    bootstrap: Bootstrap,
    details: Mapping[str, float] | None = None,
) -> Unit:
    """Scores by Pearson's r, or the mean of several, of the same items.

    The baseline, a constant, does not vary: 0.

    Args:
        pairs: gold and submitted values, a pair of columns for each r.
        bootstrap: number of resamples and seed.
        details: further figures.
    """
    import numpy as np

    columns = []
    for pair in pairs:
        x, y = (np.asarray(side, dtype=float) - np.mean(side) for side in pair)
        columns += [np.ones_like(x), x, y, x * x, y * y, x * y]

    def mean_r(sums: "Array") -> "Array":
        n, x, y, xx, yy, xy = np.moveaxis(sums.reshape(len(sums), len(pairs), 6), -1, 0)
        spread = np.maximum(n * xx - x * x, 0.0) * np.maximum(n * yy - y * y, 0.0)
        root = np.sqrt(spread)
        varies = root > 1e-9
        r = np.divide(n * xy - x * y, root, out=np.zeros_like(root), where=varies)
        return np.asarray(np.clip(r, -1.0, 1.0).mean(-1))

    low, high = interval(mean_r, np.stack(columns, axis=1), bootstrap)
    value = sum(pearson(*pair) for pair in pairs) / len(pairs)
    metric = "pearson" if len(pairs) == 1 else "mean_pearson"
    return Unit(metric, value, len(pairs[0][0]), low, high, 0.0, details=details or {})
