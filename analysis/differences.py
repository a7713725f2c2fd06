"""Differences between settings that were run with several seeds: how large, and more than chance?

A score has chance in it from the test items and from the seed: of the adapter's first weights, of
the order of examples, of rounding. Let a setting's score be the mean of its runs. The variance of a
difference of two settings is estimated as

    s_a² / n_a + s_b² / n_b + max(0, v - e_a / n_a - e_b / n_b)

s² being the variance of scores over the seeds of a setting; v the variance of the difference when
test items are resampled, the same ones for all runs; and e the variance of a single run's deviation
from its setting's other runs in these resamples. The scores of seeds differ on the same items
anyway, so that e is a part of s², and only what is left of v, items on which the settings as such
differ, comes on top. The difference is compared with Student's t, of degrees of freedom by
Satterthwaite (An Approximate Distribution of Estimates of Variance Components, 1946) and without
assuming that seeds scatter alike in both settings (Welch, The Generalization of Student's Problem,
1947).

Why not resample seeds: three seeds have but ten different resamples, whose variance is too small by
the factor 2/3, and a percentile interval has no heavier tails for it; a permutation of three and
three has no p below 0.1. How often each procedure errs is measured by benchmarks/replicates.py
(docs/decisions/0009).

A setting of one run has nothing to tell of seeds. The interval is then that of a paired bootstrap
of test items, and its p is twice the share of resamples on the other side of 0, the observed data
counted as one (Davison and Hinkley, Bootstrap Methods and their Application, 1997, ch. 4).

With many units some p are small by chance. q is the share of false discoveries among those with a q
at most as large (Benjamini and Hochberg, Controlling the False Discovery Rate, 1995); a setting is
called better where q is at most 0.05. The headlines are a family of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from stages.common.command import InputError
from stages.toolkit.records import Array, Unit
from stages.toolkit.scores import of_task, resampled
from stages.toolkit.settings import Bootstrap

HEADLINE = "headline"
LEVEL = 0.05

Run = Mapping[str, Unit]
"""The units of a run, by name."""


@dataclass(frozen=True)
class Scores:
    """A unit's scores of the runs of a setting.

    Attributes:
        metric: the unit's metric.
        n: number of test items, or of units of a headline.
        values: of each run.
        resamples: of each run on the same resamples of the test items; (runs, resamples).
        better: which direction is better.
    """

    metric: str
    n: int
    values: Array
    resamples: Array
    better: Literal["higher", "lower"]

    @property
    def mean(self) -> float:
        """The mean over runs."""
        return float(self.values.mean())

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None of a single one."""
        return float(self.values.std(ddof=1)) if len(self.values) > 1 else None

    @property
    def interaction(self) -> float:
        """The variance of a run's deviation from the other runs when items are resampled."""
        return float((self.resamples - self.values[:, None]).var(axis=0, ddof=1).mean())

    def interval(self) -> tuple[float, float]:
        """A 95 % interval of the mean, over seeds and items; of one run over items alone."""
        if len(self.values) == 1:
            low, high = np.percentile(self.resamples[0], [2.5, 97.5])
            return float(low), float(high)
        count = len(self.values)
        seeds = float(self.values.var(ddof=1)) / count
        items = max(0.0, float(self.resamples.mean(0).var(ddof=1)) - self.interaction / count)
        half = _half_width(seeds + items, _freedom(seeds + items, [(seeds, count)]))
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class Difference:
    """What B has more than A in a unit.

    Attributes:
        metric: the unit's metric.
        a: the mean of A's runs.
        b: the mean of B's runs.
        low: lower end of the 95 % interval of b - a.
        high: upper end.
        p: two-sided p-value.
        seeds: numbers of runs of A and B.
        better_is: which direction is better.
        q: p, adjusted for all units that were compared.
    """

    metric: str
    a: float
    b: float
    low: float
    high: float
    p: float
    seeds: tuple[int, int]
    better_is: Literal["higher", "lower"] = "higher"
    q: float = 1.0

    @property
    def better(self) -> str:
        """A or B, or "" where the adjusted test sees no difference."""
        if self.q > LEVEL or self.a == self.b:
            return ""
        return "B" if (self.b > self.a) == (self.better_is == "higher") else "A"

    @property
    def items_only(self) -> bool:
        """Whether chance in the seeds is left out, for there is one seed only."""
        return min(self.seeds) == 1


def scores(runs: Sequence[Run], bootstrap: Bootstrap) -> dict[str, Scores]:
    """Computes the scores of a setting's runs, those of the headline first.

    Args:
        runs: of one setting, with the same units.
        bootstrap: number of resamples and seed.

    Raises:
        InputError: if the runs do not have the same units and items.
    """
    if any(run.keys() != runs[0].keys() for run in runs):
        raise InputError("the runs of a setting do not have the same units")
    found: dict[str, Scores] = {}
    scaled = []
    for name, unit in runs[0].items():
        units = [run[name] for run in runs]
        if len({u.n for u in units}) > 1:
            sizes = " and ".join(sorted({str(u.n) for u in units}))
            raise InputError(f"{name}: the runs do not have the same test items: {sizes}")
        drawn = resampled([u.sample for u in units], of_task(name, bootstrap))
        found[name] = Scores(
            unit.metric, unit.n, np.array([u.value for u in units]), drawn, unit.better
        )
        # The baseline is the same in all runs.
        scaled.append((np.array([u.normalised for u in units]), unit.scaled_all(drawn)))
    if not scaled:
        return found
    values, drawn = (np.mean(parts, axis=0) for parts in zip(*scaled, strict=True))
    return {HEADLINE: Scores("mean, scaled", len(found), values, drawn, "higher"), **found}


def difference(a: Scores, b: Scores) -> Difference:
    """Compares a unit's scores of two settings.

    Args:
        a: of the one, on the same resamples as the other's.
        b: of the other.

    Raises:
        InputError: if they are not of the same items.
    """
    if a.n != b.n:
        raise InputError(f"the runs do not have the same test items: {a.n} and {b.n}")
    gap = b.mean - a.mean
    seeds = (len(a.values), len(b.values))
    gaps = b.resamples.mean(0) - a.resamples.mean(0)
    if min(seeds) == 1:
        low, high = np.percentile(gaps, [2.5, 97.5])
        beyond = 1 + min(np.sum(gaps <= 0), np.sum(gaps >= 0))
        p = min(1.0, 2.0 * float(beyond) / (len(gaps) + 1))
    else:
        parts = [(float(s.values.var(ddof=1)) / n, n) for s, n in zip((a, b), seeds, strict=True)]
        common = a.interaction / seeds[0] + b.interaction / seeds[1]
        variance = sum(part for part, _ in parts) + max(0.0, float(gaps.var(ddof=1)) - common)
        freedom = _freedom(variance, parts)
        half = _half_width(variance, freedom)
        low, high = gap - half, gap + half
        p = _p(gap, variance, freedom)
    return Difference(a.metric, a.mean, b.mean, float(low), float(high), p, seeds, a.better)


def _freedom(variance: float, parts: Sequence[tuple[float, int]]) -> float:
    """Satterthwaite's degrees of freedom of a variance some parts of which are of few seeds."""
    squares = sum(part**2 / (n - 1) for part, n in parts)
    return variance**2 / squares if squares > 0 else np.inf


def _half_width(variance: float, freedom: float) -> float:
    from scipy import stats

    return float(stats.t.ppf(1 - LEVEL / 2, freedom) * np.sqrt(variance))


def _p(gap: float, variance: float, freedom: float) -> float:
    from scipy import stats

    if variance == 0:
        return float(gap == 0)
    return float(2 * stats.t.sf(abs(gap) / np.sqrt(variance), freedom))


def compare(a: Mapping[str, Scores], b: Mapping[str, Scores]) -> dict[str, Difference]:
    """Compares the units that two settings have; q is left to `adjusted`.

    Raises:
        InputError: if they have none in common, or other test items.
    """
    common = [name for name in a if name in b]
    if not set(common) - {HEADLINE}:
        raise InputError("the runs have no scored unit in common")
    if a.keys() != b.keys():
        common.remove(HEADLINE)  # a mean of other units
    return {name: difference(a[name], b[name]) for name in common}


Comparisons = Mapping[str, Mapping[str, Difference]]
"""Of settings with a baseline, unit by unit, by the setting's name."""


def adjusted(comparisons: Comparisons) -> dict[str, dict[str, Difference]]:
    """Fills in q: over the units of all comparisons, and over their headlines."""
    from scipy.stats import false_discovery_control

    found = {setting: dict(units) for setting, units in comparisons.items()}
    for is_headline in (True, False):
        keys = [
            (setting, name)
            for setting, units in found.items()
            for name in units
            if (name == HEADLINE) == is_headline
        ]
        q_values = false_discovery_control([found[s][name].p for s, name in keys]) if keys else []
        for (setting, name), q in zip(keys, q_values, strict=True):
            found[setting][name] = replace(found[setting][name], q=float(q))
    return found


def headline(run: Run) -> float:
    """The headline of a run: the mean of its units' normalised values."""
    return float(np.mean([unit.normalised for unit in run.values()]))
