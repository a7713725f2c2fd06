"""Writes the generated tables of README.md: stages, tasks, params and scores.

Each stands between two comments, ``<!-- NAME -->`` and ``<!-- /NAME -->``; the rest of the file is
left as it is.

    python -m recipes.tables README.md
"""

import argparse
import ast
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from stages import settings
from stages.files import write_text

ROOT = Path(__file__).parents[1]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def stages() -> str:
    """The stages of dvc.yaml: what they do, from which folders to which."""
    rows = []
    for name, stage in settings.load(ROOT / "dvc.yaml")["stages"].items():
        entries = [e for kind in ("outs", "metrics", "plots") for e in stage.get(kind, [])]
        written = [e if isinstance(e, str) else next(iter(e)) for e in entries]
        read = [dep for dep in stage["deps"] if not dep.startswith("stages/")]
        paths = (", ".join(f"`{path}`" for path in group) for group in (read, written))
        rows.append((f"[{name}](stages/{name}.py)", stage["desc"], *paths))
    return table(("stage", "what it does", "reads", "writes"), rows)


def tasks() -> str:
    """The tasks: every module of stages/tasks."""
    modules = sorted((ROOT / "stages" / "tasks").glob("[!_]*.py"))
    rows = [(f"[{m.stem}](stages/tasks/{m.name})", first_line(m)) for m in modules]
    return table(("task", "what it is"), rows)


def params() -> str:
    """The keys of params.yaml with their defaults and comments."""
    rows = []
    path: list[str] = []
    for line in (ROOT / "params.yaml").read_text(encoding="utf-8").split("\n"):
        match = re.fullmatch(r"( *)(\w+): *([^#]*?) *(?:# *(.*))?", line)
        if not match or line.startswith("#"):
            continue
        indent, key, value, comment = match.groups()
        path[len(indent) // 2 :] = [key]
        if value or (comment and len(path) > 1 and key != "lora"):
            rows.append((f"`{'.'.join(path)}`", f"`{value}`" if value else "", comment or ""))
        elif key == "tasks":
            rows.append(("`tasks`", "", comment))
    return table(("key", "default", "meaning"), rows)


def scores() -> str:
    """The scores in metrics/evaluate.json."""
    report = json.loads((ROOT / "metrics" / "evaluate.json").read_text(encoding="utf-8"))
    rows = [
        (
            name,
            unit["metric"].replace("_", " "),
            f"{unit['value']:.3f}",
            f"{unit['low']:.3f} to {unit['high']:.3f}",
            f"{unit['baseline']:.3f}",
            str(unit["n"]),
        )
        for name, unit in report["units"].items()
    ]
    header = ("unit", "metric", "score", "95 % interval", "baseline", "n")
    return table(header, rows)


def render(text: str) -> str:
    """Fills the tables of a Markdown text anew."""
    for make in (stages, tasks, params, scores):
        name = make.__name__
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if match := pattern.search(text):
            text = text[: match.start()] + f"{match[1]}{make()}\n{match[2]}" + text[match.end() :]
    return text


def main() -> None:
    """Rewrites the file named on the command line."""
    parser = argparse.ArgumentParser(description="Fill the generated tables of a Markdown file.")
    parser.add_argument("file", type=Path)
    path: Path = parser.parse_args().file
    write_text(path, render(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
