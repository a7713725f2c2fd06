"""Held-out splits: a hash of an item's group and the seed decides, never the order of a file."""

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from stages.common.settings import Section

Side = Literal["train", "dev", "test"]
Share = Annotated[float, Field(ge=0.0, le=0.5)]

SPLITS: tuple[Side, ...] = ("train", "dev", "test")


class Splits(Section):
    """How training data is shared out where the organisers' dev or test files are absent."""

    seed: Annotated[int, Field(ge=0)]
    dev: Share
    test: Share

    def side(self, task: str, group: str, *, has_dev: bool, has_test: bool) -> Side:
        """Says on which side all items of a group belong.

        Args:
            task: the task's name, so that tasks are split independently.
            group: what must not be torn apart: a document, author, essay, lemma or post text.
            has_dev: the organisers' dev file is there, so nothing is held out for dev.
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
