"""The sample data: made by their recipe, and of the shape and hardness of the real data."""

import importlib
import statistics
from dataclasses import asdict
from pathlib import Path

import pytest

from stages import baseline, decode, encode, evaluate
from stages.common import settings
from stages.common.files import write_text
from stages.forms.mentions import Span, occurrences
from stages.tasks import clinkart
from stages.toolkit.splits import HoldOut

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "stages" / "tasks").glob("[!_]*.py"))
# A sample that was written by hand has no recipe.
TASKS = [path.stem for path in MODULES if (ROOT / "recipes" / "sample" / path.name).is_file()]


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


@pytest.mark.parametrize("task", TASKS)
def test_the_recipe_gives_the_committed_bytes(task: str, root: Path, tmp_path: Path) -> None:
    importlib.import_module(f"recipes.sample.{task}").main([str(tmp_path)])
    assert contents(tmp_path) == contents(root / "data" / "sample" / task)


def test_clinkart_has_the_shape_of_the_real_data(root: Path) -> None:
    folder = root / "data" / "sample" / "clinkart"
    training = clinkart.read(folder / "training.txt")
    test = clinkart.read(folder / "test_gold.txt")
    assert len(training) >= 60
    assert len(test) >= 20
    for documents in (training, test):
        lengths = [len(d.text) for d in documents]
        counts = [len(d.gold or ()) for d in documents]
        assert 1_500 < statistics.median(lengths) < 2_200
        assert min(lengths) < 700
        assert 3_500 < max(lengths) < 4_500
        assert 4 <= statistics.median(counts) <= 8
        assert max(counts) > 35
        assert 0.1 < counts.count(0) / len(counts) < 0.25


def test_clinkart_has_what_makes_the_real_data_hard(root: Path) -> None:
    folder = root / "data" / "sample" / "clinkart"
    for file in ("training.txt", "test_gold.txt"):
        repeated = shared = symbols = after = apart = typographic = 0
        for document in clinkart.read(folder / file):
            relations = document.gold or ()
            everywhere = Span(0, len(document.text))
            typographic += "’" in document.text and "è" in document.text
            for relation in relations:
                result = document.text[relation.result.start : relation.result.end]
                repeated += len([*occurrences(document.text, result, everywhere)]) > 1
                shared += sum(r.result == relation.result for r in relations) > 1
                symbols += not (result[0].isalnum() and result[-1].isalnum())
                after += relation.test.start > relation.result.start
                apart += relation.result.gap(relation.test) > 100
        for count in (repeated, shared, symbols, after, apart, typographic):
            assert count >= 3


def test_the_default_split_leaves_enough_of_each(root: Path) -> None:
    splits: HoldOut = settings.read(encode.Settings, root / "params.yaml").encode
    found = clinkart.read_items(root / "data" / "sample" / "clinkart", splits)
    assert len(found["train"]) >= 50
    assert len(found["dev"]) >= 10
    assert len(found["test"]) >= 20


# What linear models score on the real test sets: published, or docs/measurements.md.
REAL = {
    "acti_a": 0.782,
    "clinkart": 0.076,
    "discotex_1": 0.500,
    "discotex_2": 0.380,
    "emotivita": 0.505,
    "geolingit_a": 0.587,
    "haspeede_a": 0.885,
    "haspeede_xreligious": 0.552,
    "hodi_a": 0.715,
    "multifakedetective": 0.479,
    "nermud": 0.554,
    "politicit": 0.762,
    "wicita_it": 0.484,
    "wicita_en": 0.508,
}


def test_linear_models_find_the_sample_as_hard_as_the_tasks(root: Path, tmp_path: Path) -> None:
    """Within 0.1; each sub-task has 200 test questions or more."""
    raw = root / "data" / "sample"
    tasks = sorted({*TASKS} - {"lecture"})
    params = root / "params.yaml"
    of_encode, of_decode, of_evaluate = (
        settings.read(stage.Settings, params).model_copy(update={"tasks": tasks})
        for stage in (encode, decode, evaluate)
    )
    by_split, summary = encode.encode(raw, of_encode)
    assert min(summary["rows"]["test"].values()) >= 200
    rows = [[asdict(example) for example in by_split[split]] for split in ("train", "test")]
    closed = encode.closed_answers(by_split)
    forms = encode.forms_of(by_split)
    predictions = baseline.predict(
        *rows, forms, closed, settings.read(baseline.Settings, params).baseline
    )
    answers = {row["id"]: row["answer"] for row in predictions}
    for task, submission in decode.decode(raw, answers, of_decode).items():
        for file, text in submission.files.items():
            write_text(tmp_path / task / file, text)
    units = evaluate.evaluate(raw, tmp_path, of_evaluate)
    far = {n: units[n].value for n, real in REAL.items() if abs(units[n].value - real) > 0.1}
    assert not far
