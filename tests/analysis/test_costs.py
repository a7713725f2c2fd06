"""Costs beside a result, also where their files are damaged."""

import json
from pathlib import Path

import pytest

from analysis.costs import own_costs, workspace_costs


@pytest.mark.parametrize("damaged", ["", "{", "[1]", "\x00"])
def test_a_damaged_record_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, damaged: str
) -> None:
    metrics = tmp_path / "metrics"
    (metrics / "cost").mkdir(parents=True)
    (metrics / "cost" / "finetune.json").write_text(damaged)
    (metrics / "cost" / "infer.json").write_text(json.dumps({"of": "b.dir", "seconds": 2}))
    lock = tmp_path / "dvc.lock"
    assert workspace_costs(metrics, lock) == {"infer": {"of": "b.dir", "seconds": 2}}
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / ".scratch" / "costs" / "finetune-a.dir.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(damaged)
    assert own_costs({"models/adapter": "a.dir"}, {}) == {}
    assert caplog.text.count("is damaged: these costs are not shown") == 2
