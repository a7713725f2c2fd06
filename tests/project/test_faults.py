"""Faults, in short: a crash, a damaged file and a kill; benchmarks/faults.py has the long form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.process
def test_no_fault_gives_another_result_or_half_of_one(root: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", "--short"],
        cwd=root,
        text=True,
        capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "\n0 failures, " in result.stdout
