"""Several processes that share a stage's work: one for each GPU, of one host or of several.

On a machine with several visible GPUs a stage starts itself again, once for each. The environment
variable CUDA_VISIBLE_DEVICES says which are visible. On a machine without a GPU a small base gets
two processes, where there are two threads. STAGE_PROCESSES states another number. Started by
torchrun or `accelerate launch`, on one host or several, a stage takes part in what these have set
up. torch.distributed starts the processes; accelerate is their communication.
"""

import heapq
import logging
import os
import signal
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch

from stages.common.command import INTERRUPTED, REFUSED, InputError, explain, run

log = logging.getLogger(__name__)

VARIABLE = "STAGE_PROCESSES"
THREADS = "OMP_NUM_THREADS"
ON_CPU = 2  # processes for a small base without a GPU
SMALL = 2**26  # bytes of its weights at most
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
FORKS = sys.platform == "linux"  # where processes without a GPU do so, which loads nothing anew
START_METHOD = "spawn"  # of others, of multiprocessing; the state of a GPU does not survive a fork

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: number of this process, from 0.
        count: number of processes.
        local_rank: number of this process on its host, and of its GPU.
        hosts: number of hosts.
        sharded: whether each process keeps only a part of the base's weights, as `accelerate
            launch` says with an FSDP configuration. Then all must run the model equally often.
    """

    rank: int
    count: int
    local_rank: int
    hosts: int
    sharded: bool = False

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and log lines."""
        return self.rank == 0

    def share(self, items: Sequence[Value], size: Callable[[Value], int]) -> list[Value]:
        """Returns this process's share of some items; each item is in one process's share.

        Args:
            items: the same in every process.
            size: of an item; the sums of the shares are about equal.

        Returns:
            The items in their order; none if there are too few.
        """
        shares: list[list[int]] = [[] for _ in range(self.count)]
        smallest = [(0, rank) for rank in range(self.count)]
        sizes = [size(item) for item in items]
        for index in sorted(range(len(items)), key=lambda i: -sizes[i]):
            total, rank = smallest[0]
            heapq.heapreplace(smallest, (total + sizes[index], rank))
            shares[rank].append(index)
        return [items[index] for index in sorted(shares[self.rank])]

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Sums a tensor, of the same shape everywhere, over the processes."""
        if self.count == 1:
            return values
        from accelerate.utils import reduce

        return reduce(values, "sum")  # type: ignore[no-any-return]

    def gathered(self, number: float, device: torch.device) -> list[float]:
        """Returns every process's number, by rank."""
        numbers = torch.zeros(self.count, dtype=torch.float64, device=device)
        numbers[self.rank] = number
        return self.summed(numbers).tolist()

    def wait(self) -> None:
        """Waits until all processes have come to this place."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def from_main(self, value: Value) -> Value:
        """Gives all processes the value that the main one has."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]  # type: ignore[no-any-return]


def here() -> Processes:
    """Describes this process, as torch.distributed's environment variables do."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local_count = int(os.environ.get("LOCAL_WORLD_SIZE", count))
    rank, local_rank = (int(os.environ.get(name, "0")) for name in ("RANK", "LOCAL_RANK"))
    sharded = count > 1 and os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("true", "1")
    return Processes(rank, count, local_rank, count // local_count, sharded)


def in_processes(base: str, work: Callable[..., None], *arguments: Any) -> None:
    """Runs a function in one process for each visible GPU, in some on a CPU, or in this one.

    Args:
        base: folder or hub id of the model that is at work.
        work: a module's function; it calls `here` to know its process.
        *arguments: given to it in every process.

    Raises:
        InputError: if STAGE_PROCESSES is no number of processes that this machine can have.
    """
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        _take_part(work, *arguments)
    elif (count := _process_count(base)) > 1:
        _start(count, work, *arguments)
    else:
        work(*arguments)


def _process_count(base: str) -> int:
    gpus = torch.cuda.device_count()
    stated = os.environ.get(VARIABLE) or str(gpus or _on_cpu(base))
    if not stated.isdecimal() or int(stated) < 1 or int(stated) > gpus > 0:
        expected = f"a number from 1 to {gpus}, one for each GPU" if gpus else "a number from 1"
        raise InputError(f"the environment variable {VARIABLE} is {stated!r}; expected {expected}")
    return int(stated)


def _on_cpu(base: str) -> int:
    """Two processes for a small base, with whose narrow matrices threads gain little."""
    size = sum(path.stat().st_size for path in Path(base).glob("*.safetensors"))
    return min(ON_CPU, torch.get_num_threads()) if 0 < size <= SMALL else 1


def _start(count: int, work: Callable[..., None], *arguments: Any) -> None:
    """Starts processes on this host and waits for them; an error of one ends all."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    log.info("%d processes share the work", count)
    os.environ[THREADS] = str(max(1, torch.get_num_threads() // count))
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)  # this host's name may be unknown to it
    logging.disable()  # the launcher would log at length the error that `_started` logs in a line
    with TemporaryDirectory() as folder:
        reported = Path(folder) / "reported"
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
            start_method="fork" if FORKS and not torch.cuda.is_available() else START_METHOD,
        )
        try:
            elastic_launch(config, _started)(reported, work, *arguments)
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from error
            sys.exit(128 + error.sigval)
        except ChildFailedError as error:
            if reported.exists():
                sys.exit(int(reported.read_text()))
            rank, failure = error.get_first_failure()
            sys.exit(f"error: process {rank} of {count} ended without a word: {failure.message}")
        finally:
            logging.disable(logging.NOTSET)


def _started(reported: Path, work: Callable[..., None], *arguments: Any) -> None:
    """Runs in each process that `_start` has started.

    Args:
        reported: a file that the first failing process makes, with its exit code, before it
            reports its error. The others, which fail because of it, end in silence.
        work: see `in_processes`.
        *arguments: likewise.
    """
    # A forked process has these from the launcher.
    logging.disable(logging.NOTSET)
    torch.set_num_threads(int(os.environ[THREADS]))

    def main() -> None:
        try:
            _take_part(work, *arguments)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher sends one more
            sys.exit(INTERRUPTED)  # it says so itself
        except Exception as error:
            _, status = explain(error)
            try:
                with reported.open("x") as file:
                    file.write(str(status))
            except FileExistsError:
                sys.exit(REFUSED)
            raise

    run(main)


def _take_part(work: Callable[..., None], *arguments: Any) -> None:
    """Runs a function as one of the processes that the environment variables describe."""
    from accelerate import PartialState
    from transformers.utils.logging import disable_progress_bar

    os.environ.setdefault(THREADS, str(torch.get_num_threads()))  # or accelerate warns
    state = PartialState(cpu=not torch.cuda.is_available())
    if not here().main:
        logging.getLogger().setLevel(logging.ERROR)
        disable_progress_bar()
    work(*arguments)
    state.wait_for_everyone()
    state.destroy_process_group()
