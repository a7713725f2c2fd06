"""Encoder-decoders answer as `generate` does one at a time; candidates are scored as one by one."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from transformers import AutoModelForSeq2SeqLM

from stages.answering.answers import Answerer, Question
from stages.answering.candidates import Candidates
from stages.answering.engine import Request
from stages.answering.engines import exact_engine, load_engine
from stages.answering.numbers import Expectations
from stages.answering.plain_engine import PlainEngine
from stages.answering.settings import Infer
from stages.common.command import InputError
from stages.forms.forms import Number
from stages.model.adapters import load_adapter
from stages.model.loading import load_base
from stages.training.adapter import add_lora, save_adapter
from stages.training.settings import Lora
from tests.helpers.models import CPU, FP32
from tests.helpers.number_forms import number_form
from tests.helpers.pairs import PAIRS, rows, save, settings

NEW = 12
INFER = Infer(adapter=True, engine="torch", score_closed=True, max_new_tokens=NEW)
PROMPTS = [row.ids[: row.prompt] for row in rows(11, seed=3)]
WORDS = {"a": [5, 2], "b": [6, 2], "c": [6, 7, 2], "d": [6, 7, 8, 2], "e": [9, 7, 2], "f": [9, 2]}


def adapter(name: str, folder: Path) -> Path:
    """Writes an adapter that does something."""
    torch.manual_seed(3)
    lora = Lora(rank=4, alpha=8.0, dropout=0.0, targets=list(PAIRS[name][3]))
    model = add_lora(load_base(settings(name, folder / "base"), CPU, FP32), lora)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.15)
    (folder / "adapter").mkdir()
    save_adapter(model, folder / "adapter")
    return folder / "adapter"


def reference(name: str, folder: Path) -> Any:
    """The same by transformers and peft alone, attention step by step."""
    from peft import PeftModel

    base = AutoModelForSeq2SeqLM.from_pretrained(folder / "base", dtype=FP32)
    base.set_attn_implementation("eager")
    return PeftModel.from_pretrained(base, str(folder / "adapter")).eval()


def one_at_a_time(model: Any, name: str, ids: list[int], tokens: int) -> list[int]:
    tensor = torch.tensor([ids])
    output = model.generate(
        input_ids=tensor,
        attention_mask=torch.ones_like(tensor),
        decoder_start_token_id=PAIRS[name][2],
        max_new_tokens=tokens,
        do_sample=False,
        num_beams=1,
        eos_token_id=2,
        pad_token_id=0,
        forced_eos_token_id=None,
        use_cache=False,
    )
    return output[0, 1:].tolist()


@torch.no_grad()
def probabilities(model: Any, name: str, ids: list[int]) -> dict[str, float]:
    """The probability of each word among all of them, token after token, without any cache."""
    found = dict.fromkeys(WORDS, 1.0)
    begun = {tuple(tokens[:n]) for tokens in WORDS.values() for n in range(len(tokens))}
    for before in begun:
        words = {w: t for w, t in WORDS.items() if tuple(t[: len(before)]) == before}
        may = sorted({tokens[len(before)] for tokens in words.values()})
        logits = model(
            input_ids=torch.tensor([ids]),
            decoder_input_ids=torch.tensor([[PAIRS[name][2], *before]]),
            use_cache=False,
        ).logits
        shares = torch.softmax(logits[0, -1, may].float(), 0)
        for word, tokens in words.items():
            found[word] *= float(shares[may.index(tokens[len(before)])])
    return found


@pytest.mark.parametrize("name", PAIRS)
def test_answers_and_probabilities_are_those_of_one_at_a_time(name: str, tmp_path: Path) -> None:
    save(name, tmp_path / "base")
    place = adapter(name, tmp_path)
    engine = load_engine(settings(name, tmp_path / "base"), INFER, place, PROMPTS)
    assert isinstance(engine, PlainEngine)
    assert not engine.path.alone
    model = reference(name, tmp_path)
    draw = random.Random(1)
    requests = [Request(ids, draw.randrange(1, NEW)) for ids in PROMPTS]
    expected = [one_at_a_time(model, name, r.ids, r.max_new_tokens) for r in requests]
    assert dict(engine.generate(requests)) == dict(enumerate(expected))
    assert len({tuple(ids) for ids in expected}) > 5

    whole = [one_at_a_time(model, name, ids, NEW) for ids in PROMPTS]
    begun = [ids[: n % 3 if 2 not in ids[: n % 3] else 0] for n, ids in enumerate(whole)]
    more = [
        Request([*ids, *b], NEW - len(b), len(b)) for ids, b in zip(PROMPTS, begun, strict=True)
    ]
    assert len({request.begun for request in more}) == 3
    found = dict(engine.generate(more))
    assert [[*b, *found[n]] for n, b in enumerate(begun)] == whole

    candidates = Candidates(WORDS)
    scored = dict(engine.score(PROMPTS, candidates))
    for number, ids in enumerate(PROMPTS):
        own = candidates.probabilities(scored[number])
        assert own == pytest.approx(probabilities(model, name, ids), abs=1e-5)
        assert sum(own.values()) == pytest.approx(1)
    assert list(engine.score(PROMPTS[:1], Candidates({"only": [5, 2]}))) == [(0, [])]


class Digits:
    """Texts are cut into characters."""

    def encode_text(self, text: str) -> list[int]:
        return [10 + "0123456789. [x]".index(character) for character in text]


@torch.no_grad()
def expectation(model: Any, name: str, ids: list[int], text: str, number: Number) -> float:
    """The mean over all numbers, each with the product of its characters' shares, one by one."""
    encode = Digits().encode_text
    answers = {value: encode(text + written) for written, value in number.all()}
    total, at = 0.0, len(encode(text.rstrip(" ")))
    for value, tokens in answers.items():
        share = 1.0
        for n in range(at, len(tokens)):
            may = sorted({t[n] for t in answers.values() if t[:n] == tokens[:n]})
            logits = model(
                input_ids=torch.tensor([ids]),
                decoder_input_ids=torch.tensor([[PAIRS[name][2], *tokens[:n]]]),
                use_cache=False,
            ).logits
            share *= float(torch.softmax(logits[0, -1, may].float(), 0)[may.index(tokens[n])])
        total += share * value
    return total


@pytest.mark.parametrize("name", ["T5", "BART"])
def test_expectations_follow_what_the_decoder_has_of_an_answer(name: str, tmp_path: Path) -> None:
    """The text before numbers, and the first of them, go into the decoder and not the prompt."""
    save(name, tmp_path / "base")
    place = adapter(name, tmp_path)
    engine = load_engine(settings(name, tmp_path / "base"), INFER, place, PROMPTS)
    form = number_form((0.5, 1.4), (0.0, 0.3), decimals=1, before="[x] ")
    answers = ["[x] 1.0 0.1", "1 [x] 0.7", "1.5 [x]"]
    encoder: Any = Digits()
    found = Expectations(engine, encoder, form).compute(PROMPTS[:3], answers)
    model = reference(name, tmp_path)
    first, second = form.numbers.values()
    for ids, text, means in zip(PROMPTS, ("[x] ", "1 [x] ", "1.5 [x] "), found, strict=False):
        own = expectation(model, name, ids, text, first)
        after = f"{text}{first.write(own)} "
        assert means == pytest.approx((own, expectation(model, name, ids, after, second)), abs=1e-4)


class Encoder:
    """Answers are their ids."""

    def encode_answer(self, text: str) -> list[int]:
        return WORDS[text]

    def has_ended(self, ids: list[int]) -> bool:
        return ids[-1] == 2

    def decode(self, ids: list[int]) -> str:
        return " ".join(map(str, ids))


def test_an_answer_that_is_put_off_goes_on_where_it_was(tmp_path: Path) -> None:
    save("T5", tmp_path / "base")
    base = load_base(settings("T5", tmp_path / "base"), CPU, FP32)
    engine = exact_engine(base, settings("T5", tmp_path / "base"), INFER, PROMPTS)
    questions = [Question(str(n), "open", ids) for n, ids in enumerate(PROMPTS)]
    answers = []
    for usual in ({}, {"open": 3}):
        answerer = Answerer(engine, Encoder(), {}, usual, NEW)  # type: ignore[arg-type]
        answers.append({q.id: a for q, a in answerer.answer(questions)})
    assert answers[0] == answers[1]
    assert max(answer.tokens for answer in answers[0].values()) > 3


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
def test_quantised_bases_answer(tmp_path: Path, quantization: str) -> None:
    save("T5", tmp_path / "base")
    given = settings("T5", tmp_path / "base", quantization=quantization)
    engine = load_engine(given, INFER, adapter("T5", tmp_path), PROMPTS)
    assert len(dict(engine.generate([Request(ids, 3) for ids in PROMPTS]))) == len(PROMPTS)
    for _, values in engine.score(PROMPTS, Candidates(WORDS)):
        assert sum(Candidates(WORDS).probabilities(values).values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("dtype", "quantization", "engine", "merged"),
    [
        (FP32, "none", "torch", True),
        (FP32, "none", "plain", False),
        (torch.bfloat16, "none", "torch", False),
        (FP32, "nf4", "torch", False),
    ],
)
def test_an_adapter_is_merged_where_hardly_anything_is_rounded(
    tmp_path: Path, dtype: torch.dtype, quantization: str, engine: str, merged: bool
) -> None:
    save("T5", tmp_path / "base")
    given = settings("T5", tmp_path / "base", quantization=quantization)
    causal = load_adapter(load_base(given, CPU, dtype), adapter("T5", tmp_path))
    layers = [layer for layer in causal.modules() if isinstance(layer, LoraLayer)]
    before = [layer.get_base_layer().weight.clone() for layer in layers]
    infer = INFER.model_copy(update={"engine": engine})
    found = exact_engine(causal, given, infer, PROMPTS)
    assert {layer.merged for layer in layers} == {merged}
    found.release()
    assert not any(layer.merged for layer in layers)
    if merged:
        after = [layer.get_base_layer().weight for layer in layers]
        torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)


def test_vllm_is_refused(tmp_path: Path) -> None:
    save("T5", tmp_path)
    infer = INFER.model_copy(update={"engine": "vllm"})
    with pytest.raises(InputError, match=r"infer.engine is vllm, but .* is encoder-decoder"):
        load_engine(settings("T5", tmp_path), infer, None, PROMPTS)


def test_an_adapter_is_one_of_a_sequence_to_sequence_model(tmp_path: Path) -> None:
    save("T5", tmp_path / "base")
    place = adapter("T5", tmp_path)
    model = load_adapter(load_base(settings("T5", tmp_path / "base"), CPU, FP32), place)
    assert type(model).__name__ == "PeftModelForSeq2SeqLM"
