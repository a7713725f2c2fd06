"""DisCoTEX: two ways of quoting, held-out talks, submissions and scores."""

import csv
import logging
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.sample import discotex as recipe
from stages.common.command import InputError
from stages.tasks import discotex
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut, merge_splits
from stages.toolkit.tables import write_table
from tests.helpers.cases import cases

HOLD_OUT = HoldOut(seed=3, dev=0.2, test=0.25)
RUN = Run(team="prova", run=2)

TED, WIKI = (f"discotex_1_{s}_train_set_release.tsv" for s in ("ted", "wiki"))
TED_TEST, WIKI_TEST = (f"discotex_1_{s}_test_set_release.tsv" for s in ("ted", "wiki"))
SCORES, SCORES_TEST = "discotex_2_train_clean_release.tsv", "discotex_2_test_set_release.tsv"

ONE = "ID\tPROMPT\tTARGET\tCLASS\n"
TWO = "ID\tTEXT\tSCORE\n"
TRAIN = ONE + "".join(f"t{i}#{i}\tprima {i}\tpoi {i}\t{i % 3 % 2}\n" for i in range(30))
TRAIN_SCORES = TWO + "".join(f"s{i}#1\ttesto {i}\t{1 + i / 9}\n" for i in range(30))


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8", newline="")
    return folder


def read_items(folder: Path) -> BySplit[discotex.Item]:
    """The items of all sources, split by split."""
    return merge_splits(discotex.read_items(folder, HOLD_OUT).values())


def submit(folder: Path, answers: dict[str, str], out: Path) -> dict[str, str]:
    """Decodes and saves the submissions."""
    files = dict(discotex.decode(folder, HOLD_OUT, answers, RUN).files)
    write(out, files)
    return files


# --- Raw files ------------------------------------------------------------------------------------


def test_training_files_are_quoted_and_blind_ones_are_not(tmp_path: Path) -> None:
    """The same items in both give the same questions."""
    train = (
        ONE + '007\t"Prima.\nDopo ""così""."\t"""Ecco"" disse."\t1\n'
        '008\t"""Mai detto.\nGiuro."\tA capo\t0\n'
    )
    blind = (
        ONE + '1\tPrima. Dopo "così".\t"Ecco" disse.\t\n'
        '2\t"Mai detto. Giuro.\tA capo\t\n'
        '3\tUno\t"Due"\t\n'
    )
    folder = write(tmp_path, {TED: train, f"blind/{TED_TEST}": blind})
    encoded = discotex.encode(folder, HoldOut(seed=3, dev=0, test=0.25)).splits
    expected = ['Prima. Dopo "così". [SEP] "Ecco" disse.', '"Mai detto. Giuro. [SEP] A capo']
    assert [e.input for e in encoded["train"]] == expected
    assert [e.output for e in encoded["train"]] == ["sì", "no"]
    assert [e.id for e in encoded["train"]] == [f"discotex_1:ted:train:{i}" for i in ("007", "008")]
    assert [e.input for e in encoded["test"]] == [*expected, 'Uno [SEP] "Due"']
    assert {e.output for e in encoded["test"]} == {None}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('"Disse: ""Vieni""." Poi tacque.', 'Disse: "Vieni". Poi tacque.'),
        ('"""Vieni"", disse."', '"Vieni", disse.'),
        ('"Disse: ""Vieni"""', 'Disse: "Vieni"'),
        ('Lei. "Disse: ""Vieni""."\nPoi.', 'Lei. Disse: "Vieni". Poi.'),
        ('"Vieni"', '"Vieni"'),
        ('Lo chiamano "Vieni"', 'Lo chiamano "Vieni"'),
        ('"Vieni", disse "Anna"', '"Vieni", disse "Anna"'),
        ('Lo chiamano ""Vieni"" qui', 'Lo chiamano ""Vieni"" qui'),
        ('l\'album "" del 1983', 'l\'album "" del 1983'),
        ('"Disse: ""Vieni." "Resta"", disse."', 'Disse: "Vieni. Resta", disse.'),
        ('"Disse: ""Vieni"", mai chiuso', '"Disse: ""Vieni"", mai chiuso'),
        ("a  b\n c\u2028d", "a b c d"),
    ],
)
def test_remains_of_quoting_are_taken_off(cell: str, expected: str) -> None:
    assert discotex.plain(cell) == expected


def test_usual_reading_would_lose_blind_rows_of_the_sample(root: Path) -> None:
    """A cell that begins with a mark swallows its neighbours when it is read as quoted."""
    folder = root / "data" / "sample" / "discotex"
    lines = (folder / "blind" / WIKI_TEST).read_text().splitlines()
    assert len(list(csv.reader(lines, delimiter="\t"))) < len(lines)
    items = discotex.read_items(folder, HOLD_OUT)
    (wiki,) = (by_split["test"] for source, by_split in items.items() if source.name == "wiki")
    assert len(wiki) == len(lines) - 1 == recipe.TEST["wiki"]
    gold = pd.read_csv(folder / "gold" / WIKI_TEST, sep="\t")
    assert [item.id for item in wiki] == list(gold.ID)
    questions = (gold.PROMPT + " [SEP] " + gold.TARGET).map(discotex.plain)
    assert [item.text for item in wiki] == list(questions)


GOOD = "1\ta\tb\t0\n"


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        pytest.param(TED, "", 1, "empty", id="empty"),
        pytest.param(TED, ONE, 1, "no rows", id="header only"),
        pytest.param(TED, "ID\tPROMPT\tTARGET\n1\ta\tb\n", 1, "CLASS", id="no class"),
        pytest.param(WIKI, "id\ttext\n1\ta\n", 1, "expected the header", id="other header"),
        pytest.param(TED, ONE + GOOD + "2\ta\tb\t2\n", 3, "expected 0 or 1", id="class"),
        pytest.param(TED, ONE + GOOD + "2\ta\tb\t\n", 3, "expected 0 or 1", id="empty class"),
        pytest.param(TED, ONE + GOOD + "2\t \tb\t1\n", 3, "expected a text", id="no prompt"),
        pytest.param(WIKI, ONE + GOOD + "2\ta\t\t1\n", 3, "expected a text", id="no target"),
        pytest.param(WIKI, ONE + GOOD + "\ta\tb\t1\n", 3, "identifier", id="no id"),
        pytest.param(TED, ONE + "1\ta\tb\n", 2, "expected 4 columns", id="too few columns"),
        pytest.param(TED, ONE + '1\t"a\nb"\tc\t0\n1\td\te\t1\n', 4, "line 2 too", id="id twice"),
        pytest.param(TED, ONE + '1\t"a\tb\t0\n', 2, "quoted", id="open quote in a quoted file"),
        pytest.param(SCORES, TWO + "1\ta\t5.01\n", 2, "number from 1 to 5", id="score too high"),
        pytest.param(SCORES, TWO + "1\ta\t3,5\n", 2, "number from 1 to 5", id="decimal comma"),
        pytest.param(SCORES, TWO + "1\ta\tnan\n", 2, "number from 1 to 5", id="nan"),
        pytest.param(SCORES, "ID\tTEXT\n1\ta\n", 1, "SCORE or MEAN", id="no score"),
        pytest.param(
            SCORES, "ID\tTEXT\tMEAN\tSCORE\n1\ta\t2\t3\n", 1, "SCORE or MEAN", id="both scores"
        ),
        pytest.param(f"blind/{TED_TEST}", ONE + "1\ta\tb\n", 2, "expected 4", id="blind columns"),
        pytest.param(f"blind/{TED_TEST}", ONE + "1\ta\nb\tc\t\n", 2, "expected 4", id="line end"),
        pytest.param(f"blind/{SCORES_TEST}", TWO + "1\t\t\n", 2, "expected a text", id="no text"),
        pytest.param(
            f"blind/{WIKI_TEST}", ONE + "a\tb\tc\t\nx1\tb\tc\t\n", 3, "ID x1 stands in",
            id="id in both sources",
        ),
        pytest.param(f"gold/{TED_TEST}", ONE + "x1\ta\tb\tsì\n", 2, "0 or 1", id="gold class"),
        pytest.param(f"gold/{TED_TEST}", ONE + '1\t"a\n', 2, "quoted", id="gold open quote"),
        pytest.param(f"gold/{SCORES_TEST}", TWO + "y1\ta\t\n", 2, "from 1 to 5", id="gold score"),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    files = {
        TED: TRAIN,
        f"blind/{TED_TEST}": ONE + "x1\ta\tb\t\n",
        f"blind/{SCORES_TEST}": TWO + "y1\ta\t\n",
    }
    folder = write(tmp_path, files | {file: content})
    with pytest.raises(InputError, match=rf"{file}:{line}: ") as error:
        discotex.encode(folder, HOLD_OUT)
    assert message in str(error.value)


def test_a_gold_file_of_other_items_is_refused(tmp_path: Path) -> None:
    files = {TED: TRAIN, f"blind/{TED_TEST}": ONE + "1\ta\tb\t\n2\tc\td\t\n"}
    folder = write(tmp_path, files | {f"gold/{TED_TEST}": ONE + "1\ta\tb\t0\n3\tc\td\t1\n"})
    with pytest.raises(InputError, match=rf"gold/{TED_TEST}: missing items: 2"):
        discotex.encode(folder, HOLD_OUT)


def test_sources_may_be_absent_but_not_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the encyclopedia's training file its test items still make questions."""
    files = {SCORES: TRAIN_SCORES, f"blind/{WIKI_TEST}": ONE + "w1\ta\tb\t\n"}
    folder = write(tmp_path / "a", files)
    caplog.set_level(logging.INFO)
    encoded = discotex.encode(folder, HOLD_OUT)
    assert encoded.notes == {"discotex_1_ted": 0, "discotex_1_wiki": 1, "discotex_2_all": 30}
    assert [e.id for e in encoded.splits["test"]][0] == "discotex_1:wiki:test:w1"
    held_out = len(encoded.splits["test"]) - 1
    for message in (
        f"no {TED} and no blind/{TED_TEST}: discotex_1_ted is skipped",
        f"no {WIKI}: no training on discotex_1_wiki",
        f"no gold/{WIKI_TEST}: no score on blind/{WIKI_TEST}",
        f"no blind/{SCORES_TEST}: {held_out} items of {SCORES} are held out for test",
    ):
        assert message in caplog.text
    with pytest.raises(InputError, match="no training file; expected at least one of"):
        discotex.encode(write(tmp_path / "b", {f"blind/{WIKI_TEST}": ONE + GOOD}), HOLD_OUT)


@pytest.mark.parametrize("header", ["ID\tTEXT\tSCORE", "ID\tTEXT\tMEAN\tSTDEV"])
def test_the_score_may_be_called_mean(tmp_path: Path, header: str) -> None:
    more = "\t0.4" * header.count("STDEV")
    content = f"{header}\n1\ta\t3.66666666666667{more}\n2\tb\t4.0{more}\n"
    folder = write(tmp_path, {SCORES: content})
    encoded = discotex.encode(folder, HoldOut(seed=3, dev=0, test=0)).splits
    assert [e.output for e in encoded["train"]] == ["3.67", "4.00"]


# --- Splits ---------------------------------------------------------------------------------------


def test_a_document_is_in_one_split_in_both_subtasks_and_any_order(tmp_path: Path) -> None:
    one = [f"t{i % 40}#{i}\tprima {i}\tpoi {i}\t{i % 2}\n" for i in range(80)]
    two = [f"t{i}#9\ttesto {i}\t3\n" for i in range(40)]
    splits: list[dict[str, str]] = []
    for name, step in (("a", 1), ("b", -1)):
        files = {TED: ONE + "".join(one[::step]), SCORES: TWO + "".join(two[::step])}
        by_split = read_items(write(tmp_path / name, files))
        documents = [{item.id.split("#")[0] for item in by_split[split]} for split in SPLITS]
        assert all(documents)
        assert sum(map(len, documents)) == 40  # none in two splits
        splits.append({item.question_id: split for split in SPLITS for item in by_split[split]})
    assert splits[0] == splits[1]


def test_targets_of_one_prompt_stay_together_where_ids_name_no_document(tmp_path: Path) -> None:
    rows = [f'{i}\t"Prompt  {i % 40}"\ttarget {i}\t{i % 2}\n' for i in range(120)]
    by_split = read_items(write(tmp_path, {TED: ONE + "".join(rows)}))
    prompts = [{item.text.partition(" [SEP]")[0] for item in by_split[split]} for split in SPLITS]
    assert all(prompts)
    assert sum(map(len, prompts)) == 40


# --- Submissions ----------------------------------------------------------------------------------


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "discotex"
    answers = {e.id: str(e.output) for e in discotex.encode(folder, HOLD_OUT).splits["test"]}
    files = submit(folder, answers, tmp_path)
    assert list(files) == ["prova.subtask1.run2.tsv", "prova.subtask2.run2.tsv"]
    classes, scores = (pd.read_csv(tmp_path / name, sep="\t", header=None) for name in files)
    gold = [pd.read_csv(folder / "gold" / name, sep="\t") for name in (TED_TEST, WIKI_TEST)]
    assert list(classes[0]) == list(pd.concat(gold).ID)
    assert list(classes[1]) == list(pd.concat(gold).CLASS)
    third = pd.read_csv(folder / "gold" / SCORES_TEST, sep="\t")
    assert list(scores[0]) == list(third.ID)
    assert list(scores[1]) == list(third.SCORE)
    assert files["prova.subtask2.run2.tsv"].split("\n")[0].split("\t")[1].count(".") == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("3.66666666666667", 3.67),
        ("3,5", 3.5),
        (" 4 ", 4.0),
        ("0.2", 1.0),
        ("99", 5.0),
        ("-3", 1.0),
        ("nan", None),
        ("punteggio 3", None),
        ("3 4", None),
        ("", None),
        ("UNK", None),
        ("٣", None),
    ],
)
def test_scores_are_parsed_strictly_and_cut_to_the_scale(
    answer: str, expected: float | None
) -> None:
    assert discotex.parse_score(answer) == expected


def test_unparsable_answers_become_no_and_the_mean(tmp_path: Path) -> None:
    """ExtremITA counts every unparsable class as coherent."""
    files = {
        TED: TRAIN,
        SCORES: TWO + "1\ta\t2\n2\tb\t2.5\n3\tc\t5\n",
        f"blind/{TED_TEST}": ONE + "x1\ta\tb\t\nx2\tc\td\t\n",
        f"blind/{SCORES_TEST}": TWO + "y1\ta\t\n",
    }
    folder = write(tmp_path, files)
    answers = {
        "discotex_1:ted:test:x1": "coerente, sì",
        "discotex_1:ted:test:x2": "Sì!",
        "discotex_2:all:test:y1": "boh",
    }
    submission = discotex.decode(folder, HoldOut(seed=3, dev=0, test=0), answers, RUN)
    assert list(submission.files.values()) == ["x1\t0\nx2\t1\n", "y1\t3.17\n"]
    tallies = {k: (t.rows, t.unparsable, t.fallback) for k, t in submission.tallies.items()}
    assert tallies == {"discotex_1": (2, 1, 1), "discotex_2": (1, 1, 1)}
    (folder / SCORES).unlink()
    submission = discotex.decode(folder, HOLD_OUT, answers, RUN)
    assert submission.files["prova.subtask2.run2.tsv"] == "y1\t3.00\n"


# --- Scores ---------------------------------------------------------------------------------------


def test_scores_by_hand(tmp_path: Path) -> None:
    """Talks 1 of 2 right, encyclopedia 2 of 2: 3/4. Scores 1 2 3 against 2 1 3: r = rho = 1/2."""
    files = {
        TED: TRAIN,  # a third of the classes are 1: the majority is 0
        SCORES: TRAIN_SCORES,
        f"blind/{TED_TEST}": ONE + "x1\ta\tb\t\nx2\tc\td\t\n",
        f"gold/{TED_TEST}": ONE + "x2\tc\td\t0\nx1\ta\tb\t1\n",
        f"blind/{WIKI_TEST}": ONE + "w1\ta\tb\t\nw2\tc\td\t\n",
        f"gold/{WIKI_TEST}": ONE + "w1\ta\tb\t1\nw2\tc\td\t1\n",
        f"blind/{SCORES_TEST}": TWO + "y1\ta\t\ny2\tb\t\ny3\tc\t\n",
        f"gold/{SCORES_TEST}": TWO + "y1\ta\t1\ny3\tc\t3\ny2\tb\t2.0\n",
    }
    folder = write(tmp_path / "raw", files)
    said = {"ted": ("sì", "sì"), "wiki": ("sì", "si")}
    answers = {
        f"discotex_1:{source}:test:{source[0].replace('t', 'x')}{n}": answer
        for source, both in said.items()
        for n, answer in enumerate(both, start=1)
    }
    answers |= {f"discotex_2:all:test:y{n}": str(n) for n in (2, 3)}
    answers |= dict(zip((f"discotex_2:all:test:y{n}" for n in (1, 2, 3)), "213", strict=True))
    submit(folder, answers, tmp_path / "out")
    units = discotex.score(folder, HOLD_OUT, tmp_path / "out", RUN)
    one, two = units["discotex_1"], units["discotex_2"]
    assert (one.metric, one.value, one.n, one.baseline) == ("accuracy", 0.75, 4, 0.25)
    assert one.details == {"accuracy_ted": 0.5, "accuracy_wiki": 1.0}
    assert two.metric == "pearson"
    assert two.value == pytest.approx(0.5)
    assert two.details == pytest.approx({"spearman": 0.5, "harmonic_mean": 0.5})
    (folder / "gold" / WIKI_TEST).unlink()
    (folder / "gold" / SCORES_TEST).unlink()
    units = discotex.score(folder, HOLD_OUT, tmp_path / "out", RUN)
    assert list(units) == ["discotex_1"]
    assert units["discotex_1"].details == {"accuracy_ted": 0.5}


def test_held_out_scores_of_14_decimals_survive(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", {SCORES: TRAIN_SCORES})
    answers = {e.id: str(e.output) for e in discotex.encode(folder, HOLD_OUT).splits["test"]}
    assert len(answers) > 3
    submit(folder, answers, tmp_path / "out")
    unit = discotex.score(folder, HOLD_OUT, tmp_path / "out", RUN)["discotex_2"]
    assert unit.value == pytest.approx(1.0, abs=1e-9)


def test_against_the_order_there_is_no_harmonic_mean(tmp_path: Path) -> None:
    folder = write(tmp_path / "raw", {SCORES: TRAIN_SCORES})
    encoded = discotex.encode(folder, HOLD_OUT).splits["test"]
    submit(folder, {e.id: f"{6 - float(str(e.output)):.2f}" for e in encoded}, tmp_path / "out")
    unit = discotex.score(folder, HOLD_OUT, tmp_path / "out", RUN)["discotex_2"]
    assert unit.value == pytest.approx(-1.0)
    assert unit.details["harmonic_mean"] == 0.0


@pytest.mark.parametrize("number", [1, 2])
def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path, number: int) -> None:
    folder = root / "data" / "sample" / "discotex"
    answers = {e.id: str(e.output) for e in discotex.encode(folder, HOLD_OUT).splits["test"]}
    submit(folder, answers, tmp_path)
    path = tmp_path / f"prova.subtask{number}.run2.tsv"
    first, second, *rest = path.read_text().splitlines(keepends=True)
    for lines, message in (
        ([second, *rest], "missing items"),
        ([first, second, *rest, "z\t1\n"], "not in the test set: z"),
        ([first, first, second, *rest], "stand there twice"),
        ([second, first, *rest], "out of order"),
        (["ID\tCLASS\n", first, second, *rest], rf"{path.name}:1: "),
    ):
        path.write_text("".join(lines))
        with pytest.raises(InputError, match=message):
            discotex.score(folder, HOLD_OUT, tmp_path, RUN)


words = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1).filter(
    str.strip
)
scores = st.floats(1, 5, allow_nan=False)


@cases(40)
@given(
    targets=st.lists(st.tuples(words, words, st.sampled_from([0, 1])), min_size=1, max_size=6),
    texts=st.lists(st.tuples(words, scores), min_size=1, max_size=6),
)
def test_encode_and_decode_invert_each_other(
    targets: list[tuple[str, str, int]],
    texts: list[tuple[str, float]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever the texts are, the gold classes and the rounded gold scores come back."""
    one = [(f"a{n}", *target) for n, target in enumerate(targets)]
    two = [(f"b{n}", *text) for n, text in enumerate(texts)]
    blind = [(f"b{n}", "testo", "") for n in range(len(texts))]
    folder = write(
        tmp_path_factory.mktemp("raw"),
        {
            TED: write_table(ONE.split(), one, delimiter="\t"),
            SCORES: write_table(TWO.split(), two, delimiter="\t"),
            f"blind/{SCORES_TEST}": write_table(TWO.split(), blind, delimiter="\t", quoted=False),
            f"gold/{SCORES_TEST}": write_table(TWO.split(), two, delimiter="\t"),
        },
    )
    by_split = HoldOut(seed=3, dev=0.0, test=0.5)
    encoded = discotex.encode(folder, by_split).splits
    answers = {e.id: str(e.output) for e in encoded["test"]}
    submission = discotex.decode(folder, by_split, answers, RUN)
    given_classes = {e.id.rpartition(":")[2]: e.output for e in encoded["train"]}
    rows = [line.split("\t") for file in submission.files.values() for line in file.splitlines()]
    submitted = dict(row for row in rows if row[0].startswith("a"))
    assert submitted.keys() | {i for i in given_classes if i.startswith("a")} == {r[0] for r in one}
    for identifier, _, _, label in one:
        expected = {"1": "sì", "0": "no"}[str(label)]
        if identifier in submitted:
            assert submitted[identifier] == str(label)
        else:
            assert given_classes[identifier] == expected
    for identifier, _, value in two:
        assert math.isclose(float(dict(rows)[identifier]), round(value, 2), abs_tol=1e-9)


# --- Sample ---------------------------------------------------------------------------------------


def test_the_sample_has_what_makes_the_real_data_hard(root: Path) -> None:
    folder = root / "data" / "sample" / "discotex"
    train = pd.read_csv(folder / TED, sep="\t")
    assert train.PROMPT.str.contains("\n").all()
    assert (train.TARGET.str.contains('""') & train.TARGET.str.startswith('"')).sum() >= 5
    assert train.PROMPT.duplicated().sum() >= 10
    assert (folder / SCORES).read_text().count("666667\n") >= 10
    items = discotex.read_items(folder, HOLD_OUT)
    documents = [
        {item.group for item in discotex.of_subtask(subtask, items)["train"]}
        for subtask in ("discotex_1", "discotex_2")
    ]
    assert documents[0] & documents[1]
