"""What `dvc repro` costs from a clean clone, and whether two clones agree.

Makes two clones of the committed project, reproduces both, and prints the wall time and the peak
memory of the first; the time of a second `dvc repro`, which does nothing, against that of DVC with
five empty stages, in turn; and whether both dvc.lock files have the same bytes.

    python -m benchmarks.pipeline
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 7

EMPTY = "stages:\n" + "".join(
    f"  stage{i}:\n    cmd: python -c \"open('out{i}', 'w').close()\"\n    outs:\n      - out{i}\n"
    + (f"    deps:\n      - out{i - 1}\n" if i else "")
    for i in range(5)
)


def dvc(folder: Path, *arguments: str) -> float:
    """Runs dvc quietly; returns its wall time in seconds."""
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "dvc", *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def clone(folder: Path) -> Path:
    """Clones the committed project."""
    command = ["git", "clone", "--quiet", str(ROOT), str(folder)]
    subprocess.run(command, check=True)
    return folder


def second_run(reproduced: Path) -> None:
    """Prints what a run with nothing to do costs, against DVC with five empty stages.

    Args:
        reproduced: a clone in which ``dvc repro`` has run.
    """
    with tempfile.TemporaryDirectory() as temporary:
        empty = Path(temporary)
        subprocess.run(["git", "init", "--quiet", str(empty)], check=True)
        (empty / "dvc.yaml").write_text(EMPTY)
        dvc(empty, "init", "--quiet")
        dvc(empty, "repro")
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(dvc(reproduced, "repro"))
            theirs.append(dvc(empty, "repro"))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"second dvc repro: {statistics.median(ours):.2f} s, five empty stages"
        f" {statistics.median(theirs):.2f} s, ratio {ratio:.2f} (medians of {ROUNDS})"
    )


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as temporary:
        one, other = Path(temporary) / "one", Path(temporary) / "other"
        seconds = dvc(clone(one), "repro")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"dvc repro from a clean clone: {seconds:.0f} s, largest process {peak:.2f} GiB")
        committed = (ROOT / "dvc.lock").read_bytes()
        lock = (one / "dvc.lock").read_bytes()
        print(f"dvc.lock equals the committed one: {lock == committed}")
        dvc(clone(other), "repro")
        same = lock == (other / "dvc.lock").read_bytes()
        print(f"two clean clones have the same dvc.lock: {same}")
        second_run(one)


if __name__ == "__main__":
    main()
