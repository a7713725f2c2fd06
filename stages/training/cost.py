"""What a run cost: a record beside the metrics that no stage declares as its output.

Times and memory differ from run to run, so that a declared record would make equal results differ.
dvc.yaml lists the file among its metrics; `dvc metrics show` and `dvc exp show` read it there.
"""

import logging
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import torch

from stages.model.processes import here
from stages.training.progress import Progress

log = logging.getLogger(__name__)

PACKAGES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "codecarbon")


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
        """Measures nothing yet."""
        self.energy_kwh = 0.0
        self._tracker: Any = None

    def __enter__(self) -> Self:
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
    """Time and energy of a training, interruptions not counted."""

    def __init__(self, progress: Progress, meter: Meter | None) -> None:
        """Begins, or goes on, to count.

        Args:
            progress: what earlier runs of the training have spent.
            meter: of this host; the others are taken to spend as much. None: time alone counts.
        """
        self._meter = meter
        self._started = time.monotonic() - progress.seconds
        self._energy_kwh = progress.energy_kwh

    def settle(self, progress: Progress) -> None:
        """Brings the figures of a progress up to date."""
        progress.seconds = time.monotonic() - self._started
        if self._meter:
            self._meter.read()
            progress.energy_kwh = self._energy_kwh + here().hosts * self._meter.energy_kwh


def record(progress: Progress, trainable: int, adapter: Path) -> dict[str, Any]:
    """Describes what a training has cost.

    Args:
        progress: wall time, examples, tokens and energy.
        trainable: number of parameters of the adapter.
        adapter: its folder.

    Returns:
        Times and speeds; the largest memory so far in GiB (of this process's GPU, or else of this
        process); the adapter's parameters and its size on disk in MiB; energy in kWh (see `Meter`;
        null where nothing was measured); the device, the number of processes, and the versions of
        the libraries that computed.
    """
    size = sum(path.stat().st_size for path in adapter.rglob("*") if path.is_file())
    return {
        "seconds": round(progress.seconds, 1),
        "examples_per_second": round(progress.examples / progress.seconds, 2),
        "tokens_per_second": round(progress.tokens / progress.seconds, 1),
        "peak_memory_gib": peak_memory(),
        "trainable_parameters": trainable,
        "adapter_mib": round(size / 2**20, 2),
        "energy_kwh": float(f"{progress.energy_kwh:.3g}") or None,
        "device": device(),
        "processes": here().count,
        "versions": {package: version(package) for package in PACKAGES},
    }


def device() -> str:
    """Returns the GPU's name, or the number of threads of a CPU."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"CPU, {torch.get_num_threads()} threads"


def peak_memory() -> float | None:
    """Returns the largest memory so far, in GiB; None on systems that do not tell it."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_reserved() / 2**30, 2)
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, else KiB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)
