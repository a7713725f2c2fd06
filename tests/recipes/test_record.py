"""The life of a record in docs/architecture.md: each step follows from the one before."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipes import record
from stages import encode
from stages.common import settings
from stages.tasks import load
from stages.toolkit.settings import Run

Content = Callable[[str], str]


@pytest.fixture
def content(root: Path) -> Content:
    """The content of a block of the page."""
    text = (root / "docs" / "architecture.md").read_text(encoding="utf-8")

    def of_part(name: str) -> str:
        match = re.search(
            rf"<!-- {name} -->\n```\w+\n(.*?)\n```\n<!-- /{name} -->", text, re.DOTALL
        )
        assert match, name
        return match[1]

    return of_part


def entry(content: Content, name: str) -> Any:
    return json.loads(content(name))


def last_line(content: Content, name: str) -> str:
    return content(name).rpartition("\n")[2]


def test_raw_lines_are_in_the_sample(root: Path, content: Content) -> None:
    lines = content("record_raw").split("\n")
    assert len(lines) == 6
    for name, header, line in (lines[:3], lines[3:]):
        file = (root / "data/sample/acti" / name.removeprefix("# ")).read_text(encoding="utf-8")
        assert file.startswith(f"{header}\n") and f"\n{line}\n" in file


def test_the_encoded_row_has_the_raw_text_and_the_answer_of_the_gold(content: Content) -> None:
    row = entry(content, "record_encoded")
    assert row.keys() == {"id", "task", "input", "output"}
    assert f"{record.NUMBER},{row['input']}\n" in content("record_raw")
    gold = last_line(content, "record_raw").partition(",")[2]
    assert str(load("acti").interpret(row["task"], row["output"])) == gold


def test_the_prompt_asks_about_the_input(content: Content) -> None:
    row = entry(content, "record_encoded")
    assert f"### Input:\n{row['input']}\n" in content("record_prompt")


def test_the_token_rows_begin_alike_and_end_as_the_model_shall(content: Content) -> None:
    learnt, row = entry(content, "record_learnt"), entry(content, "record_row")
    assert learnt["ids"][: record.SHOWN_IDS] == row["ids"][: record.SHOWN_IDS]
    assert learnt["ids"][-len(learnt["labels"]) :] == learnt["labels"]
    assert learnt["labels"][-1] == 2
    assert learnt["tokens"] == learnt["prompt"] + len(learnt["labels"])


def test_the_answer_is_the_most_probable_candidate(content: Content) -> None:
    row = entry(content, "record_prediction")
    probabilities = row["probabilities"]
    assert probabilities.keys() == set(load("acti").CLOSED["acti_b"])
    assert row["answer"] == max(probabilities, key=probabilities.__getitem__)
    assert sum(probabilities.values()) == pytest.approx(1, abs=0.003)


def test_decode_makes_the_submission_of_the_prediction(root: Path, content: Content) -> None:
    """Whatever the answers to the other questions are: here, their gold."""
    held_out = settings.read(encode.Settings, root / "params.yaml").encode
    folder = root / "data" / "sample" / "acti"
    test = load("acti").encode(folder, held_out).splits["test"]
    answers = {example.id: str(example.output) for example in test}
    answers[record.QUESTION] = entry(content, "record_prediction")["answer"]
    run = Run(team="extremITA-dvc", run=1)
    files = load("acti").decode(folder, held_out, answers, run).files
    name, header, line = content("record_submission").split("\n")
    submission = files[name.removeprefix("# ")]
    assert submission.startswith(f"{header}\n") and f"\n{line}\n" in submission


def test_nothing_is_made_of_a_run_that_has_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    assert record.record_prediction() is None
    assert record.record_submission() is None


def test_a_run_is_read_from_what_it_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    predictions, submissions = tmp_path / "data/predictions", tmp_path / "data/submissions/acti"
    predictions.mkdir(parents=True)
    submissions.mkdir(parents=True)
    rows = [
        {
            "id": f"acti_b:{n}",
            "answer": "Covid",
            "probabilities": {"Covid": 0.61237, "Qanon": 0.38763},
        }
        for n in (7, 286)
    ]
    (predictions / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (submissions / "x_subtaskB_run1.csv").write_text("Id,Expected\n28,1\n286,0\n2865,3\n")
    shown = json.loads(str(record.record_prediction()).split("\n", 1)[1].rpartition("\n")[0])
    assert shown == {**rows[1], "probabilities": {"Covid": 0.612, "Qanon": 0.388}}
    assert record.record_submission() == "```text\n# x_subtaskB_run1.csv\nId,Expected\n286,0\n```"
