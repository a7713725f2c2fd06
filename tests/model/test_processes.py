"""Several processes that share work: the same result, one message, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from stages.common.command import UNEXPECTED, InputError
from stages.model import processes
from stages.model.device import device_and_dtype
from stages.model.processes import Processes
from tests.helpers import trainings
from tests.helpers.commands import command, free_port, start
from tests.helpers.params import put
from tests.helpers.trainings import adapted, finetune_settings, token_rows, trained_weights

SHARED_WORK = "tests.helpers.shared_work"


@pytest.fixture
def work(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for work that two processes share."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv(processes.VARIABLE, "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path


@pytest.mark.parametrize(("count", "items"), [(1, 7), (3, 20), (4, 3), (2, 0)])
def test_shares_are_balanced_and_miss_nothing(count: int, items: int) -> None:
    sizes = [(7 * i) % 11 + 1 for i in range(items)]
    numbers = list(range(items))
    shares = [Processes(r, count, r, 1).share(numbers, sizes.__getitem__) for r in range(count)]
    assert sorted(number for share in shares for number in share) == numbers
    assert all(share == sorted(share) for share in shares)
    sums = [sum(sizes[number] for number in share) for share in shares]
    assert max(sums) - min(sums) <= max(sizes, default=0)


@pytest.mark.parametrize(
    ("quantization", "sharded"), [("none", False), ("none", True), ("nf4", True)]
)
def test_two_processes_learn_what_one_learns_also_after_a_failure(
    work: Path,
    tiny_base: Path,
    monkeypatch: pytest.MonkeyPatch,
    quantization: str,
    sharded: bool,
) -> None:
    """Fourteen batches an epoch, the last with one example, so that a process has none."""
    monkeypatch.setenv("ACCELERATE_USE_FSDP", str(sharded).lower())
    (work / "one").mkdir()
    (work / "two").mkdir()
    settings = finetune_settings(batch=3, keep="last" if sharded else "best")
    causal = adapted(tiny_base, settings, quantization)
    progress = trainings.run(causal, settings, work / "one", token_rows(10, seed=5))
    assert progress.update == 28

    failed = command(work, SHARED_WORK, "learn", "two", str(tiny_base), quantization, "9")
    assert failed.returncode == 1
    assert failed.stderr.count("as if: the second process fails") == 1
    assert "Traceback" not in failed.stderr
    assert not (work / "two" / "learnt.pt").exists()

    resumed = command(work, SHARED_WORK, "learn", "two", str(tiny_base), quantization, "0")
    assert resumed.returncode == 0, resumed.stderr
    assert "go on after update 8 of 28" in resumed.stderr
    assert resumed.stderr.count("epoch 2: dev loss") == 1
    curve, dev, kept, (part, whole) = torch.load(work / "two" / "learnt.pt", weights_only=True)
    assert curve == [pytest.approx(row, rel=1e-5) for row in progress.train]
    assert dev == [pytest.approx(row, rel=1e-5) for row in progress.dev]
    for name, value in trained_weights(causal).items():
        torch.testing.assert_close(kept[name], value, rtol=1e-3, atol=1e-4)
    assert 2 * part == (whole if sharded else 0)


def test_finetune_gives_the_same_with_two_processes(
    stage_project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(stage_project, {"finetune.epochs": 3, "finetune.batch": 3})
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    known: dict[str, Any] = {}
    for count in ("1", "2"):
        monkeypatch.setenv(processes.VARIABLE, count)
        result = command(
            stage_project, "stages.finetune", "encoded", f"adapter{count}", f"m{count}"
        )
        assert result.returncode == 0, result.stderr
        metrics = stage_project / f"m{count}"
        known[count] = json.loads((metrics / "finetune.json").read_text())
        assert known[count]["updates"] == 9
        cost = json.loads((metrics / "cost" / "finetune.json").read_text())
        assert cost["processes"] == int(count)
        assert cost["energy_kwh"] > 0
        assert not list((stage_project / ".scratch" / "finetune").iterdir())
        assert result.stderr.count("encoded/train.jsonl: 7 examples") == 1
    for name, figure in known["1"].items():
        assert known["2"][name] == (figure if isinstance(figure, dict) else pytest.approx(figure))
    one, two = (
        load_file(stage_project / f"adapter{c}" / "adapter_model.safetensors") for c in "12"
    )
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)


def test_an_error_of_both_processes_is_told_once_and_nothing_written(
    stage_project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(processes.VARIABLE, "2")
    result = command(stage_project, "stages.finetune", "raw", "adapter", "metrics")
    assert result.returncode == 1
    assert result.stderr.count("error: ") == 1
    assert "error: raw/prompts.json: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not any((stage_project / name).exists() for name in ("adapter", "metrics"))


def test_an_overflow_in_one_process_skips_the_update_in_all(work: Path, tiny_base: Path) -> None:
    result = command(work, SHARED_WORK, "overflow", ".", str(tiny_base))
    assert result.returncode == 0, result.stderr
    one, two = (json.loads((work / f"{rank}.txt").read_text()) for rank in range(2))
    assert one == two
    assert [update[:2] for update in one] == [[2.0, True], [2.0, False]]


def test_a_process_has_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    devices: list[torch.device] = []
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr(torch.cuda, "set_device", devices.append)
    assert device_and_dtype() == (torch.device("cuda", 3), torch.float16)
    assert devices == [torch.device("cuda", 3)]


def test_a_crash_of_one_process_is_told_and_ends_all(work: Path) -> None:
    result = command(work, SHARED_WORK, "crash", ".")
    assert result.returncode == UNEXPECTED
    assert result.stderr.count("error: RuntimeError: as if") == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("stated", ["0", "two", "-1"])
def test_a_number_of_processes_that_is_none_is_refused(
    stated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(processes.VARIABLE, stated)
    with pytest.raises(InputError, match=rf"STAGE_PROCESSES is '{stated}'; expected a number from"):
        processes.in_processes("", lambda: None)


def test_one_process_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(processes.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    done: list[int] = []
    processes.in_processes("", done.append, os.getpid())
    assert done == [os.getpid()]
    assert not torch.distributed.is_initialized()


def test_every_visible_gpu_gets_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    monkeypatch.delenv(processes.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(processes, "_start", lambda count, *_: started.append(count))
    processes.in_processes("", print)
    assert started == [4]
    monkeypatch.setenv(processes.VARIABLE, "8")
    with pytest.raises(InputError, match="is '8'; expected a number from 1 to 4, one for each GPU"):
        processes.in_processes("", print)


@pytest.mark.parametrize(
    ("size", "threads", "started"),
    [
        (processes.SMALL, 2, [2]),
        (processes.SMALL, 8, [2]),
        (processes.SMALL, 1, []),
        (processes.SMALL + 1, 8, []),
        (None, 8, []),
    ],
    ids=["two threads", "eight threads", "one thread", "a large base", "a hub id"],
)
def test_a_small_base_gets_two_processes_on_a_cpu(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int | None,
    threads: int,
    started: list[int],
) -> None:
    monkeypatch.delenv(processes.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    counts: list[int] = []
    monkeypatch.setattr(processes, "_start", lambda count, *_: counts.append(count))
    base = tmp_path / "base"
    if size:
        base.mkdir()
        for half in (size // 2, size - size // 2):
            with (base / f"{half}-{len(list(base.iterdir()))}.safetensors").open("wb") as file:
                file.truncate(half)
    done: list[int] = []
    processes.in_processes(str(base) if size else "organisation/name", done.append, 1)
    assert (counts, done) == (started, [] if started else [1])


@pytest.fixture
def waiting(work: Path) -> Iterator[tuple[BaseProcess, list[int]]]:
    """A run of two processes that would go on for long, and their numbers."""
    run = start(work, SHARED_WORK, "wait", ".")
    files = [work / "0.pid", work / "1.pid"]
    while run.is_alive() and not all(file.exists() for file in files):
        time.sleep(0.1)
    pids = [int(file.read_text()) for file in files]
    yield run, pids
    for pid in (run.pid, *pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    run.join()


def gone(pid: int) -> bool:
    """Whether a process has ended; one whose parent has not yet asked for its status has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_signal_to_the_command_ends_all(
    waiting: tuple[BaseProcess, list[int]], sent: int, status: int
) -> None:
    """As by Ctrl-C, which the terminal sends to all, by a scheduler, and by force."""
    run, pids = waiting
    assert run.pid
    if sent == signal.SIGINT:
        os.killpg(run.pid, sent)
    else:
        os.kill(run.pid, sent)
    run.join(timeout=60)
    assert run.exitcode == status
    deadline = time.monotonic() + 60
    while not all(map(gone, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(map(gone, pids))


def test_two_hosts_with_one_process_each(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variables that torchrun sets; tests/project/test_cluster.py runs torchrun itself."""
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", str(free_port()))

    def host(rank: int) -> subprocess.CompletedProcess[str]:
        own = {"RANK": str(rank), "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "1"}
        return command(work, SHARED_WORK, "describe", ".", variables=os.environ | own)

    with ThreadPoolExecutor() as hosts:
        for result in hosts.map(host, range(2)):
            assert result.returncode == 0, result.stderr
    texts = [(work / f"{rank}.txt").read_text() for rank in range(2)]
    for rank, text in enumerate(texts):
        assert text.startswith(f"{Processes(rank, 2, 0, 2)} 3 ")
    assert len({text.rpartition(" ")[2] for text in texts}) == 1
