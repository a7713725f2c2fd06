"""What DVC tracks file by file, such as raw files: still what FILE.dvc says?

DVC trusts its cache, and takes a changed file for a new one (docs/faults.md). So who reads raw
files compares them with the MD5 in FILE.dvc, and FILE.dvc with the commit.
"""

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.common.command import InputError
from stages.common.outputs import SUMS, md5
from stages.common.settings import load

log = logging.getLogger(__name__)


def check_pointers(folder: Path) -> None:
    """Compares files that DVC tracks one by one with the MD5 in FILE.dvc beside them.

    Of a folder that DVC tracks as a whole, FOLDER.dvc says nothing of single files: a warning says
    so. And of a file that it finds changed, dvc repro writes the new MD5 into FILE.dvc before a
    stage runs, whether it was changed on purpose or damaged: a warning names what differs from the
    commit.

    Args:
        folder: that has the files, in itself or in folders inside.

    Raises:
        InputError: naming the files that differ or are absent, and what to do.
    """
    inside = [each for pointer in sorted(folder.rglob("*.dvc")) for each in pointed(pointer)]
    around = [each for parent in (folder, folder.parent) for each in pointed(_pointer(parent))]
    if not (folder / SUMS).exists():
        for path, expected in inside + around:
            if expected.endswith(".dir"):
                log.warning(
                    "%s: tracked as a whole, so that a damaged file would not be noticed; track its"
                    " files one by one, or write %s (docs/faults.md)",
                    path,
                    SUMS,
                )
    for pointer in changed_since_commit(folder):
        log.warning(
            "%s: not as committed: the file has been changed since; or it was damaged, if you did"
            " not (git diff HEAD; docs/faults.md)",
            pointer,
        )
    wrong = [
        f"{path}: {'does not have the MD5' if path.is_file() else 'absent, but tracked'}"
        f" in {path.name}.dvc"
        for path, expected in inside
        if not expected.endswith(".dir") and (not path.is_file() or md5(path) != expected)
    ]
    if wrong:
        remedy = (
            "dvc checkout, or dvc pull, bring back what is absent; if something has damaged them,"
            " make integrity says how; if the change is meant: dvc commit"
        )
        raise InputError("\n".join([*wrong, remedy]))


def pointed(pointer: Path) -> Iterator[tuple[Path, str]]:
    """Yields what a file of DVC's, such as FILE.dvc, tracks, with its MD5; of a folder's list."""
    outputs: Any = load(pointer).get("outs") if pointer.is_file() else None
    for output in outputs or ():
        expected = str(output.get("md5") or "")
        if output.get("hash") == "md5" and expected:
            yield pointer.parent / output["path"], expected


def _pointer(folder: Path) -> Path:
    """The file by which DVC tracks a folder as a whole."""
    return folder.with_name(f"{folder.name}.dvc")


def changed_since_commit(folder: Path) -> list[str]:
    """The files FILE.dvc below a folder that differ from those of the commit; none outside git."""
    changed = git(
        "diff", "--name-only", "--diff-filter=M", "-z", "HEAD", "--", f":(glob){folder}/**/*.dvc"
    )
    return [name for name in (changed or b"").decode(errors="replace").split("\0") if name]


def git(*arguments: str) -> bytes | None:
    """Runs git in the current folder; returns what it printed, or None if it failed."""
    command = ["git", *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
