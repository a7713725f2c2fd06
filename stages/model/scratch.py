"""Scratch state: what an interrupted stage needs to go on, kept apart from DVC's outputs.

It lies in ``.scratch/STAGE/KEY`` of the repository, which git and DVC ignore; the key is a hash of
everything that determines the stage's result, so a run with other inputs starts anew. A stage that
has written its outputs throws its state away. `dvc exp run`
works in temporary copies under ``.dvc/tmp/exps``; their scratch state is the main repository's, so
that a queued experiment survives a restart too.
"""

import hashlib
import logging
import shutil
import sys
import time
from pathlib import Path

log = logging.getLogger(__name__)

KEPT = 14  # days after which the state of a run that was never finished is thrown away


def repository(folder: Path) -> Path:
    """The repository of a folder, also when that is DVC's temporary copy inside it."""
    for parent in [*folder.resolve().parents][::-1]:
        if (parent / "tmp" / "exps").is_dir() and parent.name == ".dvc":
            return parent.parent
    return folder


def scratch(stage: str, *texts: str) -> Path:
    """Makes, or finds again, the scratch folder of a stage.

    Args:
        stage: the stage's name.
        *texts: settings, data, versions: whatever determines the result. The project's modules
            that the stage has imported are always counted in.

    Returns:
        The folder, which exists.
    """
    key = hashlib.sha256()
    for text in texts:
        key.update(text.encode() + b"\0")
    for name in sorted(n for n in sys.modules if n == "__main__" or n.startswith("stages.")):
        if file := getattr(sys.modules[name], "__file__", None):
            key.update(Path(file).read_bytes() + b"\0")
    root = repository(Path.cwd()) / ".scratch" / stage
    folder = root / key.hexdigest()[:24]
    for other in root.iterdir() if root.is_dir() else ():
        if other != folder and time.time() - other.stat().st_mtime > KEPT * 86_400:
            shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
