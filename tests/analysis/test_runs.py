"""Runs of experiments that were killed: what DVC has noted of them, and what clearing removes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analysis import experiments, runs
from analysis.runs import NOBODY, NOTES, TEMPORARY, git
from stages.common.command import InputError
from tests.helpers.small_project import IDENTITY

PIPELINE = """\
stages:
  evaluate:
    cmd: sleep 600
    deps: [params.yaml]
    outs: [done]
"""


def note(revision: str, place: str, folder: Path) -> None:
    """Writes what DVC notes of a run."""
    (NOTES / revision).mkdir(parents=True)
    content = {"location": place, "root_dir": str(folder), "status": 1}
    (NOTES / revision / f"{revision}.run").write_text(json.dumps(content))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of git, with a reference of a finished experiment and of one that began."""
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    tree = git("write-tree").strip()
    for name in ("exec/EXEC_BASELINE", "exec/EXEC_HEAD", "ab/cdef/wide"):
        git("update-ref", f"refs/exps/{name}", tree)
    TEMPORARY.mkdir(parents=True)
    return tmp_path


@pytest.fixture
def worker(workspace: Path) -> Iterator[Path]:
    """A temporary folder in which a process works."""
    folder = workspace / TEMPORARY / "tmp-at-work"
    folder.mkdir()
    with subprocess.Popen(["sleep", "600"], cwd=folder) as process:
        yield folder
        process.kill()


def test_a_note_that_is_absent_or_defective_is_empty(workspace: Path) -> None:
    assert runs.read_note("a") == ("", None)
    note("a", "tempdir", workspace)
    assert runs.read_note("a") == ("tempdir", workspace)
    for content in ("{", "{}"):
        (NOTES / "a" / "a.run").write_text(content)
        assert runs.read_note("a") == ("", None)


@pytest.mark.process
def test_clearing_leaves_what_runs(workspace: Path, worker: Path) -> None:
    """Whatever DVC shows: a run that began at another commit is not in its table."""
    for name in ("tmp-killed", "standalone/tmp-killed"):
        (TEMPORARY / name).mkdir(parents=True)
    note("working", "dvc-task", worker)
    note("failed", "dvc-task", workspace / TEMPORARY / "tmp-killed")
    note("temporary", "tempdir", workspace / TEMPORARY / "standalone" / "tmp-killed")
    note("here", "workspace", workspace)
    assert runs.clear() == 2
    assert [path.name for path in TEMPORARY.glob("tmp*")] == [worker.name]
    assert not list(TEMPORARY.glob("standalone/*"))
    assert [path.name for path in NOTES.iterdir()] == ["working"]
    assert git("for-each-ref", "--format=%(refname)").split() == ["refs/exps/ab/cdef/wide"]


def test_clearing_leaves_what_may_just_begin(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it has noted a run's folder, and entered it, DVC has made it."""
    for name in ("tmp-noted", "tmp-new"):
        (TEMPORARY / name).mkdir()
    note("noted", "dvc-task", workspace / TEMPORARY / "tmp-noted")
    note("here", "workspace", workspace)
    monkeypatch.setattr(runs, "works_here", lambda command: command == "queue-worker")
    assert runs.clear() == 1
    assert [path.name for path in TEMPORARY.glob("tmp*")] == ["tmp-new"]
    monkeypatch.setattr(runs, "works_here", lambda command: command == "run")
    note("here", "workspace", workspace)
    git("update-ref", "refs/exps/exec/EXEC_HEAD", "refs/exps/ab/cdef/wide")
    assert runs.clear() == 0
    assert "here" in {path.name for path in NOTES.iterdir()}
    assert "EXEC_HEAD" in git("for-each-ref")


def test_a_process_that_has_the_number_of_a_dead_one_gets_no_signal(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dvc queue kill` sends one to whatever has the number that DVC has noted."""
    note("gone", "dvc-task", workspace / "gone")
    file = NOTES / "gone" / "gone.json"
    file.write_text(json.dumps({"pid": os.getpid(), "stdout": "log", "returncode": None}))
    calls = []
    monkeypatch.setattr(runs, "dvc", lambda *arguments: calls.append(arguments))
    runs.end("gone", "name")
    assert calls == [("queue", "kill", "name")]
    assert json.loads(file.read_text()) == {"pid": NOBODY, "stdout": "log", "returncode": None}
    with pytest.raises(ProcessLookupError):
        os.kill(NOBODY, 0)


@pytest.mark.process
def test_a_temporary_run_that_was_killed_is_seen_from_another_commit_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With DVC itself, whose notes and references the functions read."""
    monkeypatch.chdir(tmp_path)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    git("init", "--quiet", "--initial-branch", "main")
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    Path(".dvc/.gitignore").write_text("/tmp\n/cache\n")
    Path("params.yaml").write_text("cost: {country: ITA}\n")
    Path("dvc.yaml").write_text(PIPELINE)
    git("add", "--all")
    git("commit", "--quiet", "--message", "one")
    run = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "--name", "slow"]
    with subprocess.Popen(run, stdout=subprocess.DEVNULL) as process:
        stage = stage_of(process)
        process.kill()
    git("commit", "--quiet", "--allow-empty", "--message", "two")
    (folder,) = TEMPORARY.glob("standalone/tmp*")
    assert runs.clear() == 0, "the stage runs on"
    os.kill(stage, 9)
    while runs.is_at_work(folder):
        time.sleep(0.05)
    *others, slow = experiments.read(runs.show())
    assert [each.name for each in others[:2]] == ["workspace", "main"]
    assert (slow.name, slow.state, slow.is_queued) == ("slow", "killed", False)
    assert runs.clear() == 1
    assert not folder.exists()
    assert not list(NOTES.iterdir())


def stage_of(run: subprocess.Popen[bytes]) -> int:
    """Waits until DVC runs the stage below this folder, and returns the number of its process."""
    from psutil import process_iter

    while run.poll() is None:
        for process in process_iter(["cwd", "cmdline"]):
            inside = Path(process.info["cwd"] or "/").is_relative_to(Path.cwd())
            if inside and process.info["cmdline"] == ["sleep", "600"]:
                return process.pid
        time.sleep(0.05)
    raise AssertionError("dvc exp run has ended")


def test_what_dvc_has_lost_is_named(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has just begun, and has its folder at the second look, is not."""
    night, day = {"a" * 40: "night"}, {"b" * 40: "day"}
    looks = [night | day, night]
    monkeypatch.setattr(runs, "SETTLED", 0.0)
    monkeypatch.setattr(runs, "lost", lambda: looks.pop(0))
    with pytest.raises(InputError, match="experiment night: DVC takes it for running, but"):
        runs.show()


def test_a_folder_that_goes_while_dvc_looks_is_no_error(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An experiment has ended between DVC's list of those at work and its look at them."""
    gone = InputError("ERROR: failed to show experiments - directory '.dvc/tmp' does not exist")
    answers: list[InputError | str] = [gone, gone, "[]"]

    def dvc(*_: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, InputError):
            raise answer
        return answer

    monkeypatch.setattr(runs, "dvc", dvc)
    assert runs.show() == []
    answers += [InputError("ERROR: unable to read: 'params.yaml'"), gone, gone, gone]
    with pytest.raises(InputError, match="unable to read"):
        runs.show()
    with pytest.raises(InputError, match="does not exist"):
        runs.show()
    assert not answers
