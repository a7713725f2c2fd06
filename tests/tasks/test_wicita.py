"""WiC-ITA: offsets and markers, two test sets, lemmas, submissions and score."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.sample import wicita as recipe
from stages.common.command import InputError
from stages.tasks import wicita
from stages.toolkit.raw_files import RawFiles
from stages.toolkit.splits import SPLITS, merge_splits
from tests.helpers.cases import cases
from tests.helpers.tasks import (
    HOLD_OUT,
    NOTHING_HELD_OUT,
    RUN,
    assert_defect,
    assert_groups_stay_together,
    assert_other_items_are_refused,
    gold_answers,
    submit,
    write_files,
)

IT, EN = wicita.ITALIAN.files, wicita.ENGLISH.files

Object = dict[str, Any]


def pair(identifier: str = "a.noun.0", **changes: Any) -> Object:
    """A pair as the training file has it; a change to None takes a key away."""
    keys: Object = {
        "id": identifier,
        "lemma": "faccia",
        "sentence1": "Che faccia, dura!",
        "sentence2": "Faccia a faccia",
        "start1": 4,
        "end1": 10,
        "start2": 9,
        "end2": 15,
        "label": 1,
    } | changes
    return {key: value for key, value in keys.items() if value is not None}


def blind(identifier: str, **changes: Any) -> Object:
    return pair(identifier, label=None, **changes)


def english(identifier: str, **changes: Any) -> Object:
    return blind(identifier, lemma=None, lemma1="faccia", lemma2="face", **changes)


def lines(*objects: Object) -> str:
    return "".join(json.dumps(row) + "\n" for row in objects)


TRAIN = lines(*(pair(f"w{i}.noun.0", lemma=f"w{i}", label=int(i % 3 > 0)) for i in range(30)))


# --- Raw files and questions ----------------------------------------------------------------------


def test_markers_enclose_the_word_alone(tmp_path: Path) -> None:
    """The end is exclusive; ExtremITA takes one character more and repeats it."""
    objects = [
        pair("1"),
        pair("2", sentence1="l'età d'oro", start1=2, end1=5, sentence2="oro", start2=0, end2=3),
        pair("3", sentence1="È  vero 🙂", start1=8, end1=9, sentence2="x\u2028y", start2=2, end2=3),
    ]
    folder = write_files(tmp_path, {IT.train: lines(*objects)})
    encoded = wicita.encode(folder, NOTHING_HELD_OUT).splits["train"]
    assert [e.input for e in encoded] == [
        "Che [BT1] faccia [ET1], dura! [SEP] Faccia a [BT2] faccia [ET2]",
        "l'[BT1] età [ET1] d'oro [SEP] [BT2] oro [ET2]",
        "È  vero [BT1] 🙂 [ET1] [SEP] x\u2028[BT2] y [ET2]",
    ]


def test_ids_name_the_file_because_the_test_sets_share_theirs(tmp_path: Path) -> None:
    files = {
        IT.train: lines(pair("007")),
        IT.dev: lines(pair("007", label=0)),
        IT.test: lines(blind("007")),
        EN.test: lines(english("007")),
    }
    encoded = wicita.encode(write_files(tmp_path, files), HOLD_OUT)
    answers = [(e.id, e.output) for split in SPLITS for e in encoded.splits[split]]
    assert answers == [
        ("wicita:train:007", "sì"),
        ("wicita:dev:007", "no"),
        ("wicita:test:007", None),
        ("wicita:test_eng:007", None),
    ]
    assert encoded.notes == {
        "pairs": 4,
        "training_pairs": 1,
        "training_pairs_of_one_sense": 1,
    }


def object_of(**changes: Any) -> str:
    return lines(pair("b"), pair(**changes))


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        pytest.param(IT.train, "", 1, "empty", id="empty"),
        pytest.param(IT.train, lines(pair()) + "{'id': 1}\n", 2, "not JSON", id="no JSON"),
        pytest.param(IT.train, "[1]\n", 1, "expected an object", id="no object"),
        pytest.param(IT.train, '{"id": ' + "1" * 5000 + "}\n", 1, "not JSON", id="long number"),
        pytest.param(IT.train, "[" * 100_000 + "\n", 1, "not JSON", id="deep nesting"),
        pytest.param(IT.train, object_of(label=None), 2, "the keys", id="no label"),
        pytest.param(IT.train, object_of(pos="noun"), 2, "unknown key 'pos'", id="another key"),
        pytest.param(IT.train, object_of(label="1"), 2, "number 0 or 1", id="label text"),
        pytest.param(IT.train, object_of(label=2), 2, "number 0 or 1", id="label 2"),
        pytest.param(IT.train, object_of(label=True), 2, "number 0 or 1", id="label true"),
        pytest.param(IT.train, object_of(id=7), 2, "expected a string", id="id number"),
        pytest.param(IT.train, object_of(id="a b"), 2, "white space", id="id with blank"),
        pytest.param(IT.train, object_of(id="b"), 2, "line 1 too", id="id twice"),
        pytest.param(IT.train, object_of(lemma=" "), 2, "expected a text", id="no lemma"),
        pytest.param(IT.train, object_of(sentence1=["a"]), 2, "a string", id="list"),
        pytest.param(IT.train, object_of(start1="4"), 2, "expected an offset", id="text"),
        pytest.param(IT.train, object_of(start1=-1), 2, "expected an offset", id="negative"),
        pytest.param(IT.train, object_of(end1=10.0), 2, "expected an offset", id="float"),
        pytest.param(IT.train, object_of(end2=16), 2, "end2 around a word", id="outside"),
        pytest.param(IT.train, object_of(start1=10), 2, "10-10, ''", id="empty slice"),
        pytest.param(IT.train, object_of(end1=3), 2, "4-3, ''", id="backwards"),
        pytest.param(IT.train, object_of(start1=3), 2, "' faccia'", id="blank before"),
        pytest.param(IT.dev, object_of(end1=12), 2, "'faccia, '", id="blank after"),
        pytest.param(IT.test, object_of(), 1, "unknown key 'label'", id="test with label"),
        pytest.param(
            IT.test, lines(blind("x", end2=99)), 1, "9-99", id="test offsets"
        ),
        pytest.param(EN.test, lines(blind("x")), 1, "'lemma1'", id="one lemma"),
        pytest.param(IT.gold, '{"id": "x"}\n', 1, "the keys", id="gold without label"),
        pytest.param(IT.gold, '{"id": "x", "label": null}\n', 1, "0 or 1", id="gold label"),
        pytest.param(IT.gold, '{"id": "x", "label": 1, "a": 1}\n', 1, "key 'a'", id="gold keys"),
    ],
)  # fmt: skip
def test_defects_are_reported_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    files = {IT.train: TRAIN, IT.test: lines(blind("x"))}
    folder = write_files(tmp_path, files | {file: content})
    assert_defect(wicita, folder, file, line, message)


@pytest.mark.parametrize(("files", "make"), [(IT, blind), (EN, english)])
def test_gold_is_joined_by_id_and_other_items_are_refused(
    tmp_path: Path, files: RawFiles, make: Callable[[str], Object]
) -> None:
    """The gold may repeat the other keys of the test file and be in another order."""
    first, second = make("x"), make("y")
    contents = {IT.train: TRAIN, files.test: lines(first, second)}
    gold = lines(second | {"label": 0}, {"id": "x", "label": 1})
    folder = write_files(tmp_path, contents | {files.gold: gold})
    encoded = wicita.encode(folder, HOLD_OUT).splits["test"]
    assert [e.output for e in encoded if e.id.endswith((":x", ":y"))] == ["sì", "no"]
    write_files(folder, {files.gold: lines({"id": "x", "label": 1}, {"id": "z", "label": 1})})
    with pytest.raises(InputError, match=rf"{files.gold}: missing items: y"):
        wicita.encode(folder, HOLD_OUT)


# --- Splits ---------------------------------------------------------------------------------------


def test_a_lemma_is_in_one_split_in_any_order_of_the_file(tmp_path: Path) -> None:
    objects = [pair(f"w{i}", lemma=("w", "W")[i % 2] + str(i % 40)) for i in range(120)]
    one, other = (
        wicita.read_items(write_files(tmp_path / name, {IT.train: lines(*rows)}), HOLD_OUT)
        for name, rows in (("a", objects), ("b", objects[::-1]))
    )
    italian = wicita.ITALIAN
    assert_groups_stay_together(one[italian], other[italian], lambda pair: pair.lemma.lower())


def test_absent_files_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {IT.train: TRAIN, EN.test: lines(english("x"))}
    folder = write_files(tmp_path, files)
    caplog.set_level(logging.INFO)
    encoded = wicita.encode(folder, HOLD_OUT).splits
    assert {e.id.split(":")[1] for e in encoded["test"]} == {"train", "test_eng"}
    held_out = sum(e.id.startswith("wicita:train:") for e in encoded["test"])
    assert f"no {IT.test}: {held_out} items of {IT.train} are held out for test" in caplog.text
    assert f"no {IT.dev}: {len(encoded['dev'])} items of {IT.train} are held out" in caplog.text
    assert f"no {EN.gold}: no score on {EN.test}" in caplog.text
    (folder / EN.test).unlink()
    wicita.encode(folder, HOLD_OUT)
    assert f"no {EN.test}: wicita_en is skipped" in caplog.text
    (folder / IT.train).unlink()
    with pytest.raises(InputError, match=r"no train\.jsonl, which the task needs"):
        wicita.encode(folder, HOLD_OUT)


# --- Submissions and score ------------------------------------------------------------------------


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "wicita"
    answers = {e.id: "no" for e in wicita.encode(folder, HOLD_OUT).splits["test"]}
    first = next(iter(answers))
    submission = wicita.decode(folder, HOLD_OUT, answers | {first: "uguale"}, RUN)
    assert list(submission.files) == ["binary.jsonl", "binary_eng.jsonl"]
    write_files(tmp_path, dict(submission.files))
    for name, test in (("binary", "test"), ("binary_eng", "test_eng")):
        native = (folder / "binary" / f"{test}.jsonl").read_text().splitlines()
        lines_written = (tmp_path / f"{name}.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines_written]
        assert [row["id"] for row in rows] == [json.loads(row)["id"] for row in native]
        assert all(list(row) == ["id", "label"] for row in rows)
        labels = [row["label"] for row in rows]
        # An answer that cannot be parsed becomes 1, the majority of the training data.
        assert labels == [int(name == "binary"), *[0] * (len(rows) - 1)]
    tally = submission.tallies["wicita"]
    assert (tally.rows, tally.unparsable, tally.fallback) == (2 * recipe.TEST, 1, 1)


def test_macro_f1_by_hand(tmp_path: Path) -> None:
    """Italian: gold 1 0 0, submitted 1 1 0: F1 2/3 and 2/3. English: gold 1, submitted 0: 0."""
    files = {
        IT.train: TRAIN,  # two thirds of the pairs have one sense
        IT.test: lines(*map(blind, "xyz")),
        EN.test: lines(english("x")),
        IT.gold: lines(*({"id": i, "label": int(i == "x")} for i in "zyx")),
        EN.gold: lines({"id": "x", "label": 1}),
    }
    folder = write_files(tmp_path / "raw", files)
    said = {"test:x": "Sì.", "test:y": "si", "test:z": "NO", "test_eng:x": "no"}
    submit(wicita, folder, {f"wicita:{i}": answer for i, answer in said.items()}, tmp_path / "out")
    units = wicita.score(folder, HOLD_OUT, tmp_path / "out", RUN)
    assert units["wicita_it"].value == pytest.approx(2 / 3)
    assert units["wicita_it"].details == pytest.approx({"f1_0": 2 / 3, "f1_1": 2 / 3})
    assert units["wicita_en"].value == 0.0
    # The majority of the training data is 1: F1 of 1 is 2·1/(3 + 1), of 0 it is 0.
    assert units["wicita_it"].baseline == pytest.approx(0.25)
    assert (units["wicita_it"].metric, units["wicita_it"].n) == ("macro_f1", 3)
    (folder / IT.gold).unlink()
    assert list(wicita.score(folder, HOLD_OUT, tmp_path / "out", RUN)) == ["wicita_en"]


def test_held_out_pairs_are_scored_as_italian(tmp_path: Path) -> None:
    folder, out = write_files(tmp_path / "raw", {IT.train: TRAIN}), tmp_path / "out"
    submit(wicita, folder, gold_answers(wicita, folder), out)
    assert [path.name for path in out.iterdir()] == ["binary.jsonl"]
    units = wicita.score(folder, HOLD_OUT, out, RUN)
    assert {name: unit.value for name, unit in units.items()} == {"wicita_it": 1.0}


@pytest.mark.parametrize("name", ["binary.jsonl", "binary_eng.jsonl"])
def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path, name: str) -> None:
    folder = root / "data" / "sample" / "wicita"
    submit(wicita, folder, gold_answers(wicita, folder), tmp_path)
    path = tmp_path / name

    def score() -> None:
        wicita.score(folder, HOLD_OUT, tmp_path, RUN)

    assert_other_items_are_refused(score, path, "q", '{"id": "q", "label": 0}', header=0)
    *rest, _ = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*rest, '{"id": "q", "label": "no"}\n']))
    with pytest.raises(InputError, match=r"jsonl:200: label"):
        score()


text = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))
word = text.filter(lambda drawn: drawn and drawn == drawn.strip())
marked = st.tuples(text, word, text)


@cases(40)
@given(
    drawn=st.lists(st.tuples(marked, marked, st.sampled_from([0, 1])), min_size=1, max_size=5),
    ascii_only=st.booleans(),
)
def test_encode_and_decode_invert_each_other(
    drawn: list[tuple[tuple[str, str, str], tuple[str, str, str], int]],
    ascii_only: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Without its markers a question is the two sentences, and its gold answer the label."""
    objects = []
    for n, (one, two, label) in enumerate(drawn):
        offsets = {
            f"{edge}{i}": len(a) + (len(b) if edge == "end" else 0)
            for i, (a, b, _) in ((1, one), (2, two))
            for edge in ("start", "end")
        }
        sentences = {"sentence1": "".join(one), "sentence2": "".join(two)}
        objects.append(pair(str(n), **sentences, **offsets, label=label))
    tests = [{k: v for k, v in row.items() if k != "label"} for row in objects]

    def written(rows: list[Object]) -> str:
        return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)

    folder = write_files(
        tmp_path_factory.mktemp("raw"),
        {
            IT.train: TRAIN,
            IT.test: written(tests),
            IT.gold: written(objects),
        },
    )
    encoded = wicita.encode(folder, HOLD_OUT).splits["test"]
    for example, row, (one, two, _) in zip(encoded, objects, drawn, strict=True):
        first, second = (f"{a}[BT{n}] {b} [ET{n}]{c}" for n, (a, b, c) in ((1, one), (2, two)))
        assert example.input == f"{first} [SEP] {second}"
        assert first.replace(f"[BT1] {one[1]} [ET1]", one[1], 1) == row["sentence1"]
        assert second.replace(f"[BT2] {two[1]} [ET2]", two[1], 1) == row["sentence2"]
    submission = wicita.decode(folder, HOLD_OUT, {e.id: str(e.output) for e in encoded}, RUN)
    rows = [json.loads(line) for line in submission.files["binary.jsonl"].splitlines()]
    assert rows == [{"id": row["id"], "label": row["label"]} for row in objects]


# --- Sample ---------------------------------------------------------------------------------------


def test_lemmas_of_the_sample_are_in_one_split(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(root / "data" / "sample" / "wicita", tmp_path / "raw")
    by_split = merge_splits(wicita.read_items(folder, HOLD_OUT).values())
    lemmas = [{pair.id.split(".")[0].split("_")[0] for pair in by_split[split]} for split in SPLITS]
    assert sum(map(len, lemmas)) == len(set.union(*lemmas)) >= 20
    content = (folder / IT.train).read_text()
    assert content.isascii() and "\\u00e8" in content
    assert any(pair.sentences[0][pair.words[0].end] == "," for pair in by_split["train"])
