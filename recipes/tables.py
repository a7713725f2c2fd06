"""Writes the generated parts of README.md and docs: tables, a picture, the life of a record.

A generated part stands between two comments, ``<!-- NAME -->`` and ``<!-- /NAME -->``, in lines of
its own or within a line; the rest of the page is left as it is. The parts are the functions listed
in `parts`.

    python -m recipes.tables
"""

import ast
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from operator import getitem
from pathlib import Path
from statistics import median
from typing import Any

from analysis.differences import HEADLINE
from analysis.scores import HEADER
from analysis.scores import rows as score_rows
from analysis.verify import SEEDS, pooled
from recipes import imports, record
from recipes.energy import energy
from stages import encode
from stages.common import settings
from stages.common.command import run
from stages.common.files import write_text
from stages.tasks import load, owner

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
        script = stage["cmd"].split()[2].replace(".", "/")
        rows.append((f"[{name}]({script}.py)", stage["desc"], *paths))
    return table(("stage", "what it does", "reads", "writes"), rows)


def tasks() -> str:
    """The tasks: every module of stages/tasks, with its page, sub-tasks and ranked units."""
    subtasks = settings.load(ROOT / "data" / "prompts" / "it.yaml")["instructions"]
    rows = []
    for module in sorted((ROOT / "stages" / "tasks").glob("[!_]*.py")):
        name = module.stem
        own = [f"`{subtask}`" for subtask in subtasks if owner(subtask) == name]
        rows.append((f"[{name}](docs/tasks/{name}.md)", first_line(module), ", ".join(own)))
    return table(("task", "what it is", "sub-tasks"), rows)


def sending() -> str:
    """How the organisers want submissions sent, and how many: SENDING of every task."""
    rows = []
    for name in sorted(path.stem for path in (ROOT / "stages" / "tasks").glob("[!_]*.py")):
        task = load(name).SENDING
        archive = task.archive.replace("{team}", "TEAM").replace("{run}", "N")
        content = f"`{archive}`" if archive else "the files"
        extra = f" with `{task.description}`" if task.description else ""
        rows.append((f"[{name}](docs/tasks/{name}.md)", content + extra, task.how, str(task.runs)))
    return table(("task", "what is sent", "how", "runs, at most"), rows)


def params() -> str:
    """The keys of params.yaml with their defaults and comments."""
    rows = []
    path: list[str] = []
    values = settings.load(ROOT / "params.yaml")
    for line in (ROOT / "params.yaml").read_text(encoding="utf-8").split("\n"):
        match = re.fullmatch(r"( *)(\w+): *([^#]*?) *(?:# *(.*))?", line)
        if not match or line.startswith("#"):
            continue
        indent, key, value, comment = match.groups()
        path[len(indent) // 2 :] = [key]
        if isinstance(found := reduce(getitem, path, values), list):
            value = f"[{', '.join(found)}]"
        if value or (comment and len(path) > 1 and key != "lora"):
            rows.append((f"`{'.'.join(path)}`", f"`{value}`" if value else "", comment or ""))
    return table(("key", "default", "meaning"), rows)


def folders() -> str:
    """The modules of the folders of stages/ but tasks, by the first lines of their docstrings."""
    blocks = []
    for folder in ("common", "toolkit", "model", "training", "answering", "linear"):
        path = ROOT / "stages" / folder
        about = first_line(path / "__init__.py")
        rows = [
            (f"[{module.stem}]({module.relative_to(ROOT).as_posix()})", first_line(module))
            for module in sorted(path.glob("[!_]*.py"))
        ]
        blocks.append(f"`stages/{folder}/`: {about}\n\n{table(('module', 'what it is'), rows)}")
    return "\n\n".join(blocks)


def walls() -> str:
    """Which folder of stages/ imports which, as a picture."""
    return imports.picture(imports.wing_imports(imports.read_imports(ROOT)))


def marks() -> str:
    """How many of the sample's CLinkaRT relations carry an occurrence mark."""
    held_out = settings.read(encode.Settings, ROOT / "params.yaml").encode
    notes = load("clinkart").encode(ROOT / "data" / "sample" / "clinkart", held_out).notes
    return f"{notes['marked_relations']:,} of {notes['relations']:,}"


# --- Figures --------------------------------------------------------------------------------------


def report(name: str) -> dict[str, Any]:
    """A file of metrics."""
    content: dict[str, Any] = json.loads(
        (ROOT / "metrics" / f"{name}.json").read_text(encoding="utf-8")
    )
    return content


def units(name: str) -> dict[str, Any]:
    """The units of a file of metrics."""
    entries: dict[str, Any] = report(name)["units"]
    return entries


def scores() -> str:
    """The scores in metrics/evaluate.json, and those of several seeds."""
    header, rows = with_seeds(score_rows(units("evaluate")))
    return table(header, rows)


def glimpse() -> str:
    """The first scores in metrics/evaluate.json, and the headline."""
    header, rows = with_seeds(score_rows(units("evaluate"))[:4])
    said = f"headline {report('evaluate')['headline']:.3f}"
    if (known := seeds()) and (own := known.get(HEADLINE)):
        said += f"; of {len(own)} runs {spread(own)}"
    return f"{table(header, [*rows, ('…',) * len(header)])}\n\n{said}"


def seeds() -> dict[str, list[float]]:
    """The scores of several seeds and machines in metrics/seeds.json, by unit; none without it."""
    return pooled(report("seeds")) if (ROOT / SEEDS).is_file() else {}


def with_seeds(rows: Sequence[Sequence[str]]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Adds a column with the median and the range over seeds to a table of scores, if known."""
    known = seeds()
    if not known:
        return HEADER, list(rows)
    count = max(map(len, known.values()))
    cells = [spread(known[row[0]]) if row[0] in known else "–" for row in rows]
    header = (*HEADER, f"{count} runs: median (range)")
    return header, [(*row, cell) for row, cell in zip(rows, cells, strict=True)]


def spread(values: Sequence[float]) -> str:
    """The median of scores, and their range."""
    return f"{median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def figure(entry: Mapping[str, Any]) -> str:
    """A published figure: no more decimals than it has, and at most four."""
    return str(round(entry["value"], 4)) if entry else "–"


def published() -> str:
    """The figures in metrics/published.json, for every unit that is scored here."""
    known = units("published")
    systems = ("best", "extremITLLaMA", "extremIT5", "extremITA")
    rows = [
        (
            name,
            unit["metric"].replace("_", " "),
            *(figure(known.get(name, {}).get(system, {})) for system in systems),
        )
        for name, unit in units("evaluate").items()
    ]
    header = ("unit", "metric", "best published", *systems[1:-1], "extremITA, either model")
    return table(header, rows)


def sources() -> str:
    """Where every figure in metrics/published.json comes from."""
    rows = []
    for name, unit in units("published").items():
        details = unit.pop("details", {})
        for detail, systems in {"": unit, **details}.items():
            for system, entry in systems.items():
                who = f"{system}: {entry['system']}" if entry.get("system") else system
                value = str(entry["value"])
                rows.append((name, detail, who, value, entry["source"], entry.get("note", "")))
    return table(("unit", "detail", "system", "figure", "source", "note"), rows)


# --- Pages ----------------------------------------------------------------------------------------

Part = Callable[[], str | None]
"""Makes a generated part; None where there is nothing to make it of, so that it stays as it is."""


def parts() -> dict[str, Part]:
    """The generated parts by the names that stand in the pages."""
    tables: list[Part] = [stages, tasks, sending, params, folders, walls, marks]
    figures: list[Part] = [scores, glimpse, published, sources, energy]
    life: list[Part] = [
        record.record_raw,
        record.record_encoded,
        record.record_learnt,
        record.record_prompt,
        record.record_row,
        record.record_prediction,
        record.record_submission,
        record.record_score,
    ]
    return {part.__name__: part for part in (*tables, *figures, *life)}


def relinked(text: str, folder: str) -> str:
    """Makes links that count from the root count from a folder."""

    def relative(link: re.Match[str]) -> str:
        return f"]({os.path.relpath(link[1], folder or '.')}{link[2]})"

    return re.sub(r"\]\((?!http)([^)#]+)((?:#[^)]*)?)\)", relative, text)


def render(text: str, folder: str = "") -> str:
    """Fills the generated parts of a Markdown text anew.

    Args:
        text: the page.
        folder: where it stands, from the root, for its links.
    """
    for name, part in parts().items():
        pattern = re.compile(rf"(<!-- {name} -->)(\n?).*?(<!-- /{name} -->)", re.DOTALL)
        if (match := pattern.search(text)) and (made := part()) is not None:
            content = f"{match[2]}{relinked(made, folder)}{match[2]}"
            text = f"{text[: match.end(1)]}{content}{match[3]}{text[match.end() :]}"
    return text


def pages() -> list[Path]:
    """README.md and the pages in docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> None:
    """Rewrites the pages that have changed."""
    for page in pages():
        before = page.read_text(encoding="utf-8")
        folder = page.parent.relative_to(ROOT).as_posix()
        if (after := render(before, folder)) != before:
            write_text(page, after)
            print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    run(main)
