"""The lecture's rows: files, defects, held-out rows, the four columns, submission and score."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common.command import InputError
from stages.tasks import lecture, owner
from stages.toolkit.records import Example
from stages.toolkit.splits import SPLITS, HoldOut
from stages.toolkit.tables import write_table
from tests.helpers.cases import cases
from tests.helpers.tasks import HOLD_OUT, RUN, assert_defect, gold_answers, write_files

ROW = "7\thaspeede\tvia di qui\todio\n"


def write(folder: Path, **files: str) -> Path:
    """Writes files, given without their extension."""
    return write_files(folder, {f"{name}.txt": content for name, content in files.items()})


def everything(folder: Path) -> dict[str, Example]:
    """The examples of all splits by question id."""
    encoded = lecture.encode(folder, HOLD_OUT).splits
    return {example.id: example for split in SPLITS for example in encoded[split]}


def submitted(folder: Path, answers: dict[str, str], hold_out: HoldOut, out: Path) -> Path:
    """Decodes answers and writes the submission file."""
    submission = lecture.decode(folder, hold_out, answers, RUN)
    return write_files(out, submission.files) / "prova_run2.txt"


def test_rows_are_read_as_csv_and_label_words_become_yes_and_no(tmp_path: Path) -> None:
    train = (
        '007\thaspeede\t"""Via"" \u2028 di  qui"\todio\n'
        "007\thodi_a\tche bello\tnon_omotransfobico\n"
        "zB#3\tdiscotex_1\ta [SEP] b\tCoerente\n"
        "affare.noun.7\twicita_1\ta [sep] b\taffare differente\n"
        "8\twicita\ta [BT1] b [ET1] [SEP] [BT2] b [ET2]\tdifferente\n"
        "a1\tpoliticit\tdiritti\tdonna sinitra centrosinitra\n"
        "train_1\tnermud\tNulla .\tnan"
    )
    examples = everything(write(tmp_path, train_100=train))
    assert examples["haspeede@lecture:007"].input == '"Via" \u2028 di  qui'
    assert {i: e.output for i, e in examples.items()} == {
        "haspeede@lecture:007": "sì",
        "hodi_a@lecture:007": "no",
        "discotex_1@lecture:zB#3": "sì",
        "wicita_1@lecture:affare.noun.7": "affare differente",
        "wicita@lecture:8": "no",
        "politicit@lecture:a1": "donna sinitra centrosinitra",
        "nermud@lecture:train_1": "nan",
    }
    assert all(owner(i) == "lecture" for i in examples)
    assert lecture.encode(tmp_path, HOLD_OUT).notes == {
        "rows": 7, "repeated_ids": 0, "misspelt_answers": 2
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        pytest.param("", 1, "empty", id="empty"),
        pytest.param(ROW + "8\thaspeede\tciao\n", 2, "expected 4 columns, found 3", id="three"),
        pytest.param(ROW + "8\thaspeede\tciao\tciao\todio\n", 2, "found 5", id="tab in a text"),
        pytest.param("id\ttask\tinput\toutput\n" + ROW, 1, "sub-task 'task'", id="header"),
        pytest.param(ROW + "8\thaspeech\tciao\todio\n", 2, "haspeech", id="unknown sub-task"),
        pytest.param(ROW + "\thaspeede\tciao\todio\n", 2, "id '': expected a text", id="no id"),
        pytest.param(ROW + "8\thaspeede\t \todio\n", 2, "input ' '", id="no input"),
        pytest.param(ROW + "8\temit_a\tciao\t\n", 2, "answer ''", id="no answer"),
        pytest.param(ROW + "8\thaspeede\tciao\tsì\n", 2, "odio or non_odio", id="no label word"),
        pytest.param(ROW + "8\twicita\ta\todio\n", 2, "uguale or differente", id="other label"),
        pytest.param(ROW + '8\thaspeede\t"ciao\todio\n', 2, "quoted", id="open quote"),
        pytest.param(ROW + '8\thaspeede\t"a" b\todio\n', 2, "quoted", id="stray quote"),
    ],
)
@pytest.mark.parametrize("file", ["train_100", "dev_100"])
def test_defects_are_told_by_file_and_line(
    tmp_path: Path, file: str, content: str, line: int, message: str
) -> None:
    folder = write(tmp_path, **({"train_100": ROW} | {file: content}))
    assert_defect(lecture, folder, f"{file}.txt", line, message)


def test_bytes_that_are_not_utf8_are_told_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "train_100.txt").write_bytes(ROW.encode() + b"8\thaspeede\tciao \xff\todio\n")
    assert_defect(lecture, tmp_path, "train_100.txt", 2, "UTF-8")


def test_one_of_the_files_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither train_100\.txt nor dev_100\.txt"):
        lecture.encode(tmp_path, HOLD_OUT)
    encoded = lecture.encode(write(tmp_path, dev_100=ROW), HOLD_OUT).splits
    assert [len(encoded[split]) for split in SPLITS] == [0, 1, 0]
    submission = lecture.decode(tmp_path, HOLD_OUT, {}, RUN)
    assert not submission.files and not submission.tallies
    assert lecture.score(tmp_path, HOLD_OUT, tmp_path, RUN) == {}


def test_dev_rows_stay_dev_rows(tmp_path: Path) -> None:
    train = "".join(f"{i}\thaspeede\ttesto {i}\todio\n" for i in range(40))
    dev = "".join(f"{i}\thaspeede\taltro {i}\tnon_odio\n" for i in range(40))
    encoded = lecture.encode(write(tmp_path, train_100=train, dev_100=dev), HOLD_OUT).splits
    assert {e.input.split()[0] for e in encoded["dev"]} == {"altro"}
    assert len(encoded["dev"]) == 40
    assert encoded["test"] and encoded["train"]
    # The ids of the files meet, but not those of the examples.
    assert {e.id for e in encoded["dev"]} == {f"haspeede@lecture:{i}#2" for i in range(40)}


def test_repeated_ids_are_numbered() -> None:
    assert lecture.unique(["a", "b", "a", "a#2", "a"]) == ["a", "b", "a#3", "a#2", "a#4"]


def test_inputs_pairs_and_authors_are_in_one_split_in_any_order_of_the_file(tmp_path: Path) -> None:
    rows = []
    for i in range(40):
        rows += [
            (f"{i}", "acti_a", f"Testo  {i}", "cospirazione"),
            (f"{i}", "acti_b", f"testo {i}", "Covid"),
            (f"{i}-x", "langlearn", f" Prima {i}. [SEP]  Dopo {i}.", "corretto"),
            (f"x-{i}", "langlearn", f" Dopo {i}. [SEP]  Prima {i}.", "incorretto"),
            (f"autore{i % 10}", "politicit", f"Diritti {i}", "uomo destra destra"),
        ]
    lines = ["\t".join(row) + "\n" for row in rows]
    splits = []
    for name, ordered in (("a", lines), ("b", lines[::-1])):
        encoded = lecture.encode(
            write(tmp_path / name, train_100="".join(ordered)), HOLD_OUT
        ).splits
        assert all(encoded[split] for split in SPLITS)
        splits.append({(e.task, e.input): split for split in SPLITS for e in encoded[split]})
    split, other = splits
    assert split == other
    for i in range(40):
        assert split["acti_a", f"Testo  {i}"] == split["acti_b", f"testo {i}"]
        assert (
            split["langlearn", f" Prima {i}. [SEP]  Dopo {i}."]
            == split["langlearn", f" Dopo {i}. [SEP]  Prima {i}."]
        )
        assert split["politicit", f"Diritti {i}"] == split["politicit", f"Diritti {i % 10}"]


def test_the_submission_has_the_form_of_the_files(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "lecture"
    test = lecture.encode(folder, HOLD_OUT).splits["test"]
    path = submitted(folder, {e.id: str(e.output) for e in test}, HOLD_OUT, tmp_path)

    def rows(path: Path) -> list[list[str]]:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file, delimiter="\t", strict=True))

    native = rows(folder / "train_100.txt")
    texts = {(e.task, e.input) for e in test}
    held_out = [row for row in native if (row[1], row[2]) in texts]
    assert rows(path) == [[*row[:3], row[3].replace("Coerente", "coerente")] for row in held_out]
    # What the reference reads: a row is a line.
    assert len(path.read_text(encoding="utf-8").split("\n")) == len(held_out) + 1


HALF = HoldOut(seed=3, dev=0.0, test=0.5)


def texts(split: str, count: int) -> list[str]:
    """Inputs that fall into a split where half is held out as test."""
    names = [f"testo {i}" for i in range(20 * count)]
    splits = [HALF.split_of("lecture", n, has_dev=False, has_test=False) for n in names]
    return [name for name, own in zip(names, splits, strict=True) if own == split][:count]


def table(*rows: tuple[str, str, str]) -> str:
    return "".join(f"{i}\t" + "\t".join(row) + "\n" for i, row in enumerate(rows, start=1))


def test_answers_are_parsed_strictly_and_fallbacks_counted(tmp_path: Path) -> None:
    a, b, c = texts("train", 3)
    subtasks = ("haspeede", "haspeede", "haspeede", "hodi_a", "emit_a", "emit_a", "emotivita")
    train = [(a, "odio"), (b, "odio"), (c, "non_odio")]
    folder = write(
        tmp_path,
        train_100=table(
            *(("haspeede", *row) for row in train),
            *(("emit_a", text, "gioia") for text in (a, b)),
            *((s, t, "odio" if s == "haspeede" else "omotransfobico" if s == "hodi_a" else "rabbia")
              for s, t in zip(subtasks, texts("test", 7), strict=True)),
        ),
    )  # fmt: skip
    model_texts = [" No. ", "boh", "non_odio", "forse sì", "paura\trabbia\n", " \n", "\r\n"]
    test = lecture.encode(folder, HALF).splits["test"]
    assert [e.task for e in test] == list(subtasks)
    answers = {e.id: answer for e, answer in zip(test, model_texts, strict=True)}
    path = submitted(folder, answers, HALF, tmp_path)
    assert [line.split("\t")[3] for line in path.read_text(encoding="utf-8").splitlines()] == [
        "non_odio", "odio", "odio", "non_omotransfobico", "paura rabbia", "gioia", "UNK"
    ]  # fmt: skip
    tallies = lecture.decode(folder, HALF, answers, RUN).tallies
    assert {s: (t.rows, t.unparsable, t.fallback) for s, t in tallies.items()} == {
        "haspeede@lecture": (3, 2, 2),
        "hodi_a@lecture": (1, 1, 1),
        "emit_a@lecture": (2, 1, 1),
        "emotivita@lecture": (1, 1, 1),
    }


def test_accuracy_by_hand(tmp_path: Path) -> None:
    """Right: the first, but for case and white space, and the last two, accents apart."""
    first, *train = texts("train", 3)
    gold = ["amore fiducia", "gioia", "nan", "Q è 2"]
    folder = write(
        tmp_path,
        train_100=table(
            ("emit_a", first, "gioia"),
            *(("emit_a", text, "paura") for text in train),
            *(("emit_a", t, g) for t, g in zip(texts("test", 3), gold, strict=False)),
            ("hodi_b", texts("test", 4)[3], gold[3]),
        ),
    )
    test = lecture.encode(folder, HALF).splits["test"]
    answers = ["Amore  fiducia.", "gioia amore", "nan", "q e 2"]
    submitted(folder, {e.id: a for e, a in zip(test, answers, strict=True)}, HALF, tmp_path)
    unit = lecture.score(folder, HALF, tmp_path, RUN)["lecture"]
    assert (unit.metric, unit.n, unit.value, unit.baseline) == ("accuracy", 4, 0.75, 0.0)
    assert unit.details == {
        "accuracy_emit_a": pytest.approx(2 / 3), "accuracy_hodi_b": 1.0
    }  # fmt: skip


def test_the_baseline_is_the_majority_answer_of_each_sub_task(tmp_path: Path) -> None:
    a, b = texts("train", 2)
    rows = [("haspeede", a, "odio"), ("emit_a", b, "gioia")]
    rows += [("haspeede", texts("test", 2)[0], "odio"), ("emit_a", texts("test", 2)[1], "paura")]
    folder = write(tmp_path, train_100=table(*rows))
    gold = {e.id: str(e.output) for e in lecture.encode(folder, HALF).splits["test"]}
    submitted(folder, gold, HALF, tmp_path)
    unit = lecture.score(folder, HALF, tmp_path, RUN)["lecture"]
    assert (unit.value, unit.baseline) == (1.0, 0.5)


def test_a_submission_of_other_rows_is_refused(root: Path, tmp_path: Path) -> None:
    folder = root / "data" / "sample" / "lecture"
    path = submitted(folder, gold_answers(lecture, folder), HOLD_OUT, tmp_path)
    first, second, *rest = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for lines, message in (
        ([second, *rest], "missing items"),
        ([first, second, *rest, "x" + first], "not in the test set"),
        ([first, first, second, *rest], "not in the test set"),
        ([second, first, *rest], "out of order"),
        ([first.replace("\t", "\t", 1).replace(" ", " e ", 1), second, *rest], "another input"),
    ):
        path.write_text("".join(lines), encoding="utf-8")
        with pytest.raises(InputError, match=message):
            lecture.score(folder, HOLD_OUT, tmp_path, RUN)


cell = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1
).filter(lambda text: text.strip() and "\ufeff" not in text)


@st.composite
def examples(draw: st.DrawFn) -> list[Example]:
    drawn = []
    for number in range(draw(st.integers(1, 6))):
        subtask = draw(st.sampled_from(lecture.SUBTASKS))
        owner = draw(st.sampled_from(["", "@lecture"]))
        known = st.sampled_from(["sì", "no"]) if subtask in lecture.WORDS else cell
        identifier = f"{subtask}{owner}:{draw(cell)}{number}"
        drawn.append(Example(identifier, subtask, draw(cell), draw(st.none() | known)))
    return drawn


@cases(60)
@given(rows=examples())
def test_examples_survive_the_four_columns(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Example]
) -> None:
    folder = write(tmp_path_factory.mktemp("raw"), train_100=lecture.write_rows(rows))
    assert lecture.read_examples(folder / "train_100.txt") == rows


def test_other_tasks_examples_survive_the_four_columns(root: Path, tmp_path: Path) -> None:
    from stages.tasks import clinkart, haspeede

    sample = root / "data" / "sample"
    for task in (clinkart, haspeede):
        encoded = task.encode(sample / task.NAME, HOLD_OUT).splits
        rows = [example for split in SPLITS for example in encoded[split]]
        write(tmp_path, rows=lecture.write_rows(rows))
        assert lecture.read_examples(tmp_path / "rows.txt") == rows


def test_written_rows_are_what_the_lecture_reads(tmp_path: Path) -> None:
    rows = [
        Example("haspeede:007", "haspeede", 'via "subito"', "no"),
        Example("emit_a@lecture:ab", "emit_a", "uff", "gioia"),
    ]
    content = lecture.write_rows(rows)
    assert content == (
        '007\thaspeede\t"via ""subito"""\tnon_odio\n@lecture:ab\temit_a\tuff\tgioia\n'
    )
    assert everything(write(tmp_path, train_100=content))["haspeede@lecture:007"].output == "no"


row = st.tuples(
    cell, st.sampled_from([*lecture.OPEN, *lecture.OLDER, "emit_a", "haspeede"]), cell, cell
)


@cases(30)
@given(rows=st.lists(row, min_size=1, max_size=6, unique_by=lambda r: (r[0], r[1])))
def test_encode_and_decode_invert_each_other(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str, str]]
) -> None:
    rows = [(*r[:3], "non_odio") if r[1] == "haspeede" else r for r in rows]
    folder = write(
        tmp_path_factory.mktemp("raw"), train_100=write_table(None, rows, delimiter="\t")
    )
    gold = {e.id: str(e.output) for e in lecture.encode(folder, HALF).splits["test"]}
    if not gold:
        return
    path = submitted(folder, gold, HALF, folder)
    unit = lecture.score(folder, HALF, folder, RUN)["lecture"]
    assert (unit.value, unit.n) == (1.0, len(gold))
    with path.open(encoding="utf-8", newline="") as file:
        written = list(csv.reader(file, delimiter="\t", strict=True))
    assert [f"{r[1]}@lecture:{r[0]}" for r in written] == list(gold)
    assert all(tuple(r[:3]) in {r[:3] for r in rows} for r in written)


def test_the_real_files_survive(shared: Path, tmp_path: Path) -> None:
    folder = shared / "lecture"
    encoded = lecture.encode(folder, HOLD_OUT)
    assert encoded.notes == {"rows": 3191, "repeated_ids": 101, "misspelt_answers": 267}
    gold = gold_answers(lecture, folder)
    submitted(folder, gold, HOLD_OUT, tmp_path)
    unit = lecture.score(folder, HOLD_OUT, tmp_path, RUN)["lecture"]
    assert (unit.value, unit.n) == (1.0, len(gold))
    for file in ("train_100.txt", "dev_100.txt"):
        content = (folder / file).read_text(encoding="utf-8")
        written = lecture.write_rows(lecture.read_examples(folder / file))
        assert written == content.replace("\tCoerente\n", "\tcoerente\n")
