"""Provenance: the record of a run, and what of it is found again."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import provenance
from analysis.provenance import Finding, findings, read_record, verdict
from stages.common import settings
from stages.common.command import InputError
from stages.common.files import write_json
from stages.model.identity import model_hashes
from stages.training.provenance import RunRecord, make_record, record_path
from tests.helpers.commands import fresh_command
from tests.helpers.models import model_settings

ADAPTER = Path("models/adapter")
TRAIN, DEV = Path("data/encoded/train.jsonl"), Path("data/encoded/dev.jsonl")
PROMPTS = Path("data/prompts/it.yaml")
SETTINGS = {"finetune": {"seed": 1, "lora": {"rank": 4, "alpha": 8.0}}}
FILES = {
    ".gitignore": "/data/encoded\n/models/adapter\n",
    "stages/x.py": "x = 1\n",
    "params.yaml": "finetune: {seed: 1, lora: {rank: 4, alpha: 8.0}}\n",
    "dvc.yaml": "stages: {}\n",
    "README.md": "What for.\n",
    str(PROMPTS): "header: H\n",
    "data/bases/llama/config.json": "{}\n",
    str(TRAIN): '{"id": "a:1"}\n',
    str(DEV): '{"id": "a:2"}\n',
    str(ADAPTER / "adapter_config.json"): "{}\n",
    str(ADAPTER / "adapter_model.safetensors"): "weights",
}


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@localhost"]
    return subprocess.run(
        ["git", *identity, *arguments], check=True, text=True, capture_output=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of git with what a run reads and writes, all committed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provenance, "cache_folder", lambda: tmp_path / "cache")
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "all")
    return tmp_path


def trained(base: str = "data/bases/llama", revision: str | None = None) -> RunRecord:
    """The record of a run here and now, written beside the adapter."""
    cost = {"seconds": 1.0, "device": "CPU", "versions": {"pytest": pytest.__version__}}
    settings = model_settings(base, revision=revision)
    record = make_record(
        ADAPTER, settings, model_hashes(settings), [TRAIN, DEV, PROMPTS], SETTINGS, cost
    )
    write_json(record_path(ADAPTER), record.model_dump())
    return record


def found(record: RunRecord) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings(record)}


def test_what_was_clean_and_is_all_here_can_be_rebuilt(repository: Path) -> None:
    (repository / "README.md").write_text("No input of a run.\n")
    record = trained()
    assert read_record(ADAPTER) == record
    compared = found(record)
    assert all(f.is_here is not False for f in compared.values()), compared
    assert compared["code"].text == f"commit {git('rev-parse', 'HEAD')}, clean"
    assert compared["versions"].text == "as recorded"
    assert compared["settings"].text == "those of params.yaml"
    assert "can be rebuilt: git checkout" in verdict(record, [*compared.values()])


def test_a_run_of_changed_code_says_what_was_changed(repository: Path) -> None:
    (repository / "stages/x.py").write_text("x = 2\n")
    (repository / "stages/new.py").write_text("y = 1\n")
    record = trained()
    code = found(record)["code"]
    assert not code.is_here
    assert code.text.endswith("with changes in stages/new.py, stages/x.py")
    assert "cannot be rebuilt from what is here: code" in verdict(record, findings(record))


def test_settings_may_be_changed_for_the_record_holds_them(repository: Path) -> None:
    (repository / "params.yaml").write_text("finetune: {seed: 1, lora: {rank: 9, alpha: 8.0}}\n")
    record = trained()
    compared = found(record)
    assert compared["code"].is_here
    assert compared["settings"].text == "finetune.lora.rank 4, here 9"
    assert "with the settings of the record" in verdict(record, [*compared.values()])


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
@pytest.mark.parametrize("change", ["flipped", "lost"])
def test_the_record_of_another_adapter_is_refused(repository: Path, name: str, change: str) -> None:
    """DVC may restore an adapter whose run was elsewhere, and leave an older record beside it."""
    trained()
    path = repository / ADAPTER / name
    if change == "lost":
        path.unlink()
    else:
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(InputError, match=rf"record of another adapter.*: {name}"):
        read_record(ADAPTER)


@pytest.mark.parametrize("beside", ["another", "none"])
def test_the_record_of_a_restored_adapter_is_found_in_git(repository: Path, beside: str) -> None:
    """Also in one of DVC's experiments, which are refs of git."""
    record = trained()
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    git("update-ref", "refs/exps/ab/first", "HEAD")
    git("reset", "--quiet", "--hard", "HEAD^")
    weights = repository / ADAPTER / "adapter_model.safetensors"
    before = weights.read_text()
    if beside == "another":
        weights.write_text("of another run")
        assert trained() != record
        weights.write_text(before)
    assert read_record(ADAPTER) == record


def in_cache(root: Path, path: Path, md5: str) -> Path:
    """Moves a file of the workspace to where DVC's cache has it."""
    kept = root / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    kept.parent.mkdir(parents=True)
    shutil.move(root / path, kept)
    return kept


def test_files_are_found_by_content_here_in_git_and_in_the_cache(repository: Path) -> None:
    record = trained()
    (repository / PROMPTS).write_text("header: another\n")
    md5 = record.inputs[str(TRAIN)].md5
    assert md5
    kept = in_cache(repository, TRAIN, md5)
    inputs = found(record)["inputs"]
    assert inputs.text.endswith("as recorded (here, in DVC's cache, in git)")
    kept.write_text("flipped")
    inputs = found(record)["inputs"]
    assert inputs.is_here is False
    assert str(TRAIN) in inputs.text and str(DEV) not in inputs.text


def test_a_base_that_was_edited_is_named(repository: Path) -> None:
    record = trained()
    shutil.rmtree(repository / ".git")
    (repository / "data/bases/llama/config.json").write_text('{"edited": 1}')
    compared = found(record)
    assert "data/bases/llama/config.json" in compared["base"].text
    assert [f.is_here for f in (compared["base"], compared["code"])] == [False, False]
    assert "no such commit here" in compared["code"].text


def test_a_run_outside_git_cannot_be_rebuilt(repository: Path) -> None:
    shutil.rmtree(repository / ".git")
    record = trained()
    assert record.code is None
    assert "no commit" in found(record)["code"].text


def test_a_base_of_a_hub_has_its_commit_and_hashes(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's cache names large files by their sha256, small ones by that of git."""
    commit, large = "a" * 40, "b" * 64
    folder = repository / "hub" / "models--gruppo--modello"
    (folder / "blobs").mkdir(parents=True)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name, blob in (("model.safetensors", large), ("config.json", "c" * 40)):
        (folder / "blobs" / blob).write_text(name)
        (snapshot / name).symlink_to(folder / "blobs" / blob)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(repository / "hub"))
    base = trained("gruppo/modello", commit).base
    assert base.revision == commit
    assert base.files["model.safetensors"].sha256 == large
    assert base.files["config.json"].sha256 not in (large, "c" * 40)
    assert (
        trained("gruppo/altro", commit).base.files == {}
    )  # taken from elsewhere: no reason to fail


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("settings"),
        lambda record: record.update(extra=1),
        lambda record: record["code"].update(commit="--output=x"),
        lambda record: record["inputs"][str(TRAIN)].update(md5="../../../etc"),
    ],
)
def test_a_record_that_is_none_is_refused(
    repository: Path, change: Callable[[dict], object]
) -> None:
    record = trained().model_dump()
    change(record)
    write_json(record_path(ADAPTER), record)
    with pytest.raises(InputError, match="not a record as finetune writes it"):
        read_record(ADAPTER)


def test_no_record_and_no_adapter_are_errors(repository: Path) -> None:
    with pytest.raises(InputError, match="no record of the run that made models/adapter, nor one"):
        read_record(ADAPTER)
    with pytest.raises(InputError, match="no such folder; expected an adapter"):
        read_record(Path("nowhere"))


def test_the_command_describes_the_adapter_of_a_real_run(reproduced: Path) -> None:
    """Of the small project, which is outside git; DVC's own cache is looked into."""
    result = fresh_command(reproduced, "analysis.provenance")
    assert result.returncode == 1, result.stderr
    assert "adapter    LoRA of rank 8, alpha 16.0, on data/bases/llama" in result.stdout
    assert "data/encoded/train.jsonl, data/encoded/dev.jsonl, " in result.stdout
    assert ": as recorded (here)" in result.stdout
    assert "cannot be rebuilt from what is here: code." in result.stdout
    record = json.loads((reproduced / "models/adapter.run.json").read_text())
    assert record["settings"]["finetune"]["lora"]["rank"] == 8
    cost = json.loads((reproduced / "metrics/cost/finetune.json").read_text())
    lock = settings.load(reproduced / "dvc.lock")["stages"]
    of = {out["path"]: out["md5"] for stage in lock.values() for out in stage.get("outs", [])}
    assert cost.pop("of") == of["models/adapter"]  # as DVC hashes a folder
    assert record["cost"] == cost
    answers = json.loads((reproduced / "metrics/cost/infer.json").read_text())
    assert answers["of"] == of["data/predictions"]
