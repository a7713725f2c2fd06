"""Calibration against computations by hand, and through the commands of decode and evaluate."""

import csv
import json
import sys
from dataclasses import astuple
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from stages import decode, encode, evaluate
from stages.common.command import InputError
from stages.toolkit import calibration
from stages.toolkit.calibration import Bin, Calibration, Forecast
from tests.helpers.params import put


def forecast(number: int, answer: str, subtask: str = "a", **probabilities: float) -> Forecast:
    return Forecast(f"{subtask}:{number}", subtask, answer, probabilities)


# --- Figures --------------------------------------------------------------------------------------


def test_bins_and_calibration_error_follow_the_definition() -> None:
    """Two bins: 0.62 and 0.68, one right; 0.9 and 1.0 twice, all right."""
    found = calibration.bins(
        np.array([0.62, 1.0, 0.9, 0.68, 1.0]), np.array([1.0, 1.0, 1.0, 0.0, 1.0])
    )
    assert list(map(astuple, found)) == [
        pytest.approx((0.6, 0.7, 0.65, 0.5, 2)),
        pytest.approx((0.9, 1.0, 2.9 / 3, 1.0, 3)),
    ]
    ece = (2 * 0.15 + 3 * (0.1 / 3)) / 5
    assert Calibration(found, 0.0).ece == pytest.approx(ece)
    assert Calibration(found, 0.0).n == 5


def test_a_bin_holds_its_lower_end_and_the_last_one_both() -> None:
    tenths = np.array([0.0, 0.3, 0.6, 0.7, 1.0])
    assert [bin_.low for bin_ in calibration.bins(tenths, np.ones(5))] == [0.0, 0.3, 0.6, 0.7, 0.9]


def test_the_brier_score_follows_the_definition() -> None:
    two = [(forecast(1, "sì", sì=0.8, no=0.2), "sì"), (forecast(2, "sì", sì=0.6, no=0.4), "no")]
    assert calibration.brier(two) == pytest.approx((0.2**2 + 0.6**2) / 2)
    three = [(forecast(1, "x", x=0.5, b=0.2, c=0.3), "c"), (forecast(2, "b", b=1, c=0, x=0), "b")]
    assert calibration.brier(three) == pytest.approx((0.5**2 + 0.2**2 + 0.7**2) / 2 / 2)


def test_the_answer_given_counts_not_the_most_probable_one() -> None:
    asked = [forecast(1, "no", sì=0.7, no=0.3)]
    (only,) = calibration.calibrations(asked, {"a:1": "sì"})["a"].bins
    assert only == Bin(0.3, 0.4, 0.3, 0.0, 1)


def test_subtasks_are_compared_apart_and_together() -> None:
    asked = [
        forecast(1, "sì", sì=0.8, no=0.2),
        forecast(1, "y", "b", x=0.1, y=0.7, z=0.2),
        forecast(2, "no", sì=0.1, no=0.9),
        forecast(3, "sì", sì=0.85, no=0.15),
        forecast(2, "x", "b", x=1.0, y=0.0, z=0.0),
    ]
    gold = {"a:1": "sì", "a:2": "no", "a:3": "no", "b:1": "y", "b:2": None, "c:1": "no"}
    found = calibration.calibrations(asked, gold)
    assert list(found) == ["all", "a", "b"]
    assert [each.n for each in found.values()] == [4, 3, 1]
    of_a, of_b = (0.2**2 + 0.1**2 + 0.85**2) / 3, (0.1**2 + 0.3**2 + 0.2**2) / 2
    assert found["a"].brier == pytest.approx(of_a)
    assert found["b"].brier == pytest.approx(of_b)
    assert found["all"].brier == pytest.approx((3 * of_a + of_b) / 4)
    # 0.8 and 0.85 are in one bin, half of them right.
    assert found["a"].ece == pytest.approx((2 * 0.325 + 0.1) / 3)
    assert found["all"].ece == pytest.approx((2 * 0.325 + 0.1 + 0.3) / 4)
    header, rows = calibration.table(found)
    assert header == ["subtask", "low", "high", "probability", "correct", "count"]
    assert [row[0] for row in rows] == ["all"] * 3 + ["a"] * 2 + ["b"]
    assert calibration.report(found)["b"] == {"n": 1, "ece": 0.3, "brier": 0.07}


def test_without_gold_there_are_no_figures() -> None:
    assert calibration.calibrations([forecast(1, "no", sì=0.3, no=0.7)], {"a:1": None}) == {}
    assert calibration.calibrations([], {}) == {}
    assert calibration.table({})[1] == []


def test_probabilities_of_other_questions_or_answers_are_refused() -> None:
    asked = [forecast(1, "no", sì=0.3, no=0.7)]
    with pytest.raises(InputError, match="answers to a:1, which is no test question"):
        calibration.calibrations(asked, {"a:2": "no"})
    with pytest.raises(InputError, match="a:1: the gold is forse, but the candidates are sì, no"):
        calibration.calibrations(asked, {"a:1": "forse"})


# --- The file -------------------------------------------------------------------------------------

HEADER = "id,subtask,answer,probability,answered\n"


def test_an_absent_file_has_no_probabilities(tmp_path: Path) -> None:
    assert calibration.read_forecasts(tmp_path / "probabilities.csv") == []


@pytest.mark.parametrize(
    ("rows", "line", "message"),
    [
        ("a:1,a,sì,1.5,1\n", 2, "probability '1.5': expected a number from 0 to 1"),
        ("a:1,a,sì,0.5,0\na:1,a,no,0.5,0\n", 2, "a:1: 0 candidates were answered, expected one"),
        ("a:1,a,sì,0.5,1\na:1,a,no,0.5,1\n", 2, "a:1: 2 candidates were answered, expected one"),
        ("a:1,a,sì,0.5,1\na:1,a,no,0.5,0\na:2,a,sì,1,1\n", 4, "a:2: expected .* of a: sì, no"),
        ("a:1,a,sì,0.5,1\na:1,a,sì,0.5,0\n", 2, "a:1: a candidate stands there twice"),
    ],
)
def test_defects_are_told_by_line(tmp_path: Path, rows: str, line: int, message: str) -> None:
    path = tmp_path / "probabilities.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    with pytest.raises(InputError, match=rf"probabilities\.csv:{line}: {message}"):
        calibration.read_forecasts(path)


# --- The commands ---------------------------------------------------------------------------------


@pytest.fixture
def sample(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sample's questions of three tasks, encoded."""
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    prompts = str(root / "data" / "prompts" / "it.yaml")
    put(tmp_path, {"tasks": ["acti", "hodi", "politicit"], "data.prompts": prompts})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").symlink_to(root / "data" / "sample")
    command(monkeypatch, encode, "raw", "encoded")
    return tmp_path


def command(monkeypatch: pytest.MonkeyPatch, stage: ModuleType, *folders: str) -> None:
    monkeypatch.setattr(sys, "argv", [stage.__name__, *folders])
    stage.main()


def predict(folder: Path, certainty: float | None) -> list[dict[str, Any]]:
    """Writes the first candidate as every answer to a closed question, gold to the others."""
    closed = json.loads((folder / "encoded" / "closed.json").read_text(encoding="utf-8"))
    lines = (folder / "encoded" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    (folder / "predictions").mkdir()
    with (folder / "predictions" / "test.jsonl").open("w", encoding="utf-8") as file:
        for question in questions:
            candidates = closed.get(question["task"], [question["output"]])
            row = {"id": question["id"], "task": question["task"], "answer": candidates[0]}
            row |= {"finish": "stop", "tokens": 2}
            if certainty is not None and question["task"] in closed:
                rest = (1 - certainty) / (len(candidates) - 1)
                row["probabilities"] = dict.fromkeys(candidates, rest) | {candidates[0]: certainty}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return [question for question in questions if question["task"] in closed]


def test_probabilities_go_through_decode_to_evaluate(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = predict(sample, 0.75)
    command(monkeypatch, decode, "raw", "predictions", "submissions", "metrics")
    command(monkeypatch, evaluate, "raw", "submissions", "metrics")

    with (sample / "submissions" / "probabilities.csv").open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert list(dict.fromkeys(row["id"] for row in written)) == [q["id"] for q in asked]
    assert all((row["probability"] == "0.75") == (row["answered"] == "1") for row in written)

    content = json.loads((sample / "metrics" / "evaluate.json").read_text())
    assert list(content) == ["headline", "headline_low", "headline_high", "units", "calibration"]
    assert list(content["calibration"]) == ["all", "acti_a", "acti_b", "hodi_a", "politicit"]
    first = {
        "acti_a": "sì",
        "acti_b": "Covid",
        "hodi_a": "sì",
        "politicit": "donna sinistra sinistra",
    }
    with (sample / "metrics" / "evaluate" / "calibration.csv").open(encoding="utf-8") as file:
        bins = {row["subtask"]: row for row in csv.DictReader(file)}
    assert list(bins) == list(content["calibration"])
    for subtask, figures in content["calibration"].items():
        own = [q for q in asked if subtask in ("all", q["task"])]
        right = sum(q["output"] == first[q["task"]] for q in own)
        assert (figures["n"], int(bins[subtask]["count"])) == (len(own), len(own))
        assert figures["ece"] == pytest.approx(abs(right / len(own) - 0.75), abs=1e-6)
        assert float(bins[subtask]["correct"]) == pytest.approx(right / len(own), abs=1e-5)
        if subtask in ("acti_a", "hodi_a"):
            brier = (right * 0.25**2 + (len(own) - right) * 0.75**2) / len(own)
            assert figures["brier"] == pytest.approx(brier, abs=1e-6)


def test_without_probabilities_evaluate_writes_what_it_wrote_before(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(sample, None)
    command(monkeypatch, decode, "raw", "predictions", "submissions", "metrics")
    command(monkeypatch, evaluate, "raw", "submissions", "metrics")
    assert not (sample / "submissions" / "probabilities.csv").exists()
    assert list(json.loads((sample / "metrics" / "evaluate.json").read_text())) == [
        "headline",
        "headline_low",
        "headline_high",
        "units",
    ]
    table = (sample / "metrics" / "evaluate" / "calibration.csv").read_text()
    assert table == "subtask,low,high,probability,correct,count\n"
