"""Report: one HTML page about the last run, that needs no network to be read.

Reads what `dvc repro` has left: metrics/, data/encoded/test.jsonl, data/predictions/test.jsonl,
params.yaml, and the plots that dvc.yaml defines. The page holds the scores with intervals, the
plots, settings, costs, and wrong answers of each sub-task, drawn by the hash of their identifiers.

    python -m analysis.report [report.html]
"""

import base64
import hashlib
import json
import logging
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.base import is_small
from analysis.costs import workspace_costs
from analysis.dvc import dvc
from analysis.emissions import with_emissions
from analysis.integrity import warn_of_others
from stages.common import settings
from stages.common.command import InputError, argument_parser, run
from stages.common.files import read_jsonl, write_text
from stages.common.outputs import check_sums

log = logging.getLogger(__name__)

METRICS, PUBLISHED = Path("metrics"), Path("metrics/published.json")
QUESTIONS = Path("data/encoded/test.jsonl")
ANSWERS = Path("data/predictions/test.jsonl")
ANSWER = ("id", "task", "answer", "finish", "tokens")
OPTIONAL = ("probabilities", "expectations")  # closed sub-tasks have the first, numbers the second
ERRORS = 20  # shown for each sub-task
MARGIN = 24  # pixels around a plot: a browser's font may be wider than the one it was laid out with


@dataclass(frozen=True)
class Error:
    """A question, the gold answer, and what the model answered instead."""

    id: str
    input: str
    gold: str
    answer: str
    finish: str


@dataclass(frozen=True)
class Errors:
    """A sub-task's wrong answers: how many of how many, and some of them."""

    subtask: str
    answers: int
    wrong: int
    shown: Sequence[Error]


@dataclass(frozen=True)
class Plot:
    """A picture as a data URL, with a title."""

    title: str
    source: str


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        InputError: if it is not there, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read; `dvc repro` comes first ({error})") from error


# --- Wrong answers --------------------------------------------------------------------------------


def errors(
    questions: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]
) -> list[Errors]:
    """Finds the answers that are not, letter by letter, the gold ones.

    Args:
        questions: the rows of the encoded test split; those without gold are left out.
        answers: the rows of the predictions.

    Raises:
        InputError: if the answers are not those to the questions.
    """
    if [q["id"] for q in questions] != [a["id"] for a in answers]:
        raise InputError(f"{ANSWERS}: not the answers to {QUESTIONS}; `dvc repro` comes first")
    counts: dict[str, int] = {}
    wrong: dict[str, list[Error]] = {}
    for question, answer in zip(questions, answers, strict=True):
        if (gold := question["output"]) is None:
            continue
        task = question["task"]
        counts[task] = counts.get(task, 0) + 1
        if answer["answer"].strip() != gold.strip():
            found = Error(
                *(question["id"], question["input"], gold, answer["answer"], answer["finish"])
            )
            wrong.setdefault(task, []).append(found)
    return [
        Errors(task, count, len(all_ := wrong.get(task, [])), sorted(all_, key=_draw)[:ERRORS])
        for task, count in counts.items()
    ]


def _draw(error: Error) -> str:
    return hashlib.sha256(error.id.encode()).hexdigest()


# --- Plots ----------------------------------------------------------------------------------------


def dvc_plots() -> dict[str, Any]:
    """The plots of dvc.yaml as DVC fills them in: Vega-Lite specifications by title.

    Raises:
        InputError: if DVC cannot show them.
    """
    shown = json.loads(dvc("plots", "show", "--json"))["data"]
    plots = {name: drawn for name, drawn in shown.items() if drawn}
    return {name: _specification(drawn[0]["content"]) for name, drawn in plots.items()}


def _specification(content: Any) -> Any:
    return json.loads(content) if isinstance(content, str) else content


def facets(title: str, specification: Any) -> Iterator[tuple[str, Any]]:
    """Yields a plot, or where it has facets, one for each unit or sub-task, with titles."""
    if "facet" not in specification:
        yield title, specification
        return
    values = specification["data"]["values"]
    key = "unit" if "unit" in values[0] else "subtask"
    for name in dict.fromkeys(row[key] for row in values):
        part = deepcopy(specification)
        part["data"]["values"] = [row for row in values if row[key] == name]
        part.pop("title")
        yield f"{title}: {name}", part


def pictures(plots: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Draws Vega-Lite specifications: yields titles and SVG."""
    from vl_convert import vegalite_to_svg

    for name, whole in plots.items():
        for title, specification in facets(name, whole):
            yield title, vegalite_to_svg({"padding": MARGIN, **specification})


def draw(plots: Mapping[str, Any]) -> list[Plot]:
    """Draws Vega-Lite specifications, each in a data URL of its own.

    Inlined, their element ids would clash.
    """
    return [
        Plot(title, f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}")
        for title, svg in pictures(plots)
    ]


# --- The page -------------------------------------------------------------------------------------


def flat(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields nested values with dotted keys."""
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, values


def revision() -> str:
    """The commit that is checked out, with a plus where files differ; empty without git."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude", "*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def page() -> str:
    """Gathers everything and fills in the template.

    Raises:
        InputError: if something is missing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    params = settings.load(settings.PARAMS)
    country = params["cost"]["country"]
    costs = {
        stage: with_emissions(record, country)
        for stage, record in workspace_costs(METRICS, Path("dvc.lock")).items()
    }
    environment = Environment(
        loader=PackageLoader("analysis", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filled = environment.get_template("report.html").render(
        evaluated=read_json(METRICS / "evaluate.json"),
        decoded=read_json(METRICS / "decode.json"),
        finetuned=dict(flat(read_json(METRICS / "finetune.json"))),
        published=read_json(PUBLISHED)["units"] if PUBLISHED.is_file() else {},
        costs={
            stage: {key: value for key, value in flat(cost) if key != "of"}  # a hash
            for stage, cost in costs.items()
        },
        settings=dict(flat(params)),
        toy=is_small(params["model"]["base"]),
        sample=params["data"]["raw"] == "data/sample",
        plots=draw(dvc_plots()),
        errors=errors(
            read_jsonl(QUESTIONS, ("id", "task", "input", "output")),
            read_jsonl(ANSWERS, ANSWER, OPTIONAL),
        ),
        revision=revision(),
    )
    return str(filled)


def main() -> None:
    """Writes the page."""
    parser = argument_parser(__doc__)
    parser.add_argument("page", nargs="?", type=Path, default=Path("report.html"))
    path: Path = parser.parse_args().page
    check_sums(QUESTIONS.parent, QUESTIONS.name)
    check_sums(ANSWERS.parent, ANSWERS.name)
    warn_of_others("metrics")
    write_text(path, page())
    log.info("wrote %s", path)


if __name__ == "__main__":
    run(main)
