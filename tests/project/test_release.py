"""The path from a run to a release: docs/export.md's commands, on the small project."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.helpers.small_project import dvc

VERSION = "v1.0.0"


def run(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, text=True, capture_output=True).stdout


def test_a_registered_adapter_is_found_by_its_version(
    root: Path, reproduced: Path, tmp_path: Path
) -> None:
    """Also after the workspace has gone on, and with its record beside it."""
    page = (root / "docs" / "export.md").read_text(encoding="utf-8")
    folder = tmp_path / "project"
    shutil.copytree(reproduced, folder)
    config = folder / ".dvc" / "config"
    config.write_text(config.read_text().replace("no_scm = True", "no_scm = False"))
    outputs = ("/.dvc/cache", "/.dvc/tmp", "/models/adapter", "/data/encoded", "/data/predictions")
    (folder / ".gitignore").write_text("\n".join([*outputs, "/data/submissions", "__pycache__"]))
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "config", "user.name", "x")
    run(folder, "git", "config", "user.email", "x@localhost")
    assert "git add params.yaml dvc.lock metrics models" in page
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "A run")

    register = ["register", "adapter", "--version", VERSION]
    assert f"gto {' '.join(register)}" in page
    run(folder, str(Path(sys.executable).with_name("gto")), *register)
    assert run(folder, "git", "tag").split() == [f"adapter@{VERSION}"]
    weights = (folder / "models/adapter/adapter_model.safetensors").read_bytes()
    shutil.rmtree(folder / "models")
    dvc(tmp_path, "artifacts", "get", "project", "adapter", "--rev", VERSION, "--out", "got")
    assert (tmp_path / "got" / "adapter_model.safetensors").read_bytes() == weights
    shown = run(folder, "git", "show", f"adapter@{VERSION}:models/adapter.run.json")
    assert shown == (reproduced / "models" / "adapter.run.json").read_text()
