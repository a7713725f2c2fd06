"""Experiments: what they scored, what was changed, what they cost; and which ones have failed.

A table of DVC's experiments since the last commit, and of those that began at an earlier one and
are queued, at work or failed. DVC shows the figures of the commit in the rows of those that have
not finished, and in that of a workspace whose settings, code or data have changed since; here they
are empty, and failures are listed with their cause. An experiment that DVC calls running may have
been killed (analysis/runs.py): then it is called so.

    python -m analysis.experiments
    python -m analysis.experiments --unit acti_b   # with that unit's score
    python -m analysis.experiments --clear         # forget what has failed, was killed or is done

Clearing removes tasks of DVC's queue and temporary folders, never an experiment with results.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis import runs
from analysis.dvc import changed_stages, dvc
from analysis.emissions import with_emissions
from analysis.report import flat
from stages.common.command import argument_parser, run

log = logging.getLogger(__name__)

COSTS = ("seconds", "peak_memory_gib", "energy_kwh", "co2e_kg")


class Experiment(NamedTuple):
    """A row of DVC's table.

    Attributes:
        name: of the experiment; workspace, or a commit.
        state: "" of a finished one, else queued, running, killed or failed; changed, of the
            workspace.
        params: values of params.yaml by dotted key.
        metrics: content of each metrics file, by its path; of finished ones alone.
        revision: its commit; of one that has not finished, what DVC calls its run.
        is_queued: whether it is of the queue.
        log: what it printed.
    """

    name: str
    state: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    revision: str = ""
    is_queued: bool = False
    log: Path | None = None


def read(shown: Sequence[Mapping[str, Any]], *, changed: bool = False) -> Iterator[Experiment]:
    """Yields the rows of `dvc exp show --json`: the workspace, the commit, its experiments.

    Args:
        shown: what it printed.
        changed: whether the figures in the workspace are not of what else is there.
    """
    for base in shown:
        state = {"state": "changed"} if changed and base["rev"] == "workspace" else {}
        yield _row(base["name"] or base["rev"][:9], base["rev"], base["data"], state)
        for each in base["experiments"] or ():
            revision, data = each["revs"][0]["rev"], each["revs"][-1]["data"]
            yield _row(each["name"] or revision[:7], revision, data, each["executor"] or {})


def _row(
    name: str, revision: str, data: Mapping[str, Any] | None, executor: Mapping[str, Any]
) -> Experiment:
    data, local = data or {}, executor.get("local") or {}
    state = executor.get("state") or "success"
    if state == "running":
        folder = runs.read_note(revision).folder
        state = "running" if folder is None or runs.is_at_work(folder) else "killed"
    params = (data.get("params") or {}).get("params.yaml", {}).get("data", {})
    metrics = {path: file.get("data", {}) for path, file in (data.get("metrics") or {}).items()}
    return Experiment(
        name,
        "" if state == "success" else state,
        dict(flat(params)),
        metrics if state == "success" else {},
        revision,
        bool(local),
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
                *(each.params.get(key) for key in changed),
                *(cost.get(key) for key in COSTS),
            ]
        )
    return header, rows


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


def clear(experiments: Sequence[Experiment]) -> None:
    """Removes finished and failed tasks of the queue, and what runs have left behind."""
    for each in experiments:
        if each.state == "killed" and each.is_queued:
            runs.end(each.revision, each.name)
    dvc("queue", "remove", "--success", "--failed")
    states = [each.state for each in experiments]
    log.info(
        "cleared: %d failed, %d killed, %d temporary folders",
        *(states.count("failed"), states.count("killed"), runs.clear()),
    )


def main() -> None:
    """Prints the table, or clears."""
    parser = argument_parser(__doc__)
    parser.add_argument("--unit", default="", help="a unit whose score is shown too")
    parser.add_argument("--clear", action="store_true", help="forget what failed or was killed")
    arguments = parser.parse_args()
    from tabulate import tabulate

    changed = bool(changed_stages())
    if arguments.clear:
        for revision, name in runs.lost().items():
            runs.end(revision, name)
    experiments = list(read(runs.show(), changed=changed))
    if arguments.clear:
        clear(experiments)
        return
    header, rows = table(experiments, arguments.unit)
    print(tabulate(rows, header, "simple", missingval=""))
    for each in experiments:
        if each.state == "failed":
            print(f"\n{each.name} failed: {cause(each)}")
        elif each.state == "killed":
            print(f"\n{each.name} was killed; --clear it and start it again, and it goes on")


if __name__ == "__main__":
    run(main)
