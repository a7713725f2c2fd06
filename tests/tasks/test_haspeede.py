"""HaSpeeDe 3: files, defects, submissions and score."""

import logging
from pathlib import Path

import pandas as pd
import pytest

from stages.common.command import InputError
from stages.tasks import haspeede
from tests.helpers.tasks import (
    HOLD_OUT,
    RUN,
    assert_defect,
    assert_groups_stay_together,
    assert_other_items_are_refused,
    gold_answers,
    submit,
    write_files,
)

HEADER = "anonymized_tweet_id,anonymized_text,label,dataset\n"
TRAIN = HEADER + "".join(f"{i},testo {i},{i % 3 % 2},training_politics\n" for i in range(30))
TEST = (
    "anonymized_tweet_id,anonymized_text,dataset\n"
    '007,"prima, ""citata""\nseconda riga",test_politics\n'
    "8,@123456789 che bello 🙂,test_politics\n"
    "9,campane,test_religious\n"
)


def write(folder: Path, **files: str) -> Path:
    """Writes files, given without their extension."""
    return write_files(folder, {f"{name}.csv": content for name, content in files.items()})


def test_questions_keep_line_ends_quotes_and_leading_zeros(tmp_path: Path) -> None:
    folder = write(tmp_path, training_textual=TRAIN, test_textual=TEST)
    encoded = haspeede.encode(folder, HOLD_OUT).splits
    first = encoded["test"][0]
    assert first.id == "haspeede:007"
    assert first.input == 'prima, "citata"\nseconda riga'
    assert first.output is None
    assert {e.output for e in encoded["train"]} == {"sì", "no"}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        pytest.param("", 1, "empty", id="empty"),
        pytest.param(HEADER, 1, "no rows", id="header only"),
        pytest.param("id,text,label\n1,a,0\n", 1, "expected the header", id="other header"),
        pytest.param(HEADER + "1,a,0\n", 2, "expected 4 columns", id="too few columns"),
        pytest.param(HEADER + "1,a,b,0,training_politics\n", 2, "found 5", id="too many"),
        pytest.param(HEADER + "1,a,2,training_politics\n", 2, "expected 0 or 1", id="label"),
        pytest.param(HEADER + "1,a,,training_politics\n", 2, "expected 0 or 1", id="no label"),
        pytest.param(HEADER + "1, ,0,training_politics\n", 2, "expected a text", id="no text"),
        pytest.param(HEADER + ",a,0,training_politics\n", 2, "identifier", id="no id"),
        pytest.param(HEADER + "1,a,0,test_politics\n", 2, "training_politics", id="dataset"),
        pytest.param(
            HEADER + '1,"a\nb",0,training_politics\n1,c,1,training_politics\n',
            4, "stands on line 2 too", id="id twice, after a line end in a cell",
        ),
        pytest.param(HEADER + '1,"a,0,training_politics\n', 2, "quoted", id="open quote"),
        pytest.param(HEADER + '1,"a"b,0,training_politics\n', 2, "quoted", id="stray quote"),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, content: str, line: int, message: str
) -> None:
    folder = write(tmp_path, training_textual=content)
    assert_defect(haspeede, folder, "training_textual.csv", line, message)


def test_a_gold_file_of_other_items_is_refused(tmp_path: Path) -> None:
    gold = "anonymized_tweet_id,label\n007,1\n8,0\n10,1\n"
    folder = write(tmp_path, training_textual=TRAIN, test_textual=TEST, test_textual_gold=gold)
    with pytest.raises(InputError, match=r"gold\.csv: missing items: 9"):
        haspeede.encode(folder, HOLD_OUT)


def test_equal_texts_are_in_one_split_in_any_order_of_the_file(tmp_path: Path) -> None:
    rows = [f"{i},Testo  {i % 40},{i % 2},training_politics\n" for i in range(80)]
    one, other = (
        haspeede.read_items(write(tmp_path / name, training_textual=HEADER + "".join(r)), HOLD_OUT)
        for name, r in (("a", rows), ("b", rows[::-1]))
    )
    assert_groups_stay_together(one, other, lambda tweet: tweet.text)


def test_what_is_absent_and_held_out_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(tmp_path, training_textual=TRAIN)
    caplog.set_level(logging.INFO)
    sizes = {split: len(rows) for split, rows in haspeede.encode(folder, HOLD_OUT).splits.items()}
    held_out = "items of training_textual.csv are held out for"
    assert caplog.messages == [
        f"{folder}: no dev file: {sizes['dev']} {held_out} dev",
        f"{folder}: no test_textual.csv: {sizes['test']} {held_out} test",
    ]
    caplog.clear()
    haspeede.encode(write(folder, test_textual=TEST), HOLD_OUT)
    assert f"{folder}: no test_textual_gold.csv: no score on test_textual.csv" in caplog.messages


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "haspeede"
    answers = {e.id: "sì" for e in haspeede.encode(folder, HOLD_OUT).splits["test"]}
    first = next(iter(answers))
    submission = haspeede.decode(folder, HOLD_OUT, answers | {first: "boh"}, RUN)
    a, political, religious = submission.files.values()
    assert list(submission.files) == [
        "prova_taskA_textual_run_2.csv",
        "prova_taskB_XPoliticalHate_run_2.csv",
        "prova_taskB_XReligiousHate_run_2.csv",
    ]
    assert a == political
    assert a.startswith("anonymized_tweet_id,label\n")
    test = pd.read_csv(folder / "test_textual.csv")
    for content, dataset in ((a, "test_politics"), (religious, "test_religious")):
        (tmp_path / "submitted.csv").write_text(content)
        table = pd.read_csv(tmp_path / "submitted.csv")
        wanted = test[test.dataset == dataset].anonymized_tweet_id
        assert list(table.anonymized_tweet_id) == list(wanted)
    tally = submission.tallies["haspeede"]
    assert (tally.unparsable, tally.fallback) == (1, 1)
    assert a.split("\n")[1].endswith(",0")


def test_macro_f1_by_hand(tmp_path: Path) -> None:
    """Politics: gold 1 0 0, submitted 1 1 0: F1 2/3 and 2/3. Religion: gold 1, submitted 0: 0."""
    test = TEST.replace("9,campane", "10,treni,test_politics\n9,campane")
    gold = "anonymized_tweet_id,label\n9,1\n007,1\n10,0\n8,0\n"
    folder = write(tmp_path, training_textual=TRAIN, test_textual=test, test_textual_gold=gold)
    answers = dict(zip(("007", "8", "10", "9"), ("Sì.", "si", "NO", "no"), strict=True))
    submit(haspeede, folder, {f"haspeede:{i}": a for i, a in answers.items()}, tmp_path)
    units = haspeede.score(folder, HOLD_OUT, tmp_path, RUN)
    assert units["haspeede_a"].value == pytest.approx(2 / 3)
    assert units["haspeede_xpolitical"].value == pytest.approx(2 / 3)
    assert units["haspeede_xreligious"].value == 0.0
    # The majority of the training data is 0: F1 of 0 is 2·2/(3 + 2), of 1 it is 0.
    assert units["haspeede_a"].baseline == pytest.approx(0.4)
    assert units["haspeede_a"].n == 3


def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "haspeede"
    submit(haspeede, folder, gold_answers(haspeede, folder), tmp_path)
    for file in tmp_path.iterdir():
        assert_other_items_are_refused(
            lambda: haspeede.score(folder, HOLD_OUT, tmp_path, RUN), file, "1x", "1x,0"
        )
