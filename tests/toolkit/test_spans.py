"""Places of mentions."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.toolkit.limits import MENTIONS
from stages.toolkit.spans import (
    Markers,
    Span,
    first_from,
    folded_occurrences,
    is_word,
    loose_occurrences,
    occurrences,
    parse_mark,
    place_in_order,
    token_occurrences,
    with_mark,
)


def test_finds_every_place_overlapping_ones_too() -> None:
    assert occurrences("aaa a", "aa", Span(0, 5)) == [Span(0, 2), Span(1, 3)]
    assert occurrences("98% e 98%", "98%", Span(1, 9)) == [Span(6, 9)]
    assert occurrences("98%", "98%", Span(0, 2)) == []


def test_loosely_case_and_white_space_do_not_matter() -> None:
    text = "Nei  Limiti\u00a0della NORMA (v.n.)"
    assert loose_occurrences(text, "nei limiti della norma", Span(0, len(text))) == [Span(0, 23)]
    assert loose_occurrences(text, "(V.N.)", Span(0, len(text))) == [Span(24, 30)]
    assert loose_occurrences(text, " ", Span(0, len(text))) == []


def test_folded_places_are_places_in_the_text_itself() -> None:
    text = "İİ  Un\u00a0 PAVONE"
    assert folded_occurrences(text, "un  pavone") == [Span(4, 14)]
    assert folded_occurrences(text, text.lower()) == [Span(0, 14)]
    assert folded_occurrences("ß SS s", "ss") == [Span(0, 1), Span(2, 4)]
    assert folded_occurrences("ß Ss", "s") == [Span(2, 3), Span(3, 4)]  # not half of ß
    assert folded_occurrences("AAA", "aa") == [Span(0, 2), Span(1, 3)]
    assert folded_occurrences(" a", " ") == folded_occurrences("", "a") == []


@given(st.text("aAß İ\n\u00a0", max_size=9))
def test_every_part_of_a_text_is_found_folded(text: str) -> None:
    for start, end in combinations(range(len(text) + 1), 2):
        if part := text[start:end].strip():
            place = Span(text.index(part, start), text.index(part, start) + len(part))
            for written in (part, part.lower(), part.casefold(), " ".join(part.split())):
                assert place in folded_occurrences(text, written)


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


def test_mentions_in_tokens_do_not_depend_on_white_space() -> None:
    tokens = ["d'", "Italia", "o", "d'Italia", "o", "10\u00a0000"]
    assert token_occurrences(tokens, "d' Italia") == [Span(0, 2), Span(3, 4)]
    assert token_occurrences(tokens, "d'Italia o") == [Span(0, 3), Span(3, 5)]
    assert token_occurrences(tokens, "10 000") == [Span(5, 6)]
    assert token_occurrences(tokens, "Ital") == token_occurrences(tokens, " ") == []
    assert token_occurrences(["a", "a", "a"], "a a") == [Span(0, 2), Span(1, 3)]


def test_markers_part_mentions_and_may_stand_in_them() -> None:
    markers = Markers("PER", "LOC")
    assert markers.split("x [per] a [LOC][ORG] b") == ("x ", [("PER", " a "), ("LOC", "[ORG] b")])
    assert markers.split("nothing") == ("nothing", [])
    assert markers.split("[[[x[[PER]y[[loc]") == ("[[[x[PER]y[loc]", [])
    for mention in ("[PER]", "[[loc] x", "[PER", "PER]", "[ PER ]", "[PER][LOC]"):
        assert markers.split(f"[LOC]{markers.escape(mention)}") == ("", [("LOC", mention)])


def test_marks_part_from_mentions() -> None:
    assert with_mark("Roma", 2) == "Roma [2]"
    assert parse_mark("Roma [2]") == ("Roma", 2)
    assert parse_mark("a\nb [2] [-1]") == ("a\nb [2]", -1)
    for unmarked in ("Roma", "Roma[2]", "[2]", " [2]", "Roma [2] ", "Roma [+2]", "Roma [٢]"):
        assert parse_mark(unmarked) == (unmarked, None)


def test_mentions_beyond_the_limit_are_not_placed() -> None:
    text = "a " * (MENTIONS + 9)
    placed = place_in_order(["a"] * (MENTIONS + 9), lambda m: occurrences(text, m, Span(0, 9999)))
    assert placed[:MENTIONS] == [Span(2 * n, 2 * n + 1) for n in range(MENTIONS)]
    assert placed[MENTIONS:] == [None] * 9


def test_the_first_place_from_an_offset_on() -> None:
    places = [Span(1, 3), Span(4, 5)]
    assert [first_from(places, start) for start in (0, 1, 2, 5)] == [
        *places[:1] * 2,
        places[1],
        None,
    ]
    assert first_from([], 0) is None


places = st.sets(st.integers(0, 7), max_size=3).map(sorted)


@given(st.integers(1, 2), st.lists(places, max_size=5))
def test_as_many_mentions_as_possible_are_placed_in_order(
    length: int, starts: list[list[int]]
) -> None:
    """Against all choices of mentions, each set placed from left to right."""
    options = [[Span(s, s + length) for s in each] for each in starts]
    best: list[Span | None] = []
    for size in reversed(range(len(options) + 1)):
        fits = []
        for chosen in combinations(range(len(options)), size):
            cursor, placed = 0, {}
            for i in chosen:
                placed[i] = next((p for p in options[i] if p.start >= cursor), None)
                cursor = placed[i].end if placed[i] else 99
            if None not in placed.values():
                fits.append((cursor, [placed.get(i) for i in range(len(options))]))
        if fits:
            best = min(fits, key=lambda fit: fit[0])[1]
            break
    found = place_in_order(range(len(options)), options.__getitem__)
    taken = [p for p in found if p]
    assert not any(a.overlaps(b) for a, b in combinations(taken, 2))
    ascending = sum(p is not None for p in best)
    if ascending == len(options):
        assert found == best
    assert len(taken) >= ascending
    for i, place in enumerate(found):
        assert (
            place in options[i]
            if place
            else not set(options[i]) - {p for p in options[i] if any(p.overlaps(t) for t in taken)}
        )
