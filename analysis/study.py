"""Study: settings compared on several seeds, from one small file, with a report to decide by.

Reads studies/NAME.yaml (docs/experiments.md says what it holds), makes the runs that are not
finished, one after the other, and writes docs/studies/NAME.md, with its plots beside it, and
NAME.html. A run is an experiment of DVC, whose name says study, setting and seed. Started again
after whatever end, it repeats no finished run, and an interrupted one goes on where it stopped.

    python -m analysis.study rank             # make study S=rank
    python -m analysis.study rank --list      # what there is to run
    python -m analysis.study rank --report    # what is finished, without running more
    python -m analysis.study rank --out DIR [--seconds 540]   # without DVC (analysis/direct.py)

The scores of the linear models stand beside those of the settings where their submissions are those
to the study's data: in data/baseline, if params.yaml has the same, or in the folder of --linear.
With --out they are made.
"""

import json
import logging
import re
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from analysis import direct, experiments
from analysis.compare import Found, find, score, score_linear
from analysis.costs import Record, own_costs, record_files
from analysis.dvc import dvc
from analysis.report import flat
from analysis.study_report import Outcome, write_report
from stages.check import check
from stages.common import settings
from stages.common.command import InputError, argument_parser, run
from stages.common.settings import Seed, StageSettings, Text, shown
from stages.evaluate import Settings, evaluate
from stages.toolkit.records import Unit

log = logging.getLogger(__name__)

STUDIES, REPORTS = Path("studies"), Path("docs/studies")
SEED = "finetune.seed"


class Study(StageSettings):
    """A file of studies/.

    Attributes:
        about: what the study asks, in a sentence or two.
        base: settings of all runs that are not those of params.yaml, by dotted key.
        grid: values to combine by dotted key; every combination is a setting.
        settings: further settings, by name: what differs from the base, by dotted key.
        baseline: the setting that others are compared with; the first one if it is absent.
        seeds: each setting is run with each of them.
    """

    model_config = {"frozen": True, "extra": "forbid", "strict": True}

    about: Text
    base: dict[str, Any] = {}
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    settings: dict[str, dict[str, Any]] = {}
    baseline: str = ""
    seeds: Annotated[list[Seed], Field(min_length=1)]

    @field_validator("settings")
    @classmethod
    def _have_names(cls, named: dict[str, Any]) -> dict[str, Any]:
        if wrong := [name for name in named if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name)]:
            raise ValueError(f"expected names of small letters, digits, . _ and -: {wrong[0]!r}")
        return named

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.changes:
            raise ValueError("expected a grid or settings to compare")
        if self.baseline and self.baseline not in self.changes:
            known = ", ".join(self.changes)
            raise ValueError(
                f"baseline {self.baseline!r}: no such setting; expected one of {known}"
            )
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: one of them stands there twice")
        return self

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """What each setting changes, by its name and dotted key."""
        found = dict(self.settings)
        if self.grid:
            for values in product(*self.grid.values()):
                changed = dict(zip(self.grid, values, strict=True))
                name = "-".join(f"{k.rpartition('.')[2]}{plain(v)}" for k, v in changed.items())
                if name in found:
                    raise ValueError(f"two settings would have the name {name}; expected settings")
                found[name] = changed
        return found

    @property
    def first(self) -> str:
        """The name of the baseline."""
        return self.baseline or next(iter(self.changes))


def plain(value: Any) -> str:
    """A value as a part of a name."""
    text = "+".join(map(str, value)) if isinstance(value, list) else str(value)
    return re.sub(r"[^a-z0-9.+]", "", text.lower()).replace("+", "_")


class Planned(NamedTuple):
    """A run of a study.

    Attributes:
        setting: name of its setting.
        seed: its seed.
        changes: what it changes in params.yaml, by dotted key.
        params: the content of its params.yaml.
    """

    setting: str
    seed: int
    changes: dict[str, Any]
    params: dict[str, Any]


def read_study(name: str) -> Study:
    """Reads a study.

    Raises:
        InputError: if there is none of that name, or it is defective.
    """
    path = STUDIES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in STUDIES.glob("*.yaml"))) or "none"
        raise InputError(f"{path}: no such study; there are: {known}")
    return settings.read(Study, path)


def plan(name: str, study: Study) -> dict[str, Planned]:
    """The runs of a study by name, all seeds of a setting before the next setting.

    Raises:
        InputError: if a key is unknown, or a value out of range.
    """
    params = settings.load(settings.PARAMS)
    runs = {}
    for setting, changed in study.changes.items():
        for seed in study.seeds:
            changes = study.base | changed | {SEED: seed}
            content = deepcopy(params)
            for key, value in changes.items():
                put(content, key, value, STUDIES / f"{name}.yaml")
            check(content, f"{STUDIES / name}.yaml, {setting}")
            runs[f"{name}-{setting}-{seed}"] = Planned(setting, seed, changes, content)
    return runs


def put(params: Any, key: str, value: Any, source: Path) -> None:
    """Sets a dotted key.

    Raises:
        InputError: if params.yaml has no such key.
    """
    *path, last = key.split(".")
    place = params
    for part in path:
        place = place.get(part) if isinstance(place, Mapping) else None
    if not isinstance(place, dict) or last not in place:
        raise InputError(f"{source}: {key}: no such key in {settings.PARAMS}")
    place[last] = value


# --- Runs of DVC ----------------------------------------------------------------------------------


def finished_experiments(runs: Mapping[str, Planned]) -> dict[str, experiments.Experiment]:
    """The finished runs among DVC's experiments since the last commit.

    Raises:
        InputError: if one of that name has other settings.
    """
    rows = experiments.read(json.loads(dvc("exp", "show", "--json")))
    found = {row.name: row for row in rows if row.name in runs and not row.state and row.metrics}
    for name, row in found.items():
        wanted = dict(flat(runs[name].params))
        if different := [k for k, v in wanted.items() if row.params.get(k) != v]:
            key = different[0]
            raise InputError(
                f"{name}: this experiment has {key}: {shown(row.params.get(key))}, expected"
                f" {shown(wanted[key])}; `dvc exp remove {name}` makes room for the study's"
            )
    return found


def run_experiments(runs: Mapping[str, Planned]) -> None:
    """Makes the runs that are not finished, one after the other, in a temporary folder of DVC."""
    finished = finished_experiments(runs)
    # What another clone has pushed, its run cache included, is not computed again.
    pull = ["--pull"] if dvc("remote", "list").strip() else []
    for number, (name, planned) in enumerate(runs.items(), start=1):
        if name in finished:
            continue
        log.info("run %d of %d: %s", number, len(runs), name)
        changes = [f"--set-param={k}={override(v)}" for k, v in planned.changes.items()]
        try:
            dvc("exp", "run", "--temp", *pull, "--name", name, *changes)
        except InputError:
            if name not in finished_experiments(runs):  # not by a run that went on elsewhere
                raise


def override(value: Any) -> str:
    """A value in the syntax of `dvc exp run --set-param`, which is Hydra's."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(override, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{override(v)}" for k, v in value.items()) + "}"
    return str(value)


def experiment_outcomes(name: str, runs: Mapping[str, Planned]) -> list[Outcome]:
    """What the finished experiments of a study have scored and cost."""
    finished = finished_experiments(runs)
    records = [r for row in finished.values() for r in record_files(row.metrics).values()]
    with tempfile.TemporaryDirectory() as temporary:
        found = {each: find(each, Path(temporary, each)) for each in runs if each in finished}
        costs = {
            each: own_costs(row.made, record_files(row.metrics), records)
            for each, row in finished.items()
        }
        return outcomes(runs, found, costs)


# --- Runs in folders ------------------------------------------------------------------------------


def folder_outcomes(out: Path, runs: Mapping[str, Planned]) -> list[Outcome]:
    """What the finished runs in OUT/runs have scored and cost."""
    paths = {name: out / "runs" / name for name in runs}
    folders = {name: path for name, path in paths.items() if (path / "submissions").is_dir()}
    found = {name: find(str(folder), Path()) for name, folder in folders.items()}
    costs = {
        name: {
            path.stem: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((folder / "metrics" / "cost").glob("*.json"))
        }
        for name, folder in folders.items()
    }
    return outcomes(runs, found, costs)


def outcomes(
    runs: Mapping[str, Planned],
    found: Mapping[str, Found],
    costs: Mapping[str, Mapping[str, Record]],
) -> list[Outcome]:
    """Scores runs."""
    made = []
    for name, planned in runs.items():
        if name in found:
            raw = Path(planned.params["data"]["raw"])
            ((units,),) = score([[found[name]]], raw)
            own = list(costs[name].values())
            made.append(Outcome(planned.setting, planned.seed, planned.params, units, own))
    return made


def linear_units(runs: Mapping[str, Planned], submissions: Path | None) -> dict[str, Unit]:
    """Scores the linear models.

    Args:
        runs: of the study.
        submissions: of the linear models; without, those that lie in data/baseline, if they are
            those to the study's data.

    Raises:
        InputError: if the submissions are those to other data.
    """
    params = next(iter(runs.values())).params
    raw = Path(params["data"]["raw"])
    own = settings.validate(Settings, params, str(settings.PARAMS))
    if submissions:
        return evaluate(raw, submissions, own)
    here = settings.load(settings.PARAMS)["data"]["raw"]
    return score_linear(raw, own) if str(raw) == here else {}


def main() -> None:
    """Makes the runs of a study and reports."""
    parser = argument_parser(__doc__)
    parser.add_argument("study", metavar="NAME", help="of a file in studies/, without .yaml")
    parser.add_argument("--list", action="store_true", help="print the runs, with their settings")
    parser.add_argument("--report", action="store_true", help="run nothing, report what there is")
    parser.add_argument("--out", type=Path, help="folder of runs that are made without DVC")
    parser.add_argument("--seconds", type=float, help="begin no run that would end later; with out")
    parser.add_argument("--linear", type=Path, help="folder of submissions of the linear models")
    parser.add_argument("--no-report", action="store_true", help="make runs, write no report")
    arguments = parser.parse_args()
    name, out = arguments.study, arguments.out
    study = read_study(name)
    runs = plan(name, study)
    if arguments.list:
        for each, planned in runs.items():
            print(each, *(f"{k}={override(v)}" for k, v in planned.changes.items()))
        return
    if not arguments.report:
        if out:
            direct.perform_all(out, {k: p.params for k, p in runs.items()}, arguments.seconds)
        else:
            run_experiments(runs)
    if arguments.no_report:
        return
    finished = folder_outcomes(out, runs) if out else experiment_outcomes(name, runs)
    if missing := len(runs) - len(finished):
        log.info("%d of %d runs are not finished", missing, len(runs))
    bootstrap = check(settings.load(settings.PARAMS), str(settings.PARAMS)).evaluate
    submissions = arguments.linear
    if out and finished and not submissions:
        submissions = direct.linear_submissions(out, finished[0].params)
    write_report(
        *(REPORTS, name, study.about, study.base, study.changes, study.first),
        *(finished, len(runs), bootstrap, linear_units(runs, submissions)),
    )


if __name__ == "__main__":
    run(main)
