"""README.md and docs: their generated parts are up to date, and what they name exists."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from recipes import tables


def test_generated_tables_are_up_to_date(root: Path) -> None:
    changed = subprocess.run(
        ["git", "status", "--porcelain", "metrics/evaluate.json", "params.yaml"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    if changed.stdout.strip():
        pytest.skip("params or metrics differ from the committed ones, which the README shows")
    for folder, name in (("", "README.md"), ("docs", "tasks.md"), ("docs", "published.md")):
        text = (root / folder / name).read_text(encoding="utf-8")
        assert tables.render(text, folder) == text, "run `make docs`"


def test_every_task_has_a_page(root: Path) -> None:
    modules = {p.stem for p in (root / "stages" / "tasks").glob("[!_]*.py")}
    assert {p.stem for p in (root / "docs" / "tasks").glob("*.md")} == modules


def test_links_lead_somewhere(root: Path) -> None:
    for page in [root / "README.md", *root.glob("docs/**/*.md"), *root.glob("data/*/README.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_are_those_that_make_prints(root: Path) -> None:
    # `make test` would have its own make print the folders that it enters.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    printed = subprocess.run(
        ["make"], cwd=root, env=environment, capture_output=True, text=True
    ).stdout
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"\.PHONY: (.*)", makefile)[1].split()) - {"help"}
    assert {line.split()[0] for line in printed.splitlines()} == targets | {"help"}
    for target in re.findall(
        r"(?:`|\$ )make (\w+)", (root / "README.md").read_text(encoding="utf-8")
    ):
        assert target in targets, target
