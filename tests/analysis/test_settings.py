"""Settings that are checked before they are queued, or run."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.settings import problems, queued
from stages.common.settings import PARAMS, load
from stages.tasks import names


@pytest.fixture
def params(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(root)
    content: dict[str, Any] = load(PARAMS)
    return content


def test_queued_experiments_are_found_and_others_are_not(params: dict[str, Any]) -> None:
    def tried(name: str | None, executor: object) -> dict[str, Any]:
        data = {"params": {"params.yaml": {"data": params}}}
        return {"name": name, "executor": executor, "revs": [{"rev": "a" * 40, "data": data}]}

    rows = [tried("wide", None), tried("done", {"state": "success"})]
    rows += [tried(None, {"state": "queued"}), tried("next", {"state": "queued"})]
    shown = [{"experiments": None}, {"experiments": rows}]
    assert list(queued(shown)) == [
        ("queued experiment aaaaaaa", params),
        ("queued experiment next", params),
    ]


def test_everything_wrong_is_told_with_its_source(params: dict[str, Any]) -> None:
    typo = params | {"finetune": params["finetune"] | {"epoch": 3}}
    later = params | {"tasks": ["acti", "hody"], "decode": params["decode"] | {"run": 9}}
    settings = {"a": params, "b": typo, "c": later | {"decode": params["decode"]}, "d": later}
    settings["e"] = params | {"tasks": ["acti"], "data": params["data"] | {"raw": "data/rah"}}
    assert list(problems(settings)) == [
        "b: finetune.epoch: no such key; did you mean finetune.epochs?",
        f"c: tasks: no task 'hody'; known: {', '.join(names())}",
        "d: decode.run: Input should be less than or equal to 5, found 9",
        "e: data.raw: no folder data/rah/acti",
    ]


@pytest.mark.process
def test_a_prompt_file_that_git_does_not_track_is_told(params: dict[str, Any]) -> None:
    """It would be absent where the experiment runs."""
    file = Path("data/prompts/untracked-by-a-test.yaml")
    changed = params | {"data": params["data"] | {"prompts": str(file)}}
    file.write_bytes(Path("data/prompts/it.yaml").read_bytes())
    try:
        assert list(problems({"a": changed})) == [
            "a: data.prompts: git does not track the file: git add it"
        ]
    finally:
        file.unlink()


@pytest.mark.process
def test_raw_files_that_nobody_tracks_are_told(
    params: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a test file is absent, encode holds one out of the training data."""
    prompts = tmp_path / params["data"]["prompts"]
    prompts.parent.mkdir(parents=True)
    prompts.write_bytes(Path(params["data"]["prompts"]).read_bytes())
    (tmp_path / "data" / "bases").symlink_to(Path("data/bases").resolve())
    monkeypatch.chdir(tmp_path)
    raw = Path("data/raw")
    settings = {"a": params | {"tasks": ["acti", "hodi", "emit"]}}
    settings["a"]["data"] = params["data"] | {"raw": str(raw)}
    (raw / "acti").mkdir(parents=True)
    (raw / "acti" / "train.csv").touch()
    for name in ("hodi", "emit"):  # as after `dvc add`: of a file, of a folder
        (raw / name).mkdir()
        (raw / name / "train.csv").touch()
    (raw / "hodi" / "train.csv.dvc").touch()
    (raw / "hodi" / ".gitignore").write_text("/train.csv\n")
    (raw / "emit.dvc").touch()
    (raw / ".gitignore").write_text("/emit\n")
    assert list(problems(settings)) == []  # no git
    for arguments in (["init", "--quiet"], ["add", "--all"], ["rm", "-q", "--cached", "*.csv"]):
        subprocess.run(["git", *arguments], check=True)
    told = "a: data.raw: not tracked: {}; git add or dvc add them".format
    assert list(problems(settings)) == [told("data/raw/acti/train.csv")]
    subprocess.run(["git", "add", "data/raw/acti"], check=True)
    assert list(problems(settings)) == []
    (raw / "hodi" / "test.csv").touch()
    assert list(problems(settings)) == [told("data/raw/hodi/test.csv")]
    (raw / "hodi" / "test.csv").unlink()
    subprocess.run(["git", "rm", "-q", "--cached", "data/raw/emit.dvc"], check=True)
    assert list(problems(settings)) == [told("data/raw/emit")]
