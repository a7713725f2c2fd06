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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis import runs
from analysis.costs import Record, own_costs, record_files
from analysis.dvc import changed_stages, dvc
from analysis.emissions import with_emissions
from analysis.report import flat
from stages.common.command import argument_parser, run

log = logging.getLogger(__name__)

COSTS = {"seconds": "s", "peak_memory_gib": "GiB", "energy_kwh": "kWh", "co2e_kg": "kg CO2e"}
"""The costs that are shown, by their keys in records, as columns."""

WIDTH, CELL = 120, 20
"""Characters of a row, and of a setting's value."""


class Experiment(NamedTuple):
    """A row of DVC's table.

    Attributes:
        name: of the experiment; workspace, or a commit.
        state: "" of a finished one, else queued, running, killed or failed; changed, of the
            workspace.
        params: values of params.yaml by dotted key.
        metrics: content of each metrics file, by its path; of finished ones alone.
        made: hashes of what stages made, by path, likewise.
        revision: its commit; of one that has not finished, what DVC calls its run.
        is_queued: whether it is of the queue.
        log: what it printed.
    """

    name: str
    state: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    made: Mapping[str, str | None]
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
    made = {path: out.get("hash") for path, out in (data.get("outs") or {}).items()}
    metrics = {path: file.get("data", {}) for path, file in (data.get("metrics") or {}).items()}
    return Experiment(
        name,
        "" if state == "success" else state,
        dict(flat(params)),
        metrics if state == "success" else {},
        made if state == "success" else {},
        revision,
        bool(local),
        Path(local["log"]) if local.get("log") else None,
    )


def table(
    experiments: Sequence[Experiment], unit: str = "", width: int = WIDTH
) -> tuple[list[str], list[list[Any]]]:
    """Makes the table: header and rows.

    Args:
        experiments: of which the params that are not the same in all get a column, the first
            params first, as far as they fit.
        unit: the name of a unit whose score is shown too, with its interval; or "" for the scores
            of the three that differ most.
        width: the largest number of characters of a row.
    """
    records = [r for each in experiments for r in record_files(each.metrics).values()]
    evaluated = [each.metrics.get("metrics/evaluate.json", {}) for each in experiments]
    units = [unit] if unit else moved_most([e.get("units", {}) for e in evaluated])
    fixed: dict[str, list[Any]] = {"experiment": [each.name for each in experiments]}
    if any(each.state for each in experiments):
        fixed["state"] = [each.state for each in experiments]
    fixed["headline"] = [_rounded(e.get("headline")) for e in evaluated]
    for name in units:
        scores = [e.get("units", {}).get(name) for e in evaluated]
        said = "{value:.3f} ({low:.3f} to {high:.3f})" if unit else "{value:.3f}"
        fixed[name] = [said.format(**score) if score else "" for score in scores]
    costs = [_cost(each, records) for each in experiments]
    for key, short in COSTS.items():
        fixed[short] = [cost.get(key) for cost in costs]
    keys = dict.fromkeys(key for each in experiments for key in each.params)
    changed: dict[str, list[Any]] = {}
    for key in keys:
        values = [each.params.get(key) for each in experiments]
        if len({str(value) for value in values}) > 1:
            changed[short_key(key, keys)] = [_shown(value) for value in values]
    room = width - sum(map(_width, fixed.items()))
    kept: dict[str, list[Any]] = {}
    for column in changed.items():
        if (room := room - _width(column)) < 0:
            break
        kept |= dict([column])
    left_out = len(changed) - len(kept)
    if left_out:
        log.info("%d more settings differ; dvc exp show has them all", left_out)
    names = list(fixed)
    at = names.index("headline")
    columns = {name: fixed[name] for name in names[:at]} | kept
    columns |= {name: fixed[name] for name in names[at:]}
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def moved_most(units: Sequence[Mapping[str, Any]], count: int = 3) -> list[str]:
    """The names of the units whose scores lie furthest apart, for their distance to perfect."""
    ranges = {}
    for name in dict.fromkeys(name for each in units for name in each):
        entries = [each[name] for each in units if name in each]
        perfect = 1.0 if entries[0].get("better", "higher") == "higher" else 0.0
        scale = abs(perfect - entries[0].get("baseline", 0.0)) or 1.0
        values = [entry["value"] for entry in entries]
        ranges[name] = (max(values) - min(values)) / scale
    return sorted((n for n, r in ranges.items() if r > 0), key=ranges.__getitem__)[::-1][:count]


def short_key(key: str, keys: Iterable[str]) -> str:
    """The end of a dotted key that no other key has."""
    parts = key.split(".")
    for length in range(1, len(parts)):
        end = ".".join(parts[-length:])
        if sum(other == end or other.endswith(f".{end}") for other in keys) == 1:
            return end
    return key


def _shown(value: Any) -> Any:
    """A value as a table has room for it."""
    text = " ".join(map(str, value)) if isinstance(value, list) else value
    return f"{text[: CELL - 1]}…" if isinstance(text, str) and len(text) > CELL else text


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _width(column: tuple[str, Sequence[Any]]) -> int:
    """Characters of a column, with the blanks after it."""
    name, values = column
    cells = (len("" if v is None else str(v)) for v in values)
    return max(len(name) + 2, *cells) + 2  # tabulate leaves room around a header


def _cost(experiment: Experiment, others: Sequence[Record]) -> dict[str, float]:
    """What finetune and infer have cost: the larger memory, the sums of the rest."""
    own = own_costs(experiment.made, record_files(experiment.metrics), others)
    return total_cost(own.values(), experiment.params.get("cost.country", "ITA"))


def total_cost(records: Iterable[Record], country: str) -> dict[str, float]:
    """Adds up records of costs: the larger memory, the sums of the rest."""
    full = [with_emissions(record, country) for record in records]
    total = {}
    for key in COSTS:
        known = [record[key] for record in full if record.get(key) is not None]
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
