"""Tests of the base model's recipe: corpus, tokenizer, batches and a tiny pretraining run."""

from __future__ import annotations

import json
import random
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes.base import corpus, families
from recipes.base.batches import PLAIN_WEIGHT, Schedule, fresh_batches, make_batch, shapes_of
from recipes.base.lexicon import NAMES
from recipes.base.pretrain import Gradients, Settings, build_model, learning_rate, pretrain
from recipes.base.texts import GENRES, Writer, compile_template
from recipes.base.tokenizer import NEVER_ONE_PIECE, save_tokenizer, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Returns a tokenizer trained on few texts."""
    return train_tokenizer(seed=1, texts=1500)


def test_the_stream_depends_on_the_seed_alone() -> None:
    first = list(islice(corpus.stream(3), 150))
    assert first == list(islice(corpus.stream(3), 150))
    assert first[64:128] == corpus.block(3, 1)
    assert first != list(islice(corpus.stream(4), 150))


def test_nothing_of_the_later_tasks_occurs_and_spans_are_verbatim() -> None:
    seen = set()
    for item in islice(corpus.stream(5), 3000):
        seen.add(item.family)
        assert corpus.forbidden(item.prompt + "\n" + item.answer) is None
        if item.draft:
            assert item.prompt.endswith("\n\n### Risposta:\n")
            assert all(span in item.draft.input for span in item.draft.spans)
            assert all(span in item.answer for span in item.draft.spans)
    assert seen == {*families.FAMILIES, "plain"}


@pytest.mark.parametrize("family", families.FAMILIES)
def test_every_family_makes_items(family: str) -> None:
    writer = corpus.writer_for(1, family)
    drafts = [corpus.draft(writer, family) for _ in range(20)]
    assert len({d.instruction for d in drafts}) > 1
    assert all(d.answer and d.input for d in drafts)


def test_about_a_fifth_of_the_pair_items_have_no_pair() -> None:
    writer = corpus.writer_for(2, "pairs")
    drafts = [corpus.draft(writer, "pairs") for _ in range(300)]
    share = sum(not d.spans for d in drafts) / len(drafts)
    assert 0.1 < share < 0.35
    for d in drafts:
        assert d.spans or d.answer in d.instruction


@pytest.mark.parametrize(
    "text",
    ["a [BREL] b", "x [sep] y", "{PER}", "<ET1>", "[ gap ]", "#geo#", "Odio tutti", "di destra"],
)
def test_the_guard_finds_markers_and_labels(text: str) -> None:
    assert corpus.forbidden(text)


def test_the_guard_lets_ordinary_text_pass() -> None:
    assert corpus.forbidden("Per il gatto, sì o no: [QZA] 98% [MU] (per ora)") is None


def test_templates() -> None:
    writer = Writer(random.Random(0))
    for genre in GENRES:
        assert all(writer.sentence(genre).strip() for _ in range(50))
    with pytest.raises(ValueError, match="unknown slot"):
        compile_template("un {gattto} nero")
    with pytest.raises(ValueError, match="open"):
        compile_template("un {N nero")


def test_the_tokenizer_gives_every_text_back(tokenizer: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    save_tokenizer(tokenizer, tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.is_fast
    assert (loaded.pad_token_id, loaded.bos_token_id, loaded.eos_token_id) == (0, 1, 2)
    rng = random.Random(0)
    texts = ["", " due  spazi , e \n\n righe .", "98%, < 1 g; (-) 10³/μl", "perché ? sì !", "🤦‍♀️"]
    for _ in range(200):
        points = (rng.choice((rng.randrange(32, 127), rng.randrange(0xA0, 0xD7FF),
                              rng.randrange(0xE000, 0x110000))) for _ in range(20))  # fmt: skip
        texts.append("".join(map(chr, points)))
    for text in texts:
        ids = loaded.encode(text, add_special_tokens=False)
        assert ids == tokenizer.encode(text, add_special_tokens=False).ids
        assert loaded.decode(ids) == text
        assert not {0, 1, 2}.intersection(ids)


def test_the_tokenizer_spells_markers_and_labels(tokenizer: Any) -> None:
    for word in NEVER_ONE_PIECE:
        assert len(tokenizer.encode(word).ids) > 1
        assert len(tokenizer.encode(" " + word).ids) > 1
    spelt = [tokenizer.decode([i]) for i in tokenizer.encode("[AB] 123").ids]
    assert [piece.strip() for piece in spelt if piece.strip()] == ["[", "A", "B", "]", *"123"]


def test_a_word_has_the_same_pieces_wherever_it_stands(tokenizer: Any) -> None:
    for word in (*NAMES[:20], "casa", "brognatti"):
        alone = tokenizer.encode("x " + word).ids[len(tokenizer.encode("x").ids) :]
        for before in ("", "(", "«", '"', "'", "\n", "l'", "[", "#", "a\n"):
            assert tokenizer.encode(before + word).ids[-len(alone) :] == alone, before
    assert sum("Ġ" + name in tokenizer.get_vocab() for name in NAMES) > 0.9 * len(NAMES)


def test_batches_are_the_same_for_any_number_of_workers(tokenizer: Any) -> None:
    alone = fresh_batches(tokenizer, seed=1, tokens=4000, workers=0)
    beside = fresh_batches(tokenizer, seed=1, tokens=4000, workers=2)
    for a, b in islice(zip(alone, beside, strict=False), 3):
        assert a.tokens == b.tokens
        assert a.shapes == b.shapes
        np.testing.assert_array_equal(a.ids, b.ids)
        np.testing.assert_array_equal(a.weights, b.weights)
    beside.close()


@pytest.mark.parametrize("lesson", [corpus.REPEATING, corpus.COMPARING_FIRST, corpus.EVERYTHING])
def test_batches_hold_whole_documents_in_rows_of_fixed_width(tokenizer: Any, lesson: int) -> None:
    batch = make_batch(tokenizer, seed=1, index=lesson, tokens=9000, schedule=Schedule(1, 1))
    assert batch.shapes == shapes_of(9000, short=lesson < corpus.EVERYTHING)
    at = documents = 0
    for rows, width in batch.shapes:
        ids = batch.ids[at : at + rows * width].reshape(rows, width)
        weights = batch.weights[at : at + rows * width].reshape(rows, width)
        at += rows * width
        filled = ids[:, 0] == 1
        documents += filled.sum()
        assert not ids[~filled].any()
        assert ((ids == 2).sum(axis=1) == filled).all()
        assert (weights[ids == 2] > 0).all()
        assert (weights[ids == 0] == 0).all()
        assert (weights[:, 0] == 0).all()
        learnt = (weights > 0).sum(axis=1)[filled]
        whole = weights.sum(axis=1)[filled] / np.sqrt(learnt)
        assert np.isclose(whole[:, None], [1.0, PLAIN_WEIGHT]).any(axis=1).all()
    assert at == len(batch.ids) == len(batch.weights)
    assert (batch.ids > 0).sum() == batch.tokens
    assert documents > 10


def test_gradients_are_those_of_each_document_alone(tokenizer: Any) -> None:
    """Padding, groups and other documents of a batch change nothing."""
    import torch

    model = build_model(Settings(hidden=32, layers=1, heads=2, intermediate=64))
    batch = make_batch(tokenizer, seed=1, index=0, tokens=4000)
    weighted, weight = Gradients(model, "cpu")(batch).tolist()
    found = model.model.layers[0].mlp.up_proj.weight.grad.clone()
    model.zero_grad()
    losses = torch.zeros(())
    at, total = 0, 0.0
    for rows, width in batch.shapes:
        for _ in range(rows):
            ids = torch.tensor(batch.ids[at : at + width].astype(int))
            scale = torch.tensor(batch.weights[at : at + width])
            at += width
            ids = ids[ids > 0]
            if len(ids):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    logits = model(input_ids=ids[None]).logits[0, :-1]
                loss = torch.nn.functional.cross_entropy(logits.float(), ids[1:], reduction="none")
                losses = losses + (loss * scale[1 : len(ids)]).sum()
                total += float(scale.sum())
    torch.autograd.backward(losses / total)
    assert weight == pytest.approx(total)
    assert weighted == pytest.approx(losses.item(), rel=2e-3)
    expected = model.model.layers[0].mlp.up_proj.weight.grad
    assert (found - expected).norm() < 0.03 * expected.norm()


def test_the_learning_rate_rises_and_falls() -> None:
    settings = Settings()
    assert learning_rate(settings, 0.0) < 1e-4
    assert learning_rate(settings, settings.warm_up) == pytest.approx(settings.learning_rate)
    assert learning_rate(settings, 1.0) == pytest.approx(0.0)


@pytest.mark.long
def test_a_tiny_run_writes_a_model_that_loads(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    settings = Settings(
        tokens=40 * 1000, batch_rows=2, hidden=32, layers=1, heads=2, intermediate=64,
        tokenizer_texts=600, evaluation_items=1, device="cpu",
    )  # fmt: skip
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many threads on so small a model only wait for one another
    record = pretrain(tmp_path, settings)
    torch.set_num_threads(threads)
    assert record["training"]["steps"] >= 15
    assert set(record["exact_match"]) == {*families.FAMILIES, "mean"}
    assert record == json.loads((tmp_path / "pretraining.json").read_text(encoding="utf-8"))
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert model.dtype == torch.bfloat16
    assert model.config.tie_word_embeddings
    assert (tmp_path / "generation_config.json").exists()
