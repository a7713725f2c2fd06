"""Tables and objects in the organisers' files: every value checked, every defect with its line.

A file's columns are stated with a parser each, a function of the cell's text that returns the value
or raises a ValueError saying what was expected.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.common.command import InputError
from stages.common.files import Defects, read_json, read_lines, read_text
from stages.toolkit import limits
from stages.toolkit.records import Item

Parser = Callable[[str], Any]


@dataclass(frozen=True)
class Row:
    """A record: the line on which it begins (from 1), and its values by column."""

    line: int
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:
        """The value of a column."""
        return self.values[column]


# --- Parsers --------------------------------------------------------------------------------------


def identifier(cell: str) -> str:
    """A non-empty name without white space, kept as text: ``0530`` is not 530."""
    if not cell or any(c.isspace() for c in cell):
        raise ValueError("expected an identifier without white space")
    return cell


def text(cell: str) -> str:
    """A text that is not blank, as it is."""
    if not cell.strip() or "\0" in cell:
        raise ValueError("expected a text" + " without NUL" * ("\0" in cell))
    return cell


def anything(cell: str) -> str:
    """Any text, as it is; may be empty."""
    return cell


def one_of(*allowed: str) -> Parser:
    """A parser of one of the stated texts."""

    def parse(cell: str) -> str:
        if cell not in allowed:
            raise ValueError(f"expected {', '.join(allowed[:-1])} or {allowed[-1]}")
        return cell

    return parse


def flag(cell: str) -> int:
    """0 or 1."""
    return int(one_of("0", "1")(cell))


def number(low: float, high: float) -> Parser:
    """A parser of decimal numbers between two bounds, with a decimal point."""

    def parse(cell: str) -> float:
        try:
            value = float(cell) if not set(cell) - set("0123456789.+-eE") else None
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise ValueError(f"expected a number from {low:g} to {high:g}")
        return value

    return parse


# --- Reading --------------------------------------------------------------------------------------


def read_table(
    path: Path,
    columns: Mapping[str, Parser],
    *,
    delimiter: str = ",",
    quoted: bool = True,
    optional: Mapping[str, Parser] | None = None,
    unique: str | None = None,
    header: Sequence[str] | None = None,
) -> list[Row]:
    """Reads a table with a header, or without one.

    Args:
        path: the file.
        columns: a parser for each column that must be there; their order in the file is free.
        delimiter: between cells.
        quoted: cells may be quoted as RFC 4180 says, line ends in them included; if not, quotes
            are part of the text and a record is a line, but for cells that are plainly quoted all
            the same. Line ends in cells become line feeds.
        optional: parsers for further columns that may be there.
        unique: a column whose values must differ.
        header: the columns in order, where the file does not name them.

    Raises:
        InputError: with file and line of every defect.
    """
    defects = Defects(path)
    content = read_text(path)
    records = _quoted(content, delimiter, defects) if quoted else _plain(content, delimiter)
    line, header = (1, header) if header is not None else next(records, (1, ()))
    parsers = {**columns, **(optional or {})}
    if set(columns) - set(header) or set(header) - set(parsers) or len(set(header)) < len(header):
        expected = delimiter.join(columns) + "".join(f"[{delimiter}{o}]" for o in optional or ())
        defects.add(line, f"expected the header {expected!r}, found {delimiter.join(header)!r}")
    defects.check()  # before the rows: what is wrong with a header is wrong with all of them
    rest = list(records)
    defects.check()
    rows = []
    for line, cells in rest:
        if len(cells) != len(header):
            found = delimiter.join(cells)[:60]
            defects.add(line, f"expected {len(header)} columns, found {len(cells)}: {found!r}")
            continue
        values = {}
        for column, cell in zip(header, cells, strict=True):
            try:
                values[column] = parsers[column](_checked_length(cell))
            except ValueError as error:
                defects.add(line, f"{column} {cell[:60]!r}: {error}")
        if len(values) == len(header):
            rows.append(Row(line, values))
    _check_unique(rows, unique, defects)
    if not rest:
        defects.add(line, "the table has no rows")
    defects.check()
    return rows


def _quoted(content: str, delimiter: str, defects: Defects) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(limits.CELL)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            defects.add(line, f"not a table of quoted cells: {error}")
            return
        if cells:
            yield line, [cell.replace("\r\n", "\n") for cell in cells]


_QUOTED_CELL = r'"(?:[^"{0}]++|"")*+"'  # possessive: what is not closed is read once


def _plain(content: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields records of cells that are not quoted, but for those that are quoted all the same.

    Some program may have quoted a few cells or all of them. A quoted cell has doubled quotes or
    line ends within, for whose sake it is quoted, ``"ha detto ""ciao"" a tutti"``, or stands under
    a header of quoted cells. A text that merely begins and ends with a quote stays as it is.
    """
    quoted_cell = _QUOTED_CELL.format(delimiter)
    cell = re.compile(rf"({quoted_cell}|[^{delimiter}\n]*?)({delimiter}|\r?(?:\n|\Z))")
    all_quoted = None
    cells: list[str] = []
    line, start = 1, 0
    for match in cell.finditer(content):
        cells.append(match[1])
        if match[2] == delimiter:
            continue
        if cells != [""]:
            if all_quoted is None:
                all_quoted = all(re.fullmatch(quoted_cell, cell) for cell in cells)
            yield line, [_unquoted(cell, quoted_cell, all_quoted) for cell in cells]
        cells = []
        line, start = line + content.count("\n", start, match.end()), match.end()


def _unquoted(cell: str, quoted_cell: str, always: bool) -> str:
    inner = cell[1:-1]
    for_a_reason = always or '"' in inner or "\n" in inner
    if for_a_reason and re.fullmatch(quoted_cell, cell):
        return inner.replace('""', '"').replace("\r\n", "\n")
    return cell


def read_objects(
    path: Path,
    keys: Mapping[str, Callable[[Any], Any]],
    *,
    optional: Mapping[str, Callable[[Any], Any]] | None = None,
    unique: str | None = None,
    empty: bool = False,
) -> list[Row]:
    """Reads a file of one JSON object a line, each with just these keys.

    Any other key is a defect, of the first line that has it.

    Args:
        path: the file.
        keys: a parser for each key's value.
        optional: parsers for further keys that may be there.
        unique: a key whose values must differ.
        empty: whether the file may be empty.

    Raises:
        InputError: with file and line of every defect.
    """
    defects = Defects(path)
    parsers = {**keys, **(optional or {})}
    rows = []
    unknown: set[str] = set()
    for line, content in enumerate(read_lines(path, empty=empty), start=1):
        if not content.strip():
            continue
        try:
            found = read_json(content)
        except ValueError as error:
            defects.add(line, f"not JSON: {error}")
            continue
        if not isinstance(found, dict) or set(keys) - set(found):
            has = sorted(found) if isinstance(found, dict) else type(found).__name__
            defects.add(line, f"expected an object with the keys {sorted(keys)}, found {has}")
            continue
        for key in sorted(set(found) - set(parsers) - unknown):
            defects.add(line, f"unknown key {key[:60]!r}; expected {sorted(parsers)}")
            unknown.add(key)
        values = {}
        for key, value in found.items():
            try:
                if key in parsers:
                    values[key] = parsers[key](_checked_length(value))
            except ValueError as error:
                defects.add(line, f"{key} {str(value)[:60]!r}: {error}")
        if len(values) == len(found):
            rows.append(Row(line, values))
    _check_unique(rows, unique, defects)
    defects.check()
    return rows


def _checked_length(value: Any) -> Any:
    """A cell, or the value of a key, unless it is a text that is too long."""
    if isinstance(value, str) and len(value) > limits.CELL:
        raise ValueError(f"expected at most {limits.CELL} characters, found {len(value)}")
    return value


def _check_unique(rows: Iterable[Row], column: str | None, defects: Defects) -> None:
    if column is None:
        return
    lines: dict[Any, int] = {}
    for row in rows:
        first = lines.setdefault(row[column], row.line)
        if first != row.line:
            defects.add(row.line, f"{column} {row[column]} stands on line {first} too")


def same_items(
    path: Path, expected: Sequence[str], found: Sequence[str], *, ordered: bool = True
) -> None:
    """Makes sure that a file has exactly the items of the test set.

    Args:
        path: the file.
        expected: the ids of the test items, in order.
        found: the ids in the file.
        ordered: whether they must stand in the same order.

    Raises:
        InputError: naming the items that are missing, in excess, there twice, or out of order.
    """
    frequencies = Counter(found)
    test, present = set(expected), set(found)
    problems = {
        "missing items": [i for i in expected if i not in present],
        "items that are not in the test set": [i for i in present if i not in test],
        "items that stand there twice": [i for i in expected if frequencies[i] > 1],
    }
    if ordered:
        pairs = zip(expected, found, strict=False)
        problems["items out of order"] = [e for e, f in pairs if e != f]
    for problem, items in problems.items():
        if items:
            some = ", ".join(sorted(items)[:20])
            raise InputError(f"{path}: {problem}: {some} ({len(items)} in all)")


def match_items(
    path: Path, rows: Sequence[Row], key: str, items: Iterable[Item], *, ordered: bool = True
) -> list[Row]:
    """Finds the row of each test item in a gold file or a submission.

    Args:
        path: the file.
        rows: its rows.
        key: the column that has the items' ids.
        items: the test items.
        ordered: whether the rows must stand in the order of the items, as in a submission.

    Returns:
        A row for each item, in the order of the items.

    Raises:
        InputError: unless the file has exactly these items.
    """
    expected = [item.id for item in items]
    same_items(path, expected, [row[key] for row in rows], ordered=ordered)
    by_id = {row[key]: row for row in rows}
    return [by_id[identifier] for identifier in expected]


# --- Writing --------------------------------------------------------------------------------------


def write_table(
    header: Sequence[str] | None,
    rows: Iterable[Sequence[object]],
    *,
    delimiter: str = ",",
    quoted: bool = True,
) -> str:
    r"""Writes a table with ``\n`` line ends.

    Args:
        header: the names of the columns, or None for none.
        rows: the records; a cell is written as ``str`` gives it.
        delimiter: between cells.
        quoted: quote cells where RFC 4180 asks for it; if not, a cell must not need it.

    Raises:
        ValueError: if an unquoted cell holds a delimiter or a line end.
    """
    records = [*([header] if header is not None else []), *rows]
    if not quoted:
        cells = [[str(cell) for cell in record] for record in records]
        if any(set(cell) & {delimiter, "\n", "\r"} for record in cells for cell in record):
            raise ValueError("an unquoted cell holds a delimiter or a line end")
        return "".join(delimiter.join(record) + "\n" for record in cells)
    table = io.StringIO()
    # The csv module leaves a carriage return unquoted where another line end is written.
    minimal = csv.writer(table, delimiter=delimiter, lineterminator="\n")
    full = csv.writer(table, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for record in records:
        (full if any("\r" in str(cell) for cell in record) else minimal).writerow(record)
    return table.getvalue()
