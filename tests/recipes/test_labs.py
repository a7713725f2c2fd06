"""The labs: their code runs, their pages are up to date in both languages, the notebook runs."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from recipes import labs
from stages.common.command import InputError
from tests.helpers import small_project
from tests.helpers.commands import forked_programs

each_lab = pytest.mark.parametrize("name", labs.LABS)


@each_lab
@pytest.mark.long
def test_a_lab_runs_and_its_pages_show_what_it_prints(
    name: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exercises and solutions among the rest; what a training gave is not compared."""
    monkeypatch.chdir(root)
    for path, text in labs.pages(name):
        shown = labs.without_varying(path.read_text(encoding="utf-8"))
        assert labs.without_varying(text) == shown, f"{path.name}: run `make docs`"


@each_lab
def test_all_prose_of_a_lab_is_there_in_both_languages(name: str) -> None:
    cells = labs.read_cells(labs.SOURCES / f"{name}.py")
    prose = [cell.language for cell in cells if cell.kind == "markdown"]
    assert prose == ["en", "it"] * (len(prose) // 2)
    for first, second in pairwise(cells):
        if first.language == "en":
            assert second.language == "it"
            counts = [len(c.text.split("\n#")) for c in (first, second)]
            assert counts[0] == counts[1], f"headings of line {first.line}"


@each_lab
def test_every_lab_has_a_trap_and_exercises_with_solutions(name: str) -> None:
    text = (labs.SOURCES / f"{name}.py").read_text(encoding="utf-8")
    assert "## Trap: " in text and "## Trappola: " in text
    solutions = text.partition("## Exercises")[2].split("# %% ")
    code = [cell for cell in solutions if cell.startswith("tags=")]
    assert len(code) == 2
    assert all("assert " in cell for cell in code)


def test_a_cell_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.py"
    path.write_text("# %%\nprint(1)\n# %% [markdown] lang=fr\n# x\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lab\.py:3: expected a cell's first line"):
        labs.read_cells(path)


def test_code_is_run_once_and_shown_with_what_it_prints(tmp_path: Path) -> None:
    path = tmp_path / "lab.py"
    lines = ["# left aside", '# %% [markdown] lang="it"', "# # Uno", "#", "# [qui](docs/x.md#y)"]
    lines += ["# %%", "n = 1", "print('```', n)", '# %% tags=["varies"]', "print(n + 1)"]
    lines += ['# %% [markdown] lang="en"', "# One", '# %% tags=["solution"]', "assert n == 1"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    cells = labs.read_cells(path)
    assert [cell.line for cell in cells] == [3, 7, 10, 12, 14]
    printed = labs.execute(path, cells)
    assert printed == ["", "``` 1", "2", "", ""]
    page = labs.page("lab", cells, printed, "it")
    assert "# Uno\n\n[qui](../../x.md#y)\n\n````python\nn = 1\n" in page
    assert "\n\n````text\n``` 1\n````\n\n" in page
    assert page.removesuffix(
        "<!-- make docs writes this page; its source is labs/lab.py -->\n"
    ).endswith(
        '<details markdown="1"><summary>Soluzione</summary>\n\n'
        "```python\nassert n == 1\n```\n\n</details>\n\n"
    )
    assert f"{labs.VARIES}\n```text\n2\n```" in page
    assert labs.without_varying(page) == labs.without_varying(page.replace("\n2\n", "\n3\n"))
    assert "One" not in page


# --- Notebook -------------------------------------------------------------------------------------


def test_the_notebook_is_valid_and_of_its_source(root: Path) -> None:
    import nbformat

    path = root / "labs" / "colab.ipynb"
    assert path.read_text(encoding="utf-8") == labs.notebook("colab"), "run `make docs`"
    content = nbformat.read(path, as_version=4)
    nbformat.validate(content)
    assert not any(cell.get("outputs") for cell in content.cells)


@pytest.mark.long
@pytest.mark.process
def test_the_notebook_runs_on_the_small_base(root: Path, tmp_path: Path) -> None:
    """From the settings to the table and the plot; what needs the network is left out by SMALL."""
    import nbformat
    from nbclient import NotebookClient

    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("stages", "analysis", "data/bases/llama", "data/prompts", "data/sample/acti"):
        shutil.copytree(root / part, tmp_path / part, ignore=ignore)
    for file in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(root / file, tmp_path)
    small_project.dvc(tmp_path, "init", "--no-scm", "--quiet")
    shutil.copytree(root / ".dvc" / "plots", tmp_path / ".dvc" / "plots")
    content = nbformat.read(root / "labs" / "colab.ipynb", as_version=4)
    (parameters,) = (c for c in content.cells if c.source.startswith("SMALL = False\n"))
    parameters.source = parameters.source.replace("SMALL = False", "SMALL = True", 1)
    parameters.source += f"\nimport sys; sys.executable = {str(forked_programs() / 'python')!r}"
    client = NotebookClient(content, timeout=500, resources={"metadata": {"path": str(tmp_path)}})
    executed = client.execute()
    outputs = [o for cell in executed.cells for o in cell.get("outputs", [])]
    printed = "".join(o.get("text", "") for o in outputs)
    assert "\nheadline " in printed
    assert "--- acti_b:" in printed
    assert any("image/svg+xml" in o.get("data", {}) for o in outputs)
    units = json.loads((tmp_path / "metrics" / "evaluate.json").read_text())["units"]
    assert {*units} == {"acti_a", "acti_b"}
