"""Provenance: what an adapter is, whether its record is its own, and whether it can be rebuilt.

Reads the record that finetune writes beside an adapter (ADAPTER.run.json; in an exported folder
run.json) and compares it with the adapter's files, and with what is here: the commit, base, splits
and prompts in the workspace, in git or in DVC's cache, the installed versions, params.yaml. Every
file is compared by its content. The exit status is 0 if the record is the adapter's own and the
adapter can be rebuilt from what is here, otherwise 1.

    python -m analysis.provenance models/adapter
"""

import hashlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from analysis.dvc import dvc
from analysis.report import flat
from stages.common import settings
from stages.common.command import InputError, argument_parser, run
from stages.common.files import read_text
from stages.common.outputs import sha256
from stages.common.tracked import git
from stages.training.provenance import FileHash, Place, RunRecord, record_path

log = logging.getLogger(__name__)

EXPORTED = "run.json"
"""The record's name within an exported adapter."""

SETTINGS = "params.yaml"
"""The one file that may differ from the commit, for the record holds the settings."""


class Finding(NamedTuple):
    """A part of a record, compared with what is here.

    Attributes:
        what: the part.
        is_here: whether it is here as recorded; None where it does not matter.
        text: what was found.
    """

    what: str
    is_here: bool | None
    text: str


# --- The record -----------------------------------------------------------------------------------


def read_record(adapter: Path) -> RunRecord:
    """Reads the record of an adapter.

    The record beside an adapter is of another one where DVC has restored the adapter without
    running finetune. Then git is asked for a commit, or an experiment of DVC, with the right one.

    Args:
        adapter: its folder, as finetune or analysis.export writes it.

    Raises:
        InputError: if there is none, it cannot be read, or it is of other files.
    """
    if not adapter.is_dir():
        raise InputError(f"{adapter}: no such folder; expected an adapter, as finetune writes it")
    path = adapter / EXPORTED
    if not path.is_file():
        path = record_path(adapter)
    record = _parse(path, read_text(path)) if path.is_file() else None
    if record and not (problems := list(_differences(adapter, record.adapter))):
        return record
    for commit, earlier in _history(path, adapter):
        if not list(_differences(adapter, earlier.adapter)):
            log.info("the record of %s is in commit %s", adapter, commit)
            return earlier
    if record is None:
        raise InputError(f"{path}: no record of the run that made {adapter}, nor one in git")
    raise InputError(
        f"{path}: the record of another adapter, not of {adapter}: {'; '.join(problems)}. Nor is"
        " one in git: the adapter is from elsewhere, or was damaged"
    )


def _parse(path: Path, content: str) -> RunRecord:
    try:
        return RunRecord.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path}: not a record as finetune writes it: {error}") from error


def _history(path: Path, adapter: Path) -> Iterator[tuple[str, RunRecord]]:
    """Yields commits with a record that names an adapter's weights, and the record."""
    for weights in adapter.glob("adapter_model.*"):
        wanted = f"-S{sha256(weights)}"
        commits = git("log", "--all", "--format=%H", wanted, "--", str(path)) or b""
        for commit in commits.decode().split():
            content = git("show", f"{commit}:./{path.as_posix()}")
            if content is not None:  # a commit may have deleted it
                with suppress(InputError):
                    yield commit, _parse(path, content.decode(errors="replace"))


def _differences(adapter: Path, recorded: Mapping[str, FileHash]) -> Iterator[str]:
    """Says which of an adapter's files are not as recorded."""
    for name, expected in recorded.items():
        path = adapter / Path(name).name
        if not path.is_file():
            yield f"{name} is not there"
        elif (found := sha256(path)) != expected.sha256:
            yield f"{name} has sha256 {found[:12]}…, the record says {expected.sha256[:12]}…"


# --- What is here ---------------------------------------------------------------------------------


def cache_folder() -> Path | None:
    """Returns the folder of DVC's cache; None outside a repository of DVC."""
    try:
        return Path(dvc("cache", "dir").strip())
    except InputError:
        return None


class Here:
    """The repository that one is in: its workspace, its commits, DVC's cache."""

    def __init__(self, commit: str | None) -> None:
        """Looks for the commit of a record.

        Args:
            commit: its hash.
        """
        known = commit and git("cat-file", "-e", f"{commit}^{{commit}}") is not None
        self.commit = commit if known else None
        self._cache = cache_folder()

    def find(self, path: str, expected: FileHash) -> str | None:
        """Says where a file is that has the recorded content; None if nowhere."""
        if Path(path).is_file() and sha256(Path(path)) == expected.sha256:
            return "here"
        content = git("show", f"{self.commit}:{path}") if self.commit else None
        if content is not None and hashlib.sha256(content).hexdigest() == expected.sha256:
            return "in git"
        if self._cache and expected.md5:
            kept = self._cache / "files" / "md5" / expected.md5[:2] / expected.md5[2:]
            if kept.is_file() and sha256(kept) == expected.sha256:
                return "in DVC's cache"
        return None

    def files(self, what: str, files: Mapping[str, FileHash]) -> Finding:
        """Looks for files, by path."""
        places = {path: self.find(path, expected) for path, expected in files.items()}
        if missing := [path for path, place in places.items() if place is None]:
            return Finding(what, False, f"not as recorded, here or in git: {', '.join(missing)}")
        where = ", ".join(sorted({str(place) for place in places.values()}))
        return Finding(what, True, f"{', '.join(files)}: as recorded ({where})")

    def place(self, what: str, place: Place) -> Finding:
        """Looks for a base or tokenizer."""
        if place.revision:
            return Finding(what, True, f"{place.place} of the hub at commit {place.revision}")
        files = {f"{place.place}/{name}": expected for name, expected in place.files.items()}
        return self.files(what, files)


def findings(record: RunRecord) -> list[Finding]:
    """Compares a record with what is here."""
    here = Here(record.code.commit if record.code else None)
    found = [_code(record, here), here.place("base", record.base)]
    if record.tokenizer:
        found.append(here.place("tokenizer", record.tokenizer))
    inputs = here.files("inputs", record.inputs)
    if not inputs.is_here:
        hint = "dvc pull, or dvc repro encode at that commit"
        inputs = inputs._replace(text=f"{inputs.text} ({hint})")
    return [*found, inputs, _versions(record), _params(record)]


def _code(record: RunRecord, here: Here) -> Finding:
    if record.code is None:
        return Finding("code", False, "the run was outside git: no commit")
    commit, changed = record.code.commit, record.code.changed
    about = f"commit {commit}, " + (f"with changes in {', '.join(changed)}" if changed else "clean")
    if not here.commit:
        return Finding("code", False, f"{about}; no such commit here (git fetch)")
    return Finding("code", {*changed} <= {SETTINGS}, about)


def _versions(record: RunRecord) -> Finding:
    differing = [
        f"{package} {recorded}, here {found}"
        for package, recorded in record.cost.get("versions", {}).items()
        if (found := _installed(package)) != recorded
    ]
    text = f"differ, so that bytes may: {'; '.join(differing)}" if differing else "as recorded"
    return Finding("versions", None, text)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _params(record: RunRecord) -> Finding:
    try:
        here = dict(flat(settings.load(settings.PARAMS)))
    except InputError as error:
        return Finding("settings", None, str(error))
    differing = [
        f"{key} {value}, here {here.get(key)}"
        for key, value in flat(record.settings)
        if here.get(key) != value
    ]
    return Finding("settings", None, "; ".join(differing) or "those of params.yaml")


# --- The page -------------------------------------------------------------------------------------


def is_rebuildable(found: list[Finding]) -> bool:
    """Whether everything that determines the adapter is here."""
    return all(finding.is_here is not False for finding in found)


def summary(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Says what an adapter is, in pairs of a label and a text."""
    own = dict(flat(record.settings))
    rank, alpha = own.get("finetune.lora.rank"), own.get("finetune.lora.alpha")
    yield "adapter", f"LoRA of rank {rank}, alpha {alpha}, on {record.base.place}"
    name = f", experiment {record.experiment}" if record.experiment else ""
    yield "made", f"{record.written}{name}, seed {own.get('finetune.seed')}"
    cost: Mapping[str, Any] = record.cost
    yield "on", f"{cost.get('device')}, Python {record.python}, {record.platform}"
    yield "cost", f"{cost.get('seconds')} s, {cost.get('energy_kwh')} kWh"


def verdict(record: RunRecord, found: list[Finding]) -> str:
    """Says whether, and how, the adapter can be rebuilt."""
    if not is_rebuildable(found):
        missing = ", ".join(finding.what for finding in found if finding.is_here is False)
        return f"cannot be rebuilt from what is here: {missing}"
    commit = record.code.commit[:12] if record.code else ""
    changed = " with the settings of the record" if record.code and record.code.changed else ""
    return (
        f"can be rebuilt: git checkout {commit}, dvc repro finetune{changed}; to the byte on the"
        " same kind of machine with the same versions, elsewhere up to rounding"
    )


def main() -> None:
    """Prints the page."""
    parser = argument_parser(__doc__)
    parser.add_argument("adapter", nargs="?", type=Path, default=Path("models/adapter"))
    adapter: Path = parser.parse_args().adapter
    record = read_record(adapter)
    for label, text in summary(record):
        print(f"{label:<11}{text}")
    found = findings(record)
    for finding in found:
        print(f"{finding.what:<11}{finding.text}")
    print(f"\n{adapter} {verdict(record, found)}.")
    sys.exit(0 if is_rebuildable(found) else 1)


if __name__ == "__main__":
    run(main)
