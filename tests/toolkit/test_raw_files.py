"""Raw files: splits, held-out items, gold, and messages about absent files."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stages.common.command import InputError
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.splits import BySplit, HoldOut

FILES = RawFiles("train", "dev", "test", "gold")
HOLD_OUT = HoldOut(seed=3, dev=0.2, test=0.25)


@dataclass(frozen=True)
class Word:
    """A word; its gold is its length."""

    id: str
    gold: int | None = None


def read_words(path: Path) -> list[Word]:
    return [Word(word, len(word)) for word in path.read_text().split()]


def read_blind(path: Path) -> list[Word]:
    return [Word(word) for word in path.read_text().split()]


def read_lengths(path: Path, test: Sequence[Word]) -> list[int]:
    lengths = dict(line.split("=") for line in path.read_text().split())
    return [int(lengths[word.id]) for word in test]


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def splits_of(
    folder: Path, files: RawFiles = FILES, *, with_gold: bool = True, has_test: bool | None = None
) -> BySplit[Word]:
    return read_splits(
        "words",
        folder,
        files,
        HOLD_OUT,
        train=read_words,
        test=read_blind,
        gold=read_lengths if with_gold else None,
        group=lambda word: word.id[0],
        has_test=has_test,
    )


MANY = " ".join(f"{letter}{'x' * n}" for letter in "abcdefghijklmnopqrstuvwxyz" for n in range(3))


def test_organisers_files_are_taken_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, train=MANY, dev="uno due", test="tre quattro", gold="quattro=7 tre=3")
    by_split = splits_of(tmp_path)
    assert [word.id for word in by_split["train"]] == MANY.split()
    assert by_split["dev"] == [Word("uno", 3), Word("due", 3)]
    assert by_split["test"] == [Word("tre", 3), Word("quattro", 7)]


@pytest.mark.parametrize("absent", ["dev", "test"])
def test_items_are_held_out_by_groups_for_an_absent_file_alone(tmp_path: Path, absent: str) -> None:
    write(tmp_path, train=MANY, dev="uno", test="due", gold="due=3")
    (tmp_path / absent).unlink()
    by_split = splits_of(tmp_path)
    groups = {split: {word.id[0] for word in words} for split, words in by_split.items()}
    held_out = by_split["dev" if absent == "dev" else "test"]
    assert len(held_out) == 3 * len(groups[absent]) > 0
    assert len(by_split["train"]) + len(held_out) == len(MANY.split())
    assert not groups["train"] & groups[absent]
    assert all(word.gold == len(word.id) for word in held_out)


def test_without_being_asked_for_gold_is_neither_read_nor_known(tmp_path: Path) -> None:
    write(tmp_path, train=MANY, test="due", gold="damaged")
    assert splits_of(tmp_path, with_gold=False)["test"] == [Word("due")]
    (tmp_path / "test").unlink()
    blind = splits_of(tmp_path, with_gold=False)
    assert {word.gold for word in blind["test"]} == {None}
    assert None not in {word.gold for word in blind["train"] + blind["dev"]}
    assert [w.id for w in blind["test"]] == [w.id for w in splits_of(tmp_path)["test"]]


def test_groups_that_another_source_holds_out_can_stay_in_train(tmp_path: Path) -> None:
    """Whether a group is drawn for test may be decided for several sources together."""
    write(tmp_path, train=MANY)
    drawn = splits_of(tmp_path)
    write(tmp_path, test="due", gold="due=3")
    together = splits_of(tmp_path, has_test=False)
    assert together["dev"] == drawn["dev"]
    assert set(together["train"]) == set(drawn["train"] + drawn["test"])
    assert together["test"] == [Word("due", 3)]


def test_a_needed_training_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no train, which the task needs"):
        splits_of(tmp_path)
    write(tmp_path, test="due", gold="due=3")
    optional = RawFiles("train", "dev", "test", "gold", needed=False)
    for files in (optional, RawFiles(test="test", gold="gold")):
        assert splits_of(tmp_path, files) == {"train": [], "dev": [], "test": [Word("due", 3)]}


@pytest.mark.parametrize(
    ("present", "files", "messages"),
    [
        ("train dev test gold", FILES, []),
        ("train dev test", FILES, ["no gold: no score on test"]),
        ("train dev", FILES, ["no test: {test} items of train are held out for test"]),
        (
            "train",
            FILES,
            [
                "no dev: {dev} items of train are held out for dev",
                "no test: {test} items of train are held out for test",
            ],
        ),
        (
            "train test gold",
            RawFiles("train", test="test", gold="gold"),
            ["no dev file: {dev} items of train are held out for dev"],
        ),
        (
            "test gold",
            RawFiles("train", "dev", "test", needed=False),
            ["no train: no training on x"],
        ),
        ("", RawFiles("train", test="test", needed=False), ["no train and no test: x is skipped"]),
        ("", RawFiles(test="test", gold="gold"), ["no test: x is skipped"]),
    ],
)
def test_absent_files_and_held_out_items_are_told(
    tmp_path: Path,
    present: str,
    files: RawFiles,
    messages: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    contents = {"train": MANY, "dev": "uno", "test": "due", "gold": "due=3"}
    write(tmp_path, **{name: contents[name] for name in present.split()})
    by_split = splits_of(tmp_path, files)
    with caplog.at_level(logging.INFO):
        log_absent(tmp_path, files, by_split, "x")
    sizes = {split: len(words) for split, words in by_split.items()}
    assert caplog.messages == [f"{tmp_path}: {message.format(**sizes)}" for message in messages]
