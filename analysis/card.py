"""Card: what a hub shows of the adapter: scores, use, data, training, limits.

Reads what `dvc repro` has left of the last run: the adapter with its record, metrics/evaluate.json,
data/encoded/train.jsonl (the names of the sub-tasks alone), params.yaml, and the licences in
docs/tasks. The page begins with the metadata that the Hub reads, results among them. Scores that
are not this adapter's are refused: DVC must find everything up to date.

    python -m analysis.card [card.md]
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from tabulate import tabulate

from analysis.base import is_small
from analysis.dvc import changed_stages
from analysis.emissions import with_emissions
from analysis.provenance import read_record
from analysis.report import METRICS, flat, read_json
from analysis.scores import HEADER, rows
from stages.common import settings
from stages.common.command import InputError, argument_parser, run
from stages.common.files import read_jsonl, read_text, required, write_text
from stages.common.outputs import check_sums
from stages.common.prompts import Prompts
from stages.infer import Settings
from stages.training.provenance import RunRecord

log = logging.getLogger(__name__)

ADAPTER = Path("models/adapter")
TRAIN, PROMPTS = Path("data/encoded/train.jsonl"), Path("data/encoded/prompts.json")
TEMPLATE, PAGES = Path(__file__).with_name("card.md"), Path("docs/tasks")
SAMPLE = "data/sample"
MARK = "\0"
"""Stands for the input while prompts are filled; no prompt file can hold it."""

SETTINGS = (
    "finetune.lora.rank",
    "finetune.lora.alpha",
    "finetune.lora.dropout",
    "finetune.lora.targets",
    "finetune.epochs",
    "finetune.batch",
    "finetune.learning_rate",
    "finetune.encoder_rate",
    "finetune.cap",
    "finetune.seed",
    "model.quantization",
    "model.cutoff",
)
COSTS = {"device": "device", "seconds": "seconds", "energy_kwh": "kWh", "co2e_kg": "kg of CO2e"}


def check_up_to_date() -> None:
    """Makes sure that metrics, answers and adapter belong together, and to params.yaml.

    Raises:
        InputError: if DVC says that they do not.
    """
    if changed := changed_stages():
        raise InputError(
            f"what is here is not of one run, so that scores may be another adapter's; changed in"
            f" {', '.join(changed)}: `dvc repro` comes first"
        )
    if settings.load(settings.PARAMS)["infer"]["adapter"] is not True:
        raise InputError("infer.adapter: the scores are not of models/adapter; expected true")


def trained_subtasks() -> list[str]:
    """Returns the sub-tasks of the training split, in the order of their names."""
    check_sums(TRAIN.parent, TRAIN.name, PROMPTS.name)
    return sorted({row["task"] for row in read_jsonl(TRAIN, ("id", "task", "input", "output"))})


def filled_prompts(prompts: Prompts, subtasks: list[str]) -> dict[str, list[str]]:
    """Returns the text before and after the input in the prompt of each sub-task."""
    return {name: prompts.render(name, MARK).split(MARK) for name in subtasks}


# --- Parts of the page ----------------------------------------------------------------------------


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    text: str = tabulate(lines, header, "github", disable_numparse=True)
    return text


def results(units: Mapping[str, Any], source: str) -> list[EvalResult]:
    """The scores as the Hub's metadata has them.

    Args:
        units: of metrics/evaluate.json.
        source: what the data are, such as "invented sample".
    """
    return [
        EvalResult(
            task_type="text-generation",
            dataset_type=f"evalita-2023/{name}",
            dataset_name=f"EVALITA 2023 {name}, {source}",
            dataset_split="test",
            metric_type=unit["metric"],
            metric_name=unit["metric"].replace("_", " "),
            metric_value=unit["value"],
            metric_args={key: unit[key] for key in ("low", "high", "baseline", "better", "n")},
        )
        for name, unit in units.items()
    ]


def task_row(task: str, label: str) -> str:
    """Returns a row of a task's page, such as its licence.

    Raises:
        InputError: if the page has none.
    """
    page = required(PAGES / f"{task}.md")
    found = re.search(rf"^\| {label} \| (.*?) \|", read_text(page), re.MULTILINE)
    if not found:
        raise InputError(f"{page}: expected a row '| {label} | … |' in the table")
    return found[1]


def training(record: RunRecord, country: str) -> str:
    """What the adapter was trained with, and what that cost.

    Args:
        record: of its run.
        country: whose energy mix turns kWh into CO2e.
    """
    cost = with_emissions(record.cost, country)
    known = dict(flat(record.settings))
    lines = []
    for key in SETTINGS:
        value = known[key]
        shown = ", ".join(value) if isinstance(value, list) else value
        lines.append((f"`{key}`", "none" if shown is None else str(shown)))
    lines += [(name, str(cost[key])) for key, name in COSTS.items() if cost.get(key)]
    return table(("setting or cost", "value"), lines)


# --- The page -------------------------------------------------------------------------------------


def card(record: RunRecord, subtasks: list[str]) -> ModelCard:
    """Fills in the page.

    Args:
        record: of the run that made the adapter.
        subtasks: names of the sub-tasks that it was trained on.

    Raises:
        InputError: if something is missing.
    """
    params = settings.load(settings.PARAMS)
    own = settings.read(Settings)
    evaluated = read_json(METRICS / "evaluate.json")
    is_sample = params["data"]["raw"] == SAMPLE
    is_folder = own.model.revision is None
    name = f"EVALITA 2023 adapter {next(iter(record.adapter.values())).sha256[:8]}"
    is_free = is_sample and is_small(own.model.base)
    data = ModelCardData(
        language="it",
        library_name="peft",
        pipeline_tag="text-generation",
        base_model=None if is_folder else own.model.base,
        license="apache-2.0" if is_free else "other",
        license_name=None if is_free else "of-base-and-data",
        tags=["evalita-2023", "lora", "multi-task"],
        model_name=name,
        eval_results=results(evaluated["units"], "invented sample" if is_sample else "test split"),
    )
    place, revision = own.model.base, own.model.revision
    if own.model.tokenizer:
        place, revision = own.model.tokenizer, own.model.tokenizer_revision
    licences = ""
    if not is_sample:
        rights = [(t, task_row(t, "where"), task_row(t, "licence")) for t in params["tasks"]]
        licences = table(("task", "where", "licence"), rights)
    page: ModelCard = ModelCard.from_template(
        data,
        template_path=str(TEMPLATE),
        name=name,
        base=f"`{own.model.base}`" + ("" if is_folder else f" at commit `{own.model.revision}`"),
        is_sample=is_sample,
        is_folder=is_folder,
        scores=table(HEADER, rows(evaluated["units"])),
        headline=evaluated["headline"],
        score_closed=own.infer.score_closed,
        model=own.model,
        tokenizer=place,
        tokenizer_revision=revision or "main",
        example=subtasks[0],
        beginning="" if own.model.bos_id is None else f"[{own.model.bos_id}] + ",
        max_new_tokens=own.infer.max_new_tokens,
        subtasks=subtasks,
        licences=licences,
        settings=training(record, params["cost"]["country"]),
    )
    return page


def main() -> None:
    """Writes the page."""
    parser = argument_parser(__doc__)
    parser.add_argument("card", nargs="?", type=Path, default=Path("card.md"))
    path: Path = parser.parse_args().card
    record = read_record(ADAPTER)
    check_up_to_date()
    write_text(path, str(card(record, trained_subtasks())))
    log.info("wrote %s", path)


if __name__ == "__main__":
    run(main)
