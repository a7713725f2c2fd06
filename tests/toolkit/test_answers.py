"""Reading answers strictly, and counting what could not be read."""

import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.toolkit.answers import AnswerParser, Labels, normalised, parse_numbers, yes_no


@pytest.mark.parametrize(
    "answer", ["sì", "Sì", "SI", "si.", " «sì» ", "si\u0300", "s\u00ec\n", "si'"]
)
def test_forgiven_spellings_of_yes(answer: str) -> None:
    assert yes_no("a", "b").parse(answer) == "a"


@pytest.mark.parametrize("answer", ["", "sì no", "sìì", "certo", "s ì", "non", "[BREL]", "UNK"])
def test_anything_else_is_not_read(answer: str) -> None:
    assert yes_no(1, 0).parse(answer) is None


def test_labels_are_written_and_read_as_wholes() -> None:
    labels = Labels({2: "Terra Piatta", 0: "Covid"})
    assert labels.write(2) == "Terra Piatta"
    assert labels.parse("terra  piatta!") == 2
    assert labels.parse("Terra") is None
    assert labels.parse("Covid Terra Piatta") is None
    with pytest.raises(ValueError, match="same answer"):
        Labels({0: "sì", 1: "Si"})


@given(st.text())
def test_normalising_twice_changes_nothing_more(answer: str) -> None:
    once = normalised(answer)
    assert normalised(once) == once
    assert once == once.strip()


@given(st.text() | st.text("e\u0301\u0300\u0f73\u0344\u0323İ가ﬁ\u1e9b a"))
def test_accents_are_those_of_the_canonical_decomposition(answer: str) -> None:
    """Of the whole text, which Python makes in quadratic time."""
    bare = unicodedata.normalize("NFD", answer.casefold())
    letters = "".join(c for c in bare if not unicodedata.combining(c))
    around = string.punctuation + string.whitespace + "«»“”‘’…"
    assert normalised(answer) == " ".join(letters.split()).strip(around)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("3.50 2 1,25", (3.5, 2.0, 1.25)),
        (" 3.5\n2  -1 ", (3.5, 2.0, -1.0)),
        ("3.5 2", None),
        ("3.5 2 1 0", None),
        ("3.5 2 nan", None),
        ("3.5 2 1e5", None),
        ("3.5 2 1.", None),
        ("3.5 2 ٣", None),
        ("1" * 400 + " 2 3", None),
    ],
)
def test_numbers(answer: str, numbers: tuple[float, ...] | None) -> None:
    assert parse_numbers(answer, 3) == numbers


def test_the_reader_counts_and_wants_every_answer_once() -> None:
    answers = {"a:1": "sì", "a:2": "boh", "b:1": "no"}
    parser = AnswerParser(answers, Path("raw"))
    labels = yes_no(1, 0)
    assert parser.parse("a", "a:1", labels.parse, 0) == 1
    assert parser.parse("a", "a:2", labels.parse, 7) == 7
    with pytest.raises(InputError, match=r"answers to b:1 \(1 in all\), which are not in the test"):
        parser.finish()
    parser.count("b", parsed=bool(parser.answer("b:1")), fallback=False)
    with pytest.raises(InputError, match="no answer to b:1"):
        parser.answer("b:1")
    tallies = {k: (t.rows, t.unparsable, t.fallback) for k, t in parser.finish().items()}
    assert tallies == {"a": (2, 1, 1), "b": (1, 0, 0)}
