"""What holds for every task, on its sample: gold survives, and any answer gives a submission."""

import csv
import logging
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import encode, tasks
from stages.common import prompts
from stages.common import settings as params
from stages.common.command import InputError
from stages.forms.forms import number_forms
from stages.tasks import lecture
from stages.toolkit.answers import normalised
from stages.toolkit.decisions import F1, Accuracy, Closeness, Correlation, numbers_in
from stages.toolkit.records import Example, Unit
from stages.toolkit.splits import SPLITS
from tests.helpers.cases import cases
from tests.helpers.intervals import ends
from tests.helpers.tasks import HOLD_OUT, RUN, gold_answers, submit

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
TASKS = sorted(p.stem for p in (ROOT / "stages" / "tasks").glob("[!_]*.py"))

LOCATED = ("clinkart", "hodi_b", "nermud")  # decode looks for what they list in the text

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "is not UTF-8": lambda content: b"\xff" + content,
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "is empty": lambda _: b"\xef\xbb\xbf",
    "NUL": lambda content: content.replace(b"a", b"\0", 1),
}
"""By what the message says, what is done to a file."""

each_task = pytest.mark.parametrize("name", TASKS)
each_closed_task = pytest.mark.parametrize("name", [t for t in TASKS if tasks.load(t).CLOSED])


def scored(name: str, folder: Path, answers: Mapping[str, str], out: Path) -> dict[str, Unit]:
    submit(tasks.load(name), folder, answers, out)
    return tasks.load(name).score(folder, HOLD_OUT, out, RUN)


def training_only(name: str, folder: Path) -> Path:
    for file in tasks.load(name).REQUIRED:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLE / name / file, folder / file)
    return folder


@cache
def sample_test(name: str) -> Sequence[Example]:
    """The test split of a task's sample, encoded once for all random answers; not to be changed."""
    return tasks.load(name).encode(SAMPLE / name, HOLD_OUT).splits["test"]


def assert_perfect(units: Mapping[str, Unit]) -> None:
    assert units
    for name, unit in units.items():
        # Coordinates keep so many decimals that a point is at most 100 m away.
        tolerance = 0.1 if unit.metric == "mean_km" else 1e-9
        assert unit.value == pytest.approx(unit.perfect, abs=tolerance), name
        low, high = ends(unit)
        assert low == pytest.approx(high, abs=tolerance), name
        assert abs(unit.baseline - unit.perfect) > 0.1, name


@each_task
def test_gold_survives_on_the_sample(name: str, tmp_path: Path) -> None:
    folder = SAMPLE / name
    answers = gold_answers(tasks.load(name), folder)
    submission = submit(tasks.load(name), folder, answers, tmp_path)
    assert not any(t.unparsable or t.fallback for t in submission.tallies.values())
    assert sum(t.rows for t in submission.tallies.values()) == len(answers)
    units = tasks.load(name).score(folder, HOLD_OUT, tmp_path, RUN)
    assert_perfect(units)
    assert tuple(units) == tasks.load(name).UNITS


@each_task
def test_gold_survives_on_held_out_training_data(name: str, tmp_path: Path) -> None:
    folder = training_only(name, tmp_path / "raw")
    assert_perfect(scored(name, folder, gold_answers(tasks.load(name), folder), tmp_path / "out"))


@each_task
def test_ids_are_unique_and_begin_with_the_subtask(name: str) -> None:
    encoded = tasks.load(name).encode(SAMPLE / name, HOLD_OUT)
    examples = [example for split in SPLITS for example in encoded.splits[split]]
    assert len({example.id for example in examples}) == len(examples)
    for example in examples:
        assert example.id.startswith(example.task)
        assert tasks.owner(example.id) == name
        assert example.input.strip()
    assert all(encoded.splits[split] for split in SPLITS)


@each_task
def test_every_subtask_has_an_instruction_that_names_its_answers(name: str) -> None:
    asked = params.read(prompts.Prompts, ROOT / "data" / "prompts" / "it.yaml")
    encoded = tasks.load(name).encode(SAMPLE / name, HOLD_OUT)
    answers: dict[str, set[str]] = {}
    for split in SPLITS:
        for example in encoded.splits[split]:
            answers.setdefault(example.task, set()).add(str(example.output))
    for subtask, given_answers in answers.items():
        instruction = asked.instructions[subtask]
        if len(given_answers) <= 6:
            assert all(answer in instruction for answer in given_answers), subtask


@each_closed_task
def test_all_answers_to_a_closed_subtask_are_candidates(name: str) -> None:
    closed = tasks.load(name).CLOSED
    encoded = tasks.load(name).encode(SAMPLE / name, HOLD_OUT)
    asked = [e for split in SPLITS for e in encoded.splits[split] if e.task in closed]
    absent = {"wicita"} if name == "lecture" else set()  # its rows have the older wicita_1
    assert {example.task for example in asked} == set(closed) - absent
    for example in asked:
        assert example.output in closed[example.task], example.id


@each_closed_task
def test_candidates_are_few_and_differ_in_more_than_spelling(name: str) -> None:
    for subtask, candidates in tasks.load(name).CLOSED.items():
        assert 2 <= len(set(map(normalised, candidates))) == len(candidates) <= 25, subtask


@each_closed_task
def test_every_candidate_can_be_read_in_full(name: str) -> None:
    closed = tasks.load(name).CLOSED
    test = tasks.load(name).encode(SAMPLE / name, HOLD_OUT).splits["test"]
    for turn in range(max(map(len, closed.values()))):
        answers = {
            e.id: closed[e.task][turn % len(closed[e.task])] if e.task in closed else str(e.output)
            for e in test
        }
        tallies = tasks.load(name).decode(SAMPLE / name, HOLD_OUT, answers, RUN).tallies
        assert not any(tally.unparsable or tally.fallback for tally in tallies.values())


@each_task
def test_numbers_of_gold_answers_have_the_form_that_is_stated(name: str) -> None:
    """Put into the form, the numbers of an answer are the answer again."""
    forms = number_forms(tasks.load(name).FORMS)
    encoded = tasks.load(name).encode(SAMPLE / name, HOLD_OUT)
    answers = [e for split in SPLITS for e in encoded.splits[split] if e.task in forms]
    assert {e.task for e in answers} == set(forms)
    for example in answers:
        numbers = numbers_in(str(example.output), forms[example.task])
        assert numbers is not None, example.id
        assert forms[example.task].fill(str(example.output), numbers) == example.output


@each_task
def test_figures_are_of_sub_tasks_that_have_something_to_decide(name: str) -> None:
    task = tasks.load(name)
    for subtask, figure in task.FIGURES.items():
        if isinstance(figure, F1 | Accuracy):
            labels = list(task.CLOSED[subtask])
            assert figure.over(labels)(np.eye(len(labels))) == pytest.approx(1.0)
        else:
            assert isinstance(figure, Correlation | Closeness)
            assert subtask in number_forms(task.FORMS)


hard = st.sampled_from(
    ["", "sì", "no", "[BREL] 3 [SEP] Hb [EREL]", "[PER] Anna [LOC", "[gap]", "3,5 4 nan", "uomo",
     "[regione] Lazio [geo] 41.9 12.5", "certamente vero", "x" * 10_000, "\x00\x07\r\n", "中文",
     "١٢"]
)  # fmt: skip


def asked_by(name: str) -> list[Example]:
    encoded = tasks.load(name).encode(SAMPLE / name, HOLD_OUT)
    return [example for split in SPLITS for example in encoded.splits[split]]


@each_task
def test_every_gold_answer_can_be_interpreted(name: str) -> None:
    for example in asked_by(name):
        value = tasks.load(name).interpret(example.task, str(example.output))
        assert value is not None, (example.id, example.output)


@each_closed_task
def test_candidates_are_interpreted_as_different_values(name: str) -> None:
    for subtask, candidates in tasks.load(name).CLOSED.items():
        values = [tasks.load(name).interpret(subtask, answer) for answer in candidates]
        assert None not in values
        assert len(set(map(repr, values))) == len(values), subtask


@each_task
def test_what_is_no_answer_is_interpreted_as_none(name: str) -> None:
    """Any text is one where an answer may be any text."""
    for subtask in {example.task for example in asked_by(name)}:
        free = subtask == "hodi_b" or (name == "lecture" and subtask not in lecture.WORDS)
        assert tasks.load(name).interpret(subtask, " \n") is None, subtask
        value = tasks.load(name).interpret(subtask, "xyzzy ###")
        assert (value is not None) == free, (subtask, value)


@each_task
@cases(25)
@given(answer=hard | st.text())
def test_whatever_decode_cannot_read_is_interpreted_as_none(name: str, answer: str) -> None:
    """And nothing raises; what is read may still not occur in the text that decode knows."""
    test = sample_test(name)
    answers = {example.id: answer for example in test}
    tallies = tasks.load(name).decode(SAMPLE / name, HOLD_OUT, answers, RUN).tallies
    for subtask in {example.task for example in test}:
        tally = tallies[f"{subtask}@{name}" if name == "lecture" else subtask]
        if tasks.load(name).interpret(subtask, answer) is None:
            assert tally.unparsable == tally.fallback == tally.rows
        elif subtask not in LOCATED:
            assert tally.fallback == 0


@each_task
@cases(15)
@given(data=st.data())
def test_any_answer_gives_a_valid_submission(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = SAMPLE / name
    answers = {example.id: str(example.output) for example in sample_test(name)}
    whatever = data.draw(st.lists(hard | st.text(), min_size=4, max_size=4))
    replaced = {i: whatever[n % 4] for n, i in enumerate(answers) if n % 3}
    out = tmp_path_factory.mktemp("out")
    submission = submit(tasks.load(name), folder, answers | replaced, out)
    for tally in submission.tallies.values():
        assert tally.fallback <= tally.unparsable <= tally.rows
    assert sum(tally.rows for tally in submission.tallies.values()) == len(answers)
    for unit in tasks.load(name).score(folder, HOLD_OUT, out, RUN).values():
        low, high = ends(unit)
        assert low <= high
        whole = unit.sample.statistic(unit.sample.terms.sum(0, keepdims=True))
        assert whole == pytest.approx([unit.value], abs=1e-9)


@each_task
def test_decode_never_reads_the_gold(name: str, tmp_path: Path) -> None:
    """All files that are no input to encode's questions are damaged first."""
    folder = tmp_path / name
    shutil.copytree(SAMPLE / name, folder)
    answers = gold_answers(tasks.load(name), folder)
    whole = tasks.load(name).decode(folder, HOLD_OUT, answers, RUN)
    gold = [p for p in folder.rglob("*") if "gold" in str(p.relative_to(folder)).lower()]
    for path in gold:
        if path.is_file():
            path.write_text("damaged", encoding="utf-8")
    assert tasks.load(name).decode(folder, HOLD_OUT, answers, RUN) == whole


@each_task
def test_without_gold_there_is_no_score_and_no_answer(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(SAMPLE / name, folder)
    answers = gold_answers(tasks.load(name), folder)
    gold = [p for p in folder.rglob("*") if "gold" in str(p.relative_to(folder)).lower()]
    for path in gold:
        if path.is_file():
            path.unlink()
    if gold:
        encoded = tasks.load(name).encode(folder, HOLD_OUT).splits["test"]
        assert [example.id for example in encoded] == list(answers)
        assert all(example.output is None for example in encoded)
        assert scored(name, folder, answers, tmp_path / "out") == {}


@each_task
@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_answers_to_other_questions_are_refused(name: str, change: str) -> None:
    answers = gold_answers(tasks.load(name), SAMPLE / name)
    first = next(iter(answers))
    if change == "missing":
        del answers[first]
    else:
        answers[first + "?"] = "no"
    with pytest.raises(InputError):
        tasks.load(name).decode(SAMPLE / name, HOLD_OUT, answers, RUN)


@each_task
def test_every_file_of_the_sample_is_read(name: str, tmp_path: Path) -> None:
    """Whatever stands in the sample has a reader: damage to any file is noticed by encode."""
    folder = tmp_path / name
    shutil.copytree(SAMPLE / name, folder)
    damages = cycle(DAMAGES.items())
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        kept = path.read_bytes()
        message, damage = next(damages)
        path.write_bytes(damage(kept))
        with pytest.raises(InputError, match=rf"{re.escape(path.name)}:[1-9]\d*: .*{message}"):
            tasks.load(name).encode(folder, HOLD_OUT)
        path.write_bytes(kept)


@each_task
@pytest.mark.parametrize("message", DAMAGES)
def test_what_is_no_text_is_refused_by_every_reader(
    name: str, message: str, tmp_path: Path
) -> None:
    folder = training_only(name, tmp_path)
    path = folder / tasks.load(name).REQUIRED[0]
    path.write_bytes(DAMAGES[message](path.read_bytes()))
    with pytest.raises(InputError, match=rf"{re.escape(path.name)}:[1-9]\d*: .*{message}"):
        tasks.load(name).encode(folder, HOLD_OUT)


@each_task
def test_line_ends_of_other_systems_change_nothing(name: str, tmp_path: Path) -> None:
    """Windows' and the old Mac's, within cells too."""
    unix = tasks.load(name).encode(SAMPLE / name, HOLD_OUT)
    for kind, end in (("windows", b"\r\n"), ("mac", b"\r")):
        folder = shutil.copytree(SAMPLE / name, tmp_path / kind)
        for path in folder.rglob("*.*"):
            if path.is_file():
                path.write_bytes(path.read_bytes().replace(b"\n", end))
        assert tasks.load(name).encode(folder, HOLD_OUT) == unix


COMMAS = sorted(p.relative_to(SAMPLE) for p in SAMPLE.rglob("*.csv") if p.parent.name != "hodi")
TABS = ("hodi", "geolingit", "discotex/blind", "langlearn")
TABLES = sorted(
    p.relative_to(SAMPLE) for folder in TABS for p in (SAMPLE / folder).rglob("*.[ct]sv")
)


@pytest.mark.parametrize("file", COMMAS, ids=str)
def test_a_table_with_semicolons_is_told_by_its_header(file: Path, tmp_path: Path) -> None:
    """As a spreadsheet in Italian writes it, whatever its texts hold."""
    name = file.parts[0]
    folder = shutil.copytree(SAMPLE / name, tmp_path / name)
    path = tmp_path / file
    with path.open(encoding="utf-8", newline="") as source:
        header, first, *rows = csv.reader(source)
    longest = max(range(len(header)), key=lambda column: len(first[column]))
    first[longest] = 'disse,"ciao" e poi'
    content = [";".join(header), ";".join(first), *map(";".join, rows)]
    path.write_text("\n".join(content), encoding="utf-8")
    with pytest.raises(InputError, match=rf"{re.escape(path.name)}:1: expected the header .*;"):
        tasks.load(name).encode(folder, HOLD_OUT)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ids=["some", "all"])
@pytest.mark.parametrize("name", sorted({folder.partition("/")[0] for folder in TABS}))
def test_unquoted_tables_may_be_saved_again_with_quotes(
    name: str, quoting: Any, tmp_path: Path
) -> None:
    folder = shutil.copytree(SAMPLE / name, tmp_path / name)
    for file in TABLES:
        if file.parts[0] == name:
            lines = (SAMPLE / file).read_text(encoding="utf-8").rstrip("\n").split("\n")
            with (tmp_path / file).open("w", encoding="utf-8", newline="") as out:
                rows = (line.split("\t") for line in lines)
                csv.writer(out, delimiter="\t", quoting=quoting).writerows(rows)
    unquoted = tasks.load(name).encode(SAMPLE / name, HOLD_OUT)
    assert tasks.load(name).encode(folder, HOLD_OUT) == unquoted


@each_task
def test_every_absent_file_is_named(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Encode goes on without it and says so, or refuses to; and it names what stands there."""
    folder = tmp_path / name
    shutil.copytree(SAMPLE / name, folder)
    caplog.set_level(logging.INFO)
    section = {**HOLD_OUT.model_dump(), "leaks": "drop"}
    data = {"raw": "raw", "prompts": "it.yaml"}
    settings = encode.Settings(tasks=[name], data=data, encode=section)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    names = cycle(["{0.stem} (1){0.suffix}", "{0.stem}/gold{0.suffix}", "{0.stem}.zip"])
    for path, other in zip(files, names, strict=False):
        moved = path.parent / other.format(path)
        moved.parent.mkdir(exist_ok=True)
        path.rename(moved)
        caplog.clear()
        refusal = ""
        try:
            encode.encode(tmp_path, settings)
        except InputError as error:
            refusal = str(error)
        told = caplog.text + refusal
        assert re.search(rf"no ({path.relative_to(folder)}|{path.name})", told)
        assert moved.relative_to(path.parent).as_posix() in told
        moved.rename(path)


@each_task
def test_the_numbers_of_held_out_items_are_told(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    tasks.load(name).encode(training_only(name, tmp_path / "raw"), HOLD_OUT)
    for split in ("dev", "test"):
        assert re.search(
            rf": [1-9][0-9]* items of \S.* are held out for {split}$", caplog.text, re.M
        )
