"""Runs without DVC: one after the other, finished ones once, within a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from analysis import direct
from stages import baseline
from stages.common import settings
from stages.common.command import InputError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of runs that are begun, each of which takes ten seconds."""
    begun: list[str] = []
    now = [0.0]

    def stages(encoded: Path, raw: Path) -> None:
        begun.append(Path.cwd().name)
        if begun[-1] == "killed" and begun.count("killed") == 1:
            raise KeyboardInterrupt
        for part in ("metrics", "predictions", "submissions"):
            Path(part).mkdir(exist_ok=True)
        now[0] += 10

    monkeypatch.setattr(direct, "_stages", stages)
    monkeypatch.setattr(direct, "_encoded", lambda out, params: out)
    monkeypatch.setattr(direct.time, "monotonic", lambda: now[0])
    return begun


def runs(*names: str, **changes: Any) -> dict[str, Mapping[str, Any]]:
    return {n: {"data": {"raw": "data/sample"}, "n": 2.0e-4} | changes for n in names}


def test_finished_runs_are_not_repeated_and_interrupted_ones_are(
    tmp_path: Path, made: list[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        direct.perform_all(tmp_path, runs("one", "killed", "two"))
    assert direct.perform_all(tmp_path, runs("one", "killed", "two")) == []
    assert made == ["one", "killed", "killed", "two"]
    found = settings.load(tmp_path / "runs" / "two" / "params.yaml")
    assert found == runs("two")["two"]
    assert not list((tmp_path / "work").iterdir())


def test_no_run_is_begun_that_would_end_too_late(tmp_path: Path, made: list[str]) -> None:
    assert direct.perform_all(tmp_path, runs("a", "b", "c", "d"), seconds=25) == ["c", "d"]
    assert direct.perform_all(tmp_path, runs("a", "b", "c", "d"), seconds=25) == []
    assert made == ["a", "b", "c", "d"]


def test_a_finished_run_of_other_settings_is_named(tmp_path: Path, made: list[str]) -> None:
    direct.perform_all(tmp_path, runs("one"))
    with pytest.raises(InputError, match="one: finished with other settings"):
        direct.perform_all(tmp_path, runs("one", n=3.0e-4))


def test_linear_models_answer_once_what_runs_with_the_same_data_are_asked(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = settings.load(root / "params.yaml") | {"tasks": ["clinkart"]}
    made = direct.linear_submissions(tmp_path, params)
    written = made / "clinkart" / "extremITA-dvc_run1.txt"
    text = written.read_text(encoding="utf-8")
    assert "|t|" in text
    assert (made.parent / "predictions" / "test.jsonl").is_file()
    monkeypatch.setattr(baseline, "run_baseline", lambda *_: pytest.fail("made again"))
    other = params | {"finetune": params["finetune"] | {"epochs": 1}}
    assert direct.linear_submissions(tmp_path, other) == made
