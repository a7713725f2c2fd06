"""Commands in processes of their own.

Most of the time of a stage is that of loading libraries. `command` therefore forks its processes
from one that has loaded them, where nothing but the libraries is shared: the code of the project is
read anew from the folder where the command runs. `forked_programs` does so with what other programs
call python and dvc, such as the stages that DVC runs, and the commands of a page.
"""

import json
import multiprocessing
import os
import runpy
import select
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from importlib import import_module
from multiprocessing import util
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

LIBRARIES = ["torch", "transformers.modeling_utils", "peft", "accelerate", "datasets", "codecarbon"]
LIBRARIES += ["sklearn.linear_model", "scipy.stats", "spacy.lang.it"]
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


@cache
def forked_programs() -> Path:
    """A folder with programs python and dvc, for PATH.

    Each passes its arguments, streams and environment to a server that forks; killing it does not
    kill what it has begun.
    """
    folder = Path(_FOLDERS.enter_context(tempfile.TemporaryDirectory()))
    client = Path(__file__).with_name("client.py").read_text(encoding="utf-8")
    for name in ("python", "dvc"):
        (folder / name).write_text(f"#!{sys.executable} -SE\n{client}", encoding="utf-8")
        (folder / name).chmod(0o755)
    server = _FOLDERS.enter_context(socket.socket(socket.AF_UNIX))
    server.bind(str(folder / "server"))
    server.listen()
    SERVER.set_forkserver_preload(LIBRARIES)
    # No daemon, which may have no children.
    SERVER.Process(target=_serve, args=(server, folder, os.getpid())).start()
    return folder


_FOLDERS = ExitStack()
util.Finalize(None, _FOLDERS.close, exitpriority=0)  # before processes are waited for


def _serve(server: socket.socket, folder: Path, user: int) -> None:
    """Forks a process for each client, while the folder and the process that uses it are there."""
    while folder.exists() and psutil.pid_exists(user):
        if not select.select([server], [], [], 0.5)[0]:
            continue
        client, _ = server.accept()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            server.close()
            _, streams, _, _ = socket.recv_fds(client, 1, 3)
            with client.makefile("rb") as request:
                folder, (module, *arguments), variables = json.load(request)
            status = _run_module(streams, Path(folder), module, arguments, variables)
            client.sendall(str(status).encode())
            os._exit(status)
        client.close()


def _run(
    streams: Sequence[Path],
    folder: Path,
    module: str,
    arguments: tuple[str, ...],
    variables: dict[str, str],
) -> None:
    """Runs a module in a forked process, and ends it."""
    create = os.O_WRONLY | os.O_CREAT
    flags = (os.O_RDONLY, create, create)
    opened = [os.open(path, flag) for path, flag in zip(streams, flags, strict=False)]
    if not opened:
        os.setsid()
    os._exit(_run_module(opened, folder, module, arguments, variables))


def _run_module(
    streams: Sequence[int],
    folder: Path,
    module: str,
    arguments: Sequence[str],
    variables: Mapping[str, str],
) -> int:
    """Runs a module as `python -m` does, in a forked process, and returns its exit status."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
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
    return status


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
    return port
