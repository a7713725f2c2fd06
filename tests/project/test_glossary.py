"""The glossary: every term has a meaning and a home in the code, and stands there once."""

import re
from pathlib import Path

import pytest

ROW = re.compile(r"\| ([^|]+) \| ([^|]+) \| \[([^]]+)\]\(\.\./stages/([^)]+)\) \|")


@pytest.fixture
def rows(root: Path) -> list[tuple[str, str, str, str]]:
    text = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    content = [line for line in lines if not line.startswith("| term |")]
    matches = [ROW.fullmatch(line) for line in content]
    assert all(matches), [line for line, match in zip(content, matches, strict=True) if not match]
    return [match.groups() for match in matches if match]


def test_the_terms_of_the_field_are_there(rows: list[tuple[str, str, str, str]]) -> None:
    terms = [term for names, *_ in rows for term in re.split(", ", names)]
    assert len(terms) == len(set(terms)) >= 30
    assert {
        "split",
        "sub-task",
        "ranked unit",
        "question id",
        "segment",
        "micro-batch",
        "adapter",
    } <= {*terms}


def test_every_term_has_a_home(root: Path, rows: list[tuple[str, str, str, str]]) -> None:
    for term, _, label, path in rows:
        assert (root / "stages" / path).is_file(), f"{term}: {path}"
        assert label in (path, path.removesuffix("/__init__.py")), f"{term}: {label}"


def test_meanings_are_sentences(rows: list[tuple[str, str, str, str]]) -> None:
    for term, meaning, *_ in rows:
        assert re.match(r"[A-Z`]", meaning) and meaning.endswith((".", "`.")), term
