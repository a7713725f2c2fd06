"""The whole pipeline through DVC, on a part of the sample."""

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers.params import put
from tests.helpers.small_project import STAGES, dvc, repro


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} in {file}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def workspace(reproduced: Path, tmp_path: Path) -> Path:
    """A copy of the reproduced project, to be changed."""
    folder = tmp_path / "project"
    shutil.copytree(reproduced, folder)
    return folder


def test_everything_is_written_and_scored(reproduced: Path) -> None:
    metrics = {
        name: json.loads((reproduced / "metrics" / f"{name}.json").read_text())
        for name in ("finetune", "decode", "evaluate")
    }
    unit = metrics["evaluate"]["units"]["clinkart"]
    assert unit["n"] == 12
    assert unit["low"] <= unit["value"] <= unit["high"]
    assert metrics["evaluate"]["headline"] == unit["value"] > 0
    tests = (reproduced / "data" / "encoded" / "test.jsonl").read_text().count("\n")
    assert metrics["decode"]["clinkart"]["rows"] == tests
    assert metrics["finetune"]["dev_loss"] < 3
    submission = reproduced / "data/submissions/clinkart/extremITA-dvc_run1.txt"
    assert submission.read_text(encoding="utf-8").count("|t|") == 12
    assert (reproduced / "models" / "adapter" / "adapter_model.safetensors").is_file()


def test_metrics_and_plots_are_shown(reproduced: Path) -> None:
    shown = json.loads(dvc(reproduced, "metrics", "show", "--json"))[""]["data"]
    assert set(shown) >= {f"metrics/{n}.json" for n in ("finetune", "decode", "evaluate")}
    page = dvc(reproduced, "plots", "show", "--out", "plots").strip()
    html = (reproduced / "plots" / "index.html").read_text(encoding="utf-8")
    assert page.endswith("index.html")
    for text in ("Loss per label token", "dev_loss", "train_loss", "Official metric"):
        assert text in html


def test_a_second_run_does_nothing(reproduced: Path) -> None:
    before = (reproduced / "dvc.lock").read_bytes()
    assert repro(reproduced) == []
    assert (reproduced / "dvc.lock").read_bytes() == before


def test_a_comment_in_params_changes_nothing(workspace: Path) -> None:
    with (workspace / "params.yaml").open("a") as file:
        file.write("# a remark\n")
    assert repro(workspace) == []


def test_another_rank_reruns_what_depends_on_it_and_nothing_else(workspace: Path) -> None:
    put(workspace, {"finetune.lora.rank": 2})
    assert repro(workspace) == ["finetune", "infer", "decode", "evaluate"]


def test_another_decoder_reruns_decode_and_evaluate_only(workspace: Path) -> None:
    before = json.loads((workspace / "metrics" / "evaluate.json").read_text())
    change(workspace, "stages/decode.py", 'row["id"]: row["answer"]', 'row["id"]: "[NOREL]"')
    assert repro(workspace) == ["decode", "decode_baseline", "evaluate"]
    after = json.loads((workspace / "metrics" / "evaluate.json").read_text())
    assert after["headline"] == 0.0 < before["headline"]


def test_another_reading_of_answers_trains_and_answers_nothing_anew(workspace: Path) -> None:
    """A task's module belongs to encode too, which reads its own answers back; the encoded data
    stay the same, and so do adapter and answers."""
    change(
        workspace,
        "stages/tasks/clinkart.py",
        "relations.update(relation for relation in located if relation)",
        "relations.update(relation for relation in located if relation and False)",
    )
    assert repro(workspace) == ["encode", "decode", "decode_baseline", "evaluate"]


def test_a_remark_in_the_decoder_reruns_decoding_alone(workspace: Path) -> None:
    with (workspace / "stages" / "decode.py").open("a") as file:
        file.write("# a remark\n")
    assert repro(workspace) == ["decode", "decode_baseline"]


def test_two_fresh_copies_give_the_same_lock(
    project: Path, reproduced: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere" / "copy"
    shutil.copytree(project, folder)
    assert repro(folder) == STAGES
    assert (folder / "dvc.lock").read_bytes() == (reproduced / "dvc.lock").read_bytes()
