"""GeoLingIt: files, defects, answers, submissions and scores."""

import logging
import shutil
from pathlib import Path

import pandas as pd
import pytest
from haversine import haversine
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.tasks import geolingit
from stages.tasks.geolingit import Place, Point, parse_answer
from stages.toolkit.answers import Labels
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut
from tests.helpers.cases import cases

HOLD_OUT = HoldOut(seed=3, dev=0.2, test=0.25)
RUN = Run(team="prova", run=2)

A, B = "id\ttext\tregion\n", "id\ttext\tlatitude\tlongitude\n"
TRAIN_A = A + '1\tAò\tLazio\n2\tUè "bell\tCampania\n3\tDaje\tLazio\n'
TRAIN_B = B + '1\tAò\t41.9\t12.5\n2\tUè "bell\t40.85\t14.25\n3\tDaje\t42\t12.1\n'
TEST = 'id\ttext\n007\t"Aò" \'ndo  sta\n8\tuè 🙂\n'
TRAIN = {"train_a": TRAIN_A, "train_b": TRAIN_B}
BOTH = Labels({"Lazio": "Lazio", "Emilia Romagna": "Emilia Romagna"})


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.tsv").write_text(content, encoding="utf-8")
    return folder


def submitted(folder: Path, answers: dict[str, str], out: Path) -> dict[str, pd.DataFrame]:
    """Decodes, writes the files, and reads them as an organiser would."""
    submission = geolingit.decode(folder, HOLD_OUT, answers, RUN)
    tables = {}
    for name, content in submission.files.items():
        (out / name).write_text(content, encoding="utf-8")
        tables[name] = pd.read_csv(
            out / name, sep="\t", quoting=3, dtype={"id": str}, keep_default_na=False
        )
    return tables


def test_questions_keep_quotes_double_blanks_and_leading_zeros(tmp_path: Path) -> None:
    encoded = geolingit.encode(write(tmp_path, **TRAIN, test=TEST), HOLD_OUT).splits
    first = encoded["test"][0]
    assert (first.id, first.input) == ("geolingit:007", '"Aò" \'ndo  sta')
    assert first.output is None
    outputs = {e.input: e.output for e in encoded["train"] + encoded["dev"]}
    assert outputs["Aò"] == "[regione] Lazio [geo] 41.900 12.500"
    assert outputs['Uè "bell'] == "[regione] Campania [geo] 40.850 14.250"


def test_coordinates_are_rounded_not_cut(tmp_path: Path) -> None:
    """The reference cut them, which moved every point to the south-west."""
    train_b = TRAIN_B.replace("41.9\t12.5", "41.90279\t12.49641")
    examples = geolingit.encode(write(tmp_path, train_a=TRAIN_A, train_b=train_b), HOLD_OUT).splits
    outputs = [e.output for split in SPLITS for e in examples[split]]
    assert "[regione] Lazio [geo] 41.903 12.496" in outputs


@given(latitude=st.floats(-90, 90), longitude=st.floats(-180, 180))
def test_a_point_survives_within_80_m(latitude: float, longitude: float) -> None:
    gold = Point(latitude, longitude)
    answer = geolingit.write_answer(Place("Lazio", gold))
    (region, point), whole = parse_answer(str(answer), BOTH)
    assert whole and region == "Lazio" and point is not None
    assert haversine(gold, point) < 0.08


@pytest.mark.parametrize(
    ("answer", "region", "point", "whole"),
    [
        ("[regione] Lazio [geo] 41.900 12.500", "Lazio", (41.9, 12.5), True),
        (" [REGIONE] emilia  romagna. [Geo] 44,5 11,3\n", "Emilia Romagna", (44.5, 11.3), True),
        ("[regione] Lazio", "Lazio", None, False),
        ("[geo] 41.9 12.5", None, (41.9, 12.5), False),
        ("[geo] 41.9 12.5 [regione] Lazio", "Lazio", (41.9, 12.5), False),
        ("[regione] Lazio [geo] 41.9", "Lazio", None, False),
        ("[regione] Lazio [geo] 41.9 12.5 7", "Lazio", None, False),
        ("[regione] Lazio [geo] nan nan", "Lazio", None, False),
        ("[regione] Lazio [geo] 1e1 inf", "Lazio", None, False),
        ("[regione] Lazio [geo] 90.1 12.5", "Lazio", None, False),
        ("[regione] Lazio [geo] 41.9 -180.5", "Lazio", None, False),
        ("[regione] Latium [geo] 41.9 12.5", None, (41.9, 12.5), False),
        ("[regione] nel Lazio [geo] 41.9 12.5", None, (41.9, 12.5), False),
        ("[regione] Lazio [regione] Lazio [geo] 41.9 12.5", None, (41.9, 12.5), False),
        ("[regione] Lazio [geo] 41.9 12.5 [geo] 1 2", "Lazio", None, False),
        ("Ecco: [regione] Lazio [geo] 41.9 12.5", "Lazio", (41.9, 12.5), False),
        ("Lazio 41.9 12.5", None, None, False),
        ("", None, None, False),
    ],
)
def test_region_and_point_are_parsed_strictly_and_apart(
    answer: str, region: str | None, point: tuple[float, float] | None, whole: bool
) -> None:
    assert parse_answer(answer, BOTH) == ((region, point), whole)


@pytest.mark.parametrize(
    ("file", "content", "line", "message"),
    [
        pytest.param("train_a", "", 1, "empty", id="empty"),
        pytest.param("train_a", A, 1, "no rows", id="header only"),
        pytest.param("train_a", "id,text,region\n1,a,b\n", 1, "expected the header", id="commas"),
        pytest.param("train_a", A + "1\tAò\n", 2, "expected 3 columns", id="too few columns"),
        pytest.param("train_a", A + "1\tA\tò\tLazio\n", 2, "found 4", id="tab in a text"),
        pytest.param("train_a", A + "1\t \tLazio\n", 2, "expected a text", id="no text"),
        pytest.param("train_a", A + "1\tAò\t\n", 2, "name of a region", id="no region"),
        pytest.param("train_a", A + "1\tAò\t[geo]\n", 2, "name of a region", id="marker"),
        pytest.param("train_a", TRAIN_A + "4\tEh\tlazio\n", 5, "spelling 'Lazio'", id="spelling"),
        pytest.param("train_a", TRAIN_A + "1\tEh\tLazio\n", 5, "on line 2 too", id="id twice"),
        pytest.param("train_b", TRAIN_B + "1\tAò\t41.9\t12.5\n", 5, "on line 2 too", id="twice, b"),
        pytest.param("train_b", TRAIN_B.replace("12.1", "12,1"), 4, "6.5 to 18.6", id="comma"),
        pytest.param("train_b", TRAIN_B.replace("41.9", "91.9"), 2, "47.2, in Italy", id="range"),
        pytest.param("train_b", TRAIN_B.replace("41.9", "nan"), 2, "35.2 to 47.2", id="nan"),
        pytest.param("train_a", TRAIN_A.replace("\tAò", "\tBò"), 2, "line 2: 'Aò'", id="text"),
        pytest.param("train_a", TRAIN_A + "4\tA\tLazio\n", 5, "train_b.tsv does not", id="only a"),
        pytest.param("train_b", TRAIN_B + "4\tA\t41\t12\n", 5, "train_a.tsv does not", id="only b"),
        pytest.param("dev_b", B + "5\tEh\t4,1\t12\n", 2, "latitude '4,1'", id="dev"),
        pytest.param("test", TEST + "\tAò\n", 4, "identifier", id="no id"),
        pytest.param("test", TEST + "8\tAò\n", 4, "on line 3 too", id="id twice, test"),
        pytest.param("test_gold_a", "id\tregion\n007\tLazio\n8\tMarte\n", 3, "Marte", id="gold"),
        pytest.param("test_gold_b", "id\tlatitude\tlongitude\n8\t1\t\n", 2, "''", id="gold b"),
    ],
)  # fmt: skip
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    dev = {"dev_a": A + "5\tEh\tLazio\n", "dev_b": B + "5\tEh\t41\t12\n"}
    folder = write(tmp_path, **(TRAIN | dev | {"test": TEST} | {file: content}))
    with pytest.raises(InputError, match=rf"{file}\.tsv:{line}: ") as error:
        geolingit.encode(folder, HOLD_OUT)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"test": TEST.replace("007", "2")}, r"test\.tsv: ids that other files have too: 2"),
        ({"test_gold_a": "id\tregion\n007\tLazio\n"}, r"gold_a\.tsv: missing items: 8"),
        (
            {"test_gold_b": "id\tlatitude\tlongitude\n8\t41\t12\n"},
            r"gold_b\.tsv: missing items: 007",
        ),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    folder = write(tmp_path, **(TRAIN | {"test": TEST} | files))
    with pytest.raises(InputError, match=message):
        geolingit.encode(folder, HOLD_OUT)


def test_equal_texts_are_in_one_split_in_any_order_of_the_files(tmp_path: Path) -> None:
    rows = [(i, f"Aò  {i % 40}") for i in range(80)]
    a = [f"{i}\t{text}\tLazio\n" for i, text in rows]
    b = [f"{i}\t{text}\t41\t12\n" for i, text in rows]
    one, _ = geolingit.read_items(
        write(tmp_path / "a", train_a=A + "".join(a), train_b=B + "".join(b)), HOLD_OUT
    )
    other, _ = geolingit.read_items(
        write(tmp_path / "b", train_a=A + "".join(a[::-1]), train_b=B + "".join(b)), HOLD_OUT
    )
    texts = [{t.text for t in one[split]} for split in SPLITS]
    assert all(texts)
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    for split in SPLITS:
        assert {t.id for t in one[split]} == {t.id for t in other[split]}


def test_a_dev_file_alone_is_not_used(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer has region and point, so the tweets of one dev file make no questions."""
    shutil.copytree(root / "data" / "sample" / "geolingit", tmp_path, dirs_exist_ok=True)
    (tmp_path / "dev_b.tsv").unlink()
    with caplog.at_level(logging.INFO):
        dev = geolingit.encode(tmp_path, HOLD_OUT).splits["dev"]
    assert f"no dev_b.tsv: {len(dev)} items of train_b.tsv are held out for dev" in caplog.text
    train = pd.read_csv(tmp_path / "train_a.tsv", sep="\t", quoting=3, dtype=str)
    assert dev and {e.id.partition(":")[2] for e in dev} < set(train.id)


def test_submissions_are_files_of_the_organisers_form(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "geolingit"
    answers = {e.id: str(e.output) for e in geolingit.encode(folder, HOLD_OUT).splits["test"]}
    tables = submitted(folder, answers, tmp_path)
    assert list(tables) == ["prova.standard.a.2.tsv", "prova.standard.b.2.tsv"]
    a, b = tables.values()
    assert list(a.columns) == ["id", "text", "region"]
    assert list(b.columns) == ["id", "text", "latitude", "longitude"]
    test = pd.read_csv(folder / "test.tsv", sep="\t", quoting=3, dtype=str)
    for table in (a, b):
        assert list(table.id) == list(test.id)
        assert set(table.text) == {""}
    assert b.latitude.between(36, 47.1).all()


def test_fallbacks(tmp_path: Path) -> None:
    """Training: Lazio at (41.9, 12.5) and (42, 12.1), Campania at (40.85, 14.25)."""
    folder = write(tmp_path, **TRAIN, test=TEST + "9\ta\n10\tb\n11\tc\n")
    answers = {
        "geolingit:007": "[regione] Lazio [geo] 99 12",
        "geolingit:8": "[regione] Campania [geo] nan nan",
        "geolingit:9": "[regione] Veneto",  # a region without training tweets
        "geolingit:10": "boh",
        "geolingit:11": "[geo] 45.1234 9",
    }
    by_split = HoldOut(seed=3, dev=0.0, test=0.0)
    submission = geolingit.decode(folder, by_split, answers, RUN)
    a, b = submission.files.values()
    assert [row.split("\t")[2] for row in a.split("\n")[1:-1]] == [
        "Lazio", "Campania", "Veneto", "Lazio", "Lazio"
    ]  # fmt: skip
    assert [row.split("\t")[2:] for row in b.split("\n")[1:-1]] == [
        ["41.950", "12.300"],
        ["40.850", "14.250"],
        ["41.583", "12.950"],
        ["41.583", "12.950"],
        ["45.123", "9.000"],
    ]
    tally = submission.tallies["geolingit"]
    assert (tally.rows, tally.unparsable, tally.fallback) == (5, 5, 1)


def test_the_scores_by_hand(tmp_path: Path) -> None:
    """Lazio is given three times and right twice: F1 4/5; all others have 0, over 17 regions.

    One degree of latitude is 111.195 km on the package's sphere of 6371.0088 km.
    """
    gold_a = "id\tregion\n8\tCampania\n007\tLazio\n9\tLazio\n"
    gold_b = "id\ttext\tlatitude\tlongitude\n007\t\t41\t12\n8\t\t42\t12\n9\t\t43\t12\n"
    folder = write(tmp_path, **TRAIN, test=TEST + "9\ta\n", test_gold_a=gold_a, test_gold_b=gold_b)
    answer = "[regione] Lazio [geo] {} 12"
    answers = {f"geolingit:{i}": answer.format(v) for i, v in (("007", 40), ("8", 42), ("9", 46))}
    submitted(folder, answers, tmp_path)
    units = geolingit.score(folder, HoldOut(seed=3, dev=0.0, test=0.0), tmp_path, RUN)
    assert units["geolingit_a"].value == pytest.approx(0.8 / 17)
    assert units["geolingit_a"].baseline == pytest.approx(0.8 / 17)  # Lazio for every tweet
    assert units["geolingit_a"].details["f1_Lazio"] == pytest.approx(0.8)
    unit = units["geolingit_b"]
    assert unit.value == pytest.approx(111.195 * (1 + 0 + 3) / 3, rel=1e-4)
    assert unit.details["median_km"] == pytest.approx(111.195, rel=1e-4)
    assert (unit.metric, unit.better, unit.perfect, unit.n) == ("mean_km", "lower", 0.0, 3)
    middle = ((41.9 + 40.85 + 42) / 3, (12.5 + 14.25 + 12.1) / 3)
    expected = sum(haversine((latitude, 12), middle) for latitude in (41, 42, 43)) / 3
    assert unit.baseline == pytest.approx(expected)


@pytest.mark.parametrize("kept", ["a", "b"])
def test_one_gold_file_scores_its_sub_task(
    root: Path, tmp_path: Path, kept: str, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(root / "data" / "sample" / "geolingit", tmp_path, dirs_exist_ok=True)
    gold = {e.id: str(e.output) for e in geolingit.encode(tmp_path, HOLD_OUT).splits["test"]}
    (tmp_path / f"test_gold_{'b' if kept == 'a' else 'a'}.tsv").unlink()
    submitted(tmp_path, gold, tmp_path)
    assert list(geolingit.score(tmp_path, HOLD_OUT, tmp_path, RUN)) == [f"geolingit_{kept}"]
    with caplog.at_level(logging.INFO):
        test = geolingit.encode(tmp_path, HOLD_OUT).splits["test"]
    assert {e.output for e in test} == {None}
    absent = "test_gold_b.tsv" if kept == "a" else "test_gold_a.tsv"
    assert f"no {absent}: no score on test.tsv" in caplog.text


def test_a_submission_of_other_items_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "geolingit"
    answers = {e.id: str(e.output) for e in geolingit.encode(folder, HOLD_OUT).splits["test"]}
    for name in submitted(folder, answers, tmp_path):
        path = tmp_path / name
        content = path.read_text(encoding="utf-8")
        header, first, second, *rest = content.splitlines(keepends=True)
        for lines, message in (
            ([header, second, *rest], "missing items"),
            ([header, first, second, *rest, first.replace("\t", "x\t", 1)], "not in the test set"),
            ([header, first, first, second, *rest], "stand there twice"),
            ([header, second, first, *rest], "out of order"),
        ):
            path.write_text("".join(lines), encoding="utf-8")
            with pytest.raises(InputError, match=message):
                geolingit.score(folder, HOLD_OUT, tmp_path, RUN)
        path.write_text(content, encoding="utf-8")


tweet = st.text(
    st.characters(exclude_characters='\t\n\r\0"', exclude_categories=("Cs",)), min_size=1
).filter(str.strip)
row = st.tuples(
    tweet, st.sampled_from(geolingit.OFFICIAL), st.floats(36, 47.1), st.floats(6.6, 18.6)
)


@cases(25)
@given(rows=st.lists(row, min_size=1, max_size=5), trained=st.lists(row, min_size=1, max_size=3))
def test_encode_and_decode_invert_each_other(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, float, float]],
    trained: list[tuple[str, str, float, float]],
) -> None:
    def table(header: str, rows: list[tuple[object, ...]]) -> str:
        return header + "".join("\t".join(map(str, row)) + "\n" for row in rows)

    members = [(f"0{i}", *row) for i, row in enumerate(rows)]
    known = [(f"t{i}", *row) for i, row in enumerate(trained)]
    folder = write(
        tmp_path_factory.mktemp("raw"),
        train_a=table(A, [row[:3] for row in known]),
        train_b=table(B, [(*row[:2], *row[3:]) for row in known]),
        test=table("id\ttext\n", [row[:2] for row in members]),
        test_gold_a=table(A, [row[:3] for row in members]),
        test_gold_b=table(B, [(*row[:2], *row[3:]) for row in members]),
    )
    by_split = HoldOut(seed=3, dev=0.0, test=0.0)
    test = geolingit.encode(folder, by_split).splits["test"]
    assert [e.input for e in test] == [row[1] for row in members]
    submission = geolingit.decode(folder, by_split, {e.id: str(e.output) for e in test}, RUN)
    assert submission.tallies["geolingit"].unparsable == 0
    a, b = ([r.split("\t") for r in c.split("\n")[1:-1]] for c in submission.files.values())
    assert [(r[0], r[2]) for r in a] == [(m[0], m[2]) for m in members]
    for cells, member in zip(b, members, strict=True):
        assert haversine((float(cells[2]), float(cells[3])), member[3:]) < 0.08
