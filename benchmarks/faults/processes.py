"""Stages as commands in processes forked from this one, which has loaded the libraries."""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.faults.project import STAGES
from stages.common.command import run

LIBRARIES = ("peft", "datasets", "transformers.models.llama", "codecarbon", "sklearn.linear_model")


def load_libraries(*, short: bool = False) -> None:
    """Loads what stages need, once, and for all that is forked from this process.

    Args:
        short: leaves out what takes longer to load than it saves, if few stages run.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    scripts = [f"stages.{script}" for script, *_ in STAGES.values()]
    for name in (*scripts, *LIBRARIES[: 3 if short else None]):
        import_module(name)
    ctypes.CDLL(None)


class Ended(NamedTuple):
    """How a command has ended.

    Attributes:
        code: its exit code, negative for a signal.
        text: what it has written.
        seconds: that it took.
    """

    code: int
    text: str
    seconds: float


def start(folder: Path, stage: str, log: Path, before: Callable[[], None] | None = None) -> int:
    """Starts a stage in a process forked from this one; returns its id.

    Args:
        folder: the project.
        stage: its name.
        log: file that gets what it writes.
        before: called in the process before the stage.
    """
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        os.chdir(folder)
        script, *sys.argv[1:] = STAGES[stage]
        if before:
            before()
        run(import_module(f"stages.{script}").main)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(process: int, log: Path, kill_after: float | None = None) -> Ended:
    """Waits for a process, or kills it after some seconds."""
    began = time.monotonic()
    status = 0
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        seconds = time.monotonic() - began
        if found:
            break
        if kill_after is not None and seconds >= kill_after:
            os.kill(process, signal.SIGKILL)
            kill_after = None
        time.sleep(0.002)
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return Ended(os.waitstatus_to_exitcode(status), text, seconds)


def call(
    folder: Path,
    stage: str,
    before: Callable[[], None] | None = None,
    kill_after: float | None = None,
) -> Ended:
    """Runs a stage to its end."""
    log = folder.parent / f"{folder.name}.log"
    return wait(start(folder, stage, log, before), log, kill_after)


def must(ended: Ended) -> Ended:
    """Makes sure that a run without a fault has ended well."""
    if ended.code:
        sys.exit(f"a run without a fault failed:\n{ended.text}")
    return ended
