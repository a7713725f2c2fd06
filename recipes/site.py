"""Hooks of MkDocs: make the site of docs/ as it is (mkdocs.yml).

The first page is the project's README with the list of docs/README.md in the place of its own. The
navigation has the pages of that list, under its headings and in its order, so that no page is named
twice. What pages link to outside of docs (code, the README, the sample) becomes a
page of the site, under source/, for the site has to be read without the repository and the network.

    make site      # build/site/index.html
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from recipes import flowchart

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
INDEX = "README.md"
SOURCE = "source"
LINK = re.compile(
    r"(?<!\!)\[(?P<text>[^][]*)\]\((?P<path>(?!https?:|#)[^)#\s]+)(?P<anchor>#[^)\s]*)?\)"
)
FENCE = re.compile(r"^(`{3,}).*?^\1$", re.DOTALL | re.MULTILINE)
CHART = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml", ".json": "json", ".ipynb": "json"}


def links(text: str) -> list[re.Match[str]]:
    """The links of a page, those within code left out."""
    code = [match.span() for match in FENCE.finditer(text)]
    return [
        match
        for match in LINK.finditer(text)
        if not any(start <= match.start() < end for start, end in code)
    ]


def outside(page: str, path: str) -> str | None:
    """The path from the root of what a page links to, if it lies outside of docs.

    Args:
        page: the page's path, from docs.
        path: of the link.
    """
    target = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), path))
    return None if target == "docs" or target.startswith("docs/") else target


def source_page(target: str) -> str:
    """The path, from docs, of the page that shows a file outside of docs."""
    return f"{SOURCE}/{target.removesuffix('.md')}.md"


# --- Navigation -----------------------------------------------------------------------------------


def navigation(index: str = INDEX) -> list[Any]:
    """An index, and the pages that its tables list, under its headings.

    Args:
        index: its path, from docs. A row that leads to another index has that one's pages below it,
            one that leads to a folder the folder's.
    """
    text = (DOCS / index).read_text(encoding="utf-8")
    nav: list[Any] = [index]
    for part in re.split(r"^## ", text, flags=re.MULTILINE):
        heading, _, rest = part.partition("\n")
        rows = re.findall(r"^\| \[[^]]*\]\(([^)#]+)\)", rest, re.MULTILINE)
        pages = [entry for row in rows for entry in _below(posixpath.dirname(index), row)]
        if pages:
            nav += [{heading: pages}] if index == INDEX else pages
    return nav


def _below(folder: str, row: str) -> list[Any]:
    """The navigation of a row of an index that lies in a folder."""
    path = posixpath.normpath(posixpath.join(folder, row))
    if path.endswith(f"/{INDEX}"):
        return [{_title(path): navigation(path)}]
    if (DOCS / path).is_dir():
        return [{posixpath.basename(path).capitalize(): _pages_of(path)}]
    pages = _pages_of(path.removesuffix(".md"))
    return [path, {f"{_title(path)}, one by one": pages}] if pages else [path]


def _pages_of(folder: str) -> list[str]:
    """The pages of a folder that has no index; none if there is one."""
    if (DOCS / folder / INDEX).exists():
        return []
    return sorted(page.relative_to(DOCS).as_posix() for page in (DOCS / folder).glob("*.md"))


def _title(page: str) -> str:
    """The first heading of a page."""
    match = re.search(r"^# (.+)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    return match[1] if match else page


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Sets the navigation."""
    config.nav = navigation()
    return config


# --- Pages of what lies outside -------------------------------------------------------------------


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page for every file or folder outside of docs that pages link to."""
    texts = {f.src_uri: f.content_string for f in files.documentation_pages()}
    known: set[str] = set()
    while texts:
        page, text = texts.popitem()
        for link in links(text):
            target = outside(page, link["path"])
            if target is None or target in known or not (ROOT / target).exists():
                continue
            known.add(target)
            shown = show(target)
            files.append(File.generated(config, source_page(target), content=shown))
            texts[source_page(target)] = shown if target.endswith(".md") else ""
    return files


def show(target: str) -> str:
    """The Markdown text that shows a file or folder, by its path from the root."""
    path = ROOT / target
    if path.is_dir():
        names = sorted(p.name + "/" * p.is_dir() for p in path.iterdir() if p.name[0] not in "._")
        return f"# {target}/\n\n" + "\n".join(f"- `{name}`" for name in names) + "\n"
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        # It stands as deep under docs/source as it does under the root.
        def moved(link: re.Match[str]) -> str:
            to = posixpath.normpath(posixpath.join(posixpath.dirname(target), link["path"]))
            there = posixpath.dirname(source_page(target))
            here = posixpath.relpath(posixpath.join("..", to), there)
            return f"[{link['text']}]({here}{link['anchor'] or ''})"

        return replaced(text, moved)
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in ["``", *re.findall("`{3,}", text)]))
    return f"# {target}\n\n{fence}{LANGUAGES.get(path.suffix, 'text')}\n{text}\n{fence}\n"


def replaced(text: str, new: Any) -> str:
    """A page with its links replaced."""
    for link in reversed(links(text)):
        text = text[: link.start()] + new(link) + text[link.end() :]
    return text


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links to what lies outside of docs, and to folders, to the pages that show it."""
    uri = page.file.src_uri
    here = posixpath.dirname(uri)
    if uri == INDEX:
        markdown = home(markdown)
    markdown = CHART.sub(
        lambda chart: f'<div style="overflow-x:auto">{flowchart.draw(chart[1])}</div>', markdown
    )

    def led(link: re.Match[str]) -> str:
        target = outside(uri, link["path"])
        if target is None:
            inside = posixpath.normpath(posixpath.join(here, link["path"]))
            if (DOCS / inside).is_dir():
                first = min(p.name for p in (DOCS / inside).glob("*.md"))
                return f"[{link['text']}]({link['path']}/{first})"
            return link[0]
        shown = posixpath.relpath(source_page(target), here or ".")
        return f"[{link['text']}]({shown}{link['anchor'] or ''})"

    return replaced(markdown, led)


def home(index: str) -> str:
    """The first page: the project's README, and the index instead of its last sections."""

    def moved(link: re.Match[str]) -> str:
        return f"[{link['text']}]({posixpath.relpath(link['path'], 'docs')}{link['anchor'] or ''})"

    readme = (ROOT / INDEX).read_text(encoding="utf-8")
    beginning = replaced(readme.partition("\n## Where to go next\n")[0], moved)
    return f"{beginning}\n{index.partition(chr(10))[2]}"


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """States the language of Italian pages."""
    is_italian = page.file.src_uri.startswith("it/")
    return output.replace('<html lang="en"', '<html lang="it"', 1) if is_italian else output


def on_post_build(config: MkDocsConfig) -> None:
    """Puts a map of the site where the theme looks for that of the other language."""
    site = Path(config.site_dir)
    (site / "it" / "sitemap.xml").write_bytes((site / "sitemap.xml").read_bytes())
