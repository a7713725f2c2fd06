"""Saved states of a training: files with checksums, the last two of them, written now and then."""

import io
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch

from stages.common.files import write_bytes
from stages.model.scratch import checksum

log = logging.getLogger(__name__)

GENERATIONS = 2  # saved states that are kept
SAVE_EVERY = 10.0  # seconds from one saving to the next, as long as saving costs little
COST = 0.02  # largest share of the time that goes into saving


class SavingTimes:
    """Says when to save: soon after the begin, then as often as it costs little.

    It is a context, in which the saving is done and its time taken.
    """

    def __init__(self) -> None:
        """Begins to count the time."""
        self._began = self._saved = time.monotonic()
        self._seconds = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._saved > max(SAVE_EVERY, self._seconds / COST)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._saved = time.monotonic()
        self._seconds = self._saved - self._began


def write_state(folder: Path, update: int, state: Mapping[str, Any]) -> None:
    """Writes a state into a folder, whole or not at all, and keeps the one before it.

    Its name has the number of updates and the checksum of its content. A disk that is full or gone
    ends no training: a log line says so, and what was saved before stays.

    Args:
        folder: where to.
        update: number of updates made.
        state: tensors and plain values.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    path = folder / f"{update:08d}-{checksum(content)}.pt"
    try:
        write_bytes(path, content)
        for old in [other for other in saved_states(folder) if other != path][GENERATIONS - 1 :]:
            old.unlink()
    except OSError as error:
        log.warning(
            "the state cannot be saved, so that an interruption would cost work: %s: %s",
            folder,
            error.strerror,
        )


def read_state(folder: Path) -> Any:
    """Reads the last state that has its checksum; those after it, which have not, are set aside.

    Returns:
        The state, or None if there is none.
    """
    for path in saved_states(folder):
        if (state := _whole_state(path)) is not None:
            return state
        damaged = path.rename(path.with_name(f"{path.name}.bad"))
        log.warning("a saved state is damaged and set aside, as %s", damaged)
    return None


def _whole_state(path: Path) -> Any:
    """Reads a state; returns None if it has not its checksum, or is not what torch has saved."""
    content = path.read_bytes()
    if path.stem.partition("-")[2] != checksum(content):
        return None
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # whatever somebody has put here; torch's advice is to trust it
        return None


def saved_states(folder: Path) -> list[Path]:
    """Returns the saved states in a folder, the last one first."""
    return sorted(
        folder.glob("*.pt"),
        key=lambda path: (path.name.partition("-")[0], path.stat().st_mtime_ns),
        reverse=True,
    )
