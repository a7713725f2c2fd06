"""Folders that may not be written into; with root, a disk of 1 MiB (tmpfs)."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.bench import Bench, no_traceback
from benchmarks.faults.processes import Ended, call


def as_nobody() -> None:
    """Gives up root's rights, for which no folder is read-only."""
    os.environ["HOME"] = "/nonexistent"
    os.setgid(65534)
    os.setuid(65534)


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Mounts a tmpfs of 1 MiB, three quarters of which are full, at a folder."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    try:
        (place / "filler").write_bytes(bytes(3 * 2**18))
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def folders(bench: Bench) -> list[list[object]]:
    """Runs finetune and infer where a folder has no room or may not be written into."""
    rows: list[list[object]] = []
    if os.getuid():
        print("folders: skipped, which needs root", file=sys.stderr)
        return rows

    def tell(stage: str, what: str, ended: Ended) -> None:
        message = next((line for line in ended.text.splitlines() if "error: " in line), "")
        told = bool(message) and no_traceback(ended) and ended.code == 1
        bench.check(f"{stage}, {what}", told and bench.is_old_or_new(stage), ended.text)
        rows.append([stage, what, message.removeprefix("error: ").replace(str(bench.work), "")])

    for stage, own in (("finetune", "adapter"), ("infer", "predictions")):
        for place in (".scratch", ".", "metrics") if stage == "finetune" else (".scratch", "."):
            bench.prepare(stage)
            (bench.work / place).mkdir(exist_ok=True)
            for path in [bench.work, *bench.work.rglob("*")]:
                path.chmod(0o777 if path.is_dir() else 0o666)
            closed = [bench.work / place]
            closed += [p for p in closed[0].rglob("*") if p.is_dir() and place != "."]
            for path in closed:
                path.chmod(0o555)
            for path in bench.work.parents:  # which a temporary folder is not for others
                if path.is_relative_to(tempfile.gettempdir()) and path != Path("/tmp"):
                    path.chmod(0o755)
            name = own if place == "." else place
            tell(stage, f"{name} may not be written", call(bench.work, stage, as_nobody))
            for path in closed:
                path.chmod(0o755)
        for place in (".scratch",) if stage == "finetune" else ():
            bench.prepare(stage)
            with small_disk(bench.work / place):
                tell(stage, f"{place} has 256 KiB left", call(bench.work, stage))
    return rows
