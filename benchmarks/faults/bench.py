"""The project in two versions, and what must hold after a fault."""

import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.faults.processes import Ended, call, must
from benchmarks.faults.project import (
    OTHER,
    OUTPUTS,
    SETTINGS,
    STAGES,
    Tree,
    copy,
    make,
    outputs,
    put,
)

Value = TypeVar("Value")


class Bench:
    """The project in two versions, every stage run, and a place to work in.

    Attributes:
        new: the project with all outputs.
        old: the same with outputs of other settings.
        work: the copy that faults happen to.
        stages: those that run.
        draw: decides what is random.
        failures: what should not have been.
    """

    def __init__(self, folder: Path, seed: int, most: int | None, *, short: bool) -> None:
        """Makes both versions.

        Args:
            folder: where to.
            seed: of what is random.
            most: see `some`.
            short: whether only encode and infer run, without an adapter.
        """
        self.new, self.old, self.work = (folder / name for name in ("new", "old", "work"))
        self.stages = ["encode", "infer"] if short else list(STAGES)
        self.draw, self._most = random.Random(seed), most
        self.settings = SETTINGS | ({"infer.adapter": False} if short else {})
        self.failures: list[str] = []
        make(self.new)
        put(self.new, self.settings)
        copy(self.new, self.old)
        put(self.old, self.settings | OTHER)
        for project in (self.old, self.new):
            for stage in self.stages:
                must(call(project, stage))

    @property
    def saving(self) -> list[str]:
        """The stages that save what they have done."""
        return [stage for stage in self.stages if stage in ("finetune", "infer")]

    def some(self, items: Sequence[Value]) -> Sequence[Value]:
        """Returns all items or, where a number is given, so many of them."""
        if self._most is None or len(items) <= self._most:
            return items
        return self.draw.sample(items, self._most)

    def expected(self, stage: str) -> list[Tree]:
        """The outputs of a stage that has run without a fault."""
        return outputs(self.new, stage)

    def prepare(self, stage: str) -> None:
        """Puts the project before a stage: its outputs are the old ones."""
        copy(self.new, self.work)
        for name in OUTPUTS[stage]:
            place = self.work / name
            shutil.rmtree(place, ignore_errors=True)
            place.unlink(missing_ok=True)
            if (self.old / name).is_dir():
                shutil.copytree(self.old / name, place)
            else:
                shutil.copy(self.old / name, place)

    def check(self, what: str, holds: bool, text: str = "") -> bool:
        """Notes a failure, with what was written."""
        if not holds:
            self.failures.append(f"{what}\n{text[-2000:]}")
            print(f"FAILED: {what}\n{text[-2000:]}", file=sys.stderr, flush=True)
        return holds

    def is_old_or_new(self, stage: str) -> bool:
        """Whether each output of a stage is that of the one run or the other."""
        versions = zip(
            outputs(self.work, stage), outputs(self.old, stage), self.expected(stage), strict=True
        )
        return all(now in (old, new) for now, old, new in versions)

    def left_behind(self) -> list[str]:
        """Temporary files and folders, and states, that are still there."""
        hidden = [p for p in self.work.rglob(".*") if p.name != ".scratch"]
        return [str(p) for p in [*hidden, *self.work.glob(".scratch/[fi]*/*")]]

    def check_again(self, what: str, stage: str) -> Ended:
        """Runs a stage after a fault; its outputs must be those of a run without one."""
        ended = call(self.work, stage)
        same = not ended.code and outputs(self.work, stage) == self.expected(stage)
        self.check(f"{what}: then another result", same, ended.text)
        self.check(f"{what}: left behind {self.left_behind()}", not self.left_behind(), ended.text)
        return ended


def no_traceback(ended: Ended) -> bool:
    """Whether an error was told as a message."""
    return "Traceback" not in ended.text and "unexpected" not in ended.text
