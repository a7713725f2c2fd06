"""EMit: files, defects, answers, submissions and scores."""

import csv
import io
import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from stages.common.command import InputError
from stages.tasks import emit
from stages.tasks.emit import A, B, parse_answer, write_answer
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut
from tests.helpers.cases import cases
from tests.helpers.intervals import ends

HOLD_OUT = HoldOut(seed=3, dev=0.2, test=0.25)
NOTHING_HELD_OUT = HoldOut(seed=3, dev=0.0, test=0.0)
RUN = Run(team="prova", run=2)

EMOTIONS = "Anger,Anticipation,Disgust,Fear,Joy,Love,Neutral,Sadness,Surprise,Trust"
HEAD_A, HEAD_B, BLIND = f"id,text,{EMOTIONS}\n", "id,text,Direction,Topic\n", "id,text\n"
GOLD = f"id,text,{EMOTIONS},Direction,Topic\n"
ANGER, JOY = "1,0,0,0,0,0,0,0,0,0", "0,0,0,0,1,0,0,0,0,0"
JOY_LOVE, NOTHING = "0,0,0,0,1,1,0,0,0,0", "0,0,0,0,0,0,0,0,0,0"

TRAIN_A = HEAD_A + f"a1,Uno,{ANGER}\na2,Due,{JOY}\na3,Tre,{JOY}\n"
TRAIN_B = HEAD_B + "a3,Tre,0,1\na1,Uno,0,1\nb9,Nove,1,0\n"  # b9 is not in A, a2 not in B
TEST = BLIND + '00123e45,"prima, ""citata""  ❤️\nseconda riga"\nc2,😡 :-) &amp; null\n'
OOD = BLIND + "a1,NA\n"
RAW = {
    "emit_train_A": TRAIN_A,
    "emit_train_B": TRAIN_B,
    "emit_test_nolabel": TEST,
    "emit_test_nolabel_out_of_domain": OOD,
}


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, encoding="utf-8", newline="")
    return folder


def gold_of(folder: Path) -> dict[str, str]:
    return {e.id: str(e.output) for e in emit.encode(folder, HOLD_OUT).splits["test"]}


def submitted(folder: Path, answers: dict[str, str], out: Path) -> None:
    out.mkdir(exist_ok=True)
    for name, content in emit.decode(folder, HOLD_OUT, answers, RUN).files.items():
        (out / name).write_text(content, encoding="utf-8")


def test_questions_are_the_tweets_as_they_are(tmp_path: Path) -> None:
    """Emoji, line ends, quotes, ids like 00123e45, and the texts NA and null stay what they are."""
    test = emit.encode(write(tmp_path, RAW), HOLD_OUT).splits["test"]
    assert [(e.id, e.input, e.output) for e in test] == [
        (f"{subtask}:{rest}", text, None)
        for subtask in ("emit_a", "emit_b")
        for rest, text in (
            ("in-domain:00123e45", 'prima, "citata"  ❤️\nseconda riga'),
            ("in-domain:c2", "😡 :-) &amp; null"),
            ("out-of-domain:a1", "NA"),
        )
    ]


def test_answers_of_the_training_tweets(tmp_path: Path) -> None:
    """B has a tweet that A lacks, at which the reference stopped."""
    more = f"a4,Quattro,{JOY_LOVE}\na5,Cinque,{NOTHING}\na6,Sei,0,0,0,0,0,0,1,1,0,1\n"
    folder = write(tmp_path, RAW | {"emit_train_A": TRAIN_A + more})
    encoded = emit.encode(folder, NOTHING_HELD_OUT)
    assert {e.id: e.output for e in encoded.splits["train"]} == {
        "emit_a:train:a1": "rabbia",
        "emit_a:train:a2": "gioia",
        "emit_a:train:a3": "gioia",
        "emit_a:train:a4": "amore gioia",
        "emit_a:train:a5": "nessuna",
        "emit_a:train:a6": "fiducia neutro tristezza",
        "emit_b:train:a3": "argomento",
        "emit_b:train:a1": "argomento",
        "emit_b:train:b9": "direzione",
    }
    assert encoded.notes["emit_a_tweets_without_label"] == 1


@pytest.mark.parametrize(
    ("answer", "labels", "whole"),
    [
        ("amore gioia", {"Love", "Joy"}, True),
        ("gioia  amore", {"Love", "Joy"}, True),
        (" Gioia,\nAMORE. ", {"Love", "Joy"}, True),
        ("gioia - amore", {"Love", "Joy"}, True),
        ("gioia gioia", {"Joy"}, True),
        ("neutro fiducia", {"Neutral", "Trust"}, True),
        ("nessuna", set(), True),
        ("gioia allegria", {"Joy"}, False),
        ("gioia nessuna", {"Joy"}, False),
        ("disamore gioia", {"Joy"}, False),  # the reference found amore in disamore
        ("amorevole", None, False),
        ("gioia,amore", None, False),
        ("gioie", None, False),
        ("Joy", None, False),
        ("nessuna nessuna", None, False),
        ("😡", None, False),
        (" .,- ", None, False),
        ("UNK", None, False),
        ("", None, False),
    ],
)
def test_emotions_are_parsed_as_whole_words(
    answer: str, labels: set[str] | None, whole: bool
) -> None:
    assert parse_answer(A, answer) == (labels, whole)


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        ("direzione", {"Direction"}),
        (" Argomento.", {"Topic"}),
        ("direzione_argomento", {"Direction", "Topic"}),
        ("non_specificato", set()),
        ("argomento_direzione", None),
        ("direzione argomento", None),
        ("non specificato", None),
        ("entrambi", None),  # what the reference's prompt offered
        ("la direzione", None),
        ("", None),
    ],
)
def test_targets_are_parsed_as_a_whole(answer: str, labels: set[str] | None) -> None:
    assert parse_answer(B, answer) == (labels, labels is not None)


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        pytest.param("emit_train_A", "", 1, "empty", id="empty"),
        pytest.param("emit_train_A", HEAD_A, 1, "no rows", id="header only"),
        pytest.param("emit_train_A", HEAD_B + "1,a,0,1\n", 1, "expected the header", id="B as A"),
        pytest.param("emit_train_A", HEAD_A + "1,a,0\n", 2, "expected 12 columns", id="too few"),
        pytest.param("emit_train_A", HEAD_A + f"1,a,b,{JOY}\n", 2, "found 13", id="too many"),
        pytest.param("emit_train_A", HEAD_A + f"1,a,2{JOY[1:]}\n", 2, "Anger '2'", id="label 2"),
        pytest.param("emit_train_A", HEAD_A + f"1,a,{JOY[:-1]}\n", 2, "Trust ''", id="no label"),
        pytest.param("emit_train_A", HEAD_A + f"1, ,{JOY}\n", 2, "expected a text", id="no text"),
        pytest.param("emit_train_A", HEAD_A + f",a,{JOY}\n", 2, "identifier", id="no id"),
        pytest.param("emit_train_A", HEAD_A + f'1,"a,{JOY}\n', 2, "quoted", id="open quote"),
        pytest.param(
            "emit_train_A", HEAD_A + f'1,"a\nb",{JOY}\n1,c,{JOY}\n',
            4, "stands on line 2 too", id="id twice, after a line end in a cell",
        ),
        pytest.param("emit_train_B", HEAD_B + "1,a,0,sì\n", 2, "Topic 'sì'", id="label of B"),
        pytest.param("emit_train_B", TRAIN_B + "a1,a,0,1\n", 5, "on line 3 too", id="twice, B"),
        pytest.param("emit_test_nolabel", TEST + "c2,a\n", 5, "on line 4 too", id="twice, test"),
        pytest.param("emit_test_nolabel", TRAIN_B, 1, "expected the header", id="labels in test"),
        pytest.param("emit_test_nolabel_out_of_domain", OOD + "a2,\n", 3, "a text", id="ood"),
        pytest.param("emit_test", "id,Topic\nc2,1\n00123e45,0\n", 1, "no Direction", id="half"),
        pytest.param("emit_test", GOLD + f"c2,a,{JOY},0,x\n", 2, "Topic 'x'", id="gold"),
        pytest.param("emit_test_ood", "id,Direction,Topic\na1,,0\n", 2, "Direction ''", id="empty"),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    folder = write(tmp_path, RAW | {file: content})
    with pytest.raises(InputError, match=rf"{file}\.csv:{line}: ") as error:
        emit.encode(folder, HOLD_OUT)
    assert message in str(error.value)


def test_a_gold_file_of_other_items_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, RAW | {"emit_test": "id,Direction,Topic\nc2,0,1\na1,0,1\n"})
    with pytest.raises(InputError, match=r"emit_test\.csv: missing items: 00123e45"):
        emit.encode(folder, HOLD_OUT)


def test_equal_texts_are_in_one_split_of_both_subtasks_in_any_order(tmp_path: Path) -> None:
    def rows(labels: str, order: int) -> str:
        return "".join([f"t{i},Testo  {i % 40},{labels}\n" for i in range(80)][::order])

    one = {"emit_train_A": HEAD_A + rows(JOY, 1), "emit_train_B": HEAD_B + rows("0,1", -1)}
    other = {"emit_train_A": HEAD_A + rows(JOY, -1), "emit_train_B": HEAD_B + rows("0,1", 1)}
    tweets = emit.read_items(write(tmp_path / "1", one), HOLD_OUT)
    again = emit.read_items(write(tmp_path / "2", other), HOLD_OUT)
    texts = [{t.text for t in tweets[A][split]} for split in SPLITS]
    assert all(texts)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    for split in SPLITS:
        ids = {t.id for t in tweets[A][split]}
        assert ids == {t.id for t in tweets[B][split]}
        assert ids == {t.id for t in again[A][split]}
        assert ids == {t.id for t in again[B][split]}


def test_a_tweet_whose_text_differs_between_the_files_is_in_one_split(tmp_path: Path) -> None:
    a = HEAD_A + "".join(f"t{i},Testo {i},{JOY}\n" for i in range(40))
    b = HEAD_B + "".join(f"t{i},Altro {i},0,1\n" for i in range(40))
    tweets = emit.read_items(write(tmp_path, {"emit_train_A": a, "emit_train_B": b}), HOLD_OUT)
    for split in SPLITS:
        assert [t.id for t in tweets[A][split]] == [t.id for t in tweets[B][split]]


def test_without_sub_task_b_and_test_files(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(root / "data" / "sample" / "emit" / "emit_train_A.csv", tmp_path)
    with caplog.at_level(logging.INFO):
        test = emit.encode(tmp_path, HOLD_OUT).splits["test"]
    assert {e.task for e in test} == {"emit_a"}
    for message in (
        f"no emit_test_nolabel.csv: {len(test)} items of emit_train_A.csv are held out for test",
        "no emit_test_nolabel_out_of_domain.csv: emit_a out-of-domain is skipped",
        "no emit_train_B.csv and no emit_test_nolabel.csv: emit_b is skipped",
    ):
        assert message in caplog.text
    submission = emit.decode(tmp_path, HOLD_OUT, {e.id: "" for e in test}, RUN)
    assert list(submission.files) == ["prova_SubtaskA_in-domain_run2.csv"]


def test_gold_survives_on_held_out_tweets_of_both_sub_tasks(root: Path, tmp_path: Path) -> None:
    for file in ("emit_train_A.csv", "emit_train_B.csv"):
        shutil.copy(root / "data" / "sample" / "emit" / file, tmp_path)
    submitted(tmp_path, gold_of(tmp_path), tmp_path)
    units = emit.score(tmp_path, HOLD_OUT, tmp_path, RUN)
    assert {name: (u.value, *ends(u)) for name, u in units.items()} == {
        "emit_a": (1.0, 1.0, 1.0),
        "emit_b": (1.0, 1.0, 1.0),
    }


def test_held_out_tweets_are_scored_on_the_labels_that_they_have(tmp_path: Path) -> None:
    """Of the held-out tweets few are angry; none has a direction, so B averages over both."""
    rows = range(60)
    a = HEAD_A + "".join(f"t{i},Testo {i},{JOY if i % 10 else ANGER}\n" for i in rows)
    b = HEAD_B + "".join(f"t{i},Testo {i},0,1\n" for i in rows)
    folder = write(tmp_path, {"emit_train_A": a, "emit_train_B": b})
    answers = gold_of(folder)
    assert 1 <= list(answers.values()).count("rabbia") <= 3
    submitted(folder, answers, tmp_path)
    units = emit.score(folder, HOLD_OUT, tmp_path, RUN)
    assert (units["emit_a"].value, ends(units["emit_a"])) == (1.0, (1.0, 1.0))
    assert set(units["emit_a"].details) == {"f1_Anger", "f1_Joy"}
    assert units["emit_b"].value == 0.5
    assert set(units["emit_b"].details) == {"f1_Direction", "f1_Topic"}


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "emit"
    submitted(folder, gold_of(folder), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "prova_SubtaskA_in-domain_run2.csv",
        "prova_SubtaskA_out-of-domain_run2.csv",
        "prova_SubtaskB_in-domain_run2.csv",
        "prova_SubtaskB_out-of-domain_run2.csv",
    ]
    for subtask, columns in (("A", EMOTIONS.split(",")), ("B", ["Direction", "Topic"])):
        for domain, blind, gold in (
            ("in-domain", "emit_test_nolabel", "emit_test"),
            ("out-of-domain", "emit_test_nolabel_out_of_domain", "emit_test_ood"),
        ):
            path = tmp_path / f"prova_Subtask{subtask}_{domain}_run2.csv"
            assert path.read_text().startswith(",".join(["id", *columns]) + "\n")
            table = pd.read_csv(path, dtype={"id": str})
            tweets = pd.read_csv(folder / f"{blind}.csv", dtype=str)
            assert list(table.id) == list(tweets.id)
            right = pd.read_csv(folder / f"{gold}.csv", dtype={"id": str})
            assert table.equals(right[["id", *columns]])


def test_fallbacks_and_partly_parsed_answers(tmp_path: Path) -> None:
    """In training B has the topic alone twice and the direction once."""
    folder = write(tmp_path, RAW)
    answers = {
        "emit_a:in-domain:00123e45": "gioia e amore",
        "emit_a:in-domain:c2": "boh",
        "emit_a:out-of-domain:a1": "nessuna",
        "emit_b:in-domain:00123e45": "entrambi",
        "emit_b:in-domain:c2": "direzione_argomento",
        "emit_b:out-of-domain:a1": "non_specificato",
    }
    submission = emit.decode(folder, NOTHING_HELD_OUT, answers, RUN)
    assert submission.files == {
        "prova_SubtaskA_in-domain_run2.csv": (
            f"id,{EMOTIONS}\n00123e45,{JOY_LOVE}\nc2,0,0,0,0,0,0,1,0,0,0\n"
        ),
        "prova_SubtaskA_out-of-domain_run2.csv": f"id,{EMOTIONS}\na1,{NOTHING}\n",
        "prova_SubtaskB_in-domain_run2.csv": "id,Direction,Topic\n00123e45,0,1\nc2,1,1\n",
        "prova_SubtaskB_out-of-domain_run2.csv": "id,Direction,Topic\na1,0,0\n",
    }
    a, b = submission.tallies["emit_a"], submission.tallies["emit_b"]
    assert (a.rows, a.unparsable, a.fallback) == (3, 2, 1)
    assert (b.rows, b.unparsable, b.fallback) == (3, 1, 1)


def scored_files(tmp_path: Path, **gold: str) -> Path:
    test = BLIND + "".join(f"t{i},testo {i}\n" for i in range(4))
    return write(tmp_path, RAW | {"emit_test_nolabel": test} | gold)


def test_the_scores_by_hand(tmp_path: Path) -> None:
    """Anger: gold 1 1 0 0, given 1 0 0 0: F1 2/3. Joy: 0 0 1 0 and 0 1 1 1: 1/2. Others 0.

    Direction: gold 1 1 0 0, given 1 1 1 1: 2/3. Topic: 0 0 0 1 and 0 0 0 1: 1.
    """
    labels = (f"{ANGER},1,0", f"{ANGER},1,0", f"{JOY},0,0", f"{NOTHING},0,1")
    rows = [f"t{i},testo,{cells}\n" for i, cells in enumerate(labels)]
    folder = scored_files(
        tmp_path,
        emit_test=GOLD + "".join(rows[::-1]),
        emit_test_ood=GOLD + f"a1,NA,{JOY},0,1\n",
    )
    a, b = ("rabbia", "gioia", "gioia", "gioia"), (*3 * ["direzione"], "direzione_argomento")
    answers = {f"emit_a:in-domain:t{i}": answer for i, answer in enumerate(a)}
    answers |= {f"emit_b:in-domain:t{i}": answer for i, answer in enumerate(b)}
    answers |= {"emit_a:out-of-domain:a1": "gioia", "emit_b:out-of-domain:a1": "argomento"}
    submission = emit.decode(folder, NOTHING_HELD_OUT, answers, RUN)
    for name, content in submission.files.items():
        (tmp_path / name).write_text(content)
    units = emit.score(folder, NOTHING_HELD_OUT, tmp_path, RUN)
    assert list(units) == ["emit_a", "emit_b"]
    unit = units["emit_a"]
    assert (unit.metric, unit.n) == ("macro_f1", 4)
    assert unit.value == pytest.approx((2 / 3 + 1 / 2) / 10)
    assert unit.details["f1_Anger"] == pytest.approx(2 / 3)
    assert unit.details["f1_Trust"] == 0.0
    # gioia, most frequent in training, for every tweet: 2·1/(4 + 1).
    assert unit.baseline == pytest.approx(2 / 5 / 10)
    assert unit.details["out_of_domain_macro_f1"] == pytest.approx(1 / 10)
    unit = units["emit_b"]
    assert unit.value == pytest.approx((2 / 3 + 1) / 2)
    assert unit.baseline == pytest.approx((0 + 2 / 5) / 2)  # argomento for every tweet
    assert unit.details["out_of_domain_macro_f1"] == pytest.approx(1 / 2)


def test_the_score_is_scikit_learns_on_the_columns(root: Path, tmp_path: Path) -> None:
    """The organisers' scorer compares the files row by row."""
    folder = root / "data" / "sample" / "emit"
    answers = list(gold_of(folder).values())
    submitted(folder, dict(zip(gold_of(folder), answers[1:] + answers[:1], strict=True)), tmp_path)
    units = emit.score(folder, HOLD_OUT, tmp_path, RUN)
    for subtask, columns in (("A", EMOTIONS.split(",")), ("B", ["Direction", "Topic"])):
        for domain, file in (("in-domain", "emit_test"), ("out-of-domain", "emit_test_ood")):
            path = tmp_path / f"prova_Subtask{subtask}_{domain}_run2.csv"
            table, gold = pd.read_csv(path), pd.read_csv(folder / f"{file}.csv")
            expected = f1_score(gold[columns], table[columns], average="macro")
            unit = units[f"emit_{subtask.lower()}"]
            in_domain = domain == "in-domain"
            value = unit.value if in_domain else unit.details["out_of_domain_macro_f1"]
            assert 0.0 < value == pytest.approx(expected)


@pytest.mark.parametrize("kept", ["A", "B"])
def test_a_gold_file_may_have_one_sub_task_alone(
    root: Path, tmp_path: Path, kept: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(root / "data" / "sample" / "emit", tmp_path, dirs_exist_ok=True)
    answers = gold_of(tmp_path)
    columns = EMOTIONS.split(",") if kept == "A" else ["Direction", "Topic"]
    gold = pd.read_csv(tmp_path / "emit_test.csv", dtype=str, keep_default_na=False)
    gold[["id", *columns]].to_csv(tmp_path / "emit_test.csv", index=False)
    submitted(tmp_path, answers, tmp_path)
    units = emit.score(tmp_path, HOLD_OUT, tmp_path, RUN)
    assert list(units) == [f"emit_{kept.lower()}"]
    assert units[f"emit_{kept.lower()}"].value == 1.0
    with caplog.at_level(logging.INFO):
        test = emit.encode(tmp_path, HOLD_OUT).splits["test"]
    assert f"emit_test.csv: no column of emit_{'b' if kept == 'A' else 'a'}: no" in caplog.text
    for example in test:
        scored = example.task == f"emit_{kept.lower()}" or ":out-of-domain:" in example.id
        assert (example.output is not None) == scored


def test_without_gold_there_is_no_answer_and_no_score(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "data" / "sample" / "emit", tmp_path, dirs_exist_ok=True)
    answers = gold_of(tmp_path)
    (tmp_path / "emit_test_ood.csv").unlink()
    submitted(tmp_path, answers, tmp_path)
    units = emit.score(tmp_path, HOLD_OUT, tmp_path, RUN)
    assert all("out_of_domain_macro_f1" not in unit.details for unit in units.values())
    (tmp_path / "emit_test.csv").unlink()
    assert emit.score(tmp_path, HOLD_OUT, tmp_path, RUN) == {}
    assert {e.output for e in emit.encode(tmp_path, HOLD_OUT).splits["test"]} == {None}


def test_decode_never_reads_the_gold(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "data" / "sample" / "emit", tmp_path, dirs_exist_ok=True)
    answers = dict.fromkeys(gold_of(tmp_path), "boh")
    whole = emit.decode(tmp_path, HOLD_OUT, answers, RUN)
    for name in ("emit_test.csv", "emit_test_ood.csv"):
        (tmp_path / name).write_text("damaged")
    assert emit.decode(tmp_path, HOLD_OUT, answers, RUN) == whole


def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "emit"
    submitted(folder, gold_of(folder), tmp_path)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_text()
        header, first, second, *rest = content.splitlines(keepends=True)
        for lines, message in (
            ([header, second, *rest], "missing items"),
            ([header, first, second, *rest, "x" + first], "not in the test set: x"),
            ([header, first, first, second, *rest], "stand there twice"),
            ([header, second, first, *rest], "out of order"),
            ([header, first[:-2] + "2\n", second, *rest], r"csv:2: .*expected 0 or 1"),
        ):
            path.write_text("".join(lines))
            with pytest.raises(InputError, match=message):
                emit.score(folder, HOLD_OUT, tmp_path, RUN)
        path.write_text(content)


tweet = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1
).filter(str.strip)
ten, two = (st.lists(st.integers(0, 1), min_size=n, max_size=n) for n in (10, 2))


@cases(25)
@given(rows=st.lists(st.tuples(tweet, ten, two), min_size=1, max_size=6))
def test_encode_and_decode_invert_each_other(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, list[int], list[int]]]
) -> None:
    def table(header: str, rows: list[list[object]]) -> str:
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([header.strip().split(","), *rows])
        return out.getvalue()

    a, b = ([[f"0{i}", *row[n]] for i, row in enumerate(rows)] for n in (1, 2))
    gold = [[i, row[0], *row[1], *row[2]] for (i, *_), row in zip(a, rows, strict=True)]
    blind = table(BLIND, [row[:2] for row in gold])
    files = {"emit_test_nolabel": blind, "emit_test_nolabel_out_of_domain": blind}
    folder = write(
        tmp_path_factory.mktemp("raw"),
        RAW | files | dict.fromkeys(("emit_test", "emit_test_ood"), table(GOLD, gold[::-1])),
    )
    test = emit.encode(folder, HOLD_OUT).splits["test"]
    assert [e.input for e in test] == 4 * [row[0] for row in rows]
    submission = emit.decode(folder, HOLD_OUT, {e.id: str(e.output) for e in test}, RUN)
    assert not any(tally.unparsable for tally in submission.tallies.values())
    for name, content in submission.files.items():
        expected = a if "SubtaskA" in name else b
        assert list(csv.reader(io.StringIO(content)))[1:] == [[str(c) for c in r] for r in expected]


def test_all_answers_can_be_written_and_parsed() -> None:
    for subtask, columns in ((A, A.columns), (B, B.columns)):
        for number in range(2 ** len(columns)):
            labels = frozenset(c for bit, c in enumerate(columns) if number >> bit & 1)
            assert parse_answer(subtask, write_answer(subtask, labels)) == (labels, True)
