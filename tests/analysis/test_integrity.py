"""The check of DVC's cache: a flipped bit in an object that stays read-only is found."""

import hashlib
import json
import logging
import os
from pathlib import Path

import pytest

from analysis.integrity import check, others
from stages.common.command import InputError
from stages.common.files import write_text
from stages.common.outputs import write_sums


def store(cache: Path, content: bytes, end: str = "") -> str:
    """Puts an object into a cache, as DVC does; returns its hash."""
    identifier = hashlib.md5(content).hexdigest() + end
    path = cache / "files" / "md5" / identifier[:2] / identifier[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)
    return identifier


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a cache of an output with two files, one of which is also in the workspace."""
    cache = tmp_path / ".dvc" / "cache"
    entries = [
        {"md5": store(cache, name.encode()), "relpath": name} for name in ("a.txt", "b/c.txt")
    ]
    listing = store(cache, json.dumps(entries).encode(), ".dir")
    store(cache, b"of an older run")
    lock = {"stages": {"encode": {"outs": [{"path": "data/encoded", "md5": listing}]}}}
    write_text(tmp_path / "dvc.lock", json.dumps(lock))
    write_text(tmp_path / "data" / "encoded" / "a.txt", "a.txt")
    write_sums(tmp_path / "data" / "encoded")
    (cache / "files" / "md5" / "unfinished.tmp").touch()
    return tmp_path


def flip(project: Path, content: bytes) -> Path:
    """Flips a bit of an object, as a disk does: size, time and mode stay."""
    (path,) = (p for p in project.glob(".dvc/cache/files/md5/??/*") if p.read_bytes() == content)
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return path


def test_a_cache_that_is_whole(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    check(project, project / ".dvc" / "cache")
    assert caplog.messages == [
        f"4 objects of {project}/.dvc/cache are whole, and so are the outputs with checksums"
    ]


def test_outputs_that_are_not_what_dvc_lock_names(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as one that DVC took from a damaged object: it has no SHA256SUMS."""
    cache = project / ".dvc" / "cache"
    identifier = store(cache, b'{"loss": 1}')
    lock = json.loads((project / "dvc.lock").read_text())
    lock["stages"]["finetune"] = {"outs": [{"path": "metrics/finetune.json", "md5": identifier}]}
    write_text(project / "dvc.lock", json.dumps(lock))
    assert others(project, cache) == []
    write_text(project / "metrics" / "finetune.json", '{"loss": 1}')
    assert others(project, cache) == []
    write_text(project / "metrics" / "finetune.json", '{"loss": 3}')
    write_text(project / "data" / "encoded" / "b" / "c.txt", "b/c.TXT")
    assert others(project, cache) == ["data/encoded/b/c.txt", "metrics/finetune.json"]
    (project / "data" / "encoded" / "b" / "c.txt").rename(project / "data/encoded/b/d.txt")
    assert others(project, cache) == ["data/encoded/b/c.txt", "metrics/finetune.json"]
    assert others(project, cache, "metrics") == ["metrics/finetune.json"]
    with pytest.raises(
        InputError, match=r"metrics/finetune\.json: not the file that DVC has noted"
    ):
        check(project, cache)


def test_a_raw_file_that_is_not_what_its_pointer_names(project: Path) -> None:
    cache = project / ".dvc" / "cache"
    raw = project / "data" / "raw" / "acti" / "a.csv"
    identifier = store(cache, b"id,text\n")
    pointer = f"outs:\n- md5: {identifier}\n  size: 8\n  hash: md5\n  path: a.csv\n"
    write_text(raw.with_name("a.csv.dvc"), pointer)
    write_text(raw, "id,text\n")
    assert others(project, cache) == []
    write_text(raw, "id,texT\n")
    assert others(project, cache) == ["data/raw/acti/a.csv"]
    flip(project, b"id,text\n")
    with pytest.raises(InputError, match=r"damaged \(data/raw/acti/a\.csv\)\n"):
        check(project, cache)


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"b/c.txt", "data/encoded/b/c.txt"), (b"of an older run", "an older run")],
)
def test_a_flipped_bit_is_named_with_what_to_do(project: Path, content: bytes, name: str) -> None:
    path = flip(project, content)
    with pytest.raises(InputError, match=rf"{path}: damaged \({name}\)\ndelete these files"):
        check(project, project / ".dvc" / "cache")


def test_a_damaged_listing_is_named(project: Path) -> None:
    """DVC would restore a file under another name, or not at all."""
    (listing,) = project.glob(".dvc/cache/files/md5/??/*.dir")
    flip(project, listing.read_bytes())
    assert others(project, project / ".dvc" / "cache") == ["data/encoded"]
    with pytest.raises(InputError, match=rf"{listing}: damaged \(data/encoded\)"):
        check(project, project / ".dvc" / "cache")


def test_a_damaged_output_is_named(project: Path) -> None:
    (project / "data" / "encoded" / "a.txt").write_text("b.txt")
    with pytest.raises(InputError, match=r"data/encoded/a\.txt: does not have the checksum"):
        check(project, project / ".dvc" / "cache")
