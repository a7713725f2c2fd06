"""The stages as commands: help, errors, and outputs that appear whole or not at all."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages import infer
from stages.answering.answers import Answerer
from stages.common.files import write_json, write_jsonl
from stages.common.prompts import Prompts
from stages.common.settings import read
from stages.model.cost import Spent
from tests.helpers.commands import command, fresh_command
from tests.helpers.number_forms import number_form
from tests.helpers.params import put

pytestmark = pytest.mark.process

STAGES = ["check", "encode", "finetune", "infer", "baseline", "decode", "evaluate"]


@pytest.mark.parametrize("stage", STAGES)
def test_help_names_the_folders(root: Path, stage: str) -> None:
    result = command(root, f"stages.{stage}", "--help")
    assert result.returncode == 0
    assert f"{stage.capitalize()}: " in result.stdout
    assert "METRICS" in result.stdout or stage in ("check", "encode", "baseline")


@pytest.mark.parametrize("stage", STAGES)
def test_help_imports_nothing_heavy(root: Path, stage: str) -> None:
    """What takes its time is imported where it is needed."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", f"stages.{stage}", "--help"],
        cwd=root,
        text=True,
        capture_output=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
    assert "stages.common.settings" in imported
    for heavy in ("torch", "transformers", "spacy", "sklearn", "scipy", "datasets"):
        assert heavy not in imported


def test_a_weight_of_an_unknown_subtask_is_refused(stage_project: Path) -> None:
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    put(stage_project, {"finetune.weights": {"clinkart": 0.5, "hodi_c": 2.0}})
    result = command(stage_project, "stages.finetune", "encoded", "adapter", "metrics")
    assert result.returncode == 1
    assert "finetune.weights: no sub-task hodi_c" in result.stderr
    assert not (stage_project / "adapter").exists()


def test_encode_writes_nothing_when_a_file_is_broken(stage_project: Path) -> None:
    path = stage_project / "raw" / "clinkart" / "training.txt"
    path.write_text(path.read_text() + "9|t|x\n9\tREL\t0-9\t0-1\n")
    result = command(stage_project, "stages.encode", "raw", "encoded")
    assert result.returncode == 1
    assert (
        f"{Path('raw/clinkart/training.txt')}:29: result offsets 0-9 are outside" in result.stderr
    )
    assert "Traceback" not in result.stderr
    assert not (stage_project / "encoded").exists()
    assert not list(stage_project.glob(".encoded*"))


def test_a_broken_file_leaves_earlier_output_as_it_was(stage_project: Path) -> None:
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    before = {p.name: p.read_bytes() for p in (stage_project / "encoded").iterdir()}
    (stage_project / "raw" / "clinkart" / "training.txt").write_text("")
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 1
    assert {p.name: p.read_bytes() for p in (stage_project / "encoded").iterdir()} == before


def test_unknown_tasks_and_missing_folders_are_named(stage_project: Path) -> None:
    put(stage_project, {"tasks": ["../clinkart"]})
    assert (
        "no task '../clinkart'; known: acti, clinkart"
        in command(stage_project, "stages.encode", "raw", "encoded").stderr
    )
    put(stage_project, {"tasks": ["clinkart"]})
    result = command(stage_project, "stages.encode", "elsewhere", "encoded")
    assert "no such folder, but params.yaml selects the task clinkart" in result.stderr


def test_encoded_files_have_the_contracts_keys_and_unique_ids(stage_project: Path) -> None:
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    ids = []
    tasks, questions = set(), []
    for split in ("train", "dev", "test"):
        lines = (
            (stage_project / "encoded" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        )
        for line in lines:
            row = json.loads(line)
            assert list(row) == ["id", "task", "input", "output"]
            assert row["id"].startswith(row["task"])
            assert (row["output"] is None) == (split == "test")
            ids.append(row["id"])
            tasks.add(row["task"])
            if split == "test":
                questions.append({key: row[key] for key in ("id", "task", "input")})
    assert len(ids) == len(set(ids)) == 11
    lines = (stage_project / "encoded" / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == questions
    prompts = json.loads((stage_project / "encoded" / "prompts.json").read_text(encoding="utf-8"))
    assert set(prompts["instructions"]) == tasks == {"clinkart"}


def test_the_stages_in_a_row_without_gold(stage_project: Path) -> None:
    """The organisers' situation before the deadline: everything but a score."""
    for stage, *folders in (
        ("encode", "raw", "encoded"),
        ("finetune", "encoded", "adapter", "metrics"),
        ("infer", "encoded", "adapter", "predictions", "metrics"),
        ("decode", "raw", "predictions", "submissions", "metrics"),
    ):
        result = command(stage_project, f"stages.{stage}", *folders)
        assert result.returncode == 0, result.stderr
    rows = [
        json.loads(line)
        for line in (stage_project / "predictions/test.jsonl").read_text().split("\n")[:-1]
    ]
    encoded = (stage_project / "encoded" / "test.jsonl").read_text().split("\n")[:-1]
    assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in encoded]
    assert all(list(row) == ["id", "task", "answer", "finish", "tokens"] for row in rows)
    submission = (stage_project / "submissions/clinkart/extremITA-dvc_run1.txt").read_text()
    assert "A|t|PCR 3 e poi altro ancora.\n" in submission
    tally = json.loads((stage_project / "metrics" / "decode.json").read_text())["clinkart"]
    assert tally["rows"] == 2
    assert sorted(p.name for p in (stage_project / "adapter").iterdir()) == [
        "SHA256SUMS",
        "adapter_config.json",
        "adapter_model.safetensors",
        "inputs.json",
    ]
    result = command(stage_project, "stages.evaluate", "raw", "submissions", "metrics")
    assert result.returncode == 0
    assert "no gold for the test set of clinkart, not scored" in result.stderr
    report = json.loads((stage_project / "metrics" / "evaluate.json").read_text())
    assert report == {"headline": None, "units": {}}


def test_infer_goes_on_where_it_stopped(
    stage_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it was two processes that stopped, one of them in the middle of a line."""
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    assert (
        command(stage_project, "stages.finetune", "encoded", "adapter", "metrics").returncode == 0
    )
    folders = ("encoded", "adapter", "whole", "metrics")
    assert command(stage_project, "stages.infer", *folders).returncode == 0
    assert list((stage_project / ".scratch" / "infer").iterdir()) == []
    (stage_project / "metrics" / "cost" / "infer.json").unlink()  # else it stays, as of the same

    monkeypatch.chdir(stage_project)
    monkeypatch.setattr(sys, "argv", ["infer", "encoded", "adapter", "predictions", "metrics"])
    answer, calls = Answerer.answer, []

    def stopping(*arguments: Any) -> Iterator[Any]:
        calls.append(1)
        yield next(answer(*arguments))
        raise KeyboardInterrupt

    def counting(*arguments: Any) -> Iterator[Any]:
        found = list(answer(*arguments))
        calls.append(len(found))
        yield from found

    monkeypatch.setattr(infer, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(Answerer, "answer", stopping)
    with pytest.raises(KeyboardInterrupt):
        infer.main()
    assert not (stage_project / "predictions").exists()
    (state,) = (stage_project / ".scratch" / "infer").iterdir()
    (state / "answers-1.jsonl").write_text('["clink', encoding="utf-8")
    assert Spent.load(state).seconds > 0
    Spent(seconds=1000.0, energy_kwh=7.0).save(state)
    monkeypatch.setattr(Answerer, "answer", counting)
    infer.main()
    cost = json.loads((stage_project / "metrics" / "cost" / "infer.json").read_text())
    assert cost["seconds"] >= 1000
    assert cost["energy_kwh"] >= 7
    questions = sum(
        len((stage_project / "whole" / f"{split}.jsonl").read_text().splitlines())
        for split in ("test", "dev")
    )
    assert questions > 2
    assert calls == [1, questions - 1]  # only the others are answered then
    for split in ("test", "dev"):
        predictions = (stage_project / "predictions" / f"{split}.jsonl").read_bytes()
        assert predictions == (stage_project / "whole" / f"{split}.jsonl").read_bytes()


ODD = {
    "vuoto": "",
    "spazi": "  \n ",
    "marche": "[SEP] [BREL] [EREL] </s> <s>",
    "lungo": "glicemia " * 3000,
    "solito": "Hb 3 g/dl.",
}


@pytest.mark.parametrize("processes", ["1", "2"])
def test_infer_answers_whatever_is_asked(stage_project: Path, processes: str) -> None:
    """Odd inputs of open and of closed sub-tasks, and answers that never end by themselves."""
    put(stage_project, {"infer.adapter": False, "model.cutoff": 5000, "infer.max_new_tokens": 50})
    (stage_project / "encoded").mkdir()
    rows = [
        {"id": f"{task}:{name}", "task": task, "input": text}
        for task in ("clinkart", "haspeede")
        for name, text in ODD.items()
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (stage_project / "encoded" / "questions.jsonl").write_text(lines, encoding="utf-8")
    prompts = read(Prompts, stage_project / "data" / "prompts" / "it.yaml")
    write_json(stage_project / "encoded" / "prompts.json", prompts.model_dump())
    example = rows[0] | {"id": "clinkart:e", "output": "[NOREL]"}
    (stage_project / "encoded" / "train.jsonl").write_text(
        json.dumps(example) + "\n", encoding="utf-8"
    )
    closed = json.dumps({"haspeede": ["sì", "no"]})
    (stage_project / "encoded" / "closed.json").write_text(closed, encoding="utf-8")
    form = number_form((0.0, 1.0), decimals=1, before="[geo] ")
    forms = {"clinkart": form.model_dump(mode="json")}
    write_json(stage_project / "encoded" / "forms.json", forms)
    dev = [
        {"id": f"haspeede:d{n}", "task": "haspeede", "input": "x", "output": output}
        for n, output in enumerate(["sì", None, "no"])
    ]
    write_jsonl(stage_project / "encoded" / "dev.jsonl", dev)
    variables = os.environ | {"STAGE_PROCESSES": processes}
    folders = ("encoded", "absent", "out", "metrics")
    result = command(stage_project, "stages.infer", *folders, variables=variables)
    assert result.returncode == 0, result.stderr
    lines = (stage_project / "out" / "test.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    found = [json.loads(line) for line in lines]
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert all(row["finish"] == "length" and row["tokens"] == 50 for row in found[:5])
    assert all(row["answer"] in ("sì", "no") for row in found[5:])
    assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in found[5:])
    summary = json.loads((stage_project / "out" / "summary.json").read_text())
    assert summary == {
        "questions": 10,
        "dev_questions": 2,
        "scored": 7,
        "empty_inputs": 4,
        "cut_inputs": 2,
        "changed_inputs": 0,
        "cut_answers": 5,
    }
    lines = (stage_project / "out" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    known = [json.loads(line) for line in lines]
    assert [(row["id"], row["gold"]) for row in known] == [
        ("haspeede:d0", "sì"),
        ("haspeede:d2", "no"),
    ]
    cost = json.loads((stage_project / "metrics" / "cost" / "infer.json").read_text())
    assert cost["processes"] == int(processes)
    assert cost["energy_kwh_per_thousand_questions"] == pytest.approx(
        1000 * cost["energy_kwh"] / 12, rel=0.02
    )
    assert list((stage_project / ".scratch" / "infer").iterdir()) == []


def test_scratch_state_of_other_inputs_is_not_taken(stage_project: Path) -> None:
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    for rank in (8, 2):
        put(stage_project, {"finetune.lora.rank": rank})
        result = command(stage_project, "stages.finetune", "encoded", "adapter", "metrics")
        assert result.returncode == 0
        assert "go on after" not in result.stderr
        config = json.loads((stage_project / "adapter" / "adapter_config.json").read_text())
        assert config["r"] == rank
    assert list((stage_project / ".scratch" / "finetune").iterdir()) == []


def test_another_process_finds_the_same_scratch_state(stage_project: Path) -> None:
    """What differs by process, as the order of sets of texts does, is no part of its key."""
    (stage_project / "encoded").mkdir()
    prompts = read(Prompts, stage_project / "data" / "prompts" / "it.yaml")
    write_json(stage_project / "encoded" / "prompts.json", prompts.model_dump())
    rows: list[dict[str, Any]] = [
        {"id": f"{task}:{n}", "task": task, "input": "Hb 3 g/dl.", "output": "[NOREL]"}
        for n, task in enumerate(("haspeede", "clinkart", "emit_a", "hodi_b", "acti_a", "nermud"))
    ]
    write_jsonl(stage_project / "encoded" / "train.jsonl", rows)
    write_jsonl(stage_project / "encoded" / "dev.jsonl", rows)
    questions = [{key: row[key] for key in ("id", "task", "input")} for row in rows]
    write_jsonl(stage_project / "encoded" / "questions.jsonl", questions)
    for name in ("closed", "forms"):
        write_json(stage_project / "encoded" / f"{name}.json", {})
    for seed in ("1", "2"):
        variables = os.environ | {"PYTHONHASHSEED": seed}  # read when an interpreter starts
        for stage, *folders in (
            ("finetune", "encoded", f"adapter{seed}", "metrics"),
            ("infer", "encoded", "adapter1", f"predictions{seed}", "metrics"),
        ):
            words = [sys.executable, "-m", f"stages.{stage}", *folders]
            subprocess.run(words, cwd=stage_project, env=variables, check=True)
    used = [path.name.split("-")[0] for path in (stage_project / ".scratch" / "locks").iterdir()]
    assert sorted(used) == ["finetune", "infer"]


@pytest.mark.parametrize(
    "dev", ["", '{"id": "clinkart:x", "task": "clinkart", "input": "a", "output": null}\n']
)
def test_without_dev_answers_the_last_adapter_is_kept(stage_project: Path, dev: str) -> None:
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    (stage_project / "encoded" / "dev.jsonl").write_text(dev)
    result = command(stage_project, "stages.finetune", "encoded", "adapter", "metrics")
    assert result.returncode == 1
    assert "encoded/dev.jsonl: does not have the checksum of SHA256SUMS" in result.stderr
    (stage_project / "encoded" / "SHA256SUMS").unlink()  # the change is meant
    result = command(stage_project, "stages.finetune", "encoded", "adapter", "metrics")
    assert result.returncode == 0, result.stderr
    figures = json.loads((stage_project / "metrics" / "finetune.json").read_text())
    assert figures["dev"]["examples"] == 0
    assert figures["dev_loss"] is None
    assert (stage_project / "metrics/finetune/dev.csv").read_text() == "update,epoch,dev_loss\n"


def test_without_test_questions_encode_says_what_to_do(stage_project: Path) -> None:
    (stage_project / "raw" / "clinkart" / "test.txt").unlink()
    put(stage_project, {"encode.test": 0.0})
    result = command(stage_project, "stages.encode", "raw", "encoded")
    assert result.returncode == 1
    assert "no test questions; see encode.test" in result.stderr


@pytest.mark.parametrize(
    ("stage", "folders", "message"),
    [
        ("finetune", ("absent", "adapter", "metrics"), "prompts.json: cannot be read"),
        (
            "infer",
            ("encoded", "absent", "predictions", "metrics"),
            "absent: no such folder; expected an adapter",
        ),
        ("baseline", ("absent", "predictions"), "train.jsonl: cannot be read"),
        ("decode", ("raw", "absent", "submissions", "metrics"), "test.jsonl: cannot be read"),
        ("evaluate", ("raw", "absent", "metrics"), "extremITA-dvc_run1.txt: cannot be read"),
    ],
)
def test_missing_input_is_named(
    stage_project: Path, stage: str, folders: tuple[str, ...], message: str
) -> None:
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    result = command(stage_project, f"stages.{stage}", *folders)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_the_cheap_stages_never_import_torch(stage_project: Path, root: Path) -> None:
    """Not even through a library: run for real."""
    variables = os.environ | {"PYTHONPATH": str(root)}
    cheap = (
        "encode raw encoded",
        "baseline encoded linear",
        "decode raw linear submissions metrics",
        "evaluate raw submissions metrics submissions",
    )
    helper = "tests.helpers.heavy_modules"
    result = fresh_command(stage_project, helper, *cheap, variables=variables)
    assert result.stdout.split() == ["False", "False"] * len(cheap), result.stderr
    questions, answers = (
        [json.loads(line) for line in (stage_project / file).read_text().splitlines()]
        for file in ("encoded/test.jsonl", "linear/test.jsonl")
    )
    assert [row["id"] for row in answers] == [row["id"] for row in questions]


def test_infer_without_an_adapter_asks_the_base(stage_project: Path) -> None:
    assert command(stage_project, "stages.encode", "raw", "encoded").returncode == 0
    put(stage_project, {"infer.adapter": False})
    result = command(stage_project, "stages.infer", "encoded", "absent", "predictions", "metrics")
    assert result.returncode == 0, result.stderr
    assert "load adapter" not in result.stderr
