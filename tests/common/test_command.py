"""Errors become a message and an exit code, at one place and whatever they are."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.common import command
from stages.common.command import INTERRUPTED, REFUSED, UNEXPECTED, UNREAD, InputError


class OutOfMemoryError(RuntimeError):
    """Named as torch's, which this test would take seconds to import."""


def fails(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


def nested(depth: int) -> int:
    return nested(depth + 1)


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("f.csv:3: expected 0 or 1"), REFUSED, "f.csv:3: expected 0 or 1"),
        (OSError(errno.ENOSPC, "No space left on device"), REFUSED, "No space left on device"),
        (OSError(errno.EROFS, "Read-only file system", "out"), REFUSED, "out: Read-only file"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), REFUSED, "x: Permission denied"),
        (OSError(errno.EFBIG, "File too large", "out"), REFUSED, "out: File too large"),
        (MemoryError(), REFUSED, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), REFUSED, "not enough m"),
        (OutOfMemoryError("CUDA out of memory. Tried"), REFUSED, "not enough memory; what"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted; nothing is half-written"),
        (ValueError("of a library\nwith advice"), UNEXPECTED, "ValueError: of a library (unexpect"),
        (OSError("of a library"), UNEXPECTED, "OSError: of a library (unexpected, command.py"),
    ],
)
def test_an_error_is_a_message_and_an_exit_code(
    error: BaseException, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        command.run(fails(error))
    assert end.value.code == status
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {message}")
    assert shown.count("\n") == 1


def test_the_traceback_is_shown_if_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["command", "--debug"])
    with pytest.raises(SystemExit):
        command.run(lambda: print(nested(0)))
    shown = capsys.readouterr().err
    assert "Traceback (most recent call last)" in shown
    assert "\nerror: RecursionError: maximum recursion depth exceeded (unexpected, " in shown


@pytest.mark.process
def test_a_reader_that_goes_away_ends_a_command_silently(root: Path) -> None:
    """As `head` does; Python itself complains again when it flushes at its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "analysis.scores"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.close()
    assert process.wait() == UNREAD
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()


COMMANDS = [
    path
    for folder in ("stages", "analysis", "recipes/base")
    for path in sorted((Path(__file__).parents[2] / folder).rglob("*.py"))
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_every_command_runs_through_that_place(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    assert code.rstrip().endswith("\n    run(main)"), path
    assert "argument_parser(" in code or "folders(" in code, f"{path}: no --debug"
    assert "\nimport argparse" not in code, path
