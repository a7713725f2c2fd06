"""The report: what it says, and that a real browser shows it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis import report
from stages.common.command import InputError
from stages.common.files import write_csv, write_json
from stages.common.outputs import write_sums
from stages.toolkit import calibration
from stages.toolkit.calibration import Bin, Calibration
from tests.helpers.browser import DESKTOP, PHONE, open_browser, resize


def question(number: int, output: str | None) -> dict[str, Any]:
    return {"id": f"a:{number}", "task": "a", "input": f"testo {number}", "output": output}


def answer(number: int, text: str) -> dict[str, Any]:
    return {"id": f"a:{number}", "task": "a", "answer": text, "finish": "stop", "tokens": 2}


def test_wrong_answers_are_counted_and_twenty_of_them_drawn() -> None:
    questions = [question(i, "no") for i in range(40)] + [question(40, None)]
    answers = [answer(i, " no" if i < 10 else "sì") for i in range(41)]
    (found,) = report.errors(questions, answers)
    assert (found.subtask, found.answers, found.wrong, len(found.shown)) == ("a", 40, 30, 20)
    assert {error.answer for error in found.shown} == {"sì"}
    assert found == report.errors(questions, answers)[0]
    ids = [error.id for error in found.shown]
    assert ids != sorted(ids)


def test_answers_to_other_questions_are_refused() -> None:
    with pytest.raises(InputError, match="not the answers to"):
        report.errors([question(1, "no")], [answer(2, "no")])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: cannot be read; `dvc repro`"):
        report.read_json(tmp_path / "none.json")


@pytest.mark.parametrize("key", ["unit", "subtask"])
def test_every_unit_or_subtask_has_a_facet_of_its_own(key: str) -> None:
    values = [{key: name, "count": i} for i, name in enumerate("abab")]
    plot = {"title": "Both", "facet": {}, "data": {"values": values}}
    found = dict(report.facets("Both", plot))
    assert list(found) == ["Both: a", "Both: b"]
    assert [row["count"] for row in found["Both: b"]["data"]["values"]] == [1, 3]
    assert plot["data"]["values"] == values
    whole = {"title": "One", "data": {"values": values}}
    assert dict(report.facets("One", whole)) == {"One": whole}


@pytest.mark.long
def test_every_plot_of_the_project_can_be_drawn(root: Path) -> None:
    """The templates with rows like those that the stages write, of two revisions."""
    from dvc_render import VegaRenderer

    columns = {
        "losses": ("update", "train_loss", {"update": "1", "train_loss": "2.5", "dev_loss": "2"}),
        "scores": (
            "scaled_score",
            "unit",
            {"unit": "u", "metric": "f1", "score": "0.5", "low": "0.4", "high": "0.6"}
            | {"scaled_score": "0.1", "scaled_low": "0", "scaled_high": "0.2", "scaled_linear": ""},
        ),
        "confusion_counts": (
            "submitted",
            "gold",
            {"unit": "u", "gold": "sì", "submitted": "no", "count": "3"},
        ),
        "dev_losses": (
            "update",
            "dev_loss",
            {"subtask": "s", "update": "3", "epoch": "1.0", "dev_loss": "0.5"},
        ),
        "numbers": ("gold", "submitted", {"unit": "u", "gold": "1.5", "submitted": "2"}),
        "map": (
            "longitude",
            "latitude",
            {"unit": "u", "item": "0", "side": "gold", "latitude": "45", "longitude": "9"},
        ),
        "reliability": (
            "probability",
            "correct",
            {"subtask": "s", "low": "0.6", "high": "0.7", "count": "3"}
            | {"probability": "0.65", "correct": "0.5"},
        ),
        "answers": ("answers", "subtask", {"subtask": "s", "read": "no", "answers": "4"}),
    }
    folder = root / ".dvc" / "plots"
    assert {path.stem for path in folder.glob("*.json")} == set(columns)
    for name, (x, y, row) in columns.items():
        rows = [{**row, "rev": revision} for revision in ("one", "other")]
        renderer = VegaRenderer(
            rows, name, template=name, template_dir=str(folder), x=x, y=y, title="A title"
        )
        plots = report.draw({name: renderer.get_filled_template()})
        assert all(plot.source.startswith("data:image/svg+xml;base64,") for plot in plots)
        assert len(plots) == 1


@pytest.fixture(scope="module")
def page(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the small project, with inputs that look like a script.

    It has no closed sub-task and no numbers, so the calibration of two is made up, and what infer
    adds to such answers.
    """
    folder = tmp_path_factory.mktemp("reported") / "project"
    shutil.copytree(reproduced, folder)
    path = folder / "data" / "encoded" / "test.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["input"] = "<script>window.hacked = 1</script><b>" + row["input"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    predictions = folder / "data" / "predictions" / "test.jsonl"
    answered = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    answered[0]["probabilities"] = {"sì": 1.0}
    answered[1]["expectations"] = [2.5]
    predictions.write_text("".join(json.dumps(row) + "\n" for row in answered), encoding="utf-8")
    for changed_folder in (path.parent, predictions.parent):
        write_sums(changed_folder)
    calibrated = {
        name: Calibration((Bin(0.6, 0.7, 0.65, 0.5, 2), Bin(0.9, 1.0, 0.95, 1.0, 4)), 0.0625)
        for name in ("all", "acti_a")
    }
    metrics = folder / "metrics"
    write_csv(metrics / "evaluate" / "calibration.csv", *calibration.table(calibrated))
    evaluated = json.loads((metrics / "evaluate.json").read_text())
    evaluated["calibration"] = calibration.report(calibrated)
    write_json(metrics / "evaluate.json", evaluated)
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [sys.executable, "-m", "analysis.report", "page.html"],
        **{"cwd": folder, "env": environment, "check": True},
    )
    return folder / "page.html"


def test_the_page_stands_alone_and_holds_everything(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=(?!["'](#|data:))""", text)
    assert "<script>window.hacked" not in text
    assert "&lt;script&gt;window.hacked" in text
    evaluated = json.loads((page.parent / "metrics/evaluate.json").read_text())
    assert f"{evaluated['units']['clinkart']['value']:.3f}" in text
    for words in (
        "a toy model of 2 million parameters, on data made from templates",
        "micro f1",
        "finetune.lora.rank",
        "examples per second",
        "Learning curve",
        "Answers",
        "calibration error",
        "0.062",
        "Calibration: all",
        "Calibration: acti_a",
    ):
        assert words.lower() in text.lower()
    assert 1 <= text.count('class="card"') <= 20


@pytest.fixture
def browser() -> Iterator[Any]:
    with open_browser() as driver:
        yield driver


@pytest.mark.parametrize(("width", "height"), [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_browser_shows_it(browser: Any, page: Path, width: int, height: int) -> None:
    from selenium.webdriver.common.by import By

    resize(browser, width, height)
    browser.get(page.as_uri())
    assert browser.get_log("browser") == []
    assert browser.execute_script("return window.hacked") is None
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    table = browser.find_element(By.CSS_SELECTOR, "#scores ~ .scroll")
    scores = table.find_elements(By.CSS_SELECTOR, ".row td:nth-child(3)")
    assert scores and all(s.rect["x"] + s.rect["width"] <= width for s in scores)
    images = browser.find_elements(By.TAG_NAME, "img")
    assert images
    assert all(browser.execute_script("return arguments[0].naturalWidth", i) > 0 for i in images)

    cards = browser.find_elements(By.CLASS_NAME, "card")
    assert not any(card.is_displayed() for card in cards)
    wanted = cards[0].find_element(By.CLASS_NAME, "id").get_attribute("textContent")
    browser.find_element(By.ID, "search").send_keys(wanted.upper())
    assert [card.is_displayed() for card in cards] == [True] + [False] * (len(cards) - 1)
    assert browser.find_element(By.ID, "found").text == "1 found"
    assert browser.get_log("browser") == []
