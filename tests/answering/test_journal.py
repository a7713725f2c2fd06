"""The journal of an interrupted run."""

from pathlib import Path

import pytest

from stages.answering.answers import Answer
from stages.answering.journal import Journal

ANSWERS = {
    "a": Answer("[NOREL] è\r\u2028", "stop", 4),
    "b": Answer("x" * 300, "length", 50),
    "c": Answer("sì", "stop", 2, {"sì": 0.75, "no": 0.25}),
}


def begun(folder: Path) -> Path:
    """A journal of two processes; returns the first one's file."""
    for rank, names in enumerate(("ab", "c")):
        journal = Journal(folder, rank)
        for name in names:
            journal.write(name, ANSWERS[name])
    return folder / "answers-0.jsonl"


def test_answers_of_all_processes_are_read(tmp_path: Path) -> None:
    assert Journal(tmp_path, 0).read() == {}
    path = begun(tmp_path)
    before = path.read_bytes()
    assert Journal(tmp_path, 1).read() == ANSWERS
    assert path.read_bytes() == before


def test_a_damaged_line_is_no_answer_and_costs_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever a bit flips; with a line end in place of a letter, and where the file was cut."""
    content = begun(tmp_path).read_bytes()
    (tmp_path / "answers-1.jsonl").unlink()
    first = content.index(b"\n")
    for at in (*range(0, len(content), 37), first):
        for wrong in (content[at] ^ 1, ord("\n")):
            damaged = content[:at] + bytes([wrong]) + content[at + 1 :]
            if damaged == content:
                continue
            (tmp_path / "answers-0.jsonl").write_bytes(damaged)
            whole = "" if at == first else "b" if at < first else "a"
            assert Journal(tmp_path, 0).read() == {name: ANSWERS[name] for name in whole}
    for cut in (0, 5, first, first + 1, first + 9, len(content) - 1):
        (tmp_path / "answers-0.jsonl").write_bytes(content[:cut])
        assert Journal(tmp_path, 0).read() == ({"a": ANSWERS["a"]} if cut > first else {})


def test_a_damaged_journal_is_kept_aside_and_repaired(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = begun(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content + b'["d", "[NO')
    assert Journal(tmp_path, 0).read() == ANSWERS
    assert path.read_bytes() == content
    assert (tmp_path / "answers-0.jsonl.bad").read_bytes() == content + b'["d", "[NO'
    (line,) = caplog.messages
    assert line.startswith("a journal is damaged: 2 answers are kept")
