"""Provenance: a record of the run that made an adapter, in a file beside the adapter's folder.

What determined the result is in it, and what made no difference but is asked for: commit, machine,
cost. As it differs from run to run, no stage declares it as its output; it names the adapter's
files by hash, so that it is never taken for the record of another one (docs/decisions/0007).
"""

import hashlib
import logging
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from huggingface_hub import try_to_load_from_cache
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stages.common.files import write_json
from stages.model.settings import Model

log = logging.getLogger(__name__)

INPUTS = ("stages", "dvc.yaml", "params.yaml", "data")
"""What of a commit determines an adapter."""

OWN = "adapter_*"
"""The files of an adapter itself, its configuration and its weights."""

SHA256 = re.compile(r"[0-9a-f]{64}")


class Part(BaseModel):
    """A part of a record, as strict in reading as it is written: a record may come from a hub."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FileHash(Part):
    """A file's content: size in bytes, and hashes in hex (md5 is what DVC's cache goes by)."""

    size: int
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None


class Code(Part):
    """A commit, and the files among `INPUTS` that differed from it."""

    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    changed: list[str]


class Place(Part):
    """A base or tokenizer: a folder or a hub id with its commit, and the hashes of its files."""

    place: str
    revision: str | None
    files: dict[str, FileHash]


class RunRecord(Part):
    """What is known of the run that made an adapter.

    Attributes:
        written: when it ended, in UTC.
        experiment: name of DVC's experiment that it was part of.
        adapter: hashes of the adapter's files, by name.
        code: commit of the repository; None outside one.
        base: the base model.
        tokenizer: the tokenizer, if it is not the base's own.
        inputs: hashes of the files that it learnt from, splits and prompts, by path.
        settings: all settings that finetune read, the seed among them.
        python: version of Python.
        platform: system and processor.
        cost: as in metrics/cost/finetune.json: device, processes, versions, times, energy.
    """

    written: str
    experiment: str | None
    adapter: dict[str, FileHash]
    code: Code | None
    base: Place
    tokenizer: Place | None
    inputs: dict[str, FileHash]
    settings: dict[str, Any]
    python: str
    platform: str
    cost: dict[str, Any]


def record_path(adapter: Path) -> Path:
    """Returns where the record of an adapter lies: models/adapter.run.json for models/adapter."""
    return adapter.with_name(f"{adapter.name}.run.json")


def write_beside(adapter: Path, record: RunRecord) -> None:
    """Writes the record of an adapter beside it, unless the one there is of an equal adapter."""
    path = record_path(adapter)
    if path.is_file():
        try:
            before = RunRecord.model_validate_json(path.read_bytes())
        except ValidationError:
            before = None
        if before and before.adapter == record.adapter:
            log.info("%s stays: an equal adapter was made before", path)
            return
    write_json(path, record.model_dump())
    log.info("wrote %s", path)


def make_record(
    adapter: Path,
    model: Model,
    inputs: list[Path],
    settings: dict[str, Any],
    cost: dict[str, Any],
) -> RunRecord:
    """Describes the run that has just written an adapter.

    Args:
        adapter: its folder.
        model: the base.
        inputs: the files that were read: splits and prompts.
        settings: of params.yaml, as finetune read them.
        cost: what the run cost.
    """
    return RunRecord(
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        experiment=os.environ.get("DVC_EXP_NAME"),
        adapter={path.name: file_hash(path) for path in sorted(adapter.glob(OWN))},
        code=current_code(),
        base=_place(model.base, model.revision),
        tokenizer=_place(model.tokenizer, model.tokenizer_revision) if model.tokenizer else None,
        inputs={path.as_posix(): file_hash(path) for path in inputs},
        settings=settings,
        python=platform.python_version(),
        platform=platform.platform(),
        cost=cost,
    )


def file_hash(path: Path, *, md5: bool = True) -> FileHash:
    """Hashes a file."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        of_dvc = hashlib.file_digest(file, _md5).hexdigest() if md5 else None
    return FileHash(size=path.stat().st_size, sha256=sha256, md5=of_dvc)


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def git(*arguments: str) -> bytes | None:
    """Runs git in the current folder; returns what it printed, or None if it failed."""
    command = ["git", *arguments]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None


def current_code() -> Code | None:
    """Returns the commit that is checked out and what differs from it; None outside git."""
    commit = git("rev-parse", "HEAD")
    status = git("status", "--porcelain", "-z", "--no-renames", "-unormal", "--", *INPUTS)
    if commit is None or status is None:
        return None
    changed = [entry[3:] for entry in status.decode(errors="replace").split("\0") if entry]
    return Code(commit=commit.decode().strip(), changed=sorted(changed))


def _place(name: str, revision: str | None) -> Place:
    """Describes a base or tokenizer, which has just been loaded."""
    folder = Path(name) if Path(name).is_dir() else _hub_folder(name, revision)
    paths = sorted(folder.iterdir()) if folder else []
    files = [path for path in paths if path.is_file() and path.suffix != ".md"]
    return Place(
        place=name, revision=revision, files={path.name: _hash_once(path) for path in files}
    )


def _hub_folder(name: str, revision: str | None) -> Path | None:
    """Finds the folder of a hub id in the hub's cache."""
    for file in ("config.json", "tokenizer_config.json"):
        path = try_to_load_from_cache(name, file, revision=revision)
        if isinstance(path, str):
            return Path(path).parent
    return None


def _hash_once(path: Path) -> FileHash:
    """Hashes a file of a base; the hub's cache names the large ones by their hash already."""
    blob = path.resolve()
    if path.is_symlink() and SHA256.fullmatch(blob.name):
        return FileHash(size=blob.stat().st_size, sha256=blob.name)
    return file_hash(path, md5=False)
