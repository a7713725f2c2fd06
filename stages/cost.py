"""What a run cost: a record beside the metrics that no stage declares as its output.

Times and memory differ from run to run, so that a declared record would make equal results differ.
dvc.yaml lists the file among its metrics; `dvc metrics show` and `dvc exp show` read it there.
"""

import sys
from importlib.metadata import version
from typing import Any

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes")


def record(seconds: float, examples: int, tokens: int) -> dict[str, Any]:
    """Describes a piece of work that this process has done.

    Args:
        seconds: its wall time.
        examples: how many examples it went through.
        tokens: how many tokens they had, without padding.

    Returns:
        Times, speeds, the largest memory so far in GiB (of the GPU, or else of the process),
        the device and the versions of the libraries that computed.
    """
    return {
        "seconds": round(seconds, 1),
        "examples_per_second": round(examples / seconds, 2),
        "tokens_per_second": round(tokens / seconds, 1),
        "peak_memory_gib": peak_memory(),
        "device": device(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def device() -> str:
    """The GPU's name, or how many threads of a CPU are used."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"CPU, {torch.get_num_threads()} threads"


def peak_memory() -> float | None:
    """The most memory used so far, in GiB; None on systems that do not tell."""
    import torch

    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_reserved() / 2**30, 2)
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts bytes there, else KiB
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30, 2)
