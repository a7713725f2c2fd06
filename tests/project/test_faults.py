"""Faults, in short: a crash, a damaged file and a kill; benchmarks/faults has the long form."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.faults import bench


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


def test_what_was_tried_is_not_tried_again_unless_the_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.jsonl"
    code = tmp_path / "stages" / "encode.py"
    code.parent.mkdir()
    code.write_text("1")
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    notes = bench.Notes(path)
    notes["è"] = ["detected"], []
    assert bench.Notes(path)["è"] == (["detected"], [])
    assert bench.Notes(path)["other"] is None
    code.write_text("2")
    with pytest.raises(SystemExit, match="is of other code"):
        bench.Notes(path)
