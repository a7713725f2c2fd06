"""README.md and docs: their generated parts are up to date, and what they name exists."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from recipes import tables


def page_paths(root: Path) -> list[Path]:
    """README, changelog, and the pages in docs and data."""
    return [*tables.pages(), root / "CHANGELOG.md", *root.glob("data/*/README.md")]


def test_generated_parts_are_up_to_date(root: Path) -> None:
    changed = subprocess.run(
        ["git", "status", "--porcelain", "metrics/evaluate.json", "params.yaml"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    if changed.stdout.strip():
        pytest.skip("params or metrics differ from the committed ones, which the pages show")
    for page in tables.pages():
        text = page.read_text(encoding="utf-8")
        folder = page.parent.relative_to(root).as_posix()
        assert tables.render(text, folder) == text, f"{page.name}: run `make docs`"


def test_every_generated_part_is_shown_and_every_mark_is_known(root: Path) -> None:
    marks: set[str] = set()
    for page in tables.pages():
        text = page.read_text(encoding="utf-8")
        begins = re.findall(r"<!-- (\w+) -->", text)
        assert begins == re.findall(r"<!-- /(\w+) -->", text), page.name
        marks.update(begins)
    assert marks == tables.parts().keys()


def test_a_part_is_filled_within_a_line_and_in_lines_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = {"a": lambda: "[x](docs/x.md)", "b": lambda: "2\n3", "c": lambda: None}
    monkeypatch.setattr(tables, "parts", lambda: made)
    page = "<!-- a -->1<!-- /a -->, <!-- c -->kept<!-- /c -->\n<!-- b -->\n<!-- /b -->\n"
    assert tables.render(page, "docs/decisions") == (
        "<!-- a -->[x](../x.md)<!-- /a -->, <!-- c -->kept<!-- /c -->\n"
        "<!-- b -->\n2\n3\n<!-- /b -->\n"
    )


def test_the_readme_is_short(root: Path) -> None:
    assert (root / "README.md").read_text(encoding="utf-8").count("\n") <= 150


def test_every_task_has_a_page(root: Path) -> None:
    modules = {p.stem for p in (root / "stages" / "tasks").glob("[!_]*.py")}
    assert {p.stem for p in (root / "docs" / "tasks").glob("*.md")} == modules


def test_links_lead_somewhere(root: Path) -> None:
    for page in page_paths(root):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_index(root: Path) -> None:
    index = (root / "docs" / "README.md").read_text(encoding="utf-8")
    for page in root.glob("docs/*.md"):
        assert f"]({page.name})" in index or page.name == "README.md", page.name


def test_files_and_commands_that_pages_name_exist(root: Path) -> None:
    folders = "stages|tests|analysis|recipes|benchmarks|profiles"
    for page in page_paths(root):
        text = page.read_text(encoding="utf-8")
        steps = re.findall(r"^Write `([^`]+)`:$", text, re.MULTILINE)
        for file in re.findall(rf"`((?:{folders})/[\w/-]+\.\w+)`", text):
            assert (root / file).is_file() or file in steps, f"{page.name}: {file}"
        for module in re.findall(r"python -m (\w+\.[\w.]+)", text):
            folder = root / module.replace(".", "/")
            named = folder / "__main__.py" if folder.is_dir() else folder.with_suffix(".py")
            is_placeholder = not module.islower()  # recipes.sample.TASK
            is_history = page.name == "CHANGELOG.md"
            assert named.is_file() or is_placeholder or is_history, f"{page.name}: {module}"


def test_make_targets_are_those_that_make_prints(root: Path) -> None:
    # `make test` would have its own make print the folders that it enters.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    printed = subprocess.run(
        ["make"], cwd=root, env=environment, capture_output=True, text=True
    ).stdout
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"\.PHONY: (.*)", makefile)[1].split()) - {"help"}
    assert {line.split()[0] for line in printed.splitlines()} == targets | {"help"}
    for page in page_paths(root):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"(?:`|\$ )make ([a-z-]+)", text):
            assert target in targets, f"{page.name}: {target}"
