"""The whole pipeline through DVC, on a part of the sample."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.helpers.commands import command
from tests.helpers.params import put
from tests.helpers.small_project import STAGES, dvc, ran, repro


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
    names = ("finetune", "decode", "evaluate", "cost/finetune", "cost/infer")
    assert set(shown) >= {f"metrics/{n}.json" for n in names}
    shown_plots = command(reproduced, "analysis.plots")
    assert shown_plots.returncode == 0, shown_plots.stderr
    html = (reproduced / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    before, _, rest = html.partition('<template id="network">')
    _, _, after = rest.partition("</template>")
    assert re.findall('<script src="(.*?)"', before + after) == ["vega.js"]
    assert "window.vegaEmbed" in (reproduced / "dvc_plots" / "vega.js").read_text("utf-8")
    for text in ("Loss per label token", "dev_loss", "train_loss", "Official metric"):
        assert text in html


def test_a_second_run_does_nothing(reproduced: Path) -> None:
    before = (reproduced / "dvc.lock").read_bytes()
    assert repro(reproduced) == []
    assert (reproduced / "dvc.lock").read_bytes() == before


def test_remarks_in_params_change_nothing_and_those_in_code_can_be_committed(
    workspace: Path,
) -> None:
    for file in ("params.yaml", "stages/model/text.py"):
        with (workspace / file).open("a") as opened:
            opened.write("# a remark\n")
    status = dvc(workspace, "status")
    assert [line for line in status.splitlines() if line[:1].isalpha()] == ["finetune:", "infer:"]
    dvc(workspace, "commit", "--force")
    assert repro(workspace) == []


def test_what_the_settings_forbid_ends_before_any_work(workspace: Path) -> None:
    """Also where nothing has run: no dvc.lock tells DVC what to begin with."""
    (workspace / "dvc.lock").unlink()
    put(workspace, {"decode.run": 3})
    said = dvc(workspace, "repro", fails=True)
    assert "decode.run: 3 is more than the runs that organisers read: clinkart 2" in said
    assert ran(said) == ["check"]


def test_another_decoder_reruns_decode_and_evaluate_only(workspace: Path) -> None:
    before = json.loads((workspace / "metrics" / "evaluate.json").read_text())
    change(workspace, "stages/decode.py", 'row["id"], row["answer"]', 'row["id"], "[NOREL]"')
    assert repro(workspace) == ["decode", "decode_baseline", "evaluate"]
    after = json.loads((workspace / "metrics" / "evaluate.json").read_text())
    assert after["headline"] == 0.0 < before["headline"]


def test_what_changes_no_question_trains_and_answers_nothing_anew(workspace: Path) -> None:
    """A corrected gold label, a remark in the prompt file, another sub-task's instruction, and
    another reading of answers: a task's module belongs to encode too, which reads its own answers
    back."""
    gold = workspace / "data" / "sample" / "clinkart" / "test_gold.txt"
    kept, _, label = gold.read_text(encoding="utf-8").rstrip().rpartition("\n")
    assert "REL" in label
    gold.write_text(f"{kept}\n", encoding="utf-8")
    change(workspace, "data/prompts/it.yaml", "Il testo contiene odio?", "È odio?")
    change(workspace, "data/prompts/it.yaml", "instructions:", "instructions:  # a remark")
    put(workspace, {"cost.country": "FRA"})
    change(
        workspace,
        "stages/tasks/clinkart.py",
        "relations.update(relation for relation in located if relation)",
        "relations.update(relation for relation in located if relation and False)",
    )
    assert repro(workspace) == ["check", "encode", "decode", "decode_baseline", "evaluate"]


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
