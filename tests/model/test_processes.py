"""Several processes at one piece of work: the same result, one message, nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from stages.common.command import InputError
from stages.model import processes
from stages.model.device import device_and_dtype
from stages.model.processes import Processes
from tests.helpers.params import put
from tests.stages.test_commands import command, project  # noqa: F401 - a fixture
from tests.training.test_loop import adapted, examples, finetune, weights
from tests.training.test_loop import run as train

WORK = '''
import json, os, sys, time
from pathlib import Path
import torch
from stages.model import processes
from stages.training import loop as training
from stages.common.command import InputError, run
from tests.training.test_loop import FP32, adapted, examples, finetune

def learn(base, folder, quantization, dies_at):
    """Trains as the test does in one process; the second process may die at an update."""
    training.SAVE_EVERY = 0.0
    training.MICRO_BATCH["cpu"] = 40  # so that the processes have unequal numbers of passes
    here, update = processes.here(), training.make_update
    def dying(*arguments):
        dying.updates += 1
        if here.rank == 1 and dying.updates == dies_at:
            raise InputError("as if: the second process fails")
        return update(*arguments)
    dying.updates = 0
    training.make_update = dying
    # Then the main process alone saves, which must not put a sharded base out of step.
    chosen = finetune(batch=3, keep="last" if here.sharded else "best")
    causal = adapted(Path(base), chosen, quantization)
    rows = examples(40)
    progress = training.train(
        causal, rows, ["x"] * 40, examples(10, seed=5), chosen, FP32, Path(folder)
    )
    layer = causal.get_base_model().get_decoder().layers[0].self_attn.q_proj.base_layer
    parts = [layer.weight.to_local().numel() if here.sharded else 0, layer.weight.numel()]
    if here.main:
        weights = {n: p.detach() for n, p in causal.named_parameters() if p.requires_grad}
        torch.save([progress.train, progress.dev, weights, parts], Path(folder) / "learnt.pt")

def crash(folder):
    """One process crashes; the others wait for it."""
    here = processes.here()
    if here.rank == 1:
        raise RuntimeError("as if")
    here.total(torch.zeros(1))

def wait(folder):
    """Tells the process's number, and sleeps."""
    here = processes.here()
    here.total(torch.zeros(1))
    (Path(folder) / f"{here.rank}.tmp").write_text(str(os.getpid()))
    (Path(folder) / f"{here.rank}.tmp").rename(Path(folder) / f"{here.rank}.pid")
    time.sleep(600)

def tell(folder):
    """Tells what a process knows, and a sum over all."""
    here = processes.here()
    total = int(here.total(torch.tensor([here.rank + 1])))
    known = here.from_main(os.getpid() if here.main else None)
    Path(folder, f"{here.rank}.txt").write_text(f"{here} {total} {known}")

def overflow(base, folder):
    """Makes two updates with scaled losses; in the first a gradient of one process is infinite."""
    here = processes.here()
    causal = adapted(Path(base), finetune())
    adapter = training.prepare(causal, FP32)
    weights = adapter.values
    optimizer = torch.optim.AdamW([weights])
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    told = []
    learn = adapter.learn
    adapter.learn = lambda loss: learn(loss * (torch.inf if here.rank == 1 else 1.0))
    for _ in range(2):
        before = weights.detach().clone()
        memory = training.Memory(causal, training.passes(causal, adapter, scaler))
        training.make_update(causal, examples(4), optimizer, scaler, 0.1, 1.0, memory)
        told.append([scaler.get_scale(), weights.equal(before), float(weights.detach().sum())])
        adapter.learn = learn
    Path(folder, f"{here.rank}.txt").write_text(json.dumps(told))

if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    if kind == "learn":
        arguments[3] = int(arguments[3])
    run(lambda: processes.on_every_gpu(globals()[kind], *arguments))
'''


@pytest.fixture
def work(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program whose pieces of work two processes do."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv(processes.VARIABLE, "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (tmp_path / "work.py").write_text(WORK, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("count", "pieces"), [(1, 7), (3, 20), (4, 3), (2, 0)])
def test_parts_are_balanced_and_miss_nothing(count: int, pieces: int) -> None:
    sizes = [(7 * i) % 11 + 1 for i in range(pieces)]
    parts = [Processes(rank, count, rank, 1).share(sizes) for rank in range(count)]
    assert sorted(index for part in parts for index in part) == list(range(pieces))
    assert all(part == sorted(part) for part in parts)
    sums = [sum(sizes[i] for i in part) for part in parts]
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
    chosen = finetune(batch=3, keep="last" if sharded else "best")
    causal = adapted(tiny_base, chosen, quantization)
    progress = train(causal, chosen, work / "one", examples(10, seed=5))
    assert progress.update == 28

    failed = command(work, "work", "learn", str(tiny_base), "two", quantization, "9")
    assert failed.returncode == 1
    assert failed.stderr.count("as if: the second process fails") == 1
    assert "Traceback" not in failed.stderr
    assert not (work / "two" / "learnt.pt").exists()

    resumed = command(work, "work", "learn", str(tiny_base), "two", quantization, "0")
    assert resumed.returncode == 0, resumed.stderr
    assert "go on after update 8 of 28" in resumed.stderr
    assert resumed.stderr.count("epoch 2: dev loss") == 1
    curve, dev, kept, (part, whole) = torch.load(work / "two" / "learnt.pt", weights_only=True)
    assert curve == [pytest.approx(row, rel=1e-5) for row in progress.train]
    assert dev == [pytest.approx(row, rel=1e-5) for row in progress.dev]
    for name, value in weights(causal).items():
        torch.testing.assert_close(kept[name], value, rtol=1e-3, atol=1e-4)
    assert 2 * part == (whole if sharded else 0)


def test_finetune_gives_the_same_with_two_processes(
    project: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(project, {"finetune.epochs": 3, "finetune.batch": 3})
    assert command(project, "stages.encode", "raw", "encoded").returncode == 0
    known: dict[str, Any] = {}
    for count in ("1", "2"):
        monkeypatch.setenv(processes.VARIABLE, count)
        result = command(project, "stages.finetune", "encoded", f"adapter{count}", f"m{count}")
        assert result.returncode == 0, result.stderr
        metrics = project / f"m{count}"
        known[count] = json.loads((metrics / "finetune.json").read_text())
        assert known[count]["updates"] == 9
        cost = json.loads((metrics / "cost" / "finetune.json").read_text())
        assert cost["processes"] == int(count)
        assert cost["energy_kwh"] > cost["co2e_kg"] > 0
        assert not list((project / ".scratch" / "finetune").iterdir())
        assert result.stderr.count("encoded/train.jsonl: 7 examples") == 1
    for name, figure in known["1"].items():
        assert known["2"][name] == (figure if isinstance(figure, dict) else pytest.approx(figure))
    one, two = (load_file(project / f"adapter{c}" / "adapter_model.safetensors") for c in "12")
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-4)


def test_an_error_of_both_processes_is_told_once_and_nothing_written(
    project: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(processes.VARIABLE, "2")
    result = command(project, "stages.finetune", "raw", "adapter", "metrics")
    assert result.returncode == 1
    assert result.stderr.count("error: ") == 1
    assert "error: raw/train.jsonl: " in result.stderr
    assert "Traceback" not in result.stderr
    assert not any((project / name).exists() for name in ("adapter", "metrics"))


def test_an_overflow_in_one_process_skips_the_update_in_all(work: Path, tiny_base: Path) -> None:
    result = command(work, "work", "overflow", str(tiny_base), ".")
    assert result.returncode == 0, result.stderr
    one, two = (json.loads((work / f"{rank}.txt").read_text()) for rank in range(2))
    assert one == two
    assert [told[:2] for told in one] == [[2.0, True], [2.0, False]]


def test_a_process_has_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.device] = []
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert device_and_dtype() == (torch.device("cuda", 3), torch.float16)
    assert chosen == [torch.device("cuda", 3)]


def test_a_crash_of_one_process_is_told_and_ends_all(work: Path) -> None:
    result = command(work, "work", "crash", ".")
    assert result.returncode == 1
    assert result.stderr.count("Traceback") == result.stderr.count("RuntimeError: as if") == 1


@pytest.mark.parametrize("asked", ["0", "two", "-1"])
def test_a_number_of_processes_that_is_none_is_refused(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(processes.VARIABLE, asked)
    with pytest.raises(InputError, match=rf"STAGE_PROCESSES is '{asked}'; expected a number from"):
        processes.on_every_gpu(lambda: None)


def test_one_process_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(processes.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    done: list[int] = []
    processes.on_every_gpu(done.append, os.getpid())
    assert done == [os.getpid()]
    assert not torch.distributed.is_initialized()


def test_every_visible_gpu_gets_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    monkeypatch.delenv(processes.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(processes, "_start", lambda count, *_: started.append(count))
    processes.on_every_gpu(print)
    assert started == [4]
    monkeypatch.setenv(processes.VARIABLE, "8")
    with pytest.raises(InputError, match="is '8'; expected a number from 1 to 4, one for each GPU"):
        processes.on_every_gpu(print)


@pytest.fixture
def waiting(work: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A run of two processes that would go on for long, and their numbers."""
    run = subprocess.Popen(
        [sys.executable, "-m", "work", "wait", "."], cwd=work, start_new_session=True
    )
    files = [work / "0.pid", work / "1.pid"]
    while run.poll() is None and not all(file.exists() for file in files):
        time.sleep(0.1)
    pids = [int(file.read_text()) for file in files]
    yield run, pids
    for pid in (run.pid, *pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    run.wait()


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
    waiting: tuple[subprocess.Popen[str], list[int]], sent: int, status: int
) -> None:
    """As by Ctrl-C, which the terminal sends to all, by a scheduler, and by force."""
    run, pids = waiting
    if sent == signal.SIGINT:
        os.killpg(run.pid, sent)
    else:
        run.send_signal(sent)
    assert run.wait(timeout=60) == status
    deadline = time.monotonic() + 60
    while not all(map(gone, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert all(map(gone, pids))


def test_torchrun_on_two_hosts(work: Path) -> None:
    """Two launchers, as on two hosts, with one process each."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    launch += ["--rdzv-backend=c10d", "--rdzv-id=test", f"--rdzv-endpoint=localhost:{free_port()}"]
    launch += ["--local-addr=localhost", "-m", "work", "tell", "."]
    runs = [subprocess.Popen(launch, cwd=work, text=True, stderr=subprocess.PIPE) for _ in range(2)]
    for run in runs:
        _, told = run.communicate(timeout=300)
        assert run.returncode == 0, told
    texts = [(work / f"{rank}.txt").read_text() for rank in range(2)]
    for rank, text in enumerate(texts):
        assert text.startswith(f"{Processes(rank, 2, 0, 2)} 3 ")
    assert len({text.rpartition(" ")[2] for text in texts}) == 1


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
    return port
