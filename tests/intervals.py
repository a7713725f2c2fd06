"""Intervals of units, from few resamples."""

from stages.scores import Bootstrap, interval
from stages.tasks import Unit


def ends(unit: Unit) -> tuple[float, float]:
    """The ends of a unit's interval."""
    return interval(unit.sample, Bootstrap(resamples=100, seed=0))
