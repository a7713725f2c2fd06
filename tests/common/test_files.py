"""Reading with line numbers, writing whole or not at all."""

import errno
import json
import os
from pathlib import Path

import pytest

from stages.common import files
from stages.common.command import InputError


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes("a\r\nb\u2028c\x0bd\x85e\r\n\nf".encode())
    assert files.read_lines(path) == ["a", "b\u2028c\x0bd\x85e", "", "f"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent: cannot be read: No such file"):
        files.read_lines(tmp_path / "absent")


def test_jsonl_round_trip(tmp_path: Path) -> None:
    rows = [{"a": 'è\u2028 "x"\n', "b": None}, {"a": "😀", "b": 2}]
    files.write_jsonl(tmp_path / "f.jsonl", rows)
    assert files.read_jsonl(tmp_path / "f.jsonl", ("a", "b")) == rows
    assert (tmp_path / "f.jsonl").read_text(encoding="utf-8").count("\n") == 2


@pytest.mark.parametrize("bad", ["{", "[1]", '{"a": 1}', '{"a": 1, "b": 2, "c": 3}', "3"])
def test_jsonl_defects_are_told_by_line(tmp_path: Path, bad: str) -> None:
    (tmp_path / "f").write_text('{"a": 1, "b": 2}\n' + bad + "\n")
    with pytest.raises(InputError, match="f:2: "):
        files.read_jsonl(tmp_path / "f", ("a", "b"))


def test_jsonl_objects_may_have_optional_keys(tmp_path: Path) -> None:
    rows = [{"a": 1}, {"a": 2, "b": 3}]
    files.write_jsonl(tmp_path / "f", rows)
    assert files.read_jsonl(tmp_path / "f", ("a",), optional=("b",)) == rows
    with pytest.raises(InputError, match="f:1: expected an object with the keys b"):
        files.read_jsonl(tmp_path / "f", ("b",), optional=("a",))


def test_tables_and_lone_surrogates(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "t.csv", ("a", "b"), [(1, 0.123456789), ("x,y", None)])
    assert (tmp_path / "t.csv").read_text() == 'a,b\n1,0.123457\n"x,y",\n'
    files.write_jsonl(tmp_path / "f.jsonl", [{"a": "\udc80"}])
    assert files.read_jsonl(tmp_path / "f.jsonl", ("a",)) == [{"a": "\udc80"}]
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "n.json", float("nan"))


def test_an_empty_jsonl_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes(b"")
    assert files.read_jsonl(tmp_path / "f.jsonl", ("a",)) == []


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def write(name: str, fail: bool = False) -> None:
        with files.whole_folder(target) as folder:
            files.write_json(folder / name, {"è": 1})
            if fail:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write("a.json", fail=True)
    assert list(tmp_path.iterdir()) == []
    write("a.json")
    with pytest.raises(KeyboardInterrupt):
        write("b.json", fail=True)
    assert [p.name for p in target.iterdir()] == ["a.json"]
    write("b.json")
    assert [p.name for p in target.iterdir()] == ["b.json"]
    assert json.loads((target / "b.json").read_text(encoding="utf-8")) == {"è": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_files_that_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.truncate(400_000_000)  # takes no room on the disk
    with pytest.raises(InputError, match="f: the file has 400,000,000 bytes, expected at most 50,"):
        files.read_lines(path)
    path.write_text("a\n" * 11)
    monkeypatch.setattr(files.limits, "LINES", 10)
    with pytest.raises(InputError, match="f: 11 lines, expected at most 10"):
        files.read_text(path)


@pytest.mark.parametrize(
    ("text", "message"), [("[" * 5000 + "]" * 5000, "too many levels"), ("9" * 5000, "Exceeds the")]
)
def test_json_beyond_what_python_takes_is_a_defect(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "f").write_text(text + "\n")
    with pytest.raises(InputError, match=f"f:1: not JSON: {message}[^;]*$"):
        files.read_jsonl(tmp_path / "f", ("a",))


def test_of_many_defects_the_first_are_kept_and_the_others_counted(tmp_path: Path) -> None:
    defects = files.Defects(tmp_path)
    for line in range(1, 1001):
        defects.add(line, "wrong")
    assert len(defects.found) == files.SHOWN
    with pytest.raises(InputError, match=r":20: wrong\nand 980 more in "):
        defects.check()


def test_lone_surrogates_are_no_unicode() -> None:
    assert files.is_unicode("perché 😀\U0010ffff\ud7ff\ue000")
    assert not files.is_unicode("a\ud800")
    assert not files.is_unicode("\udfff")


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system names the file where it cannot be opened, but not where it cannot grow."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*f\.json'"):
        files.write_json(tmp_path / "f.json", {})
