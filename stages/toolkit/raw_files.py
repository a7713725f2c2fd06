"""A task's raw files: which are there, what they hold, what is held out, and what is absent.

A source is a set of raw files that belong together: a training file, perhaps a dev file, a test
file without gold, and the gold of the test file. Most tasks have one source; some have one for each
sub-task, domain or corpus. `read_splits` reads a source, `log_absent` says what it lacks.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from stages.common.command import InputError
from stages.common.files import SHOWN, files_below, required
from stages.toolkit.records import AnyItem
from stages.toolkit.splits import SPLITS, BySplit, HoldOut, Split

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawFiles:
    """Names of a source's raw files, relative to the task's raw folder; "" for none.

    Attributes:
        train: items with gold.
        dev: items with gold.
        test: items without gold.
        gold: the gold of `test`.
        needed: whether the task cannot do without `train`.
    """

    train: str = ""
    dev: str = ""
    test: str = ""
    gold: str = ""
    needed: bool = True

    def path(self, folder: Path, kind: Literal["train", "dev", "test", "gold"]) -> Path | None:
        """The path of a file in a raw folder, or None where it is absent."""
        name: str = getattr(self, kind)
        path = folder / name
        return path if name and path.is_file() else None


def require_one(folder: Path, sources: Collection[RawFiles]) -> None:
    """Makes sure that at least one of several sources has its training file.

    Args:
        folder: the task's raw folder.
        sources: the sources, none of which is needed by itself.

    Raises:
        InputError: naming the training files, if all are absent.
    """
    if not any(files.path(folder, "train") for files in sources):
        names = ", ".join(files.train for files in sources)
        present = ", ".join(files_below(folder)[:SHOWN]) or "nothing"
        raise InputError(
            f"{folder}: no training file; expected at least one of {names}; there is {present}"
        )


def read_splits(
    task: str,
    folder: Path,
    files: RawFiles,
    hold_out: HoldOut,
    *,
    train: Callable[[Path], Sequence[AnyItem]],
    test: Callable[[Path], Sequence[AnyItem]],
    gold: Callable[[Path, Sequence[AnyItem]], Sequence[Any]] | None,
    group: Callable[[AnyItem], str],
    has_test: bool | None = None,
) -> BySplit[AnyItem]:
    """Reads a source.

    Training items are held out for dev and for test where these files are absent. Those held out
    for test lose their gold, unless the caller wants the test items with gold.

    Args:
        task: the task's name.
        folder: its raw folder.
        files: the source.
        hold_out: how much is held out.
        train: reads a training or dev file: items with gold.
        test: reads a test file: items without gold.
        gold: reads a gold file: the gold of each of the given test items, in their order. None:
            test items have no gold, whether there is a gold file or not, as decode needs them.
        group: names what an item must not be separated from, such as its author or its text.
        has_test: whether groups are assigned as if the test file were there; None: if it is.
            Training items that are assigned to test beside a test file stay in train.

    Returns:
        The items of each split, in the order of the files.

    Raises:
        InputError: for an absent training file that is needed, and for defects.
    """
    train_path, dev_path, test_path = (files.path(folder, split) for split in SPLITS)
    if files.train and files.needed:
        required(folder / files.train)
    by_split: BySplit[AnyItem] = {split: [] for split in SPLITS}
    for item in train(train_path) if train_path else ():
        split = hold_out.split_of(
            task,
            group(item),
            has_dev=dev_path is not None,
            has_test=test_path is not None if has_test is None else has_test,
        )
        by_split["train" if split == "test" and test_path else split].append(item)
    if dev_path:
        by_split["dev"] = list(train(dev_path))
    if not test_path:
        held_out = by_split["test"]
        by_split["test"] = held_out if gold else [replace(item, gold=None) for item in held_out]
        return by_split
    items = test(test_path)
    if gold and (gold_path := files.path(folder, "gold")):
        values = gold(gold_path, items)
        items = [replace(item, gold=value) for item, value in zip(items, values, strict=True)]
    by_split["test"] = list(items)
    return by_split


def log_absent(
    folder: Path, files: RawFiles, by_split: Mapping[Split, Sequence[object]], name: str = ""
) -> None:
    """Says which files of a source are absent, and what is held out in their place.

    Args:
        folder: the task's raw folder.
        files: the source.
        by_split: the source's items; empty if the task skips it.
        name: of the sub-task, domain or test set whose source it is, where a task has several.
    """
    train, test = files.path(folder, "train"), files.path(folder, "test")
    if not any(by_split.values()):
        absent = [file for file, path in ((files.train, train), (files.test, test)) if not path]
        log.info("%s: no %s: %s is skipped", folder, " and no ".join(filter(None, absent)), name)
        return
    if files.train and not train:
        log.info("%s: no %s: no training on %s", folder, files.train, name)
    for split in SPLITS[1:]:
        if train and not files.path(folder, split):
            file, count = getattr(files, split) or f"{split} file", len(by_split[split])
            message = "%s: no %s: %d items of %s are held out for %s"
            log.info(message, folder, file, count, files.train, split)
    if test and files.gold and not files.path(folder, "gold"):
        log.info("%s: no %s: no score on %s", folder, files.gold, files.test)


def log_unread(folder: Path, reads: Collection[Path]) -> None:
    """Names the files of a task's raw folder that were not read.

    A file under another name than the organisers', or within a folder or an archive of its own, is
    not found; beside what is absent, its name says why.

    Args:
        folder: the task's raw folder.
        reads: the paths of the files that were read.
    """
    known = {path.resolve() for path in reads}
    unread = [name for name in files_below(folder) if (folder / name).resolve() not in known]
    if unread:
        more = f" and {len(unread) - SHOWN} more" if len(unread) > SHOWN else ""
        log.info("%s: not read: %s%s", folder, ", ".join(unread[:SHOWN]), more)
