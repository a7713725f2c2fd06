"""The recipe of the small bases of the two other families."""

import json
from pathlib import Path

import pytest
import torch

from recipes.base import others
from recipes.base.corpus import COMPARING_FIRST, EVERYTHING, REPEATING
from recipes.base.others import (
    ALONE,
    IGNORED,
    MASK,
    PAIR,
    Settings,
    loss_and_weight,
    make_batch,
    masked,
    pretrain,
)
from recipes.base.tokenizer import BOS, EOS, PAD, train_tokenizer
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
    monkeypatch.setattr(others, "PARTS", 2)
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
    one, again, other = (make_batch(tokenizer, index, settings) for index in (3, 3, 4))
    assert all((a == b).all() for a, b in zip(one.arrays, again.arrays, strict=True))
    assert any((a != b).any() for a, b in zip(one.arrays, other.arrays, strict=True))
    for (rows, read, written), seen, labels in zip(
        one.shapes, one.arrays[::2], one.arrays[1::2], strict=True
    ):
        assert (seen.shape, labels.shape) == ((rows, read), (rows, written))
        for row in seen[seen[:, 0] != PAD]:
            ids = row[row != PAD]
            assert (ids[0], ids[-1]) == (BOS, EOS)
    known = sum(int((seen != PAD).sum()) for seen in one.arrays[::2])
    computed = one.arrays[1::2] if family == PAIR else one.arrays[::2]
    empty = IGNORED if family == PAIR else PAD
    assert one.tokens == known + sum(int((labels != empty).sum()) for labels in computed)


def test_rows_without_documents_count_nothing_and_long_answers_their_root() -> None:
    model = others.build_model(Settings(PAIR, **TINY), 400).eval()
    ids = torch.tensor([[BOS, 50, 60, EOS], [BOS, 70, EOS, PAD], [PAD] * 4])
    labels = torch.tensor([[5, 6, 7, EOS], [8] + [IGNORED] * 3, [IGNORED] * 4])
    loss, weight = loss_and_weight(model, ids, labels).tolist()
    assert weight == pytest.approx(4 / 2 + 1)
    own = [
        model(input_ids=ids[n : n + 1, :width], labels=labels[n : n + 1, :count]).loss.item()
        for n, width, count in ((0, 4, 4), (1, 3, 1))
    ]
    assert loss == pytest.approx(2 * own[0] + own[1], rel=0.02)  # in bf16


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


def test_an_encoder_decoder_has_three_lessons(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = others.block

    def block(*arguments: int, lesson: int) -> object:
        seen.append(lesson)
        return original(*arguments, lesson=lesson)

    monkeypatch.setattr(others, "block", block)
    tokenizer = train_tokenizer(1, 300, 400)
    settings = Settings(PAIR, **TINY | {"first_lesson": 600, "second_lesson": 600})
    lessons = []
    for index in range(3):
        make_batch(tokenizer, index, settings)
        lessons.append(set(seen))
        seen.clear()
    assert lessons == [{REPEATING}, {COMPARING_FIRST}, {EVERYTHING}]
    tokenizer.add_special_tokens([MASK])
    make_batch(tokenizer, 0, Settings(ALONE, **TINY | {"first_lesson": 600}))
    assert set(seen) == {EVERYTHING}
