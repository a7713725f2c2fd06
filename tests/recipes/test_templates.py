"""Sentences from templates."""

import random

import pytest

from recipes.sample.templates import Filler, distinct


def test_slots_are_filled_also_those_of_words() -> None:
    filler = Filler(random.Random(1), {"chi": ["{nome} B."], "nome": ["Ada", "Ugo"]})
    assert {filler.one_of(["{chi} dorme"]) for _ in range(20)} == {"Ada B. dorme", "Ugo B. dorme"}


def test_texts_differ_from_one_another_and_from_those_before() -> None:
    draw = iter("aabbaccd")
    seen = {"b"}
    assert distinct(3, lambda: next(draw), seen) == ["a", "c", "d"]
    assert seen == {"a", "b", "c", "d"}
    with pytest.raises(ValueError, match="only 0 of 1"):
        distinct(1, lambda: "a", seen)
