"""The walls of stages/: which folder may import which, and no circles."""

from pathlib import Path

import pytest

from recipes.imports import find_cycle, imported, picture, read_imports, wing, wing_imports

STAGES = {"check", "encode", "finetune", "infer", "baseline", "decode", "evaluate"}

MAY_IMPORT = {
    "common": set(),
    "forms": {"common"},
    "toolkit": {"common", "forms"},
    "tasks": {"common", "forms", "toolkit"},
    "model": {"common", "forms"},
    "training": {"common", "forms", "model"},
    "answering": {"common", "forms", "model"},
    "check": {"common", "toolkit", "tasks", "model", "training", "linear", "answering"},
    "linear": {"common", "forms"},
    "encode": {"common", "forms", "toolkit", "tasks"},
    "decode": {"common", "forms", "toolkit", "tasks"},
    "evaluate": {"common", "toolkit", "tasks"},
    "finetune": {"common", "forms", "model", "training"},
    "infer": {"common", "model", "answering"},
    "baseline": {"common", "forms", "linear"},
}


@pytest.fixture(scope="module")
def imports(request: pytest.FixtureRequest) -> dict[str, set[str]]:
    return read_imports(request.config.rootpath)


def test_stages_holds_scripts_and_folders_alone(root: Path) -> None:
    folder = root / "stages"
    assert {file.stem for file in folder.glob("*.py")} == STAGES | {"__init__"}
    packages = {file.parent.name for file in folder.rglob("*/*.py")}
    assert packages == MAY_IMPORT.keys() - STAGES
    assert not list(folder.glob("*/*/*.py")), "folders inside folders"


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_walls(imports: dict[str, set[str]], name: str) -> None:
    across = [
        f"{module} imports {target}"
        for module, targets in imports.items()
        for target in sorted(targets)
        if module != "stages" and wing(module) == name
        if wing(target) not in MAY_IMPORT[name] | {name}
    ]
    assert not across, f"{name} may import {sorted(MAY_IMPORT[name])} alone"


def test_no_module_imports_itself_through_others(imports: dict[str, set[str]]) -> None:
    assert find_cycle(imports) == []


def test_stages_import_no_other_code_of_the_project(root: Path) -> None:
    beside = {"analysis", "recipes", "benchmarks", "tests"}
    packages = {
        f"{folder}.{file.stem}" for folder in beside for file in (root / folder).rglob("*.py")
    }
    for file in (root / "stages").rglob("*.py"):
        assert not imported(file.read_text(encoding="utf-8"), packages | beside), file


def test_an_import_is_seen_wherever_it_stands() -> None:
    code = """
import stages.a.x, json
from stages.a import y, name
from stages.b.z import other
def f():
    from stages.c import late
    import stages.d.w as w
"""
    known = {f"stages.{n}" for n in ("a", "a.x", "a.y", "b", "b.z", "c", "d.w", "e")}
    assert imported(code, known) == {f"stages.{n}" for n in ("a", "a.x", "a.y", "b.z", "c", "d.w")}


def test_circles_are_found() -> None:
    assert find_cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert find_cycle({"a": {"a"}}) == ["a", "a"]


def test_the_picture_has_an_arrow_for_each_import_between_folders() -> None:
    imports = {
        "stages": set(),
        "stages.encode": {"stages.tasks", "stages.common.files"},
        "stages.tasks": {"stages.toolkit.spans"},
        "stages.tasks.acti": {"stages.toolkit.spans", "stages.tasks"},
        "stages.toolkit.spans": {"stages.common.files"},
        "stages.common.files": set(),
    }
    assert picture(wing_imports(imports)).split("\n")[2:-1] == [
        "    tasks[tasks/]",
        "    toolkit[toolkit/]",
        "    encode --> tasks",
        "    tasks --> toolkit",
    ]
