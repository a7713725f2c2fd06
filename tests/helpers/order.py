"""The order in which tests keep all cores busy."""

from collections.abc import Sequence

import pytest


def longest_first(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Puts the long tests first in every worker's part of the list.

    pytest-xdist (`--dist worksteal`) cuts the list into a part for each worker; one that is done
    takes from the ends of the others. What needs the reproduced project is in the first worker's
    part, so that no other waits for it.

    Args:
        items: all tests that run.
        workers: number of pytest-xdist's workers.
    """
    reproduced, long, short = [], [], []
    for item in items:
        if "reproduced" in getattr(item, "fixturenames", ()):
            reproduced.append(item)
        elif any(map(item.get_closest_marker, ("process", "long"))):
            long.append(item)
        else:
            short.append(item)
    firsts = [reproduced]
    for n in range(workers - 1):
        share = len(long) // (workers - 1 - n)
        firsts.append(long[:share])
        del long[:share]
    firsts[-1] += long  # of a worker that is alone
    ordered: list[pytest.Item] = []
    for number, first in enumerate(firsts, start=1):
        room = len(items) * number // workers - len(ordered) - len(first)
        ordered += [*first, *short[: max(0, room)]]
        del short[: max(0, room)]
    return [*ordered, *short]
