"""Encode: leaks between sub-tasks, and which of the sub-tasks that were asked are closed."""

import json
import sys
from pathlib import Path

import pytest

from stages import encode
from stages.common.command import InputError
from stages.toolkit.records import Example
from tests.helpers.params import put
from tests.helpers.tasks import NOTHING_HELD_OUT, write_files

PARTS = {
    "A_train": "Id,comment_text,conspiratorial\n0,uno,1\n1,due,0\n",
    "A_test": "Id,comment_text\n9,Tre!\n8,quattro\n",
    "B_train": "Id,comment_text,topic,conspiracy\n0,tre,x,0\n1,uno,x,2\n2,cinque,x,1\n",
    "B_test": "Id,comment_text\n9,due\n",
}
"""ACTI as it is: each sub-task teaches a post that the other one tests."""


DATA = {"raw": "raw", "prompts": "it.yaml"}


@pytest.mark.parametrize("leaks", ["drop", "keep"])
def test_leaks_between_subtasks_are_counted_and_left_out_or_kept(
    tmp_path: Path, leaks: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = {f"subtask{name}.csv": content for name, content in PARTS.items()}
    write_files(tmp_path / "acti", files)
    section = {**NOTHING_HELD_OUT.model_dump(), "leaks": leaks}
    settings = encode.Settings(tasks=["acti"], data=DATA, encode=section)
    caplog.set_level("INFO")
    by_split, summary = encode.encode(tmp_path, settings)
    assert summary["leaks"] == {
        "acti_a": {"acti_b": {"train": 1}},
        "acti_b": {"acti_a": {"train": 1}},
    }
    train = {example.id for example in by_split["train"]}
    kept = {"acti_a:0", "acti_b:1", "acti_b:2"}
    assert train == (kept if leaks == "drop" else kept | {"acti_a:1", "acti_b:0"})
    assert sum(summary["rows"]["train"].values()) == len(train)
    assert [example.input for example in by_split["test"]] == ["Tre!", "quattro", "due"]
    fate = "left out" if leaks == "drop" else "kept"
    assert f"acti_b: texts in the test set of acti_a, {fate}: 1 train" in caplog.text
    warned = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == (2 if leaks == "keep" else 0)


def test_nothing_left_to_learn_is_an_error(tmp_path: Path) -> None:
    train = PARTS["A_train"].replace("due", "quattro").replace("uno", "tre")
    files = {"subtaskA_train.csv": train, "subtaskA_test.csv": PARTS["A_test"]}
    write_files(tmp_path / "acti", files)
    section = {**NOTHING_HELD_OUT.model_dump(), "leaks": "drop"}
    with pytest.raises(InputError, match="no train questions"):
        encode.encode(tmp_path, encode.Settings(tasks=["acti"], data=DATA, encode=section))


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
