"""The site of docs: it is built without a warning, is whole, and needs no network."""

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipes import site
from tests.helpers.browser import DESKTOP, PHONE, open_browser, resize


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a link or an anchor that leads nowhere is a warning, which ends the build."""
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=request.config.rootpath,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
    return folder


def html(folder: Path) -> dict[str, str]:
    """The pages by their paths."""
    paths = folder.rglob("*.html")
    return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in paths}


@pytest.mark.process
@pytest.mark.long
def test_every_page_of_docs_is_a_page_of_the_site(built: Path, root: Path) -> None:
    pages = html(built)
    for page in (root / "docs").rglob("*.md"):
        path = page.relative_to(root / "docs").with_suffix("").as_posix()
        path = path.removesuffix("README").rstrip("/")
        name = f"{path}/index.html".lstrip("/")
        assert name in pages, name
        assert f'<html lang="{"it" if name.startswith("it/") else "en"}"' in pages[name]
    assert "What it promises" in pages["index.html"]
    assert "Where to go next" not in pages["index.html"]


@pytest.mark.process
@pytest.mark.long
def test_nothing_is_fetched_from_elsewhere(built: Path) -> None:
    for name, text in html(built).items():
        assert not re.search(
            r"""<(script|img|link|iframe)[^>]*(src|href)=["']?(https?:)?//""", text
        )
        assert 'class="mermaid"' not in text, f"{name}: the theme would fetch what draws it"


@pytest.mark.process
@pytest.mark.long
def test_links_to_code_lead_to_pages_of_the_site(built: Path) -> None:
    text = (built / "architecture" / "index.html").read_text(encoding="utf-8")
    assert 'href="../source/stages/encode.py/"' in text
    code = (built / "source" / "stages" / "encode.py" / "index.html").read_text(encoding="utf-8")
    assert "the organisers' files become questions and answers" in code.lower()


def test_the_navigation_has_every_page_once(root: Path) -> None:
    def pages(nav: object) -> Iterator[str]:
        if isinstance(nav, str):
            yield nav
        elif isinstance(nav, dict):
            for part in nav.values():
                yield from pages(part)
        elif isinstance(nav, list):
            for part in nav:
                yield from pages(part)

    found = list(pages(site.navigation()))
    existing = {p.relative_to(root / "docs").as_posix() for p in (root / "docs").rglob("*.md")}
    assert len(found) == len(set(found))
    assert set(found) == existing


def test_links_within_code_are_left_alone() -> None:
    text = "[a](b.md) `x`\n```\n[c](d.md)\n```\n[e](https://x.y) [f](g.md#h)\n"
    assert [link["path"] for link in site.links(text)] == ["b.md", "g.md"]
    assert site.outside("tasks/acti.md", "../../stages/x.py") == "stages/x.py"
    assert site.outside("tasks/acti.md", "../ask.md") is None


@pytest.mark.process
@pytest.mark.long
@pytest.mark.parametrize(("width", "height"), [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_browser_shows_it(built: Path, width: int, height: int) -> None:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(built))
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        open_browser() as browser,
    ):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            resize(browser, width, height)
            for path in ("", "it/", "it/labs/finetune/", "architecture/"):
                browser.get(f"http://127.0.0.1:{server.server_port}/{path}")
                assert browser.get_log("browser") == []
                assert (
                    browser.execute_script("return document.documentElement.scrollWidth") <= width
                )
        finally:
            server.shutdown()
            thread.join()
