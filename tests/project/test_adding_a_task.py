"""docs/adding-a-task.md, followed word for word in a copy of the project."""

import re
import shutil
from pathlib import Path

import pytest

from tests.helpers.commands import fresh_command

STEP = re.compile(
    r"^(?:Write|Add to) `([^`]+)`(?:, after the line that begins with `([^`]+)`)?:\n\n"
    r"```\w+\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
TASK = "formal_letters"


@pytest.fixture
def followed(root: Path, tmp_path: Path) -> Path:
    """A copy of the project with the page's task."""
    ignore = shutil.ignore_patterns("__pycache__")
    data = ("data/bases/llama", "data/prompts", "data/sample")
    for part in ("analysis", "docs", "metrics", "recipes", "stages", "tests", *data):
        shutil.copytree(root / part, tmp_path / part, ignore=ignore)
    for file in ("README.md", "dvc.yaml", "params.yaml", "pyproject.toml"):
        shutil.copy(root / file, tmp_path)
    for file, before, content in STEP.findall((root / "docs/adding-a-task.md").read_text("utf-8")):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        lines, place = [""], 0
        if before:
            lines = path.read_text("utf-8").splitlines(keepends=True)
            (place,) = (n for n, line in enumerate(lines, 1) if line.startswith(before))
        lines.insert(place, content)
        path.write_text("".join(lines), "utf-8")
    return tmp_path


def test_a_step_is_written_for_every_part_of_a_task(root: Path) -> None:
    page = (root / "docs/adding-a-task.md").read_text("utf-8")
    assert [(file, before) for file, before, _ in STEP.findall(page)] == [
        (f"stages/tasks/{TASK}.py", ""),
        *((f"data/sample/{TASK}/{name}.csv", "") for name in ("train", "test", "gold")),
        ("data/prompts/it.yaml", "instructions:"),
        (f"docs/tasks/{TASK}.md", ""),
        ("params.yaml", "tasks:"),
    ]


@pytest.mark.process
def test_the_new_task_is_encoded_and_passes_the_tests_of_every_task(followed: Path) -> None:
    encoded = fresh_command(followed, "stages.encode", "data/sample", "data/encoded")
    assert encoded.returncode == 0, encoded.stderr
    assert f"{TASK}: no dev file: " in encoded.stderr
    rows = (followed / "data/encoded/test.jsonl").read_text("utf-8").splitlines()
    assert sum(f'"task": "{TASK}"' in row for row in rows) == 12

    tested = fresh_command(
        followed, "pytest", "-n", "0", "tests/tasks/test_every_task.py", "-k", TASK, "-rs"
    )
    assert tested.returncode == 0, tested.stdout
    assert "passed" in tested.stdout and "skipped" not in tested.stdout

    listed = fresh_command(followed, "recipes.tables")
    assert listed.returncode == 0, listed.stderr
    table = (followed / "docs/tasks.md").read_text("utf-8")
    assert f"| [{TASK}](tasks/{TASK}.md) | Formal letters: say whether" in table


@pytest.mark.process
def test_the_new_module_has_the_style_and_the_types_of_the_others(
    followed: Path, root: Path
) -> None:
    module = f"stages/tasks/{TASK}.py"
    cache = f"--cache-dir={root / '.mypy_cache'}"  # what `make lint` knows of all other modules
    for tool, *arguments in (
        ("ruff", "check", module),
        ("ruff", "format", "--check", module),
        ("mypy", cache, module),
    ):
        result = fresh_command(followed, tool, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
