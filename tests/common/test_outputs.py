"""Output folders: exchanged whole, with checksums, tried beforehand."""

import errno
import json
import os
import shutil
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from stages.common import files, outputs
from stages.common.command import InputError
from stages.common.outputs import (
    SUMS,
    check_sums,
    try_folders,
    whole_folder,
    write_sums,
)


def write(target: Path, name: str, fail: bool = False) -> None:
    with whole_folder(target, sums=True) as folder:
        files.write_json(folder / name, {"è": 1})
        if fail:
            raise KeyboardInterrupt


def refuse(*_: Path) -> None:
    raise OSError(errno.EINVAL, "as on a file system that cannot")


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(outputs, "exchange", refuse)
    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        write(target, "a.json", fail=True)
    assert list(tmp_path.iterdir()) == []
    write(target, "a.json")
    with pytest.raises(KeyboardInterrupt):
        write(target, "b.json", fail=True)
    assert sorted(p.name for p in target.iterdir()) == [SUMS, "a.json"]
    write(target, "b.json")
    assert sorted(p.name for p in target.iterdir()) == [SUMS, "b.json"]
    assert json.loads((target / "b.json").read_text(encoding="utf-8")) == {"è": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_has_left_is_deleted(tmp_path: Path) -> None:
    killed = subprocess.Popen(["true"])
    killed.wait()
    (host,) = os.uname()[1:2]
    own = files.temporary_path(tmp_path / "out")
    assert own.name == f".out.{host}-{os.getpid()}.tmp"
    left = tmp_path / f".out.{host}-{killed.pid}.tmp"
    running = tmp_path / f".out.{host}-{os.getppid()}.tmp"
    elsewhere, old = tmp_path / ".out.elsewhere-1.tmp", tmp_path / ".out.elsewhere-2.tmp"
    for folder in (left, running, elsewhere, old):
        folder.mkdir()
    os.utime(old, (0, 0))
    write(tmp_path / "out", "a.json")
    assert sorted(tmp_path.iterdir()) == sorted([elsewhere, running, tmp_path / "out"])


# --- Checksums ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.txt", "à b/c.txt"):
        files.write_text(tmp_path / "in" / name, name)
    write_sums(tmp_path / "in")
    return tmp_path / "in"


def test_sums_are_those_of_coreutils(folder: Path) -> None:
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum")
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=folder, check=True)
    made = subprocess.run(["sha256sum", "-b", "./a.txt"], cwd=folder, capture_output=True)
    (folder / SUMS).write_bytes(made.stdout)
    check_sums(folder)
    check_sums(folder, "a.txt")


def test_each_change_of_a_file_is_an_error_that_says_what_to_do(folder: Path) -> None:
    check_sums(folder)
    check_sums(folder, "a.txt", "optional.txt")
    (folder / "à b" / "c.txt").write_text("")
    check_sums(folder, "a.txt")
    with pytest.raises(InputError, match=r"in/à b/c\.txt: does not have .*\n.*dvc checkout.*delet"):
        check_sums(folder)
    (folder / "a.txt").unlink()
    with pytest.raises(InputError, match=r"in/a\.txt: absent, but listed in SHA256SUMS"):
        check_sums(folder, "a.txt")
    (folder / "more.txt").touch()
    with pytest.raises(InputError, match=r"in/more\.txt: not listed in SHA256SUMS"):
        check_sums(folder, "more.txt")
    (folder / SUMS).unlink()
    check_sums(folder, "a.txt")


@pytest.mark.parametrize(
    "line", ["", "x", "0" * 63 + "  a", "0" * 64 + "  /a", "0" * 64 + "  ../a"]
)
def test_damaged_sums_are_an_error(folder: Path, line: str) -> None:
    (folder / SUMS).write_text(f"{line}\n")
    with pytest.raises(InputError, match=rf"{SUMS}:1: "):
        check_sums(folder)


# --- Before the work ---


def test_folders_are_tried_before_the_work(tmp_path: Path) -> None:
    try_folders([(tmp_path / "a" / "b", 1), (tmp_path / "a", 0)])
    assert [p.name for p in tmp_path.rglob("*")] == ["a", "b"]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot be written into: "):
        try_folders([(tmp_path / "file", 1)])


def test_outputs_of_one_disk_need_room_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")(3 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    try_folders([(tmp_path, 2**20), (tmp_path, 2**20)])
    with pytest.raises(InputError, match=r"has 3.0 MiB left; expected room for 4.0 MiB"):
        try_folders([(tmp_path, 2**21), (tmp_path, 2**21)])
