"""The exercise's grading: what is complete gets all points, and what is missing is said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from analysis import grade
from labs.tools import SAMPLE
from stages.check import Settings
from stages.common import settings
from stages.common.command import InputError
from stages.common.files import write_text
from stages.tasks import load

pytestmark = pytest.mark.long

TASKS = ["acti", "haspeede"]
WORDS = "parola " * grade.WORDS
REPORT = "".join(f"## {question}\n\n{WORDS}\n" for question in grade.QUESTIONS)


@pytest.fixture
def grader(root: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(root)
    return settings.read(Settings)


def hand_in(folder: Path, exercise: str, runs: Mapping[str, Mapping[str, Any]]) -> Path:
    """Writes a hand-in; `tasks` and `wrong`, the share of wrong answers, beside settings by key."""
    write_text(folder / "exercise.yaml", f"exercise: {exercise}\n")
    write_text(folder / "report.md", REPORT)
    for name, changes in runs.items():
        values = settings.load(Path("params.yaml"))
        tasks = changes.get("tasks", TASKS)
        values["tasks"] = tasks
        for key, value in changes.items():
            *above, last = key.split(".")
            section = values
            for part in above:
                section = section[part]
            if above:
                section[last] = value
        (folder / name).mkdir()
        from ruamel.yaml import YAML

        YAML().dump(values, folder / name / "params.yaml")
        known = settings.read(Settings, folder / name / "params.yaml")
        for task in tasks:
            test = load(task).encode(SAMPLE / task, known.encode).splits["test"]
            wrong = 10 * changes.get("wrong", 0)
            answers = {e.id: "boh" if n % 10 < wrong else str(e.output) for n, e in enumerate(test)}
            submission = load(task).decode(SAMPLE / task, known.encode, answers, known.decode)
            for file, text in submission.files.items():
                write_text(folder / name / "submissions" / task / file, text)
    return folder


def total(points: list[grade.Point]) -> float:
    return sum(point.reached for point in points)


def test_two_tasks_in_full(grader: Settings, tmp_path: Path) -> None:
    runs = {"A-1": {}, "A-2": {"finetune.seed": 2}}
    folder = hand_in(tmp_path, "two-tasks", runs)
    found, points = grade.grade(folder, SAMPLE, grader)
    assert sum(point.points for point in points) == total(points) == 100
    shown = grade.show(folder, found, points)
    assert " ".join(shown.split()).count("acti_b macro f1 1.000 1.000 to 1.000") == 2
    assert shown.endswith("nothing is missing")


def test_what_is_missing_is_said(grader: Settings, tmp_path: Path) -> None:
    runs = {"A-1": {"wrong": 1.0}, "A-2": {"finetune.lora.rank": 2}}
    folder = hand_in(tmp_path, "two-tasks", runs)
    (folder / "report.md").write_text("## What I changed\n\nAll.\n", encoding="utf-8")
    (folder / "A-2" / "submissions" / "acti" / "extremITA-dvc_subtaskB_run1.csv").unlink()
    found, points = grade.grade(folder, SAMPLE, grader)
    shown = grade.show(folder, found, points)
    assert total(points) < 40
    for text in (
        "extremITA-dvc_subtaskB_run1.csv",
        "A-1: acti_a: ",
        "runs A: 1 seeds, expected 2 (finetune.seed)",
        "## What I changed: 1 words, expected 30",
        "## What came out: 0 words",
    ):
        assert text in shown


def test_scores_are_those_of_the_graders_settings(grader: Settings, tmp_path: Path) -> None:
    folder = hand_in(
        tmp_path, "two-tasks", {"A-1": {"encode.seed": 99}, "A-2": {"tasks": ["emit"]}}
    )
    _, points = grade.grade(folder, SAMPLE, grader)
    by_name = {point.name: point for point in points}
    assert by_name["runs that can be scored"].share == 0.5
    assert (
        "encode: expected the values of the grader's"
        in by_name["runs that can be scored"].missing[0]
    )
    assert by_name["two tasks"].missing == ["A-2: 1 tasks, expected 2"]


def test_two_architectures(grader: Settings, tmp_path: Path) -> None:
    other = {"model.base": "org/other", "model.revision": "a" * 40, "wrong": 0.5}
    runs = {
        "A-1": {"tasks": ["haspeede"]},
        "A-2": {"tasks": ["haspeede"], "finetune.seed": 2},
        "B-1": {"tasks": ["haspeede"], **other},
        "B-2": {"tasks": ["haspeede"], "finetune.seed": 2, **other},
    }
    folder = hand_in(tmp_path, "architectures", runs)
    _, points = grade.grade(folder, SAMPLE, grader)
    verdict = next(point for point in points if point.name == "verdict")
    assert verdict.share == 0
    assert verdict.missing[0].endswith("haspeede_a: nothing, but the scores say A")

    units = ["haspeede_a", "haspeede_xpolitical", "haspeede_xreligious"]
    said = {text.split(": ")[2]: text.split()[-1] for text in verdict.missing}
    assert {*said} == {*units}
    lines = [f"  {unit}: {better}\n" for unit, better in said.items()]
    write_text(folder / "exercise.yaml", f"exercise: architectures\nverdict:\n{''.join(lines)}")
    _, points = grade.grade(folder, SAMPLE, grader)
    below = next(point for point in points if point.name == "better than the baseline")
    assert total(points) == pytest.approx(100 - below.points * (1 - below.share))


def test_architectures_are_compared_alone(grader: Settings, tmp_path: Path) -> None:
    runs = {"A-1": {}, "B-1": {"finetune.epochs": 2}}
    folder = hand_in(tmp_path, "architectures", runs)
    _, points = grade.grade(folder, SAMPLE, grader)
    missing = [text for point in points for text in point.missing]
    assert "A and B have the same base: expected another one in section model" in missing
    assert "A and B differ in finetune.epochs too" in missing
    assert "it cannot be compared yet" in missing


def test_a_report_may_be_in_italian(tmp_path: Path) -> None:
    parts = (f"## {question}\n\n{WORDS}\n" for question in grade.QUESTIONS.values())
    write_text(tmp_path / "report.md", "".join(parts))
    assert grade.written(tmp_path).share == 1


def test_the_last_run_is_collected(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="expected the name of a run, such as A-1"):
        grade.collect(Path("handin/first"))
    with pytest.raises(InputError, match="`dvc repro` comes first"):
        grade.collect(Path("handin/A-1"))
    write_text(Path("params.yaml"), "tasks: [emit]\n")
    write_text(Path("data/submissions/acti/file.csv"), "x\n")
    with pytest.raises(InputError, match="submissions of acti, expected those of the tasks in"):
        grade.collect(Path("handin/A-1"))
    write_text(Path("params.yaml"), "tasks: [acti]\n")
    grade.collect(Path("handin/A-1"))
    assert Path("handin/A-1/submissions/acti/file.csv").read_text() == "x\n"
    assert Path("handin/A-1/params.yaml").read_text() == "tasks: [acti]\n"
