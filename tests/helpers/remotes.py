"""Remotes of DVC that a test starts: a folder, and servers on this machine."""

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

LOCAL = "127.0.0.1"


class Remote(NamedTuple):
    """What `dvc remote` is told.

    Attributes:
        url: of the remote.
        secrets: options that git must not see.
    """

    url: str
    secrets: Mapping[str, str] = {}


@contextmanager
def folder(place: Path) -> Iterator[Remote]:
    """A folder that both clones can reach."""
    yield Remote(str(place / "remote"))


@contextmanager
def ssh(place: Path) -> Iterator[Remote]:
    """A folder behind SSH: OpenSSH's server where it can run, or else asyncssh's."""
    pytest.importorskip("dvc_ssh")
    from asyncssh import generate_private_key

    place.mkdir()
    for name in ("host", "user"):
        key = generate_private_key("ssh-ed25519")
        key.write_private_key(place / name)
        key.write_public_key(place / f"{name}.pub")
        (place / name).chmod(0o600)
    with openssh_server(place) or asyncssh_server(place) as port:
        url = f"ssh://{getpass.getuser()}@{LOCAL}:{port}{place / 'remote'}"
        yield Remote(url, {"keyfile": str(place / "user")})


def openssh_server(place: Path) -> AbstractContextManager[int] | None:
    """OpenSSH's server, which gives its port; None where there is none, or it cannot run."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        return None
    with socket.socket() as free:
        free.bind((LOCAL, 0))
        port = free.getsockname()[1]
    options = {
        "ListenAddress": f"{LOCAL}:{port}",
        "HostKey": place / "host",
        "AuthorizedKeysFile": place / "user.pub",
        "PasswordAuthentication": "no",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
        "Subsystem": "sftp internal-sftp",
    }
    settings = place / "sshd_config"
    settings.write_text("".join(f"{key} {value}\n" for key, value in options.items()))
    if subprocess.run([program, "-t", "-f", settings], capture_output=True).returncode:
        return None

    @contextmanager
    def server() -> Iterator[int]:
        with subprocess.Popen([program, "-D", "-e", "-f", settings]) as process:
            try:
                yield port
            finally:
                process.terminate()

    return server()


@contextmanager
def asyncssh_server(place: Path) -> Iterator[int]:
    """The server of asyncssh, in a thread; gives its port."""
    import asyncssh

    port: Future[int] = Future()
    end = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with asyncssh.listen(
            LOCAL,
            0,
            server_host_keys=[place / "host"],
            authorized_client_keys=str(place / "user.pub"),
            sftp_factory=True,
        ) as server:
            port.set_result(server.get_port())
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        yield port.result(timeout=60)
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


KEY, SECRET = "key-of-the-lab", "secret-of-the-lab"


@contextmanager
def s3(place: Path) -> Iterator[Remote]:
    """A bucket behind S3: rclone's server, which checks signatures, or else moto's."""
    pytest.importorskip("dvc_s3")
    place.mkdir()
    with rclone_server(place) or moto_server() as endpoint:
        secrets = {"endpointurl": endpoint, "access_key_id": KEY, "secret_access_key": SECRET}
        yield Remote("s3://lab/dvc", secrets)


def rclone_server(place: Path) -> AbstractContextManager[str] | None:
    """rclone's server, which shows folders as buckets; gives its URL. None where there is none."""
    program = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if (
        program is None
        or subprocess.run([program, "serve", "s3", "-h"], capture_output=True).returncode
    ):
        return None
    (place / "lab").mkdir()
    with socket.socket() as free:
        free.bind((LOCAL, 0))
        address = f"{LOCAL}:{free.getsockname()[1]}"
    options = ["--config", "", "--auth-key", f"{KEY},{SECRET}", "--addr", address]

    @contextmanager
    def server() -> Iterator[str]:
        with subprocess.Popen([program, "serve", "s3", *options, place]) as process:
            try:
                yield f"http://{address}"
            finally:
                process.terminate()

    return server()


@contextmanager
def moto_server() -> Iterator[str]:
    """moto's server, which accepts any key; gives its URL."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(LOCAL, port=0, verbose=False)
    import boto3

    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, **keys)
        client.create_bucket(Bucket="lab")
        yield endpoint
    finally:
        server.stop()


class Quiet(SimpleHTTPRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def http(place: Path) -> Iterator[Remote]:
    """A folder as a web server shows it, to be read only."""
    server = ThreadingHTTPServer((LOCAL, 0), partial(Quiet, directory=str(place)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Remote(f"http://{LOCAL}:{server.server_port}/remote")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Remote]]] = {
    "ssh": ssh,
    "s3": s3,
}
