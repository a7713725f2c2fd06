"""The table of experiments, from what DVC shows, and what clearing removes."""

from pathlib import Path
from typing import Any

import pytest

from analysis import experiments, runs
from analysis.experiments import cause, clear, read, table

METRICS = {
    "metrics/evaluate.json": {
        "data": {
            "headline": 0.25,
            "units": {"acti_b": {"value": 0.5, "low": 0.4, "high": 0.6}},
        }
    },
    "metrics/cost/finetune.json": {
        "data": {"seconds": 2.0, "peak_memory_gib": 0.5, "energy_kwh": 1.5}
    },
    "metrics/cost/infer.json": {
        "data": {"seconds": 1.0, "peak_memory_gib": 0.7, "energy_kwh": 0.5}
    },
}


def data(rank: int, **more: Any) -> dict[str, Any]:
    lora = {"rank": rank, "alpha": 16}
    params = {"finetune": {"lora": lora, "weights": {}}, "cost": {"country": "ITA"}} | more
    return {"params": {"params.yaml": {"data": params}}, "metrics": METRICS}


def tried(name: str, rank: int, executor: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    revision = {"rev": f"revision of {name}", "data": data(rank, **more), "error": None}
    return {"name": name, "revs": [revision], "executor": executor}


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `dvc exp show --json` says of experiments in all states; DVC shows figures in all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "read_note", lambda revision: runs.Note("", tmp_path / revision))
    monkeypatch.setattr(runs, "is_at_work", lambda folder: folder.name == "revision of working")
    (tmp_path / "typo.out").write_text("> stage\nerror: params.yaml: x: no such key\nERROR: so\n")

    def local(log: str) -> dict[str, Any]:
        return {"log": str(tmp_path / log)}

    executor = {"state": "running", "name": "tempdir", "local": None}
    rows = [
        tried("wide", 4, {"state": "success", "local": None}),
        tried("pulled", 8, None),
        tried("waiting", 2, {"state": "queued", "local": None}),
        tried("working", 2, {"state": "running", "local": local("w")}),
        tried("gone", 2, {"state": "running", "local": local("g")}),
        tried("temporary", 2, executor),
        tried("typo", 2, {"state": "failed", "local": local("typo.out")}, x=3),
    ]
    return [
        {"rev": "workspace", "name": None, "data": data(2), "experiments": None},
        {"rev": "c" * 40, "name": "main", "data": data(2), "experiments": rows},
    ]


def test_only_finished_experiments_have_figures(shown: list[dict[str, Any]]) -> None:
    header, rows = table(list(read(shown)), "acti_b")
    assert header == [
        *("experiment", "state", "headline", "acti_b", "finetune.lora.rank", "x"),
        *("seconds", "peak_memory_gib", "energy_kwh", "co2e_kg"),
    ]
    score = "0.500 (0.400 to 0.600)"
    finished = {"workspace": 2, "main": 2, "wide": 4, "pulled": 8}
    for row, (name, rank) in zip(rows, finished.items(), strict=False):
        assert row[:8] == [name, "", 0.25, score, rank, None, 3.0, 0.7]
        assert row[8:] == [2.0, pytest.approx(0.66, abs=0.2)]
    states = {
        "waiting": "queued",
        "working": "running",
        "gone": "killed",
        "temporary": "killed",
        "typo": "failed",
    }
    assert {row[0]: row[1] for row in rows[4:]} == states
    for row in rows[4:]:
        assert (row[2], row[3], row[6:]) == (None, "", [None] * 4)
    changed = next(read(shown, changed=True))
    assert (changed.state, changed.metrics) == ("changed", {})


def test_the_cause_of_a_failure_is_its_first_error(shown: list[dict[str, Any]]) -> None:
    by_name = {each.name: each for each in read(shown)}
    assert cause(by_name["typo"]) == "params.yaml: x: no such key"
    assert cause(by_name["gone"]) == "no log"
    Path("g").write_text("> python -m stages.finetune\n")
    assert cause(by_name["gone"]) == "see dvc queue logs gone"


def test_clearing_tells_dvc_what_was_killed(
    shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(experiments, "dvc", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(runs, "end", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(runs, "clear", lambda: calls.append(("clear",)))
    clear(list(read(shown)))
    removed = ("queue", "remove", "--success", "--failed")
    assert calls == [("revision of gone", "gone"), removed, ("clear",)]
