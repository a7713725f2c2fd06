"""Settings: params.yaml and that of every queued experiment, checked before they cost a night.

Refuses what the stage check would refuse when its turn has come, tasks without raw files, and a
prompt file or raw files that neither git nor DVC tracks: a queued experiment runs in a copy of what
they track.

    python -m analysis.settings
"""

import logging
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.runs import show
from stages.check import check
from stages.common.command import InputError, argument_parser, run
from stages.common.settings import PARAMS, load
from stages.common.tracked import git

log = logging.getLogger(__name__)


def queued(shown: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yields name and settings of queued experiments, of what `dvc exp show --json` prints."""
    for base in shown:
        for each in base["experiments"] or ():
            if (each["executor"] or {}).get("state") == "queued":
                last = each["revs"][-1]
                params = last["data"]["params"]["params.yaml"]["data"]
                yield f"queued experiment {each['name'] or last['rev'][:7]}", params


def is_tracked(path: Path) -> bool:
    """Whether git tracks a file; True without git."""
    command = ["git", "ls-files", "--error-unmatch", str(path)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    return done.returncode != 1


def untracked(folder: Path) -> list[str]:
    """Names what a queued experiment would not find of a folder of raw files.

    Args:
        folder: of one task.

    Returns:
        Files that neither git tracks nor DVC, or the folder if it has none that is tracked; nothing
        without git, or of a folder elsewhere.
    """
    others = git("ls-files", "-z", "--others", "--exclude-standard", "--", str(folder))
    if others is None:
        return []
    if others:  # DVC has git ignore what it tracks
        return [name.decode() for name in others.split(b"\0") if name]
    pointers = [f"{each}.dvc" for each in (folder, *folder.parents) if each.name]
    return [] if git("ls-files", "--", str(folder), *pointers) else [str(folder)]


def problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yields what is wrong with settings.

    Args:
        settings: contents of params.yaml, by where they come from.
    """
    for source, content in settings.items():
        try:
            checked = check(content, source)
        except InputError as error:
            yield str(error)
        else:
            folders = [Path(checked.data.raw) / name for name in checked.tasks]
            if absent := [str(folder) for folder in folders if not folder.is_dir()]:
                yield f"{source}: data.raw: no folder {', '.join(absent)}"
            present = (folder for folder in folders if folder.is_dir())
            if others := [name for folder in present for name in untracked(folder)]:
                names = ", ".join(others[:3]) + (f" and {len(others) - 3} more" * (len(others) > 3))
                yield f"{source}: data.raw: not tracked: {names}; git add or dvc add them"
            if not is_tracked(Path(checked.data.prompts)):
                yield f"{source}: data.prompts: git does not track the file: git add it"


def main() -> None:
    """Checks, and prints what is wrong.

    Raises:
        InputError: if anything is.
    """
    argument_parser(__doc__).parse_args()
    settings = {str(PARAMS): load(PARAMS)}
    settings |= dict(queued(show()))
    if found := list(problems(settings)):
        raise InputError("\n".join(found))
    log.info("settings in order: %s", ", ".join(settings))


if __name__ == "__main__":
    run(main)
