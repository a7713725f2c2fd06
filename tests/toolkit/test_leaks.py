"""Leaks: which texts count as equal, documents and pairs, counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.toolkit.leaks import RUN, count_leaks, find_leaks, words
from stages.toolkit.records import Example
from tests.helpers.cases import cases


def example(identifier: str, text: str) -> Example:
    return Example(identifier, identifier.partition(":")[0].partition("@")[0], text, "no")


def leaking(train: str, *test: str) -> bool:
    """Whether a training text leaks beside some test texts."""
    tested = [example(f"b:{i}", text) for i, text in enumerate(test)]
    return "a:1" in find_leaks({"train": [example("a:1", train)], "dev": [], "test": tested})


LONG = " ".join(f"parola{i}" for i in range(RUN + 5))


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Perché no?", "PERCHÉ  NO!!!"),
        ("Perche\u0301 no", "perché no"),  # a composed letter and one of two characters
        ("ﬁne del mondo", "fine del mondo"),
        ("RT @user: l'acqua 🙂 https://t.co/ab1", "l'acqua [URL]"),
        ("[USER] buongiorno", "@12345 buongiorno"),
        ("🙂🙂", " 🙂🙂\n"),
        ("Uno. [SEP] Due.", "due [SEP] uno"),
        ("la [BT1] rete [ET1] [SEP] in [BT2] rete [ET2] .", "in rete [sep] la rete"),
        (f"{LONG} e poi [SEP] Due.", f"due [SEP] {LONG} e poi"),
        (LONG, f"Dunque: {LONG}!"),  # within a longer text
    ],
)
def test_copies_leak_whatever_tells_them_apart(train: str, test: str) -> None:
    assert leaking(train, "altro", test)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Perché no?", "Perché sì?"),
        ("perche", "perché"),
        ("🙂🙂", "🙁"),
        ("Uno. [SEP] Due.", "due [SEP] tre"),
        ("Uno. [SEP] Uno.", "uno"),
        ("poche parole", "ecco poche parole"),  # a short text within another is chance
        (f"{LONG} davvero", LONG),
        (LONG, LONG.replace("parola9", "altra")),
    ],
)
def test_other_texts_do_not(train: str, test: str) -> None:
    assert not leaking(train, "altro", test)


def test_a_document_is_known_wherever_it_is_cut() -> None:
    cut = LONG.index("parola7")
    assert leaking(LONG, LONG[:cut], LONG[cut:])
    assert not leaking(LONG, LONG[cut:], LONG[:cut])


def test_what_is_learnt_and_tested_in_the_same_splits_is_no_leak() -> None:
    """Two sub-tasks may ask about the same posts."""
    texts = {"train": "uno", "dev": "due", "test": "tre"}
    by_split = {s: [example("a:" + s, t), example("b:" + s, t)] for s, t in texts.items()}
    assert find_leaks(by_split) == {}


def test_counts_are_by_both_subtasks_and_by_split() -> None:
    by_split = {
        "train": [example("a:1", "Uno"), example("a:2", "due"), example("a@lecture:3", "uno")],
        "dev": [example("b:4", "uno")],
        "test": [example("a:5", "uno"), example("b:6", "UNO"), example("b:7", "due!")],
    }
    leaks = find_leaks(by_split)
    both = {"a", "b"}
    assert leaks == {"a:1": both, "a:2": {"b"}, "a@lecture:3": both, "b:4": both}
    assert count_leaks(by_split, leaks) == {
        "a": {"a": {"train": 1}, "a@lecture": {"train": 1}, "b": {"dev": 1}},
        "b": {"a": {"train": 2}, "a@lecture": {"train": 1}, "b": {"dev": 1}},
    }


@cases(30)
@given(text=st.text(min_size=1))
def test_any_text_has_words_by_which_it_is_known(text: str) -> None:
    assert words(text) == words(f" {text}\n")
    assert words(text) or not text.strip()
