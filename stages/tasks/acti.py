"""ACTI: say whether a post upholds a conspiracy theory (A), and which one (B).

Raw files, comma-separated with RFC 4180 quoting (posts hold line ends) and a header:

    subtaskA_train.csv    Id,comment_text,conspiratorial
    subtaskA_test.csv     Id,comment_text
    subtaskA_gold.csv     Id,conspiratorial (comment_text may be there)
    subtaskB_train.csv    Id,comment_text,topic,conspiracy
    subtaskB_test.csv     Id,comment_text
    subtaskB_gold.csv     Id,conspiracy (comment_text and topic may be there)

``conspiratorial`` is 0 or 1; ``conspiracy`` is 0 Covid, 1 Qanon, 2 Russia, 3 Terra Piatta, as the
data have it: the guidelines swap the last two. The column ``topic`` is not used. The gold has not
been published; its label column may also be called ``Expected``, as in a submission. Sub-task A's
training file is required. Sub-task B is skipped where its training file is absent, and where a test
file is absent, training posts are held out. Formats: the organisers' guidelines and files.

Both sub-tasks number their posts from 0, and many posts of B are in A too. Equal posts are on the
same side, whichever sub-task they stand in. Posts of B alone are not added to A: the organisers
have not judged them there, and they would all be positive.

The question is the post. The answer is ``sì`` (conspiratorial) or ``no`` in A, and ``Covid``,
``Qanon``, ``Russia`` or ``Terra Piatta`` in B.

The submissions, comma-separated with the header ``Id,Expected``, are ``TEAM_subtaskA_runN.csv`` and
``TEAM_subtaskB_runN.csv``. The fallback for an answer that cannot be read is 1 in A and 0 (Covid)
in B, each the majority of the training data.

The score of each sub-task is macro F1 over its classes. The organisers' overall score, 0.6 A +
0.4 B, stands beside it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, Labels, normalised, yes_no
from stages.toolkit.records import Encoded, Example, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Parser,
    anything,
    identifier,
    one_of,
    read_table,
    same_items,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "acti"
REQUIRED = ("subtaskA_train.csv",)
UNITS = ("acti_a", "acti_b")
EXPECTED = "Expected"


@dataclass(frozen=True)
class SubTask:
    """A sub-task: its letter, the column of its labels, their answers, and the fallback."""

    letter: str
    column: str
    answers: Labels[int]
    fallback: int

    @property
    def name(self) -> str:
        """The name under which its questions are asked."""
        return f"{NAME}_{self.letter.lower()}"

    def file(self, folder: Path, kind: str) -> Path:
        """Its file of a kind: train, test or gold."""
        return folder / f"subtask{self.letter}_{kind}.csv"

    def label(self, cell: str) -> int:
        """Parses a label."""
        return int(one_of(*map(str, sorted(self.answers.answers)))(cell))

    def submission(self, run: Run) -> str:
        """The name of its submission file."""
        return f"{run.team}_subtask{self.letter}_run{run.run}.csv"


A = SubTask("A", "conspiratorial", yes_no(1, 0), fallback=1)
B = SubTask(
    "B",
    "conspiracy",
    Labels({0: "Covid", 1: "Qanon", 2: "Russia", 3: "Terra Piatta"}),
    fallback=0,
)
CLOSED = {subtask.name: subtask.answers.candidates for subtask in (A, B)}
WEIGHTS = {A.name: 0.6, B.name: 0.4}  # of the overall score


@dataclass(frozen=True)
class Post:
    """A post; the label is None where it is unknown."""

    id: str
    text: str
    label: int | None = None

    @property
    def group(self) -> str:
        """What equal posts have in common."""
        return normalised(self.text)


# --- Raw files ------------------------------------------------------------------------------------


def subtasks(folder: Path) -> list[SubTask]:
    """The sub-tasks that can be learnt from a raw folder."""
    required(A.file(folder, "train"))
    return [subtask for subtask in (A, B) if subtask.file(folder, "train").is_file()]


def posts(folder: Path, hold_out: HoldOut) -> dict[str, dict[Split, list[Post]]]:
    """Reads a raw folder without the test sets' gold: the posts of each sub-task and split.

    Where one sub-task alone has a test file, a post that is held out of the other one is left out
    of its training data.
    """
    given = subtasks(folder)
    train = {subtask.name: _read_train(folder, subtask) for subtask in given}
    tests = {s.name: _read_test(folder, s) for s in given if s.file(folder, "test").is_file()}

    def split(post: Post) -> Split:
        has_test = len(tests) == len(given)  # one decision for both sub-tasks
        return hold_out.split_of(NAME, post.group, has_dev=False, has_test=has_test)

    by_split = {name: [(split(post), post) for post in train[name]] for name in train}
    held_out = {
        post.group
        for n in train
        if n not in tests
        for where, post in by_split[n]
        if where == "test"
    }
    by_subtask: dict[str, dict[Split, list[Post]]] = {
        n: {split: [] for split in SPLITS} for n in train
    }
    for name in train:
        left_out = 0
        for where, post in by_split[name]:
            if where != "test":
                by_subtask[name][where].append(post)
            elif name not in tests:
                by_subtask[name]["test"].append(replace(post, label=None))
            elif post.group not in held_out:
                by_subtask[name]["train"].append(post)
            else:
                left_out += 1
        if left_out:
            log.info("%s: without %d training posts held out of the other one", name, left_out)
        by_subtask[name]["test"] += tests.get(name, [])
    return by_subtask


def _read_train(folder: Path, subtask: SubTask) -> list[Post]:
    rows = read_table(
        subtask.file(folder, "train"),
        {"Id": identifier, "comment_text": text, subtask.column: subtask.label},
        optional=_unused(subtask),
        unique="Id",
    )
    return [Post(row["Id"], row["comment_text"], row[subtask.column]) for row in rows]


def _read_test(folder: Path, subtask: SubTask) -> list[Post]:
    path = subtask.file(folder, "test")
    rows = read_table(path, {"Id": identifier, "comment_text": text}, unique="Id")
    return [Post(row["Id"], row["comment_text"]) for row in rows]


def _unused(subtask: SubTask) -> dict[str, Parser]:
    return {"topic": anything} if subtask is B else {}


def gold_labels(folder: Path, subtask: SubTask, test: Sequence[Post]) -> dict[str, int]:
    """Reads the gold of a sub-task's test posts by id; empty where there is none."""
    wanted = [post.id for post in test]
    if not subtask.file(folder, "test").is_file():
        labels: dict[str, Any] = {p.id: p.label for p in _read_train(folder, subtask)}
        return {i: labels[i] for i in wanted}
    path = subtask.file(folder, "gold")
    if not path.is_file():
        return {}
    optional = {
        "comment_text": text,
        subtask.column: subtask.label,
        EXPECTED: subtask.label,
        **_unused(subtask),
    }
    rows = read_table(path, {"Id": identifier}, optional=optional, unique="Id")
    found = [column for column in (subtask.column, EXPECTED) if column in rows[0].values]
    if len(found) != 1:
        defects = Defects(path)
        defects.add(1, f"expected one column of labels, {subtask.column} or {EXPECTED}")
        defects.check()
    labels = {row["Id"]: row[found[0]] for row in rows}
    same_items(path, wanted, list(labels), ordered=False)
    return labels


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every post; see `stages.tasks.Task.encode`."""
    by_subtask = posts(folder, hold_out)
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    groups = {name: {p.group for s in SPLITS for p in by_subtask[name][s]} for name in by_subtask}
    for subtask in subtasks(folder):
        by_split = by_subtask[subtask.name]
        gold = gold_labels(folder, subtask, by_split["test"])
        taken = {post.id for post in by_split["test"]}
        for split in SPLITS:
            for post in by_split[split]:
                label = gold.get(post.id) if split == "test" else post.label
                output = None if label is None else subtask.answers.write(label)
                # Should a test file number its posts from 0 again, training posts give way.
                again = "train:" if split != "test" and post.id in taken else ""
                question = f"{subtask.name}:{again}{post.id}"
                examples[split].append(Example(question, subtask.name, post.text, output))
        if not subtask.file(folder, "test").is_file():
            missing = subtask.file(folder, "test")
            log.info("no %s: %d training posts are held out", missing, len(by_split["test"]))
        elif not gold:
            log.info("no %s: %s has no score", subtask.file(folder, "gold"), subtask.name)
    if B.name not in by_subtask:
        log.info("no %s: %s is skipped", B.file(folder, "train"), B.name)
    notes = {
        "posts": sum(map(len, examples.values())),
        "posts_of_both": len(groups[A.name] & groups.get(B.name, set())),
    }
    return Encoded(examples, notes)


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    answers = (A if subtask == A.name else B).answers
    return answers.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    by_subtask = posts(folder, hold_out)
    files = {}
    for subtask in subtasks(folder):
        name, read, fallback = subtask.name, subtask.answers.parse, subtask.fallback
        rows = [
            (post.id, parser.parse(name, f"{name}:{post.id}", read, fallback))
            for post in by_subtask[name]["test"]
        ]
        if rows:
            files[subtask.submission(run)] = write_table(["Id", EXPECTED], rows)
    return Submission(files, parser.finish())


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    by_subtask = posts(folder, hold_out)
    units = {}
    for subtask in subtasks(folder):
        by_split = by_subtask[subtask.name]
        gold = gold_labels(folder, subtask, by_split["test"])
        if not gold:
            continue
        ids = [post.id for post in by_split["test"]]
        path = submission / subtask.submission(run)
        rows = read_table(path, {"Id": identifier, EXPECTED: subtask.label})
        same_items(path, ids, [row["Id"] for row in rows])
        wanted, given = [gold[i] for i in ids], [row[EXPECTED] for row in rows]
        labels = sorted(subtask.answers.answers)
        baseline = majority([post.label for post in by_split["train"]])
        units[subtask.name] = f1_unit(wanted, given, labels, baseline, answer=subtask.answers.write)
    if len(units) == len(WEIGHTS):
        overall = sum(weight * units[name].value for name, weight in WEIGHTS.items())
        units = {n: replace(u, details={"overall": overall, **u.details}) for n, u in units.items()}
    return units
