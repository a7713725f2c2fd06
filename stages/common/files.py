"""Reading and writing: lines with numbers, defects with places, outputs whole or not at all."""

import csv
import io
import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.common import limits
from stages.common.command import InputError

log = logging.getLogger(__name__)

SHOWN = 20  # defects of one file that are listed before the rest is only counted


@dataclass
class Defects:
    """Collects the defects of one file, so that they are reported all at once."""

    path: Path
    found: list[str] = field(default_factory=list)
    more: int = 0

    def add(self, line: int, problem: str) -> None:
        """Notes a defect: what was found in a line (from 1) and what was expected."""
        if len(self.found) < SHOWN:
            self.found.append(f"{self.path}:{line}: {problem}")
        else:
            self.more += 1

    def check(self) -> None:
        """Raises an InputError with the first defects, if there is any."""
        if self.found:
            more = [f"and {self.more} more in {self.path}"] if self.more else []
            raise InputError("\n".join(self.found + more))


def required(path: Path) -> Path:
    """Returns a path whose file must be there.

    Raises:
        InputError: if it is not.
    """
    if not path.is_file():
        raise InputError(f"{path.parent}: no {path.name}, which the task needs")
    return path


def is_unicode(text: str) -> bool:
    """Says whether a text can be written as UTF-8, as one with a lone surrogate cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def read_bytes(path: Path, limit: int = limits.RAW) -> bytes:
    """Reads a file.

    Args:
        path: the file.
        limit: the most bytes that it may have.

    Raises:
        InputError: if the file cannot be read, or is larger than that.
    """
    try:
        if (size := path.stat().st_size) > limit:
            raise InputError(f"{path}: the file has {size:,} bytes, expected at most {limit:,}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def read_text(path: Path, *, empty: bool = False, limit: int = limits.RAW) -> str:
    """Reads a UTF-8 file as it is, without a byte order mark.

    Args:
        path: the file.
        empty: whether it may be empty.
        limit: the most bytes that it may have.

    Raises:
        InputError: if the file is empty, too large or cannot be read, or a line is not UTF-8.
    """
    content = read_bytes(path, limit)
    if (lines := content.count(b"\n")) > limits.LINES:
        raise InputError(f"{path}: {lines:,} lines, expected at most {limits.LINES:,}")
    if not content.strip() and not empty:
        raise InputError(f"{path}:1: the file is empty")
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        defects = Defects(path)
        for number, line in enumerate(content.split(b"\n"), start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                at = error.start
                defects.add(number, f"byte {at + 1} is not UTF-8 (0x{line[at]:02x})")
        defects.check()
        raise


def read_lines(path: Path, *, empty: bool = False, limit: int = limits.RAW) -> list[str]:
    r"""Reads a UTF-8 file as lines without their ends (``\n`` or ``\r\n``).

    Other characters that Unicode counts as line ends stay in the line, for they occur in texts.

    Args:
        path: the file.
        empty: whether it may be empty.
        limit: the most bytes that it may have.

    Raises:
        InputError: as `read_text`.
    """
    text = read_text(path, empty=empty, limit=limit)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[: len(lines) - (not lines[-1])]


def read_json(text: str) -> Any:
    """Parses JSON.

    Raises:
        ValueError: whatever is wrong with it: levels without end and endless numbers included.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("too many levels") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # Python's advice on long numbers is left out
        raise ValueError(str(error).partition(";")[0]) from None


def read_jsonl(
    path: Path, keys: Iterable[str], optional: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Reads a file of one JSON object a line, each with just these keys.

    Args:
        path: the file.
        keys: of every object.
        optional: further keys that an object may have.

    Raises:
        InputError: naming the lines that are not such objects.
    """
    expected = set(keys)
    allowed = expected | set(optional)
    defects = Defects(path)
    rows = []
    for number, line in enumerate(read_lines(path, empty=True, limit=limits.ENCODED), start=1):
        if not line:
            continue
        try:
            row = read_json(line)
        except ValueError as error:
            defects.add(number, f"not JSON: {error}")
            continue
        if not isinstance(row, dict) or not expected <= set(row) <= allowed:
            defects.add(number, f"expected an object with the keys {', '.join(sorted(expected))}")
            continue
        rows.append(row)
    defects.check()
    log.info("read %s: %d rows", path, len(rows))
    return rows


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON object a line, UTF-8, in the order given."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    write_text(path, "".join(lines))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file for people and diffs: indented, keys in the order given."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table with a header; floats have six significant digits, for equal bytes."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in rows)
    write_text(path, table.getvalue())


def write_text(path: Path, text: str) -> None:
    r"""Writes a UTF-8 file with ``\n`` line ends, whole or not at all.

    Lone surrogates, which UTF-8 cannot hold, are written as escapes (``\udc80``).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with naming(path):
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))
        temporary.replace(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names a file in an error that does not by itself, as that of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Gives a new folder to write into, which becomes `path` if nothing is raised.

    Yields:
        The temporary folder beside `path`.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(path, ignore_errors=True)
    temporary.replace(path)
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        log.info("wrote %s", file)
