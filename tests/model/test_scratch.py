"""Where scratch state lies, and what its key depends on."""

import os
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from stages.model.scratch import repository, scratch


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_key_depends_on_the_texts(tmp_path: Path) -> None:
    first = scratch("finetune", "rank 8", "data 1")
    assert first == scratch("finetune", "rank 8", "data 1")
    assert first.parent == tmp_path / ".scratch" / "finetune"
    assert first != scratch("finetune", "rank 2", "data 1")
    assert first != scratch("finetune", "rank 8", "data 2")
    assert first != scratch("finetune", "rank 8data", " 1")


def test_the_key_depends_on_the_stages_own_modules_only(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("stages.invented")
    module.__file__ = str(tmp_path / "invented.py")
    (tmp_path / "invented.py").write_text("1")
    before = scratch("finetune")
    monkeypatch.setitem(sys.modules, "stages.invented", module)
    imported = scratch("finetune")
    assert imported != before
    (tmp_path / "invented.py").write_text("2")
    assert scratch("finetune") not in (before, imported)


def test_temporary_copies_share_the_repositorys_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    copy.mkdir(parents=True)
    assert repository(copy) == tmp_path
    assert repository(tmp_path) == tmp_path
    folder = scratch("infer")
    monkeypatch.chdir(copy)
    assert scratch("infer") == folder


def test_old_state_of_other_inputs_is_thrown_away(tmp_path: Path) -> None:
    old, recent = scratch("infer", "old"), scratch("infer", "recent")
    long_ago = time.time() - 30 * 86_400
    os.utime(old, (long_ago, long_ago))
    scratch("infer", "new")
    assert not old.exists()
    assert recent.exists()
