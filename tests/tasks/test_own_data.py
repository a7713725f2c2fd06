"""Gold survives on the reader's own files: opt-in, by `make test-data`."""

import os
from pathlib import Path

import pytest

from stages import tasks
from tests.helpers.tasks import HOLD_OUT, RUN, submit

RAW = os.environ.get("RAW")


@pytest.mark.skipif(not RAW, reason="RAW names no folder of raw files; see `make test-data`")
@pytest.mark.parametrize("name", tasks.names())
def test_gold_survives_on_whatever_lies_there(name: str, tmp_path: Path) -> None:
    """Where a sub-task or a test set lacks its gold, it is not scored."""
    folder = Path(str(RAW)) / name
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    task = tasks.load(name)
    test = task.encode(folder, HOLD_OUT).splits["test"]
    submit(task, folder, {e.id: e.output or "" for e in test}, tmp_path)
    units = task.score(folder, HOLD_OUT, tmp_path, RUN)
    assert units or not any(e.output for e in test)
    for unit in units.values():
        # Coordinates keep so many decimals that a point is at most 100 m away.
        tolerance = 0.1 if unit.metric == "mean_km" else 1e-9
        assert unit.value == pytest.approx(unit.perfect, abs=tolerance), name
