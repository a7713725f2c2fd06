"""Does a comparison of seeds find what is there, and nothing else?

Makes short runs of one setting that differ in their seed alone, and more with half the data.
Then draws groups of three seeds: compared with each other, the share of units that are called
different should be no more than the level (A/A); compared with groups of half the data, the
difference should be found.

    python -m benchmarks.replicates make OUT [--runs 5]   # as often as need be
    python -m benchmarks.replicates judge OUT
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis import direct
from stages.common.settings import PARAMS, load

SEEDS, HALF_SEEDS = 42, 21
TASKS = ["acti", "hodi", "wicita"]
SETTING = {"cap": 120, "epochs": 2, "batch": 8}


def runs() -> Iterator[tuple[str, Any]]:
    """Yields names and params of all runs."""
    for kind, count, cap in (("whole", SEEDS, SETTING["cap"]), ("half", HALF_SEEDS, 60)):
        for seed in range(1, count + 1):
            params = load(direct.ROOT / PARAMS)
            params["tasks"] = TASKS
            params["finetune"] |= SETTING | {"cap": cap, "seed": seed}
            yield f"{kind}-{seed}", params


def main() -> None:
    """Makes runs, or judges them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "judge"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=SEEDS + HALF_SEEDS)
    arguments = parser.parse_args()
    new = [
        (name, params) for name, params in runs() if not (arguments.out / "runs" / name).is_dir()
    ]
    direct.perform_all(arguments.out, dict(new[: arguments.runs]))


if __name__ == "__main__":
    main()
