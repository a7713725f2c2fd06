"""A demonstration: ask the model in a browser, on this machine alone.

Serves one page at http://localhost:PORT/, in English and Italian: choose a task, type a text or
take a sample of the test set; the page shows the prompt, the answer, the probabilities of
candidates, and how decode parses the answer, with spans highlighted in the text or a point on a
map. The adapter and the base without it stand side by side, or two adapters. Texts have a limited
length, one question is computed at a time, and few may wait. Nothing is fetched from the network,
nothing is written, and only this machine can connect.

    python -m analysis.demo                      # models/adapter beside the base alone
    python -m analysis.demo --beside FOLDER      # beside another adapter
    python -m analysis.demo --alone              # by itself, where memory is short
"""

import json
import logging
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from analysis.ask import Example, Reply, Respondent, Settings, describe, parse_answer
from stages.common.command import InputError, argument_parser, run
from stages.common.prompts import Prompts
from stages.common.settings import read
from stages.forms.mentions import Span
from stages.tasks import clinkart, hodi, nermud, owner

log = logging.getLogger(__name__)

PAGE = Path(__file__).with_suffix(".html")
HOSTS = ("localhost", "127.0.0.1")
PORT = 7860
TEXT = 2000  # characters of a text that is asked
BODY = 16 * TEXT  # bytes of a request
WAITING = 4  # questions that are computed or wait; more are turned away
BASE = ""  # name of the base without an adapter, which the page puts into words
SAMPLES = 5  # of the test set, for each sub-task
PATIENCE = 30.0  # seconds that a connection may be idle
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Mark(NamedTuple):
    """A part of the text that an answer names: from start to end, and what it is."""

    start: int
    end: int
    kind: str


class Model(Protocol):
    """What answers, such as `analysis.ask.Respondent`."""

    def reply(self, examples: Sequence[Example]) -> list[Reply]:
        """Answers examples, in their order."""


class Refused(Exception):
    """A request that is not answered.

    Attributes:
        status: of HTTP.
        reason: a word that the page turns into a message: request, task, empty, long or busy.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


# --- What an answer means -------------------------------------------------------------------------


def marks(subtask: str, text: str, answer: str) -> list[Mark]:
    """Finds the parts of a text that an answer names, as decode finds them; none in other tasks."""
    if subtask == hodi.B:
        segments, _ = hodi.parse_answer(answer)
        found = [Mark(*place, "span") for place in hodi.locate(text, segments) if place]
    elif subtask == nermud.NAME:
        tokens = text.split()
        mentions, _ = nermud.parse_answer(answer)
        starts = list(_starts(text, tokens))
        ends = [start + len(token) for start, token in zip(starts, tokens, strict=True)]
        entities = [entity for entity in nermud.locate(tokens, mentions) if entity]
        found = [Mark(starts[e.place.start], ends[e.place.end - 1], e.kind) for e in entities]
    elif subtask == clinkart.NAME:
        pairs, _ = clinkart.parse_answer(answer)
        relations = [r for r in clinkart.locate(text, Span(0, len(text)), pairs) if r]
        found = [Mark(*r.result, "result") for r in relations]
        found += [Mark(*r.test, "test") for r in relations]
    else:
        found = []
    return sorted(set(found))


def _starts(text: str, tokens: Sequence[str]) -> Iterator[int]:
    """The offsets at which tokens begin."""
    start = 0
    for token in tokens:
        start = text.index(token, start)
        yield start
        start += len(token)


def point(subtask: str, answer: str) -> list[float] | None:
    """Latitude and longitude that an answer states, in degrees; None if it states none."""
    if owner(subtask) != "geolingit":
        return None
    parsed = parse_answer(subtask, answer)
    if not isinstance(parsed, Mapping) or not {"latitude", "longitude"} <= parsed.keys():
        return None
    return [float(parsed["latitude"]), float(parsed["longitude"])]


def view(example: Example, reply: Reply) -> dict[str, Any]:
    """What the page shows of a reply."""
    subtask, answer = example.subtask, reply.answer
    return {
        "answer": answer.answer,
        "finish": answer.finish,
        "tokens": answer.tokens,
        "probabilities": answer.probabilities,
        "parsed": describe(parse_answer(subtask, answer.answer)),
        "readable": parse_answer(subtask, answer.answer) is not None,
        "marks": marks(subtask, example.text, answer.answer),
        "point": point(subtask, answer.answer),
    }


# --- Demonstration --------------------------------------------------------------------------------


class Demo:
    """The models by name, which answer one question at a time.

    Attributes:
        tasks: what the page offers: name, instruction and samples of each sub-task.
    """

    def __init__(self, models: Mapping[str, Model], tasks: Sequence[Mapping[str, Any]]) -> None:
        self._models = models
        self._one_at_a_time = Lock()
        self._places = BoundedSemaphore(WAITING)
        self.tasks = tasks

    def ask(self, request: Any) -> dict[str, Any]:
        """Answers a request.

        Args:
            request: an object with the name of a task, and a text.

        Raises:
            Refused: if it is none, or too many are waiting.
            InputError: if a model cannot answer.
        """
        example = self._example(request)
        if not self._places.acquire(blocking=False):
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        try:
            with self._one_at_a_time:
                replies = {name: model.reply([example])[0] for name, model in self._models.items()}
        finally:
            self._places.release()
        first = next(iter(replies.values()))
        shown = [{"name": name, **view(example, reply)} for name, reply in replies.items()]
        return {"text": example.text, "prompt": first.prompt, "cut": first.cut, "models": shown}

    def _example(self, request: Any) -> Example:
        """Makes an example of a request."""
        task, text = (
            (request.get("task"), request.get("text"))
            if isinstance(request, dict)
            else (None, None)
        )
        if not isinstance(task, str) or not isinstance(text, str):
            raise Refused(HTTPStatus.BAD_REQUEST, "request")
        if task not in {each["name"] for each in self.tasks}:
            raise Refused(HTTPStatus.BAD_REQUEST, "task")
        if not text.strip():
            raise Refused(HTTPStatus.BAD_REQUEST, "empty")
        if len(text) > TEXT:
            raise Refused(HTTPStatus.BAD_REQUEST, "long")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused(HTTPStatus.BAD_REQUEST, "request") from None
        return Example(task, task, text)


def offered(prompts: Prompts, test: Path) -> list[dict[str, Any]]:
    """What the page offers: each sub-task with its instruction and its first test questions.

    Args:
        prompts: the prompt file's content.
        test: test.jsonl, as encode writes it; without it there are no samples.
    """
    from stages.model.examples import read_split

    samples: dict[str, list[dict[str, Any]]] = {}
    for row in read_split(test) if test.is_file() else ():
        own = samples.setdefault(row["task"], [])
        if len(own) < SAMPLES and len(row["input"]) <= TEXT:
            own.append({"text": row["input"], "gold": row["output"]})
    names = [*samples] or sorted(prompts.instructions)
    return [
        {"name": n, "instruction": prompts.instructions[n], "samples": samples.get(n, [])}
        for n in names
        if n in prompts.instructions
    ]


def load_models(
    prompts: Prompts, encoded: Path, adapter: Path, beside: Path | str | None
) -> dict[str, Respondent]:
    """Loads the models that stand side by side, by name.

    Args:
        prompts: the prompt file's content.
        encoded: folder that encode wrote.
        adapter: folder of the adapter.
        beside: folder of another one; BASE for the base alone, which an encoder leaves out, for it
            has no answers without heads; None for nothing.

    Raises:
        InputError: if something cannot be read.
    """
    from stages.model.loading import settled

    settings = read(Settings)
    if beside == BASE and settled(settings.model).family == "encoder-only":
        beside = None
    alone = settings.infer.model_copy(update={"adapter": False})
    sources = {str(adapter): settings}
    if beside is not None:
        base = settings.model_copy(update={"infer": alone})
        sources[str(beside)] = base if beside == BASE else settings
    return {name: Respondent(each, prompts, Path(name), encoded) for name, each in sources.items()}


# --- Server ---------------------------------------------------------------------------------------


def make_server(demo: Demo, port: int) -> ThreadingHTTPServer:
    """Makes the server of a demonstration, which this machine alone can reach.

    Args:
        demo: what answers.
        port: of localhost; 0 for any that is free.

    Raises:
        InputError: if the port is taken.
    """
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string(PAGE.read_text(encoding="utf-8"))

    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE
        server_version = "demo"
        sys_version = ""

        def do_GET(self) -> None:  # noqa: N802
            self._answer(self._page)

        def do_POST(self) -> None:  # noqa: N802
            self._answer(self._ask)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            log.debug(format, *args)

        def _answer(self, made: Any) -> None:
            """Sends what is made, or why it is refused."""
            try:
                self._check_host()
                status, kind, content, extra = made()
            except Refused as refusal:
                status, kind, extra = refusal.status, "application/json", {}
                content = json.dumps({"reason": refusal.reason})
            except InputError as error:
                status, kind, extra = HTTPStatus.BAD_REQUEST, "application/json", {}
                content = json.dumps({"reason": "model", "message": str(error)})
            body = content.encode()
            self.send_response(status)
            for name, value in (HEADERS | extra).items():
                self.send_header(name, value)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _check_host(self) -> None:
            """Refuses requests that another site's page makes, also under a name of its own."""
            origin = self.headers.get("Origin")
            try:
                host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
                is_own = not origin or urlsplit(origin).netloc == self.headers["Host"]
            except ValueError:  # no address at all
                host, is_own = None, False
            if host not in HOSTS or not is_own:
                raise Refused(HTTPStatus.FORBIDDEN, "request")

        def _page(self) -> tuple[HTTPStatus, str, str, dict[str, str]]:
            if self.path != "/":
                raise Refused(HTTPStatus.NOT_FOUND, "request")
            nonce = secrets.token_urlsafe(16)
            policy = (
                f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}';"
                " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
            )
            data = {"tasks": demo.tasks, "limit": TEXT}
            page = template.render(nonce=nonce, data=data)
            return HTTPStatus.OK, "text/html", page, {"Content-Security-Policy": policy}

        def _ask(self) -> tuple[HTTPStatus, str, str, dict[str, str]]:
            length = self.headers.get("Content-Length", "")
            is_json = self.headers.get_content_type() == "application/json"
            if self.path != "/ask" or not is_json or not re.fullmatch("[0-9]{1,18}", length):
                raise Refused(HTTPStatus.BAD_REQUEST, "request")
            if int(length) > BODY:
                self.close_connection = True
                raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "long")
            try:
                request = json.loads(self.rfile.read(int(length)))
            except (ValueError, RecursionError):
                raise Refused(HTTPStatus.BAD_REQUEST, "request") from None
            answered = json.dumps(demo.ask(request), ensure_ascii=False)
            return HTTPStatus.OK, "application/json", answered, {}

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise InputError(f"port {port}: {error.strerror}; --port names another one") from error


def main() -> None:
    """Runs the command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--port", type=int, default=PORT, help=f"of localhost; {PORT} if not given")
    parser.add_argument(
        "--adapter", type=Path, default=Path("models/adapter"), help="folder of the adapter"
    )
    parser.add_argument(
        "--beside", type=Path, help="folder of another adapter; else the base alone"
    )
    parser.add_argument("--alone", action="store_true", help="show the adapter by itself")
    parser.add_argument(
        "--encoded", type=Path, default=Path("data/encoded"), help="folder that encode wrote"
    )
    arguments = parser.parse_args()
    prompts = read(Prompts, Path(read(Settings).data.prompts))
    beside = BASE if arguments.beside is None and not arguments.alone else arguments.beside
    models = load_models(prompts, arguments.encoded, arguments.adapter, beside)
    demo = Demo(models, offered(prompts, arguments.encoded / "test.jsonl"))
    with make_server(demo, arguments.port) as server:
        log.info("http://localhost:%d/ (Ctrl-C ends)", server.server_port)
        server.serve_forever()


if __name__ == "__main__":
    run(main)
