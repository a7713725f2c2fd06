"""What identifies a base, its tokenizer and the prompts: hashes of what they consist of.

finetune writes them beside the adapter, in inputs.json; who uses the adapter compares, so that a
base that was damaged or exchanged since is an error and no other result.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from stages.common.command import InputError
from stages.common.files import read_bytes
from stages.common.outputs import SUMS, check_sums, sha256
from stages.common.prompts import Prompts
from stages.model.processes import here
from stages.model.settings import Model

INPUTS = "inputs.json"
LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes", "tokenizers")
THREADS = 4  # that read the files of a base

Hashes = dict[str, dict[str, str]]
"""Hashes of base, tokenizer, prompts and data, by the names of their parts."""


def check_base(settings: Model) -> None:
    """Compares the files of base and tokenizer with their SHA256SUMS, if there is one.

    Raises:
        InputError: naming the files that differ.
    """
    for place in filter(None, (settings.base, settings.tokenizer)):
        check_sums(Path(place))


def identify(settings: Model, prompts: Prompts, *files: Path) -> Hashes:
    """Hashes base, tokenizer and prompts; the main process reads, all get the hashes.

    Args:
        settings: which base and tokenizer. A hub id is identified by its commit.
        prompts: what the model is given.
        *files: further ones, such as what it learns from.

    Raises:
        InputError: if a file cannot be read.
    """
    return here().from_main(_hashes(settings, prompts, files) if here().main else {})


def _hashes(settings: Model, prompts: Prompts, files: Sequence[Path]) -> Hashes:
    texts = {"header": prompts.header, "template": prompts.template} | {
        f"instruction of {subtask}": text for subtask, text in prompts.instructions.items()
    }
    return model_hashes(settings) | {
        "prompts": {
            name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()
        },
        "data": {path.name: sha256(path) for path in files},
    }


def model_hashes(settings: Model) -> Hashes:
    """Hashes base and tokenizer."""
    return {
        "base": _place_hashes(settings.base, settings.revision),
        "tokenizer": _place_hashes(settings.tokenizer, settings.tokenizer_revision),
    }


def _place_hashes(place: str | None, revision: str | None) -> dict[str, str]:
    """The hashes of a folder's files by name, or a hub id with its commit."""
    if not place:
        return {}
    if not Path(place).is_dir():
        return {place: str(revision)}
    files = sorted(path for path in Path(place).iterdir() if is_part(path))
    with ThreadPoolExecutor(THREADS) as threads:
        return dict(zip([path.name for path in files], threads.map(sha256, files), strict=True))


def is_part(path: Path) -> bool:
    """Whether something in the folder of a base or tokenizer is a part of it, not about it."""
    return path.is_file() and path.suffix != ".md" and path.name != SUMS


def fingerprint(known: Hashes) -> str:
    """Returns a text that differs whenever one of the hashes or of the libraries' versions does."""
    return json.dumps([known, {name: version(name) for name in LIBRARIES}])


def check_adapter(adapter: Path, known: Hashes) -> None:
    """Compares an adapter's files with SHA256SUMS, and its inputs with those it was trained with.

    An adapter of other origin may be without a record of them. An instruction that it was not
    trained with is no difference.

    Args:
        adapter: its folder.
        known: the hashes of what it is going to be used with.

    Raises:
        InputError: naming what differs, and what to do.
    """
    check_sums(adapter)
    path = adapter / INPUTS
    if not path.is_file():
        return
    try:
        recorded = TypeAdapter(Hashes).validate_json(read_bytes(path), strict=True)
    except ValidationError as error:
        raise InputError(f"{path}: expected hashes by name, as finetune writes them") from error
    if problems := [
        f"{kind}: {', '.join(names)} changed since {adapter} was trained"
        for kind in ("base", "tokenizer", "prompts")
        if (names := _differing(recorded.get(kind, {}), known[kind], strict=kind != "prompts"))
    ]:
        remedy = (
            "either something was damaged: bring it back (git, dvc checkout); or the change is"
            f" meant: run finetune again, or delete {path} and {adapter / SUMS} to use the adapter"
            " all the same"
        )
        raise InputError("\n".join([*problems, remedy]))


def _differing(then: Mapping[str, str], now: Mapping[str, str], *, strict: bool) -> list[str]:
    """The names whose hashes differ; if strict, also those that are in one of the two alone."""
    names = {*then, *now} if strict else then.keys() & now.keys()
    return sorted(name for name in names if then.get(name) != now.get(name))
