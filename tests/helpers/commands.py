"""Commands in processes of their own.

Most of the time of a stage is that of loading libraries. `command` therefore forks its processes
from one that has loaded them, where nothing but the libraries is shared: the code of the project is
read anew from the folder where the command runs.
"""

import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.process import BaseProcess
from pathlib import Path

LIBRARIES = ["torch", "transformers.modeling_utils", "peft", "accelerate", "datasets", "codecarbon"]
LIBRARIES += ["dvc.cli", "dvc.repo", "dvc.repo.experiments", "dvc.scm", "dvc_data.index"]
SERVER = multiprocessing.get_context("forkserver")


def command(
    folder: Path,
    module: str,
    *arguments: str,
    variables: Mapping[str, str] = os.environ,
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """Runs a module of Python in a folder.

    Args:
        folder: where it runs, and whose code it runs.
        module: its name.
        *arguments: of the command line.
        variables: the environment.
        given: standard input.
    """
    with tempfile.TemporaryDirectory() as temporary:
        streams = [Path(temporary) / name for name in ("in", "out", "err")]
        streams[0].write_text(given, encoding="utf-8")
        process = start(folder, module, *arguments, variables=variables, streams=streams)
        process.join()
        out, err = (path.read_text(encoding="utf-8") for path in streams[1:])
    assert process.exitcode is not None
    return subprocess.CompletedProcess([module, *arguments], process.exitcode, out, err)


def start(
    folder: Path,
    module: str,
    *arguments: str,
    variables: Mapping[str, str] = os.environ,
    streams: Sequence[Path] = (),
) -> BaseProcess:
    """Starts a module of Python in a folder; see `command`.

    Args:
        folder: where it runs, and whose code it runs.
        module: its name.
        *arguments: of the command line.
        variables: the environment.
        streams: files of standard input, output and error; with none it has a session of its own
            and the streams of the server.
    """
    SERVER.set_forkserver_preload(LIBRARIES)
    process = SERVER.Process(
        target=_run, args=(streams, folder, module, arguments, dict(variables))
    )
    process.start()
    return process


def fresh_command(
    folder: Path, module: str, *arguments: str, variables: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Runs a module of Python in a folder, in a process where nothing is loaded."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        text=True,
        capture_output=True,
        env=dict(variables),
    )


def _run(
    streams: Sequence[Path],
    folder: Path,
    module: str,
    arguments: tuple[str, ...],
    variables: dict[str, str],
) -> None:
    """Runs a module as `python -m` does, in a forked process."""
    if streams:
        create = os.O_WRONLY | os.O_CREAT
        for number, flags in enumerate((os.O_RDONLY, create, create)):
            os.dup2(os.open(streams[number], flags), number)
    else:
        os.setsid()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for name in [n for n in sys.modules if n.partition(".")[0] in ("stages", "analysis", "tests")]:
        del sys.modules[name]
    here = str(Path(__file__).parents[2])
    extra = variables.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [str(folder), *filter(None, extra), *(p for p in sys.path if p not in (here, ""))]
    sys.argv = [module, *arguments]
    status = 0
    with suppress(ModuleNotFoundError):  # loading the libraries anew takes longer than the work
        import_module("stages.model.processes").START_METHOD = "fork"  # type: ignore[attr-defined]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
    return port
