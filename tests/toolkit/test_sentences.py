"""Italian and Spanish sentences by rule."""

from functools import cache
from itertools import accumulate
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from stages.toolkit.sentences import Language, _splitter, opening, sentences


def split(text: str) -> list[str]:
    return [text[s.start : s.end] for s in sentences(text)]


def test_splits_at_full_stops_question_and_exclamation_marks() -> None:
    assert split("Era stabile. Perché? Non si sa!  Fine.") == [
        "Era stabile.",
        "Perché?",
        "Non si sa!",
        "Fine.",
    ]


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    text = (
        "La ricerca di C.d. risulta positiva e la bil. tot. da 1,71 sale a circa Kg. 20. Dimessa."
    )
    assert split(text) == [text.removesuffix(" Dimessa."), "Dimessa."]


@given(st.text(st.sampled_from("aB1 .!?\n\t«»(è"), max_size=60))
def test_only_white_space_lies_between_sentences(text: str) -> None:
    end = 0
    for sentence in sentences(text):
        assert text[end : sentence.start].strip() == ""
        assert text[sentence.start : sentence.end].strip() == text[sentence.start : sentence.end]
        assert sentence.tokens > 0
        end = sentence.end
    assert text[end:].strip() == ""


def split_spanish(text: str) -> list[str]:
    return [text[s.start : s.end] for s in sentences(text, "es")]


def test_opening_marks_belong_to_the_sentence_that_they_open() -> None:
    text = "Hola. ¿Qué tal? ¡¿Cómo?! Vale. ¡Sí!"
    assert split_spanish(text) == ["Hola.", "¿Qué tal?", "¡¿Cómo?!", "Vale.", "¡Sí!"]
    assert [s.tokens for s in sentences(text, "es")] == [2, 4, 5, 2, 3]


def test_an_opening_ends_with_a_sentence() -> None:
    text = "\nUno due.  Tre\nquattro cinque. Sei sette."
    assert opening(text, 100) == "Uno due. Tre quattro cinque. Sei sette."
    assert opening(text, 10) == "Uno due. Tre quattro cinque. Sei sette."
    assert opening(text, 9) == "Uno due. Tre quattro cinque."
    assert opening(text, 7) == "Uno due. Tre quattro cinque."
    assert opening(text, 6) == "Uno due."


def test_a_first_sentence_that_is_too_long_is_cut_within() -> None:
    assert opening("Uno, due\n tre quattro. Cinque.", 4) == "Uno, due tre"


@given(
    st.text(st.sampled_from("aB1 .!?\n¿¡(è"), max_size=60),
    st.integers(1, 12),
    st.sampled_from(["it", "es"]),
)
def test_an_opening_keeps_the_limit_and_is_never_empty(
    text: str, limit: int, language: Language
) -> None:
    cut = opening(text, limit, language)
    whole = " ".join(text.split())
    assert whole.startswith(cut)
    assert bool(cut) == bool(whole)
    found = sentences(whole, language)
    tokens = list(accumulate(sentence.tokens for sentence in found))
    kept = sum(total <= limit for total in tokens)
    if kept:
        assert len(cut) == found[kept - 1].end
    elif found:
        assert len(cut) < found[0].end


@cache
def spacys_own(language: Language) -> Any:
    import spacy

    return spacy.blank(language).tokenizer


PUNCTUATED = st.lists(
    st.sampled_from(
        ["...", ".", "10km", "10°C.", "l'", "5%", "(", "]", '"', "«", "ecc.", "Sig.", ":-)", "'50"]
        + ["http://a.it/b(c)", "a.b", "U.S.A.", "1990s", "😀", "--", "€5", "m²", "¿", " ", "\n"]
    ),
    max_size=12,
).map("".join)


@example("([{" * 40 + "." * 99 + ")" * 60 + '"', "it")
@given(PUNCTUATED | st.text(max_size=30), st.sampled_from(["it", "es"]))
def test_tokens_are_those_of_spacy(text: str, language: Language) -> None:
    """Although punctuation is looked for at the ends of words alone."""
    own, spacys = _splitter(language).tokenizer(text), spacys_own(language)(text)
    assert [(token.text, token.idx) for token in own] == [(t.text, t.idx) for t in spacys]
