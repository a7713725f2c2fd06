"""Answers of heads are those of their own forward, one row at a time."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from stages.answering.answers import Answer, Question
from stages.answering.engines import Asked, load_answerer
from stages.answering.heads import HeadsAnswerer
from stages.answering.settings import Infer
from stages.common.command import InputError
from stages.forms.forms import number_forms
from stages.model.adapters import HEADS
from stages.model.heads import add_heads
from stages.model.loading import load_base
from stages.training.adapter import add_lora, save_adapter
from stages.training.settings import Lora
from tests.helpers.encoders import (
    ENCODERS,
    FORMS,
    bare,
    input_encoder,
    question,
    rows,
    save,
    settings,
)
from tests.helpers.models import CPU, FP32

INFER = Infer(adapter=True, engine="torch", score_closed=True, max_new_tokens=256)
CLOSED = {"classes": ["sì", "no", "forse"]}


def adapter(name: str, folder: Path) -> Path:
    """Writes an adapter and heads that do something."""
    torch.manual_seed(3)
    lora = Lora(rank=4, alpha=8.0, dropout=0.0, targets=list(ENCODERS[name][2]))
    model = add_lora(load_base(settings(folder / "base"), CPU, FP32), lora)
    add_heads(model, rows(folder / "base", 24), FORMS)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3)
    (folder / "adapter").mkdir()
    save_adapter(model, folder / "adapter")
    return folder / "adapter"


def questions(folder: Path, count: int) -> list[Question]:
    encoder, draw, made = input_encoder(folder / "base"), random.Random(9), []
    for n in range(count):
        subtask = list(FORMS)[n % len(FORMS)]
        text, _ = question(subtask, draw)
        ids = encoder.encode_question(subtask, text, 128).ids
        made.append(Question(f"{subtask}:{n}", subtask, ids, text))
    return made


def answerer(name: str, folder: Path, asked: list[Question], **changes: Any) -> Any:
    infer = INFER.model_copy(update=changes)
    prompts = [one.ids for one in asked]
    encoder = input_encoder(folder / "base")
    place = folder / "adapter" if infer.adapter else None
    given = settings(folder / "base")
    return load_answerer(
        given, infer, place, encoder, Asked(CLOSED, {}, number_forms(FORMS)), prompts
    )


@torch.no_grad()
def expected(name: str, folder: Path, asked: Question) -> tuple[str, dict[str, float] | None]:
    """The answer by transformers, peft and the weights in the file alone."""
    base = bare(name, folder / "base")
    model = PeftModel.from_pretrained(base, str(folder / "adapter")).eval()
    states = model(input_ids=torch.tensor([asked.ids])).last_hidden_state[0]
    weights = load_file(str(folder / "adapter" / HEADS[1]))
    own = {n.partition(".")[2]: w for n, w in weights.items() if n.startswith(f"{asked.subtask}.")}
    output = states.mean(0) @ own["out.weight"].T + own["out.bias"]
    if asked.subtask == "classes":
        shares = dict(zip(CLOSED["classes"], output.softmax(0).tolist(), strict=True))
        return max(shares, key=shares.__getitem__), shares
    if asked.subtask == "words":
        return " ".join(w for w, x in zip("abc", output, strict=True) if x > 0) or "nessuna", None
    scaled = output[-len(own["mean"]) :] * own["deviation"] + own["mean"]
    numbers = scaled.maximum(own["low"]).minimum(own["high"]).tolist()
    if asked.subtask == "numbers":
        return " ".join(f"{number:.2f}" for number in numbers), None
    region = ["Lazio", "Puglia"][int(output[:2].argmax())]
    return f"[r] {region} [geo] {numbers[0]:.3f}", None


@pytest.mark.parametrize("name", ENCODERS)
def test_answers_are_those_of_the_heads_own_forward(name: str, tmp_path: Path) -> None:
    save(name, tmp_path / "base")
    adapter(name, tmp_path)
    asked = questions(tmp_path, 18)
    found = {q.id: a for q, a in answerer(name, tmp_path, asked).answer(asked)}
    assert found.keys() == {one.id for one in asked}
    for one in asked:
        answer = found[one.id]
        assert (answer.finish, answer.tokens) == ("stop", 0)
        if one.subtask in ("spans", "links"):
            continue
        text, probabilities = expected(name, tmp_path, one)
        assert answer.answer == text
        assert answer.probabilities == (probabilities and pytest.approx(probabilities, abs=1e-5))
        means, form = answer.expectations, number_forms(FORMS).get(one.subtask)
        assert (means is None) == (form is None)
        assert form is None or form.fill(text, means) == text


def test_spans_and_pairs_are_written_as_parts_of_the_input(tmp_path: Path) -> None:
    save("BERT", tmp_path / "base")
    adapter("BERT", tmp_path)
    asked = questions(tmp_path, 60)
    found = {q.id: a.answer for q, a in answerer("BERT", tmp_path, asked).answer(asked)}
    for one in asked:
        if one.subtask == "spans" and found[one.id] != "nessuna":
            mentions = found[one.id].replace("[LOC]", "[PER]").split("[PER] ")[1:]
            assert all(mention.strip() in one.text for mention in mentions)
        if one.subtask == "links" and found[one.id] != "[N]":
            first, second = found[one.id].split("[B] ")[1].split(" [E]")[0].split(" [S] ")
            assert first in one.text
            assert second in one.text
    assert {found[q.id] for q in asked if q.subtask == "spans"} != {"nessuna"}
    assert {found[q.id] for q in asked if q.subtask == "links"} != {"[N]"}


def test_what_is_finished_changes_no_other_answer(tmp_path: Path) -> None:
    save("BERT", tmp_path / "base")
    adapter("BERT", tmp_path)
    asked = questions(tmp_path, 30)
    by_heads = answerer("BERT", tmp_path, asked)
    assert isinstance(by_heads, HeadsAnswerer)
    whole = {q.id: a for q, a in by_heads.answer(asked)}
    finished = {one.id for one in asked[::3]}
    rest: dict[str, Answer] = {q.id: a for q, a in by_heads.answer(asked, finished)}
    assert rest == {name: answer for name, answer in whole.items() if name not in finished}


def test_a_question_without_a_head_gets_an_empty_answer_and_others_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save("BERT", tmp_path / "base")
    adapter("BERT", tmp_path)
    asked = questions(tmp_path, 12)
    by_heads = answerer("BERT", tmp_path, asked)
    alone = {q.id: a for q, a in by_heads.answer(asked[1:])}
    mixed = {q.id: a for q, a in by_heads.answer([asked[0]._replace(subtask="other"), *asked[1:]])}
    assert mixed.pop(asked[0].id) == Answer("", "stop", 0)
    assert mixed == alone
    assert "no heads for these questions: other (1)" in caplog.text


def test_what_cannot_answer_is_refused(tmp_path: Path) -> None:
    save("BERT", tmp_path / "base")
    place = adapter("BERT", tmp_path)
    asked = questions(tmp_path, 6)
    with pytest.raises(InputError, match=r"infer.adapter is false, but .* is encoder-only"):
        answerer("BERT", tmp_path, asked, adapter=False)
    with pytest.raises(InputError, match=r"infer.engine is vllm, but .* is encoder-only"):
        answerer("BERT", tmp_path, asked, engine="vllm")
    (place / HEADS[1]).unlink()
    with pytest.raises(InputError, match=f"no {HEADS[1]}"):
        answerer("BERT", tmp_path, asked)
