"""Lets faults happen to a small project and prints what came of them.

Makes the project in a temporary folder, with a tiny LLaMA and a part of the sample, runs its
stages as plain commands in forked processes, and lets happen to them:

crash     SIGKILL before each change of the file system that Python makes, in every stage.
full      an error in its place: no space left on the device (ENOSPC).
flip      damage of every file that a stage reads, saved states and journals among them: a bit
          flipped, a block of zeros, cut in half, emptied, deleted; NaN in weights.
two       the same command twice at the same time.
folders   folders that may not be written into; with root, a disk of 1 MiB (tmpfs).
kill      SIGKILL at random moments of every stage; benchmarks/faults/kills.py has long runs.

After each fault an output is the old one or the new one, and the command, started again without a
fault, leaves the bytes of a run without one. Damage is detected (an error names the file), repaired
(a log line says so) or harmless (the same bytes). Prints tables; docs/faults.md has those of a long
run. Exits with 1 if a result was wrong without a word, or an output neither old nor new.

    python -m benchmarks.faults [--short] [--rounds 5] [--most 9] [--only crash flip ...]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

from benchmarks.faults.bench import Bench
from benchmarks.faults.crashes import crashes, kills
from benchmarks.faults.damages import VERDICTS, damages, scratch_damages
from benchmarks.faults.folders import folders
from benchmarks.faults.processes import load_libraries
from benchmarks.faults.together import two_at_once


def show(title: str, header: list[str], rows: list[list[object]]) -> None:
    """Prints a table of Markdown."""
    print(f"\n{title}\n\n{tabulate(rows, header, 'github', disable_numparse=True)}", flush=True)


def main() -> None:
    """Lets things happen and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a few of each, in seconds")
    parser.add_argument("--most", type=int, help="changes, and damages, of each stage")
    parser.add_argument("--kills", type=int, default=20, help="at random moments of each stage")
    parser.add_argument("--rounds", type=int, default=4, help="random damages of each file")
    parser.add_argument("--seed", type=int, default=1)
    everything = ["crash", "full", "flip", "two", "folders", "kill"]
    parser.add_argument("--only", nargs="*", choices=everything)
    arguments = parser.parse_args()
    if arguments.short:
        arguments.kills = arguments.rounds = arguments.most = 1
        everything = ["crash", "flip", "kill"]
    arguments.only = arguments.only or everything
    load_libraries(short=arguments.short)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        bench = Bench(folder, arguments.seed, arguments.most, short=arguments.short)
        for kind in arguments.only:
            if kind in ("crash", "full"):
                rows = crashes(bench, kill=kind == "crash")
                header = ["stage", "changes", "old or new", "told as a message"]
                title = "Killed" if kind == "crash" else "No space left"
                show(f"{title} at each change of the file system", header, rows)
            elif kind == "flip":
                rows = damages(bench, arguments.rounds)
                rows += scratch_damages(bench, arguments.rounds)
                show("Damage", ["stage", "file", "times", *VERDICTS, "else"], rows)
            elif kind == "two":
                rows = two_at_once(bench, arguments.rounds)
                show("Two at once", ["stage", "times", "same result", "one waited"], rows)
            elif kind == "folders":
                show("Folders", ["stage", "folder", "message"], folders(bench))
            else:
                header = ["stage", "kills", "old or new", "ended before"]
                show("Killed at random moments", header, kills(bench, arguments.kills))
    print(f"\n{len(bench.failures)} failures, {time.monotonic() - began:.0f} s")
    sys.exit(bool(bench.failures))


if __name__ == "__main__":
    main()
