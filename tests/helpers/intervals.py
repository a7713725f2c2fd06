"""Intervals of units, from few resamples."""

from stages.toolkit.records import Unit
from stages.toolkit.scores import interval
from stages.toolkit.settings import Bootstrap


def ends(unit: Unit) -> tuple[float, float]:
    """The ends of a unit's interval."""
    return interval(unit.sample, Bootstrap(resamples=100, seed=0))
