"""Writes the generated tables of README.md, docs/tasks.md and docs/published.md.

They are the stages, the tasks, the params, our scores, and the published figures beside ours with
their sources. Each stands between two comments, ``<!-- NAME -->`` and ``<!-- /NAME -->``; the rest
of the file is left as it is.

    python -m recipes.tables README.md docs/tasks.md docs/published.md
"""

import argparse
import ast
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from analysis.scores import HEADER
from analysis.scores import rows as score_rows
from stages.common import settings
from stages.common.files import write_text

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


def units(name: str) -> dict[str, Any]:
    """The units of a file of metrics."""
    report = json.loads((ROOT / "metrics" / f"{name}.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = report["units"]
    return found


def scores() -> str:
    """The scores in metrics/evaluate.json."""
    return table(HEADER, score_rows(units("evaluate")))


def figure(found: dict[str, Any]) -> str:
    """A published figure: no more decimals than it has, and at most four."""
    return str(round(found["value"], 4)) if found else "–"


def published() -> str:
    """Our score of each unit and the figures in metrics/published.json."""
    known = units("published")
    systems = ("best", "extremITLLaMA", "extremIT5", "extremITA")
    rows = [
        (
            name,
            unit["metric"].replace("_", " "),
            f"{unit['value']:.3f}",
            *(figure(known.get(name, {}).get(system, {})) for system in systems),
        )
        for name, unit in units("evaluate").items()
    ]
    header = ("unit", "metric", "ours", "best published", *systems[1:-1], "extremITA, either model")
    return table(header, rows)


def sources() -> str:
    """Where every figure in metrics/published.json comes from."""
    rows = []
    for name, unit in units("published").items():
        details = unit.pop("details", {})
        for detail, systems in {"": unit, **details}.items():
            for system, found in systems.items():
                who = f"{system}: {found['system']}" if found.get("system") else system
                value = str(found["value"])
                rows.append((name, detail, who, value, found["source"], found.get("note", "")))
    return table(("unit", "detail", "system", "figure", "source", "note"), rows)


def render(text: str, folder: str = "") -> str:
    """Fills the tables of a Markdown text anew.

    Args:
        text: the page.
        folder: where it stands, from the root, for its links.
    """
    for make in (stages, tasks, params, scores, published, sources):
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
