"""The project that faults happen to: a tiny LLaMA and a part of the sample."""

import csv
import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.common.files import read_text, write_text
from stages.common.outputs import write_sums
from tests.helpers import small_project, tiny

ROOT = Path(__file__).parents[2]
LIBRARIES = ("codecarbon", "peft", "datasets", "transformers.models.llama")

STAGES: dict[str, tuple[str, ...]] = {
    "check": ("check",),
    "encode": ("encode", "raw", "encoded"),
    "finetune": ("finetune", "encoded", "adapter", "metrics"),
    "infer": ("infer", "encoded", "adapter", "predictions", "metrics"),
    "baseline": ("baseline", "encoded", "linear/predictions"),
    "decode": ("decode", "raw", "predictions", "submissions", "metrics"),
    "decode_baseline": (
        *("decode", "raw", "linear/predictions"),
        *("linear/submissions", "linear/metrics"),
    ),
    "evaluate": ("evaluate", "raw", "submissions", "metrics", "linear/submissions"),
}
"""The stages, by the names of dvc.yaml: script and arguments."""

OUTPUTS: dict[str, tuple[str, ...]] = {
    "check": (),
    "encode": ("encoded",),
    "finetune": ("adapter", "metrics/finetune", "metrics/finetune.json"),
    "infer": ("predictions",),
    "baseline": ("linear/predictions",),
    "decode": ("submissions", "metrics/decode", "metrics/decode.json"),
    "decode_baseline": (
        *("linear/submissions", "linear/metrics/decode"),
        "linear/metrics/decode.json",
    ),
    "evaluate": ("metrics/evaluate", "metrics/evaluate.json"),
}

READ: dict[str, tuple[str, ...]] = {
    "check": ("params.yaml", "prompts.yaml"),
    "encode": ("raw/*/*",),
    "finetune": ("base/*", "encoded/SHA256SUMS", "encoded/prompts.json", "encoded/train.jsonl")
    + ("encoded/dev.jsonl",),
    "infer": ("base/*", "adapter/*", "encoded/SHA256SUMS", "encoded/prompts.json")
    + ("encoded/questions.jsonl", "encoded/dev.jsonl", "encoded/train.jsonl")
    + ("encoded/closed.json", "encoded/forms.json"),
    "baseline": ("encoded/SHA256SUMS", "encoded/questions.jsonl", "encoded/train.jsonl")
    + ("encoded/closed.json", "encoded/forms.json"),
    "decode": ("raw/*/*", "predictions/SHA256SUMS", "predictions/test.jsonl")
    + ("predictions/dev.jsonl",),
    "decode_baseline": ("linear/predictions/SHA256SUMS", "linear/predictions/test.jsonl"),
    "evaluate": ("raw/*/*", "submissions/SHA256SUMS", "submissions/*/*")
    + ("submissions/probabilities.csv", "linear/submissions/SHA256SUMS", "linear/submissions/*/*"),
}
"""The files that a stage reads and that are damaged. What one writes oneself, settings and prompts,
has no checksum: check, which reads it first, has no output that could be another one."""

SETTINGS: dict[str, Any] = {
    "tasks": ["clinkart", "haspeede"],
    "model.base": "base",
    "data.prompts": "prompts.yaml",
    "finetune.epochs": 2,
    "finetune.cap": 24,
    "infer.max_new_tokens": 8,
    "evaluate.resamples": 100,
}
OTHER = {  # settings under which every output is another one
    "encode.seed": 22,
    "finetune.seed": 2,
    "infer.max_new_tokens": 7,
    "baseline.regularization": 2.0,
    "decode.team": "other",
    "evaluate.seed": 6,
}

Tree = Mapping[str, bytes]
"""The content of files, by path."""


def put(folder: Path, settings: Mapping[str, Any]) -> None:
    """Writes settings over those of params.yaml."""
    yaml = YAML()
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key, value in settings.items():
        *path, last = key.split(".")
        section = params
        for name in path:
            section = section[name]
        section[last] = value
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def make(folder: Path) -> None:
    """Makes the project: params, prompts, a tiny base and raw files, with checksums."""
    folder.mkdir()
    shutil.copy(ROOT / "data" / "prompts" / "it.yaml", folder / "prompts.yaml")
    tiny.tokenizer(folder / "base")
    tiny.model(folder / "base")
    sample = ROOT / "data" / "sample"
    documents = small_project.short_documents(sample / "clinkart" / "training.txt", 40)
    raw = folder / "raw" / "clinkart"
    raw.mkdir(parents=True)
    small_project.write(raw / "training.txt", documents[:28])
    small_project.write(raw / "test.txt", documents[28:], gold=False)
    small_project.write(raw / "test_gold.txt", documents[28:])
    for name, rows in (("training_textual", 60), ("test_textual", 40), ("test_textual_gold", 40)):
        text = read_text(sample / "haspeede" / f"{name}.csv")
        kept = list(csv.reader(io.StringIO(text, newline="")))[: rows + 1]
        table = io.StringIO(newline="")
        csv.writer(table, quoting=csv.QUOTE_ALL).writerows(kept)
        write_text(folder / "raw" / "haspeede" / f"{name}.csv", table.getvalue())
    for place in (folder / "base", raw, folder / "raw" / "haspeede"):
        write_sums(place)


def copy(source: Path, target: Path) -> Path:
    """Copies a project in place of another."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def tree(*places: Path) -> Tree:
    """Reads files and folders."""
    return {
        str(path): path.read_bytes()
        for place in places
        for path in ([place] if place.is_file() else sorted(place.rglob("*")))
        if path.is_file()
    }


def outputs(folder: Path, stage: str) -> list[Tree]:
    """Reads the outputs of a stage, one by one, with paths from the project's folder."""
    found: list[Tree] = []
    for name in OUTPUTS[stage]:
        files = tree(folder / name)
        found.append({str(Path(p).relative_to(folder)): content for p, content in files.items()})
    return found
