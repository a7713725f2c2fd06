"""Forms: values of answers, and the answers that are written for them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages import encode, tasks
from stages.common.command import InputError
from stages.forms.forms import (
    Fields,
    Number,
    Pairs,
    Spans,
    Words,
    number_forms,
    one_label,
    read_forms,
    read_values,
)
from stages.tasks import clinkart, hodi, nermud
from stages.toolkit.splits import SPLITS
from tests.helpers.tasks import HOLD_OUT, RUN, submit

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
# The lecture's rows are compared as texts; how its numbers and mentions are written varies.
TASKS = sorted(p.name for p in SAMPLE.iterdir() if p.is_dir() and p.name != "lecture")

X = Number(low=-41.0, high=90.0, decimals=1)
Y = Number(low=-18.0, high=18.0, decimals=3)


@pytest.mark.parametrize("name", TASKS)
def test_gold_survives_through_the_values_of_answers(name: str, tmp_path: Path) -> None:
    """What encode writes for heads, turned back into answers, reaches every perfect score."""
    task, folder = tasks.load(name), SAMPLE / name
    by_split = task.encode(folder, HOLD_OUT).splits
    forms = encode.forms_of(by_split)
    answers = {}
    for example in by_split["test"]:
        form = forms[example.task]
        value = json.loads(json.dumps(encode.value_of(example, form)))
        answers[example.id] = form.write(example.input, value)
    submit(task, folder, answers, tmp_path)
    units = task.score(folder, HOLD_OUT, tmp_path, RUN)
    assert units.keys() == set(task.UNITS)
    for unit in units.values():
        tolerance = 0.1 if unit.metric == "mean_km" else 1e-9
        assert unit.value == pytest.approx(unit.perfect, abs=tolerance)


@pytest.mark.parametrize("name", TASKS)
def test_every_training_answer_has_a_value(name: str) -> None:
    by_split = tasks.load(name).encode(SAMPLE / name, HOLD_OUT).splits
    forms = encode.forms_of(by_split)
    rows = list(encode.values(by_split, forms))
    assert {row["id"] for row in rows} == {e.id for s in ("train", "dev") for e in by_split[s]}
    assert not {e.id for e in by_split["test"]} & {row["id"] for row in rows}
    assert {e.task for split in SPLITS for e in by_split[split]} == set(forms)


def test_fields_are_what_stands_in_the_slots() -> None:
    form = Fields(template="[r] {r} [geo] {x} {y}", labels={"r": []}, numbers={"x": X, "y": Y})
    answers = ["[r] Alto Adige [geo] 4.0 -1.250", "[r] Lazio [geo] 40 1"]
    form = form.with_labels([*answers, "nothing"])
    assert form.labels == {"r": ["Alto Adige", "Lazio"]}
    value = form.parse(answers[0])
    assert value == {"r": "Alto Adige", "x": 4.0, "y": -1.25}
    assert form.write("", value) == answers[0]
    assert form.parse("[r] Lazio [geo] 40 uno") is None
    assert form.parse("[r] Umbria [geo] 40 1") is None
    assert one_label(["sì", "no"]).parse("no") == {"answer": "no"}


def test_the_numbers_of_a_range_are_written_with_their_decimals() -> None:
    texts = [text for text, _ in X.all()]
    assert (texts[0], texts[410], texts[-1], len(texts)) == ("-41.0", "0.0", "90.0", 1311)
    assert X.write(-0.04) == "0.0"
    assert X.clip(90.7) == 90.0
    with pytest.raises(ValidationError, match="expected a range of fewer than"):
        Number(low=0.0, high=1000.0, decimals=4)
    with pytest.raises(ValidationError, match="expected a range of fewer than"):
        Number(low=1.0, high=0.0, decimals=1)


@pytest.mark.parametrize(
    ("answer", "filled"),
    [
        ("[r] Lazio [geo] 4 5 6", "[r] Lazio [geo] 0.3 7.000"),
        ("[r] Lazio [geo]", "[r] Lazio [geo] 0.3 7.000"),
        ("[r] Lazio", None),
        ("", None),
    ],
)
def test_other_numbers_are_put_into_an_answer(answer: str, filled: str | None) -> None:
    form = Fields(template="[r] {r} [geo] {x} {y}", labels={"r": []}, numbers={"x": X, "y": Y})
    assert form.fill(answer, [0.3, 7.0]) == filled
    assert Fields(template="{x}", numbers={"x": X}).fill(answer, [0.3]) == "0.3"


@pytest.mark.parametrize(
    "template",
    ["{x} {y}", "{y} {x} {r}", "{r} {x} {y}", "{r}: {x}, {y}", "{r}: {x} {y}.", "{r}: {y} {x}"],
)
def test_numbers_stand_at_the_end_of_a_template(template: str) -> None:
    """Or nobody could say where in an answer they begin."""
    with pytest.raises(ValidationError, match="expected a template with a slot for each label"):
        Fields(template=template, labels={"r": []}, numbers={"x": X, "y": Y})


def test_words_are_a_set() -> None:
    form = Words(words=["b", "a", "c"], none="nessuna")
    assert form.write("", ["c", "a"]) == "a c"
    assert form.write("", []) == "nessuna"
    assert form.parse("nessuna") == []
    assert form.parse("a d") is None


texts = st.text("aAb [2]\n.ß", min_size=1, max_size=14)


def spans(text: str, cuts: set[int]) -> list[tuple[int, int]]:
    """Some spans of a text that do not touch."""
    ends = sorted(cut % (len(text) + 1) for cut in cuts)
    pairs = zip(ends[::2], ends[1::2], strict=False)
    found: list[tuple[int, int]] = []
    for start, end in pairs:
        if start < end and (not found or found[-1][1] < start):
            found.append((start, end))
    return found


@given(texts, st.sets(st.integers(0, 99), max_size=6))
def test_any_spans_of_a_post_are_found_again(text: str, cuts: set[int]) -> None:
    value = [(start, end, "rationales") for start, end in spans(text, cuts)]
    form = hodi.FORMS[hodi.B]
    assert hodi.place(hodi.B, text, form.write(text, value)) == value


@given(
    st.lists(st.text("aAb[2]ß.", min_size=1, max_size=3), min_size=1, max_size=8),
    st.sets(st.integers(0, 99), max_size=6),
    st.sampled_from(nermud.KINDS),
)
def test_any_entities_of_a_sentence_are_found_again(
    tokens: list[str], cuts: set[int], kind: str
) -> None:
    text = " ".join(tokens)
    starts = [len(" ".join(tokens[:n])) + (n > 0) for n in range(len(tokens))]
    value = [
        (starts[first], starts[last - 1] + len(tokens[last - 1]), kind)
        for first, last in spans(text[: len(tokens)], cuts)
    ]
    form = nermud.FORMS[nermud.NAME]
    assert nermud.place(nermud.NAME, text, form.write(text, value)) == value


@given(texts, st.lists(st.sets(st.integers(0, 99), min_size=4, max_size=4), max_size=4))
def test_any_relations_of_a_chunk_are_found_again(text: str, cuts: list[set[int]]) -> None:
    value = set()
    for four in cuts:
        pair = spans(text, four)
        if len(pair) == 2 and all(text[s:e] == text[s:e].strip() for s, e in pair):
            value.add((*pair[0], *pair[1]))
    form = clinkart.FORMS[clinkart.NAME]
    found = clinkart.place(clinkart.NAME, text, form.write(text, sorted(value)))
    assert found == sorted(value)


def test_mentions_have_marks_only_where_they_might_be_taken_for_others() -> None:
    form = nermud.FORMS[nermud.NAME]
    assert isinstance(form, Spans)
    assert form.write("Ada vede Roma", [(0, 3, "PER"), (9, 13, "LOC")]) == "[PER] Ada [LOC] Roma"
    assert form.write("Roma e Roma", [(7, 11, "LOC")]) == "[LOC] Roma [2]"
    pairs = clinkart.FORMS[clinkart.NAME]
    assert isinstance(pairs, Pairs)
    assert pairs.write("Hb 9, PCR 9", [(10, 11, 6, 9)]) == "[BREL] 9 [2] [SEP] PCR [EREL]"
    assert pairs.write("Hb", []) == "[NOREL]"


def test_files_of_forms_are_read_as_they_were_written(tmp_path: Path) -> None:
    by_split = tasks.load("hodi").encode(SAMPLE / "hodi", HOLD_OUT).splits
    forms = encode.forms_of(by_split)
    path = tmp_path / "forms.json"
    path.write_text(json.dumps({name: form.model_dump() for name, form in forms.items()}))
    assert read_forms(path) == forms
    assert number_forms(forms) == {}
    path.write_text('{"a": {"kind": "spans", "unit": "(a+)+"}}')
    with pytest.raises(InputError, match=r"forms.json: expected forms of answers: a\.spans\."):
        read_forms(path)
    with pytest.raises(InputError, match="no such file"):
        read_forms(tmp_path / "absent.json")
    (tmp_path / "values.jsonl").write_text('{"id": "a:1", "value": [1]}\n')
    assert read_values(tmp_path / "values.jsonl") == {"a:1": [1]}
