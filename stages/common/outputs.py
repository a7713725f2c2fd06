"""Output folders: tried before the work, exchanged as a whole, with the checksums of their files.

A folder that one stage writes and another reads has a file SHA256SUMS, in the format of sha256sum
of GNU coreutils. Who reads the folder compares, so that a damaged file is an error and no other
result. The same holds for folders of raw files, bases and adapters of other origin if they have
such a file: `sha256sum * > SHA256SUMS` makes one.
"""

import ctypes
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import Any

from stages.common.command import InputError
from stages.common.files import Defects, read_lines, sync, temporary_path, write_text

log = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
NOT_EXCHANGED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


# --- Writing --------------------------------------------------------------------------------------


def try_folders(sizes: Iterable[tuple[Path, int]]) -> None:
    """Makes sure, before long work, that its outputs can be written.

    Args:
        sizes: folders that files or folders will be written into, made if absent, and how many
            bytes these will have.

    Raises:
        InputError: if a folder cannot be made or written into, or its disk has not the room.
    """
    needed: dict[int, int] = {}
    for folder, size in sizes:
        probe = temporary_path(folder / "probe")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"probe")
            probe.unlink()
            device = folder.stat().st_dev
            free = shutil.disk_usage(folder).free
        except OSError as error:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
            raise InputError(f"{folder}: cannot be written into: {error.strerror}") from error
        needed[device] = needed.get(device, 0) + size
        if needed[device] > free:
            raise InputError(
                f"{folder}: the disk has {free / 2**20:,.1f} MiB left; expected room for"
                f" {needed[device] / 2**20:,.1f} MiB"
            )


@contextmanager
def whole_folder(path: Path, *, sums: bool = False) -> Iterator[Path]:
    """Gives a new folder to write into, which becomes `path` if nothing is raised.

    At every moment `path` is the old folder or the new one, also if the process is killed or the
    power fails (on systems that cannot exchange folders, for a moment it is absent).

    Args:
        path: the folder.
        sums: adds SHA256SUMS, for a folder that another stage reads.

    Yields:
        The temporary folder beside `path`.
    """
    temporary = temporary_path(path)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if sums:
            write_sums(temporary)
        written = sorted(p for p in temporary.rglob("*") if p.is_file())
        for inside in (*temporary.rglob("*"), temporary):
            sync(inside)
        _put(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync(path.parent)
    for file in written:
        log.info("wrote %s", path / file.relative_to(temporary))


def _put(temporary: Path, path: Path) -> None:
    """Puts a folder in the place of another, which afterwards has the temporary name."""
    if not path.exists():
        temporary.rename(path)
        return
    try:
        exchange(temporary, path)
    except OSError as error:
        if error.errno not in NOT_EXCHANGED:
            raise
        aside = temporary_path(path.with_name(f"{path.name}.old"))
        path.rename(aside)
        temporary.rename(path)
        aside.rename(temporary)


def exchange(one: Path, other: Path) -> None:
    """Exchanges two paths of a disk at once: renameat2(2) of Linux, renamex_np(2) of macOS.

    Raises:
        OSError: if that is not possible; ENOSYS where the system has no such call.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    here, flag = -100, ctypes.c_uint(2)  # AT_FDCWD; RENAME_EXCHANGE and RENAME_SWAP are both 2
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(*names, flag)
        else:
            failed = libc.renameat2(here, names[0], here, names[1], flag)
    except AttributeError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))


# --- Checksums ------------------------------------------------------------------------------------


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def md5(path: Path) -> str:
    """Returns the MD5 of a file, by which DVC knows it, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest()


def folder_md5(folder: Path) -> str:
    """Returns the hash of a folder as dvc.lock has it: the MD5 of a list of its files' MD5s."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    files = [{"md5": md5(path), "relpath": path.relative_to(folder).as_posix()} for path in paths]
    files.sort(key=itemgetter("relpath"))
    return f"{_md5(json.dumps(files).encode()).hexdigest()}.dir"


def _md5(content: bytes = b"") -> Any:
    return hashlib.md5(content, usedforsecurity=False)


def write_sums(folder: Path) -> None:
    """Writes SHA256SUMS about all other files of a folder, sorted by name."""
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    lines = [f"{sha256(folder / name)}  {name}\n" for name in files if name != SUMS]
    write_text(folder / SUMS, "".join(lines))


def check_sums(folder: Path, *names: str) -> None:
    """Compares files with what SHA256SUMS says of them; a folder may be without it.

    Args:
        folder: that has the files.
        *names: of the files that are going to be read; all that are listed, if none is named.

    Raises:
        InputError: naming the files that differ or are absent, and what to do.
    """
    path = folder / SUMS
    if not path.exists():
        return
    listed = _read_sums(path)
    wrong = [
        f"{folder / name}: {problem}"
        for name in names or listed
        if (problem := _problem(folder / name, listed.get(name)))
    ]
    if wrong:
        remedy = (
            f"either something has damaged them: make {folder} again (dvc checkout, if make"
            f" integrity finds the cache whole, or the stage that writes it); or the change is"
            f" meant: then delete {path}"
        )
        raise InputError("\n".join([*wrong, remedy]))


def _problem(path: Path, expected: str | None) -> str | None:
    """What is wrong with a file, given the sum that is expected, or None if none is listed."""
    if not path.is_file():
        return f"absent, but listed in {SUMS}" if expected else None
    if expected is None:
        return f"not listed in {SUMS}"
    return None if sha256(path) == expected else f"does not have the checksum of {SUMS}"


def _read_sums(path: Path) -> dict[str, str]:
    """The checksums in a file, by name."""
    listed = {}
    defects = Defects(path)
    for number, line in enumerate(read_lines(path), start=1):
        match = LINE.fullmatch(line)
        name = PurePosixPath(match[2]) if match else PurePosixPath("/")
        if match is None or name.is_absolute() or ".." in name.parts:
            defects.add(number, "expected a SHA-256, two blanks and the name of a file inside")
        else:
            listed[str(name)] = match[1]
    defects.check()
    return listed
