"""Fetching public files: from a server on this machine, into a repository of DVC's."""

import functools
import gc
import hashlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from fsspec.implementations.http import HTTPFileSystem

from analysis import data
from stages import tasks
from stages.common import settings
from stages.common.command import InputError
from stages.common.outputs import md5

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{text}")
    for text in (
        ".*will soon raise AttributeError:DeprecationWarning",  # inside DVC
        "Exception ignored in.*ClientSession:pytest.PytestUnraisableExceptionWarning",
        "unclosed:ResourceWarning",  # DVC closes no connection
    )
]


@pytest.fixture(autouse=True)
def connections() -> Iterator[None]:
    """Gives up the connections that DVC keeps, so that no other test is blamed for them."""
    yield
    HTTPFileSystem.clear_instance_cache()
    gc.collect()


PUBLIC = """
repositories:
  gruppo/dati:
    - {{from: train set.txt, to: lecture/train_100.txt, md5: {0}}}
    - {{from: altro/dev.txt, to: lecture/dev_100.txt, md5: {1}}}
    - {{from: test.jsonl, to: wicita/binary/test.jsonl, md5: }}
ask: {{acti: Kaggle}}
"""


class Handler(SimpleHTTPRequestHandler):
    """Serves files with the header by which DVC tells their versions, and counts requests."""

    gets: list[str] = []
    broken = ""  # the end of a path whose content breaks off

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.is_file():
            self.send_header("ETag", hashlib.md5(path.read_bytes()).hexdigest())
        super().end_headers()

    def do_GET(self) -> None:
        self.gets.append(self.path)
        super().do_GET()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if self.broken and self.path.endswith(self.broken) and self.command == "GET":
            outputfile.write(source.read(3))
            outputfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            super().copyfile(source, outputfile)

    def log_message(self, *_: object) -> None:
        """Is silent."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    source = tmp_path / "server" / "gruppo" / "dati" / "HEAD"
    for name in ("train set.txt", "altro/dev.txt", "test.jsonl"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"{name}: perché\n", encoding="utf-8")
    handler = functools.partial(Handler, directory=os.fspath(tmp_path / "server"))
    Handler.gets.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def host(tmp_path: Path, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the server; the current folder is a project with a list of its files."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    source = tmp_path / "server" / "gruppo" / "dati" / "HEAD"
    md5s = (md5(source / name) for name in ("train set.txt", "altro/dev.txt"))
    (folder / "data" / "public.yaml").write_text(PUBLIC.format(*md5s), encoding="utf-8")
    Repo.init(os.fspath(folder), no_scm=True).close()
    monkeypatch.chdir(folder)
    return f"http://127.0.0.1:{server.server_port}"


def fetch(host: str, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(sys, "argv", ["data", *names])
    data.main(host)


def present() -> list[str]:
    return sorted(p.relative_to(data.RAW).as_posix() for p in data.RAW.rglob("*") if p.is_file())


def test_files_are_fetched_pinned_and_not_fetched_again(
    host: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fetch(host, monkeypatch)
    files = ["lecture/dev_100.txt", "lecture/train_100.txt", "wicita/binary/test.jsonl"]
    assert present() == sorted(files + [f"{file}.dvc" for file in files])
    text = "train set.txt: perché\n"
    assert (data.RAW / "lecture/train_100.txt").read_text(encoding="utf-8") == text
    for file in files:
        pin = settings.load(data.RAW / f"{file}.dvc")
        assert pin["outs"][0]["md5"] == md5(data.RAW / file)
        assert pin["deps"][0]["path"].startswith(f"{host}/gruppo/dati/HEAD/")
        assert pin["frozen"]
    assert "acti: not public at a stable address: Kaggle" in caplog.messages
    Handler.gets.clear()
    fetch(host, monkeypatch)
    assert Handler.gets == []
    assert "data/raw/lecture/dev_100.txt is there" in caplog.messages


def test_an_interrupted_run_goes_on(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some files are there; of one the content is, but DVC had not yet noted it."""
    fetch(host, monkeypatch, "lecture")
    (data.RAW / "lecture/dev_100.txt.dvc").unlink()
    Handler.gets.clear()
    fetch(host, monkeypatch)
    assert {path.rpartition("/")[2] for path in Handler.gets} == {"dev.txt", "test.jsonl"}
    assert "lecture/dev_100.txt.dvc" in present()


def test_a_connection_that_breaks_off_leaves_no_part_of_a_file(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Handler, "broken", "dev.txt")
    with pytest.raises(InputError, match=r"altro/dev\.txt: cannot be fetched"):
        fetch(host, monkeypatch)
    assert present() == ["lecture/train_100.txt", "lecture/train_100.txt.dvc"]
    monkeypatch.setattr(Handler, "broken", "")
    fetch(host, monkeypatch)
    assert "lecture/dev_100.txt.dvc" in present()


def test_a_file_that_has_changed_at_its_source_is_not_kept(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server/gruppo/dati/HEAD/altro/dev.txt").write_text("altro\n")
    with pytest.raises(InputError, match=r"/HEAD/altro/dev\.txt: has changed: md5 [0-9a-f]{32}, "):
        fetch(host, monkeypatch)
    assert present() == ["lecture/train_100.txt", "lecture/train_100.txt.dvc"]


def test_a_file_of_ones_own_is_left_alone(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data.RAW / "lecture" / "dev_100.txt"
    path.parent.mkdir(parents=True)
    path.write_text("mio\n")
    with pytest.raises(InputError, match=r"dev_100\.txt: md5 .*; move it away to fetch it"):
        fetch(host, monkeypatch)
    assert path.read_text() == "mio\n"


def test_without_a_network_the_address_is_named_and_what_was_fetched_stays(
    host: str, server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(host, monkeypatch, "wicita")
    server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match=r"HEAD/train%20set\.txt: cannot be fetched"):
        fetch(host, monkeypatch)
    assert present() == ["wicita/binary/test.jsonl", "wicita/binary/test.jsonl.dvc"]


def test_unknown_tasks_are_named(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no task wic; known: acti, lecture, wicita"):
        fetch(host, monkeypatch, "wic", "acti")


def test_the_list_has_a_place_for_every_task(root: Path) -> None:
    public = settings.read(data.Public, root / "data" / "public.yaml")
    files = [file for _, file in public.files(tasks.names())]
    assert {file.task for file in files} | {*public.ask} == {*tasks.names()}
    assert sum(map(len, public.repositories.values())) == len(files)
    assert len({file.to for file in files}) == len(files)
    assert {file.task for file in files if file.md5 is None} == {"nermud"}


def test_the_list_pins_the_real_files(root: Path, shared: Path) -> None:
    public = settings.read(data.Public, root / "data" / "public.yaml")
    pinned = [file for _, file in public.files(tasks.names()) if file.md5]
    assert len(pinned) >= 25
    for file in pinned:
        assert md5(shared / file.to) == file.md5, file.to
