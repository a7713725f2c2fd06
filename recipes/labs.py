"""Makes the labs' pages and the notebook of their sources in labs/, with the output of their code.

A source is a Python file in cells, as editors and Jupytext read them. A cell begins with one of

    # %% [markdown] lang="en"     prose in comments, here English; it: Italian; without lang: both
    # %%                          code
    # %% tags=["varies"]          code whose output differs from machine to machine
    # %% tags=["solution"]        code that solves an exercise, folded away on the page

Code stands in the source once and is run once; what it prints follows it on both pages. Links in
prose count from the root.

    python -m recipes.labs                # runs all labs and writes their pages
    python -m recipes.labs encode infer   # some
"""

import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.tables import relinked
from stages.common.command import InputError, argument_parser, run
from stages.common.files import write_text

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "labs"
LABS = ("encode", "finetune", "infer", "decode", "evaluate", "compare")
NOTEBOOK = "colab"
LANGUAGES = {"en": "docs/labs", "it": "docs/it/labs"}
SOLUTION = {"en": "Solution", "it": "Soluzione"}
HEADER = re.compile(r'# %%(?: \[(markdown)\](?: lang="(en|it)")?| tags=\["(\w+)"\])?')
VARIES = "<!-- differs from machine to machine -->"
VARYING = re.compile(
    rf"{VARIES}\n(?P<fence>`{{3,}})text\n.*?^(?P=fence)$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Cell:
    """A cell of a source.

    Attributes:
        kind: prose or code.
        text: Markdown, or Python.
        line: number of the text's first line in the source, from 1.
        language: en or it; "" for both.
        tag: varies or solution; "" for none.
    """

    kind: str
    text: str
    line: int
    language: str = ""
    tag: str = ""


def read_cells(path: Path) -> list[Cell]:
    """Reads a source; what stands before the first cell is left aside.

    Raises:
        InputError: for a cell's first line that is not understood.
    """
    cells: list[Cell] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = HEADER.fullmatch(lines[start])
        if not match:
            raise InputError(
                f"{path}:{start + 1}: expected a cell's first line, see recipes/labs.py"
            )
        markdown, language, tag = match.groups()
        body = lines[start + 1 : end]
        if markdown:
            body = [line.removeprefix("#").removeprefix(" ") for line in body]
        text = "\n".join(body).strip("\n")
        cells.append(Cell(markdown or "code", text, start + 2, language or "", tag or ""))
    return cells


def execute(path: Path, cells: Sequence[Cell]) -> list[str]:
    """Runs the code of a source, in one namespace.

    Args:
        path: the source, for tracebacks.
        cells: its cells.

    Returns:
        What each cell printed; nothing for prose.
    """
    namespace: dict[str, Any] = {"__name__": "lab"}
    printed = []
    for cell in cells:
        output = io.StringIO()
        if cell.kind == "code":
            code = compile("\n" * (cell.line - 1) + cell.text, str(path), "exec")
            with redirect_stdout(output):
                exec(code, namespace)  # noqa: S102  (the lab's own code)
        printed.append(output.getvalue().rstrip())
    return printed


# --- Pages ----------------------------------------------------------------------------------------


def fenced(text: str, language: str) -> str:
    """A block of code, in a fence that is longer than any in it."""
    fence = "`" * max(3, *(len(run) + 1 for run in ["``", *re.findall("`{3,}", text)]))
    return f"{fence}{language}\n{text}\n{fence}"


def page(name: str, cells: Sequence[Cell], printed: Sequence[str], language: str) -> str:
    """A lab's page in a language."""
    folder = LANGUAGES[language]
    blocks = []
    for cell, output in zip(cells, printed, strict=True):
        if cell.language not in ("", language):
            continue
        if cell.kind == "markdown":
            blocks.append(relinked(cell.text, folder))
            continue
        shown = [fenced(cell.text, "python")]
        if output:
            mark = f"{VARIES}\n" if cell.tag == "varies" else ""
            shown.append(f"{mark}{fenced(output, 'text')}")
        if cell.tag == "solution":
            summary = f'<details markdown="1"><summary>{SOLUTION[language]}</summary>'
            shown = [summary, *shown, "</details>"]
        blocks += shown
    blocks.append(f"<!-- make docs writes this page; its source is labs/{name}.py -->")
    return "\n\n".join(blocks) + "\n"


def without_varying(text: str) -> str:
    """A page without the output that differs from machine to machine."""
    return VARYING.sub(VARIES, text)


def pages(name: str) -> Iterator[tuple[Path, str]]:
    """Runs a lab and yields the path of each of its pages with the text."""
    source = SOURCES / f"{name}.py"
    cells = read_cells(source)
    printed = execute(source, cells)
    for language, folder in LANGUAGES.items():
        yield ROOT / folder / f"{name}.md", page(name, cells, printed, language)


# --- Notebook -------------------------------------------------------------------------------------


def notebook(name: str) -> str:
    """A notebook of a source, without outputs; ``# !command`` becomes ``!command``."""
    cells = []
    for number, cell in enumerate(read_cells(SOURCES / f"{name}.py")):
        text = re.sub(r"^(\s*)# ([!%])", r"\1\2", cell.text, flags=re.MULTILINE)
        made: dict[str, Any] = {"cell_type": cell.kind, "id": f"cell-{number}", "metadata": {}}
        made["source"] = text.splitlines(keepends=True)
        if cell.kind == "code":
            made |= {"execution_count": None, "outputs": []}
        cells.append(made)
    metadata = {
        "accelerator": "GPU",
        "colab": {"gpuType": "T4", "provenance": []},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Writes the pages and the notebook that have changed."""
    parser = argument_parser(__doc__)
    parser.add_argument("labs", nargs="*", help=f"{', '.join(LABS)}; all of them if none is named")
    names = parser.parse_args().labs or LABS
    if unknown := set(names) - set(LABS):
        raise InputError(f"no lab {', '.join(sorted(unknown))}; known: {', '.join(LABS)}")
    made = [entry for name in names for entry in pages(name)]
    made.append((SOURCES / f"{NOTEBOOK}.ipynb", notebook(NOTEBOOK)))
    for path, text in made:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if without_varying(before) != without_varying(text):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    run(main)
