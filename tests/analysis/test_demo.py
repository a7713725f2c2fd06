"""The demonstration: what it shows of answers, what it refuses, and that a browser shows it."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis import demo
from analysis.ask import Example, Reply
from stages.answering.answers import Answer
from stages.common.command import InputError
from stages.common.files import write_jsonl
from stages.common.prompts import Prompts
from stages.common.settings import read
from tests.helpers.browser import DESKTOP, PHONE, open_browser, resize

ANSWERS = {
    "acti_a": Answer("sì", "stop", 2, {"sì": 0.8, "no": 0.2}),
    "nermud": Answer("[PER] Ada [LOC] Roma [LOC] Oz", "stop", 9),
    "geolingit": Answer("[regione] Lazio [geo] 41.900 12.500", "length", 12),
}
SAMPLES = {
    "acti_a": ("Un post <b>grave</b>", "sì"),
    "nermud": ("Ieri Ada è a Roma .", "[PER] Ada"),
    "geolingit": ("Aò, che fai", None),
}


class Fixed:
    """Answers a sub-task with the same words, whatever is asked."""

    def __init__(self) -> None:
        self.asked: list[Example] = []
        self.may_answer = threading.Event()
        self.may_answer.set()

    def reply(self, examples: Sequence[Example]) -> list[Reply]:
        self.asked += examples
        assert self.may_answer.wait(20)
        return [Reply(f"Prompt: {e.text}", 0, ANSWERS[e.subtask]) for e in examples]


@pytest.fixture
def model() -> Fixed:
    return Fixed()


@pytest.fixture
def address(model: Fixed) -> Iterator[str]:
    """The address of a running demonstration."""
    tasks = [
        {"name": name, "instruction": "Rispondi.", "samples": [{"text": text, "gold": gold}]}
        for name, (text, gold) in SAMPLES.items()
    ]
    with demo.make_server(demo.Demo({"one": model, "other": model}, tasks), 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://localhost:{server.server_port}"
        model.may_answer.set()
        server.shutdown()
        thread.join()


def send(address: str, content: bytes, **headers: str) -> tuple[int, Any]:
    """Posts to /ask; returns the status and what came back."""
    sent = {"Content-Type": "application/json"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    request = urllib.request.Request(f"{address}/ask", content, sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def ask(address: str, task: object, text: object) -> tuple[int, Any]:
    return send(address, json.dumps({"task": task, "text": text}).encode())


# --- Answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subtask", "text", "answer", "found"),
    [
        ("nermud", "Roma è a Roma .", "[LOC] Roma [2]", ["LOC Roma"]),
        (
            "nermud",
            "Ieri Ada è a  Roma .",
            "[PER] Ada [LOC] Roma [ORG] Oz",
            ["PER Ada", "LOC Roma"],
        ),
        ("hodi_b", "Sei un pavone, pavone", "pavone [2]", ["span pavone"]),
        (
            "clinkart",
            "Hb 9 g/dl, VES 7.",
            "[BREL] 9 g/dl [SEP] Hb [EREL]",
            ["test Hb", "result 9 g/dl"],
        ),
        ("acti_a", "sì", "sì", []),
    ],
)
def test_what_an_answer_names_is_marked_in_the_text(
    subtask: str, text: str, answer: str, found: list[str]
) -> None:
    marks = demo.marks(subtask, text, answer)
    assert [f"{mark.kind} {text[mark.start : mark.end]}" for mark in marks] == found


def test_an_occurrence_mark_counts() -> None:
    (mark,) = demo.marks("hodi_b", "Sei un pavone, pavone", "pavone [2]")
    assert mark.start == 15


def test_a_place_has_a_point_if_it_can_be_read() -> None:
    assert demo.point("geolingit", "[regione] Lazio [geo] 41.900 12.500") == [41.9, 12.5]
    assert demo.point("geolingit", "[regione] Lazio") is None
    assert demo.point("geolingit", "boh") is None
    assert demo.point("emotivita", "41.900 12.500 3.00") is None


def test_the_page_offers_what_has_an_instruction_with_samples(root: Path, tmp_path: Path) -> None:
    prompts = read(Prompts, root / "data" / "prompts" / "it.yaml")
    rows = [
        {"id": f"acti_a:{n}", "task": "acti_a", "input": "x" * size, "output": None}
        for n, size in enumerate([demo.TEXT + 1, *[5] * 9])
    ]
    write_jsonl(tmp_path / "test.jsonl", rows)
    (task,) = demo.offered(prompts, tmp_path / "test.jsonl")
    assert task["name"] == "acti_a"
    assert task["samples"] == [{"text": "xxxxx", "gold": None}] * demo.SAMPLES
    without = demo.offered(prompts, tmp_path / "absent.jsonl")
    assert {task["name"] for task in without} == prompts.instructions.keys()


# --- Server ---------------------------------------------------------------------------------------


def test_both_models_answer(address: str, model: Fixed) -> None:
    status, reply = ask(address, "nermud", "Ieri Ada è a Roma .")
    assert status == 200
    assert reply["prompt"] == "Prompt: Ieri Ada è a Roma ."
    assert [shown["name"] for shown in reply["models"]] == ["one", "other"]
    assert reply["models"][0]["marks"] == [[5, 8, "PER"], [13, 17, "LOC"]]
    assert (
        reply["models"][0]["parsed"] == "kind PER, text Ada; kind LOC, text Roma; kind LOC, text Oz"
    )
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("task", "text", "reason"),
    [
        ("acti", "x", "task"),
        (None, "x", "request"),
        ("acti_a", ["x"], "request"),
        ("acti_a", " \n", "empty"),
        ("acti_a", "x" * (demo.TEXT + 1), "long"),
        ("acti_a", "\ud800", "request"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    address: str, model: Fixed, task: object, text: object, reason: str
) -> None:
    assert ask(address, task, text) == (400, {"reason": reason})
    assert not model.asked


def test_other_sites_and_other_requests_are_refused(address: str, model: Fixed) -> None:
    good = json.dumps({"task": "acti_a", "text": "x"}).encode()
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        assert send(address, good, **headers) == (403, {"reason": "request"})
    assert send(address, good, Content_Type="text/plain")[0] == 400
    assert send(address, b"{")[0] == 400
    assert send(address, b"[" * 10_000)[0] == 400
    assert send(address, b" " * (demo.BODY + 1)) == (413, {"reason": "long"})
    assert not model.asked
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}/../params.yaml")


def test_few_questions_may_wait(address: str, model: Fixed) -> None:
    model.may_answer.clear()
    replies: list[tuple[int, Any]] = []
    waiting = [
        threading.Thread(target=lambda: replies.append(ask(address, "acti_a", "x")))
        for _ in range(demo.WAITING + 2)
    ]
    for thread in waiting:
        thread.start()
    while len(replies) < 2:  # those that are turned away come back first
        assert any(thread.is_alive() for thread in waiting)
    assert replies == [(503, {"reason": "busy"})] * 2
    model.may_answer.set()
    for thread in waiting:
        thread.join()
    assert [status for status, _ in replies] == [503] * 2 + [200] * demo.WAITING


def test_it_is_bound_to_this_machine_and_a_taken_port_is_named(address: str) -> None:
    port = int(address.rpartition(":")[2])
    with pytest.raises(InputError, match=f"port {port}: .*; --port names another one"):
        demo.make_server(demo.Demo({}, []), port)
    with demo.make_server(demo.Demo({}, []), 0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_the_page_needs_nothing_from_elsewhere(address: str) -> None:
    with urllib.request.urlopen(address) as response:
        page = response.read().decode()
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    addresses = {part.split('"')[0] for part in page.split('"http')[1:]}
    assert addresses == {"://www.w3.org/2000/svg"}
    assert "<b>grave" not in page


def test_both_languages_say_the_same_things() -> None:
    page = demo.PAGE.read_text(encoding="utf-8")
    english, italian = page.split("  en: {")[1].split("  it: {")
    words = [set(_keys(part.split("};")[0])) for part in (english, italian)]
    assert words[0] == words[1] and len(words[0]) > 25


def _keys(text: str) -> list[str]:
    import re

    return re.findall(r"(?:^|[,{]) *(\w+): ", re.sub(r'"[^"]*"', '""', text), re.MULTILINE)


# --- Browser --------------------------------------------------------------------------------------


@pytest.mark.process
@pytest.mark.parametrize(("width", "height"), [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_browser_shows_it(address: str, width: int, height: int) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select, WebDriverWait

    with open_browser() as browser:
        resize(browser, width, height)
        browser.get(address)

        def find(selector: str) -> Any:
            return browser.find_elements(By.CSS_SELECTOR, selector)

        def submit(count: int) -> None:
            find("#ask")[0].click()
            WebDriverWait(browser, 20).until(lambda _: find("#ask")[0].is_enabled())
            assert len(find("article")) == count
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width

        assert find("#text")[0].get_attribute("value") == "Un post <b>grave</b>"
        submit(2)
        assert [bar.text.split() for bar in find("article:first-child .bar")] == [
            ["0.800", "sì"],
            ["0.200", "no"],
        ]
        Select(find("#task")[0]).select_by_value("nermud")
        submit(2)
        assert [m.text for m in find("article:first-child mark")] == ["Ada PER", "Roma LOC"]
        Select(find("#task")[0]).select_by_value("geolingit")
        submit(2)
        circle = find("article:first-child circle")[0]
        x, y = (float(circle.get_attribute(name)) for name in ("cx", "cy"))
        assert 90 < x < 105 and 105 < y < 120  # Rome, in the middle of the outline
        Select(find("#language")[0]).select_by_value("it")
        assert find("#ask")[0].text == "Chiedi"
        assert find("html")[0].get_attribute("lang") == "it"
        find("#text")[0].clear()
        submit(0)
        assert find("#status")[0].text == "Scrivi un testo o scegli un esempio."
        assert browser.get_log("browser") == []
