"""HODI: files, defects, places of spans, submissions and score."""

import ast
import logging
import random
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recipes.sample import hodi as recipe
from stages.common.command import InputError
from stages.tasks import hodi
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut
from tests.helpers.cases import cases

HOLD_OUT = HoldOut(seed=3, dev=0.2, test=0.25)
RUN = Run(team="prova", run=2)

TRAIN_A = "HODI_2023_train_subtaskA.tsv"
TRAIN_B = "HODI_2023_train_subtaskB.tsv"
TEST_A = "HODI_2023_test_subtaskA.csv"
TEST_B = "HODI_2023_test_subtaskB.csv"
GOLD = "HODI_2023_test_GOLD.tsv"

HEADS = {
    TRAIN_A: "id\ttext\thomotransphobic\n",
    TRAIN_B: "id\ttext\trationales\n",
    TEST_A: "id\ttext\n",
    TEST_B: "id\ttext\n",
    GOLD: "id\ttext\thomotransphobic\trationales\n",
}
FILES = {
    TRAIN_A: HEADS[TRAIN_A] + "1\tche pavone\t1\n02\tche  bello\t0\n",
    TRAIN_B: HEADS[TRAIN_B] + "1\tche pavone\t[4, 5, 6, 7, 8, 9]\n02\tche  bello\t\n",
    TEST_A: HEADS[TEST_A] + '007\t"pavone" dice il pavone 🙂\n8\tsei un\u2028pavone\n',
    TEST_B: HEADS[TEST_B] + '007\t"pavone" dice il pavone 🙂\n8\tsei un\u2028pavone\n',
    GOLD: (
        HEADS[GOLD]
        + '007\t"pavone" dice il pavone 🙂\t1\t[17, 18, 19, 20, 21, 22]\n'
        + "8\tsei un\u2028pavone\t0\t\n"
    ),
}


def write(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")
    return folder


def outputs(folder: Path, split: str = "test") -> dict[str, str | None]:
    return {e.id: e.output for e in hodi.encode(folder, HOLD_OUT).splits[split]}


def with_spans(text: str, answer: str) -> str:
    """A text with the spans that an answer means between angle brackets."""
    spans = [span for span in hodi.locate(text, hodi.parse_answer(answer)[0]) if span]
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]}<{text[start:end]}>{text[end:]}"
    return text


# --- Raw files ------------------------------------------------------------------------------------


def test_questions_are_posts_as_they_are(tmp_path: Path) -> None:
    """Quotes belong to the text, leading zeros to ids, and a line ends at its line feed alone."""
    encoded = hodi.encode(write(tmp_path, FILES), HoldOut(seed=0, dev=0, test=0))
    assert [(e.id, e.task, e.input, e.output) for e in encoded.splits["test"]] == [
        ("hodi_a:007", "hodi_a", '"pavone" dice il pavone 🙂', "sì"),
        ("hodi_a:8", "hodi_a", "sei un\u2028pavone", "no"),
        ("hodi_b:007", "hodi_b", '"pavone" dice il pavone 🙂', "pavone [2]"),
        ("hodi_b:8", "hodi_b", "sei un\u2028pavone", "nessuna"),
    ]
    assert [(e.id, e.input, e.output) for e in encoded.splits["train"]] == [
        ("hodi_a:1", "che pavone", "sì"),
        ("hodi_a:02", "che  bello", "no"),
        ("hodi_b:1", "che pavone", "pavone"),
        ("hodi_b:02", "che  bello", "nessuna"),
    ]
    assert encoded.notes == {
        "questions": 8,
        "rationales": 2,
        "spans": 2,
        "marked_spans": 1,
        "spans_with_blanks": 0,
        "spans_inside_words": 0,
    }


@pytest.mark.parametrize("quoted", [(), (GOLD,), (TRAIN_B, TEST_A), tuple(FILES)])
def test_quoted_files_have_the_same_posts(tmp_path: Path, quoted: tuple[str, ...]) -> None:
    """Such as pandas writes: positions count the characters of the text, not of the file.

    A row that was added by hand, without quoting, changes nothing for the others.
    """
    plain = {
        TRAIN_A: FILES[TRAIN_A] + '3\tun "pavone"\t1\n4\tun 24" nuovo\t0\n',
        TRAIN_B: FILES[TRAIN_B] + '3\tun "pavone"\t[4, 5, 6, 7, 8, 9]\n',
        **{name: FILES[name] for name in (TEST_A, TEST_B, GOLD)},
    }
    folder = write(tmp_path / "plain", plain)
    other = write(tmp_path / "quoted", plain)
    for name in quoted:
        table = pd.read_csv(other / name, sep="\t", quoting=3, dtype=str, keep_default_na=False)
        table.to_csv(other / name, sep="\t", index=False)
        content = (other / name).read_text(encoding="utf-8")
        assert '""' in content
        by_hand = content.replace('"un 24"" nuovo"', 'un 24" nuovo')
        (other / name).write_text(by_hand, encoding="utf-8")
    assert hodi.encode(other, HOLD_OUT) == hodi.encode(folder, HOLD_OUT)


def test_texts_between_quotes_are_no_quoted_cells(tmp_path: Path) -> None:
    train = HEADS[TRAIN_A] + '1\t"tutto qui"\t1\n2\t"e qui\t0\n3\te qui"\t0\n'
    folder = write(tmp_path, {**FILES, TRAIN_A: train})
    posts = hodi.read_items(folder, HoldOut(seed=0, dev=0, test=0))["hodi_a"]["train"]
    assert [post.text for post in posts] == ['"tutto qui"', '"e qui', 'e qui"']


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("[]", []),
        ("", []),
        (" ", []),
        ("[0]", [0]),
        ("[4, 3,3,\t5]".replace("\t", " "), [3, 4, 5]),
        ("[42,42]", [42]),
        ("[ 7 ]", [7]),
    ],
)
def test_positions_are_a_set(cell: str, expected: list[int]) -> None:
    assert sorted(hodi.rationale_cell(cell)) == expected


@pytest.mark.parametrize(
    "cell",
    ["3", "3, 4", "(3, 4)", "[3 4]", "[3, 4", "[3,]", "[,]", "[-1]", "[1.0]", "['1']", "[[1]]",
     "[٣]", "[1_0]", "None", "nan", "[__import__('os')]", "[1] [2]", "[1]\n[2]", "[9999999999]"],
)  # fmt: skip
def test_nothing_else_is_a_list_of_positions(cell: str) -> None:
    for parse in (hodi.rationale_cell, hodi.positions_cell):
        with pytest.raises(ValueError, match="expected a list of positions"):
            parse(cell)


@pytest.mark.parametrize(
    ("name", "rows", "line", "message"),
    [
        pytest.param(TRAIN_A, None, 1, "empty", id="empty"),
        pytest.param(TRAIN_A, "", 1, "no rows", id="header only"),
        pytest.param(TRAIN_A, "1\ta\t2\n", 2, "expected 0 or 1", id="label"),
        pytest.param(TRAIN_A, "1\ta\t0\n2\tb\t\n", 3, "expected 0 or 1", id="no label"),
        pytest.param(TRAIN_A, "1\ta\t0\n1\tb\t1\n", 3, "stands on line 2 too", id="id twice"),
        pytest.param(TRAIN_A, "1\ta\n", 2, "expected 3 columns, found 2", id="too few columns"),
        pytest.param(TRAIN_A, "1\ta\tb\t0\n", 2, "found 4", id="tab in a text"),
        pytest.param(TRAIN_B, "\ta\t[]\n", 2, "identifier", id="no id"),
        pytest.param(TRAIN_B, "1\t \t[]\n", 2, "expected a text", id="blank text"),
        pytest.param(TRAIN_B, "1\tab\t[0, 1]\n2\tab\t[1, 2]\n", 3, "position 2", id="outside"),
        pytest.param(TRAIN_B, "1\t👩🏽\t[2]\n", 2, "which has 2 characters", id="code units"),
        pytest.param(TRAIN_B, f"1\t{'x' * 20_001}\t[]\n", 2, "20001 characters", id="long"),
        pytest.param(
            TRAIN_B, f"1\t{'x' * 402}\t{list(range(0, 402, 2))}\n", 2,
            "a text with 201 mentions, expected at most 200", id="many spans",
        ),
        pytest.param(TRAIN_B, "1\tab\t0, 1\n", 2, "expected a list of positions", id="no list"),
        pytest.param(TRAIN_B, "1\tab\t[0, -1]\n", 2, "expected a list", id="negative"),
        pytest.param(TEST_A, "007\ta\t1\n", 2, "expected 2 columns", id="label in a blind file"),
        pytest.param(TEST_B, "007\t\n", 2, "expected a text", id="blind without text"),
        pytest.param(GOLD, "007\ta\t1\t[0]\n8\ta\n", 3, "expected 4 columns", id="gold columns"),
        pytest.param(
            GOLD, '007\t"pavone" dice il pavone 🙂\t1\t[]\n8\tsei\t0\t\n', 3,
            "expected the test set's text", id="gold of other texts",
        ),
        pytest.param(
            GOLD, '007\t"pavone" dice il pavone 🙂\t1\t[25]\n8\tsei un\u2028pavone\t0\t\n', 2,
            "position 25 is outside the text, which has 25", id="gold outside",
        ),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, name: str, rows: str | None, line: int, message: str
) -> None:
    content = "" if rows is None else HEADS[name] + rows
    folder = write(tmp_path, {**FILES, name: content})
    with pytest.raises(InputError, match=rf"{name}:{line}: ") as error:
        hodi.encode(folder, HOLD_OUT)
    assert message in str(error.value)


@pytest.mark.parametrize("name", FILES)
def test_other_headers_are_defects(tmp_path: Path, name: str) -> None:
    other = FILES[name].replace("id\t", "ID\t", 1)
    with pytest.raises(InputError, match=rf"{name}:1: expected the header"):
        hodi.encode(write(tmp_path, {**FILES, name: other}), HOLD_OUT)


def test_all_defects_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    rows = "1\ta\t[3]\n2\tabc\t[1, 3, 9]\n3\tabc\t[2]\n"
    with pytest.raises(InputError) as error:
        hodi.encode(write(tmp_path, {**FILES, TRAIN_B: HEADS[TRAIN_B] + rows}), HOLD_OUT)
    assert [line.split(":")[1] for line in str(error.value).splitlines()] == ["2", "3"]


def test_gold_may_lack_the_texts_and_have_another_order(tmp_path: Path) -> None:
    gold = "id\thomotransphobic\trationales\n8\t0\t[]\n007\t1\t[17, 18, 19, 20, 21, 22]\n"
    folder = write(tmp_path / "a", FILES)
    other = write(tmp_path / "b", {**FILES, GOLD: gold})
    assert hodi.encode(other, HOLD_OUT) == hodi.encode(folder, HOLD_OUT)
    write(other, {GOLD: gold.replace("[]", "[3, 14]")})
    with pytest.raises(InputError, match=rf"{GOLD}:2: position 14 .* has 13 characters"):
        hodi.encode(other, HOLD_OUT)


def test_gold_of_other_items_is_refused(tmp_path: Path) -> None:
    for gold, message in (
        (FILES[GOLD].replace("\n8\t", "\n9\t"), "missing items: 8"),
        (FILES[GOLD] + "9\ta\t0\t\n", "not in the test set: 9"),
    ):
        with pytest.raises(InputError, match=rf"{GOLD}: .*{message}"):
            hodi.encode(write(tmp_path, {**FILES, GOLD: gold}), HOLD_OUT)


def test_without_a_test_file_the_sub_task_has_the_posts_of_the_other(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sample = root / "data/sample/hodi"
    whole = outputs(sample)
    for name in (TEST_A, TEST_B):
        folder = tmp_path / name
        shutil.copytree(sample, folder)
        (folder / name).unlink()
        with caplog.at_level(logging.INFO):
            assert outputs(folder) == whole
        assert f"no {name}: {TEST_A if name == TEST_B else TEST_B} has the posts" in caplog.text


def test_without_training_file_sub_task_b_is_skipped(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "hodi"
    shutil.copytree(root / "data/sample/hodi", folder)
    (folder / TRAIN_B).unlink()
    with caplog.at_level(logging.INFO):
        answers = {i: str(output) for i, output in outputs(folder).items()}
    assert f"no {TRAIN_B}: hodi_b is skipped" in caplog.text
    assert {i.partition(":")[0] for i in answers} == {"hodi_a"}
    files = hodi.decode(folder, HOLD_OUT, answers, RUN).files
    assert list(files) == ["prova.A.run2.tsv"]
    assert list(hodi.score(folder, HOLD_OUT, write(tmp_path / "out", dict(files)), RUN)) == [
        "hodi_a"
    ]
    (folder / TRAIN_A).unlink()
    with pytest.raises(InputError, match=f"no {TRAIN_A}"):
        hodi.encode(folder, HOLD_OUT)


def test_gold_survives_where_both_sub_tasks_are_held_out(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "hodi"
    shutil.copytree(root / "data/sample/hodi", folder, ignore=lambda *_: [TEST_A, TEST_B, GOLD])
    with caplog.at_level(logging.INFO):
        answers = {i: str(output) for i, output in outputs(folder).items()}
    posts = {i.partition(":")[2] for i in answers}
    for test, train in ((TEST_A, TRAIN_A), (TEST_B, TRAIN_B)):
        assert f"no {test}: {len(posts)} items of {train} are held out for test" in caplog.text
    assert sorted(answers) == sorted(f"hodi_{s}:{post}" for post in posts for s in "ab")
    files = hodi.decode(folder, HOLD_OUT, answers, RUN).files
    units = hodi.score(folder, HOLD_OUT, write(tmp_path / "out", dict(files)), RUN)
    assert [(unit.value, unit.n) for unit in units.values()] == [(1.0, len(posts))] * 2


def test_equal_posts_are_in_one_split_in_both_sub_tasks_and_any_order(tmp_path: Path) -> None:
    texts = [f"{'Ciao' if i % 2 else 'ciao '} {i % 40}" for i in range(120)]
    rows_a = [f"{i}\t{t}\t{i % 2}\n" for i, t in enumerate(texts)]
    rows_b = [f"{i + 50}\t{t}\t[]\n" for i, t in enumerate(texts)]  # other ids, equal posts
    ids = []
    for seed in (1, 2):
        shuffled = [random.Random(seed).sample(rows, len(rows)) for rows in (rows_a, rows_b)]
        folder = write(
            tmp_path / str(seed),
            {
                TRAIN_A: HEADS[TRAIN_A] + "".join(shuffled[0]),
                TRAIN_B: HEADS[TRAIN_B] + "".join(shuffled[1]),
            },
        )
        by_split = hodi.encode(folder, HOLD_OUT).splits
        ids.append({split: {e.id for e in by_split[split]} for split in SPLITS})
        seen = [{" ".join(e.input.casefold().split()) for e in by_split[split]} for split in SPLITS]
        assert all(seen)
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert ids[0] == ids[1]


def test_ids_are_unique_even_if_the_test_set_counts_anew(tmp_path: Path) -> None:
    train = {n: FILES[n].replace("\n1\t", "\n8\t") for n in (TRAIN_A, TRAIN_B)}
    encoded = hodi.encode(write(tmp_path, {**FILES, **train}), HoldOut(seed=0, dev=0, test=0))
    assert [e.id for e in encoded.splits["train"]] == [
        "hodi_a:train:8",
        "hodi_a:02",
        "hodi_b:train:8",
        "hodi_b:02",
    ]
    assert "hodi_b:8" in {e.id for e in encoded.splits["test"]}


# --- Places of spans ------------------------------------------------------------------------------

HARD = {
    "several": ("<a> b <c>", "a [gap] c"),
    "the same in order": ("<pavone>, che <pavone>", "pavone [gap] pavone"),
    "the second of two": ("pavone, che <pavone>", "pavone [2]"),
    "order makes a mark needless": ("oca <pavone> <oca>", "pavone [gap] oca"),
    "only one of two needs a mark": ("oca <oca> oca <oca>", "oca [2] [gap] oca [4]"),
    "after a mark": ("oca <oca> <oca>", "oca [2] [gap] oca"),
    "not inside a word before": ("pavoneggia il <pavone>", "pavone"),
    "inside a word, though a word is there": ("pavone <pavone>ggia", "pavone [2]"),
    "inside a word alone": ("si <pavone>ggia", "pavone"),
    "double blanks": ("sei  <un  pavone>", "un  pavone"),
    "other double blanks first": ("un pavone  <un  pavone>", "un  pavone"),
    "another case first": ("PAVONE <pavone>", "pavone"),
    "a blank after it": ("un <pavone >e", "pavone [blank]"),
    "blanks at both ends": ("un <  pavone\u00a0>e", "[blank] [blank] pavone [blank]"),
    "a blank alone": ("un< >pavone", "[blank]"),
    "another blank alone": ("un pavone< >e", "[blank] [2]"),
    "two blanks": ("a b<  >c", "[blank] [blank]"),
    "all": ("<un pavone>", "un pavone"),
    "a character": ("bab<a>", "a [2]"),
    "an emoji": ("🙂🙄<🙂>", "🙂 [2]"),
    "a part of an emoji": ("👎🏼<🏼>", "🏼 [2]"),
    "a letter that grows when folded": ("İİ <pavone> İ", "pavone"),
    "a marker in the post": ("<il [gap]> e <[[GAP]>", "il [[gap] [gap] [[[GAP]"),
    "the other marker in the post": ("<[blank] >[blank]", "[[blank] [blank]"),
    "a bracket before a marker": ("<oca[ >[blank]", "oca[ [blank]"),
    "text like a mark": ("oca oca <oca [2]>", "oca [2] [1]"),
    "text like a mark that means nothing": ("<oca [7]>", "oca [7]"),
    "the word for none": ("<Nessuna!>", "Nessuna! [1]"),
    "the word for none among others": ("<nessuna> o <una>", "nessuna [gap] una"),
    "none": ("un pavone", "nessuna"),
}  # fmt: skip


@pytest.mark.parametrize(("marked", "answer"), HARD.values(), ids=HARD)
def test_gold_is_written_with_marks_only_where_needed(marked: str, answer: str) -> None:
    post = recipe.parsed(marked)
    written, marks = hodi.write_answer(post.text, {*post.rationale})
    assert written == answer
    assert marks == len(re.findall(r" \[[124]\](?= \[gap\]|$)", answer))
    assert with_spans(post.text, written) == marked


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        pytest.param("Sei  un  pavone", "sei un pavone", "<Sei  un  pavone>", id="double blanks"),
        pytest.param("un pavone", "un  PAVONE", "<un pavone>", id="case"),
        pytest.param("A İzmir un pavone", "i̇zmir", "A <İzmir> un pavone", id="İ small"),
        pytest.param("A İzmir un Pavone", "pavone", "A İzmir un <Pavone>", id="after İ"),
        pytest.param("WEIß", "weiss", "<WEIß>", id="ß"),
        pytest.param("WEIß", "weis", "WEIß", id="half of ß"),
        pytest.param("pavoneggia", "pavone", "<pavone>ggia", id="inside a word at last"),
        pytest.param("pavoneggia il PAVONE", "Pavone", "pavoneggia il <PAVONE>", id="word"),
        pytest.param("oca e gallo", "gallo [gap] oca", "<oca> e <gallo>", id="other order"),
        pytest.param("oca e gallo", "oca[GAP]gallo", "<oca> e <gallo>", id="marker, loosely"),
        pytest.param("oca e oca", "oca [gap] oca [gap] oca", "<oca> e <oca>", id="more than there"),
        pytest.param("oca e gallo", "oca [gap] topo [gap] gallo", "<oca> e <gallo>", id="one less"),
        pytest.param("oca e gallo", "oca e [gap] e gallo", "<oca e> gallo", id="no overlap"),
        pytest.param("oca e OCA", "Oca [2]", "oca e <OCA>", id="marked, other case"),
        pytest.param("oca", "oca [2]", "oca", id="no such occurrence"),
        pytest.param("oca", "oca [0]", "oca", id="marks count from 1"),
        pytest.param("l'oca", "oca [blank]", "l'<oca>", id="no such blank"),
        pytest.param("l'oca", "[blank] oca", "l'<oca>", id="no such blank before"),
        pytest.param("un oca e", "un [blank] oca", "<un oca> e", id="blank marker within"),
        pytest.param("oca", "[blank]", "oca", id="no blank at all"),
    ],
)  # fmt: skip
def test_spans_are_located_as_the_model_writes_them(text: str, answer: str, expected: str) -> None:
    assert with_spans(text, answer) == expected


@pytest.mark.parametrize(
    ("answer", "segments", "parsed"),
    [
        ("nessuna", [], True),
        (" Nessuna. ", [], True),
        ("", [], False),
        (" \n", [], False),
        ("[gap]", [], False),
        ("nessuna parte", ["nessuna parte"], True),
        ("oca [gap]", ["oca"], False),
        ("[gap] oca", ["oca"], False),
        ("oca [gap] [gap] gallo", ["oca", "gallo"], False),
        ("oca [ gap ] gallo", ["oca [ gap ] gallo"], True),
        ("oca [gap] nessuna", ["oca", "nessuna"], True),
    ],
)
def test_answers_are_parsed_strictly(answer: str, segments: list[str], parsed: bool) -> None:
    assert hodi.parse_answer(answer) == (segments, parsed)


def test_unparsable_answers_are_counted_and_have_a_fallback(tmp_path: Path) -> None:
    texts = ["oca e gallo"] * 7
    rows = "".join(f"{i}\t{text}\n" for i, text in enumerate(texts))
    folder = write(tmp_path, {**FILES, TEST_A: HEADS[TEST_A] + rows, TEST_B: HEADS[TEST_B] + rows})
    (folder / GOLD).unlink()
    a = ("sì", "Si.", "NO", "forse", "", "sì no", "no")
    b = ("oca", "nessuna", "oca [gap] topo", "topo", "", "gallo [gap]", "UNK")
    answers = {f"hodi_a:{i}": x for i, x in enumerate(a)}
    answers |= {f"hodi_b:{i}": x for i, x in enumerate(b)}
    submission = hodi.decode(folder, HOLD_OUT, answers, RUN)
    lines = [content.splitlines()[1:] for content in submission.files.values()]
    assert [line.split("\t")[1] for line in lines[0]] == list("1100000")
    oca, gallo = "[0, 1, 2]", "[6, 7, 8, 9, 10]"
    assert [line.split("\t")[1] for line in lines[1]] == [oca, "[]", oca, "[]", "[]", gallo, "[]"]
    tallies = {k: (t.rows, t.unparsable, t.fallback) for k, t in submission.tallies.items()}
    assert tallies == {"hodi_a": (7, 3, 3), "hodi_b": (7, 5, 3)}


awkward = st.sampled_from(
    ["a", "A", "b", "ab", "aa", " ", "  ", "\u00a0", "\u2028", "\x1c", "[gap]", "[[GAP]", "[blank]",
     "[", "]", " [1]", " [2]", "[2]", "nessuna", "Nessuna", '"', '""', "İ", "i̇", "ß", "ss", "🙂",
     "👩🏽", "\u0301", "è", "."]
)  # fmt: skip
characters = st.characters(exclude_categories=("Cs",), exclude_characters="\t\n\r\0\ufeff")


@st.composite
def posts(draw: st.DrawFn) -> tuple[str, list[int]]:
    pieces = draw(st.lists(awkward | st.text(characters, max_size=4), min_size=1, max_size=10))
    text = "".join(pieces)
    positions: list[int] = []
    if text:
        kept = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
        positions = [i for i, keep in enumerate(kept) if keep]
        more = draw(st.lists(st.sampled_from(positions), max_size=2)) if positions else []
        positions = draw(st.permutations(positions + more)) if draw(st.booleans()) else positions
    return text, positions


@cases(200)
@example([("a [2] a [2] a", [0, 1, 2, 3, 4, 6])])
@example([("nessuna", list(range(7)))])
@example([("a[ [blank] ", [1, 2]), ("[blank]", list(range(7)))])
@example([("  a", [0]), ("  a", [1]), ("  a", [1, 2])])
@example([("ß ss", [0]), ("İi̇", [1, 2])])
@given(st.lists(posts(), min_size=1, max_size=4))
def test_any_gold_survives_the_whole_way(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, list[int]]]
) -> None:
    """Through files: the submission has just the gold's positions."""
    # Between quotes a text could be taken for a quoted cell.
    data = [
        (f"x{text}" if not text.strip() or text[0] == text[-1] == '"' else text, p)
        for text, p in drawn
    ]
    folder = tmp_path_factory.mktemp("raw")
    rows = [f"{i}\t{text}\t{int(bool(p))}\t{p or ''}\n" for i, (text, p) in enumerate(data)]
    blind = "".join(row.rsplit("\t", 2)[0] + "\n" for row in rows)
    files = {TEST_A: HEADS[TEST_A] + blind, GOLD: HEADS[GOLD] + "".join(rows)}
    write(folder, {TRAIN_A: FILES[TRAIN_A], TRAIN_B: FILES[TRAIN_B], **files})
    encoded = hodi.encode(folder, HOLD_OUT)
    answers = {e.id: str(e.output) for e in encoded.splits["test"]}
    assert all(answer == answer.strip() for answer in answers.values())
    submission = hodi.decode(folder, HOLD_OUT, answers, RUN)
    expected = "".join(f"{i}\t{sorted({*p})}\n" for i, (_, p) in enumerate(data))
    assert submission.files["prova.B.run2.tsv"] == "id\trationales\n" + expected
    assert not any(t.unparsable or t.fallback for t in submission.tallies.values())


# --- Submission and score -------------------------------------------------------------------------


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    """With a header, none being []; the organisers read them with pandas and parse the lists."""
    folder = root / "data/sample/hodi"
    answers = {i: str(output) for i, output in outputs(folder).items()}
    submission = hodi.decode(folder, HOLD_OUT, answers, RUN)
    assert list(submission.files) == ["prova.A.run2.tsv", "prova.B.run2.tsv"]
    write(tmp_path, dict(submission.files))
    gold = pd.read_csv(folder / GOLD, sep="\t", quoting=3, dtype=str, keep_default_na=False)
    a = pd.read_csv(tmp_path / "prova.A.run2.tsv", sep="\t", converters={"id": str})
    assert list(a.columns) == ["id", "homotransphobic"]
    assert list(a.id) == list(gold.id)
    assert list(a.homotransphobic) == list(gold.homotransphobic.astype(int))
    b = pd.read_csv(
        tmp_path / "prova.B.run2.tsv",
        sep="\t",
        converters={"id": str, "rationales": ast.literal_eval},
    )
    assert list(b.columns) == ["id", "rationales"]
    assert list(b.id) == list(gold.id)
    for submitted, cell in zip(b.rationales, gold.rationales, strict=True):
        assert isinstance(submitted, list)
        assert submitted == (ast.literal_eval(cell) if cell else [])
        assert cell != "[]"  # two characters to the official scorer, so no rationale would score 0


def test_scores_by_hand(tmp_path: Path) -> None:
    """A: gold 1 0 0, submitted 1 1 0. B: 2·2/(3 + 4), 1 for none and none, 0 for one alone."""
    rows = [("x", "1", "[0, 1, 2]"), ("y", "0", ""), ("z", "0", "[]")]
    texts = ["abcdefgh"] * 3
    blind = "".join(f"{r[0]}\t{text}\n" for r, text in zip(rows, texts, strict=True))
    gold = "id\thomotransphobic\trationales\n" + "".join("\t".join(r) + "\n" for r in rows)
    folder = write(tmp_path / "raw", {**FILES, TEST_A: HEADS[TEST_A] + blind, GOLD: gold})
    (folder / TEST_B).unlink()
    out = {
        "prova.A.run2.tsv": "id\thomotransphobic\nx\t1\ny\t1\nz\t0\n",
        "prova.B.run2.tsv": "id\trationales\nx\t[1, 2, 4, 5]\ny\t[]\nz\t[7]\n",
    }
    units = hodi.score(folder, HoldOut(seed=0, dev=0, test=0), write(tmp_path, out), RUN)
    assert units["hodi_a"].metric == "macro_f1"
    assert units["hodi_a"].value == pytest.approx((2 / 3 + 2 / 3) / 2)
    # The training data have a post of each label; of equals the first one counts, 0.
    assert units["hodi_a"].baseline == pytest.approx((0 + 2 * 2 / (3 + 2)) / 2)
    assert units["hodi_b"].metric == "mean_dice"
    assert units["hodi_b"].value == pytest.approx((4 / 7 + 1 + 0) / 3)
    assert units["hodi_b"].baseline == pytest.approx(2 / 3)
    assert [unit.n for unit in units.values()] == [3, 3]


@pytest.mark.parametrize(
    ("gold", "submitted", "expected"),
    [
        (set(), set(), 1.0),
        ({1}, set(), 0.0),
        (set(), {1}, 0.0),
        ({0, 1, 6}, {0, 1, 4, 5}, 4 / 7),
        ({3}, {3}, 1.0),
    ],
)
def test_dice(gold: set[int], submitted: set[int], expected: float) -> None:
    assert hodi.dice(gold, submitted) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("A", "id\thomotransphobic\n007\t1\n", "missing items: 8"),
        ("A", "id\thomotransphobic\n007\t1\n8\t0\n9\t0\n", "not in the test set: 9"),
        ("A", "id\thomotransphobic\n007\t1\n8\t0\n8\t0\n", "stand there twice: 8"),
        ("A", "id\thomotransphobic\n8\t0\n007\t1\n", "out of order"),
        ("A", "id\thomotransphobic\n007\tsì\n8\t0\n", ":2: .*expected 0 or 1"),
        ("A", "007\t1\n8\t0\n", ":1: expected the header"),
        ("B", "007\t[]\n8\t[]\n", ":1: expected the header"),
        ("B", "id\trationales\n007\t[]\n8\t\n", ":3: .*expected a list of positions"),
        ("B", "id\trationales\n8\t[]\n007\t[]\n", "out of order"),
    ],
)
def test_submissions_of_other_items_are_refused(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    folder = write(tmp_path / "raw", FILES)
    answers = {i: str(output) for i, output in outputs(folder).items()}
    write(tmp_path, dict(hodi.decode(folder, HOLD_OUT, answers, RUN).files))
    write(tmp_path, {f"prova.{name}.run2.tsv": content})
    with pytest.raises(InputError, match=rf"prova\.{name}\.run2\.tsv.*{message}"):
        hodi.score(folder, HoldOut(seed=0, dev=0, test=0), tmp_path, RUN)


# --- The sample -----------------------------------------------------------------------------------


def test_the_sample_has_what_makes_the_real_data_hard(root: Path) -> None:
    folder = root / "data/sample/hodi"
    notes = hodi.encode(folder, HOLD_OUT).notes
    assert notes["questions"] == 2 * (220 + 60)
    assert notes["marked_spans"] >= 5
    assert notes["spans_with_blanks"] >= 2
    assert notes["spans_inside_words"] == 0
    train = (folder / TRAIN_B).read_text(encoding="utf-8")
    for hard in ('\t"', "İ", "🤷🏽", "👨‍👩‍👧", "\t[]\n", "\t\n", "bignè  vuoto"):
        assert hard in train, hard
    cells = [line.rsplit("\t", 1)[1] for line in train.splitlines()[1:]]
    lists = [ast.literal_eval(cell) for cell in cells if cell]
    assert any(len({*positions}) < len(positions) for positions in lists)
    assert any(sorted(positions) != positions for positions in lists)
    assert "\t[]\n" not in (folder / GOLD).read_text(encoding="utf-8")
