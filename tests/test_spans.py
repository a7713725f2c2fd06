"""Places of mentions."""

import pytest

from stages.spans import Span, is_word, loose_occurrences, occurrences


def test_finds_every_place_overlapping_ones_too() -> None:
    assert occurrences("aaa a", "aa", Span(0, 5)) == [Span(0, 2), Span(1, 3)]
    assert occurrences("98% e 98%", "98%", Span(1, 9)) == [Span(6, 9)]
    assert occurrences("98%", "98%", Span(0, 2)) == []


def test_loosely_case_and_white_space_do_not_matter() -> None:
    text = "Nei  Limiti\u00a0della NORMA (v.n.)"
    assert loose_occurrences(text, "nei limiti della norma", Span(0, len(text))) == [Span(0, 23)]
    assert loose_occurrences(text, "(V.N.)", Span(0, len(text))) == [Span(24, 30)]
    assert loose_occurrences(text, " ", Span(0, len(text))) == []


@pytest.mark.parametrize(
    ("text", "mention", "expected"),
    [
        ("Hb 98%", "98%", True),
        ("HbA1c", "Hb", False),
        ("x98%", "98%", False),
        ("98%è", "98%", True),
        ("(-)", "(-)", True),
        ("3,2", "2", True),
        ("gayà", "gay", False),
    ],
)
def test_words_do_not_begin_or_end_inside_words(text: str, mention: str, expected: bool) -> None:
    start = text.index(mention)
    assert is_word(text, Span(start, start + len(mention))) is expected


def test_gap_and_overlap() -> None:
    assert Span(0, 2).gap(Span(5, 6)) == Span(5, 6).gap(Span(0, 2)) == 3
    assert Span(0, 2).gap(Span(2, 3)) == Span(0, 4).gap(Span(2, 3)) == 0
    assert Span(0, 3).overlaps(Span(2, 5))
    assert not Span(0, 2).overlaps(Span(2, 5))
