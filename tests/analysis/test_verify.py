"""Verdicts on a rerun: identical, within the spread of seeds, or not reproduced."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from scipy import stats

from analysis import verify
from analysis.study_report import Outcome
from analysis.verify import IDENTICAL, NOT, WITHIN, compare, prediction_interval, record, verdict
from stages.toolkit.scores import mean_unit
from tests.helpers.commands import command
from tests.helpers.small_project import IDENTITY

SEEDS = [0.50, 0.52, 0.55, 0.49, 0.51]


def test_the_interval_is_that_of_the_next_score() -> None:
    """Nineteen of twenty draws lie in it."""
    draw, inside = stats.norm(0.5, 0.1), 0
    for seed in range(400):
        *known, after = draw.rvs(6, random_state=seed)
        low, high = prediction_interval(known) or (0, 0)
        inside += low <= after <= high
    assert inside / 400 == pytest.approx(0.95, abs=0.03)
    assert prediction_interval([0.5, 0.6]) is None


@pytest.mark.parametrize(
    ("now", "then", "known", "said"),
    [
        (0.5, 0.5, [], IDENTICAL),
        (0.5, 0.5 + 1e-12, SEEDS, IDENTICAL),
        (0.54, 0.5, SEEDS, WITHIN),
        (0.7, 0.5, SEEDS, NOT),
        (0.54, 0.5, [], NOT),
        (None, 0.5, SEEDS, NOT),
        (0.5, None, SEEDS, NOT),
        (1.0, 0.9, [1.0] * 5, WITHIN),
    ],
)
def test_verdicts(now: float | None, then: float | None, known: list[float], said: str) -> None:
    assert verdict(now, then, known) == said


def test_all_units_of_both_are_listed() -> None:
    rows = compare({"a": 0.5, "b": 0.1}, {"a": 0.5, "c": 0.2}, {"a": SEEDS})
    assert [(row[0], row[-1]) for row in rows] == [("a", IDENTICAL), ("c", NOT), ("b", NOT)]


def test_runs_are_recorded_by_machine() -> None:
    def outcome(seed: int, value: float, device: str) -> Outcome:
        unit = mean_unit("accuracy", [value] * 4, 0.5)
        return Outcome("default", seed, {}, {"acti_a": unit}, [{"device": device}])

    found = record([outcome(1, 0.6, "x"), outcome(2, 0.75, "x"), outcome(1, 0.5, "y")])
    assert found["x"] == {
        "seeds": [1, 2],
        "scores": {"headline": [0.2, 0.5], "acti_a": [0.6, 0.75]},
    }
    assert verify.pooled({"machines": found})["acti_a"] == [0.6, 0.75, 0.5]


@pytest.mark.process
def test_the_command_compares_with_a_commit(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "metrics", tmp_path / "metrics")
    (tmp_path / "metrics" / "seeds.json").unlink(missing_ok=True)
    for part in ("init", "add --all", "commit --message x"):
        done = ["git", *part.split(), "--quiet"] if part != "add --all" else ["git", *part.split()]
        environment = os.environ | IDENTITY
        subprocess.run(done, cwd=tmp_path, check=True, capture_output=True, env=environment)
    done = command(tmp_path, "analysis.verify")
    assert done.returncode == 0, done.stderr
    assert "0 not reproduced" in done.stdout
    path = tmp_path / "metrics" / "evaluate.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["units"]["acti_a"]["value"] -= 0.2
    path.write_text(json.dumps(content), encoding="utf-8")
    done = command(tmp_path, "analysis.verify")
    assert done.returncode == 1
    assert "1 not reproduced" in done.stdout
    done = command(tmp_path, "analysis.verify", "no-such-commit")
    assert "error: no-such-commit: no commit that has metrics/evaluate.json" in done.stderr
