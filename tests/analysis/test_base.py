"""Stating another base in params.yaml."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from analysis import base
from stages.common.command import InputError
from stages.common.settings import load
from tests.helpers import tiny


@pytest.fixture
def folder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(root / "params.yaml", tmp_path)
    tiny.tokenizer(tmp_path / "other")
    tiny.model(tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, object]:
    monkeypatch.setattr(sys, "argv", ["base", *arguments])
    base.main()
    model: dict[str, object] = load(Path("params.yaml"))["model"]
    return model


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_base_without_a_token_before_a_prompt_and_with_two_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tokenizer puts nothing before a text; its way of generating names one more end."""
    change(folder / "other" / "generation_config.json", eos_token_id=[2, 0])
    before = (folder / "params.yaml").read_text(encoding="utf-8")
    model = state(monkeypatch, "other")
    assert (model["base"], model["revision"], model["tokenizer"]) == ("other", None, None)
    assert (model["pad_id"], model["bos_id"], model["eos_id"]) == (0, None, [2, 0])
    after = (folder / "params.yaml").read_text(encoding="utf-8")
    assert "# token before every prompt (BERT: [CLS]); empty: none" in after
    assert "\n  eos_id: [2, 0]  " in after
    assert after.count("\n") == before.count("\n")
    shown = capsys.readouterr().out
    assert "other: llama, decoder-only, vocabulary 400" in shown
    assert "model.eos_id: '</s>', '<unk>'" in shown
    assert "model.bos_id: none" in shown


def test_the_quantization_that_a_base_is_saved_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    change(folder / "other" / "config.json", quantization_config=own)
    assert state(monkeypatch, "other")["quantization"] == "nf4"


def test_a_hub_id_with_its_commit_needs_no_network() -> None:
    assert base.find_place(f"org/name@{'a' * 40}") == ("org/name", "a" * 40)


def test_what_is_nowhere_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / "params.yaml").read_bytes()
    with pytest.raises(InputError, match="'org/absent' is no folder here"):
        state(monkeypatch, "org/absent")
    assert (folder / "params.yaml").read_bytes() == before
