"""Scores and their intervals: scikit-learn computes the figures, scipy resamples them."""

import warnings
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeVar

from stages.tasks import Bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

Item = TypeVar("Item", bound=Hashable)


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


def interval(
    statistic: Callable[..., Any], columns: Sequence[Sequence[float]], bootstrap: Bootstrap
) -> tuple[float, float]:
    """Computes a 95 % percentile bootstrap interval over paired columns.

    Args:
        statistic: takes one array for each column and the axis of the items.
        columns: figures of the items that are resampled together, one column a figure.
        bootstrap: number of resamples and seed.

    Returns:
        The ends of the interval; for a single item both are its value.
    """
    import numpy as np
    from scipy import stats

    data: list[NDArray[np.float64]] = [np.asarray(column, dtype=float) for column in columns]
    if len(data[0]) < 2:
        value = float(statistic(*data, axis=-1))
        return value, value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # all resamples are equal
        result = stats.bootstrap(
            data,
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=bootstrap.resamples,
            batch=100,
            method="percentile",
            rng=np.random.default_rng(bootstrap.seed),
        )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
