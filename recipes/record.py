"""The life of one question of the sample through all stages, for docs/architecture.md.

What encode and the tokenizer make of it is computed anew; the prediction and the submission are
read from the folders that the last run has written, and the score from metrics/evaluate.json.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stages import encode
from stages.common import settings
from stages.common.prompts import Prompts
from stages.model.loading import load_tokenizer
from stages.model.settings import Model
from stages.model.text import TextEncoder
from stages.tasks import load, raw_folder
from stages.toolkit.records import Example

ROOT = Path(__file__).parents[1]
TASK = "acti"
SUBTASK = "acti_b"
NUMBER = "286"  # of the question in the raw file
LEARNT = "1"  # likewise of a training question of the same sub-task
QUESTION = f"{SUBTASK}:{NUMBER}"
RAW = {"the post": "subtaskB_test.csv", "its gold": "subtaskB_gold.csv"}

SHOWN_IDS = 6  # token ids at either end of a row


class _Params(settings.StageSettings):
    """What this recipe reads of params.yaml."""

    model: Model


def block(content: str, language: str = "json") -> str:
    """A block of code in Markdown."""
    return f"```{language}\n{content}\n```"


def object_block(content: Mapping[str, Any]) -> str:
    """An object as JSON, a key a line."""
    lines = [f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in content.items()]
    return block("{" + ",\n ".join(lines) + "}")


def table_lines(path: Path, value: str) -> list[str]:
    """Header and row of a CSV file: the line that begins with a value, as it is in the file."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    return [header, *(line for line in lines if line.startswith(f"{value},"))]


# --- What needs no run ----------------------------------------------------------------------------


def record_raw() -> str:
    """The lines of the raw files."""
    folder = ROOT / "data" / "sample" / TASK
    lines = [[f"# {name}", *table_lines(folder / name, NUMBER)] for name in RAW.values()]
    return block("\n".join(line for group in lines for line in group), "text")


@cache
def examples() -> dict[str, Example]:
    """The examples of the task by question id, as encode makes them of the sample."""
    held_out = settings.read(encode.Settings, ROOT / "params.yaml").encode
    encoded = load(TASK).encode(raw_folder(ROOT / "data" / "sample", TASK), held_out)
    return {example.id: example for split in encoded.splits.values() for example in split}


def record_encoded() -> str:
    """The line of test.jsonl."""
    return object_block(vars(examples()[QUESTION]))


@cache
def prompts() -> Prompts:
    """The prompt file of the default run."""
    return settings.read(Prompts, ROOT / "data" / "prompts" / "it.yaml")


@cache
def encoder() -> TextEncoder:
    """What turns text into token ids, with the small base's tokenizer."""
    model = settings.read(_Params, ROOT / "params.yaml").model
    own = {
        "base": str(ROOT / "data" / "bases" / "llama"),
        "family": "decoder-only",
        "tokenizer": None,
    }
    small = model.model_copy(update=own)
    return TextEncoder(small, load_tokenizer(small), prompts())


def shortened(ids: list[int]) -> list[Any]:
    """The first and the last token ids of a row."""
    return [*ids[:SHOWN_IDS], "…", *ids[-SHOWN_IDS:]]


def record_learnt() -> str:
    """The token row of a training question, with its answer."""
    example = examples()[f"{SUBTASK}:{LEARNT}"]
    row = encoder().encode_example(SUBTASK, example.input, str(example.output))
    answer = {"answer": example.output, "labels": row.ids[row.prompt :]}
    sizes = {"tokens": len(row.ids), "prompt": row.prompt}
    return object_block({"id": example.id, **sizes, "ids": shortened(row.ids), **answer})


def record_prompt() -> str:
    """The prompt of the question, as the model reads it."""
    return block(prompts().render(SUBTASK, examples()[QUESTION].input).rstrip(), "text")


def record_row() -> str:
    """The token row of the question."""
    row = encoder().encode_question(SUBTASK, examples()[QUESTION].input, positions=1024)
    return object_block({"id": QUESTION, "tokens": len(row.ids), "ids": shortened(row.ids)})


# --- What a run has left --------------------------------------------------------------------------


def record_prediction() -> str | None:
    """The line of the predictions, its probabilities rounded; None without a run."""
    path = ROOT / "data" / "predictions" / "test.jsonl"
    if not path.is_file():
        return None
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    row = next(row for row in rows if row["id"] == QUESTION)
    rounded = {text: round(value, 3) for text, value in row["probabilities"].items()}
    return object_block({**row, "probabilities": rounded})


def record_submission() -> str | None:
    """The line of the submission file; None without a run."""
    files = sorted((ROOT / "data" / "submissions" / TASK).glob("*_subtaskB_run*.csv"))
    if not files:
        return None
    return block("\n".join([f"# {files[0].name}", *table_lines(files[0], NUMBER)]), "text")


def record_score() -> str:
    """The entry of the ranked unit in the metrics."""
    report = json.loads((ROOT / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
    return object_block(report["units"][SUBTASK])
