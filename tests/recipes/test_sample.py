"""The sample data: made by their recipe, and of the shape and hardness of the real data."""

import importlib
import statistics
from pathlib import Path

import pytest

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
    from stages import encode
    from stages.common import settings

    splits: HoldOut = settings.read(encode.Settings, root / "params.yaml").encode
    found = clinkart.read_items(root / "data" / "sample" / "clinkart", splits)
    assert len(found["train"]) >= 50
    assert len(found["dev"]) >= 10
    assert len(found["test"]) >= 20
