"""The table of experiments, from what DVC shows, and what clearing removes."""

import random
from pathlib import Path
from typing import Any

import pytest
from tabulate import tabulate

from analysis import experiments, runs
from analysis.experiments import Experiment, cause, clear, read, table

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
        *("experiment", "state", "rank", "x", "headline", "acti_b"),
        *("s", "GiB", "kWh", "kg CO2e"),
    ]
    score = "0.500 (0.400 to 0.600)"
    finished = {"workspace": 2, "main": 2, "wide": 4, "pulled": 8}
    for row, (name, rank) in zip(rows, finished.items(), strict=False):
        assert row[:8] == [name, "", rank, None, "0.250", score, 3.0, 0.7]
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
        assert (row[4], row[5], row[6:]) == ("", "", [None] * 4)
    changed = next(read(shown, changed=True))
    assert (changed.state, changed.metrics) == ("changed", {})


def finished(name: str, values: dict[str, float], made: str, of: str, seconds: float) -> Experiment:
    units = {unit: {"value": value, "baseline": 0.0} for unit, value in values.items()}
    metrics = {
        "metrics/evaluate.json": {"headline": 0.5, "units": units},
        "metrics/cost/finetune.json": {"of": of, "seconds": seconds},
    }
    return Experiment(name, "", {"finetune.lora.rank": name}, metrics, {"models/adapter": made})


def test_costs_are_those_of_the_setting_wherever_its_result_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the record beside it, another experiment's, or the folder of all; or there is none."""
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / ".scratch" / "costs"
    kept.mkdir(parents=True)
    (kept / "finetune-d.dir.json").write_text('{"of": "d.dir", "seconds": 40.0}')
    rows = [
        finished("own", {}, "a.dir", "a.dir", 10.0),
        finished("cached", {}, "b.dir", "a.dir", 10.0),
        finished("first", {}, "c.dir", "b.dir", 20.0),
        finished("kept", {}, "d.dir", "a.dir", 10.0),
    ]
    header, found = table(rows)
    assert [row[header.index("s")] for row in found] == [10.0, 20.0, None, 40.0]


def test_the_table_fits_120_columns_with_what_moved_most() -> None:
    draw = random.Random(1)
    units = [f"unit_{n}" for n in range(22)]
    rows = []
    for number in range(4):
        values = {unit: draw.random() / 100 for unit in units}
        values |= {"unit_3": number / 4, "unit_7": 0.5 - number / 9, "unit_9": number / 10}
        each = finished(f"grid-{number}", values, "a", "a", 1.0)
        params = {f"section{k}.a_rather_long_key_{k}": number for k in range(9)}
        rows.append(each._replace(params={"finetune.lora.rank": number} | params))
    header, found = table(rows)
    assert header[:3] == ["experiment", "rank", "a_rather_long_key_0"]
    assert [name for name in header if name.startswith("unit_")] == ["unit_3", "unit_7", "unit_9"]
    text = tabulate(found, header, "simple", missingval="")
    assert max(map(len, text.splitlines())) <= 120


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
