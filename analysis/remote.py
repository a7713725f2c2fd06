"""Remote: does a remote of DVC's hold every object of this commit, whole?

Every object is read from the remote and hashed, for DVC itself asks a remote for names only, and
takes all files of a folder for present whose listing is there: `dvc push` and `dvc status --cloud`
find in order what is lost or damaged.

    python -m analysis.remote                # the default remote
    python -m analysis.remote lab --mend     # the next `dvc push` will send again what is amiss

Mending deletes damaged objects, whose content is not what their name says, and the listings of the
folders that they or lost ones belong to. The push has to come from a clone that has all of them.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.integrity import is_whole
from stages.common.command import InputError, argument_parser, run

log = logging.getLogger(__name__)


class Amiss(NamedTuple):
    """An object that a remote does not hold as it should.

    Attributes:
        path: where the object is.
        file: the file, or folder, of this commit that it is.
        is_lost: whether there is none; else its content is damaged.
    """

    path: str
    file: str
    is_lost: bool


def amiss(odb: Any, objects: Any) -> Iterator[Amiss]:
    """Yields the objects that are lost or damaged.

    Args:
        odb: the remote's, of DVC.
        objects: hashes with the names of their files, of DVC.
    """
    from dvc_data.hashfile.hash import file_md5
    from tqdm import tqdm

    for known in tqdm(sorted(objects, key=lambda o: str(o.value)), desc="read", unit="object"):
        path, expected = odb.oid_to_path(known.value), known.value.removesuffix(".dir")
        try:
            if file_md5(path, odb.fs) != expected:
                yield Amiss(path, known.obj_name or "", is_lost=False)
        except FileNotFoundError:
            yield Amiss(path, known.obj_name or "", is_lost=True)


def unfit(odb: Any, objects: Any, found: Sequence[Amiss]) -> set[str]:
    """Returns where a remote has what stands in the way of a `dvc push` that would mend it.

    Args:
        odb: the remote's, of DVC.
        objects: all hashes with the names of their files, of DVC.
        found: those that are amiss.
    """
    listings = {
        odb.oid_to_path(known.value)
        for known in objects
        if known.value.endswith(".dir")
        and any(each.file.startswith(f"{known.obj_name}/") for each in found)
    }
    lost = {each.path for each in found if each.is_lost}
    return (listings | {each.path for each in found}) - lost


def listings(repo: Any) -> set[Any]:
    """The lists of files of the folders that a remote has, as objects of DVC.

    DVC takes such a list from the remote unseen, even with ``verify``, to know what else to fetch.
    """
    from attrs import evolve

    outputs = (out for out in repo.index.outs if out.use_cache and out.hash_info)
    return {evolve(out.hash_info, obj_name=str(out)) for out in outputs if out.hash_info.isdir}


def cache_has(repo: Any, objects: Iterable[Any]) -> bool:
    """Whether the cache has objects, whole."""
    paths = [Path(repo.cache.local.oid_to_path(known.value)) for known in objects]
    return all(path.is_file() and is_whole(path) for path in paths)


def main() -> None:
    """Reads the remote and prints what is amiss.

    Raises:
        InputError: if anything is.
    """
    parser = argument_parser(__doc__)
    parser.add_argument("remote", nargs="?", help="its name; the default remote if absent")
    parser.add_argument("--mend", action="store_true", help="let `dvc push` send them again")
    arguments = parser.parse_args()

    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            odb = repo.cloud.get_remote_odb(arguments.remote)
            objects = listings(repo)
            found = list(amiss(odb, objects))
            if not found or cache_has(repo, objects):
                objects = {known for group in repo.used_objs().values() for known in group if known}
                found = list(amiss(odb, objects))
            else:
                log.info("what is in these folders is not known here; a clone that has them knows")
            if arguments.mend:
                for path in unfit(odb, objects, found):
                    odb.fs.remove(path)
    except DvcException as error:
        raise InputError(str(error)) from error
    for each in found:
        log.info("%s, %s: %s", "lost" if each.is_lost else "damaged", each.file, each.path)
    log.info("%d objects, %d of them amiss", len(objects), len(found))
    if found and arguments.mend:
        log.info("now `dvc push`, from a clone that has them")
    elif found:
        raise InputError("the remote is not whole; with --mend the next `dvc push` sends it again")


if __name__ == "__main__":
    run(main)
