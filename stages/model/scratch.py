"""Scratch state: what an interrupted stage needs to go on, kept apart from DVC's outputs.

It lies in ``.scratch/STAGE/KEY`` of the repository, which git and DVC ignore. The key is a hash of
everything that determines the stage's result, so that a run with other inputs starts anew. A stage
that has written its outputs deletes its state. `dvc exp run` works in temporary copies under
``.dvc/tmp/exps``; their scratch state is the main repository's, so that a queued experiment
survives a restart too.
"""

import hashlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

STAGES = Path(__file__).parents[1]
KEPT = 14  # days after which the state of a run that was never finished is deleted


def repository(folder: Path) -> Path:
    """Returns the repository of a folder, also when that is DVC's temporary copy inside it."""
    for parent in [*folder.resolve().parents][::-1]:
        if (parent / "tmp" / "exps").is_dir() and parent.name == ".dvc":
            return parent.parent
    return folder


def code_files(stage: str, folders: Iterable[str]) -> list[Path]:
    """Lists the files of a stage's code.

    Args:
        stage: the stage's name, also of its script.
        folders: folders of stages/ that it uses; dvc.yaml lists the same.
    """
    modules = [path for folder in folders for path in sorted((STAGES / folder).glob("*.py"))]
    return [STAGES / f"{stage}.py", *modules]


def scratch(stage: str, folders: Iterable[str], *inputs: str) -> Path:
    """Makes, or finds again, the scratch folder of a stage.

    Args:
        stage: the stage's name.
        folders: folders of stages/ whose code the result depends on, beside the stage's script.
        *inputs: settings, data, versions: whatever else determines the result.

    Returns:
        The folder, which exists.
    """
    key = hashlib.sha256()
    for text in inputs:
        key.update(text.encode() + b"\0")
    for path in code_files(stage, folders):
        key.update(path.read_bytes() + b"\0")
    root = repository(Path.cwd()) / ".scratch" / stage
    folder = root / key.hexdigest()[:24]
    for other in root.iterdir() if root.is_dir() else ():
        if other != folder and time.time() - other.stat().st_mtime > KEPT * 86_400:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
