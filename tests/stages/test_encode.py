"""Encode: which of the sub-tasks that were asked are closed."""

import json
import sys
from pathlib import Path

import pytest

from stages import encode
from stages.toolkit.records import Example
from tests.helpers.params import put


def examples(*identifiers: str) -> list[Example]:
    return [Example(i, i.partition(":")[0].partition("@")[0], "testo", None) for i in identifiers]


def test_closed_subtasks_are_those_that_were_asked_in_any_split() -> None:
    splits = {
        "train": examples("wicita:train:1", "emit_a:1"),
        "dev": examples("hodi_b:3", "acti_b:7"),
        "test": examples("acti_a:1", "acti_a:2", "clinkart:x:1"),
    }
    found = encode.closed_answers(splits)
    assert list(found.items()) == [
        ("acti_a", ("sì", "no")),
        ("acti_b", ("Covid", "Qanon", "Russia", "Terra Piatta")),
        ("wicita", ("sì", "no")),
    ]


def test_a_subtask_is_closed_only_if_all_tasks_that_ask_it_agree(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The lecture's answers to acti_b may be misspelt, those to acti_a may not."""
    asked = examples("acti_a:1", "acti_a@lecture:1", "acti_b:1", "acti_b@lecture:1")
    caplog.set_level("INFO")
    assert encode.closed_answers({"train": asked}) == {"acti_a": ("sì", "no")}
    assert "acti_b is open: acti and lecture differ in its answers" in caplog.text


@pytest.mark.parametrize(
    ("task", "closed"),
    [
        ("emit", {"emit_b": ["direzione", "argomento", "direzione_argomento", "non_specificato"]}),
        ("nermud", {}),
    ],
)
def test_the_file_names_candidates_even_if_there_are_none(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, closed: object
) -> None:
    (tmp_path / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    put(tmp_path, {"tasks": [task], "data.prompts": str(root / "data" / "prompts" / "it.yaml")})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["encode", str(root / "data" / "sample"), "encoded"])
    encode.main()
    assert json.loads((tmp_path / "encoded" / "closed.json").read_text("utf-8")) == closed
