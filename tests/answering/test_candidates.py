"""Closed sets of answers: where they fork, which is best, and the probability of each."""

import math

import pytest

from stages.answering.candidates import Candidates
from stages.common.command import InputError
from tests.helpers.answers import END, WORDS


def test_answers_fork_where_they_part() -> None:
    assert Candidates(WORDS).forks == [((), (5, 6)), ((6,), (END, 7)), ((6, 7), (8, 9))]
    assert Candidates({"sì": [5, END]}).forks == []
    assert Candidates(WORDS).tokens("non so") == 4


def test_the_answer_is_found_fork_by_fork() -> None:
    """Not the likeliest as a whole: sì has 0.4, the others 0.3, 0.15 and 0.15."""
    logits = [[math.log(0.4), math.log(0.6)], [0.0, 0.0], [1.0, 1.0]]
    candidates = Candidates(WORDS)
    assert candidates.best(logits) == "no"  # of equal tokens the first, as argmax has it
    assert candidates.probabilities(logits) == pytest.approx(
        {"sì": 0.4, "no": 0.3, "non so": 0.15, "non io": 0.15}
    )
    assert candidates.best([[0.0, 1.0], [0.0, 800.0], [-800.0, 0.0]]) == "non io"
    assert candidates.best([[1.0, 0.0], [0.0, 8.0], [0.0, 9.0]]) == "sì"


def test_an_only_answer_is_certain() -> None:
    candidates = Candidates({"sì": [5, END]})
    assert (candidates.best([]), candidates.probabilities([])) == ("sì", {"sì": 1.0})


def test_answers_of_the_same_tokens_are_refused() -> None:
    with pytest.raises(InputError, match="sì, si: the tokenizer gives two of them the same tokens"):
        Candidates({"sì": [5, END], "si": [5, END]})
