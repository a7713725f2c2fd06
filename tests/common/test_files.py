"""Reading with line numbers, writing whole or not at all."""

from pathlib import Path

import pytest

from stages.common import files
from stages.common.command import InputError


def test_lines_end_at_line_feeds_only(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes("a\r\nb\u2028c\x0bd\x85e\r\n\nf".encode())
    assert files.read_lines(path) == ["a", "b\u2028c\x0bd\x85e", "", "f"]


def test_carriage_returns_alone_end_lines_where_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\r\rb\r")
    assert files.read_lines(path) == ["a", "", "b"]
    path.write_bytes(b"a\rb\n")
    assert files.read_lines(path) == ["a\rb"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "f:1: the file is empty"),
        (b"\xef\xbb\xbf", "f:1: the file is empty"),
        ("a\n".encode("utf-16"), "f:1: the file is UTF-16; expected UTF-8"),
        (b"a\nb\xe8", r"f:2: byte 2 is not UTF-8 \(0xe8\)"),
        (b"\xef\xbf\xbda\nb\0c\n", "f:2: byte 2 is NUL"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(InputError, match=message):
        files.read_text(tmp_path / "f")


def test_a_replacement_character_is_a_character(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\ufffd", encoding="utf-8")
    assert files.read_text(tmp_path / "f") == "a\ufffd"


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


def test_a_file_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    files.write_text(tmp_path / "a", "before")
    monkeypatch.setattr(files, "sync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a'"):
        files.write_text(tmp_path / "a", "after")
    assert (tmp_path / "a").read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_files_that_are_too_large_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    with path.open("wb") as file:
        file.truncate(400_000_000)  # takes no room on the disk
    with pytest.raises(InputError, match="f: the file has 400,000,000 bytes, expected at most 50,"):
        files.read_lines(path)
    monkeypatch.setattr(files.limits, "LINES", 10)
    for end in ("\n", "\r"):
        path.write_bytes(f"a{end}".encode() * 11)
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


def test_lone_surrogates_are_no_unicode(tmp_path: Path) -> None:
    assert files.is_unicode("perché 😀\U0010ffff\ud7ff\ue000")
    assert not files.is_unicode("a\ud800")
    assert not files.is_unicode("\udfff")
    row = dict.fromkeys(files.EXAMPLE, "a")
    files.write_jsonl(tmp_path / "f", [row, row | {"output": "\ud800"}])
    with pytest.raises(InputError, match="f:2: expected Unicode text, found a lone surrogate"):
        files.read_encoded(tmp_path / "f")


def test_an_encoded_split_is_not_empty_and_has_each_id_once_and_no_endless_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.limits, "TEXT", 20)
    path = tmp_path / "f"
    row = dict.fromkeys(files.EXAMPLE, "a")
    files.write_jsonl(path, [row, row | {"id": "b", "input": "x" * 21}, row])
    with pytest.raises(InputError) as error:
        files.read_encoded(path)
    assert str(error.value).split("\n") == [
        f"{path}:2: a text of 21 characters, expected at most 20",
        f"{path}:3: id a stands on line 1 too",
    ]
    path.write_bytes(b"")
    assert files.read_encoded(path, empty=True) == []
    with pytest.raises(InputError, match=r"f:1: the file is empty, which encode never leaves it"):
        files.read_encoded(path)
