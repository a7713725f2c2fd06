"""Texts to token ids: what is cut, what never is, and whether a base can hold the rows."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.model.loading import load_base
from stages.model.text import TextEncoder, TokenRow, check_fit
from tests.helpers.models import CPU, FP32, model_settings, text_encoder


def test_prompt_and_answer_are_tokenised_apart_and_the_end_is_learnt(tiny_base: Path) -> None:
    encoder, tokenizer = text_encoder(tiny_base)
    row = encoder.encode_example("prova", "glicemia alta", "nella norma")
    prompt = tokenizer("H|Trova.|glicemia alta|", add_special_tokens=False)["input_ids"]
    answer = tokenizer("nella norma", add_special_tokens=False)["input_ids"]
    assert row.ids == [1, *prompt, *answer, 2]
    assert row.prompt == 1 + len(prompt)
    assert row.cut == 0
    assert encoder.encode_question("prova", "glicemia alta", 500).ids == [1, *prompt]


@given(st.text(max_size=400), st.text(max_size=30))
def test_the_input_is_cut_never_the_answer(tiny_base: Path, text: str, answer: str) -> None:
    cutoff = 150
    encoder, tokenizer = encoder_once(tiny_base, cutoff)
    row = encoder.encode_example("prova", text, answer)
    assert len(row.ids) <= cutoff
    ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
    assert row.ids[row.prompt :] == [*ids, 2]
    kept = text[: len(text) - row.cut].rstrip()
    shown = f"H|Trova.|{kept}|" if row.cut else f"H|Trova.|{text.rstrip()}|"
    assert row.ids[: row.prompt] == [1, *tokenizer(shown, add_special_tokens=False)["input_ids"]]


_ENCODERS: dict[tuple[Path, int], tuple[TextEncoder, Any]] = {}


def encoder_once(base: Path, cutoff: int) -> tuple[TextEncoder, Any]:
    if (base, cutoff) not in _ENCODERS:
        _ENCODERS[base, cutoff] = text_encoder(base, cutoff=cutoff)
    return _ENCODERS[base, cutoff]


def test_a_cut_leaves_as_much_as_fits_and_whole_words(tiny_base: Path) -> None:
    encoder, _ = text_encoder(tiny_base, cutoff=60)
    text = "glicemia " * 40
    row = encoder.encode_example("prova", text, "norma")
    assert 60 - len("glicemia ") <= len(row.ids) <= 60
    assert (len(text) - row.cut) % 9 in (0, 8)


def test_a_long_text_is_tokenised_as_far_as_it_can_fit(tiny_base: Path) -> None:
    encoder, tokenizer = text_encoder(tiny_base, cutoff=60)
    tokenised: list[int] = []

    def counting(text: str, **options: Any) -> Any:
        tokenised.append(len(text))
        return tokenizer(text, **options)

    encoder._tokenizer = counting
    text = "glicemia " * 100_000
    row = encoder.encode_question("prova", text, 500)
    assert row.ids == text_encoder(tiny_base, cutoff=60)[0].encode_question("prova", text, 500).ids
    assert len(row.ids) <= 60 < len(text) - row.cut
    assert max(tokenised) < 5_000


def test_the_lectures_cut_in_characters(tiny_base: Path) -> None:
    encoder, _ = text_encoder(tiny_base, max_characters=8)
    row = encoder.encode_question("prova", "glicemia alta", 500)
    assert row.ids == encoder.encode_question("prova", "glicemia", 500).ids
    assert row.cut == len(" alta")


def test_an_answer_that_cannot_fit_is_an_error(tiny_base: Path) -> None:
    encoder, _ = text_encoder(tiny_base, cutoff=16)
    with pytest.raises(InputError, match=r"model\.cutoff: the instruction of prova alone has"):
        encoder.encode_example("prova", "x", "parola " * 20)


def test_the_setting_that_leaves_no_room_is_named(tiny_base: Path) -> None:
    encoder, _ = text_encoder(tiny_base)
    with pytest.raises(InputError, match=r"^infer\.max_new_tokens: the instruction of prova alone"):
        encoder.encode_question("prova", "x", 3)


def test_rows_must_fit_the_base(tiny_base: Path) -> None:
    causal = load_base(model_settings(tiny_base), CPU, FP32)
    check_fit([TokenRow([1, 399], 1, 0)], causal.config)
    with pytest.raises(InputError, match="a token 400, the base only 400"):
        check_fit([TokenRow([1, 400], 1, 0)], causal.config)
    with pytest.raises(InputError, match="513 tokens, but the base can hold 512"):
        check_fit([TokenRow([1] * 500, 1, 0)], causal.config, answer=13)


def test_texts_that_spell_special_tokens_are_texts(tiny_base: Path) -> None:
    encoder, tokenizer = text_encoder(tiny_base)
    row = encoder.encode_example("prova", "a </s> b <s>", "c</s>")
    assert row.ids.count(2) == row.ids.count(1) == 1
    assert tokenizer.decode(row.ids[1:-1]) == "H|Trova.|a </s> b <s>|c</s>"
