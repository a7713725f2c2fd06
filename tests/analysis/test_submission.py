"""Submissions packed as the organisers want them sent, for all tasks."""

import logging
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from analysis import submission
from stages import tasks
from stages.common.command import InputError
from stages.common.outputs import write_sums
from tests.helpers.params import put
from tests.helpers.tasks import RUN, gold_answers, submit


def packed(folder: Path, monkeypatch: pytest.MonkeyPatch, target: str = "out") -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["submission", target])
    submission.main()
    return folder / target


def submitted(root: Path, folder: Path, *names: str) -> Path:
    """Writes params.yaml and the submissions of some tasks, and returns the folder."""
    shutil.copy(root / "params.yaml", folder)
    put(folder, {"decode.team": RUN.team, "decode.run": RUN.run, "tasks": [*names]})
    for name in names:
        raw = root / "data" / "sample" / name
        answers = gold_answers(tasks.load(name), raw)
        submit(tasks.load(name), raw, answers, folder / "data" / "submissions" / name)
    return folder


@pytest.mark.long
def test_all_files_of_all_tasks_are_packed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    out = packed(submitted(root, tmp_path, *tasks.names()), monkeypatch)
    archives = {}
    for name in tasks.names():
        sending = tasks.load(name).SENDING
        source = tmp_path / "data" / "submissions" / name
        files = {
            path.relative_to(source).as_posix().removesuffix(sending.suffix): path.read_bytes()
            for path in source.rglob("*")
            if path.is_file()
        }
        assert files
        if sending.archive:
            [path] = (out / name).iterdir()
            archives[path.name] = sorted(zipfile.ZipFile(path).namelist())
            with zipfile.ZipFile(path) as archive:
                found = {entry: archive.read(entry) for entry in archive.namelist()}
        else:
            found = {
                path.relative_to(out / name).as_posix(): path.read_bytes()
                for path in (out / name).rglob("*")
                if path.is_file()
            }
        about = found.pop(sending.description, b"")
        assert found == files, name
        assert bool(about) == bool(sending.description)
        assert f"{name}: {sending.how}" in caplog.messages
    assert archives["prova_run2.zip"] == ["binary.jsonl", "binary_eng.jsonl", "description.txt"]
    assert "missing" not in caplog.text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("geolingit", ["prova.standard.a.2", "prova.standard.b.2"]),
        ("hodi", ["prova.A.run2", "prova.B.run2"]),
    ],
)
def test_names_have_no_ending_where_the_organisers_want_none(
    tmp_path: Path, name: str, expected: list[str]
) -> None:
    files = {f"{entry}.tsv": b"id\n" for entry in expected}
    submission.pack(files, tasks.load(name).SENDING, RUN, "", tmp_path / name)
    with zipfile.ZipFile(tmp_path / name / "prova.zip") as archive:
        assert sorted(archive.namelist()) == expected


def test_equal_files_are_equal_archives_and_absent_ones_are_missed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = submitted(root, tmp_path, "emit", "wicita")
    one, other = (packed(folder, monkeypatch, name) for name in ("one", "other"))
    archive = Path("wicita") / "prova_run2.zip"
    assert (one / archive).read_bytes() == (other / archive).read_bytes()
    assert "missing" not in caplog.text
    absent = "prova_SubtaskA_out-of-domain_run2.csv"
    (folder / "data" / "submissions" / "emit" / absent).unlink()
    packed(folder, monkeypatch)
    assert f"emit: missing, but asked for: {absent}" in caplog.messages


def test_the_description_names_what_the_run_consists_of(root: Path) -> None:
    from stages.common import settings

    text = submission.description(settings.load(root / "params.yaml"))
    for part in ("extremITA-dvc, run 1", "data/bases/llama", "rank 16", "on all", "wicita"):
        assert part in text


def test_without_submissions_it_says_what_comes_first(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(root / "params.yaml", tmp_path)
    with pytest.raises(InputError, match="no submissions; `dvc repro` comes first"):
        packed(tmp_path, monkeypatch)
    assert not (tmp_path / "out").exists()


def test_damaged_submissions_are_not_packed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = submitted(root, tmp_path, "haspeede") / "data" / "submissions"
    write_sums(folder)
    path = next(folder.glob("haspeede/*"))
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"{path.name}: does not have the checksum"):
        packed(tmp_path, monkeypatch)
