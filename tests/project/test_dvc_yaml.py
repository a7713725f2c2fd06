"""dvc.yaml against the code: every module a stage imports and every param it reads is declared."""

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest

from stages.common import settings

# The stages in their order, with their scripts.
SCRIPTS = {
    "check": "check",
    "encode": "encode",
    "finetune": "finetune",
    "infer": "infer",
    "baseline": "baseline",
    "decode": "decode",
    "decode_baseline": "decode",
    "evaluate": "evaluate",
}
STAGES = list(SCRIPTS)


@pytest.fixture
def graph(root: Path) -> Any:
    return settings.load(root / "dvc.yaml")


def imported(path: Path, root: Path) -> set[Path]:
    """The project's modules that a file imports, at its top or in functions, or runs by name."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    found = set()
    for name in names:
        file = root / f"{name.replace('.', '/')}.py"
        if name == "stages.tasks" or name.startswith("stages.tasks."):
            found |= modules(root / "stages" / "tasks")  # loaded by name
        elif name.startswith("stages.") and file.is_file():
            found.add(file)
    return found


def modules(folder: Path) -> set[Path]:
    """The modules of a folder, without those that hold nothing but a docstring."""
    return {p for p in folder.glob("*.py") if p.name != "__init__.py" or folder.name == "tasks"}


def closure(stage: str, root: Path) -> set[Path]:
    """The project's modules that a stage needs, directly or not."""
    todo, seen = {root / "stages" / f"{stage}.py"}, set()
    while todo:
        path = todo.pop()
        seen.add(path)
        todo |= imported(path, root) - seen
    return seen


def dependencies(stage: str, root: Path) -> list[str]:
    """What dvc.yaml lists of the project's code: a stage's script, and folders as a whole.

    check lists files of the folders of which it needs the settings alone.
    """
    files, stages = closure(stage, root), root / "stages"
    whole = {path.name for path in stages.iterdir()}
    if stage == "check":
        whole = {"common", "forms", "tasks", "toolkit"}
    listed = {path.parent if path.parent.name in whole else path for path in files}
    return sorted(path.relative_to(root).as_posix() for path in listed)


@pytest.mark.parametrize("stage", STAGES)
def test_modules_are_dependencies(graph: Any, root: Path, stage: str) -> None:
    declared = [dep for dep in graph["stages"][stage]["deps"] if dep.startswith("stages/")]
    assert sorted(declared) == dependencies(SCRIPTS[stage], root)


@pytest.mark.parametrize("stage", STAGES)
def test_folders_hold_only_what_the_stage_needs(graph: Any, root: Path, stage: str) -> None:
    """An edit reruns no stage that does not use it, but for a few small modules."""
    listed = set()
    for dep in graph["stages"][stage]["deps"]:
        if dep.startswith("stages/") and (root / dep).is_dir():
            listed |= modules(root / dep)
    script = SCRIPTS[stage]
    unused = {path.relative_to(root).as_posix() for path in listed - closure(script, root)}
    beyond = {
        "check": {"stages/toolkit/calibration.py", "stages/toolkit/leaks.py"},
        "encode": {"stages/toolkit/calibration.py"},
        "infer": {"stages/common/tracked.py"},
        "baseline": {"stages/common/prompts.py", "stages/common/tracked.py"},
        "decode": {
            "stages/common/prompts.py",
            "stages/toolkit/calibration.py",
            "stages/toolkit/leaks.py",
        },
        "evaluate": {"stages/common/prompts.py", "stages/toolkit/leaks.py"},
    }
    assert unused == beyond.get(script, set())


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_declared_by_leaf(graph: Any, stage: str) -> None:
    module = importlib.import_module(f"stages.{SCRIPTS[stage]}")
    if stage == "check":  # which sees also those that nobody knows
        assert graph["stages"]["check"]["params"] == [{"params.yaml": None}]
        return
    assert graph["stages"][stage]["params"] == list(settings.leaves(module.Settings))


def test_stages_are_scripts_of_the_same_name_and_sections(graph: Any, root: Path) -> None:
    assert list(graph["stages"]) == STAGES
    params = settings.load(root / "params.yaml")
    for name, stage in graph["stages"].items():
        assert f"{stage['cmd']} ".startswith(f"python -m stages.{SCRIPTS[name]} ")
        assert SCRIPTS[name] in params or name == "check"


def test_the_linear_models_answers_go_through_the_same_decoder(graph: Any) -> None:
    """What the two stages read and are set to differs in nothing but the answers."""
    model, linear = (graph["stages"][name] for name in ("decode", "decode_baseline"))
    assert linear["params"] == model["params"]
    moved = {dep.replace("data/baseline/", "data/") for dep in linear["deps"]}
    assert moved == set(model["deps"])


def test_folders_on_the_command_line_are_dependencies_or_outputs(graph: Any) -> None:
    for stage in graph["stages"].values():
        named = graph["metrics"] + stage["deps"]
        named += [
            path
            for kind in ("outs", "metrics", "plots")
            for entry in stage.get(kind, [])
            for path in ([entry] if isinstance(entry, str) else entry)
        ]
        for folder in stage["cmd"].split()[3:]:
            assert any(n == folder or n.startswith(f"{folder}/") for n in named), folder


def test_packages_themselves_hold_no_code(root: Path) -> None:
    """They are in no stage's dependencies."""
    tree = ast.parse((root / "stages" / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_only_the_heavy_stages_know_the_model(root: Path) -> None:
    for stage in ("encode", "baseline", "decode", "evaluate"):
        for module in dependencies(stage, root):
            assert module not in ("stages/model/loading.py", "stages/training/loop.py")
        paths = [root / m for m in dependencies(stage, root) if m.endswith(".py")]
        paths += (root / "stages" / "tasks").glob("*.py")
        for path in paths:
            text = path.read_text(encoding="utf-8")
            assert "import torch" not in text
            assert "transformers" not in text.replace("(transformers|peft)", "")


@pytest.mark.parametrize("stage", ["finetune", "infer", "baseline"])
def test_the_stages_that_answer_do_not_know_the_tasks(root: Path, stage: str) -> None:
    assert "stages/tasks" not in dependencies(stage, root)
