"""Commands in processes of their own."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def command(
    folder: Path, module: str, *arguments: str, variables: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Runs a module of Python in a folder."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        text=True,
        capture_output=True,
        env=dict(variables),
    )


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
    return port
