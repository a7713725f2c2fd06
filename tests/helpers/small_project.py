"""A small project that DVC can reproduce: a copy of this one, with a part of the sample."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stages.tasks import clinkart
from stages.tasks.clinkart import Relation
from stages.toolkit.spans import Span
from tests.helpers.params import put

STAGES = ["encode", "finetune", "infer", "baseline", "decode", "decode_baseline", "evaluate"]


def dvc(folder: Path, *arguments: str) -> str:
    """Runs dvc in a folder and returns what it printed."""
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def repro(folder: Path) -> list[str]:
    """Reproduces the pipeline and returns the stages that ran."""
    output = dvc(folder, "repro")
    return [stage for stage in STAGES if f"Running stage '{stage}'" in output]


def short_documents(path: Path, count: int) -> list[clinkart.Document]:
    """Pieces of the sample with just one relation each, as documents of their own.

    Little is learnt in seconds; where every question has a pair as its answer, it is a pair.
    """
    found = []
    for document in clinkart.read(path):
        relations = document.gold or ()
        for chunk in clinkart.chunks(document.text, relations):
            inside = [r for r in relations if chunk.start <= r.result.start < chunk.end]
            if len(inside) == 1 and chunk.end - chunk.start < 120:
                moved = Relation(*(Span(s - chunk.start, e - chunk.start) for s, e in inside[0]))
                text = document.text[chunk.start : chunk.end]
                found.append(clinkart.Document(f"{document.id}-{chunk.start}", text, (moved,)))
    assert len(found) >= count
    return found[:count]


def write(path: Path, documents: list[clinkart.Document], gold: bool = True) -> None:
    blocks = [clinkart.write_document(d, d.gold or () if gold else ()) for d in documents]
    path.write_text("\n".join(blocks), encoding="utf-8")


def make(root: Path, folder: Path) -> None:
    """Copies the project, not yet reproduced, with one task of few questions."""
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("stages", "analysis", "data/base", "data/prompts"):
        shutil.copytree(root / part, folder / part, ignore=ignore)
    for file in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(root / file, folder)
    sample = root / "data" / "sample" / "clinkart"
    raw = folder / "data" / "sample" / "clinkart"
    raw.mkdir(parents=True)
    documents = short_documents(sample / "training.txt", 60)
    write(raw / "training.txt", documents[:48])
    test = documents[48:]
    write(raw / "test.txt", test, gold=False)
    write(raw / "test_gold.txt", test)
    put(
        folder,
        {
            "tasks": ["clinkart"],
            "finetune.epochs": 8,
            "finetune.batch": 4,
            "finetune.lora.rank": 8,
            "finetune.lora.alpha": 16,
            "infer.max_new_tokens": 60,
        },
    )
    dvc(folder, "init", "--no-scm", "--quiet")
    dvc(folder, "config", "core.analytics", "false")
    shutil.copytree(root / ".dvc" / "plots", folder / ".dvc" / "plots")
