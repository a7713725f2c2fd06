"""The table of experiments, from what DVC shows, and what clearing removes."""

import os
from pathlib import Path
from typing import Any

import pytest

from analysis import experiments
from analysis.experiments import cause, clear, git, read, table

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
    revision = {"rev": f"{rank}" * 40, "data": data(rank, **more), "error": None}
    return {"name": name, "revs": [revision], "executor": executor}


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `dvc exp show --json` says of experiments in all states; DVC shows figures in all."""
    monkeypatch.chdir(tmp_path)
    folders = [tmp_path / ".dvc" / "tmp" / "exps" / name for name in ("tmp1", "tmp2", "tmp3")]
    for folder in folders:
        folder.mkdir(parents=True)
    (tmp_path / "typo.out").write_text("> stage\nerror: params.yaml: x: no such key\nERROR: so\n")

    def local(log: str, pid: int, root: Path | None = None) -> dict[str, Any]:
        return {"log": str(tmp_path / log), "pid": pid, "root": root and str(root)}

    dead = 2**30  # above the largest process id
    rows = [
        tried("wide", 4, {"state": "success", "local": None}),
        tried("pulled", 8, None),
        tried("waiting", 2, {"state": "queued", "local": None}),
        tried("working", 2, {"state": "running", "local": local("w", os.getpid(), folders[0])}),
        tried("gone", 2, {"state": "running", "local": local("g", dead, folders[1])}),
        tried("typo", 2, {"state": "failed", "local": local("typo.out", dead)}, x=3),
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
    states = {"waiting": "queued", "working": "running", "gone": "killed", "typo": "failed"}
    assert {row[0]: row[1] for row in rows[4:]} == states
    for row in rows[4:]:
        assert (row[2], row[3], row[6:]) == (None, "", [None] * 4)


def test_the_cause_of_a_failure_is_its_first_error(shown: list[dict[str, Any]]) -> None:
    by_name = {each.name: each for each in read(shown)}
    assert cause(by_name["typo"]) == "params.yaml: x: no such key"
    assert cause(by_name["gone"]) == "no log"
    Path("g").write_text("> python -m stages.finetune\n")
    assert cause(by_name["gone"]) == "see dvc queue logs gone"


@pytest.mark.process
def test_clearing_leaves_what_runs(
    shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And makes DVC forget a run in the workspace that was killed."""
    git("init", "--quiet")
    tree = git("write-tree").strip()
    for name in ("exec/EXEC_BASELINE", "exec/EXEC_HEAD", "ab/cdef/wide"):
        git("update-ref", f"refs/exps/{name}", tree)
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(experiments, "dvc", lambda *arguments: calls.append(arguments))
    clear(list(read(shown)))
    assert calls == [("queue", "kill", "gone"), ("queue", "remove", "--success", "--failed")]
    assert [path.name for path in Path(".dvc/tmp/exps").iterdir()] == ["tmp1"]
    assert git("for-each-ref", "--format=%(refname)").split() == ["refs/exps/ab/cdef/wide"]


def test_a_long_list_is_shortened() -> None:
    long = [f"task_{n}" for n in range(13)]
    listed = [["acti", "hodi"], long]
    rows = [experiments.Experiment(str(n), "", {"tasks": own}, {}) for n, own in enumerate(listed)]
    header, found = table(rows)
    assert [row[header.index("tasks")] for row in found] == ["acti, hodi", "task_0, … (13)"]
