"""Experiments: what they scored, what was changed, what they cost; and which ones have failed.

A table of DVC's experiments since the last commit. DVC shows the figures of the commit in the rows
of those that have not finished; here they are empty, and failures are listed with their cause. An
experiment that DVC calls running may have been killed: if its process is gone, it is called so.

    python -m analysis.experiments
    python -m analysis.experiments --unit acti_b   # with that unit's score
    python -m analysis.experiments --clear         # forget what has failed, was killed or is done

Clearing removes tasks of DVC's queue and temporary folders, never an experiment with results.
"""

import json
import logging
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.dvc import dvc
from analysis.emissions import with_emissions
from analysis.report import flat
from stages.common.command import argument_parser, run

log = logging.getLogger(__name__)

TEMPORARY = Path(".dvc/tmp/exps")
LIST = 30  # characters of a list that is shown in full
COSTS = ("seconds", "peak_memory_gib", "energy_kwh", "co2e_kg")


class Experiment(NamedTuple):
    """A row of DVC's table.

    Attributes:
        name: of the experiment; workspace, or a commit.
        state: "" of a finished one, else queued, running, killed or failed.
        params: values of params.yaml by dotted key.
        metrics: content of each metrics file, by its path; of finished ones alone.
        folder: the temporary one where it runs.
        log: what it printed.
    """

    name: str
    state: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    folder: Path | None = None
    log: Path | None = None


def git(*arguments: str, given: str = "") -> str:
    """Runs git and returns what it printed."""
    command = ["git", *arguments]
    done = subprocess.run(command, input=given, text=True, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return done.stdout


def read(shown: Sequence[Mapping[str, Any]]) -> Iterator[Experiment]:
    """Yields the rows of `dvc exp show --json`: the workspace, the commit, its experiments."""
    for base in shown:
        yield _row(base["name"] or base["rev"][:9], base["data"], {})
        for each in base["experiments"] or ():
            last = each["revs"][-1]
            yield _row(each["name"] or last["rev"][:7], last["data"], each["executor"] or {})


def _row(name: str, data: Mapping[str, Any] | None, executor: Mapping[str, Any]) -> Experiment:
    from psutil import pid_exists

    data, local = data or {}, executor.get("local") or {}
    state = executor.get("state") or "success"
    if state == "running" and local.get("pid") and not pid_exists(local["pid"]):
        state = "killed"
    params = (data.get("params") or {}).get("params.yaml", {}).get("data", {})
    metrics = {path: file.get("data", {}) for path, file in (data.get("metrics") or {}).items()}
    return Experiment(
        name,
        "" if state == "success" else state,
        dict(flat(params)),
        metrics if state == "success" else {},
        Path(local["root"]) if local.get("root") else None,
        Path(local["log"]) if local.get("log") else None,
    )


def table(experiments: Sequence[Experiment], unit: str = "") -> tuple[list[str], list[list[Any]]]:
    """Makes the table: header and rows.

    Args:
        experiments: of which the params that are not the same in all get a column.
        unit: the name of a unit whose score is shown too, or "".
    """
    keys = dict.fromkeys(key for each in experiments for key in each.params)
    changed = [k for k in keys if len({str(e.params.get(k)) for e in experiments}) > 1]
    header = ["experiment", "state", "headline", *([unit] if unit else []), *changed, *COSTS]
    rows = []
    for each in experiments:
        evaluated = each.metrics.get("metrics/evaluate.json", {})
        cost = _cost(each)
        score = evaluated.get("units", {}).get(unit)
        said = "{value:.3f} ({low:.3f} to {high:.3f})".format(**score) if score else ""
        rows.append(
            [
                each.name,
                each.state,
                evaluated.get("headline"),
                *([said] if unit else []),
                *(_shown(each.params.get(key)) for key in changed),
                *(cost.get(key) for key in COSTS),
            ]
        )
    return header, rows


def _shown(value: Any) -> Any:
    """A setting as the table shows it: of a long list the beginning and the number of values."""
    if not isinstance(value, list):
        return value
    text = ", ".join(map(str, value))
    return text if len(text) <= LIST else f"{value[0]}, … ({len(value)})"


def _cost(experiment: Experiment) -> dict[str, float]:
    """What finetune and infer have cost: the larger memory, the sums of the rest."""
    records = [
        with_emissions(record, experiment.params["cost.country"])
        for path, record in experiment.metrics.items()
        if path.startswith("metrics/cost/")
    ]
    total = {}
    for key in COSTS:
        known = [record[key] for record in records if record.get(key) is not None]
        if known:
            total[key] = max(known) if key == "peak_memory_gib" else sum(known)
    return {key: float(f"{figure:.4g}") for key, figure in total.items()}


def cause(experiment: Experiment) -> str:
    """Returns the first error that a failed experiment has printed, or where to look for it."""
    if experiment.log is None or not experiment.log.is_file():
        return "no log"
    lines = experiment.log.read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if line.lower().startswith("error: ")]
    return errors[0].partition(" ")[2] if errors else f"see dvc queue logs {experiment.name}"


def runs_here() -> bool:
    """Whether a process is busy with `dvc exp run` in this folder."""
    from psutil import process_iter

    for process in process_iter(["cwd", "cmdline"]):
        words = {*(process.info["cmdline"] or ())}
        is_run = "run" in words and words & {"exp", "experiments"}
        if is_run and process.info["cwd"] == str(Path.cwd()):
            return True
    return False


def clear(experiments: Sequence[Experiment]) -> None:
    """Removes finished and failed tasks of the queue, and temporary folders that nobody uses.

    Also DVC's notes of a run in the workspace, unless there is one: if such a run is killed they
    stay, and DVC goes on to take the commit where it began for the current one.
    """
    for each in experiments:
        if each.state == "killed":
            dvc("queue", "kill", each.name)  # which tells DVC what the operating system knows
    dvc("queue", "remove", "--success", "--failed")
    used = {each.folder.name for each in experiments if each.state == "running" and each.folder}
    left = [f for f in TEMPORARY.glob("tmp*") if f.is_dir() and f.name not in used]
    for folder in left:
        shutil.rmtree(folder)
    if not runs_here():
        refs = git("for-each-ref", "--format=delete %(refname)", "refs/exps/exec")
        git("update-ref", "--stdin", given=refs)
    states = [each.state for each in experiments]
    log.info(
        "cleared: %d failed, %d killed, %d temporary folders",
        *(states.count("failed"), states.count("killed"), len(left)),
    )


def main() -> None:
    """Prints the table, or clears."""
    parser = argument_parser(__doc__)
    parser.add_argument("--unit", default="", help="a unit whose score is shown too")
    parser.add_argument("--clear", action="store_true", help="forget what failed or was killed")
    arguments = parser.parse_args()
    from tabulate import tabulate

    experiments = list(read(json.loads(dvc("exp", "show", "--json"))))
    if arguments.clear:
        clear(experiments)
        return
    header, rows = table(experiments, arguments.unit)
    print(tabulate(rows, header, "simple", missingval=""))
    for each in experiments:
        if each.state == "failed":
            print(f"\n{each.name} failed: {cause(each)}")
        elif each.state == "killed":
            print(f"\n{each.name} was killed; --clear it and queue it again, and it goes on")


if __name__ == "__main__":
    run(main)
