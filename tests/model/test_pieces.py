"""A tokenizer that cannot write its own vocabulary is refused, whatever else it does well."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerFast

from analysis import base
from stages.common.command import InputError
from stages.model.loading import load_tokenizer
from stages.model.pieces import check_pieces
from tests.helpers.models import model_settings

WORDS = "casa strada mare albero finestra quando perché sempre città giorno".split()
SMALL = ("llama", "t5", "bert")


def unigram(score: float) -> Any:
    """A tokenizer of words and letters, whose words have this score and letters -1."""
    letters = sorted({letter for word in WORDS for letter in word})
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -1.0)]
    pieces += [(f"▁{word}", score) for word in WORDS] + [(letter, -1.0) for letter in letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>")


def lose_merges(folder: Path) -> None:
    """Takes from a BPE tokenizer what joins letters to pieces."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["model"]["merges"] = []
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


@pytest.mark.parametrize("name", SMALL)
def test_tokenizers_in_order(root: Path, name: str) -> None:
    check_pieces(AutoTokenizer.from_pretrained(root / "data" / "bases" / name), name)


def test_one_of_bytes_has_no_pieces_to_lose() -> None:
    check_pieces(ByT5Tokenizer(), "bytes")


def test_lost_scores() -> None:
    check_pieces(unigram(-2.0), "in order")
    with pytest.raises(
        InputError, match=r"'broken' writes 0 of 10 pieces .* '▁casa' as \['▁', 'c'"
    ):
        check_pieces(unigram(-1000.0), "broken")


def test_lost_merges_stop_a_job_and_change_no_settings(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(root / "data" / "bases" / "llama", folder)
    lose_merges(folder)
    message = "of its own vocabulary as themselves"
    with pytest.raises(InputError, match=message):
        load_tokenizer(model_settings(folder))
    shutil.copy(root / "params.yaml", tmp_path)
    before = (tmp_path / "params.yaml").read_bytes()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["base", "other"])
    with pytest.raises(InputError, match=message):
        base.main()
    assert (tmp_path / "params.yaml").read_bytes() == before
