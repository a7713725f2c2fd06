"""What faults do to the stages: kills, crashes, full disks, damaged files, two runs at once.

Makes a small project in a temporary folder, with a tiny LLaMA and a part of the sample, runs its
stages as plain commands in forked processes, and lets happen to them:

kill      SIGKILL at random moments of finetune and infer; then the same command again.
crash     SIGKILL before each change of the file system that Python makes, in every stage.
full      an error in its place: no space left on the device (ENOSPC).
flip      damage of every file that a stage reads, saved states and journals among them: a bit
          flipped, a block of zeros, cut in half, emptied, deleted; NaN in weights.
two       the same command twice at the same time.
folders   folders that may not be written into; with root, a disk of 1 MiB (tmpfs).

After each fault an output is the old one or the new one, and the command, started again without a
fault, leaves the bytes of a run without one. Damage is detected (an error names the file), repaired
(a log line says so) or harmless (the same bytes). Prints tables; docs/faults.md has those of a long
run. Exits with 1 if a result was wrong without a word, or an output neither old nor new.

    python -m benchmarks.faults [--short] [--kills 20] [--rounds 4] [--most 9] [--only crash ...]
"""

import argparse
import csv
import ctypes
import errno
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from tabulate import tabulate

from stages.common.command import run
from stages.common.files import read_text, write_text
from stages.common.outputs import write_sums
from tests.helpers import small_project, tiny

ROOT = Path(__file__).parents[1]
LIBRARIES = ("codecarbon", "peft", "datasets", "transformers.models.llama")

STAGES: dict[str, tuple[str, ...]] = {
    "encode": ("raw", "encoded"),
    "finetune": ("encoded", "adapter", "metrics"),
    "infer": ("encoded", "adapter", "predictions", "metrics"),
    "decode": ("raw", "predictions", "submissions", "metrics"),
    "evaluate": ("raw", "submissions", "metrics"),
}
OUTPUTS = {
    "encode": ("encoded",),
    "finetune": ("adapter", "metrics/finetune", "metrics/finetune.json"),
    "infer": ("predictions",),
    "decode": ("submissions", "metrics/decode", "metrics/decode.json"),
    "evaluate": ("metrics/evaluate", "metrics/evaluate.json"),
}
READ = {
    "encode": ("raw/*/*",),
    "finetune": ("encoded/train.jsonl", "encoded/dev.jsonl", "encoded/prompts.json", "base/*"),
    "infer": ("encoded/questions.jsonl", "encoded/train.jsonl", "encoded/closed.json", "adapter/*")
    + ("encoded/prompts.json", "base/*"),
    "decode": ("raw/*/*", "predictions/test.jsonl"),
    "evaluate": ("raw/*/*", "submissions/*/*", "submissions/probabilities.csv"),
}
SETTINGS: dict[str, Any] = {
    "tasks": ["clinkart", "haspeede"],
    "model.base": "base",
    "data.prompts": "prompts.yaml",
    "finetune.epochs": 2,
    "finetune.cap": 24,
    "infer.max_new_tokens": 8,
    "evaluate.resamples": 100,
}
OTHER = {  # settings under which every output is another one
    "encode.seed": 22,
    "finetune.seed": 2,
    "infer.max_new_tokens": 7,
    "decode.team": "other",
    "evaluate.seed": 6,
}
NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

Value = TypeVar("Value")

Tree = Mapping[str, bytes]
"""The content of files, by path."""


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


# --- The project ----------------------------------------------------------------------------------


def put(folder: Path, settings: Mapping[str, Any]) -> None:
    """Writes settings over those of params.yaml."""
    yaml = YAML()
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key, value in settings.items():
        *path, last = key.split(".")
        section = params
        for name in path:
            section = section[name]
        section[last] = value
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)


def make(folder: Path) -> None:
    """Makes the project: params, prompts, a tiny base and raw files, with checksums."""
    folder.mkdir()
    shutil.copy(ROOT / "data" / "prompts" / "it.yaml", folder / "prompts.yaml")
    tiny.tokenizer(folder / "base")
    tiny.model(folder / "base")
    sample = ROOT / "data" / "sample"
    documents = small_project.short_documents(sample / "clinkart" / "training.txt", 40)
    raw = folder / "raw" / "clinkart"
    raw.mkdir(parents=True)
    small_project.write(raw / "training.txt", documents[:28])
    small_project.write(raw / "test.txt", documents[28:], gold=False)
    small_project.write(raw / "test_gold.txt", documents[28:])
    for name, rows in (("training_textual", 60), ("test_textual", 40), ("test_textual_gold", 40)):
        text = read_text(sample / "haspeede" / f"{name}.csv")
        kept = list(csv.reader(io.StringIO(text, newline="")))[: rows + 1]
        table = io.StringIO(newline="")
        csv.writer(table, quoting=csv.QUOTE_ALL).writerows(kept)
        write_text(folder / "raw" / "haspeede" / f"{name}.csv", table.getvalue())
    for place in (folder / "base", raw, folder / "raw" / "haspeede"):
        write_sums(place)


def copy(source: Path, target: Path) -> Path:
    """Copies a project in place of another."""
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(source, target))


def tree(*places: Path) -> Tree:
    """Reads files and folders."""
    return {
        str(path): path.read_bytes()
        for place in places
        for path in ([place] if place.is_file() else sorted(place.rglob("*")))
        if path.is_file()
    }


def outputs(folder: Path, stage: str) -> list[Tree]:
    """Reads the outputs of a stage, one by one, with paths from the project's folder."""
    found: list[Tree] = []
    for name in OUTPUTS[stage]:
        files = tree(folder / name)
        found.append({str(Path(p).relative_to(folder)): content for p, content in files.items()})
    return found


# --- Processes ------------------------------------------------------------------------------------


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
        sys.argv = [stage, *STAGES[stage]]
        if before:
            before()
        run(import_module(f"stages.{stage}").main)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

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


# --- Faults at changes of the file system ---------------------------------------------------------


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


class Bench:
    """The project in two versions, every stage run, and a place to work in.

    Attributes:
        new: the project with all outputs.
        old: the same with outputs of other settings.
        work: the copy that faults happen to.
        stages: those that run.
        draw: decides what is random.
        failures: what should not have been.
    """

    def __init__(self, folder: Path, seed: int, most: int | None, *, short: bool) -> None:
        """Makes both versions.

        Args:
            folder: where to.
            seed: of what is random.
            most: see `some`.
            short: whether only encode and infer run, without an adapter.
        """
        self.new, self.old, self.work = (folder / name for name in ("new", "old", "work"))
        self.stages = ["encode", "infer"] if short else list(STAGES)
        self.draw, self._most = random.Random(seed), most
        self.settings = SETTINGS | ({"infer.adapter": False} if short else {})
        self.failures: list[str] = []
        make(self.new)
        put(self.new, self.settings)
        copy(self.new, self.old)
        put(self.old, self.settings | OTHER)
        for project in (self.old, self.new):
            for stage in self.stages:
                must(call(project, stage))

    @property
    def saving(self) -> list[str]:
        """The stages that save what they have done."""
        return [stage for stage in self.stages if stage in ("finetune", "infer")]

    def some(self, items: Sequence[Value]) -> Sequence[Value]:
        """Returns all items or, where a number is given, so many of them."""
        if self._most is None or len(items) <= self._most:
            return items
        return self.draw.sample(items, self._most)

    def expected(self, stage: str) -> list[Tree]:
        """The outputs of a stage that has run without a fault."""
        return outputs(self.new, stage)

    def prepare(self, stage: str) -> None:
        """Puts the project before a stage: its outputs are the old ones."""
        copy(self.new, self.work)
        for name in OUTPUTS[stage]:
            place = self.work / name
            shutil.rmtree(place, ignore_errors=True)
            place.unlink(missing_ok=True)
            if (self.old / name).is_dir():
                shutil.copytree(self.old / name, place)
            else:
                shutil.copy(self.old / name, place)

    def check(self, what: str, holds: bool, text: str = "") -> bool:
        """Notes a failure, with what was written."""
        if not holds:
            self.failures.append(f"{what}\n{text[-2000:]}")
            print(f"FAILED: {what}\n{text[-2000:]}", file=sys.stderr, flush=True)
        return holds

    def is_old_or_new(self, stage: str) -> bool:
        """Whether each output of a stage is that of the one run or the other."""
        versions = zip(
            outputs(self.work, stage), outputs(self.old, stage), self.expected(stage), strict=True
        )
        return all(now in (old, new) for now, old, new in versions)

    def left_behind(self) -> list[str]:
        """Temporary files and folders, and states, that are still there."""
        hidden = [p for p in self.work.rglob(".*") if p.name != ".scratch"]
        return [str(p) for p in [*hidden, *self.work.glob(".scratch/[fi]*/*")]]

    def check_again(self, what: str, stage: str) -> Ended:
        """Runs a stage after a fault; its outputs must be those of a run without one."""
        ended = call(self.work, stage)
        same = not ended.code and outputs(self.work, stage) == self.expected(stage)
        self.check(f"{what}: then another result", same, ended.text)
        self.check(f"{what}: left behind {self.left_behind()}", not self.left_behind(), ended.text)
        return ended


def no_traceback(ended: Ended) -> bool:
    """Whether an error was told as a message."""
    return "Traceback" not in ended.text and "unexpected" not in ended.text


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


# --- Kills ----------------------------------------------------------------------------------------


def kills(bench: Bench, count: int, epochs: int) -> list[list[object]]:
    """Kills finetune and infer at random moments, with the default interval of saving."""
    rows: list[list[object]] = []
    long = {"finetune.epochs": epochs, "infer.max_new_tokens": 100, "finetune.cap": None}
    project = copy(bench.new, bench.work.parent / "long")
    put(project, bench.settings | long)
    for stage in bench.saving:
        whole = must(call(project, stage)).seconds
        expected = outputs(project, stage)
        same = resumed = 0
        lost = []
        for number in range(count):
            copy(project, bench.work)
            for name in OUTPUTS[stage]:
                shutil.rmtree(bench.work / name, ignore_errors=True)
            after = bench.draw.uniform(0.05, 1.0) * whole
            killed = call(bench.work, stage, kill_after=after)
            ended = call(bench.work, stage)
            is_same = not ended.code and outputs(bench.work, stage) == expected
            what = f"{stage}, kill {number + 1}, after {after:.1f} of {whole:.1f} s"
            same += bench.check(f"{what}: another result", is_same, killed.text + ended.text)
            resumed += "go on after" in ended.text
            lost.append(max(0.0, killed.seconds + ended.seconds - whole))
        mean = sum(lost) / max(1, len(lost))
        rows.append([stage, f"{whole:.1f}", count, same, resumed, f"{mean:.1f}"])
    return rows


# --- Damage ---------------------------------------------------------------------------------------


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


# --- Two at once, folders -------------------------------------------------------------------------


def two_at_once(bench: Bench, rounds: int) -> list[list[object]]:
    """Runs each stage twice at the same time, the second a moment later."""
    rows: list[list[object]] = []
    for stage in bench.stages:
        same = waited = 0
        for number in range(rounds):
            bench.prepare(stage)
            logs = [bench.work.parent / f"{name}.log" for name in ("one", "other")]
            processes = []
            for log in logs:
                processes.append(start(bench.work, stage, log))
                time.sleep(bench.draw.uniform(0, 0.5))
            ended = [wait(*both) for both in zip(processes, logs, strict=True)]
            text = "\n".join(each.text for each in ended)
            are_same = outputs(bench.work, stage) == bench.expected(stage)
            holds = are_same and not any(each.code for each in ended) and not bench.left_behind()
            same += bench.check(f"{stage}, two at once, {number + 1}", holds, text)
            waited += "another run with the same inputs is at work" in text
        rows.append([stage, rounds, same, waited])
    return rows


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


# --- All ------------------------------------------------------------------------------------------


def show(title: str, header: list[str], rows: list[list[object]]) -> None:
    """Prints a table of Markdown."""
    print(f"\n{title}\n\n{tabulate(rows, header, 'github', disable_numparse=True)}", flush=True)


def main() -> None:
    """Lets things happen and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a few of each, in seconds")
    parser.add_argument("--most", type=int, help="changes, and damages, of each stage")
    parser.add_argument("--kills", type=int, default=20, help="of each stage")
    parser.add_argument("--rounds", type=int, default=4, help="random damages of each file")
    parser.add_argument("--epochs", type=int, default=60, help="of the training that is killed")
    parser.add_argument("--seed", type=int, default=1)
    everything = ["crash", "full", "flip", "two", "folders", "kill"]
    parser.add_argument("--only", nargs="*", choices=everything)
    arguments = parser.parse_args()
    if arguments.short:
        arguments.kills = arguments.rounds = arguments.most = 1
        everything = ["crash", "flip", "kill"]
    arguments.only = arguments.only or everything
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)
    for name in (*(f"stages.{stage}" for stage in STAGES), *LIBRARIES[arguments.short :]):
        import_module(name)
    ctypes.CDLL(None)
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
                rows = kills(bench, arguments.kills, arguments.epochs)
                header = ["stage", "seconds", "kills", "same result", "resumed", "mean loss, s"]
                show("Killed at random moments", header, rows)
    print(f"\n{len(bench.failures)} failures, {time.monotonic() - began:.0f} s")
    sys.exit(bool(bench.failures))


if __name__ == "__main__":
    main()
