"""Tables and objects: what is read, which defects are told, what is written."""

import csv
import io
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.toolkit import tables
from stages.toolkit.tables import (
    anything,
    flag,
    identifier,
    match_items,
    number,
    one_of,
    read_objects,
    read_table,
    same_items,
    text,
    write_table,
)

COLUMNS = {"id": identifier, "text": text}


@dataclass(frozen=True)
class Item:
    """A test item."""

    id: str
    gold: None = None


def table(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode())
    return path


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    content = '\ufeffid,text\r\n0530,"a, ""b""\n\nc"\r\n\r\n7, d \r\n'
    rows = read_table(table(tmp_path, content), COLUMNS)
    assert [(r.line, r["id"], r["text"]) for r in rows] == [
        (2, "0530", 'a, "b"\n\nc'),
        (6, "7", " d "),
    ]


def test_unquoted_cells_are_as_they_stand(tmp_path: Path) -> None:
    path = table(tmp_path, 'id\ttext\n1\t"a" e "b\n\n2\tc\x85d\n')
    rows = read_table(path, COLUMNS, delimiter="\t", quoted=False)
    assert [(r.line, r["text"]) for r in rows] == [(2, '"a" e "b'), (4, "c\x85d")]


def test_columns_in_any_order_and_optional_ones(tmp_path: Path) -> None:
    path = table(tmp_path, "text,note,id\na,,1\n")
    assert read_table(path, COLUMNS, optional={"note": anything})[0].values == {
        "text": "a",
        "note": "",
        "id": "1",
    }
    with pytest.raises(InputError, match=r"t\.csv:1: expected the header 'id,text', found"):
        read_table(path, COLUMNS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,text,text\n1,a,b\n", ":1: expected the header"),
        ("id,text\n", ":1: the table has no rows"),
        ("id,text\n1\n", ":2: expected 2 columns, found 1: '1'"),
        ("id,text\n1,a\n1,b\n", ":3: id 1 stands on line 2 too"),
        ('id,text\n1,"a\n', ":2: not a table of quoted cells"),
        ('id;text\n1;a,"b" c\n', ":1: expected the header 'id,text', found 'id;text'"),
        ('"id,text\n', ":1: not a table of quoted cells"),
        ("id,text\n1 2,a\n", ":2: id '1 2': expected an identifier"),
        ("id,text\n1,\u00a0\n", ":2: text '\\xa0': expected a text"),
    ],
)
def test_defects_of_tables(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_table(table(tmp_path, content), COLUMNS, unique="id")
    assert message in str(error.value)


def test_all_defects_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_table(table(tmp_path, "id,text\n,a\n2,\n3\n"), COLUMNS)
    assert [line.split(":")[1] for line in str(error.value).split("\n")] == ["2", "3", "4"]


def test_parsers() -> None:
    assert (flag("1"), flag("0")) == (1, 0)
    assert one_of("a", "b")("b") == "b"
    assert [number(1, 5)(cell) for cell in ("1", "+2.50", "5e0", ".5e1")] == [1, 2.5, 5, 5]
    for parse, cell in (
        (flag, "01"), (flag, "1.0"), (one_of("a", "b"), "A"), (number(1, 5), "5.01"),
        (number(1, 5), "nan"), (number(1, 5), "3,5"), (number(1, 5), "1_0"), (number(1, 5), "٣"),
        (number(1, 5), ""), (number(0, 1e400), "inf"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            parse(cell)


def test_objects_and_their_defects(tmp_path: Path) -> None:
    def whole(value: object) -> int:
        if type(value) is not int:
            raise ValueError("expected a whole number")
        return value

    path = table(tmp_path, '{"id": "a", "n": 3}\n\n{"n": 1, "id": "b"}')
    rows = read_objects(path, {"id": identifier, "n": whole}, unique="id")
    assert [(r.line, r["id"], r["n"]) for r in rows] == [(1, "a", 3), (3, "b", 1)]
    content = '{"id": "a", "n": true}\n{"id": "a"}\n[1]\n{"id"\n{"id": "c", "n": 1}\n'
    content += '{"id": "c", "n": 1}\n{"id": "d", "n": 1, "m": 2}\n{"id": "e", "n": 1, "m": 2}\n'
    with pytest.raises(InputError) as error:
        read_objects(table(tmp_path, content), {"id": identifier, "n": whole}, unique="id")
    lines = str(error.value).split("\n")
    assert [line.split(":")[1] for line in lines] == ["1", "2", "3", "4", "7", "6"]
    assert lines[4].endswith("unknown key 'm'; expected ['id', 'n']")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param(["ciao", "hai"], ["ciao", "hai"], id="no quotes"),
        pytest.param(
            ['"un ""sì"""', 'un 24" nuovo'], ['un "sì"', 'un 24" nuovo'], id="a stray one"
        ),
        pytest.param(['"un\r\nsì"', '"due\n\n"'], ["un\nsì", "due\n\n"], id="line ends in cells"),
        pytest.param(['"un sì"', 'un ""sì""'], ['"un sì"', 'un ""sì""'], id="between quotes"),
        pytest.param(['"un "sì"', '"'], ['"un "sì"', '"'], id="not doubled"),
        pytest.param(['"un sì', 'un sì"'], ['"un sì', 'un sì"'], id="over two records"),
        pytest.param(['""', '""""'], ['""', '"'], id="two quotes, and one"),
    ],
)
def test_unquoted_cells_may_be_quoted_all_the_same(
    tmp_path: Path, cells: list[str], expected: list[str]
) -> None:
    path = table(tmp_path, "id\ttext\n" + "".join(f"{i}\t{c}\n" for i, c in enumerate(cells)))
    columns = {"id": identifier, "text": anything}
    rows = read_table(path, columns, delimiter="\t", quoted=False)
    assert [row["text"] for row in rows] == expected
    assert rows[1].line == 3 + cells[0].count("\n")


def test_under_a_header_of_quoted_cells_all_are_quoted(tmp_path: Path) -> None:
    path = table(tmp_path, '"id"\t"text"\r\n"1"\t"un sì"\r\n2\tdue')
    rows = read_table(path, COLUMNS, delimiter="\t", quoted=False)
    assert [row.values for row in rows] == [
        {"id": "1", "text": "un sì"},
        {"id": "2", "text": "due"},
    ]


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1))
def test_what_is_quoted_throughout_is_read_cell_by_cell(rows: list[list[str]]) -> None:
    """Whatever it holds but the delimiter, which an unquoted file has in no cell."""
    rows = [[re.sub("[\t\r\0]", "", cell) for cell in row] for row in rows]
    content = io.StringIO()
    csv.writer(content, delimiter="\t", quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = table(Path(folder), content.getvalue())
        read = read_table(path, dict.fromkeys("ab", anything), delimiter="\t", quoted=False)
    assert [list(row.values.values()) for row in read] == rows


cells = st.lists(st.text(), min_size=2, max_size=2)


@given(st.lists(cells, min_size=1))
def test_what_is_written_quoted_is_read_back(rows: list[list[str]]) -> None:
    written = write_table(["a", "b"], rows, delimiter="\t")
    assert list(csv.reader(io.StringIO(written, newline=""), delimiter="\t"))[1:] == rows


def test_unquoted_writing_refuses_what_it_cannot_hold() -> None:
    assert write_table(None, [(1, 'a"b')], delimiter="\t", quoted=False) == '1\ta"b\n'
    for cell in ("a\tb", "a\nb", "a\rb"):
        with pytest.raises(ValueError, match="unquoted"):
            write_table(None, [(cell,)], delimiter="\t", quoted=False)


def test_the_same_items_in_order() -> None:
    path = Path("s.csv")
    same_items(path, ["a", "b"], ["a", "b"])
    same_items(path, ["a", "b"], ["b", "a"], ordered=False)
    for found, message in (
        (["a"], "missing items: b"),
        (["a", "b", "c"], "not in the test set: c"),
        (["a", "b", "b"], "stand there twice: b"),
        (["b", "a"], "out of order: a, b"),
    ):
        with pytest.raises(InputError, match=message):
            same_items(path, ["a", "b"], found)


def test_rows_are_matched_with_items_in_the_order_of_the_items(tmp_path: Path) -> None:
    path = table(tmp_path, "id,text\nb,due\na,uno\n")
    rows = read_table(path, COLUMNS)
    items = [Item("a"), Item("b")]
    matched = match_items(path, rows, "id", items, ordered=False)
    assert [row["text"] for row in matched] == ["uno", "due"]
    with pytest.raises(InputError, match=r"t\.csv: items out of order: a, b"):
        match_items(path, rows, "id", items)
    with pytest.raises(InputError, match=r"t\.csv: missing items: c"):
        match_items(path, rows, "id", [*items, Item("c")], ordered=False)


def test_cells_that_are_too_long_are_defects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables.limits, "CELL", 5)
    path = tmp_path / "f"
    path.write_text("a,b\nsì,12345\nno,123456\n", encoding="utf-8")
    columns = {"a": text, "b": text}
    with pytest.raises(InputError, match="f:3: b '123456': expected at most 5 characters, f"):
        read_table(path, columns, quoted=False)
    with pytest.raises(InputError, match=r"f:3: not a table of quoted cells: field larger than"):
        read_table(path, columns)
    path.write_text('{"a": "123456"}\n')
    with pytest.raises(InputError, match="f:1: a '123456': expected at most 5 characters, f"):
        read_objects(path, {"a": text})
