"""A small project that DVC can reproduce: a copy of this one, with a part of the sample."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stages.forms.mentions import Span
from stages.tasks import clinkart
from stages.tasks.clinkart import Relation
from tests.helpers.commands import command, forked_programs
from tests.helpers.params import put

STAGES = [
    "check",
    "encode",
    "finetune",
    "infer",
    "baseline",
    "decode",
    "decode_baseline",
    "evaluate",
]


IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "someone"), ("EMAIL", "someone@localhost"))
}
"""Who commits, for git."""


def run(folder: Path, *arguments: str, fails: bool = False) -> str:
    """Runs dvc, or another module, in a folder and returns what it printed.

    Args:
        folder: where it runs.
        *arguments: the module's name and its arguments.
        fails: whether it should.
    """
    programs = os.pathsep.join(map(str, (forked_programs(), Path(sys.executable).parent)))
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    result = command(folder, *arguments, variables=os.environ | IDENTITY | {"PATH": path})
    assert (result.returncode != 0) == fails, result.stdout + result.stderr
    return result.stdout + result.stderr


def dvc(folder: Path, *arguments: str, fails: bool = False) -> str:
    """Runs dvc in a folder and returns what it printed."""
    return run(folder, "dvc", *arguments, fails=fails)


def git(folder: Path, *arguments: str) -> str:
    """Runs git in a folder, which must succeed, and returns what it printed."""
    words, variables = ["git", *arguments], os.environ | IDENTITY
    return subprocess.run(
        words, cwd=folder, env=variables, check=True, text=True, capture_output=True
    ).stdout


def repro(folder: Path) -> list[str]:
    """Reproduces the pipeline and returns the stages that ran."""
    return ran(dvc(folder, "repro"))


def ran(output: str) -> list[str]:
    """The stages that ran, by what DVC printed."""
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
    for part in ("stages", "analysis", "data/bases/llama", "data/prompts"):
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
    shutil.copytree(root / ".dvc" / "plots", folder / ".dvc" / "plots")
    config = (root / ".dvc" / "config").read_text(encoding="utf-8")
    (folder / ".dvc" / "config").write_text(config.replace("[core]\n", "[core]\nno_scm = True\n"))
