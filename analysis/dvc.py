"""DVC's commands, as a person would type them."""

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
