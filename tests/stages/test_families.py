"""finetune, infer and ask with an encoder-decoder and with an encoder, as with a LLaMA."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from analysis import ask, demo
from stages import check, decode, encode, finetune, infer
from stages.common.command import InputError
from stages.common.files import read_jsonl, write_json, write_jsonl
from stages.common.prompts import Prompts
from stages.common.settings import load, read
from stages.model import processes
from stages.model.adapters import HEADS
from stages.toolkit.splits import SPLITS
from tests.helpers import encoders, pairs
from tests.helpers.commands import command
from tests.helpers.params import put

TASKS = ("acti", "emotivita", "hodi")
COUNTS = {"train": 40, "dev": 8, "test": 12}
FAMILIES: dict[str, dict[str, Any]] = {
    "encoder-decoder": {"model.bos_id": None, "model.start_id": 0, "model.cutoff": 400},
    "encoder-only": {"model.cutoff": 128},
}


def make(root: Path, folder: Path, family: str, changes: Mapping[str, Any]) -> None:
    """A folder with params, a tiny base of a family, and a part of the sample, encoded."""
    shutil.copytree(root / "data" / "prompts", folder / "data" / "prompts")
    shutil.copy(root / "params.yaml", folder)
    if family == "encoder-only":
        encoders.save("XLM-R", folder / "base")
    else:
        pairs.save("T5 1.1", folder / "base")
    for name in TASKS:
        shutil.copytree(root / "data" / "sample" / name, folder / "data" / "sample" / name)
    small = {"epochs": 2, "cap": None, "lora.targets": "all", "lora.rank": 2}
    put(folder, {"tasks": list(TASKS), "model.base": "base", "infer.max_new_tokens": 6})
    put(folder, {f"finetune.{k}": v for k, v in small.items()})
    put(folder, FAMILIES[family] | changes)
    by_split, _ = encode.encode(folder / "data" / "sample", read(encode.Settings))
    for split in SPLITS:
        step = -(-len(by_split[split]) // COUNTS[split])
        by_split[split] = by_split[split][::step]
    forms = encode.forms_of(by_split)
    place = folder / "data" / "encoded"
    for split in SPLITS:
        write_jsonl(place / f"{split}.jsonl", map(asdict, by_split[split]))
    write_jsonl(place / "questions.jsonl", map(encode.question, by_split["test"]))
    prompts = read(Prompts, folder / "data" / "prompts" / "it.yaml")
    write_json(place / "prompts.json", prompts.select(forms).model_dump())
    write_json(place / "closed.json", encode.closed_answers(by_split))
    write_json(place / "forms.json", {name: form.model_dump() for name, form in forms.items()})
    write_jsonl(place / "values.jsonl", encode.values(by_split, forms))


def test_a_base_of_each_family_goes_through_all_stages(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for family in FAMILIES:
        folder = tmp_path / family
        folder.mkdir()
        monkeypatch.chdir(folder)
        shutil.copy(root / "params.yaml", folder)
        make(root, folder, family, {})
        check.check(load(Path("params.yaml")), "params.yaml")
        encoded, adapter = Path("data/encoded"), Path("models/adapter")
        finetune.finetune(encoded, adapter, Path("metrics"))
        assert {HEADS[0], HEADS[1]} <= {p.name for p in adapter.iterdir()} or family != (
            "encoder-only"
        )
        figures = json.loads(Path("metrics/finetune.json").read_text())
        assert figures["updates"] > 0
        rates = pd.read_csv("metrics/finetune/train.csv")["learning_rate"]
        stated = read(finetune.Settings).finetune
        share = stated.encoder_rate if family == "encoder-only" else 1.0
        assert rates.max() == pytest.approx(share * stated.learning_rate, rel=0.1)
        infer.infer(encoded, adapter, Path("data/predictions"), Path("metrics"))
        rows = decode.read_predictions(Path("data/predictions/test.jsonl"))
        asked = read_jsonl(encoded / "questions.jsonl", ("id", "task", "input"))
        assert [row["id"] for row in rows] == [row["id"] for row in asked]
        closed = json.loads((encoded / "closed.json").read_text())
        for row in rows:
            assert ("probabilities" in row.values) == (row["task"] in closed)
        for stage in ("finetune", "infer"):
            assert "seconds" in json.loads(Path(f"metrics/cost/{stage}.json").read_text())
        first = next(row for row in rows if row["task"] == "hodi_a")
        text = next(row["input"] for row in asked if row["id"] == first["id"])
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["ask", text, "--task", "hodi_a"])
        ask.main()
        shown = capsys.readouterr().out
        assert f"answer       {first['answer']}" in shown
        prompts = read(Prompts, Path("data/prompts/it.yaml"))
        side_by_side = demo.load_models(prompts, encoded, adapter, demo.BASE)
        assert len(side_by_side) == (1 if family == "encoder-only" else 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model.family": "decoder-only"},
            "model.family is decoder-only, but model.base 'base'",
        ),
        ({"model.start_id": None}, "model.start_id: an encoder-decoder such as model.base 'base'"),
        (
            {"infer.engine": "vllm"},
            "infer.engine is vllm, but model.base 'base' is",
        ),
    ],
)
def test_contradictions_are_found_before_any_work(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: Mapping[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "data" / "prompts", tmp_path / "data" / "prompts")
    shutil.copy(root / "params.yaml", tmp_path)
    pairs.save("T5", tmp_path / "base")
    put(tmp_path, {"model.base": "base", **changes})
    with pytest.raises(InputError, match=message):
        check.check(load(Path("params.yaml")), "params.yaml")


@pytest.mark.process
def test_two_processes_learn_and_answer_with_heads_as_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(root / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__py*"))
    shutil.copy(root / "params.yaml", tmp_path)
    make(root, tmp_path, "encoder-only", {})
    encoded = Path("data/encoded")
    finetune.finetune(encoded, Path("one"), Path("m1"))
    infer.infer(encoded, Path("one"), Path("p1"), Path("m1"))
    monkeypatch.setenv(processes.VARIABLE, "2")
    for arguments in (("finetune", "data/encoded", "two"), ("infer", "data/encoded", "one", "p2")):
        name, *places = arguments
        result = command(tmp_path, f"stages.{name}", *places, "m2")
        assert result.returncode == 0, result.stderr
    for file in ("adapter_model.safetensors", HEADS[1]):
        one, two = (load_file(tmp_path / place / file) for place in ("one", "two"))
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-3, atol=1e-4)
    rows = [decode.read_predictions(Path(place) / "test.jsonl") for place in ("p1", "p2")]
    for mine, other in zip(*rows, strict=True):
        assert (mine["id"], mine["answer"]) == (other["id"], other["answer"])
