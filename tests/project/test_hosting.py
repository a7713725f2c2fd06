"""What the forge and its tools read: workflows, issue forms, citation, hooks, dev container."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [
    path
    for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    if path.name != "config.yml"
]


def load(path: Path) -> Any:
    """A YAML file; a key that is there twice is an error."""
    return YAML(typ="safe").load(path)


def steps(workflow: Path) -> list[dict[str, Any]]:
    """The steps of all jobs of a workflow."""
    return [step for job in load(workflow)["jobs"].values() for step in job["steps"]]


def commands() -> str:
    """What is run by the workflows and by the dev container."""
    lines = [step.get("run", "") for workflow in WORKFLOWS for step in steps(workflow)]
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    return "\n".join([*lines, container["postCreateCommand"]])


def test_the_four_workflows_are_there() -> None:
    assert [path.stem for path in WORKFLOWS] == ["audit", "compare", "newest", "tests"]
    assert [path.stem for path in FORMS] == ["file-refused", "score-differs"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read(workflow: Path) -> None:
    content = load(workflow)
    assert content["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in content["on"]
    assert "secrets." not in workflow.read_text(encoding="utf-8")
    for name, job in content["jobs"].items():
        assert "permissions" not in job, f"{name} widens what the workflow may do"
        assert job["timeout-minutes"] <= 90


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_uses_pinned_actions_and_a_supported_python(workflow: Path) -> None:
    actions = [step["uses"] for step in steps(workflow) if "uses" in step]
    for action in actions:
        assert re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})", action), action
    pythons = re.findall(r'"(3\.\d+)"', workflow.read_text(encoding="utf-8"))
    assert pythons
    assert all(int(python.split(".")[1]) >= 11 for python in pythons)


def test_what_workflows_run_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = commands()
    called = re.findall(r"^\s*make (?:[A-Z]+=\S* )*([a-z-]+)$", text, re.MULTILINE)
    assert len(called) == len(re.findall(r"\bmake\b", text)), "a call of make was not understood"
    assert set(called) <= targets
    assert {"audit", "install", "quick", "repro", "test"} <= set(called)
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), module
    assert ".ci/run" in text.splitlines()
    mode = subprocess.run(
        ["git", "ls-files", "--stage", ".ci/run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert mode.startswith("100755")


def test_scores_are_compared_where_a_change_may_touch_them() -> None:
    """Every dependency of the pipeline starts the comparison."""
    paths = load(ROOT / ".github" / "workflows" / "compare.yml")["on"]["pull_request"]["paths"]
    watched = tuple(path.removesuffix("**") for path in paths)
    produced = ("models/", "metrics/")
    pipeline = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    for key, value in load(ROOT / "params.yaml")["data"].items():
        pipeline = pipeline.replace(f"${{data.{key}}}", value)
    for stage in YAML(typ="safe").load(pipeline)["stages"].values():
        for dependency in stage["deps"]:
            assert dependency.startswith(watched + produced), dependency


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_asks_what_is_needed_to_see_the_same(form: Path) -> None:
    content = load(form)
    assert content.keys() >= {"name", "description", "body"}
    fields = [part for part in content["body"] if part["type"] != "markdown"]
    identifiers = [part["id"] for part in fields]
    assert len(identifiers) == len(set(identifiers))
    for part in fields:
        assert part["type"] in {"input", "textarea", "dropdown"}
        assert part["attributes"]["label"]
    required = {f["id"] for f in fields if f.get("validations", {}).get("required")}
    assert "version" in required


def test_issues_that_fit_no_form_are_welcome() -> None:
    content = load(ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml")
    assert content["blank_issues_enabled"] is True
    for link in content["contact_links"]:
        assert link.keys() == {"name", "url", "about"}
        assert link["url"].startswith("https://")


def test_the_citation_names_this_software_and_its_sources() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert citation.keys() >= {"cff-version", "message", "title", "authors", "references"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == project["version"]
    assert citation["license"] == project["license"]
    paper, lecture = citation["references"]
    assert paper["url"] == "https://ceur-ws.org/Vol-3473/paper13.pdf"
    assert [a["family-names"] for a in paper["authors"]] == ["Hromei", "Croce", "Basile", "Basili"]
    assert lecture["title"].startswith("Large Language Models and How to Instruction Tune Them")
    for reference in citation["references"]:
        assert reference.keys() >= {"type", "title", "authors", "year"}


def test_hooks_use_the_versions_of_the_environment() -> None:
    """A tool of ours comes from .venv; from elsewhere it would have to be the pinned version."""
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    local, *foreign = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert [hook["id"] for hook in local["hooks"]] == ["ruff-check", "ruff-format", "mypy"]
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].split()[0]
        assert tool.removeprefix(".venv/bin/") in pins, tool
    for repository in foreign:
        assert re.fullmatch(r"v\d+\.\d+\.\d+", repository["rev"])
        version = pins.get(repository["repo"].rpartition("/")[2].removesuffix("-pre-commit"))
        assert version in (None, repository["rev"].removeprefix("v"))


def attribute(name: str, path: str) -> str:
    """What .gitattributes says of a file."""
    command = ["git", "check-attr", name, "--", path]
    line = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return line.rpartition(": ")[2].strip()


def test_files_have_the_same_bytes_in_every_checkout() -> None:
    assert attribute("eol", "stages/encode.py") == attribute("eol", ".ci/run") == "lf"
    assert attribute("text", "data/sample/acti/subtaskA_train.csv") == "unset"
    assert attribute("text", "data/bases/llama/model.safetensors") == "unset"


def test_generated_files_are_not_merged_line_by_line() -> None:
    for path in (
        "dvc.lock",
        "metrics/evaluate.json",
        "metrics/evaluate/scores.csv",
        "models/adapter.run.json",
    ):
        assert attribute("merge", path) == "unset"
        assert attribute("linguist-generated", path) == "set"
    assert attribute("merge", "metrics/published.json") == "set"


def test_what_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for page in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / page).is_file(), page
