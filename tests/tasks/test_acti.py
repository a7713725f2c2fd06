"""ACTI: files, defects, posts of both sub-tasks, submissions and score."""

import csv
import logging
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.encode import drop_leaks
from stages.tasks import acti
from stages.toolkit.answers import normalised
from stages.toolkit.records import Unit
from stages.toolkit.splits import SPLITS
from stages.toolkit.tables import write_table
from tests.helpers.cases import cases
from tests.helpers.tasks import (
    HOLD_OUT,
    RUN,
    assert_defect,
    assert_other_items_are_refused,
    gold_answers,
    submit,
    write_files,
)

HEADER_A, HEADER_B = "Id,comment_text,conspiratorial\n", "Id,comment_text,topic,conspiracy\n"
TRAIN_A = HEADER_A + "".join(f"{i},testo {i},{i % 3 % 2}\n" for i in range(30))
TRAIN_B = HEADER_B + "".join(f"{i},testo {2 * i},tema,{max(0, i % 7 - 3)}\n" for i in range(40))
TEST_A = 'Id,comment_text\n30,"prima, ""citata""\n\nultima riga  "\n031,NA\n32,che bello 🙂\n'
TEST_B = "Id,comment_text\n30,la cupola\n40,Mosca\n41,nan\n"


def write(folder: Path, **files: str) -> Path:
    """Writes files, given as A_train and so on."""
    return write_files(folder, {f"subtask{name}.csv": files[name] for name in files})


def scored(folder: Path, answers: dict[str, str], out: Path) -> dict[str, Unit]:
    submit(acti, folder, answers, out)
    return acti.score(folder, HOLD_OUT, out, RUN)


# --- Raw files ------------------------------------------------------------------------------------


def test_questions_are_the_posts_as_they_are(tmp_path: Path) -> None:
    folder = write(tmp_path, A_train=TRAIN_A, B_train=TRAIN_B, A_test=TEST_A, B_test=TEST_B)
    encoded = acti.encode(folder, HOLD_OUT).splits
    assert [(e.id, e.task, e.input, e.output) for e in encoded["test"]] == [
        ("acti_a:30", "acti_a", 'prima, "citata"\n\nultima riga  ', None),
        ("acti_a:031", "acti_a", "NA", None),
        ("acti_a:32", "acti_a", "che bello 🙂", None),
        ("acti_b:30", "acti_b", "la cupola", None),
        ("acti_b:40", "acti_b", "Mosca", None),
        ("acti_b:41", "acti_b", "nan", None),
    ]
    assert {e.output for e in encoded["train"] if e.task == "acti_a"} == {"sì", "no"}


def test_two_is_russia_and_three_the_flat_earth_as_in_the_data(tmp_path: Path) -> None:
    """The guidelines swap them."""
    rows = "0,uno,x,0\n1,due,x,1\n2,tre,x,2\n3,quattro,x,3\n"
    folder = write(tmp_path, A_train=TRAIN_A, B_train=HEADER_B + rows, A_test=TEST_A, B_test=TEST_B)
    encoded = acti.encode(folder, HOLD_OUT).splits
    answers = {e.id: e.output for e in encoded["train"] + encoded["dev"] if e.task == "acti_b"}
    assert answers == {
        "acti_b:0": "Covid",
        "acti_b:1": "Qanon",
        "acti_b:2": "Russia",
        "acti_b:3": "Terra Piatta",
    }


def test_posts_of_b_are_not_copied_into_a(tmp_path: Path) -> None:
    """The reference adds them, all as positives, and under the identifiers of B."""
    folder = write(tmp_path, A_train=TRAIN_A, B_train=TRAIN_B)
    encoded = acti.encode(folder, HOLD_OUT)
    ids = sorted(e.id for split in SPLITS for e in encoded.splits[split])
    assert ids == sorted([f"acti_a:{i}" for i in range(30)] + [f"acti_b:{i}" for i in range(40)])
    assert encoded.notes == {"posts": 70, "posts_of_both": 15}


def test_a_test_file_may_number_from_0_again(tmp_path: Path) -> None:
    test = "Id,comment_text\n0,nuovo\n99,altro\n"
    folder = write(tmp_path, A_train=TRAIN_A, A_test=test)
    encoded = acti.encode(folder, HOLD_OUT).splits
    assert [e.id for e in encoded["test"]] == ["acti_a:0", "acti_a:99"]
    training = {e.id for e in encoded["train"] + encoded["dev"]}
    assert training == {"acti_a:train:0", *(f"acti_a:{i}" for i in range(1, 30))}


def test_without_b_there_are_questions_of_a_and_a_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(tmp_path, A_train=TRAIN_A, B_test="damaged")
    with caplog.at_level(logging.INFO):
        encoded = acti.encode(folder, HOLD_OUT).splits
    assert {e.task for split in SPLITS for e in encoded[split]} == {"acti_a"}
    assert "subtaskB_train.csv: acti_b is skipped" in caplog.text
    assert "subtaskA_test.csv: " in caplog.text
    assert list(scored(folder, gold_answers(acti, folder), tmp_path / "out")) == ["acti_a"]


def test_without_a_it_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no subtaskA_train\.csv, which the task needs"):
        acti.encode(write(tmp_path, B_train=TRAIN_B), HOLD_OUT)


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        pytest.param("A_train", "", 1, "empty", id="empty"),
        pytest.param("A_train", HEADER_A, 1, "no rows", id="header only"),
        pytest.param("A_train", "0,testo,1\n", 1, "expected the header", id="no header"),
        pytest.param("A_train", HEADER_A + "0,a,b,1\n", 2, "found 4", id="unquoted comma"),
        pytest.param("A_train", HEADER_A + "0,a,2\n", 2, "expected 0 or 1", id="label of A"),
        pytest.param("A_train", HEADER_A + "0,a,1.0\n", 2, "expected 0 or 1", id="float label"),
        pytest.param("A_train", HEADER_A + "0,  ,1\n", 2, "expected a text", id="no text"),
        pytest.param(
            "A_train", HEADER_A + '0,"a\n\nb",1\n0,c,1\n', 5, "on line 2 too", id="id twice"
        ),
        pytest.param("B_train", HEADER_B + "0,a,x,4\n", 2, "0, 1, 2 or 3", id="label of B"),
        pytest.param("B_train", HEADER_B + "0,a,x,Covid\n", 2, "conspiracy 'Covid'", id="topic"),
        pytest.param("B_train", HEADER_A + "0,a,1\n", 1, "expected the header", id="A's header"),
        pytest.param("A_test", HEADER_A + "30,a,1\n", 1, "expected the header", id="gold in test"),
        pytest.param("B_test", "Id,comment_text\n,a\n", 2, "identifier", id="no id"),
        pytest.param("B_test", 'Id,comment_text\n0,"a\n', 2, "quoted", id="open quote"),
        pytest.param("A_gold", "Id,conspiratorial\n30,sì\n", 2, "expected 0 or 1", id="gold label"),
        pytest.param("A_gold", "Id\n30\n", 1, "conspiratorial or Expected", id="no gold label"),
        pytest.param(
            "B_gold", "Id,conspiracy,Expected\n30,1,2\n", 1, "one column of labels", id="two labels"
        ),
    ],
)  # fmt: skip
def test_defects_are_reported_by_file_and_line(
    tmp_path: Path, name: str, content: str, line: int, message: str
) -> None:
    files = {"A_train": TRAIN_A, "B_train": TRAIN_B, "A_test": TEST_A, "B_test": TEST_B}
    folder = write(tmp_path, **(files | {name: content}))
    assert_defect(acti, folder, f"subtask{name}.csv", line, message)


def test_gold_of_other_items_is_refused(tmp_path: Path) -> None:
    folder = write(
        tmp_path, A_train=TRAIN_A, A_test=TEST_A, A_gold="Id,Expected\n30,1\n31,0\n32,1\n"
    )
    with pytest.raises(InputError, match=r"subtaskA_gold\.csv: missing items: 031"):
        acti.encode(folder, HOLD_OUT)


@pytest.mark.parametrize(
    "gold",
    [
        "Id,conspiratorial\n32,1\n031,0\n30,1\n",
        "Id,Expected\n30,1\n031,0\n32,1\n",
        'Id,comment_text,conspiratorial\n30,a,1\n031,"b\nc",0\n32,d,1\n',
    ],
)
def test_gold_is_joined_by_id(tmp_path: Path, gold: str) -> None:
    folder = write(tmp_path, A_train=TRAIN_A, A_test=TEST_A, A_gold=gold)
    assert gold_answers(acti, folder) == {"acti_a:30": "sì", "acti_a:031": "no", "acti_a:32": "sì"}


# --- Splits ---------------------------------------------------------------------------------------


def texts(folder: Path) -> dict[str, list[set[str]]]:
    """The texts of each sub-task's splits."""
    by_subtask = acti.read_items(folder, HOLD_OUT)
    return {
        subtask.name: [{normalised(post.text) for post in posts[split]} for split in SPLITS]
        for subtask, posts in by_subtask.items()
    }


def test_equal_posts_are_in_one_split_of_both_subtasks(tmp_path: Path) -> None:
    a = [f"{i},Testo  {i % 40},{i % 2}\n" for i in range(80)]
    b = [f"{i},TESTO {2 * i}!,x,{i % 4}\n" for i in range(40)]
    folder = write(tmp_path / "a", A_train=HEADER_A + "".join(a), B_train=HEADER_B + "".join(b))
    groups = [x | y for x, y in zip(*texts(folder).values(), strict=True)]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups))
    turned = write(
        tmp_path / "b",
        A_train=HEADER_A + "".join(a[::-1]),
        B_train=HEADER_B + "".join(b[::-1]),
    )
    assert texts(turned) == texts(folder)


@pytest.mark.parametrize(("given_test", "content"), [("A", TEST_A), ("B", TEST_B)])
def test_a_post_held_out_of_one_subtask_is_not_learnt_in_the_other(
    tmp_path: Path, given_test: str, content: str
) -> None:
    """Only one of the two has a test file of its own; nothing else is lost."""
    folder = write(tmp_path, A_train=TRAIN_A, B_train=TRAIN_B, **{f"{given_test}_test": content})
    by_split = dict(acti.encode(folder, HOLD_OUT).splits)
    counts = drop_leaks(by_split, keep=False)
    own, other = ("acti_a", "acti_b") if given_test == "A" else ("acti_b", "acti_a")
    assert counts.keys() == {other} and counts[other].keys() == {own}
    train, dev, held_out = (
        {
            name: {normalised(e.input) for e in by_split[split] if e.task == name}
            for name in (own, other)
        }
        for split in SPLITS
    )
    assert held_out[other]
    assert not held_out[other] & (train[own] | dev[own] | train[other] | dev[other])
    assert not train[own] & dev[other] and not dev[own] & train[other]
    rows = list(csv.reader((TRAIN_A if given_test == "A" else TRAIN_B).splitlines()[1:]))
    assert train[own] | dev[own] == {row[1] for row in rows} - held_out[other]


# --- Submission -----------------------------------------------------------------------------------


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "acti"
    answers = gold_answers(acti, folder)
    submission = acti.decode(folder, HOLD_OUT, answers, RUN)
    assert list(submission.files) == ["prova_subtaskA_run2.csv", "prova_subtaskB_run2.csv"]
    for letter, content in zip("AB", submission.files.values(), strict=True):
        assert content.startswith("Id,Expected\n")
        (tmp_path / "submitted.csv").write_text(content, encoding="utf-8")
        table = pd.read_csv(tmp_path / "submitted.csv")
        gold = pd.read_csv(folder / f"subtask{letter}_gold.csv")
        assert list(table.Id) == list(pd.read_csv(folder / f"subtask{letter}_test.csv").Id)
        assert list(table.Expected) == list(gold.iloc[:, -1])


@pytest.mark.parametrize(
    ("subtask", "answer", "label", "fallback"),
    [
        ("acti_a", "Sì.", "1", 0),
        ("acti_a", " si ", "1", 0),
        ("acti_a", "NO", "0", 0),
        ("acti_a", "", "1", 1),
        ("acti_a", "non_cospirazione", "1", 1),
        ("acti_a", "sì e no", "1", 1),
        ("acti_a", "Covid", "1", 1),
        ("acti_b", "terra  piatta!", "3", 0),
        ("acti_b", "RUSSIA", "2", 0),
        ("acti_b", "Qanon", "1", 0),
        ("acti_b", "Terrapiattista", "0", 1),
        ("acti_b", "Ucraina", "0", 1),
        ("acti_b", "Russia o Qanon", "0", 1),
        ("acti_b", "2", "0", 1),
    ],
)
def test_answers_are_parsed_strictly(
    tmp_path: Path, subtask: str, answer: str, label: str, fallback: int
) -> None:
    one = "Id,comment_text\n77,testo\n"
    folder = write(tmp_path, A_train=TRAIN_A, B_train=TRAIN_B, A_test=one, B_test=one)
    answers = {"acti_a:77": "no", "acti_b:77": "Covid"} | {f"{subtask}:77": answer}
    submission = acti.decode(folder, HOLD_OUT, answers, RUN)
    content = submission.files[f"prova_subtask{subtask[-1].upper()}_run2.csv"]
    assert content == f"Id,Expected\n77,{label}\n"
    tally = submission.tallies[subtask]
    assert (tally.rows, tally.unparsable, tally.fallback) == (1, fallback, fallback)


# --- Score ----------------------------------------------------------------------------------------


def test_macro_f1_by_hand(tmp_path: Path) -> None:
    """A: gold 1 0 1, submitted 1 1 1: F1 of 1 is 4/5, of 0 it is 0.

    B: gold 2 3 3, submitted 2 3 0: F1 of the four classes 0, 0, 1, 2/3.
    """
    folder = write(
        tmp_path,
        A_train=TRAIN_A,
        A_test=TEST_A,
        A_gold="Id,conspiratorial\n30,1\n031,0\n32,1\n",
        B_train=TRAIN_B,
        B_test=TEST_B,
        B_gold="Id,conspiracy\n41,3\n30,2\n40,3\n",
    )
    answers = {"acti_a:30": "sì", "acti_a:031": "sì", "acti_a:32": "sì"}
    answers |= {"acti_b:30": "Russia", "acti_b:40": "Terra Piatta", "acti_b:41": "boh"}
    units = scored(folder, answers, tmp_path / "out")
    assert units["acti_a"].value == pytest.approx(0.4)
    assert units["acti_b"].value == pytest.approx(5 / 12)
    assert {unit.metric for unit in units.values()} == {"macro_f1"}
    assert [unit.n for unit in units.values()] == [3, 3]
    # The majorities of the training data are 0 (F1 of 0 is 2·1/(3 + 1)) and 0, which gold has not.
    assert units["acti_a"].baseline == pytest.approx(0.25)
    assert units["acti_b"].baseline == 0.0
    for unit in units.values():
        assert unit.details["overall"] == pytest.approx(0.6 * 0.4 + 0.4 * 5 / 12)


def test_a_subtask_without_gold_has_no_score(tmp_path: Path) -> None:
    gold = "Id,conspiratorial\n30,1\n031,0\n32,1\n"
    folder = write(
        tmp_path, A_train=TRAIN_A, A_test=TEST_A, A_gold=gold, B_train=TRAIN_B, B_test=TEST_B
    )
    encoded = acti.encode(folder, HOLD_OUT).splits["test"]
    answers = {e.id: e.output or "Covid" for e in encoded}
    units = scored(folder, answers, tmp_path / "out")
    assert list(units) == ["acti_a"]
    assert "overall" not in units["acti_a"].details


def test_gold_survives_in_both_held_out_subtasks(tmp_path: Path) -> None:
    folder = write(tmp_path, A_train=TRAIN_A, B_train=TRAIN_B)
    units = scored(folder, gold_answers(acti, folder), tmp_path / "out")
    assert list(units) == ["acti_a", "acti_b"]
    assert all(unit.details["overall"] == 1.0 for unit in units.values())


def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "acti"
    submit(acti, folder, gold_answers(acti, folder), tmp_path)
    path = tmp_path / "prova_subtaskB_run2.csv"

    def score() -> None:
        acti.score(folder, HOLD_OUT, tmp_path, RUN)

    assert_other_items_are_refused(score, path, "1x", "1x,0")
    header, first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, first.replace(",", ",4"), *rest]))
    with pytest.raises(InputError, match="expected 0, 1, 2 or 3"):
        score()


# --- Random data and the sample -------------------------------------------------------------------

post = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=12
).filter(str.strip)


@cases(25)
@given(
    test_a=st.lists(st.tuples(post, st.integers(0, 1)), min_size=1, max_size=8),
    test_b=st.lists(st.tuples(post, st.integers(0, 3)), min_size=1, max_size=8),
)
def test_encode_and_decode_invert_each_other(
    test_a: list[tuple[str, int]],
    test_b: list[tuple[str, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("raw")
    files = {"A_train": TRAIN_A, "B_train": TRAIN_B}
    for letter, column, rows in (("A", "conspiratorial", test_a), ("B", "conspiracy", test_b)):
        numbered = [(f"{i:03}", *row) for i, row in enumerate(rows)]
        files[f"{letter}_test"] = write_table(["Id", "comment_text"], [r[:2] for r in numbered])
        files[f"{letter}_gold"] = write_table(["Id", column], [(r[0], r[2]) for r in numbered])
    encoded = acti.encode(write(folder, **files), HOLD_OUT).splits["test"]
    assert [example.input for example in encoded] == [text for text, _ in test_a + test_b]
    answers = {example.id: str(example.output) for example in encoded}
    submission = acti.decode(folder, HOLD_OUT, answers, RUN)
    for letter, content in zip("AB", submission.files.values(), strict=True):
        assert content.partition("\n")[2] == files[f"{letter}_gold"].partition("\n")[2]


def test_the_sample_has_what_makes_the_real_data_hard(root: Path) -> None:
    folder = root / "data/sample/acti"
    a, b = (pd.read_csv(folder / f"subtask{letter}_train.csv") for letter in "AB")
    assert set(b.Id) <= set(a.Id)
    shared = a[a.comment_text.isin(b.comment_text)]
    assert 0.3 < len(shared) / len(b) < 0.5  # of the real ones, 0.8
    assert set(shared.conspiratorial) == {1}
    assert 0.4 < a.conspiratorial.mean() < 0.6
    for table in (a, b):
        assert table.comment_text.str.contains("\n").sum() > 10
        assert table.comment_text.str.contains('"').sum() > 10
        assert table.comment_text.str.endswith("  ").sum() > 5
