"""Places of mentions."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.forms.mentions import (
    Markers,
    Span,
    is_word,
    loose_occurrences,
    occurrences,
    parse_mark,
    with_mark,
)
from stages.forms.places import Places, TextPlaces, TokenPlaces, only
from stages.toolkit.limits import MENTIONS
from stages.toolkit.spans import place_in_order


def test_finds_every_place_overlapping_ones_too() -> None:
    assert list(occurrences("aaa a", "aa", Span(0, 5))) == [Span(0, 2), Span(1, 3)]
    assert list(occurrences("98% e 98%", "98%", Span(1, 9))) == [Span(6, 9)]
    assert list(occurrences("98%", "98%", Span(0, 2))) == []


def test_loosely_case_and_white_space_do_not_matter() -> None:
    text = "Nei  Limiti\u00a0della NORMA (v.n.)"

    def found(mention: str) -> list[Span]:
        return list(loose_occurrences(text, mention, Span(0, len(text))))

    assert found("nei limiti della norma") == [Span(0, 23)]
    assert found("(V.N.)") == [Span(24, 30)]
    assert found(" ") == []


def exact(text: str, mention: str, *, words: bool = False) -> list[Span]:
    return list(TextPlaces(text).exact(mention, words=words))


def folded(text: str, mention: str, *, words: bool = False) -> list[Span]:
    return list(TextPlaces(text).folded(mention, words=words))


def test_exact_places_are_those_between_all_characters_or_between_words() -> None:
    assert exact("aaa a", "aa") == [Span(0, 2), Span(1, 3)]
    assert exact("aaa a", "a", words=True) == [Span(4, 5)]
    assert exact("a-ab a", "a", words=True) == [Span(0, 1), Span(5, 6)]
    assert exact("a", "") == exact("", "a") == exact("", "", words=True) == []


def test_folded_places_are_places_in_the_text_itself() -> None:
    text = "İİ  Un\u00a0 PAVONE"
    assert folded(text, "un  pavone") == folded(text, "un pavone", words=True) == [Span(4, 14)]
    assert folded(text, text.lower()) == [Span(0, 14)]
    assert folded("ß SS s", "ss") == [Span(0, 1), Span(2, 4)]
    assert folded("ß Ss", "s") == [Span(2, 3), Span(3, 4)]  # not half of ß
    assert folded("AAA", "aa") == [Span(0, 2), Span(1, 3)]
    assert folded("Un PUNTO un", "UN", words=True) == [Span(0, 2), Span(9, 11)]
    assert folded(" a", " ") == folded("", "a") == []


@given(st.text("aAß İ\n\u00a0", max_size=9))
def test_every_part_of_a_text_is_found(text: str) -> None:
    for start, end in combinations(range(len(text) + 1), 2):
        if part := text[start:end].strip():
            place = Span(text.index(part, start), text.index(part, start) + len(part))
            assert place in exact(text, part)
            assert (place in exact(text, part, words=True)) == is_word(text, place)
            for written in (part, part.lower(), part.casefold(), " ".join(part.split())):
                assert place in folded(text, written)
                assert (place in folded(text, written, words=True)) == is_word(text, place)


def test_places_are_found_as_far_as_is_asked_for() -> None:
    asked = []

    def find(start: int) -> Span | None:
        asked.append(start)
        return Span(start, start + 1) if start < 5 else None

    places = Places(find)
    assert places.first(3) == places.first(3) == Span(3, 4)
    assert (places.first(7), places.first(9), places.first(5)) == (None, None, None)
    assert asked == [3, 7, 5]
    assert places.numbered(2) == Span(1, 2)
    assert places.number(Span(1, 2)) == 2
    assert places.numbered(0) is places.numbered(-1) is places.numbered(6) is None
    assert list(places.where(lambda place: place.start % 2 == 1)) == [Span(1, 2), Span(3, 4)]
    assert places and not places.where(lambda place: False)
    assert list(only(Span(4, 5))) == [Span(4, 5)]


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
    tokens = TokenPlaces(["d'", "Italia", "o", "d'Italia", "o", "10\u00a0000"])
    assert list(tokens.exact("d' Italia")) == [Span(0, 2), Span(3, 4)]
    assert list(tokens.exact("d'Italia o")) == [Span(0, 3), Span(3, 5)]
    assert list(tokens.exact("10 000")) == [Span(5, 6)]
    assert not tokens.exact("Ital") and not tokens.exact(" ") and not tokens.exact("D'Italia")
    assert list(tokens.folded("D'ITALIA")) == [Span(0, 2), Span(3, 4)]
    assert list(TokenPlaces(["a", "a", "a"]).exact("a a")) == [Span(0, 2), Span(1, 3)]


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
    places = TextPlaces("a " * (MENTIONS + 9))
    placed = place_in_order(["a"] * (MENTIONS + 9), places.exact)
    assert placed[:MENTIONS] == [Span(2 * n, 2 * n + 1) for n in range(MENTIONS)]
    assert placed[MENTIONS:] == [None] * 9


def listed(spans: list[Span]) -> Places:
    return Places(lambda start: next((span for span in spans if span.start >= start), None))


places = st.sets(st.integers(0, 7), max_size=3).map(sorted)


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=12))
def test_a_mention_that_comes_again_is_placed_as_often_as_possible(
    mentions: list[str], tokens: list[str]
) -> None:
    """Against the length of a longest common subsequence, by its textbook recursion."""
    longest = [[0] * (len(tokens) + 1) for _ in range(len(mentions) + 1)]
    for i, mention in enumerate(mentions):
        for j, token in enumerate(tokens):
            if mention == token:
                longest[i + 1][j + 1] = longest[i][j] + 1
            else:
                longest[i + 1][j + 1] = max(longest[i][j + 1], longest[i + 1][j])
    placed = [place for place in place_in_order(mentions, TokenPlaces(tokens).exact) if place]
    ascending = max(
        (
            size
            for size in range(len(placed) + 1)
            if any(list(c) == sorted(c) for c in combinations(placed, size))
        ),
        default=0,
    )
    assert ascending == longest[-1][-1]


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
    found = place_in_order(range(len(options)), lambda i: listed(options[i]))
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
