"""Check: are the objects of DVC's cache, and the outputs in the workspace, as they were written?

DVC names an object of its cache by the MD5 of its content, and trusts it as long as it is
read-only: a bit that flips on the disk goes into the workspace unnoticed. Here every object is read
and compared with its name, every output with dvc.lock, every raw file with its FILE.dvc, and with
SHA256SUMS where there is one.

    python -m analysis.integrity    (make integrity)
"""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from stages.common.command import InputError, argument_parser, run
from stages.common.outputs import SUMS, check_sums, folder_md5, md5
from stages.common.settings import load
from stages.common.tracked import pointed

log = logging.getLogger(__name__)

OTHER = "not the file that DVC has noted: changed since (dvc status), or damaged"
OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")


def objects(cache: Path) -> list[Path]:
    """Lists the objects of a cache, in ``files/md5`` of its folder, as DVC 3 lays them out."""
    store = cache / "files" / "md5"
    return sorted(p for p in store.glob("*/*") if OBJECT.fullmatch(p.relative_to(store).as_posix()))


def is_whole(path: Path) -> bool:
    """Whether an object has the content that its name says."""
    return md5(path) == path.parent.name + path.name.removesuffix(".dir")


class Tracked(NamedTuple):
    """What DVC tracks.

    Attributes:
        path: from the project's root.
        identifier: its hash; of a folder, that of its list of files, with ``.dir`` at the end.
        listing: of a folder, the path of this list in the cache.
        is_inside: whether it is in the list of a folder.
    """

    path: str
    identifier: str
    listing: Path | None = None
    is_inside: bool = False


def tracked(root: Path, cache: Path) -> Iterator[Tracked]:
    """Yields what dvc.lock and .dvc files track, and the files of folders whose list is whole.

    Args:
        root: of the project.
        cache: DVC's.
    """
    for path, identifier in [*locked(root), *by_pointers(root)]:
        if not identifier.endswith(".dir"):
            yield Tracked(path, identifier)
            continue
        listing = cache / "files" / "md5" / identifier[:2] / identifier[2:]
        yield Tracked(path, identifier, listing)
        if listing.is_file() and is_whole(listing):
            for entry in json.loads(listing.read_bytes()):
                yield Tracked(f"{path}/{entry['relpath']}", entry["md5"], is_inside=True)


def locked(root: Path) -> Iterator[tuple[str, str]]:
    """Yields path and hash of the outputs in dvc.lock."""
    lock: Any = load(root / "dvc.lock") if (root / "dvc.lock").is_file() else {}
    for stage in lock.get("stages", {}).values():
        for out in stage.get("outs", []):
            yield out["path"], str(out.get("md5", ""))


def by_pointers(root: Path) -> Iterator[tuple[str, str]]:
    """Yields path and hash of what files such as data/raw/TASK/FILE.dvc track."""
    for pointer in sorted({*root.glob("*.dvc"), *root.glob("data/**/*.dvc")}):
        for path, identifier in pointed(pointer):
            yield path.relative_to(root).as_posix(), identifier


def others(root: Path, cache: Path, below: str = "") -> list[str]:
    """Finds what is in the workspace and is not what dvc.lock and .dvc files name.

    Args:
        root: of the project.
        cache: DVC's.
        below: the beginning of their paths.

    Returns:
        The paths, sorted: files that differ, files that lack in a folder that is there, and folders
        whose list of files is damaged, or is not in the cache and would be another one.
    """
    return sorted(
        each.path
        for each in tracked(root, cache)
        if each.path.startswith(below) and differs(root, each)
    )


def differs(root: Path, each: Tracked) -> bool:
    """Whether something in the workspace is not what DVC has noted of it."""
    path = root / each.path
    if each.listing and each.listing.is_file():
        return path.is_dir() and not is_whole(each.listing)
    if each.listing:
        return path.is_dir() and folder_md5(path) != each.identifier
    if path.is_file():
        return md5(path) != each.identifier
    return each.is_inside and path.parent.is_dir()


def warn_of_others(below: str) -> None:
    """Warns of outputs in the current project that are not what dvc.lock names."""
    root = Path.cwd()
    for path in others(root, cache_folder(root), below):
        log.warning("%s: %s", path, OTHER)


def cache_folder(root: Path) -> Path:
    """The folder of DVC's cache."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        return Path(repo.cache.local.path).parents[1]


def check(root: Path, cache: Path) -> None:
    """Compares objects with their names, and outputs with their checksums.

    Args:
        root: of the project.
        cache: DVC's.

    Raises:
        InputError: naming what is damaged, and what to do.
    """
    names: dict[str, list[str]] = {}
    for each in tracked(root, cache):
        names.setdefault(each.identifier, []).append(each.path)
    found = objects(cache)
    damaged = [path for path in tqdm(found, desc="check", unit="object") if not is_whole(path)]
    problems = [
        f"{path}: damaged ({', '.join(names.get(path.parent.name + path.name, ['an older run']))})"
        for path in damaged
    ]
    if damaged:
        problems.append(
            "delete these files, then bring them back: dvc pull, where a remote has them, or dvc"
            " repro, which makes them again"
        )
    problems += [f"{root / path}: {OTHER}" for path in others(root, cache)]
    for folder in sorted({path.parent for path in root.glob(f"*/*/{SUMS}")}):
        try:
            check_sums(folder)
        except InputError as error:
            problems.append(f"{error}; delete {folder} before dvc checkout, which may trust it")
    if problems:
        raise InputError("\n".join(problems))
    log.info("%d objects of %s are whole, and so are the outputs with checksums", len(found), cache)


def main() -> None:
    """Checks the project in the current folder."""
    argument_parser(__doc__).parse_args()
    root = Path.cwd()
    check(root, cache_folder(root))


if __name__ == "__main__":
    run(main)
