"""The journal of an interrupted run."""

import json
from pathlib import Path

from stages.answering.answers import Answer
from stages.answering.journal import Journal


def test_a_line_cut_short_is_removed_from_the_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path, rank=0)
    assert journal.read() == {}
    line = json.dumps(["a", "[NOREL] è", "stop", 4]) + "\n"
    path = tmp_path / "answers-0.jsonl"
    path.write_text(line + '["b", "[NO', encoding="utf-8")
    finished = {"a": Answer("[NOREL] è", "stop", 4)}
    assert journal.read() == finished
    assert path.read_text(encoding="utf-8") == line
    scored = Answer("sì", "stop", 2, {"sì": 0.75, "no": 0.25})
    Journal(tmp_path, rank=1).write("c", scored)
    assert journal.read() == finished | {"c": scored}
