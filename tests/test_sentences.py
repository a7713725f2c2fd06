"""Italian sentences by rule."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stages.sentences import sentences


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


@settings(deadline=None)
@given(st.text(st.sampled_from("aB1 .!?\n\t«»(è"), max_size=60))
def test_only_white_space_lies_between_sentences(text: str) -> None:
    end = 0
    for sentence in sentences(text):
        assert text[end : sentence.start].strip() == ""
        assert text[sentence.start : sentence.end].strip() == text[sentence.start : sentence.end]
        assert sentence.tokens > 0
        end = sentence.end
    assert text[end:].strip() == ""
