"""The lanes of tests: what tests share is in tests/helpers, and what starts a process is marked."""

import ast
import re
from pathlib import Path

import pytest

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
