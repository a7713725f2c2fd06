"""EmotivITA: files, defects, answers, submissions and scores."""

import csv
import io
import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr

from stages.common.command import InputError
from stages.tasks import emotivita
from stages.tasks.emotivita import Emotion, parse_answer, write_answer
from tests.helpers.cases import cases
from tests.helpers.intervals import ends
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

TRAIN, TEST, GOLD = "Development set.csv", "Test set.csv", "Test set - Gold labels.csv"
HEADER, BLIND = "id,text,V,A,D\n", "id,text\n"
DEVELOPMENT = HEADER + "1,Uno. ,1.29,2.00,3.57\n2,Due,4.71,3.00,2.14\n3,Tre,5.50,4.00,1.00\n"
TESTED = BLIND + '8001,"""Addio"", disse,  piano. "\n08002,"""Mai"\n8003,NA\n'
SUBMISSION = "prova_SubtaskB_unconstrained_run2.csv"


def submitted(folder: Path, answers: dict[str, str], out: Path) -> pd.DataFrame:
    """Decodes, writes the file, and reads it as an organiser would."""
    submit(emotivita, folder, answers, out)
    return pd.read_csv(out / SUBMISSION, dtype=str)


def test_questions_are_the_texts_as_they_are(tmp_path: Path) -> None:
    """Quotes, one of them never closed, double and final blanks, leading zeros, the text NA."""
    folder = write_files(tmp_path, {TRAIN: DEVELOPMENT, TEST: TESTED})
    encoded = emotivita.encode(folder, NOTHING_HELD_OUT).splits
    assert [(e.id, e.input, e.output) for e in encoded["test"]] == [
        ("emotivita:8001", '"Addio", disse,  piano. ', None),
        ("emotivita:08002", '"Mai', None),
        ("emotivita:8003", "NA", None),
    ]
    assert {e.input: e.output for e in encoded["train"]} == {
        "Uno. ": "1.29 2.00 3.57",
        "Due": "4.71 3.00 2.14",
        "Tre": "5.50 4.00 1.00",
    }


def test_values_of_the_blind_file_are_not_read(tmp_path: Path) -> None:
    blind = HEADER + "8001,a,,,\n8002,b,x,9,-\n"
    test = emotivita.encode(write_files(tmp_path, {TRAIN: DEVELOPMENT, TEST: blind}), HOLD_OUT)
    assert [(e.input, e.output) for e in test.splits["test"]] == [("a", None), ("b", None)]


@pytest.mark.parametrize(
    ("answer", "emotion"),
    [
        ("3.14 2.86 4.00", (3.14, 2.86, 4.0)),
        (" 3.14  2.86\n4 ", (3.14, 2.86, 4.0)),  # double blanks led the reference astray
        ("3,5 2,0 4,25", (3.5, 2.0, 4.25)),
        ("3.149 2.861 4", (3.15, 2.86, 4.0)),  # rounded; the reference cut to one decimal
        ("5.5 5.50 1", (5.5, 5.5, 1.0)),
        ("7 -2 99999", (6.0, 0.0, 6.0)),
        ("-0 6.001 0.004", (0.0, 6.0, 0.0)),
        ("3.5 2.0", None),
        ("3.5 2.0 4 1", None),
        ("3.5, 2.0, 4.0", None),
        ("V 3.5 A 2.0 D 4.0", None),
        ("[3.5] [2.0] [4.0]", None),
        ("nan inf 1e1", None),
        ("3.5 2.0 1e0", None),
        ("٣ ٣ ٣", None),
        ("tre due uno", None),
        ("UNK", None),
        ("", None),
    ],
)
def test_answers_are_parsed_strictly(answer: str, emotion: tuple[float, ...] | None) -> None:
    assert parse_answer(answer) == emotion
    if emotion is not None:
        assert "-" not in write_answer(Emotion(*emotion))


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        pytest.param(TRAIN, "", 1, "empty", id="empty"),
        pytest.param(TRAIN, HEADER, 1, "no rows", id="header only"),
        pytest.param(TRAIN, "id,text,V,A\n1,a,3,3\n", 1, "expected the header", id="no D"),
        pytest.param(TRAIN, HEADER.lower() + "1,a,3,3,3\n", 1, "the header", id="lower case"),
        pytest.param(TRAIN, HEADER + "1,a,3,3\n", 2, "expected 5 columns", id="too few"),
        pytest.param(TRAIN, HEADER + "1,a, b,3,3,3\n", 2, "found 6", id="unquoted comma"),
        pytest.param(TRAIN, HEADER + '1,a,"3,5",3,3\n', 2, "from 0 to 6", id="decimal comma"),
        pytest.param(TRAIN, HEADER + "1,a,3,,3\n", 2, "A ''", id="no value"),
        pytest.param(TRAIN, HEADER + "1,a,3,3,35\n", 2, "D '35'", id="lost point"),
        pytest.param(TRAIN, HEADER + "1,a,3,6.01,3\n", 2, "from 0 to 6", id="too high"),
        pytest.param(TRAIN, HEADER + "1,a,-0.1,3,3\n", 2, "from 0 to 6", id="too low"),
        pytest.param(TRAIN, HEADER + "1,a,nan,3,3\n", 2, "from 0 to 6", id="nan"),
        pytest.param(TRAIN, HEADER + "1, ,3,3,3\n", 2, "expected a text", id="no text"),
        pytest.param(TRAIN, HEADER + ",a,3,3,3\n", 2, "identifier", id="no id"),
        pytest.param(TRAIN, HEADER + '1,"a,3,3,3\n', 2, "quoted", id="open quote"),
        pytest.param(
            TRAIN, HEADER + '1,"a\nb",3,3,3\n1,c,3,3,3\n', 4, "stands on line 2 too", id="id twice"
        ),
        pytest.param(TEST, BLIND + "8001,a\n8001,b\n", 3, "on line 2 too", id="id twice, test"),
        pytest.param(TEST, "id\n8001\n", 1, "expected the header", id="no texts"),
        pytest.param(GOLD, "id,V,A,D\n8001,3,3,x\n", 2, "D 'x'", id="gold"),
        pytest.param(GOLD, "id,text\n8001,a\n", 1, "expected the header", id="gold without values"),
    ],
)  # fmt: skip
def test_defects_are_reported_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    folder = write_files(tmp_path, {TRAIN: DEVELOPMENT, TEST: BLIND + "8001,a\n", file: content})
    assert_defect(emotivita, folder, file, line, message)


def test_a_gold_file_of_other_items_is_refused(tmp_path: Path) -> None:
    """The organisers' description counts one text more than the files have."""
    gold = "id,V,A,D\n8002,3,3,3\n8001,3,3,3\n8003,3,3,3\n"
    files = {TRAIN: DEVELOPMENT, TEST: BLIND + "8001,a\n8002,b\n", GOLD: gold}
    with pytest.raises(InputError, match=r"Gold labels\.csv: items .* not in the test set: 8003"):
        emotivita.encode(write_files(tmp_path, files), HOLD_OUT)


def test_equal_texts_are_in_one_split_in_any_order_of_the_file(tmp_path: Path) -> None:
    rows = [f'{i},"Cari saluti,  {i % 40}",3.00,3.{i:02},3.00\n' for i in range(80)]
    one = emotivita.read_items(
        write_files(tmp_path / "1", {TRAIN: HEADER + "".join(rows)}), HOLD_OUT
    )
    other = emotivita.read_items(
        write_files(tmp_path / "2", {TRAIN: HEADER + "".join(rows[::-1])}), HOLD_OUT
    )
    assert_groups_stay_together(one, other, lambda item: item.text)


def test_absent_files_are_named(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(root / "data" / "sample" / "emotivita", tmp_path, dirs_exist_ok=True)
    (tmp_path / GOLD).unlink()
    with caplog.at_level(logging.INFO):
        encoded = emotivita.encode(tmp_path, HOLD_OUT).splits
    assert {example.output for example in encoded["test"]} == {None}
    assert f"no {GOLD}: no score on {TEST}" in caplog.text
    (tmp_path / TEST).unlink()
    with caplog.at_level(logging.INFO):
        answers = gold_answers(emotivita, tmp_path)
    assert f"no {TEST}: {len(answers)} items of {TRAIN} are held out for test" in caplog.text


def test_the_submission_is_a_file_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "emotivita"
    table = submitted(folder, gold_answers(emotivita, folder), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [SUBMISSION]
    assert (tmp_path / SUBMISSION).read_text().startswith("id,V,A,D\n8001,")
    gold = pd.read_csv(folder / GOLD, dtype=str)
    assert table.equals(gold[["id", "V", "A", "D"]])  # to the digit, and beyond 5 too
    assert "5.50" in set(gold["V"])


def test_the_fallback_is_the_mean_of_the_training_data(tmp_path: Path) -> None:
    """(1.29 + 4.71 + 5.50) / 3 = 3.83; (2 + 3 + 4) / 3 = 3; (3.57 + 2.14 + 1) / 3 = 2.24."""
    folder = write_files(tmp_path, {TRAIN: DEVELOPMENT, TEST: BLIND + "8001,a\n08002,b\n8003,c\n"})
    answers = {"8001": "[V] 3,5", "08002": "9 1,5 2", "8003": "3.5  2.0"}
    submission = emotivita.decode(
        folder, NOTHING_HELD_OUT, {f"emotivita:{i}": a for i, a in answers.items()}, RUN
    )
    assert submission.files == {
        SUBMISSION: "id,V,A,D\n8001,3.83,3.00,2.24\n08002,6.00,1.50,2.00\n8003,3.83,3.00,2.24\n"
    }
    tally = submission.tallies["emotivita"]
    assert (tally.rows, tally.unparsable, tally.fallback) == (3, 2, 2)


def test_the_scores_by_hand(tmp_path: Path) -> None:
    """V: gold 1 2 3, given 2 3 4: r 1, all 1 off. A: 1 2 3, given 3 2 1: r -1, 2, 0 and 2 off.

    D: 1 2 3, given 1 3 2: r is (1·1 + 0·1 + 1·0) / 2 = 1/2, with 0, 1 and 1 off.
    """
    gold = "id,text,V,A,D\n8003,c,3,3,3\n8001,a,1,1,1\n8002,b,2,2,2\n"
    test = BLIND + "8001,a\n8002,b\n8003,c\n"
    folder = write_files(tmp_path, {TRAIN: DEVELOPMENT, TEST: test, GOLD: gold})
    answers = {"8001": "2 3 1", "8002": "3 2 3", "8003": "4 1 2"}
    submitted(folder, {f"emotivita:{i}": a for i, a in answers.items()}, tmp_path)
    units = emotivita.score(folder, HOLD_OUT, tmp_path, RUN)
    assert list(units) == ["emotivita"]
    unit = units["emotivita"]
    assert (unit.metric, unit.n, unit.baseline) == ("mean_pearson", 3, 0.0)
    assert unit.value == pytest.approx((1 - 1 + 1 / 2) / 3)
    expected = {
        "pearson_v": 1, "pearson_a": -1, "pearson_d": 1 / 2,
        "mae_v": 1, "mae_a": 4 / 3, "mae_d": 2 / 3,
    }  # fmt: skip
    assert unit.details == pytest.approx(expected)


def test_the_score_is_the_organisers(root: Path, tmp_path: Path) -> None:
    """Their script compares the two files column by column, with scipy's r."""
    folder = root / "data" / "sample" / "emotivita"
    answers = gold_answers(emotivita, folder)
    shifted = dict(zip(answers, [*list(answers.values())[1:], "3.5"], strict=True))
    table = submitted(folder, shifted, tmp_path).astype(float)
    gold = pd.read_csv(folder / GOLD)
    unit = emotivita.score(folder, HOLD_OUT, tmp_path, RUN)["emotivita"]
    for dimension in "VAD":
        r = pearsonr(gold[dimension], table[dimension]).statistic
        error = (gold[dimension] - table[dimension]).abs().mean()
        assert unit.details[f"pearson_{dimension.lower()}"] == pytest.approx(r)
        assert unit.details[f"mae_{dimension.lower()}"] == pytest.approx(error)


def test_a_constant_answer_has_the_score_of_the_baseline(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "emotivita"
    submitted(folder, dict.fromkeys(gold_answers(emotivita, folder), "boh"), tmp_path)
    unit = emotivita.score(folder, HOLD_OUT, tmp_path, RUN)["emotivita"]
    assert (unit.value, ends(unit)) == (0.0, (0.0, 0.0))


def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "emotivita"
    submitted(folder, gold_answers(emotivita, folder), tmp_path)
    path = tmp_path / SUBMISSION

    def score() -> None:
        emotivita.score(folder, HOLD_OUT, tmp_path, RUN)

    assert_other_items_are_refused(score, path, "x8001", "x8001,3,3,3")
    header, _, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, "8001,UNK,3,3\n", *rest]))
    with pytest.raises(InputError, match=r"csv:2: V 'UNK'"):
        score()


sentence = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1
).filter(str.strip)
hundredths = st.integers(0, 600)
row = st.tuples(sentence, hundredths, hundredths, hundredths)


@cases(25)
@given(rows=st.lists(row, min_size=1, max_size=6))
def test_encode_and_decode_invert_each_other(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, int, int]]
) -> None:
    gold = [
        [f"0{i}", text, *(f"{value / 100:.2f}" for value in values)]
        for i, (text, *values) in enumerate(rows)
    ]

    def table(header: str, rows: list[list[str]]) -> str:
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([header.strip().split(","), *rows])
        return out.getvalue()

    folder = write_files(
        tmp_path_factory.mktemp("raw"),
        {
            TRAIN: DEVELOPMENT,
            TEST: table(BLIND, [row[:2] for row in gold]),
            GOLD: table(HEADER, gold[::-1]),
        },
    )
    test = emotivita.encode(folder, HOLD_OUT).splits["test"]
    assert [e.input for e in test] == [row[1] for row in gold]
    submission = emotivita.decode(folder, HOLD_OUT, {e.id: str(e.output) for e in test}, RUN)
    assert submission.tallies["emotivita"].unparsable == 0
    rows_written = list(csv.reader(io.StringIO(submission.files[SUBMISSION])))
    assert rows_written == [["id", "V", "A", "D"], *([row[0], *row[2:]] for row in gold)]
