"""Kills of finetune and infer at random moments: the same result, and how much work is lost.

A job is a run of one stage on two tasks of the sample with the default base, some seconds of CPU.
It is killed (SIGKILL) at a random moment, started again, killed again, until it ends before its
moment comes; then its outputs are compared with those of a run that nobody killed. States are saved
as often as by default. A job runs

plain     as a command;
repro     under `dvc repro`;
queue     as an experiment of DVC's queue, cleared and queued again after a kill as
          docs/troubleshooting.md says.

Every other kill under DVC takes DVC along, as an end of the machine would. Each job is a line of
the file of results, with which the same command goes on after an interruption.

    python -m benchmarks.faults.kills plain --kills 120 --results kills.jsonl    # of each stage
    python -m benchmarks.faults.kills table --results kills.jsonl
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import psutil
from ruamel.yaml import YAML
from tabulate import tabulate

from benchmarks.faults.processes import call, load_libraries, must, start
from benchmarks.faults.project import OUTPUTS, ROOT, STAGES, put, tree
from tests.helpers.small_project import IDENTITY

KILLED = ("finetune", "infer")
TASKS = ("haspeede", "clinkart")  # closed answers and free ones
SETTINGS: dict[str, Any] = {
    "tasks": [*TASKS],
    "model.base": "base",
    "data.raw": "raw",
    "data.prompts": "prompts.yaml",
    "finetune.epochs": 2,
    "finetune.cap": 45,
    "infer.dev": 2,
}
SPAN = 15.0  # seconds of work within which a kill comes; a machine that is busy needs more
SAVED = {"finetune": "*.pt", "infer": "answers-*.jsonl"}
TICK = 0.05  # seconds between two looks at a process
SETTLED = 3.0  # seconds in which DVC's worker notes that an experiment has failed
PATIENCE = 600.0  # seconds after which a job that does nothing is an error
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}

Content = dict[str, str]
"""MD5 of the files of a stage's outputs, by path."""


class Attempt(NamedTuple):
    """What was seen of one process of a stage.

    Attributes:
        killed: whether it was killed; else it has ended.
        startup: seconds before its work began, all of them if it never did.
        lost: seconds of work after what was last saved; 0 where it has ended.
        lost_cpu: the same in seconds of CPU, on which other programs have no influence.
        cpu: seconds of CPU that it took.
    """

    killed: bool
    startup: float
    lost: float
    lost_cpu: float
    cpu: float


# --- Projects -------------------------------------------------------------------------------------


def make(folder: Path) -> None:
    """Makes the project, encoded."""
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "data" / "bases" / "llama", folder / "base")
    for name in TASKS:
        shutil.copytree(ROOT / "data" / "sample" / name, folder / "raw" / name)
    shutil.copy(ROOT / "data" / "prompts" / "it.yaml", folder / "prompts.yaml")
    put(folder, SETTINGS)
    must(call(folder, "encode"))


def content(folder: Path, stage: str) -> Content:
    """The outputs of a stage that lie in a folder."""
    files = tree(*(folder / name for name in OUTPUTS[stage]))
    return {
        str(Path(path).relative_to(folder)): hashlib.md5(text, usedforsecurity=False).hexdigest()
        for path, text in files.items()
    }


def add_dvc(folder: Path, stage: str) -> None:
    """Makes a repository of git and DVC of a project.

    Its pipeline has the one stage, and in the place of the rest one that does nothing.
    """
    script, *arguments = STAGES[stage]
    inputs = [name for name in ("encoded", "base", "adapter") if name not in OUTPUTS[stage]]
    pipeline = {
        "cmd": f"python -m stages.{script} {' '.join(arguments)}",
        "deps": [name for name in inputs if (folder / name).exists()],
        "params": ["model", "finetune", "infer"],
        "outs": list(OUTPUTS[stage]),
    }
    with (folder / "dvc.yaml").open("w", encoding="utf-8") as file:
        rest = {"cmd": "true", "deps": list(OUTPUTS[stage])}
        YAML().dump({"stages": {stage: pipeline, "evaluate": rest}}, file)
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        tell(folder, *command)
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc")
    hidden = ["/.scratch/", "/raw/", "*.log", "/metrics/cost/", "/adapter.run.json"]
    hidden += [f"/{name}" for name in OUTPUTS[stage]]
    (folder / ".gitignore").write_text("".join(f"{name}\n" for name in hidden), encoding="utf-8")
    tell(folder, "git", "add", "--all")
    tell(folder, "git", "commit", "--quiet", "--message", "The project")


def tell(folder: Path, *command: str) -> str:
    """Runs a command in a project, which must succeed, and returns what it printed."""
    environment = os.environ | IDENTITY | ENVIRONMENT
    with tempfile.TemporaryFile("w+") as out:  # not a pipe, which DVC's worker would keep open
        code = subprocess.run(
            command, cwd=folder, env=environment, stdout=out, stderr=out, check=False
        ).returncode
        out.seek(0)
        printed = out.read()
    if code:
        sys.exit(f"{' '.join(command)}: {printed}")
    return printed


# --- Ways to run a stage --------------------------------------------------------------------------


class Plain:
    """A stage as a command, forked from this process.

    Attributes:
        log: file with what it prints.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        self.folder, self.stage = folder, stage
        self.log = folder / "stage.log"

    def begin(self) -> None:
        """Starts, or starts again."""
        self.log.unlink(missing_ok=True)
        self._pid = start(self.folder, self.stage, self.log)

    def find(self) -> psutil.Process | None:
        """The stage's process, as soon as there is one."""
        return psutil.Process(self._pid)

    def is_at_work(self) -> bool:
        """Whether what was started has yet to end."""
        return os.waitpid(self._pid, os.WNOHANG) == (0, 0)

    def kill(self, process: psutil.Process, *, all_of_it: bool) -> None:
        """Kills the stage, or also what has started it, and waits for the end."""
        process.kill()
        os.waitpid(self._pid, 0)

    def result(self) -> Content:
        """What has come out."""
        return content(self.folder, self.stage)

    def end(self) -> None:
        """Leaves no process behind."""

    def clear(self) -> None:
        """Forgets what has come out."""
        for name in OUTPUTS[self.stage]:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).unlink(missing_ok=True)


class Repro(Plain):
    """A stage under `dvc repro`."""

    def __init__(self, folder: Path, stage: str) -> None:
        super().__init__(folder, stage)
        add_dvc(folder, stage)

    def begin(self) -> None:
        """Starts dvc, or starts it again."""
        with self.log.open("wb") as log:
            self._dvc = subprocess.Popen(
                [sys.executable, "-m", "dvc", "repro", self.stage],
                cwd=self.folder,
                env=os.environ | ENVIRONMENT,
                stdout=log,
                stderr=log,
            )

    def find(self) -> psutil.Process | None:
        """The stage's process, as soon as there is one."""
        return next(self._processes(f"stages.{self.stage}"), None)

    def is_at_work(self) -> bool:
        """Whether dvc has yet to end."""
        return self._dvc.poll() is None

    def kill(self, process: psutil.Process, *, all_of_it: bool) -> None:
        """Kills the stage, or dvc too, and waits for the end."""
        for each in self._processes() if all_of_it else [process]:
            _kill(each)
        self._dvc.wait()

    def clear(self) -> None:
        """Forgets what has come out, and DVC's notes of it."""
        super().clear()
        (self.folder / "dvc.lock").unlink(missing_ok=True)
        shutil.rmtree(self.folder / ".dvc" / "cache" / "runs", ignore_errors=True)

    def end(self) -> None:
        """Leaves no process behind, as DVC's worker."""
        for process in self._processes():
            _kill(process)

    def _processes(self, module: str = "") -> Iterator[psutil.Process]:
        """The processes in the project, but for this one; those of Python that run a module."""
        for process in psutil.process_iter(["cwd", "cmdline"]):
            cwd, words = process.info["cwd"] or "/", process.info["cmdline"] or [""]
            inside = Path(cwd).is_relative_to(self.folder) and process.pid != os.getpid()
            if inside and (not module or ("python" in words[0] and module in words)):
                yield process


class Queue(Repro):
    """A stage in an experiment of DVC's queue."""

    NAME = "killed"

    def begin(self) -> None:
        """Puts the experiment into the queue, and starts a worker."""
        self._log_before = {*self._logs()}
        self._dvc_does("exp", "run", "--queue", "--name", self.NAME)
        self._dvc_does("queue", "start", "--jobs", "1")
        self._began = time.monotonic()

    @property
    def log(self) -> Path:
        """What the experiment prints; DVC decides where."""
        new = [path for path in self._logs() if path not in self._log_before]
        return new[0] if new else self.folder / "none"

    @log.setter
    def log(self, _: Path) -> None:
        """DVC decides where it is."""

    def is_at_work(self) -> bool:
        """Whether the experiment has yet to end, with a commit or without."""
        return self._commit() is None and any(self._processes())

    def kill(self, process: psutil.Process, *, all_of_it: bool) -> None:
        """Kills the stage, or the worker too, and clears as a person would."""
        for each in self._processes() if all_of_it else [process]:
            _kill(each)
        while any(self._processes("exec-run")):  # the worker notes the failure
            time.sleep(TICK)
        time.sleep(SETTLED)
        tell(self.folder, sys.executable, "-m", "analysis.experiments", "--clear")

    def result(self) -> Content:
        """Reads the experiment's lock and DVC's cache."""
        lock = YAML(typ="safe").load(tell(self.folder, "git", "show", f"{self._commit()}:dvc.lock"))
        found: Content = {}
        for out in lock["stages"][self.stage]["outs"]:
            path, md5 = out["path"], out["md5"]
            if md5.endswith(".dir"):
                listing = self.folder / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
                for file in json.loads(listing.read_bytes()):
                    found[f"{path}/{file['relpath']}"] = file["md5"]
            else:
                found[path] = md5
        return found

    def clear(self) -> None:
        """Forgets the experiment."""
        super().clear()
        if self._commit():
            self._dvc_does("exp", "remove", self.NAME)
        tell(self.folder, sys.executable, "-m", "analysis.experiments", "--clear")

    def _dvc_does(self, *arguments: str) -> None:
        tell(self.folder, sys.executable, "-m", "dvc", *arguments)

    def _logs(self) -> list[Path]:
        return sorted((self.folder / ".dvc" / "tmp" / "exps" / "run").glob("*/*.out"))

    def _commit(self) -> str | None:
        refs = tell(self.folder, "git", "for-each-ref", "--format=%(refname)", "refs/exps")
        return next((ref for ref in refs.split() if ref.endswith(f"/{self.NAME}")), None)


WAYS: dict[str, type[Plain]] = {"plain": Plain, "repro": Repro, "queue": Queue}


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


# --- Jobs -----------------------------------------------------------------------------------------


def attempt(way: Plain, moment: float, *, all_of_it: bool) -> Attempt:
    """Starts a stage, and kills it unless it ends before.

    Args:
        way: how it runs.
        moment: seconds after the start of its process at which it is killed.
        all_of_it: whether what has started it is killed too.
    """
    way.begin()
    patience = time.monotonic() + PATIENCE
    while (process := way.find()) is None:
        if time.monotonic() > patience or not way.is_at_work():
            sys.exit(f"{way.stage} does not start: {way.log.read_text(errors='replace')}")
        time.sleep(TICK)
    began, now, cpu = process.create_time(), time.time(), 0.0
    kept: tuple[float, float] | None = None  # when work was last saved, or began; CPU until then
    startup = 0.0
    while (alive := _is_alive(process)) or way.is_at_work():
        now = time.time()
        if now - began > PATIENCE:
            sys.exit(f"{way.stage} does not end: {way.log.read_text(errors='replace')}")
        if alive:
            cpu = sum(process.cpu_times()[:2])
            if kept is None:
                startup = now - began
                kept = (now, cpu) if _works(way) else None
            elif (saved := _saved(way)) > kept[0]:
                kept = (saved, cpu)
            if now - began >= moment:
                way.kill(process, all_of_it=all_of_it)
                since, cpu_since = kept or (now, cpu)
                return Attempt(True, startup, max(0.0, now - since), cpu - cpu_since, cpu)
        time.sleep(TICK)
    return Attempt(False, startup, 0.0, 0.0, cpu)


def _is_alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def _works(way: Plain) -> bool:
    """Whether a stage has loaded all that it needs, so that its progress is shown."""
    is_there = way.log.exists()
    return is_there and f"{way.stage}: " in way.log.read_text(encoding="utf-8", errors="replace")


def _saved(way: Plain) -> float:
    """When a stage has last saved what it has done; 0 if it never has."""
    paths = (way.folder / ".scratch" / way.stage).glob(f"*/{SAVED[way.stage]}")
    return max([0.0, *(path.stat().st_mtime for path in paths)])


def job(
    way: Plain, expected: Content, span: float, draw: random.Random
) -> tuple[list[Attempt], bool, Sequence[str]]:
    """Kills a stage again and again, until it ends.

    Args:
        way: how it runs.
        expected: its outputs.
        span: seconds of work within which a kill comes.
        draw: the moments.

    Returns:
        The attempts, whether the outputs are the expected ones, and what is left in scratch.
    """
    way.clear()
    attempts: list[Attempt] = []
    startup = 0.0
    while not attempts or attempts[-1].killed:
        moment = draw.uniform(0, startup + span)
        attempts.append(attempt(way, moment, all_of_it=len(attempts) % 2 == 1))
        startup = max(startup, attempts[-1].startup)
    left = [str(path) for path in (way.folder / ".scratch" / way.stage).glob("*")]
    return attempts, way.result() == expected, left


def jobs(
    stage: str,
    name: str,
    arguments: argparse.Namespace,
    results: Path,
    folder: Path,
    plain: Path,
) -> None:
    """Kills a stage so many times, and adds to the file of results.

    Args:
        stage: finetune or infer.
        name: of the way.
        arguments: how many kills there are to be in the file in the end, when, and their seed.
        results: the file.
        folder: where to make the project.
        plain: the project, in which the stage has run.
    """
    done = [line for line in read(results) if (line["stage"], line["way"]) == (stage, name)]
    count = sum(len(line["kills"]) for line in done)
    if count >= arguments.kills:
        return
    expected = content(plain, stage)
    shutil.copytree(plain, folder)
    shutil.rmtree(folder / ".scratch", ignore_errors=True)
    whole, startup = attempt_whole(folder, stage)
    way = WAYS[name](folder, stage)
    while count < arguments.kills:
        draw = random.Random(f"{arguments.seed} {stage} {name} {len(done)}")
        attempts, same, left = job(way, expected, arguments.span, draw)
        kills_seen = [each._asdict() for each in attempts if each.killed]
        line = {
            "stage": stage,
            "way": name,
            "same": same and not left,
            "left": list(left),
            "whole": whole,
            "whole_startup": startup,
            "cpu": sum(each.cpu for each in attempts),
            "kills": kills_seen,
        }
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        done.append(line)
        count += len(kills_seen)
        print(f"{stage}, {name}: {count} kills in {len(done)} jobs, same result {same}", flush=True)
    way.end()


def attempt_whole(folder: Path, stage: str) -> tuple[float, float]:
    """Seconds of CPU that a stage takes without a kill, and seconds before its work begins."""
    way = Plain(folder, stage)
    way.clear()
    seen = attempt(way, PATIENCE, all_of_it=False)
    return seen.cpu, seen.startup


def read(results: Path) -> list[Mapping[str, Any]]:
    """Reads the file of results, a job a line; it need not be there."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    return [json.loads(line) for line in lines]


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """The results as a table of Markdown."""
    rows = []
    for stage in KILLED:
        for name in (*WAYS, "all"):
            own = [e for e in lines if e["stage"] == stage and name in (e["way"], "all")]
            if not own:
                continue
            kills = [kill for line in own for kill in line["kills"]]
            lost = [kill["lost"] for kill in kills]
            more = sum(line["cpu"] - line["whole"] for line in own) / len(kills)
            same = sum(line["same"] for line in own)
            killed = sum(len(line["kills"]) for line in own if line["same"])
            lost_cpu = fmean(kill["lost_cpu"] for kill in kills)
            startup = fmean(kill["startup"] for kill in kills)
            figures = (fmean(lost), max(lost), lost_cpu, startup, more)
            rows.append([stage, name, len(own), same, len(kills), killed, *figures])
    header = ["stage", "way", "jobs", "same result", "kills", "of these in jobs of the same result"]
    header += ["work lost, s", "at most, s", "CPU of it, s", "start-up, s", "CPU more a kill, s"]
    return str(tabulate(rows, header, "github", floatfmt=".1f"))


def main() -> None:
    """Kills, or prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("way", choices=[*WAYS, "table"])
    parser.add_argument("--stages", nargs="*", choices=KILLED, default=KILLED)
    parser.add_argument("--kills", type=int, default=20, help="of each stage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--span", type=float, default=SPAN, help="of work until a kill, in seconds")
    parser.add_argument("--results", type=Path, default=Path("kills.jsonl"))
    arguments = parser.parse_args()
    results = arguments.results.resolve()
    if arguments.way != "table":
        load_libraries()
        with tempfile.TemporaryDirectory() as temporary:
            plain = Path(temporary).resolve() / "plain"
            make(plain)
            for stage in KILLED:
                must(call(plain, stage))
            for stage in arguments.stages:
                folder = plain.with_name(stage)
                jobs(stage, arguments.way, arguments, results, folder, plain)
    lines = read(results)
    print(table(lines))
    sys.exit(not all(line["same"] for line in lines))


if __name__ == "__main__":
    main()
