"""The recipe of the small bases of the two other families."""

import json
from pathlib import Path

import pytest
import torch

from recipes.base import others
from recipes.base.others import ALONE, IGNORED, MASK, PAIR, Settings, masked, pool, pretrain
from recipes.base.tokenizer import BOS, EOS, train_tokenizer
from stages.model.loading import load_base, load_tokenizer, settled
from tests.helpers.models import CPU, FP32, model_settings

TINY = {
    "tokens": 1500,
    "batch": 600,
    "hidden": 32,
    "layers": 1,
    "heads": 2,
    "intermediate": 32,
    "pieces": 400,
    "tokenizer_texts": 300,
    "evaluation_items": 1,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def few_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(others, "POOL", 1)
    monkeypatch.setattr("recipes.base.tokenizer.check_pieces", lambda _: None)


@pytest.mark.parametrize("family", [PAIR, ALONE])
def test_what_is_written_is_a_base_of_its_family(family: str, tmp_path: Path) -> None:
    record = pretrain(tmp_path, Settings(family, **TINY))
    assert json.loads((tmp_path / "pretraining.json").read_text()) == record
    assert record["training"]["steps"] > 0
    assert record["evaluation"]
    given = settled(model_settings(tmp_path, family="auto"))
    assert given.family == family
    tokenizer = load_tokenizer(given)
    base = load_base(given, CPU, FP32)
    assert base.config.vocab_size == len(tokenizer)
    ids = torch.tensor([[BOS, 50, 60, EOS]])
    if family == PAIR:
        assert base(input_ids=ids, decoder_input_ids=ids).logits.isfinite().all()
    else:
        assert base(input_ids=ids).last_hidden_state.isfinite().all()


@pytest.mark.parametrize("family", [PAIR, ALONE])
def test_batches_are_the_same_whoever_makes_them(family: str) -> None:
    tokenizer = train_tokenizer(1, 300, 400)
    if family == ALONE:
        tokenizer.add_special_tokens([MASK])
    settings = Settings(family, **TINY)
    made = pool(tokenizer, 3, settings)
    assert made == pool(tokenizer, 3, settings) != pool(tokenizer, 4, settings)
    for pairs in made:
        width = max(len(pair[0]) for pair in pairs)
        assert len(pairs) == 1 or len(pairs) * width <= settings.batch
        for seen, _ in pairs:
            assert (seen[0], seen[-1]) == (BOS, EOS)


def test_masked_tokens_alone_are_to_be_restored() -> None:
    import random

    ids = [10 + n % 300 for n in range(2000)]
    seen, labels = masked(ids, 400, 400, random.Random(1))
    assert len(seen) == len(labels) == 2002
    chosen = [n for n, label in enumerate(labels) if label != IGNORED]
    assert 300 < len(chosen) < 500
    assert all(labels[n] == ids[n - 1] for n in chosen)
    assert all(seen[n + 1] == token for n, token in enumerate(ids) if n + 1 not in chosen)
    hidden = sum(seen[n] == 400 for n in chosen) / len(chosen)
    assert 0.7 < hidden < 0.9


@pytest.mark.parametrize("family", [PAIR, ALONE])
def test_no_base_takes_more_than_8_mb(family: str) -> None:
    model = others.build_model(Settings(family, **others.SIZES[family]), 5120)
    assert 2 * sum(p.numel() for p in model.parameters()) < 7_500_000  # the tokenizer takes 0.3


def test_what_is_learnt_is_saved_however_short_the_time(tmp_path: Path) -> None:
    settings = Settings(PAIR, **TINY | {"time_limit": 1e-3, "evaluation_items": 0})
    assert pretrain(tmp_path, settings)["training"]["steps"] == 1
    assert (tmp_path / "model.safetensors").is_file()
    assert (tmp_path / "pretraining.json").is_file()


def test_first_documents_repeat_short_texts() -> None:
    settings = Settings(PAIR, **TINY | {"first_pools": 2})
    families = [{item.family for item in others.documents(settings, n)} for n in (1, 2)]
    assert families[0] == {"repeat"}
    assert len(families[1]) > 1
    alone = Settings(ALONE, **TINY | {"first_pools": 2})
    assert len({item.family for item in others.documents(alone, 1)}) > 1
