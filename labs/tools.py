"""What the labs share: a small run of the pipeline, scores of any answers, token ids.

A small run is what `dvc repro` does, without DVC, on a few questions and in seconds: the settings
are those of params.yaml with a few changes, the stages run one after the other in this process.
What a run has written is found again, until its settings, the code of the stages, the sample or the
base change.
"""

import gc
import hashlib
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

from filelock import FileLock
from ruamel.yaml import YAML

from stages.common import settings
from stages.common.files import write_text
from stages.common.prompts import Prompts
from stages.evaluate import Settings
from stages.tasks import load
from stages.toolkit.records import Unit

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample"
RUNS = ROOT / ".scratch" / "labs"
STAGES = {
    "encode": "RAW encoded",
    "finetune": "encoded adapter metrics",
    "infer": "encoded adapter predictions metrics",
    "baseline": "encoded linear/predictions",
    "decode": "RAW predictions submissions metrics",
    "evaluate": "RAW submissions metrics",
}
CHANGES: dict[str, Any] = {
    "tasks": ["acti", "nermud"],
    "finetune": {"cap": 40, "epochs": 4},
    "infer": {"max_new_tokens": 80},
    "evaluate": {"resamples": 200},
}


def small_run(*, upto: str = "evaluate", **changes: Any) -> Path:
    """Runs the stages up to one of them, unless that has been done.

    Args:
        upto: the last stage to run.
        **changes: values of params.yaml that differ from those of all small runs; ``__`` stands
            for the dot of a key: ``finetune__lora__rank=2``.

    Returns:
        A folder with params.yaml, encoded, adapter, predictions, submissions and metrics, as far as
        the stages have run.
    """
    profile = {key: dict(v) if isinstance(v, dict) else v for key, v in CHANGES.items()}
    profile["model"] = {"base": str(ROOT / "data" / "bases" / "llama")}
    profile["data"] = {"prompts": str(ROOT / "data" / "prompts" / "it.yaml")}
    for key, value in changes.items():
        *above, last = key.split("__")
        section: dict[str, Any] = profile
        for name in above:
            section = section.setdefault(name, {})
        section[last] = value
    folder = RUNS / _key(profile)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # labs that are tested side by side share runs
        shutil.copy(ROOT / "params.yaml", folder)
        YAML().dump(profile, folder / "changes.yaml")
        settings.apply(folder / "changes.yaml", folder / "params.yaml")
        for stage in [*STAGES][: [*STAGES].index(upto) + 1]:
            if not (folder / f"{stage}.done").exists():
                _run(stage, folder)
                (folder / f"{stage}.done").touch()
    return folder


def _key(profile: dict[str, Any]) -> str:
    """A hash of all that decides what a run writes."""
    key = hashlib.sha256(repr(profile).encode())
    inputs = [ROOT / "params.yaml", *(ROOT / "data" / "bases" / "llama").iterdir()]
    for folder in ("stages", "data/prompts", *(f"data/sample/{task}" for task in profile["tasks"])):
        inputs += [p for p in sorted((ROOT / folder).rglob("*")) if "__pycache__" not in p.parts]
    for path in sorted(inputs):
        if path.is_file():
            key.update(path.read_bytes())
    return key.hexdigest()[:16]


def _run(stage: str, folder: Path) -> None:
    """Runs a stage's command in a folder."""
    raw = os.path.relpath(SAMPLE, folder)
    arguments = [raw if name == "RAW" else name for name in STAGES[stage].split()]
    before = sys.argv
    try:
        with chdir(folder):
            sys.argv = [stage, *arguments]
            importlib.import_module(f"stages.{stage}").main()
    finally:
        sys.argv = before
        gc.enable()  # encode does without it


def score_answers(task: str, answers: Mapping[str, str]) -> dict[str, Unit]:
    """Decodes answers to the test questions of the sample as if a model had given them, and scores.

    Args:
        task: the task's name.
        answers: an answer to every test question, by question id.

    Returns:
        The task's ranked units.
    """
    known = settings.read(Settings, ROOT / "params.yaml")
    submission = load(task).decode(SAMPLE / task, known.encode, answers, known.decode)
    with tempfile.TemporaryDirectory() as temporary:
        for name, text in submission.files.items():
            write_text(Path(temporary) / name, text)
        return load(task).score(SAMPLE / task, known.encode, Path(temporary), known.decode)


def text_encoder() -> Any:
    """What turns text into token ids, with the tokenizer of the small base."""
    from stages.model.loading import load_tokenizer, settled
    from stages.model.settings import Model
    from stages.model.text import TextEncoder

    class Params(settings.StageSettings):
        model: Model

    model = settings.read(Params, ROOT / "params.yaml").model
    base = str(ROOT / "data" / "bases" / "llama")
    small = settled(model.model_copy(update={"base": base, "tokenizer": None}))
    prompts = settings.read(Prompts, ROOT / "data" / "prompts" / "it.yaml")
    return TextEncoder(small, load_tokenizer(small), prompts)
