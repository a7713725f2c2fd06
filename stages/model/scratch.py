"""Scratch state: what an interrupted stage needs to go on, kept apart from DVC's outputs.

It lies in ``.scratch/STAGE/KEY`` of the repository, which git and DVC ignore. The key is a hash of
everything that determines the stage's result, so that a run with other inputs starts anew. A stage
that has written its outputs deletes its state. `dvc exp run` works in temporary copies under
``.dvc/tmp/exps``; their scratch state is the main repository's, so that a queued experiment
survives a restart too.

What is saved has a checksum. What does not have it any more is set aside, under a name that ends
in ``.bad``, and the work goes on from what was saved before.
"""

import hashlib
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from stages.common.command import InputError
from stages.model.processes import here

log = logging.getLogger(__name__)

STAGES = Path(__file__).parents[1]
KEPT = 14  # days after which the state of a run that was never finished is deleted
LIMIT = 20 * 2**30  # bytes of such states; the oldest are deleted first
PATIENCE = 300.0  # seconds that a run of several processes waits for another one


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


def scratch_folder(stage: str, folders: Iterable[str], *inputs: str) -> Path:
    """Returns the scratch folder of a stage.

    Args:
        stage: the stage's name.
        folders: folders of stages/ whose code the result depends on, beside the stage's script.
        *inputs: settings, data, versions: whatever else determines the result.
    """
    key = hashlib.sha256()
    for text in inputs:
        key.update(text.encode() + b"\0")
    for path in code_files(stage, folders):
        key.update(path.read_bytes() + b"\0")
    return repository(Path.cwd()) / ".scratch" / stage / key.hexdigest()[:24]


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Makes, or finds again, a scratch folder, which is deleted when the work with it is done.

    The main process keeps others with the same key out meanwhile, and sweeps.

    Args:
        folder: see `scratch_folder`.

    Yields:
        The folder, which exists.

    Raises:
        InputError: if it cannot be made, another run with the same key takes too long, or a GPU
            fails.
    """
    try:
        if here().main:
            with _alone(folder):
                sweep(folder)
                folder.mkdir(parents=True, exist_ok=True)
                yield folder
                shutil.rmtree(folder, ignore_errors=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            yield folder
    except torch.AcceleratorError as error:
        raise InputError(
            f"the GPU has failed: {str(error).splitlines()[0]}\nwhat was done is kept in {folder}:"
            " start the same command again to go on, after a restart of the machine if need be"
        ) from error


def _lock(folder: Path) -> Path:
    """The file that says that a scratch folder is in use; it stays, for whoever waits has it open.

    A process that ends, however it does, leaves it unlocked.
    """
    return folder.parents[1] / "locks" / f"{folder.parent.name}-{folder.name}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other process works in a scratch folder, and keeps others out."""
    file = FileLock(_lock(folder))
    try:
        file.acquire(timeout=0)
    except Timeout:
        log.info("another run with the same inputs is at work; waiting for its end (%s)", folder)
        try:
            file.acquire(timeout=PATIENCE if here().count > 1 else -1)
        except Timeout:
            raise InputError(
                f"{folder}: another run with the same inputs is at work; wait for its end, or end"
                " it, and start again"
            ) from None
    try:
        yield
    finally:
        file.release()


# --- Sweeping -------------------------------------------------------------------------------------


def sweep(own: Path) -> None:
    """Deletes old states of all stages: by age, and the oldest where they take too much room.

    Args:
        own: the scratch folder in use; it stays, and so do those in use elsewhere.
    """
    root = own.parents[1]
    folders = [path for path in root.glob("*/*") if path.is_dir() and path != own]
    ages = {path: time.time() - _last_change(path) for path in folders}
    room = LIMIT - _size(own)
    for path in sorted(folders, key=ages.__getitem__):
        room -= _size(path)
        if ages[path] > KEPT * 86_400 or room < 0:
            room += _delete(path)
    for lock in (root / "locks").glob("*"):
        stage, _, key = lock.name.partition("-")
        if not (root / stage / key).exists() and time.time() - lock.stat().st_mtime > KEPT * 86_400:
            lock.unlink(missing_ok=True)


def _delete(folder: Path) -> int:
    """Deletes a scratch folder that is not in use, and returns its size in bytes."""
    size = _size(folder)
    with suppress(Timeout, OSError), FileLock(_lock(folder)).acquire(timeout=0):
        shutil.rmtree(folder)
        log.info("deleted the state of an old run, %.1f MiB: %s", size / 2**20, folder)
        return size
    return 0


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _last_change(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *_files(folder)))


def checksum(content: bytes | memoryview) -> str:
    """Returns a checksum of what is saved: the first 128 bits of its SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()[:32]


def sealed(content: bytes) -> bytes:
    """Returns a line of what is saved: its checksum, a blank and the content, which is one line."""
    return checksum(content).encode() + b" " + content + b"\n"


def unsealed(line: bytes) -> bytes | None:
    """Returns the content of a line with its end, or None if it has not its checksum."""
    content = line.removesuffix(b"\n").partition(b" ")[2]
    return content if line == sealed(content) else None
