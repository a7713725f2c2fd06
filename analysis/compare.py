"""Compare settings: is the difference of their scores more than chance in test items and seeds?

Each argument is a run, or several runs of one setting that differ in their seed, joined by commas;
a run is a folder of submissions or the name of a commit, branch or DVC experiment, whose
submissions are taken from DVC's cache. The first setting is the baseline that all others are
compared with (analysis/differences.py says how).

    python -m analysis.compare exp-rank-2 exp-rank-8
    python -m analysis.compare rank2-1,rank2-2,rank2-3 rank8-1,rank8-2,rank8-3
    python -m analysis.compare main

Without a second setting, the first is compared with the submissions that lie in data/submissions.
The column linear has the scores of the linear models, whose submissions lie in data/baseline; to
compare a run with them:

    python -m analysis.compare data/baseline/submissions
"""

import io
import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple

from analysis.differences import Difference, Run, adjusted, compare, scores
from stages.common import settings
from stages.common.command import InputError, argument_parser, first_line, run
from stages.evaluate import Settings, evaluate
from stages.toolkit.records import Unit

SUBMISSIONS = "data/submissions"
LINEAR = Path("data/baseline/submissions")


class Found(NamedTuple):
    """A run's submissions, and the settings under which they were made."""

    submissions: Path
    settings: Settings


# --- Runs -----------------------------------------------------------------------------------------


def find(run_name: str, temporary: Path) -> Found:
    """Finds a run's submissions, and the settings under which they were made.

    Args:
        run_name: a folder, or what names a revision to git or DVC.
        temporary: where to put what has to be fetched.

    Raises:
        InputError: if there is no such run, or its submissions are not in the cache.
    """
    if (folder := Path(run_name)).is_dir():
        if (folder / "params.yaml").is_file() and (folder / "submissions").is_dir():
            return Found(folder / "submissions", settings.read(Settings, folder / "params.yaml"))
        return Found(folder, settings.read(Settings))
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError
    from dvc_data.index import DataIndexDirError

    temporary.mkdir(parents=True, exist_ok=True)
    try:
        files = DVCFileSystem(".", rev=run_name)
        files.get_file("params.yaml", str(temporary / "params.yaml"))
    except (DvcException, SCMError, OSError) as error:
        raise InputError(
            f"{run_name}: no folder, and no revision with params.yaml: {first_line(error)}"
        ) from error
    disabled, logging.root.manager.disable = logging.root.manager.disable, logging.CRITICAL
    try:
        with redirect_stderr(io.StringIO()):  # DVC prints a traceback for each absent file
            files.get(SUBMISSIONS, str(temporary / "submissions"), recursive=True)
    except (DvcException, SCMError, OSError, DataIndexDirError) as error:
        raise InputError(absent(run_name)) from error
    finally:
        logging.root.manager.disable = disabled
    return Found(temporary / "submissions", settings.read(Settings, temporary / "params.yaml"))


def absent(run_name: str) -> str:
    """Says what to type where a revision's submissions are not in the cache."""
    return (
        f"{run_name}: its submissions are not in the cache; `dvc exp apply {run_name} && dvc pull"
        f" {SUBMISSIONS}` fetches them if a remote has them, `dvc exp run` then makes them again"
    )


def score(groups: Sequence[Sequence[Found]], raw: Path) -> list[list[dict[str, Unit]]]:
    """Scores the runs of settings on the same gold.

    Args:
        groups: the runs of each setting.
        raw: folder of raw files, with gold.

    Raises:
        InputError: if they were not tested on the same items.
    """
    first = groups[0][0].settings
    if any(each.settings.encode != first.encode for group in groups for each in group):
        raise InputError("the runs hold out other test items: their encode settings differ")
    return [[evaluate(raw, each.submissions, each.settings) for each in group] for group in groups]


def score_linear(raw: Path, like: Settings) -> dict[str, Unit]:
    """Scores the linear models, if they answered the same items."""
    here = settings.read(Settings)
    if not LINEAR.is_dir() or here.encode != like.encode:
        return {}
    return evaluate(raw, LINEAR, here)


# --- Table ----------------------------------------------------------------------------------------

COLUMNS = ["unit", "metric", "linear", "A", "B", "B - A", "95 % interval", "p", "q", "better"]


def rows(differences: Mapping[str, Difference], linear: Mapping[str, Unit]) -> list[list[str]]:
    """The differences as rows of a table, with the scores of the linear models."""
    return [
        [
            name,
            d.metric.replace("_", " "),
            f"{linear[name].value:.3f}" if name in linear else "–",
            f"{d.a:.3f}",
            f"{d.b:.3f}",
            f"{d.b - d.a:+.3f}",
            f"{d.low:+.3f} to {d.high:+.3f}",
            f"{d.p:.3f}",
            f"{d.q:.3f}",
            d.better,
        ]
        for name, d in differences.items()
    ]


def table(differences: Mapping[str, Difference], linear: Mapping[str, Unit]) -> str:
    """The differences as a Markdown table."""
    from tabulate import tabulate

    made = rows(differences, linear)
    return str(tabulate(made, COLUMNS, tablefmt="github", disable_numparse=True))


def chance(differences: Iterable[Difference]) -> str:
    """Says which chance the intervals speak of."""
    found = list(differences)
    if any(d.items_only for d in found):
        return "one seed: test noise only; another seed moves scores too"
    a, b = found[0].seeds
    return f"{a} and {b} seeds: noise of test items and seeds"


def main() -> None:
    """Compares settings and prints tables."""
    params: Any = settings.load(settings.PARAMS)
    parser = argument_parser(__doc__)
    parser.add_argument("baseline", metavar="A", help="run, or runs of a setting, a comma between")
    parser.add_argument(
        "others",
        metavar="B",
        nargs="*",
        default=[SUBMISSIONS],
        help=f"likewise; by default {SUBMISSIONS}, the run that lies there",
    )
    parser.add_argument("--raw", type=Path, default=Path(params["data"]["raw"]), metavar="RAW")
    arguments = parser.parse_args()
    names = [arguments.baseline, *arguments.others]
    bootstrap = settings.read(Settings).evaluate
    with tempfile.TemporaryDirectory() as temporary:
        groups = [
            [find(each, Path(temporary, f"{n}-{m}")) for m, each in enumerate(name.split(","))]
            for n, name in enumerate(names)
        ]
        scored: list[list[Run]] = [list(group) for group in score(groups, arguments.raw)]
        linear = score_linear(arguments.raw, groups[0][0].settings)
    common = set.intersection(*(set(each) for group in scored for each in group))
    of_settings = [
        scores([{k: u for k, u in each.items() if k in common} for each in group], bootstrap)
        for group in scored
    ]
    pairs = zip(names[1:], of_settings[1:], strict=True)
    comparisons = adjusted({name: compare(of_settings[0], other) for name, other in pairs})
    for name, differences in comparisons.items():
        print(f"A: {arguments.baseline}\nB: {name}\n{chance(differences.values())}\n")
        print(table(differences, linear), end="\n\n")


if __name__ == "__main__":
    run(main)
