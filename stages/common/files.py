"""Reading and writing files: lines with numbers, defects with places, whole or not at all."""

import codecs
import csv
import io
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from stages.common import limits
from stages.common.command import InputError

log = logging.getLogger(__name__)

QUESTION = ("id", "task", "input")
"""Keys of an encoded question; task is the sub-task."""

EXAMPLE = (*QUESTION, "output")
"""Those of a question with its answer."""

Closed = dict[str, Annotated[list[str], Field(min_length=1)]]
"""Candidate answers by closed sub-task."""

LEFT = 86_400  # seconds after which another host's temporary file is taken for left behind
_recorders: list[set[Path]] = []

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
        InputError: if it is not, with the files that are there.
    """
    if not path.is_file():
        present = ", ".join(files_below(path.parent)[:SHOWN]) or "nothing"
        raise InputError(f"{path.parent}: no {path.name}, which the task needs; there is {present}")
    return path


def files_below(folder: Path) -> list[str]:
    """The files in a folder and its folders, sorted, but for hidden ones, notes and DVC's own."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix()
        for path in paths
        if path.suffix not in (".md", ".dvc") and not any(p.startswith(".") for p in path.parts)
    )


@contextmanager
def recorded_reads() -> Iterator[set[Path]]:
    """Yields a set to which each file that `read_bytes` reads meanwhile is added."""
    reads: set[Path] = set()
    _recorders.append(reads)
    try:
        yield reads
    finally:
        _recorders.pop()


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
    for reads in _recorders:
        reads.add(path)
    try:
        if (size := path.stat().st_size) > limit:
            raise InputError(f"{path}: the file has {size:,} bytes, expected at most {limit:,}")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def read_text(path: Path, *, empty: bool = False, limit: int = limits.RAW) -> str:
    r"""Reads a UTF-8 file as it is, without a byte order mark.

    Where all lines end with ``\r`` alone, as old programs write them, they end with ``\n``.

    Args:
        path: the file.
        empty: whether it may be empty.
        limit: the most bytes that it may have.

    Raises:
        InputError: if the file is empty, too large or cannot be read, or a line is not UTF-8 or has
            a NUL.
    """
    content = read_bytes(path, limit).removeprefix(codecs.BOM_UTF8)
    if not content.strip() and not empty:
        raise InputError(f"{path}:1: the file is empty")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}:1: the file is UTF-16; expected UTF-8")
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    if (lines := content.count(b"\n")) > limits.LINES:
        raise InputError(f"{path}: {lines:,} lines, expected at most {limits.LINES:,}")
    text = content.decode("utf-8", "replace")
    if "\ufffd" in text or "\0" in text:
        _check_bytes(path, content)
    return text


def _check_bytes(path: Path, content: bytes) -> None:
    defects = Defects(path)
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            at = error.start
            defects.add(number, f"byte {at + 1} is not UTF-8 (0x{line[at]:02x})")
        if b"\0" in line:
            defects.add(number, f"byte {line.index(0) + 1} is NUL, which no text has")
    defects.check()


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


def read_encoded(
    path: Path, columns: Sequence[str] = EXAMPLE, *, empty: bool = False
) -> list[dict[str, Any]]:
    """Reads an encoded split: objects of texts, of which output may be null, each with its own id.

    Args:
        path: the file.
        columns: the keys of its objects.
        empty: whether it may have none, as dev may.

    Raises:
        InputError: naming the lines that are something else; if it is empty and may not be.
    """
    rows = read_jsonl(path, columns)
    if not rows and not empty:
        raise InputError(f"{path}:1: the file is empty, which encode never leaves it")
    defects = Defects(path)
    lines: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if not all(isinstance(row[c], str) or (c == "output" and row[c] is None) for c in columns):
            defects.add(number, "expected texts (or null as output)")
        elif not all(is_unicode(row[c] or "") for c in columns):
            defects.add(number, "expected Unicode text, found a lone surrogate")
        elif (longest := max(len(row[c] or "") for c in columns)) > limits.TEXT:
            defects.add(
                number, f"a text of {longest:,} characters, expected at most {limits.TEXT:,}"
            )
        elif (first := lines.setdefault(row["id"], number)) != number:
            defects.add(number, f"id {row['id'][:60]} stands on line {first} too")
    defects.check()
    return rows


def read_closed(path: Path) -> dict[str, list[str]]:
    """Reads the candidate answers of closed sub-tasks.

    Raises:
        InputError: if the file is absent or holds something else.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file, which encode always writes")
    try:
        return TypeAdapter(Closed).validate_json(read_bytes(path), strict=True)
    except ValidationError as error:
        raise InputError(
            f"{path}: expected the candidate answers of each closed sub-task, as encode writes"
            f" them: {error.errors()[0]['msg']}"
        ) from error


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
    r"""Writes a UTF-8 file with ``\n`` line ends, whole or not at all, also if the power fails.

    Lone surrogates, which UTF-8 cannot hold, are written as escapes (``\udc80``).
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes a file, whole or not at all, also if the power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    with naming(path):
        try:
            temporary.write_bytes(content)
            sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names a file in an error that does not by itself, as that of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def temporary_path(path: Path) -> Path:
    """Returns a name beside a path that no other process uses, and that does not exist.

    Deletes what processes have left there that were killed.
    """
    host, own = socket.gethostname(), os.getpid()
    prefix, end = f".{path.name}.", ".tmp"
    for old in path.parent.iterdir() if path.parent.is_dir() else ():
        if old.name.startswith(prefix) and old.name.endswith(end):
            owner = old.name.removeprefix(prefix).removesuffix(end)
            if _is_left(old, *owner.rpartition("-")[::2]):
                shutil.rmtree(old, ignore_errors=True)
                with suppress(OSError):
                    old.unlink()
    return path.with_name(f"{prefix}{host}-{own}{end}")


def _is_left(path: Path, host: str, process: str) -> bool:
    """Whether the process that made a temporary file or folder has ended, as far as is known."""
    if host == socket.gethostname() and process.isdecimal():
        return int(process) == os.getpid() or not _is_running(int(process))
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > LEFT
    return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def sync(path: Path) -> None:
    """Waits until a file, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # which some file systems cannot do with folders
            raise
    finally:
        os.close(handle)
