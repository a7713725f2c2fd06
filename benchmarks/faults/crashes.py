"""SIGKILL, or a full disk, at each change of the file system that a stage makes; and at random."""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.faults.bench import Bench, no_traceback
from benchmarks.faults.processes import call, must

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Changes:
    """Counts the changes that a process makes in a folder, and lets one of them fail.

    Python tells hooks of each before it is made; what libraries of other languages write, as
    weights, is not told, and lies in folders that have temporary names then.
    """

    PATHS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")

    def __init__(self, folder: Path, counter: Path, at: int = -1, *, kill: bool = True) -> None:
        """Says what is to happen.

        Args:
            folder: whose changes count.
            counter: a file elsewhere that gets a byte for each.
            at: number of the change, from 0, before which something happens; -1: none.
            kill: whether the process is killed; else the change fails for want of space.
        """
        self._folder, self._counter, self._at, self._kill = str(folder), counter, at, kill

    def __call__(self) -> None:
        """Begins to count; from the given change on, a disk that is full stays so."""
        self._seen = 0
        self._handle = os.open(self._counter, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_change(event, arguments):
            return
        os.write(self._handle, b".")
        self._seen += 1
        if self._seen == self._at + 1 and self._kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._at >= 0 and self._seen > self._at and not self._kill:
            raise OSError(*NO_SPACE.args)

    def _is_change(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "ctypes.dlsym":
            return "rename" in str(arguments[1])
        if event == "open":
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            return bool(writes) and self._is_inside(arguments[0])
        return event in self.PATHS and self._is_inside(arguments[0])

    def _is_inside(self, path: Any) -> bool:
        name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else "/"
        return not name.startswith("/") or name.startswith(self._folder)


def crashes(bench: Bench, *, kill: bool) -> list[list[object]]:
    """Lets every change of the file system be the last one, or fail."""
    rows: list[list[object]] = []
    for stage in bench.stages:
        counter = bench.work.parent / "changes"
        bench.prepare(stage)
        must(call(bench.work, stage, Changes(bench.work, counter)))
        count = counter.stat().st_size
        chosen = bench.some(range(count))
        whole = told = 0
        for at in chosen:
            bench.prepare(stage)
            what = f"{stage}, {'killed' if kill else 'no space'} at change {at + 1} of {count}"
            ended = call(bench.work, stage, Changes(bench.work, counter, at, kill=kill))
            whole += bench.check(
                f"{what}: neither old nor new", bench.is_old_or_new(stage), ended.text
            )
            told += kill or bench.check(f"{what}: a traceback", no_traceback(ended), ended.text)
            bench.check_again(what, stage)
        rows.append([stage, len(chosen), whole, "" if kill else told])
        print(rows[-1], file=sys.stderr, flush=True)
    return rows


def kills(bench: Bench, count: int) -> list[list[object]]:
    """Kills every stage at random moments, also within what libraries of other languages do."""
    rows: list[list[object]] = []
    for stage in bench.stages:
        bench.prepare(stage)
        whole = must(call(bench.work, stage)).seconds
        kept = ended = 0
        for number in range(count):
            bench.prepare(stage)
            after = bench.draw.uniform(0, whole)
            what = f"{stage}, kill {number + 1}, after {after:.2f} of {whole:.2f} s"
            killed = call(bench.work, stage, kill_after=after)
            ended += not killed.code
            kept += bench.check(
                f"{what}: neither old nor new", bench.is_old_or_new(stage), killed.text
            )
            bench.check_again(what, stage)
        rows.append([stage, count, kept, ended])
        print(rows[-1], file=sys.stderr, flush=True)
    return rows
