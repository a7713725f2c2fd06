"""Commands in pages: every console block of README, docs and labs is run, page by page, in order.

They run in a small clone: all of the project, with settings under which a stage takes seconds, in
which python and dvc fork from a process with the libraries loaded, and with a remote of git and of
DVC. What cannot be run here is marked in the page, with the reason; its command lines are parsed by
test_code_blocks.py, as all are. A mark stands before its block:

    <!-- not run: REASON -->              the whole block
    <!-- not run, `COMMAND`: REASON -->   the lines that begin with it; there may be several
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from analysis import grade
from tests.helpers.commands import forked_programs
from tests.helpers.pages import PAGES, ROOT
from tests.helpers.params import put
from tests.helpers.small_project import IDENTITY

MARK = r"<!-- not run(?:, `([^`]+)`)?: ([^>]+?) -->\n+"
BLOCK = re.compile(rf"((?:{MARK})*)```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PLACES = {"/mnt/shared/dvc": "remote"}  # what a page names, and where it lies beside the clone

SETTINGS = {
    "tasks": ["acti", "haspeede", "hodi"],
    "finetune.cap": 8,
    "finetune.epochs": 1,
    "infer.max_new_tokens": 4,
    "evaluate.resamples": 100,
}
STUDY = """\
about: x
base: {tasks: [haspeede, hodi]}
grid: {finetune.lora.rank: [16, 4]}
seeds: [1, 2, 3]
"""
BEGIN = """\
set -eo pipefail
dvc() {
  command dvc "$@"
  if [ "$1 $2" = "queue start" ]; then  # a worker in the background
    while command dvc queue status | grep -E 'Queued|Running|[1-9] active' > /dev/null; do
      sleep 1
    done
    if command dvc queue status | grep Failed; then false; fi
  fi
}
"""
ACTIVATE = 'PATH="$PWD/.venv/bin:$PATH"\n'


class Block(NamedTuple):
    """A console block: the commands that run, and why others do not, by how they begin."""

    commands: list[str]
    left: Mapping[str, str]


def blocks(page: str) -> list[Block]:
    """The console blocks of a page."""
    found = []
    for marks, _, _, text in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        lines = re.findall(r"^\$ (.*)$", re.sub(r" *\\\n *", " ", text), re.MULTILINE)
        left = dict(re.findall(MARK, marks))
        run = [line for line in lines if not any(line.startswith(begin) for begin in left)]
        found.append(Block(run, left))
        for begin, reason in left.items():
            assert any(line.startswith(begin) for line in lines), f"{page}: {begin}: {reason}"
    return found


NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
FOLLOWED = [name for name in NAMES if any(block.commands for block in blocks(name))]


def test_every_mark_stands_before_a_block_and_most_blocks_run() -> None:
    every = [block for name in NAMES for block in blocks(name)]
    marks = sum(path.read_text(encoding="utf-8").count("<!-- not run") for path in PAGES)
    assert marks == sum(len(block.left) for block in every)
    consoles = sum(path.read_text(encoding="utf-8").count("```console\n") for path in PAGES)
    assert consoles == len(every)
    assert sum(bool(block.commands) for block in every) > 2 / 3 * len(every)


# --- The clone ------------------------------------------------------------------------------------


def bash(folder: Path, script: str) -> None:
    """Runs a script in a clone; an error ends it, and is shown with what was printed."""
    path = f"{folder / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", f"{BEGIN}{script}"],
        cwd=folder,
        env=os.environ | IDENTITY | {"PATH": path, "MAKEFLAGS": "", "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert result.returncode == 0, f"{result.stdout[-6000:]}\n{script}"


def install(folder: Path) -> None:
    """What `make install` would do, in no time."""
    programs = folder / ".venv" / "bin"
    shutil.rmtree(folder / ".venv", ignore_errors=True)
    programs.mkdir(parents=True)
    for name in ("python", "dvc"):
        (programs / name).symlink_to(forked_programs() / name)
    (programs / "activate").write_text(ACTIVATE)
    for name in ("installed", "installed-test"):
        (folder / ".venv" / name).touch()


def make_clone(folder: Path) -> None:
    """Copies the project with small settings, runs it, and commits the results."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # not deleted since
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    put(folder, SETTINGS)
    (folder / "studies" / "rank.yaml").write_text(STUDY, encoding="utf-8")
    install(folder)
    cache = folder.parent / "cache"  # of all copies: what one has run, none runs again
    bash(
        folder,
        f"""
        git init --quiet --initial-branch main
        git add --all
        git commit --quiet -m settings
        dvc cache dir --local {cache}
        dvc repro
        git add --all
        git commit --quiet -m results
        """,
    )


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone, reproduced and committed; not to be changed."""
    together = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        together = together.parent
    folder = together / "followed" / "clone"
    with FileLock(together / "followed.lock"):
        if not (folder.parent / "complete").exists():
            make_clone(folder)
            (folder.parent / "complete").touch()
    return folder


# With a seed of its own: another page's result would come out of the cache, without its record.
GRID = "dvc exp run -n grid --queue -S finetune.lora.rank=1,2,8 -S finetune.seed=7; dvc queue start"
RAW = "mkdir -p data/raw; cp -r data/sample/acti data/raw"
PREPARED = {
    "docs/faults.md": f"dvc remote add lab remote; {RAW}",
    "docs/laptop-to-cluster.md": "dvc remote add --default lab ../remote",
    "docs/sharing.md": "sed -i 's/    rank: .*/    rank: 8/' params.yaml",  # it commits that
    "docs/export.md": GRID,
}
"""What has been done before the first command of a page."""


@pytest.fixture
def copy(clone: Path, tmp_path: Path) -> Path:
    """A copy of the clone with a repository to push to."""
    folder = tmp_path / "clone"
    shutil.copytree(clone, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    install(folder)
    bash(
        folder,
        """
        git clone --quiet --bare . ../hub.git
        git remote add origin ../hub.git
        git push --quiet --set-upstream origin main
        """,
    )
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="the commands of pages are followed on Linux")
@pytest.mark.process
@pytest.mark.pages
@pytest.mark.parametrize("page", FOLLOWED)
def test_the_commands_of_a_page_run(page: str, copy: Path) -> None:
    script = "\n".join("\n".join([f"cd {copy}", *block.commands]) for block in blocks(page))
    for named, place in PLACES.items():
        script = script.replace(named, str(copy.parent / place))
    if page.endswith("labs/exercise.md"):
        (copy / "handin").mkdir()
        (copy / "handin" / "exercise.yaml").write_text("exercise: two-tasks\n")
        report = "".join(f"## {question}\n\n{'word ' * 30}\n" for question in grade.QUESTIONS)
        (copy / "handin" / "report.md").write_text(report)
    bash(copy, f"{PREPARED.get(page, '')}\nset -v\n{script}")
