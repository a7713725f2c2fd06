"""DVC's commands, as a person would type them."""

import json
import subprocess
import sys

from stages.common.command import InputError


def dvc(*arguments: str) -> str:
    """Runs a command of DVC in the current folder.

    Args:
        *arguments: such as "plots", "show", "--json".

    Returns:
        What it printed.

    Raises:
        InputError: with DVC's message if it fails.
    """
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise InputError(f"dvc {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def changed_stages() -> list[str]:
    """Returns the stages before the scores whose inputs or outputs are not the last run's."""
    return sorted(json.loads(dvc("status", "--json", "--with-deps", "evaluate")))
