"""MULTI-Fake-DetectiVE: files, defects, repeated items, submissions and score."""

import logging
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.tasks import multifakedetective
from stages.toolkit.splits import SPLITS, BySplit
from stages.toolkit.tables import write_table
from tests.helpers.cases import cases
from tests.helpers.tasks import HOLD_OUT, RUN, submit, write_files

HEADER = "ID\tDate\tType\tText\tMedia\tLabel\n"
BLIND = "ID\tDate\tType\tText\tMedia\n"
DATA = HEADER + "".join(
    f"{i}\t2022-02-24\ttweet\ttesto {i}\t['{i}.jpg']\t{max(0, i % 7 - 3)}.0\n" for i in range(40)
)
TEST = BLIND + (
    '0012\td\ttweet\t"prima, ""citata""\n\tultima riga"\t[\'a.jpg\', "b\'c.jpg"]\n'
    '12\td\tarticle\tun "bel" giorno\t[]\n'
    "1497000000000000123\t\ttweet\tNA\t\n"
)
ADDITIONAL = BLIND + "12\td\ttweet\taltro\t[]\n13\td\ttweet\taltro ancora\t[]\n"
TEST_GOLD = "ID\tLabel\n0012\t3\n12\t1\n1497000000000000123\t0\n"


def write(folder: Path, **files: str) -> Path:
    """Writes files, given by the part of their names that differs."""
    names = {f"{multifakedetective.BEGINNING}{name}.tsv": text for name, text in files.items()}
    return write_files(folder, names)


def save(folder: Path, answers: dict[str, str], out: Path) -> Path:
    submit(multifakedetective, folder, answers, out)
    return out


def gold_answers(folder: Path) -> dict[str, str]:
    """The gold answers, also where some are unknown."""
    encoded = multifakedetective.encode(folder, HOLD_OUT)
    return {e.id: str(e.output) for e in encoded.splits["test"]}


def official(folder: Path) -> BySplit[multifakedetective.Article]:
    """The articles of the official set."""
    return multifakedetective.read_items(folder, HOLD_OUT)[multifakedetective.OFFICIAL]


# --- Raw files ------------------------------------------------------------------------------------


def test_questions_are_the_texts_as_they_are(tmp_path: Path) -> None:
    folder = write(tmp_path, Data=DATA, Test=TEST, Additional=ADDITIONAL)
    encoded = multifakedetective.encode(folder, HOLD_OUT).splits
    assert [(e.id, e.input) for e in encoded["test"]] == [
        ("multifakedetective:test:0012", 'prima, "citata"\n\tultima riga'),
        ("multifakedetective:test:12", 'un "bel" giorno'),
        ("multifakedetective:test:1497000000000000123", "NA"),
        ("multifakedetective:additional:12", "altro"),
        ("multifakedetective:additional:13", "altro ancora"),
    ]
    assert {e.output for e in encoded["test"]} == {None}
    training = {e.id: e.output for e in encoded["train"] + encoded["dev"]}
    assert len(training) == 40
    assert [training[f"multifakedetective:{i}"] for i in (3, 4, 5, 6)] == [
        "certamente falso",
        "probabilmente falso",
        "probabilmente vero",
        "certamente vero",
    ]


def test_labels_are_whole_numbers_with_or_without_a_point(tmp_path: Path) -> None:
    """pandas turns a column of whole numbers with gaps into decimals."""
    with_point = write(tmp_path / "a", Data=DATA)
    without = write(tmp_path / "b", Data=DATA.replace(".0\n", "\n"))
    encoded = [multifakedetective.encode(folder, HOLD_OUT) for folder in (with_point, without)]
    assert encoded[0] == encoded[1]


def test_an_item_without_text_is_asked_all_the_same(tmp_path: Path) -> None:
    test = BLIND + "7\td\ttweet\t\t['7.jpg']\n8\td\ttweet\t \t['8.jpg']\n"
    encoded = multifakedetective.encode(write(tmp_path, Data=DATA, Test=test), HOLD_OUT)
    assert [e.input for e in encoded.splits["test"]] == ["(senza testo)"] * 2
    assert encoded.notes == {"items": 42, "repeated_rows": 0, "items_without_text": 2}


def test_an_item_with_several_pictures_counts_once(tmp_path: Path) -> None:
    data = DATA + "39\t2023\ttweet\ttesto 39\t['un altro.jpg']\t1.0\n" * 2
    test = TEST + "12\te\tarticle\tun \"bel\" giorno\t['z.jpg']\n"
    gold = TEST_GOLD + "12\t1.0\n"
    folder = write(tmp_path, Data=data, Test=test, Test_gold=gold)
    encoded = multifakedetective.encode(folder, HOLD_OUT)
    ids = [example.id for split in SPLITS for example in encoded.splits[split]]
    assert len(ids) == len(set(ids)) == 43
    assert encoded.notes["repeated_rows"] == 3
    submission = multifakedetective.decode(folder, HOLD_OUT, gold_answers(folder), RUN)
    assert submission.files == {"prova_Task1_run2.tsv": TEST_GOLD}


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        pytest.param("Data", "", 1, "empty", id="empty"),
        pytest.param("Data", HEADER, 1, "no rows", id="header only"),
        pytest.param("Data", BLIND + "1\td\tt\ta\t[]\n", 1, "expected the header", id="no labels"),
        pytest.param("Data", HEADER.replace("\t", ","), 1, "expected the header", id="commas"),
        pytest.param("Data", HEADER + "1\td\tt\ta\t[]\t4\n", 2, "0, 1, 2 or 3", id="label"),
        pytest.param("Data", HEADER + "1\td\tt\ta\t[]\t1.5\n", 2, "Label '1.5'", id="half"),
        pytest.param("Data", HEADER + "1\td\tt\ta\t[]\t\n", 2, "Label ''", id="empty label"),
        pytest.param("Data", HEADER + "\td\tt\ta\t[]\t1\n", 2, "identifier", id="no id"),
        pytest.param("Data", HEADER + "1\td\tt\ta\tb\t[]\t1\n", 2, "found 7", id="tab in text"),
        pytest.param("Data", HEADER + '1\td\tt\t"a\n\t[]\t1\n', 2, "quoted", id="open quote"),
        pytest.param("Data", HEADER + '1\td\tt\t"a" b\t[]\t1\n', 2, "quoted", id="stray quote"),
        pytest.param(
            "Data", HEADER + '1\td\tt\t"a\n"\t[]\t1\n1\td\tt\ta\t[]\t1\n',
            4, "another Text than on line 2", id="two texts",
        ),
        pytest.param(
            "Data", HEADER + "1\td\tt\ta\t[]\t1\n1\td\tt\ta\t[]\t2\n",
            3, "another Label than on line 2", id="two labels",
        ),
        pytest.param("Test", HEADER + "1\td\tt\ta\t[]\t1\n", 1, "header", id="gold in test"),
        pytest.param("Test", BLIND + "1\td\tt\ta\n", 2, "found 4", id="too few columns"),
        pytest.param(
            "Additional", ADDITIONAL + "12\td\tt\tuno nuovo\t[]\n", 4, "another Text", id="text"
        ),
        pytest.param("Test_gold", "ID\tLabel\n12\tvero\n", 2, "0, 1, 2 or 3", id="gold label"),
        pytest.param("Test_gold", "ID\tLabel\n12\t1\n12\t0\n", 3, "another Label", id="two golds"),
        pytest.param("Additional_gold", "ID\n12\n", 1, "expected the header", id="gold header"),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, name: str, content: str, line: int, message: str
) -> None:
    files = {"Data": DATA, "Test": TEST, "Additional": ADDITIONAL} | {name: content}
    with pytest.raises(InputError, match=rf"Task1_{name}\.tsv:{line}: ") as error:
        multifakedetective.encode(write(tmp_path, **files), HOLD_OUT)
    assert message in str(error.value)


def test_all_defects_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    rows = "1\td\tt\ta\t[]\t1\n1\td\tt\tb\t[]\t2\n2\td\tt\ta\t[]\t1\n2\td\tt\ta\t[]\t2\n"
    with pytest.raises(InputError) as error:
        multifakedetective.encode(write(tmp_path, Data=HEADER + rows), HOLD_OUT)
    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["3", "3", "5"]


def test_media_is_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = "__import__('pathlib').Path('ran').write_text('x')"
    data = DATA + f"99\td\ttweet\ttesto\t[{hostile}]\t1\n"
    multifakedetective.encode(write(tmp_path, Data=data), HOLD_OUT)
    assert not Path("ran").exists()


def test_what_is_absent_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        encoded = multifakedetective.encode(write(tmp_path, Data=DATA), HOLD_OUT).splits
    held_out = f"{len(encoded['test'])} items of MULTI-Fake-Detective_Task1_Data.tsv are held out"
    assert f"Test.tsv: {held_out} for test" in caplog.text
    assert "Additional.tsv: the additional set is skipped" in caplog.text


def test_without_training_data_it_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no MULTI-Fake-Detective_Task1_Data\.tsv"):
        multifakedetective.encode(write(tmp_path, Test=TEST), HOLD_OUT)


# --- Splits ---------------------------------------------------------------------------------------


def test_equal_texts_are_in_one_split_in_any_order_of_the_file(tmp_path: Path) -> None:
    rows = [f"{i}\td\ttweet\tTesto  {i % 40}\t[]\t{i % 4}\n" for i in range(80)]
    one = official(write(tmp_path / "a", Data=HEADER + "".join(rows)))
    turned = write(tmp_path / "b", Data=HEADER + "".join(rows[::-1]))
    other = official(turned)
    texts = [{item.text for item in one[split]} for split in SPLITS]
    assert all(texts)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    for split in SPLITS:
        assert {item.id for item in one[split]} == {item.id for item in other[split]}


# --- Submission -----------------------------------------------------------------------------------


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "multifakedetective"
    submission = multifakedetective.decode(folder, HOLD_OUT, gold_answers(folder), RUN)
    assert list(submission.files) == ["prova_Task1_run2.tsv", "prova_Task1_additional_run2.tsv"]
    for name, content in zip(("Test", "Additional"), submission.files.values(), strict=True):
        (tmp_path / "submitted.tsv").write_text(content, encoding="utf-8")
        table = pd.read_csv(tmp_path / "submitted.tsv", sep="\t")
        stem = folder / f"MULTI-Fake-Detective_Task1_{name}"
        assert list(table.columns) == ["ID", "Label"]
        test = pd.read_csv(f"{stem}.tsv", sep="\t")
        assert list(table.ID) == list(test.ID.drop_duplicates())
        assert list(table.Label) == list(pd.read_csv(f"{stem}_gold.tsv", sep="\t").Label)


@pytest.mark.parametrize(
    ("answer", "label", "fallback"),
    [
        ("Certamente vero.", 3, 0),
        ("  probabilmente  VERO", 2, 0),
        ("probabilmente falso", 1, 0),
        ("«certamente falso»", 0, 0),
        ("vero", 0, 1),
        ("probabilmente", 0, 1),
        ("certamente vero o certamente falso", 0, 1),
        ("3", 0, 1),
        ("UNK", 0, 1),
    ],
)
def test_answers_are_read_strictly(tmp_path: Path, answer: str, label: int, fallback: int) -> None:
    """Label 0 is the most frequent one of the training data."""
    test = BLIND + "7\td\ttweet\ttesto\t[]\n"
    folder = write(tmp_path, Data=DATA, Test=test)
    answers = {"multifakedetective:test:7": answer}
    submission = multifakedetective.decode(folder, HOLD_OUT, answers, RUN)
    assert submission.files == {"prova_Task1_run2.tsv": f"ID\tLabel\n7\t{label}\n"}
    tally = submission.tallies["multifakedetective"]
    assert (tally.rows, tally.unparsable, tally.fallback) == (1, fallback, fallback)


def test_the_fallback_does_not_depend_on_the_labels_held_out(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", Data=DATA)
    answers = dict.fromkeys(gold_answers(folder), "boh")
    held_out = {identifier.rpartition(":")[2] for identifier in answers}
    header, *rows = DATA.splitlines(keepends=True)
    changed = [r[:-4] + "3.0\n" if r.split("\t")[0] in held_out else r for r in rows]
    other = write(tmp_path / "b", Data=header + "".join(changed))
    one, two = (multifakedetective.decode(f, HOLD_OUT, answers, RUN) for f in (folder, other))
    assert one.files == two.files


# --- Score ----------------------------------------------------------------------------------------


def test_weighted_f1_by_hand(tmp_path: Path) -> None:
    """Test: gold 3 1 0 0, submitted 3 3 0 1: F1 of 0, 1 and 3 is 2/3, 0 and 2/3.

    Weighted by 2, 1 and 1: (2·2/3 + 0 + 2/3) / 4. Additional: gold 2 2, submitted 2 0: 2/3.
    """
    folder = write(
        tmp_path,
        Data=DATA,
        Test=TEST + "14\td\ttweet\tquarto\t[]\n",
        Test_gold=TEST_GOLD + "14\t0\n",
        Additional=ADDITIONAL,
        Additional_gold="ID\tText\tLabel\n13\tx\t2.0\n12\ty\t2.0\n",
    )
    written = ("certamente vero", "certamente vero", "certamente falso", "probabilmente falso")
    answers = dict(zip(gold_answers(folder), (*written, "probabilmente vero", "?"), strict=True))
    out = save(folder, answers, tmp_path / "out")
    (unit,) = multifakedetective.score(folder, HOLD_OUT, out, RUN).values()
    assert unit.metric == "weighted_f1"
    assert unit.value == pytest.approx(0.5)
    assert unit.n == 4
    assert unit.details["additional_weighted_f1"] == pytest.approx(2 / 3)
    # The majority of the training data is 0: F1 of 0 is 2·2/(4 + 2), half of the weight.
    assert unit.baseline == pytest.approx(1 / 3)


def test_items_that_gold_lacks_do_not_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The organisers scored the items that all participants could retrieve."""
    gold = "ID\tLabel\n1497000000000000123\t0\n0012\t3\n"
    folder = write(tmp_path, Data=DATA, Test=TEST, Test_gold=gold, Additional=ADDITIONAL)
    outputs = [e.output for e in multifakedetective.encode(folder, HOLD_OUT).splits["test"]]
    assert outputs == ["certamente vero", None, "certamente falso", None, None]
    out = save(folder, gold_answers(folder), tmp_path / "out")
    with caplog.at_level(logging.INFO):
        (unit,) = multifakedetective.score(folder, HOLD_OUT, out, RUN).values()
    assert "Test_gold.tsv: scores 2 of 3 test items" in caplog.text
    assert (unit.value, unit.n) == (1.0, 2)
    assert "additional_weighted_f1" not in unit.details


@pytest.mark.parametrize("gold", ["ID\tLabel\n0012\t3\n012\t3\n", "ID\tLabel\n13\t3\n"])
def test_gold_of_other_items_is_refused(tmp_path: Path, gold: str) -> None:
    folder = write(tmp_path, Data=DATA, Test=TEST, Additional=ADDITIONAL, Test_gold=gold)
    with pytest.raises(InputError, match=r"gold\.tsv: items that are not in the test set: 0?1"):
        multifakedetective.encode(folder, HOLD_OUT)


def test_the_additional_set_alone_is_not_ranked(tmp_path: Path) -> None:
    gold = "ID\tLabel\n12\t1\n13\t1\n"
    folder = write(tmp_path, Data=DATA, Test=TEST, Additional=ADDITIONAL, Additional_gold=gold)
    out = save(folder, gold_answers(folder), tmp_path / "out")
    assert multifakedetective.score(folder, HOLD_OUT, out, RUN) == {}


def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "multifakedetective"
    save(folder, gold_answers(folder), tmp_path)
    for name in ("prova_Task1_run2.tsv", "prova_Task1_additional_run2.tsv"):
        path = tmp_path / name
        kept = path.read_text()
        header, first, second, *rest = kept.splitlines(keepends=True)
        for lines, message in (
            ([first, second, *rest], "expected the header"),
            ([header, second, *rest], "missing items"),
            ([header, first, second, *rest, "1x\t0\n"], "not in the test set: 1x"),
            ([header, first, first, second, *rest], "stand there twice"),
            ([header, second, first, *rest], "out of order"),
        ):
            path.write_text("".join(lines))
            with pytest.raises(InputError, match=message):
                multifakedetective.score(folder, HOLD_OUT, tmp_path, RUN)
        path.write_text(kept)


# --- Random data and the sample -------------------------------------------------------------------

item = st.tuples(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12), st.integers(0, 3)
)


@cases(25)
@given(
    test=st.lists(item, min_size=1, max_size=8),
    additional=st.lists(item, min_size=1, max_size=8),
    pictures=st.integers(1, 2),
)
def test_encode_and_decode_invert_each_other(
    test: list[tuple[str, int]],
    additional: list[tuple[str, int]],
    pictures: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    files = {"Data": DATA}
    for name, items in (("Test", test), ("Additional", additional)):
        rows = [(f"{i:03}", "d", "tweet", text, "[]") for i, (text, _) in enumerate(items)]
        header = BLIND.split()
        files[name] = write_table(header, rows * pictures, delimiter="\t")
        gold = [(f"{i:03}", label) for i, (_, label) in enumerate(items)]
        files[f"{name}_gold"] = write_table(["ID", "Label"], gold, delimiter="\t")
    folder = write(tmp_path_factory.mktemp("raw"), **files)
    encoded = multifakedetective.encode(folder, HOLD_OUT).splits["test"]
    texts = [text if text.strip() else "(senza testo)" for text, _ in test + additional]
    assert [example.input for example in encoded] == texts
    submission = multifakedetective.decode(folder, HOLD_OUT, gold_answers(folder), RUN)
    assert list(submission.files.values()) == [files["Test_gold"], files["Additional_gold"]]


def test_the_sample_has_what_makes_the_real_data_hard(root: Path) -> None:
    folder = root / "data/sample/multifakedetective"
    for name in ("Data", "Test", "Additional"):
        path = folder / f"MULTI-Fake-Detective_Task1_{name}.tsv"
        table = pd.read_csv(path, sep="\t", dtype=str)
        assert table.ID.duplicated().sum() >= 2
        assert table.Text.isna().sum() >= 1
        for character in ("\n", "\t", '"', "  "):
            assert table.Text.str.contains(character).sum() >= 2
        if name == "Data":
            assert table.ID.str.startswith("0").all()
            assert set(table.Label) == {"0.0", "1.0", "2.0", "3.0"}
            assert table.Label.value_counts(normalize=True).max() < 0.4
