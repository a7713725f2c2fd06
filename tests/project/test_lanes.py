"""The lanes of tests: what tests share is in tests/helpers, and what starts a process is marked."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.order import longest_first

TESTS = Path(__file__).parents[1]
MODULES = sorted(path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
STARTS_A_PROCESS = re.compile(r"sys\.executable|import command\b|import .*\bdvc\b")
PROGRAM = re.compile(r"^(import [\w.]+|from [\w.]+ import .*)\n", re.MULTILINE)
IN_PROCESSES = re.compile(r"\b(reproduced|stage_project|project: Path|work: Path)\b")

each_module = pytest.mark.parametrize(
    "path", MODULES, ids=lambda p: p.relative_to(TESTS).as_posix()
)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> list[str]:
    """Modules of tests that a test imports, at its top or inside functions."""
    names = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            names.append(node.module or "")
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names if alias.name.startswith("tests")]
    return names


@each_module
def test_no_test_imports_another(path: Path) -> None:
    assert all(name.startswith("tests.helpers") for name in imported(path))


@each_module
def test_no_program_is_a_string(path: Path) -> None:
    """A program that a test runs is a module of tests/helpers, which tools can read.

    Code that is read and not run, as by the reader of imports, may be a string.
    """
    if path.name == "test_architecture.py":
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not PROGRAM.search(node.value), node.lineno
            assert not node.value.startswith("#!"), node.lineno
        if isinstance(node, ast.List):
            values = [getattr(item, "value", None) for item in node.elts]
            code = "-c" in values and "git" not in path.read_text(encoding="utf-8")
            assert not code, node.lineno


@each_module
def test_nothing_is_asserted_about_time(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "perf_counter" not in text
    assert "timeit" not in text
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Assert):
            assert "time." not in ast.unparse(node), node.lineno


@each_module
def test_what_starts_a_process_is_marked(path: Path) -> None:
    """By its fixtures (tests/conftest.py), or by the mark."""
    text = path.read_text(encoding="utf-8")
    if STARTS_A_PROCESS.search(text):
        assert "pytest.mark.process" in text or IN_PROCESSES.search(text)


def item(name: str) -> Any:
    """A test whose name tells its fixture, or its mark."""
    marks = {"process", "long"} & {name.split()[0]}
    return SimpleNamespace(
        name=name,
        fixturenames=[name.split()[0]],
        get_closest_marker=lambda mark: mark if mark in marks else None,
    )


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_worker_begins_with_long_tests(workers: int) -> None:
    """And the first one with all that need the reproduced project."""
    kinds = ["short", "process", "short", "reproduced", "short", "long", "short", "short"]
    items = [item(f"{kind} {n}") for n in range(5) for kind in kinds]
    ordered = [one.name for one in longest_first(items, workers)]
    assert sorted(ordered) == sorted(one.name for one in items)
    assert ordered[:5] == [f"reproduced {n}" for n in range(5)]
    parts = [ordered[40 * n // workers : 40 * (n + 1) // workers] for n in range(workers)]
    for part in parts[1:]:
        assert part[0].startswith(("process", "long"))
    for part in parts:
        is_short = [name.startswith("short") for name in part]
        assert is_short == sorted(is_short)
