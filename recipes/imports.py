"""Which module of stages/ imports which, read from the code without running it.

`make docs` draws docs/architecture.md with it, and tests/project/test_architecture.py compares it
with the walls between the folders.
"""

import ast
from collections.abc import Collection, Mapping
from pathlib import Path

Imports = Mapping[str, set[str]]
"""The modules that each module imports, by their dotted names."""


def read_imports(root: Path) -> dict[str, set[str]]:
    """Reads which modules of stages/ each of them imports.

    Args:
        root: the project's root.

    Returns:
        The imported modules of stages/ by dotted name; a package has the name of its folder.
    """
    files = {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for file in sorted((root / "stages").rglob("*.py"))
    }
    return {name: imported(file.read_text(encoding="utf-8"), files) for name, file in files.items()}


def imported(code: str, known: Collection[str]) -> set[str]:
    """Finds the modules that a file imports, at its top or inside functions.

    Args:
        code: the file's text.
        known: dotted names of the modules that count. ``from a import b`` imports the module
            ``a.b`` if it is known, else ``a``.
    """
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                names.add(module if module in known else str(node.module))
    return names & set(known)


def wing(module: str) -> str:
    """The folder of stages/ in which a module lies, or the stage whose script it is.

    ``toolkit`` for ``stages.toolkit.spans``, ``encode`` for ``stages.encode``.
    """
    return module.split(".")[1]


def wing_imports(imports: Imports) -> dict[str, set[str]]:
    """Joins the imports of modules to those of folders and stages; those within are left out."""
    wings: dict[str, set[str]] = {}
    for module, targets in imports.items():
        if module != "stages":
            own = wing(module)
            wings.setdefault(own, set()).update({wing(target) for target in targets} - {own})
    return wings


def find_cycle(imports: Imports) -> list[str]:
    """Finds modules that import each other in a circle.

    Returns:
        The modules of a circle, each imported by the one before it, the first one again at the end;
        empty if there is no circle.
    """
    finished: set[str] = set()

    def search(path: list[str]) -> list[str]:
        module = path[-1]
        if module in path[:-1]:
            return path[path.index(module) :]
        for target in sorted(imports.get(module, set()) - finished):
            if cycle := search([*path, target]):
                return cycle
        finished.add(module)
        return []

    return next((cycle for module in sorted(imports) if (cycle := search([module]))), [])


def picture(wings: Imports) -> str:
    """Draws folders and stages as a Mermaid graph, in which arrows lead to what is imported.

    Arrows to the folder ``common``, which everything imports, are left out.
    """
    lines = ["```mermaid", "flowchart TD"]
    lines += [f"    {name}[{name}/]" for name in _folders(wings) if name != "common"]
    for name in [*(n for n in wings if n not in _folders(wings)), *_folders(wings)]:
        lines += [f"    {name} --> {target}" for target in sorted(wings[name] - {"common"})]
    return "\n".join([*lines, "```"])


def _folders(wings: Imports) -> list[str]:
    """The folders among folders and stages: nobody imports a stage."""
    return sorted(set().union(*wings.values()))
