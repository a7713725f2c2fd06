"""The project in two versions, what must hold after a fault, and notes of what has been tried."""

import hashlib
import json
import random
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.faults.processes import Ended, call, must
from benchmarks.faults.project import (
    OTHER,
    OUTPUTS,
    ROOT,
    SETTINGS,
    STAGES,
    Tree,
    copy,
    make,
    outputs,
    put,
)

SHORT = ("encode", "infer")  # stages of the short form
Value = TypeVar("Value")


class Notes:
    """What has been tried: a line of a file for each fault, so that a long run can be resumed.

    The first line has a hash of the code under test; what was tried with other code counts no more.
    """

    def __init__(self, path: Path | None) -> None:
        """Reads the notes, or begins them.

        Args:
            path: the file; None to take no notes.
        """
        self._path, self._known = path, dict[str, tuple[list[str], list[str]]]()
        code = hashlib.sha256()
        for file in sorted((ROOT / "stages").rglob("*.py")):
            code.update(file.read_bytes())
        first = json.dumps({"code": code.hexdigest()}) + "\n"
        if path and path.is_file():
            with path.open(encoding="utf-8") as lines:
                if next(lines, "") != first:
                    sys.exit(f"{path} is of other code: give another file, or delete it")
                self._known = {what: (seen, bad) for what, seen, bad in map(json.loads, lines)}
        elif path:
            path.write_text(first, encoding="utf-8")

    def __getitem__(self, what: str) -> tuple[list[str], list[str]] | None:
        """What was seen of a fault, and what should not have been; None if it was not tried."""
        return self._known.get(what)

    def __setitem__(self, what: str, found: tuple[list[str], list[str]]) -> None:
        """Notes it."""
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([what, *found], ensure_ascii=False) + "\n")


class Bench:
    """The project in two versions, every stage run, and a place to work in.

    Attributes:
        new: the project with all outputs.
        old: the same with outputs of other settings.
        work: the copy that faults happen to.
        stages: those to which faults happen.
        failures: what should not have been.
    """

    def __init__(
        self,
        folder: Path,
        stages: Sequence[str],
        seed: int,
        most: int | None,
        notes: Notes,
        *,
        short: bool,
    ) -> None:
        """Makes both versions.

        Args:
            folder: where to.
            stages: to which faults happen.
            seed: of what is random.
            most: see `some`.
            notes: of what has been tried.
            short: whether only encode and infer run, without an adapter.
        """
        self.new, self.old, self.work = (folder / name for name in ("new", "old", "work"))
        run = SHORT if short else STAGES
        self.stages = [stage for stage in run if stage in stages]
        self._seed, self._most, self._notes = seed, most, notes
        self.settings = SETTINGS | ({"infer.adapter": False} if short else {})
        self.failures: list[str] = []
        make(self.new)
        put(self.new, self.settings)
        copy(self.new, self.old)
        put(self.old, self.settings | OTHER)
        for project in (self.old, self.new):
            for stage in run:
                must(call(project, stage))

    @property
    def saving(self) -> list[str]:
        """The stages that save what they have done."""
        return [stage for stage in self.stages if stage in ("finetune", "infer")]

    def some(self, items: Sequence[Value]) -> Sequence[Value]:
        """Returns all items or, where a number is given, so many of them."""
        if self._most is None or len(items) <= self._most:
            return items
        return self.draw("some").sample(items, self._most)

    def draw(self, what: str) -> random.Random:
        """Random numbers for a fault, the same whatever was tried before it."""
        return random.Random(f"{self._seed} {what}")

    def once(self, what: str, attempt: Callable[[], list[str]]) -> list[str]:
        """Lets a fault happen, unless it is among the notes.

        Args:
            what: names the fault.
            attempt: lets it happen; returns what was seen, in words.

        Returns:
            What was seen.
        """
        if known := self._notes[what]:
            seen, failures = known
            self.failures += failures
        else:
            before = len(self.failures)
            seen = attempt()
            self._notes[what] = seen, self.failures[before:]
        return seen

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
