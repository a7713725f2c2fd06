"""Splits: train, dev and test, and how training data are held out for absent dev and test files.

A hash of an item's group and the seed decides, never the order of a file.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field

from stages.common.settings import Section, Seed

Split = Literal["train", "dev", "test"]
Share = Annotated[float, Field(ge=0.0, le=0.5)]

SPLITS: tuple[Split, ...] = ("train", "dev", "test")

Record = TypeVar("Record")
BySplit = dict[Split, list[Record]]
"""Records of one kind, a list for each split."""


def merge_splits(parts: Iterable[Mapping[Split, list[Record]]]) -> BySplit[Record]:
    """Joins the records of several sources split by split, in the order of the sources."""
    merged: BySplit[Record] = {split: [] for split in SPLITS}
    for by_split in parts:
        for split in SPLITS:
            merged[split] += by_split[split]
    return merged


class HoldOut(Section):
    """Settings of held-out data: shares of train that stand in for absent dev and test files.

    Section encode has a further key, which encode alone reads; it refuses unknown ones.

    Attributes:
        seed: which groups are held out.
        dev: share of the groups that is held out for dev.
        test: share of the groups that is held out for test.
    """

    model_config = ConfigDict(extra="ignore")

    seed: Seed
    dev: Share
    test: Share

    def split_of(self, task: str, group: str, *, has_dev: bool, has_test: bool) -> Split:
        """Assigns all items of a group to one split.

        Args:
            task: the task's name, so that tasks are split independently.
            group: the document, author, essay, lemma or post text whose items stay together.
            has_dev: whether the organisers' dev file is there, so that nothing is held out for dev.
            has_test: likewise the test file.

        Returns:
            "train", "dev" or "test".
        """
        digest = hashlib.sha256(f"{self.seed}\0{task}\0{group}".encode()).digest()
        point = int.from_bytes(digest[:8], "big") / 2**64
        test = 0.0 if has_test else self.test
        dev = 0.0 if has_dev else self.dev
        if point < test:
            return "test"
        return "dev" if point < test + dev else "train"
