"""What a run cost: a record beside the metrics that no stage declares as its output.

finetune and infer write one each, METRICS/cost/STAGE.json.

Times and memory differ from run to run, so that a declared record would make equal results differ.
dvc.yaml lists the files among its metrics; `dvc metrics show` and `dvc exp show` read them there.

A record names what was made, under "of", by the hash that dvc.lock has of it. So it is never taken
for the cost of another setting, whose result came from a cache (analysis/costs.py looks for the
right one); and a rerun that makes the same again leaves the first record, and git's tree clean.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any, Self

import torch

from stages.common.files import write_bytes, write_json
from stages.common.outputs import folder_md5
from stages.model.processes import here
from stages.model.scratch import repository, sealed, unsealed

log = logging.getLogger(__name__)

PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "codecarbon")
FILE = "spent.json"


@dataclass
class Spent:
    """What a piece of work has taken so far, interruptions not counted.

    Attributes:
        seconds: wall time.
        energy_kwh: energy in kWh; 0 without a meter.
    """

    seconds: float = field(default=0.0, compare=False)
    energy_kwh: float = field(default=0.0, compare=False)

    def save(self, folder: Path) -> None:
        """Writes the figures into a scratch folder."""
        write_bytes(folder / FILE, sealed(json.dumps(asdict(self)).encode()))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Takes up the figures that were saved there; without any, or damaged ones, 0."""
        path = folder / FILE
        if not path.is_file():
            return cls()
        if (content := unsealed(path.read_bytes())) is None:
            log.warning("%s is damaged, what was spent before is not counted", path)
            return cls()
        return cls(**json.loads(content))


class Meter:
    """Energy that this machine takes while the context lasts, as codecarbon tells it.

    It reads the meters of GPUs (NVML, AMD SMI) and CPUs (RAPL) where there are any and they may be
    read; the power of memory, and of a CPU without a meter, is an **estimate** from the model, the
    load and the size. Counted are the visible GPUs and the whole of CPU and memory, also what other
    programs make them do. Nothing is asked of the network, no file is written and nothing locked. A
    failure of codecarbon's leaves the figure at 0 and is logged; it never ends a run.

    Attributes:
        energy_kwh: energy so far, in kWh.
    """

    def __init__(self) -> None:
        """Measures nothing yet, but finds out, beside other work, what the CPU is called.

        That takes codecarbon a second or two, most of it waiting; it remembers the name.
        """
        self.energy_kwh = 0.0
        self._tracker: Any = None
        self._naming = Thread(daemon=True)
        with suppress(Exception):  # what fails here fails again, and is logged then
            from codecarbon.core.util import detect_cpu_model

            self._naming = Thread(target=detect_cpu_model, daemon=True)
        self._naming.start()

    def __enter__(self) -> Self:
        self._naming.join()
        try:
            self._tracker = self._codecarbon()
            self._tracker.start()
        except Exception as error:  # whatever it is, it is not worth a training
            log.warning("energy is not measured: %s", error)
            self._tracker = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._tracker:
            self._tracker.stop()  # raises nothing

    def read(self) -> None:
        """Brings the figure up to date."""
        if self._tracker:
            self._tracker.flush()  # raises nothing; hands over the totals

    def _codecarbon(self) -> Any:
        from codecarbon import OfflineEmissionsTracker
        from codecarbon.output_methods.base_output import BaseOutput

        meter = self

        class Totals(BaseOutput):  # type: ignore[misc]
            """Takes the totals where other outputs write a file."""

            def out(self, total: Any, _: Any) -> None:
                meter.energy_kwh = total.energy_consumed

        logging.getLogger("codecarbon").disabled = True
        # Stated even where they are the defaults, which a user's configuration may replace.
        return OfflineEmissionsTracker(
            country_iso_code="ITA",  # of no effect on energy (analysis/emissions.py)
            output_methods=[],
            output_handlers=[Totals()],
            api_call_interval=-1,
            emissions_endpoint=None,
            electricitymaps_api_token="",  # noqa: S106 - so that none is looked for
            allow_multiple_runs=True,
            log_level="critical",
        )


class Account:
    """Time and energy of a piece of work, interruptions not counted."""

    def __init__(self, spent: Spent, meter: Meter | None) -> None:
        """Begins, or goes on, to count.

        Args:
            spent: what earlier runs of the work have spent.
            meter: of this host; the others are taken to spend as much. None: time alone counts.
        """
        self._meter = meter
        self._started = time.monotonic() - spent.seconds
        self._energy_kwh = spent.energy_kwh

    def settle(self, spent: Spent) -> None:
        """Brings figures up to date."""
        spent.seconds = time.monotonic() - self._started
        if self._meter:
            self._meter.read()
            spent.energy_kwh = self._energy_kwh + here().hosts * self._meter.energy_kwh


def record(
    spent: Spent, done: str, count: int, tokens: int, sizes: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Describes what a piece of work has cost.

    Args:
        spent: wall time and energy.
        done: the name of what was worked on: examples or questions.
        count: their number.
        tokens: number of their tokens.
        sizes: of what was made, by name.

    Returns:
        Times and speeds; the largest memory so far in GiB (of this process's GPU, or else of this
        process); the sizes; energy in kWh (see `Meter`; null where nothing was measured), in all
        and per thousand; the device, the number of processes, and the versions of the libraries
        that computed.
    """
    return {
        "seconds": round(spent.seconds, 1),
        f"{done}_per_second": round(count / spent.seconds, 2),
        "tokens_per_second": round(tokens / spent.seconds, 1),
        "peak_memory_gib": peak_memory(),
        **(sizes or {}),
        "energy_kwh": _three_digits(spent.energy_kwh),
        f"energy_kwh_per_thousand_{done}": _three_digits(1000 * spent.energy_kwh / max(count, 1)),
        "device": device(),
        "processes": here().count,
        "versions": {package: version(package) for package in PACKAGES},
    }


def write_cost(cost: Mapping[str, Any], stage: str, made: Path, metrics: Path) -> None:
    """Writes METRICS/cost/STAGE.json, unless the record there is of the same result.

    A copy is kept in .scratch/costs of the repository, for results that a cache gives back.

    Args:
        cost: the record.
        stage: the stage's name.
        made: the folder that it has written.
        metrics: folder of all figures.
    """
    of = folder_md5(made)
    content = {"of": of, **cost}
    write_json(kept_costs() / f"{stage}-{of}.json", content)
    path = metrics / "cost" / f"{stage}.json"
    if path.is_file():
        try:
            before = json.loads(path.read_bytes())
        except ValueError:
            before = None
        if isinstance(before, dict) and before.get("of") == of:
            log.info("%s stays: the same was made before", path)
            return
    write_json(path, content)
    log.info("wrote %s", path)


def kept_costs() -> Path:
    """The folder of the records of all results that were made here."""
    return repository(Path.cwd()) / ".scratch" / "costs"


def _three_digits(measured: float) -> float | None:
    """A figure to three digits; None if nothing was measured."""
    return float(f"{measured:.3g}") or None


def device() -> str:
    """Returns the GPU's name, or the number of threads of a CPU, those of all processes."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"CPU, {here().count * torch.get_num_threads()} threads"


def peak_memory() -> float | None:
    """Returns the largest memory so far, in GiB; None where this process cannot tell it."""
    if torch.cuda.is_available():  # vLLM's memory is that of other processes
        return round(torch.cuda.max_memory_reserved() / 2**30, 2) or None
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, else KiB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)
