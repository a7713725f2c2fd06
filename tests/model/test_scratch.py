"""Where scratch state lies, and what its key depends on."""

import importlib
import os
import shutil
import time
from pathlib import Path
from threading import Thread

import pytest
import torch

from stages.common.command import InputError
from stages.common.settings import load
from stages.model import scratch as module
from stages.model.processes import Processes
from stages.model.scratch import code_files, repository, scratch, scratch_folder, sweep

CODE = ("common", "model")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_key_depends_on_the_texts(tmp_path: Path) -> None:
    first = scratch_folder("finetune", CODE, "rank 8", "data 1")
    assert first == scratch_folder("finetune", CODE, "rank 8", "data 1")
    assert first.parent == tmp_path / ".scratch" / "finetune"
    assert first != scratch_folder("finetune", CODE, "rank 2", "data 1")
    assert first != scratch_folder("finetune", CODE, "rank 8", "data 2")
    assert first != scratch_folder("finetune", CODE, "rank 8data", " 1")


def test_the_key_depends_on_the_files_of_the_named_folders_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(root / "stages", tmp_path / "stages")
    monkeypatch.setattr(module, "STAGES", tmp_path / "stages")

    def key_after_a_change_of(path: str) -> str:
        with (tmp_path / "stages" / path).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        return scratch_folder("finetune", CODE).name

    before = scratch_folder("finetune", CODE).name
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
    folder = scratch_folder("infer", CODE)
    monkeypatch.chdir(copy)
    assert scratch_folder("infer", CODE) == folder


def make(folder: Path, days: float = 0, size: int = 1) -> Path:
    """Makes a scratch folder with a file of a size, last changed some days ago."""
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * size)
    changed = time.time() - days * 86_400
    for path in (folder / "file", folder):
        os.utime(path, (changed, changed))
    return folder


def test_a_folder_is_there_during_the_work_and_after_its_failure(tmp_path: Path) -> None:
    folder = scratch_folder("infer", CODE)
    with pytest.raises(KeyboardInterrupt), scratch(folder):
        (folder / "begun").touch()
        raise KeyboardInterrupt
    with scratch(folder):
        assert (folder / "begun").exists()
    assert not folder.exists()


def test_old_states_of_all_stages_are_deleted_unless_in_use(tmp_path: Path) -> None:
    infer, finetune = tmp_path / ".scratch" / "infer", tmp_path / ".scratch" / "finetune"
    old, other, recent = make(infer / "a", 30), make(finetune / "b", 30), make(finetune / "c", 13)
    with scratch(used := make(infer / "d", 30)), scratch(infer / "e"):
        sweep(infer / "f")
        assert [p.exists() for p in (old, other, recent, used)] == [False, False, True, True]


def test_the_oldest_states_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 250)
    stage = tmp_path / ".scratch" / "finetune"
    states = [make(stage / str(days), days, 100) for days in range(4)]
    sweep(states[3])
    assert [state.exists() for state in states] == [True, False, False, True]


def test_a_second_run_with_the_same_inputs_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    order: list[str] = []

    def second() -> None:
        with scratch(folder):
            order.append("second")

    folder = scratch_folder("finetune", CODE)
    thread = Thread(target=second)
    with scratch(folder):
        thread.start()
        while "another run with the same inputs is at work" not in caplog.text:
            time.sleep(0.01)
        monkeypatch.setattr(module, "PATIENCE", 0.0)
        monkeypatch.setattr(module, "here", lambda: Processes(0, 2, 0, 1))
        with pytest.raises(InputError, match="another run with the same inputs is at work; wait"):
            second()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_gpu_that_fails_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    folder = scratch_folder("finetune", CODE)
    with (
        pytest.raises(InputError, match=r"the GPU has failed: as if\n.*finetune.*to go on"),
        scratch(folder),
    ):
        raise torch.AcceleratorError("as if\nand more")
    assert folder.exists()
