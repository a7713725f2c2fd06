"""Writes the generated tables of README.md and docs/tasks.md: stages, tasks, params and scores.

Each stands between two comments, ``<!-- NAME -->`` and ``<!-- /NAME -->``; the rest of the file is
left as it is.

    python -m recipes.tables README.md docs/tasks.md
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
    """The tasks: every module of stages/tasks, with its page, sub-tasks and ranked units."""
    asked = settings.load(ROOT / "data" / "prompts" / "it.yaml")["instructions"]
    rows = []
    for module in sorted((ROOT / "stages" / "tasks").glob("[!_]*.py")):
        name = module.stem
        own = [f"`{subtask}`" for subtask in asked if subtask.partition("_")[0] == name]
        rows.append((f"[{name}](docs/tasks/{name}.md)", first_line(module), ", ".join(own)))
    return table(("task", "what it is", "sub-tasks"), rows)


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


def render(text: str, folder: str = "") -> str:
    """Fills the tables of a Markdown text anew.

    Args:
        text: the page.
        folder: where it stands, from the root, for its links.
    """
    for make in (stages, tasks, params, scores):
        name = make.__name__
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if match := pattern.search(text):
            made = make().replace(f"]({folder}/", "](") if folder else make()
            text = text[: match.start()] + f"{match[1]}{made}\n{match[2]}" + text[match.end() :]
    return text


def main() -> None:
    """Rewrites the files named on the command line."""
    parser = argparse.ArgumentParser(description="Fill the generated tables of Markdown files.")
    parser.add_argument("files", nargs="+", help="from the root")
    for name in parser.parse_args().files:
        path = ROOT / name
        write_text(path, render(path.read_text(encoding="utf-8"), name.rpartition("/")[0]))


if __name__ == "__main__":
    main()
