"""The whole pipeline through DVC, on a part of the sample."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.spans import Span
from stages.tasks import clinkart
from stages.tasks.clinkart import Relation
from tests.params import put

STAGES = ["encode", "finetune", "infer", "decode", "evaluate"]


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
        relations = document.relations or ()
        for chunk in clinkart.chunks(document.text, relations):
            inside = [r for r in relations if chunk.start <= r.result.start < chunk.end]
            if len(inside) == 1 and chunk.end - chunk.start < 120:
                moved = Relation(*(Span(s - chunk.start, e - chunk.start) for s, e in inside[0]))
                text = document.text[chunk.start : chunk.end]
                found.append(clinkart.Document(f"{document.id}-{chunk.start}", text, (moved,)))
    assert len(found) >= count
    return found[:count]


def write(path: Path, documents: list[clinkart.Document], gold: bool = True) -> None:
    blocks = [clinkart.write_document(d, d.relations or () if gold else ()) for d in documents]
    path.write_text("\n".join(blocks), encoding="utf-8")


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} in {file}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a part of the sample, not yet reproduced."""
    root = Path(__file__).parents[1]
    folder = tmp_path_factory.mktemp("project")
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("stages", "data/base", "data/prompts"):
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
    return folder


@pytest.fixture(scope="module")
def reproduced(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, reproduced; not to be changed."""
    folder = tmp_path_factory.mktemp("reproduced") / "project"
    shutil.copytree(project, folder)
    assert repro(folder) == STAGES
    return folder


@pytest.fixture
def workspace(reproduced: Path, tmp_path: Path) -> Path:
    """A copy of the reproduced project, to be changed."""
    folder = tmp_path / "project"
    shutil.copytree(reproduced, folder)
    return folder


def test_everything_is_written_and_scored(reproduced: Path) -> None:
    metrics = {
        name: json.loads((reproduced / "metrics" / f"{name}.json").read_text())
        for name in ("finetune", "decode", "evaluate")
    }
    unit = metrics["evaluate"]["units"]["clinkart"]
    assert unit["n"] == 12
    assert unit["low"] <= unit["value"] <= unit["high"]
    assert metrics["evaluate"]["headline"] == unit["value"] > 0
    tests = (reproduced / "data" / "encoded" / "test.jsonl").read_text().count("\n")
    assert metrics["decode"]["clinkart"]["rows"] == tests
    assert metrics["finetune"]["dev_loss"] < 3
    submission = reproduced / "data/submissions/clinkart/extremITA-dvc_run1.txt"
    assert submission.read_text(encoding="utf-8").count("|t|") == 12
    assert (reproduced / "models" / "adapter" / "adapter_model.safetensors").is_file()


def test_metrics_and_plots_are_shown(reproduced: Path) -> None:
    shown = json.loads(dvc(reproduced, "metrics", "show", "--json"))[""]["data"]
    assert set(shown) >= {f"metrics/{n}.json" for n in ("finetune", "decode", "evaluate")}
    page = dvc(reproduced, "plots", "show", "--out", "plots").strip()
    html = (reproduced / "plots" / "index.html").read_text(encoding="utf-8")
    assert page.endswith("index.html")
    for text in ("Loss per label token", "dev_loss", "train_loss", "Official metric"):
        assert text in html


def test_a_second_run_does_nothing(reproduced: Path) -> None:
    before = (reproduced / "dvc.lock").read_bytes()
    assert repro(reproduced) == []
    assert (reproduced / "dvc.lock").read_bytes() == before


def test_a_comment_in_params_changes_nothing(workspace: Path) -> None:
    with (workspace / "params.yaml").open("a") as file:
        file.write("# a remark\n")
    assert repro(workspace) == []


def test_another_rank_reruns_what_depends_on_it_and_nothing_else(workspace: Path) -> None:
    put(workspace, {"finetune.lora.rank": 2})
    assert repro(workspace) == ["finetune", "infer", "decode", "evaluate"]


def test_another_decoder_reruns_decode_and_evaluate_only(workspace: Path) -> None:
    before = json.loads((workspace / "metrics" / "evaluate.json").read_text())
    change(workspace, "stages/decode.py", 'str(row["answer"])', 'str("[NOREL]")')
    assert repro(workspace) == ["decode", "evaluate"]
    after = json.loads((workspace / "metrics" / "evaluate.json").read_text())
    assert after["headline"] == 0.0 < before["headline"]


def test_another_reading_of_answers_trains_and_answers_nothing_anew(workspace: Path) -> None:
    """A task's module belongs to encode too, which reads its own answers back; the encoded data
    stay the same, and so do adapter and answers."""
    change(
        workspace,
        "stages/tasks/clinkart.py",
        "relations.update(r for r in located if r)",
        "relations.update(r for r in located if r and False)",
    )
    assert repro(workspace) == ["encode", "decode", "evaluate"]


def test_a_remark_in_the_decoder_reruns_decode_alone(workspace: Path) -> None:
    with (workspace / "stages" / "decode.py").open("a") as file:
        file.write("# a remark\n")
    assert repro(workspace) == ["decode"]


def test_two_fresh_copies_give_the_same_lock(
    project: Path, reproduced: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere" / "copy"
    shutil.copytree(project, folder)
    assert repro(folder) == STAGES
    assert (folder / "dvc.lock").read_bytes() == (reproduced / "dvc.lock").read_bytes()
