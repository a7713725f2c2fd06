"""Damage of every file that a stage reads, and of what an interrupted stage has saved."""

import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from benchmarks.faults.bench import Bench, no_traceback
from benchmarks.faults.processes import Ended, call
from benchmarks.faults.project import OUTPUTS, READ, copy, outputs


def flip(content: bytes, draw: random.Random) -> bytes:
    """Flips a bit."""
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]


def zeros(content: bytes, draw: random.Random) -> bytes:
    """Puts zeros in the place of up to 512 bytes, a sector of a disk."""
    at = draw.randrange(len(content))
    return content[:at] + bytes(min(512, len(content) - at)) + content[at + 512 :]


def half(content: bytes, _: random.Random) -> bytes:
    """Cuts off the second half."""
    return content[: len(content) // 2]


def empty(*_: object) -> bytes:
    """Leaves nothing."""
    return b""


def braces(*_: object) -> bytes:
    """Leaves an empty object of JSON."""
    return b"{}"


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "a bit flipped": flip,
    "a block of zeros": zeros,
    "cut in half": half,
    "emptied": empty,
    "`{}` in its place": braces,
}


NAN = "weights that are no numbers"


def damage(path: Path, kind: str, draw: random.Random) -> bool:
    """Damages a file; returns whether its content is another one now."""
    before = path.read_bytes()
    if kind == "deleted":
        path.unlink()
        return True
    if kind == NAN:
        weights = load_file(path)
        name = draw.choice(sorted(weights))
        weights[name].view(-1)[draw.randrange(weights[name].numel())] = torch.nan
        save_file(weights, path, metadata={"format": "pt"})
        (path.parent / "SHA256SUMS").unlink(missing_ok=True)  # as if it had been trained so
        (path.parent / "inputs.json").unlink(missing_ok=True)
        return True
    if not before:
        return False
    path.write_bytes(DAMAGES[kind](before, draw))
    return path.read_bytes() != before


def judge(bench: Bench, stage: str, path: Path, ended: Ended) -> str:
    """Says what came of a damaged file: detected, repaired, harmless, or worse."""
    if ended.code:
        if not no_traceback(ended):
            return "traceback"
        is_named = path.name in ended.text or str(path.parent) in ended.text
        return "detected" if is_named else "detected, not named"
    if outputs(bench.work, stage) != bench.expected(stage):
        return "SILENT"
    return "repaired" if "damaged" in ended.text else "harmless"


def damages(bench: Bench, rounds: int) -> list[list[object]]:
    """Damages every file that a stage reads, in all ways, some rounds of each."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for stage in bench.stages:
        found = {path for pattern in READ[stage] for path in bench.new.glob(pattern)}
        paths = sorted(path.relative_to(bench.new) for path in found)
        cases = [(path, kind) for path in paths for kind in kinds_for(path, rounds)]
        for path, kind in bench.some(cases):
            bench.prepare(stage)
            for name in OUTPUTS[stage]:
                shutil.rmtree(bench.work / name, ignore_errors=True)
            if damage(bench.work / path, kind, bench.draw):
                note(bench, counts, stage, f"{path}: {kind}", path, call(bench.work, stage))
    return table(counts)


def kinds_for(path: Path, rounds: int) -> list[str]:
    """The kinds of damage that a file may come to, the random ones as often as there are rounds."""
    nan = [NAN] * (path.suffix == ".safetensors")
    return [*DAMAGES, "deleted", *nan, *(["a bit flipped", "a block of zeros"] * (rounds - 1))]


def scratch_damages(bench: Bench, rounds: int) -> list[list[object]]:
    """Damages what an interrupted finetune and infer have saved."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for stage in bench.saving:
        bench.prepare(stage)
        call(bench.work, stage, stop_before_writing(stage))
        interrupted = copy(bench.work, bench.work.parent / "interrupted")
        states = sorted(interrupted.glob(f".scratch/{stage}/*/*"))
        bench.check(f"{stage} has saved nothing", bool(states))
        paths = [state.relative_to(interrupted) for state in states]
        cases = [(path, kind) for path in paths for kind in kinds_for(path, 5 * rounds)]
        for path, kind in bench.some(cases):
            copy(interrupted, bench.work)
            if damage(bench.work / path, kind, bench.draw):
                what = "a saved state" if stage == "finetune" else "a journal"
                ended = call(bench.work, stage)
                note(bench, counts, stage, f"{what}: {kind}", path, ended, what)
    return table(counts)


def note(
    bench: Bench,
    counts: dict[tuple[str, str], Counter[str]],
    stage: str,
    what: str,
    path: Path,
    ended: Ended,
    file: str = "",
) -> None:
    """Counts what came of a damage."""
    verdict = judge(bench, stage, path, ended)
    counts.setdefault((stage, file or str(path)), Counter())[verdict] += 1
    bench.check(f"{stage}, {what}: {verdict}", verdict in VERDICTS, ended.text)


VERDICTS = ("detected", "detected, not named", "repaired", "harmless")


def table(counts: Mapping[tuple[str, str], Counter[str]]) -> list[list[object]]:
    """A row for each stage and file."""
    rows: list[list[object]] = []
    for (stage, file), found in counts.items():
        good = [found[verdict] for verdict in VERDICTS]
        rows.append(
            [stage, file, found.total(), *(n or "" for n in good), found.total() - sum(good)]
        )
    return rows


def stop_before_writing(stage: str) -> Callable[[], None]:
    """Returns what lets a stage save its state often, and end before it writes an output."""

    def before() -> None:
        from stages.training import saved

        saved.SAVE_EVERY, saved.COST = 0.0, 1.0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event == "os.mkdir" and f".{OUTPUTS[stage][0]}." in str(arguments[0]):
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)

    return before
