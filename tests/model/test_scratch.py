"""Where scratch state lies, and what its key depends on."""

import importlib
import os
import shutil
import time
from pathlib import Path

import pytest

from stages.common.settings import load
from stages.model import scratch as module
from stages.model.scratch import code_files, repository, scratch

CODE = ("common", "model")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_key_depends_on_the_texts(tmp_path: Path) -> None:
    first = scratch("finetune", CODE, "rank 8", "data 1")
    assert first == scratch("finetune", CODE, "rank 8", "data 1")
    assert first.parent == tmp_path / ".scratch" / "finetune"
    assert first != scratch("finetune", CODE, "rank 2", "data 1")
    assert first != scratch("finetune", CODE, "rank 8", "data 2")
    assert first != scratch("finetune", CODE, "rank 8data", " 1")


def test_the_key_depends_on_the_files_of_the_named_folders_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root / "stages", tmp_path / "stages")
    monkeypatch.setattr(module, "STAGES", tmp_path / "stages")

    def key_after_a_change_of(path: str) -> str:
        with (tmp_path / "stages" / path).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        return scratch("finetune", CODE).name

    before = scratch("finetune", CODE).name
    assert key_after_a_change_of("tasks/acti.py") == before
    assert key_after_a_change_of("infer.py") == before
    changed = [key_after_a_change_of(path) for path in ("model/lora.py", "finetune.py")]
    assert len({before, *changed}) == 3


@pytest.mark.parametrize("stage", ["finetune", "infer"])
def test_the_named_folders_are_those_of_dvc_yaml(root: Path, stage: str) -> None:
    code = importlib.import_module(f"stages.{stage}").CODE
    listed = load(root / "dvc.yaml")["stages"][stage]["deps"]
    named = {f"stages/{stage}.py", *(f"stages/{folder}" for folder in code)}
    assert named == {dep for dep in listed if dep.startswith("stages/")}
    assert root / "stages" / "model" / "lora.py" in code_files(stage, code)


def test_temporary_copies_share_the_repositorys_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    copy.mkdir(parents=True)
    assert repository(copy) == tmp_path
    assert repository(tmp_path) == tmp_path
    folder = scratch("infer", CODE)
    monkeypatch.chdir(copy)
    assert scratch("infer", CODE) == folder


def test_old_state_of_other_inputs_is_thrown_away(tmp_path: Path) -> None:
    old, recent = scratch("infer", CODE, "old"), scratch("infer", CODE, "recent")
    long_ago = time.time() - 30 * 86_400
    os.utime(old, (long_ago, long_ago))
    scratch("infer", CODE, "new")
    assert not old.exists()
    assert recent.exists()
