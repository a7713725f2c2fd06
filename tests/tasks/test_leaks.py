"""Leaks: planted in every task's sample, within the task and in the lecture's rows."""

import logging
import shutil
from pathlib import Path

import pytest

from stages import encode, tasks
from stages.tasks import lecture
from stages.toolkit.leaks import count_leaks, find_leaks, subtask_of
from stages.toolkit.records import Example
from stages.toolkit.splits import SPLITS, BySplit
from tests.helpers.leaks import PLANT
from tests.helpers.tasks import NOTHING_HELD_OUT

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def encoded(name: str, folder: Path) -> BySplit[Example]:
    by_split = tasks.load(name).encode(folder, NOTHING_HELD_OUT).splits
    return {split: list(by_split[split]) for split in SPLITS}


@pytest.mark.parametrize("name", PLANT)
def test_a_planted_leak_is_found_counted_and_left_out(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once among the task's training items, and once as a row of the lecture's."""
    folder = tmp_path / name
    shutil.copytree(SAMPLE / name, folder)
    before = encoded(name, folder)
    PLANT[name](folder)
    after = encoded(name, folder)
    rows = [example for example in after["test"] if not example.id.endswith(":1")][:3]
    (tmp_path / "lecture").mkdir()
    (tmp_path / "lecture" / "train_100.txt").write_text(lecture.write_rows(rows), encoding="utf-8")
    after["train"] += encoded("lecture", tmp_path / "lecture")["train"]
    old = {example.id for example in before["train"] + before["dev"]}
    planted = {example.id for example in after["train"]} - old
    assert len(planted) > len(rows)

    counts = count_leaks(before, find_leaks(before))
    caplog.set_level(logging.INFO)
    kept = {split: list(after[split]) for split in SPLITS}
    new_counts = encode.drop_leaks(kept, keep=True)
    assert kept == after
    assert all(record.levelno == logging.WARNING for record in caplog.records)
    assert encode.drop_leaks(after, keep=False) == new_counts
    assert f"@lecture: texts in the test set of {subtask_of(rows[0])}, left out: " in caplog.text
    left_out = {e.id for split in SPLITS for e in kept[split]} - {
        e.id for split in SPLITS for e in after[split]
    }
    assert planted <= left_out
    assert left_out - planted == find_leaks(before).keys()
    assert after["test"] == kept["test"] == before["test"]

    def total(nested: dict[str, dict[str, dict[str, int]]]) -> int:
        return sum(n for by_own in nested.values() for by in by_own.values() for n in by.values())

    assert total(new_counts) - total(counts) >= len(planted)
    assert any(own.endswith("@lecture") for by_own in new_counts.values() for own in by_own)
