"""Damage of every file that a stage reads, and of what an interrupted stage has saved."""

import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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


Counts = dict[tuple[str, str], list[list[str]]]
"""What came of each damage of a file, and what was written then, by stage and file."""


def damages(bench: Bench, rounds: int) -> list[list[object]]:
    """Damages every file that a stage reads, in all ways, some rounds of each."""
    counts: Counts = {}
    for stage in bench.stages:
        found = {path for pattern in READ[stage] for path in bench.new.glob(pattern)}
        paths = sorted(path.relative_to(bench.new) for path in found)
        cases = [(path, kind) for path in paths for kind in kinds_for(path, rounds)]

        def without_outputs(stage: str = stage) -> None:
            bench.prepare(stage)
            for name in OUTPUTS[stage]:
                shutil.rmtree(bench.work / name, ignore_errors=True)

        for (path, kind), number in numbered(bench.some(cases)):
            what = f"{stage}, {path}: {kind}{number}"
            seen = bench.once(what, partial(trial, bench, stage, path, kind, what, without_outputs))
            counts.setdefault((stage, str(path)), []).append(seen)
    return table(counts)


def numbered(cases: Sequence[tuple[Path, str]]) -> Iterator[tuple[tuple[Path, str], str]]:
    """Yields the cases, each with a number if it stands there more than once."""
    seen: Counter[tuple[Path, str]] = Counter()
    for case in cases:
        seen[case] += 1
        yield case, f", {seen[case]}" if seen[case] > 1 else ""


def kinds_for(path: Path, rounds: int) -> list[str]:
    """The kinds of damage that a file may come to, the random ones as often as there are rounds."""
    nan = [NAN] * (path.suffix == ".safetensors")
    return [*DAMAGES, "deleted", *nan, *(["a bit flipped", "a block of zeros"] * (rounds - 1))]


def scratch_damages(bench: Bench, rounds: int) -> list[list[object]]:
    """Damages what an interrupted finetune and infer have saved."""
    counts: Counts = {}
    for stage in bench.saving:
        bench.prepare(stage)
        call(bench.work, stage, stop_before_writing(stage))
        interrupted = copy(bench.work, bench.work.parent / "interrupted")
        states = sorted(interrupted.glob(f".scratch/{stage}/*/*"))
        bench.check(f"{stage} has saved nothing", bool(states))
        cases = [
            (state.relative_to(interrupted), kind)
            for state in states
            for kind in kinds_for(state, 5 * rounds)
        ]
        prepare = partial(copy, interrupted, bench.work)
        for (path, kind), number in numbered(bench.some(cases)):
            what = f"{stage}, {path}: {kind}{number}"
            seen = bench.once(what, partial(trial, bench, stage, path, kind, what, prepare))
            counts.setdefault((stage, saved(path)), []).append(seen)
    return table(counts)


def saved(path: Path) -> str:
    """What an interrupted stage has saved in a file."""
    kinds = {".pt": "a saved state", ".jsonl": "a journal"}
    return kinds.get(path.suffix, path.name)


def trial(
    bench: Bench, stage: str, path: Path, kind: str, what: str, prepare: Callable[[], object]
) -> list[str]:
    """Damages a file and runs a stage.

    Returns:
        What came of it, and the line that tells; nothing if the file is no other one.
    """
    prepare()
    if not damage(bench.work / path, kind, bench.draw(what)):
        return []
    ended = call(bench.work, stage)
    verdict = judge(bench, stage, path, ended)
    bench.check(f"{what}: {verdict}", verdict in VERDICTS, ended.text)
    lines = ended.text.replace("\r", "\n").splitlines()
    told = (line for line in lines if line.startswith("error: ") or "damaged" in line)
    return [verdict, next(told, "").replace(f"{bench.work}/", "")]


VERDICTS = ("detected", "detected, not named", "repaired", "harmless")


def table(counts: Counts) -> list[list[object]]:
    """A row for each stage and file."""
    rows: list[list[object]] = []
    for (stage, file), all_seen in counts.items():
        found = Counter(seen[0] for seen in all_seen if seen)
        good = [found[verdict] for verdict in VERDICTS]
        told = Counter(seen[1] for seen in all_seen if seen and seen[1]).most_common(1)
        worse = found.total() - sum(good)
        row = [stage, file, found.total(), *(n or "" for n in good), worse]
        rows.append([*row, "".join(text for text, _ in told)[:LONGEST]])
    return rows


LONGEST = 80  # characters of a message in a table


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
