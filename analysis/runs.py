"""Runs of experiments as DVC has noted them: which are at work, and what others have left behind.

DVC notes that a run has begun. If it, the queue's worker or the machine is killed, nobody notes the
end. Only processes of this machine are seen.
"""

import json
import logging
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.dvc import dvc
from stages.common.command import InputError
from stages.common.files import write_text

log = logging.getLogger(__name__)

TEMPORARY = Path(".dvc/tmp/exps")
NOTES = TEMPORARY / "run"  # a folder for each run, of the name of its revision
ATTEMPTS = 3  # to show experiments while others end
SETTLED = 2.0  # seconds in which one that has just begun, or ended, has its folder, or no note
NOBODY = 2**30  # above the largest number that a process can have


class Note(NamedTuple):
    """What DVC has noted of a run.

    Attributes:
        place: workspace, tempdir (dvc exp run --temp), dvc-task (the queue) or "" without a note.
        folder: where it runs.
    """

    place: str
    folder: Path | None


def read_note(revision: str) -> Note:
    """Reads the note of a run; one that is absent or defective is empty.

    Args:
        revision: of the run, which DVC also gives to an experiment that has not finished.
    """
    try:
        text = (NOTES / revision / f"{revision}.run").read_text(encoding="utf-8")
        content = json.loads(text)
        return Note(content["location"], Path(content["root_dir"]))
    except (OSError, ValueError, KeyError):
        return Note("", None)


def is_at_work(folder: Path) -> bool:
    """Whether a process works in a folder, as DVC does where it runs an experiment.

    The number of a process says less: after a restart of the machine another one may have it.
    """
    from psutil import process_iter

    return any(process.info["cwd"] == str(folder.resolve()) for process in process_iter(["cwd"]))


def works_here(command: str) -> bool:
    """Whether a process is busy with `dvc exp COMMAND` in the current folder."""
    from psutil import process_iter

    for process in process_iter(["cwd", "cmdline"]):
        words = {*(process.info["cmdline"] or ())}
        is_one = command in words and words & {"exp", "experiments"}
        if is_one and process.info["cwd"] == str(Path.cwd()):
            return True
    return False


def show() -> list[dict[str, Any]]:
    """Returns what `dvc exp show --json` prints of this commit, and of others where one is left.

    By itself DVC shows those that began at the current commit. Others may be queued, at work or
    failed.

    Raises:
        InputError: if there are lost ones, of which DVC can show nothing, or if DVC fails.
    """
    from dvc.repo import Repo

    if missed := lost():
        time.sleep(SETTLED)
        if names := [name for revision, name in lost().items() if revision in missed]:
            raise InputError(
                f"experiment {', '.join(names)}: DVC takes it for running, but its folder is gone:"
                " make clear-experiments"
            )
    with Repo() as repo:
        queue, temporary = repo.experiments.celery_queue, repo.experiments.tempdir_queue
        left = [*queue.iter_queued(), *queue.iter_active(), *temporary.iter_active()]
        left += [entry for entry, _ in queue.iter_failed()]
    commits = dict.fromkeys(["HEAD", *(entry.baseline_rev for entry in left)])
    options = [option for commit in commits for option in ("--rev", commit)]
    return _shown(options)


def _shown(options: Sequence[str], attempts: int = ATTEMPTS) -> list[dict[str, Any]]:
    """What DVC prints; an experiment that ends while it looks takes its folder away."""
    try:
        return json.loads(dvc("exp", "show", "--json", *options))  # type: ignore[no-any-return]
    except InputError as error:
        if "does not exist" not in str(error) or attempts == 1:
            raise
        return _shown(options, attempts - 1)


def lost() -> dict[str, str]:
    """Finds what DVC takes for running and what has no folder: names by revision."""
    from dvc.repo import Repo

    with Repo() as repo:
        active = list(repo.experiments.celery_queue.iter_active())
    found = {}
    for entry in active:
        folder = read_note(entry.stash_rev).folder
        if folder is None or not (folder / ".dvc").is_dir():
            found[entry.stash_rev] = entry.name or entry.stash_rev[:7]
    return found


def end(revision: str, name: str) -> None:
    """Tells DVC that a run of the queue has been killed, or logs why DVC thinks otherwise."""
    process = NOTES / revision / f"{revision}.json"
    if process.is_file():  # DVC signals to this number, which another process may have by now
        content = json.loads(process.read_text(encoding="utf-8"))
        write_text(process, json.dumps(content | {"pid": NOBODY}))
    try:
        dvc("queue", "kill", name)
    except InputError as error:  # it has ended, or its worker is still there
        log.warning("%s", error)


def clear() -> int:
    """Removes folders and notes of runs that no process works for, and the logs beside the notes.

    Also the notes of a run in the workspace, unless there is one: if such a run is killed they
    stay, and DVC goes on to take the commit where it began for the current one.

    Returns:
        The number of folders.
    """
    is_busy = works_here("run")
    some_may_begin = is_busy or works_here("queue-worker")
    notes = [(path.parent, read_note(path.stem)) for path in NOTES.glob("*/*.run")]
    noted = {note.folder for _, note in notes}
    removed = 0
    for folder in [*TEMPORARY.glob("tmp*"), *TEMPORARY.glob("standalone/tmp*")]:
        if not is_at_work(folder) and (folder.resolve() in noted or not some_may_begin):
            shutil.rmtree(folder)
            removed += 1
    for place, note in notes:
        is_used = is_busy if note.place == "workspace" else note.folder and note.folder.is_dir()
        if not is_used:
            shutil.rmtree(place)
    if not is_busy:
        references = git("for-each-ref", "--format=delete %(refname)", "refs/exps/exec")
        git("update-ref", "--stdin", given=references)
    return removed


def git(*arguments: str, given: str = "") -> str:
    """Runs git and returns what it printed."""
    command = ["git", *arguments]
    done = subprocess.run(command, input=given, text=True, check=True, stdout=subprocess.PIPE)  # noqa: S603
    return done.stdout
