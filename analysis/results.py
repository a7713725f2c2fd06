"""Results on real data: a page of a study's settings beside baselines and published figures.

Reads a study whose settings are bases (studies/real.yaml), its finished runs, and the submissions
of the linear models on the same data. Writes docs/results.md; the sample's scores, which compare
with nothing, have docs/sample-results.md.

    python -m analysis.results real [--out DIR] [--linear SUBMISSIONS]

The linear models' submissions are those in data/baseline, unless --linear names others; with --out
they are made.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis import direct
from analysis.compare import LINEAR
from analysis.differences import HEADLINE
from analysis.study import Study, experiment_outcomes, folder_outcomes, plan, read_study
from analysis.study_report import Outcome, Setting, gather
from stages.check import check
from stages.common import settings
from stages.common.command import InputError, argument_parser, run
from stages.common.files import write_text
from stages.evaluate import Settings, evaluate
from stages.toolkit.records import Unit

log = logging.getLogger(__name__)

PAGE, PUBLISHED = Path("docs/results.md"), Path("metrics/published.json")
SYSTEMS = ("best", "extremITLLaMA", "extremIT5")
"""Of whom figures are published, as metrics/published.json names them."""


def page(
    study: Study,
    outcomes: Sequence[Outcome],
    found: Mapping[str, Setting],
    linear: Mapping[str, Unit],
    published: Mapping[str, Any],
) -> Iterator[str]:
    """Yields the parts of the page."""
    raw = outcomes[0].params["data"]["raw"]
    tasks = ", ".join(outcomes[0].params["tasks"])
    yield "# Results on real data"
    yield "Written by `python -m analysis.results`; not to be edited."
    yield study.about
    yield (
        f"Data: {tasks} of `{raw}`, scored on the organisers' test sets where they are there, or on"
        " held-out items. A setting's score is the mean over seeds, with its 95 % interval over"
        " seeds and test items; a dash means that no figure is known."
    )
    yield table(found, outcomes[0].units, linear, published)
    sentences = [*remarks(found, outcomes[0].units, linear), *missing(study, found)]
    yield "\n".join(f"- {sentence}" for sentence in sentences)
    yield "## Costs"
    yield costs(found)


def table(
    found: Mapping[str, Setting],
    units: Mapping[str, Unit],
    linear: Mapping[str, Unit],
    published: Mapping[str, Any],
) -> str:
    """The scores of all settings, baselines and published figures."""
    from tabulate import tabulate

    header = ["unit", "metric", "n", "majority", "linear", *found, *SYSTEMS]
    rows = []
    for name, unit in units.items():
        row = [name, unit.metric.replace("_", " "), str(unit.n), f"{unit.baseline:.3f}"]
        row.append(f"{linear[name].value:.3f}" if name in linear else "–")
        for setting in found.values():
            own = setting.scores[name]
            low, high = own.interval()
            row.append(f"{own.mean:.3f} ({low:.3f} to {high:.3f})")
        known = published.get(name, {})
        row += [f"{known[s]['value']}" if s in known else "–" for s in SYSTEMS]
        rows.append(row)
    row = [HEADLINE, "mean, scaled", str(len(units)), "0.000", "–"]
    for setting in found.values():
        low, high = setting.scores[HEADLINE].interval()
        row.append(f"{setting.scores[HEADLINE].mean:.3f} ({low:.3f} to {high:.3f})")
    rows.append([*row, *["–"] * len(SYSTEMS)])
    return str(tabulate(rows, header, "github", disable_numparse=True))


def remarks(
    found: Mapping[str, Setting], units: Mapping[str, Unit], linear: Mapping[str, Unit]
) -> Iterator[str]:
    """Yields a sentence for each setting: in which units it is not above the linear models."""
    for name, setting in found.items():
        below = [
            unit
            for unit, scored in units.items()
            if unit in linear
            and scored.scaled(setting.scores[unit].mean) <= scored.scaled(linear[unit].value)
        ]
        said = f"not above the linear models in {', '.join(below)}" if below else (
            "above the linear models in every unit that these answer"
        )  # fmt: skip
        seeds = ", ".join(map(str, setting.seeds))
        yield f"`{name}` (seeds {seeds}) is {said}."


def missing(study: Study, found: Mapping[str, Setting]) -> Iterator[str]:
    """Yields a sentence for each setting that has fewer seeds than the study asks for."""
    for name in study.changes:
        seeds = found[name].seeds if name in found else ()
        if absent := [str(seed) for seed in study.seeds if seed not in seeds]:
            yield f"`{name}`: seeds {', '.join(absent)} are not run yet, and left out."


def costs(found: Mapping[str, Setting]) -> str:
    """What a run of each setting cost, in the mean."""
    from tabulate import tabulate

    keys = {"seconds": "s", "peak_memory_gib": "GiB", "energy_kwh": "kWh", "co2e_kg": "kg CO2e"}
    rows = [
        [name, *(f"{s.cost[key]:.3g}" if key in s.cost else "–" for key in keys)]
        for name, s in found.items()
    ]
    return str(tabulate(rows, ["setting", *keys.values()], "github", disable_numparse=True))


def main() -> None:
    """Writes the page."""
    parser = argument_parser(__doc__)
    parser.add_argument("study", metavar="NAME", help="of a file in studies/, without .yaml")
    parser.add_argument("--out", type=Path, help="folder of runs that were made without DVC")
    parser.add_argument("--linear", type=Path, help="folder of submissions of the linear models")
    arguments = parser.parse_args()
    study = read_study(arguments.study)
    runs = plan(arguments.study, study)
    finished = (
        folder_outcomes(arguments.out, runs)
        if arguments.out
        else experiment_outcomes(arguments.study, runs)
    )
    if not finished:
        raise InputError(f"no run of the study {arguments.study} is finished")
    params = finished[0].params
    if params["data"]["raw"] == "data/sample":
        raise InputError(
            f"the study {arguments.study} is about the sample, which compares with nothing"
        )
    bootstrap = check(settings.load(settings.PARAMS), str(settings.PARAMS)).evaluate
    found = gather(study.changes, finished, bootstrap)
    linear, submissions = {}, arguments.linear or LINEAR
    if arguments.out and not arguments.linear:
        submissions = direct.linear_submissions(arguments.out, params)
    if submissions.is_dir():
        linear = evaluate(
            Path(params["data"]["raw"]),
            submissions,
            settings.validate(Settings, params, arguments.study),
        )
    else:
        log.warning("%s: no such folder, so linear models are left out", submissions)
    known = json.loads(PUBLISHED.read_text(encoding="utf-8"))["units"]
    write_text(PAGE, "\n\n".join(page(study, finished, found, linear, known)) + "\n")
    log.info("wrote %s", PAGE)


if __name__ == "__main__":
    run(main)
