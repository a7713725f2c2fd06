"""Linear models: each is right where its kind of answer follows from the words."""

import re

import pytest

from stages.forms.forms import Words, one_label
from stages.linear import models
from stages.linear.kinds import fit
from tests.helpers.number_forms import number_form

ANIMALS, TOOLS = "gatto cane topo lupo orso".split(), "pala sega pinza lima chiodo".split()


def test_labels_have_the_probabilities_of_all_candidates() -> None:
    inputs = [f"un {word} bello" for word in (*ANIMALS, *TOOLS)]
    outputs = ["sì"] * 5 + ["no"] * 5
    model = models.Labels(inputs, outputs, ["mai", "sì", "no"], 0.1)
    found = model.answer(["bello il gatto", "la mia pala"])
    assert [answer.text for answer in found] == ["sì", "no"]
    for answer in found:
        assert answer.probabilities is not None
        assert list(answer.probabilities) == ["mai", "sì", "no"]
        assert answer.probabilities["mai"] == 0.0
        assert sum(answer.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        assert answer.text == max(answer.probabilities, key=answer.probabilities.__getitem__)


def test_a_rare_label_counts_as_much_as_a_frequent_one() -> None:
    inputs = [*(f"{word} qui" for word in ANIMALS * 8), "pala qui", "sega qui"]
    model = models.Labels(inputs, ["sì"] * 40 + ["no"] * 2, ["sì", "no"], 1.0)
    assert [answer.text for answer in model.answer(["una pala", "un lupo"])] == ["no", "sì"]


def test_one_label_needs_no_model() -> None:
    (answer,) = fit("x", ["a", "b"], ["no", "no"], None, ["sì", "no"], 1.0).answer(["c"])
    assert answer == ("no", {"sì": 0.0, "no": 1.0})


def test_sets_of_words_are_sorted_and_never_empty() -> None:
    inputs = [f"{a} {t}" for a in ANIMALS for t in TOOLS] + ANIMALS + TOOLS
    outputs = ["attrezzo bestia tutto"] * 25 + ["bestia tutto"] * 5 + ["attrezzo tutto"] * 5
    model = models.Words(inputs, outputs, 0.1)
    found = [answer.text for answer in model.answer(["gatto sega", "lima", "xyz"])]
    assert found[:2] == ["attrezzo bestia tutto", "attrezzo tutto"]
    assert len(found[2].split()) > 1  # the most probable word, though it is improbable


def test_numbers_follow_the_words_and_stay_in_their_range() -> None:
    amounts = {"poco": 1.0, "medio": 3.0, "molto": 5.0}
    inputs = [f"{word} {animal}" for word in amounts for animal in ANIMALS]
    outputs = [f"[x] {amounts[i.split()[0]]:.2f} {-amounts[i.split()[0]]:.1f}" for i in inputs]
    found = models.Numbers(inputs, outputs, 0.01).answer(["poco", "molto", "molto molto molto"])
    values = [[float(n) for n in answer.text.split()[1:]] for answer in found]
    assert all(re.fullmatch(r"\[x\] \d\.\d\d -\d\.\d\d", answer.text) for answer in found)
    assert values[0] == [pytest.approx(1, abs=0.5), pytest.approx(-1, abs=0.5)]
    assert values[1] == [pytest.approx(5, abs=0.5), pytest.approx(-5, abs=0.5)]
    assert all(1 <= up <= 5 and -5 <= down <= -1 for up, down in values)


def test_numbers_stand_in_the_frame_of_the_likeliest_label() -> None:
    places = {"mare": "[r] Liguria [g] 44.1 9.5", "monte": "[r] Valle d'Aosta [g] 45.7 7.3"}
    inputs = [f"{word} {animal}" for word in places for animal in ANIMALS]
    model = models.Numbers(inputs, [places[i.split()[0]] for i in inputs], 0.01)
    sea, mountain = (answer.text for answer in model.answer(["il mare", "un monte"]))
    assert re.fullmatch(r"\[r\] Liguria \[g\] 44\.\d 9\.\d", sea)
    assert re.fullmatch(r"\[r\] Valle d'Aosta \[g\] 45\.\d 7\.\d", mountain)


FORMS = {
    "labels": one_label(["sì", "no"]),
    "numbers": number_form((0.0, 9.0), decimals=1),
    "words": Words(words=["a", "b"], none="nessuna"),
}
OUTPUTS = {"labels": ["sì", "no"], "numbers": ["1.0", "2.5"], "words": ["a", "a b"]}
CANDIDATES = {"labels": ("sì", "no")}


def test_answers_of_another_form_are_not_learnt_from() -> None:
    inputs = [f"{word} qui" for word in ANIMALS]
    form = FORMS["numbers"]
    outputs = ["1.0", "nan", "3.0", "1.0 2.0", "5.0"]
    answers = fit("x", inputs, outputs, form, (), 1.0).answer(["gatto", "orso"])
    assert all(form.parse(answer.text) for answer in answers)
    assert fit("x", inputs, ["?"] * 5, form, (), 1.0).answer(["gatto"])[0].text == ""


@pytest.mark.parametrize("candidates", [(), ("sì", "no")])
def test_without_training_answers_something_valid_is_answered(candidates: tuple[str, ...]) -> None:
    (answer,) = fit("x", [], [], None, candidates, 1.0).answer(["che cosa?"])
    assert answer.text == (candidates[0] if candidates else "")
    assert answer.probabilities == ({"sì": 0.5, "no": 0.5} if candidates else None)


def test_texts_that_follow_no_rule_get_the_most_frequent_answer() -> None:
    outputs = ["Zitti", "a b c", "a b c", *(f"testo {chr(97 + n)} libero" for n in range(26))]
    model = fit("x", ["domanda"] * len(outputs), outputs, None, (), 1.0)
    assert model.answer(["altra"]) == [("a b c", None)]


@pytest.mark.parametrize("text", ["", " \n", "!", "[SEP]", "😀"])
def test_odd_inputs_are_answered(text: str) -> None:
    inputs = [f"{w} qui" for w in (*ANIMALS, *TOOLS)]
    for kind, form in FORMS.items():
        model = fit("x", inputs, OUTPUTS[kind] * 5, form, CANDIDATES.get(kind, ()), 1.0)
        assert model.answer([text])[0].text


def test_training_inputs_without_words_are_learnt_from() -> None:
    for kind, form in FORMS.items():
        model = fit("x", ["", " "], OUTPUTS[kind], form, CANDIDATES.get(kind, ()), 1.0)
        assert model.answer(["a"])[0].text
