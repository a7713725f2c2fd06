"""Fetches the organisers' public files into data/raw, and says where to ask for the others.

Reads data/public.yaml. Each file is imported with DVC (`dvc import-url`), whose .dvc file beside it
names its source and pins its content. A file that is there is not fetched again, so an interrupted
run goes on where it stopped. A file that has changed at its source is refused and not kept.

    python -m analysis.data                  # all tasks
    python -m analysis.data wicita nermud    # some
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from stages.common import outputs, settings
from stages.common.command import InputError, argument_parser, run
from stages.common.settings import Section

log = logging.getLogger(__name__)

PUBLIC = Path("data/public.yaml")
RAW = Path("data/raw")
GITHUB = "https://raw.githubusercontent.com"


class PublicFile(Section):
    """A file of a repository: its path there, its place in data/raw, and its md5 if it is known."""

    source: Annotated[str, Field(alias="from")]
    to: str
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None

    @property
    def task(self) -> str:
        """The task whose raw file it is."""
        return self.to.partition("/")[0]


class Public(Section):
    """The content of data/public.yaml: files by repository, and by task where to ask for others."""

    repositories: dict[str, list[PublicFile]]
    ask: dict[str, str]

    def files(self, tasks: Sequence[str]) -> Iterator[tuple[str, PublicFile]]:
        """Yields the files of some tasks, each with the path of its address."""
        for repository, files in self.repositories.items():
            for file in files:
                if file.task in tasks:
                    yield quote(f"/{repository}/HEAD/{file.source}"), file


def fetch(address: str, target: Path, md5: str | None) -> bool:
    """Imports a file with DVC, unless it is there with its .dvc file.

    Args:
        address: where it comes from.
        target: where it goes; FILE.dvc beside it is written too.
        md5: of its content; None: whatever comes.

    Returns:
        Whether it was fetched.

    Raises:
        InputError: if another file is there, if nothing can be fetched, or if it has changed.
    """
    from aiohttp import ClientError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    pointer = target.with_name(f"{target.name}.dvc")
    if target.exists():
        found = outputs.md5(target)
        if md5 not in (None, found):
            raise InputError(f"{target}: md5 {found}, expected {md5}; move it away to fetch it")
        if pointer.exists() or md5 is None:
            return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with Repo() as repo:
        try:
            repo.imp_url(address, out=str(target), force=True)
        except (DvcException, ClientError, OSError) as error:
            raise InputError(
                f"{address}: cannot be fetched ({error}); what was fetched before stays,"
                " and the same command goes on from there"
            ) from error
        if md5 not in (None, found := outputs.md5(target)):
            repo.remove(str(pointer), outs=True)
            raise InputError(
                f"{address}: has changed: md5 {found}, expected {md5}; see what is different, and"
                f" change {PUBLIC} if it is right"
            )
    return True


def main(host: str = GITHUB) -> None:
    """Fetches the files of the tasks named on the command line, or of all."""
    public = settings.read(Public, PUBLIC)
    known = sorted(
        {file.task for files in public.repositories.values() for file in files} | {*public.ask}
    )
    parser = argument_parser(__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(known)}")
    tasks = parser.parse_args().tasks or known
    if unknown := sorted({*tasks} - {*known}):
        raise InputError(f"no task {', '.join(unknown)}; known: {', '.join(known)}")
    logging.getLogger("dvc").setLevel(logging.WARNING)  # it says of each file how to add it to git
    for path, file in public.files(tasks):
        fetched = fetch(host + path, RAW / file.to, file.md5)
        log.info("%s %s", RAW / file.to, "fetched" if fetched else "is there")
    for task in tasks:
        if task in public.ask:
            log.info("%s: not public at a stable address: %s", task, public.ask[task])


if __name__ == "__main__":
    run(main)
