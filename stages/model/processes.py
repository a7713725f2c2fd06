"""Several processes at one piece of work: one for each GPU, of one host or of several.

On a machine with several visible GPUs a stage starts itself again, once for each. The environment
variable CUDA_VISIBLE_DEVICES says which are visible; STAGE_PROCESSES, how many processes there are
instead, also without a GPU. Started by torchrun or `accelerate launch`, on one host or several, a
stage takes part in what these have set up. With one GPU or none nothing of this is in its way.
Starting is torch.distributed's part, talking to each other accelerate's.
"""

import heapq
import logging
import os
import signal
import sys
import traceback
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from stages.common.command import InputError, run

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

VARIABLE = "STAGE_PROCESSES"

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """The processes of a run, seen from one of them.

    Attributes:
        rank: which one this is, from 0.
        count: how many there are.
        local_rank: which one of its host's it is; and its GPU.
        hosts: on how many hosts they are.
        sharded: whether each shall keep only a part of the base's weights, as `accelerate launch`
            says with an FSDP configuration. Then all must go through the model equally often.
    """

    rank: int
    count: int
    local_rank: int
    hosts: int
    sharded: bool = False

    @property
    def main(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0

    def share(self, sizes: Sequence[int]) -> list[int]:
        """Chooses this process's part of some pieces; each piece is in one process's part.

        Args:
            sizes: of the pieces; the parts' sums are about equal.

        Returns:
            Indices, in ascending order; none if there are too few pieces.
        """
        parts: list[list[int]] = [[] for _ in range(self.count)]
        smallest = [(0, rank) for rank in range(self.count)]
        for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
            size, rank = smallest[0]
            heapq.heapreplace(smallest, (size + sizes[index], rank))
            parts[rank].append(index)
        return sorted(parts[self.rank])

    def total(self, values: "torch.Tensor") -> "torch.Tensor":
        """Sums a tensor, of the same shape everywhere, over the processes."""
        if self.count == 1:
            return values
        from accelerate.utils import reduce

        return reduce(values, "sum")  # type: ignore[no-any-return]

    def numbers(self, number: float, device: "torch.device") -> list[float]:
        """Tells every process's number, by rank."""
        import torch

        each = torch.zeros(self.count, dtype=torch.float64, device=device)
        each[self.rank] = number
        return self.total(each).tolist()

    def wait(self) -> None:
        """Waits until all processes have come to this place."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def from_main(self, value: Value) -> Value:
        """Gives all processes what the main one has."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]  # type: ignore[no-any-return]


def here() -> Processes:
    """This process among those of its run, as torch.distributed's environment variables tell."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    local_count = int(os.environ.get("LOCAL_WORLD_SIZE", count))
    rank, local_rank = (int(os.environ.get(name, "0")) for name in ("RANK", "LOCAL_RANK"))
    sharded = count > 1 and os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("true", "1")
    return Processes(rank, count, local_rank, count // local_count, sharded)


def on_every_gpu(work: Callable[..., None], *arguments: Any) -> None:
    """Does a piece of work in one process for each visible GPU, or in this one.

    Args:
        work: a module's function; it asks `here` which process it is in.
        *arguments: what it is given, in every process.

    Raises:
        InputError: if STAGE_PROCESSES is no number of processes that this machine can have.
    """
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        _take_part(work, *arguments)
    elif (count := _wanted()) > 1:
        _start(count, work, *arguments)
    else:
        work(*arguments)


def _wanted() -> int:
    import torch

    gpus = torch.cuda.device_count()
    asked = os.environ.get(VARIABLE) or str(max(1, gpus))
    if not asked.isdecimal() or int(asked) < 1 or int(asked) > gpus > 0:
        most = f"a number from 1 to {gpus}, one for each GPU" if gpus else "a number from 1"
        raise InputError(f"the environment variable {VARIABLE} is {asked!r}; expected {most}")
    return int(asked)


def _start(count: int, work: Callable[..., None], *arguments: Any) -> None:
    """Starts processes on this host and waits for them; an error of one ends all."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    log.info("%d processes share the work", count)
    threads = max(1, (os.cpu_count() or 1) // count)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    logging.disable()  # the launcher tells at length what `_started` tells in a line
    with TemporaryDirectory() as folder:
        told = Path(folder) / "told"
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
        )
        try:
            elastic_launch(config, _started)(told, work, *arguments)
        except SignalException as error:
            sys.exit(128 + error.sigval)
        except ChildFailedError as error:
            if told.exists():
                sys.exit(1)
            rank, failure = error.get_first_failure()
            sys.exit(f"error: process {rank} of {count} ended without a word: {failure.message}")
        finally:
            logging.disable(logging.NOTSET)


def _started(told: Path, work: Callable[..., None], *arguments: Any) -> None:
    """What a process does that was started here.

    Args:
        told: made by the first process that fails; it tells why. The others, which fail because it
            does, end in silence.
        work: see `on_every_gpu`.
        *arguments: likewise.
    """

    def main() -> None:
        try:
            _take_part(work, *arguments)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher sends one more
            raise
        except Exception as error:
            try:
                told.touch(exist_ok=False)
            except FileExistsError:
                sys.exit(1)
            if isinstance(error, InputError):
                raise
            traceback.print_exc()
            sys.exit(1)

    run(main)


def _take_part(work: Callable[..., None], *arguments: Any) -> None:
    """Does a piece of work as one of the processes that the environment variables describe."""
    import torch
    from accelerate import PartialState
    from transformers.utils.logging import disable_progress_bar

    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))  # or accelerate warns
    state = PartialState(cpu=not torch.cuda.is_available())
    if not here().main:
        logging.getLogger().setLevel(logging.ERROR)
        disable_progress_bar()
    work(*arguments)
    state.wait_for_everyone()
    state.destroy_process_group()
