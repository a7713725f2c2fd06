"""The gazetteer: entries of the three formats, where they stand, and which are left out."""

import pytest

from stages.linear.gazetteer import Gazetteer
from stages.linear.kinds import fit
from stages.tasks import clinkart


def answers(pairs: list[tuple[str, str]], *texts: str) -> list[str]:
    inputs, outputs = zip(*pairs, strict=True)
    return [answer.text for answer in Gazetteer(inputs, outputs).answer(texts)]


NAMES = [
    ("Ada vive a Roma", "[PER] Ada [LOC] Roma"),
    ("piove a Nuova Roma", "[LOC] Nuova Roma"),
    ("piove", "nessuna"),
    ("nevica", "nessuna"),
]


def test_names_are_found_in_order_the_longest_first_and_as_whole_words() -> None:
    assert answers(
        NAMES, "A Roma, Ada ride: Roma!", "Nuova Roma è lontana", "Adamo, Romano", ""
    ) == ["[LOC] Roma [PER] Ada [LOC] Roma", "[LOC] Nuova Roma", "nessuna", "nessuna"]


def test_records_of_several_phrases_need_them_all() -> None:
    records = [
        ("Hb 3 e PCR 7", "[BREL] 3 [SEP] Hb [EREL] [BREL] 7 [SEP] PCR [EREL]"),
        ("sta bene", "[NOREL]"),
    ]
    assert answers(records, "PCR 7, Hb 4", "7, 3 Hb", "Hb") == [
        "[BREL] 7 [SEP] PCR [EREL]",
        "[BREL] 3 [SEP] Hb [EREL]",
        "[NOREL]",
    ]


def test_phrases_without_a_marker_before_them_are_joined_as_in_training() -> None:
    spans = [("sei un cavolo lesso, un fungo", "cavolo lesso [gap] fungo"), ("ciao", "nessuna")]
    assert answers(spans, "fungo e cavolo lesso", "cavolo", "un fungo") == [
        "fungo [gap] cavolo lesso",
        "nessuna",
        "fungo",
    ]


def test_what_was_mostly_no_entry_is_none() -> None:
    rosa = [("Rosa ride", "[PER] Rosa"), ("una rosa", "nessuna"), ("Rosa rossa", "nessuna")]
    assert answers([*rosa, ("Rosa e via", "nessuna")], "Rosa", "rosa") == ["nessuna", "nessuna"]


@pytest.mark.parametrize("number", range(2))
def test_a_mention_of_two_kinds_is_given_the_more_frequent_one(number: int) -> None:
    kinds = ["[LOC] Milan", "[ORG] Milan"]
    more, less = kinds[number], kinds[1 - number]
    pairs = [
        ("Milan vince", more),
        ("a Milan", more),
        ("Milan perde", less),
        ("pioggia", "nessuna"),
    ]
    assert answers(pairs, "il Milan")[0] == more


def test_numbers_in_copied_records_are_entries() -> None:
    """Records of one shape with one number are no numbers in a frame of words."""
    inputs = [f"Hb {n} g/dl." for n in range(9)]
    outputs = [f"[BREL] {n} [SEP] Hb [EREL]" for n in range(9)]
    model = fit("x", inputs, outputs, clinkart.FORMS[clinkart.NAME], (), 1.0)
    assert model.answer(["Hb 3"])[0].text == "[BREL] 3 [SEP] Hb [EREL]"


@pytest.mark.parametrize("reverse", [False, True])
def test_of_equally_frequent_entries_the_first_in_training_is_given(reverse: bool) -> None:
    """Not the one that the run's hash seed puts first."""
    names = sorted((f"esame{n}" for n in range(20)), reverse=reverse)
    record = " ".join(f"[BREL] (-) [SEP] {name} [EREL]" for name in names)
    text = f"(-) {' '.join(names)}"
    assert answers([(text, record), ("niente", "[NOREL]")], text) == [
        f"[BREL] (-) [SEP] {names[0]} [EREL]"
    ]
