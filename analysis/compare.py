"""Compare two runs: is the difference of their scores more than chance?

Both runs are scored on the same gold, and their figures computed on the same resamples of the test
items, 1,000 times or as params.yaml says: a paired bootstrap. A run is a folder of submissions or
the name of a commit, branch or DVC experiment, whose submissions are taken from DVC's cache.

    python -m analysis.compare exp-rank-2 exp-rank-8
    python -m analysis.compare main

Without a second run, the first is compared with the submissions that lie in data/submissions. The
column linear has the scores of the linear models, whose submissions lie in data/baseline; to
compare a run with them:

    python -m analysis.compare data/baseline/submissions

The p-value is two-sided: twice the share of resamples on the other side of 0, the observed data
counted as one of them (Davison and Hinkley, Bootstrap Methods and their Application, 1997, ch. 4).
With many units some are small by chance: the q-value is the share of false discoveries among the
units with a q at most as large (Benjamini and Hochberg, 1995).
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.common import settings
from stages.common.command import InputError, argument_parser, first_line, run
from stages.common.outputs import check_sums
from stages.evaluate import Settings, evaluate
from stages.toolkit.records import Unit
from stages.toolkit.scores import resampled
from stages.toolkit.settings import Bootstrap

SUBMISSIONS = "data/submissions"
LINEAR = Path("data/baseline/submissions")


@dataclass(frozen=True)
class Difference:
    """What B has more than A in a unit.

    Attributes:
        metric: the unit's metric.
        a: the value of A.
        b: the value of B.
        low: lower end of the 95 % interval of b - a.
        high: upper end.
        p: two-sided p-value.
        better: "A" or "B", or "" where the interval holds 0.
    """

    metric: str
    a: float
    b: float
    low: float
    high: float
    p: float
    better: str


def difference(a: Unit, b: Unit, bootstrap: Bootstrap) -> Difference:
    """Compares two units on the same resamples.

    Raises:
        InputError: if they are not of the same items.
    """
    import numpy as np

    if a.n != b.n:
        raise InputError(f"the runs do not have the same test items: {a.n} and {b.n}")
    first, second = resampled([a.sample, b.sample], bootstrap)
    low, high = np.percentile(second - first, [2.5, 97.5])
    beyond = 1 + min(np.sum(second <= first), np.sum(second >= first))
    p = min(1.0, 2.0 * float(beyond) / (bootstrap.resamples + 1))
    larger = "B" if low > 0 else "A" if high < 0 else ""
    if larger and a.better == "lower":
        larger = "A" if larger == "B" else "B"
    return Difference(a.metric, a.value, b.value, float(low), float(high), p, larger)


def compare(
    a: Mapping[str, Unit], b: Mapping[str, Unit], bootstrap: Bootstrap
) -> dict[str, Difference]:
    """Compares the units that both runs have.

    Raises:
        InputError: if they have none in common.
    """
    common = [name for name in a if name in b]
    if not common:
        raise InputError("the runs have no scored unit in common")
    return {name: difference(a[name], b[name], bootstrap) for name in common}


def table(differences: Mapping[str, Difference], linear: Mapping[str, Unit]) -> str:
    """The differences as a Markdown table, with the scores of the linear models."""
    from scipy.stats import false_discovery_control
    from tabulate import tabulate

    q_values = false_discovery_control([d.p for d in differences.values()])
    rows = [
        [
            name,
            d.metric.replace("_", " "),
            f"{linear[name].value:.3f}" if name in linear else "–",
            f"{d.a:.3f}",
            f"{d.b:.3f}",
            f"{d.b - d.a:+.3f}",
            f"{d.low:+.3f} to {d.high:+.3f}",
            f"{d.p:.3f}",
            f"{q:.3f}",
            d.better,
        ]
        for (name, d), q in zip(differences.items(), q_values, strict=True)
    ]
    header = ["unit", "metric", "linear", "A", "B", "B - A", "95 % interval", "p", "q", "better"]
    return str(tabulate(rows, header, tablefmt="github", disable_numparse=True))


def find(run_name: str, temporary: Path) -> tuple[Path, Settings]:
    """Finds a run's submissions, and the settings under which they were made.

    Args:
        run_name: a folder, or what names a revision to git or DVC.
        temporary: where to put what has to be fetched.

    Raises:
        InputError: if there is no such run, or its submissions are not in the cache.
    """
    if Path(run_name).is_dir():
        check_sums(Path(run_name))
        return Path(run_name), settings.read(Settings)
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError

    try:
        files = DVCFileSystem(".", rev=run_name)
        files.get_file("params.yaml", str(temporary / "params.yaml"))
        files.get(SUBMISSIONS, str(temporary / "submissions"), recursive=True)
    except (DvcException, SCMError, OSError) as error:
        raise InputError(
            f"{run_name}: no folder, and no revision with {SUBMISSIONS} in the cache (dvc fetch"
            f" --all-commits, or of an experiment dvc exp pull, fetches them): {error}"
        ) from error
    try:
        check_sums(temporary / "submissions")
    except InputError as error:
        raise InputError(
            f"{run_name}: {SUBMISSIONS} came damaged from DVC's cache, of which make integrity says"
            f" more, or from a remote: {first_line(error)}"
        ) from error
    return temporary / "submissions", settings.read(Settings, temporary / "params.yaml")


def score_both(names: Sequence[str], raw: Path) -> list[dict[str, Unit]]:
    """Scores two runs on the same gold, and the linear models where they answered the same items.

    Returns:
        The units of the two runs and of the linear models.

    Raises:
        InputError: if they were not tested on the same items.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary, side) for side in "AB"]
        for folder in folders:
            folder.mkdir()
        runs = [find(name, folder) for name, folder in zip(names, folders, strict=True)]
        if runs[0][1].encode != runs[1][1].encode:
            raise InputError("the runs hold out other test items: their encode settings differ")
        here = settings.read(Settings)
        if LINEAR.is_dir() and here.encode == runs[0][1].encode:
            runs.append((LINEAR, here))
        scored = [evaluate(raw, submissions, chosen) for submissions, chosen in runs]
        return [*scored, {}][:3]


def main() -> None:
    """Compares two runs and prints the table."""
    params: Any = settings.load(settings.PARAMS)
    parser = argument_parser(__doc__)
    parser.add_argument("a", metavar="A", help="folder of submissions, or a revision")
    parser.add_argument(
        "b",
        metavar="B",
        nargs="?",
        default=SUBMISSIONS,
        help="likewise; by default %(default)s, the run that lies there",
    )
    parser.add_argument("--raw", type=Path, default=Path(params["data"]["raw"]), metavar="RAW")
    arguments = parser.parse_args()
    a, b, linear = score_both([arguments.a, arguments.b], arguments.raw)
    print(f"A: {arguments.a}\nB: {arguments.b}\n")
    print(table(compare(a, b, settings.read(Settings).evaluate), linear))


if __name__ == "__main__":
    run(main)
