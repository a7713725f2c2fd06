"""A stub of the Hub's server: creates repositories and takes uploads, as huggingface_hub asks."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Hub(ThreadingHTTPServer):
    """The server, and what it has seen.

    Attributes:
        created: requests to create a repository.
        objects: large files that were uploaded, by their sha256.
        uploads: number of uploads of large files.
        files: the content of the repository after the last commit, by path.
        refused: number of commits that are still to be refused.
    """

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _Handler)
        self.url = f"http://localhost:{self.server_port}"
        self.created: list[dict[str, Any]] = []
        self.objects: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}
        self.uploads = 0
        self.refused = 0


@contextmanager
def hub() -> Iterator[Hub]:
    """Runs a stub while the context lasts."""
    with Hub() as server:
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield server
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        content = self._body()
        assert self.headers["Authorization"] == "Bearer hf_test"
        if self.path == "/api/repos/create":
            self.server.created.append(json.loads(content))
            self._answer({"url": f"{self.server.url}/gruppo/adattatore"})
        elif self.path.endswith("/preupload/main"):
            self._answer({"files": [self._mode(file) for file in json.loads(content)["files"]]})
        elif self.path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(content)["objects"]
            self._answer({"transfer": "basic", "objects": [self._action(o) for o in objects]})
        elif self.path.endswith("/commit/main"):
            self._commit([json.loads(line) for line in content.splitlines()])
        elif self.path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        else:
            self._answer({}, 404)

    def do_PUT(self) -> None:
        content = self._body()
        self.server.objects[self.path.rpartition("/")[2]] = content
        self.server.uploads += 1
        self._answer({})

    def _body(self) -> bytes:
        """What was sent, in one piece or in chunks."""
        if length := self.headers["Content-Length"]:
            return self.rfile.read(int(length))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _mode(self, file: dict[str, Any]) -> dict[str, Any]:
        mode = "lfs" if file["path"].endswith(".safetensors") else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _action(self, item: dict[str, Any]) -> dict[str, Any]:
        if item["oid"] in self.server.objects:
            return item
        return item | {"actions": {"upload": {"href": f"{self.server.url}/put/{item['oid']}"}}}

    def _commit(self, lines: list[dict[str, Any]]) -> None:
        if self.server.refused:
            self.server.refused -= 1
            self._answer({"error": "as if"}, 403)
            return
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.server.files[value["path"]] = self.server.objects[value["oid"]]
        url = f"{self.server.url}/gruppo/adattatore/commit/{'a' * 40}"
        self._answer({"success": True, "commitUrl": url, "commitOid": "a" * 40})

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
