"""How many random cases a test draws: all of them, or a few in `make quick`, which sets QUICK."""

import os

from hypothesis import HealthCheck, settings

QUICK = bool(os.environ.get("QUICK"))


def few_if_quick(count: int) -> int:
    """The number of cases, an eighth of it in `make quick`."""
    return max(3, count // 8) if QUICK else count


def cases(count: int) -> settings:
    """Settings of a hypothesis test that draws so many cases, however long one takes."""
    return settings(
        max_examples=few_if_quick(count), deadline=None, suppress_health_check=list(HealthCheck)
    )
