"""LangLearn: files, pairs, cut essays, submissions and score."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.tasks import langlearn
from stages.toolkit.records import Example, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from tests.helpers.cases import cases

HOLD_OUT = HoldOut(seed=3, dev=0.2, test=0.25)
ALL = HoldOut(seed=3, dev=0.0, test=0.0)
RUN = Run(team="prova", run=2)

HEADER = "Essay_1\tEssay_2\tOrder_1\tOrder_2\n"
GOLD = HEADER.replace("\n", "\tPred\n")
TRAIN = HEADER + "0530\t530\t1\t2\n0507\t9\t1\t4\n"
TEST = HEADER + "70\t071\t1\t3\n73\t72\t2\t3\n"
ESSAYS = {"0530": "\nCiao.\n\nPoi & basta.\n", "530": "Due.", "0507": "Tre.", "9": "Quattro."}
TEST_ESSAYS = {name: f"Tema {name}." for name in ("70", "071", "72", "73")}


def xml(essays: Mapping[str, str]) -> str:
    docs = (f'<doc id="{n}">{t.replace("&", "&amp;")}</doc>\n' for n, t in essays.items())
    return f"<dataset>\n{''.join(docs)}</dataset>\n"


def file_name(short: str, corpus: str) -> str:
    return {
        "train": "Training_CItA.tsv" if corpus == "CItA" else "Train_COWS-L2H.tsv",
        "test": f"Test_{corpus}.tsv",
        "gold": f"Test_{corpus}_gold.tsv",
        "essays": f"Essays_{corpus}.xml",
        "test_essays": f"Essays_Test_{corpus}.xml",
    }[short]


def write(folder: Path, corpus: str = "CItA", **files: str) -> Path:
    """Writes files of a corpus by short names, and returns the task's folder."""
    (folder / corpus).mkdir(parents=True, exist_ok=True)
    for short, content in files.items():
        (folder / corpus / file_name(short, corpus)).write_text(content, encoding="utf-8")
    return folder


def write_pairs(folder: Path, pairs: Sequence[tuple[str, str]], corpus: str = "CItA") -> Path:
    """Writes chronological training pairs of essays whose texts are their names."""
    names = {name: name for pair in pairs for name in pair}
    table = "Essay_1\tEssay_2\n" + "".join(f"{a}\t{b}\n" for a, b in pairs)
    return write(folder, corpus, train=table, essays=xml(names))


def write_all(folder: Path, **files: str) -> Path:
    """Writes training and test files of both corpora; `files` differ in CItA."""
    usual = {"train": TRAIN, "essays": xml(ESSAYS), "test": TEST, "test_essays": xml(TEST_ESSAYS)}
    write(folder, "COWS-L2H", **usual)
    return write(folder, "CItA", **(usual | files))


def questions(folder: Path, hold_out: HoldOut = ALL) -> dict[Split, dict[str, Example]]:
    """The examples of each split by question id."""
    encoded = langlearn.encode(folder, hold_out).splits
    return {split: {e.id: e for e in encoded[split]} for split in SPLITS}


# --- Questions ------------------------------------------------------------------------------------


def test_names_keep_zeros_and_corpora_stay_apart(tmp_path: Path) -> None:
    test = questions(write_all(tmp_path))["test"]
    assert list(test) == [
        "langlearn:CItA:70-071", "langlearn:CItA:73-72",
        "langlearn:COWS-L2H:70-071", "langlearn:COWS-L2H:73-72",
    ]  # fmt: skip
    first = test["langlearn:CItA:70-071"]
    assert first.input == "Tema 70. [SEP] Tema 071."
    assert first.output is None


def test_line_ends_become_blanks_and_none_is_left_at_the_ends(tmp_path: Path) -> None:
    inputs = {e.input for e in questions(write_all(tmp_path))["train"].values()}
    assert inputs & {"Ciao. Poi & basta. [SEP] Due.", "Due. [SEP] Ciao. Poi & basta."}


def test_a_pair_makes_one_question_and_half_of_the_answers_are_yes(tmp_path: Path) -> None:
    pairs = [(f"{i:03}", f"{i + 500:03}") for i in range(400)]
    train = questions(write_pairs(tmp_path, pairs))["train"]
    assert len(train) == len(pairs)
    for example in train.values():
        first, second = example.input.split(" [SEP] ")
        assert example.output == ("sì" if first < second else "no")
    assert 170 < Counter(e.output for e in train.values())["sì"] < 230


def test_the_order_does_not_tell_the_answer(tmp_path: Path) -> None:
    """The same two essays stand in the same order, whichever was written first."""
    pairs = [(f"a{i}", f"b{i}") for i in range(30)]
    one = questions(write_pairs(tmp_path / "a", pairs))["train"]
    reverse = write_pairs(tmp_path / "b", [pair[::-1] for pair in pairs])
    other = questions(reverse, HoldOut(seed=4, dev=0.0, test=0.0))["train"]
    assert {i: e.input for i, e in one.items()} == {i: e.input for i, e in other.items()}
    assert all(other[i].output != e.output for i, e in one.items())


def test_linked_pairs_are_in_one_split_in_any_order_of_the_file(tmp_path: Path) -> None:
    """Learner n wrote a, b, c and d; a-b and c-d are linked by b-c alone."""
    pairs = [
        (f"{x}{n}", f"{y}{n}") for n in range(40) for x, y in (("c", "d"), ("a", "b"), ("b", "c"))
    ]
    one = questions(write_pairs(tmp_path / "a", pairs), HOLD_OUT)
    other = questions(write_pairs(tmp_path / "b", pairs[::-1]), HOLD_OUT)
    learners = [{e.input.split()[0][1:] for e in one[split].values()} for split in SPLITS]
    assert all(learners)
    assert sum(map(len, learners)) == 40
    for split in SPLITS:
        assert one[split] == {i: other[split][i] for i in one[split]}
        assert len(one[split]) == len(other[split])


def test_essays_are_cut_at_the_end_of_a_sentence(tmp_path: Path) -> None:
    sentence = "Uno due tre quattro cinque sei sette otto nove."  # ten tokens
    endless = " ".join(f"parola{i}" for i in range(130)) + "."
    texts = {"1": " ".join([sentence] * 11), "2": endless + " Poi basta.", "3": sentence}
    folder = write(tmp_path, train="Essay_1\tEssay_2\n1\t2\n2\t3\n", essays=xml(texts))
    encoded = langlearn.encode(folder, ALL)
    shown = {text for e in encoded.splits["train"] for text in e.input.split(" [SEP] ")}
    assert shown == {" ".join([sentence] * 10), " ".join(endless.split()[:100]), sentence}
    assert encoded.notes == {"pairs": 2, "essays": 3, "cut_essays": 2}


def test_spanish_is_split_as_spanish(tmp_path: Path) -> None:
    text = " ".join(["Uno dos tres cuatro cinco."] * 16 + ["Uno dos tres.", "¿Quién sabe?"])
    table = "Essay_1\tEssay_2\n1\t2\n"
    folder = write(tmp_path, "COWS-L2H", train=table, essays=xml({"1": text, "2": "Fin."}))
    (example,) = questions(folder)["train"].values()
    assert text.removesuffix(" ¿Quién sabe?") in example.input.split(" [SEP] ")


def test_each_essay_is_cut_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut: list[str] = []

    def opening(text: str, limit: int, language: str) -> str:
        cut.append(text)
        return text

    monkeypatch.setattr(langlearn, "opening", opening)
    pairs = [(f"{i:02}", f"{j:02}") for i in range(12) for j in range(i + 1, 12)]
    langlearn.encode(write_pairs(tmp_path, pairs), HOLD_OUT)
    assert sorted(cut) == [f"{i:02}" for i in range(12)]


# --- Defects --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        pytest.param("train", "", 1, "empty", id="empty"),
        pytest.param("train", HEADER, 1, "no rows", id="header only"),
        pytest.param("train", "Essay_1\tEssay\n1\t2\n", 1, "expected the header", id="header"),
        pytest.param("train", TRAIN + "1\t2\n", 4, "expected 4 columns", id="too few columns"),
        pytest.param("train", TRAIN + "\t9\t1\t2\n", 4, "identifier", id="no essay"),
        pytest.param("train", TRAIN + "9\t9\t1\t2\n", 4, "found 9 twice", id="one essay"),
        pytest.param("train", TRAIN + "0530\t530\t1\t2\n", 4, "line 2 too", id="pair twice"),
        pytest.param("train", TRAIN + "530\t0530\t1\t2\n", 4, "line 2 too", id="both orders"),
        pytest.param(
            "train", TRAIN + "507\t9\t1\t2\n", 4,
            "essay 507: expected one of Essays_CItA.xml", id="zero lost",
        ),
        pytest.param(
            "test", TEST + "70\t0530\t1\t2\n", 4,
            "essay 0530: expected one of Essays_Test_CItA.xml", id="training essay in the test set",
        ),
        pytest.param("test", TEST + "70\t071\t1\t3\n", 4, "line 2 too", id="test pair twice"),
        pytest.param("test", GOLD, 1, "expected the header", id="label in the test set"),
        pytest.param("gold", TEST, 1, "expected the header", id="no label in the gold"),
        pytest.param("gold", GOLD + "70\t071\t1\t3\t2\n", 2, "expected 0 or 1", id="label"),
        pytest.param("essays", "<dataset>\n<doc>a</doc></dataset>", 2, "<doc id=", id="no id"),
        pytest.param("essays", "<dataset>\n<doc id='1'>a", 2, "not XML", id="broken XML"),
        pytest.param(
            "essays", "<!DOCTYPE a [<!ENTITY b SYSTEM '/etc/hostname'>]>\n" + xml(ESSAYS), 1,
            "no document type declaration", id="external entity",
        ),
        pytest.param(
            "test_essays", "<dataset>\n<doc id='70'> </doc></dataset>", 2, "a text", id="no text"
        ),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    folder = write_all(tmp_path, **{file: content})
    with pytest.raises(InputError, match=rf"{file_name(file, 'CItA')}:{line}: ") as error:
        langlearn.encode(folder, ALL)
    assert message in str(error.value)


def test_a_gold_file_of_other_pairs_is_refused(tmp_path: Path) -> None:
    folder = write_all(tmp_path, gold=GOLD + "70\t071\t1\t3\t0\n72\t73\t2\t3\t0\n")
    with pytest.raises(InputError, match=r"_gold\.tsv: missing items: CItA:73-72"):
        langlearn.encode(folder, ALL)


def test_test_pairs_need_their_essays(tmp_path: Path) -> None:
    folder = write(tmp_path, train=TRAIN, essays=xml(ESSAYS), test=TEST)
    with pytest.raises(InputError, match=r"no Essays_Test_CItA\.xml"):
        langlearn.encode(folder, ALL)


@pytest.mark.parametrize("corpus", ["CItA", "COWS-L2H"])
def test_either_corpus_is_enough(
    tmp_path: Path, corpus: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write(tmp_path, corpus, train=TRAIN, essays=xml(ESSAYS))
    with caplog.at_level(logging.INFO):
        train = questions(folder)["train"]
    assert {i.split(":")[1] for i in train} == {corpus}
    (other,) = {"CItA", "COWS-L2H"} - {corpus}
    assert f"{file_name('train', other)} and no {other}/Test_{other}.tsv: {other} is skipped" in (
        caplog.text
    )
    assert f"no {corpus}/Test_{corpus}.tsv: " in caplog.text
    assert "are held out for test" in caplog.text


def test_no_corpus_at_all_is_refused(tmp_path: Path) -> None:
    names = r"CItA/Training_CItA\.tsv, COWS-L2H/Train_COWS-L2H\.tsv"
    with pytest.raises(InputError, match=names):
        langlearn.encode(tmp_path, ALL)


# --- Submissions and score ------------------------------------------------------------------------


def scored(folder: Path, answers: Mapping[str, str], out: Path) -> dict[str, Unit]:
    for name, content in langlearn.decode(folder, HOLD_OUT, answers, RUN).files.items():
        (out / name).write_text(content)
    return langlearn.score(folder, HOLD_OUT, out, RUN)


def test_a_submission_is_the_test_file_with_a_column_pred(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "langlearn"
    answers = dict.fromkeys(questions(folder)["test"], "no")
    submission = langlearn.decode(folder, HOLD_OUT, answers, RUN)
    assert list(submission.files) == ["Test_CItA.tsv", "Test_COWS-L2H.tsv"]
    for name, content in submission.files.items():
        (tmp_path / name).write_text(content)
        submitted = pd.read_csv(tmp_path / name, sep="\t", dtype=str)
        native = pd.read_csv(folder / name[5:-4] / name, sep="\t", dtype=str)
        assert submitted.drop(columns="Pred").equals(native)
        assert list(submitted.columns) == [*native.columns, "Pred"]
        assert set(submitted.Pred) == {"1"}


def test_times_are_optional_and_columns_keep_their_order(tmp_path: Path) -> None:
    folder = write_all(tmp_path, test="Essay_2\tEssay_1\n071\t70\n")
    answers = dict.fromkeys(questions(folder)["test"], "sì")
    content = langlearn.decode(folder, HOLD_OUT, answers, RUN).files["Test_CItA.tsv"]
    assert content == "Essay_2\tEssay_1\tPred\n071\t70\t0\n"


@pytest.mark.parametrize(
    ("answer", "label", "unparsable"),
    [
        ("sì", 0, 0), (" Si.", 0, 0), ("NO", 1, 0), ("no!", 1, 0),
        ("incorretto", 0, 1), ("corretto", 0, 1), ("sì no", 0, 1), ("UNK", 0, 1), ("", 0, 1),
    ],
)  # fmt: skip
def test_answers_are_parsed_strictly(
    tmp_path: Path, answer: str, label: int, unparsable: int
) -> None:
    folder = write_all(tmp_path)
    answers = dict.fromkeys(questions(folder)["test"], "no") | {"langlearn:CItA:73-72": answer}
    submission = langlearn.decode(folder, HOLD_OUT, answers, RUN)
    assert submission.files["Test_CItA.tsv"].endswith(f"73\t72\t2\t3\t{label}\n")
    tally = submission.tallies["langlearn"]
    assert (tally.rows, tally.unparsable, tally.fallback) == (4, unparsable, unparsable)


def test_macro_f1_by_hand(tmp_path: Path) -> None:
    """CItA: gold 0 1, submitted 0 0: F1 2/3 and 0. COWS-L2H, in another order: both right."""
    gold = GOLD + "73\t72\t2\t3\t1\n70\t071\t1\t3\t0\n"
    folder = write(write_all(tmp_path / "raw", gold=gold), "COWS-L2H", gold=gold)
    answers = dict(zip(questions(folder)["test"], ("sì", "boh", "sì", "no"), strict=True))
    units = scored(folder, answers, tmp_path)
    assert list(units) == ["langlearn_cita", "langlearn_cows_l2h"]
    cita, cows = units.values()
    assert (cita.metric, cita.n) == ("macro_f1", 2)
    assert cita.value == pytest.approx(1 / 3)
    assert cita.details["accuracy"] == 0.5
    assert cows.value == cows.details["accuracy"] == 1.0
    assert cita.details["average_of_corpora"] == pytest.approx(2 / 3)
    assert cows.details["average_of_corpora"] == pytest.approx(2 / 3)
    assert cita.baseline == pytest.approx(1 / 3)


def test_without_one_gold_there_is_no_average(tmp_path: Path) -> None:
    gold = GOLD + "73\t72\t2\t3\t1\n70\t071\t1\t3\t0\n"
    folder = write_all(tmp_path / "raw", gold=gold)
    units = scored(folder, dict.fromkeys(questions(folder)["test"], "sì"), tmp_path)
    assert list(units) == ["langlearn_cita"]
    assert "average_of_corpora" not in units["langlearn_cita"].details


def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "langlearn"
    scored(folder, {i: str(e.output) for i, e in questions(folder)["test"].items()}, tmp_path)
    path = tmp_path / "Test_CItA.tsv"
    header, first, second, *rest = path.read_text().splitlines(keepends=True)
    cells = first.split("\t")
    mirrored = "\t".join([cells[1], cells[0], *cells[2:]])
    for lines, message in (
        ([header, second, *rest], "missing items"),
        ([header, first, second, *rest, "1x\t2x\t1\t2\t0\n"], "not in the test set: CItA:1x-2x"),
        ([header, first, first, second, *rest], "line 2 too"),
        ([header, second, first, *rest], "out of order"),
        ([header, mirrored, second, *rest], "missing items"),
        ([header.replace("Pred", "Label"), first, second, *rest], "expected the header"),
        ([header, first.rstrip()[:-1] + "2\n", second, *rest], "expected 0 or 1"),
    ):
        path.write_text("".join(lines))
        with pytest.raises(InputError, match=message):
            langlearn.score(folder, HOLD_OUT, tmp_path, RUN)
    path.unlink()
    with pytest.raises(InputError, match=r"Test_CItA\.tsv: cannot be read"):
        langlearn.score(folder, HOLD_OUT, tmp_path, RUN)


@cases(40)
@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda p: p[0] < p[1]),
        min_size=1, max_size=30, unique=True,
    ),
    has_test=st.booleans(),
    data=st.data(),
)  # fmt: skip
def test_decode_inverts_encode(
    pairs: list[tuple[int, int]],
    has_test: bool,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Random chronological pairs, held out or as a shuffled test set, come back as labels."""
    folder = tmp_path_factory.mktemp("raw")
    chronological = [(f"{a:04}", f"{b:04}") for a, b in pairs]
    write_pairs(folder, chronological)
    swapped = data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    if has_test:
        write_pairs(folder, [("a", "b")])
        test = [pair[:: -1 if s else 1] for pair, s in zip(chronological, swapped, strict=True)]
        table = "".join(f"{a}\t{b}\n" for a, b in test)
        gold = "".join(f"{a}\t{b}\t{int(a > b)}\n" for a, b in test)
        write(
            folder,
            test="Essay_1\tEssay_2\n" + table,
            gold="Essay_1\tEssay_2\tPred\n" + gold,
            test_essays=xml({name: name for pair in test for name in pair}),
        )
    answers = {i: str(e.output) for i, e in questions(folder, HOLD_OUT)["test"].items()}
    submission = langlearn.decode(folder, HOLD_OUT, answers, RUN)
    rows = [r.split("\t") for c in submission.files.values() for r in c.splitlines()[1:]]
    assert len(rows) == len(answers) == (len(pairs) if has_test else len(rows))
    assert all(int(label) == (first > second) for first, second, label in rows)
    assert {tuple(sorted(r[:2])) for r in rows} <= set(chronological)


def test_the_sample_shows_what_is_hard_about_the_data(root: Path) -> None:
    folder = root / "data" / "sample" / "langlearn"
    encoded = langlearn.encode(folder, HOLD_OUT)
    assert encoded.notes["cut_essays"] > 0
    pairs = {
        corpus.name: {tuple(sorted(pair.essays)) for pair in by_split["train"]}
        for corpus, by_split in langlearn.read_items(folder, ALL).items()
    }
    assert pairs["CItA"] & pairs["COWS-L2H"]
    assert any(name.startswith("0") for pair in pairs["CItA"] for name in pair)
    assert "\n\n" in (folder / "CItA" / "Essays_CItA.xml").read_text()


def test_the_recipe_gives_the_committed_bytes(root: Path, tmp_path: Path) -> None:
    from recipes.sample import langlearn as recipe

    recipe.main([str(tmp_path)])
    committed = root / "data" / "sample" / "langlearn"
    files = sorted(p.relative_to(committed) for p in committed.rglob("*.*"))
    assert files == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.*"))
    for file in files:
        assert (tmp_path / file).read_bytes() == (committed / file).read_bytes(), file
