"""constraints.txt: every package that pyproject.toml names is pinned, within its range."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
# vLLM brings a torch of its own and is installed apart (docs/vllm.md).
UNPINNED_EXTRAS = {"vllm"}


def requirements() -> list[Requirement]:
    """What the project and its extras require directly."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    texts = list(project["dependencies"])
    for extra in extras.keys() - UNPINNED_EXTRAS:
        texts += extras[extra]
    return [Requirement(text) for text in texts]


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pinned_version(pin: Requirement) -> Version:
    (specifier,) = pin.specifier
    assert specifier.operator == "==", f"{pin}: not an exact version"
    return Version(specifier.version)


def test_versions_are_exact_and_for_every_build_of_a_package() -> None:
    names = [canonicalize_name(pin.name) for pin in pins()]
    assert len(names) == len(set(names)), "a package is pinned twice"
    for pin in pins():
        assert pinned_version(pin).local is None, f"{pin}: a local label excludes other builds"


@pytest.mark.parametrize("requirement", requirements(), ids=lambda r: r.name)
def test_a_direct_dependency_is_pinned_within_its_range(requirement: Requirement) -> None:
    versions = {canonicalize_name(pin.name): pinned_version(pin) for pin in pins()}
    name = canonicalize_name(requirement.name)
    assert name in versions, f"{name} is not in constraints.txt: run `make upgrade`"
    assert requirement.specifier.contains(versions[name], prereleases=True), (
        f"{name} {versions[name]} of constraints.txt is not within {requirement.specifier}"
    )


def test_packages_of_cuda_are_left_to_torch() -> None:
    """They exist for some platforms only, and each build of torch names other versions."""
    of_torch = re.compile(r"(nvidia-(?!ml-py$)|cuda-|triton$)")
    assert [pin.name for pin in pins() if of_torch.match(canonicalize_name(pin.name))] == []


def installations(*arguments: str) -> list[str]:
    """The calls of pip with which make would set up an environment."""
    # `make test` would hand its own settings on to this make.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--dry-run", "VENV=.venv-absent", *arguments, "install", "lint"]
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    return [line for line in printed.splitlines() if "pip install" in line]


def test_make_installs_the_pinned_versions_unless_told_otherwise() -> None:
    pinned = installations("TORCH_INDEX=")
    assert len(pinned) == 2  # with what the tests need, and without
    assert all(" --constraint constraints.txt " in line for line in pinned)
    with_index = installations("TORCH_INDEX=https://index")
    assert with_index[1::2] == pinned
    assert all(" --constraint constraints.txt " in line for line in with_index)
    assert all(line.endswith(" --index-url https://index torch") for line in with_index[::2])
    assert not any("--constraint" in line for line in installations("CONSTRAINTS="))
