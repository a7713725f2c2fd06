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

Both sub-tasks number their posts from 0, and many posts of B are in A too. Equal posts that are
held out are so in both sub-tasks. In the organisers' own files, though, posts that B has for
training stand in A's test set, and the other way round: such leaks encode leaves out
(`stages.toolkit.leaks`). Posts of B alone are not added to A: the organisers have not judged them
there, and they would all be positive.

The question is the post. The answer is ``sì`` (conspiratorial) or ``no`` in A, and ``Covid``,
``Qanon``, ``Russia`` or ``Terra Piatta`` in B.

The submissions, comma-separated with the header ``Id,Expected``, are ``TEAM_subtaskA_runN.csv`` and
``TEAM_subtaskB_runN.csv``. The fallback for an answer that cannot be parsed is 1 in A and 0 (Covid)
in B, each the majority of the training data.

The score of each sub-task is macro F1 over its classes. The organisers' overall score, 0.6 A +
0.4 B, stands beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from stages.common.files import Defects, required
from stages.forms.forms import Form
from stages.toolkit.answers import AnswerParser, Labels, normalised, yes_no
from stages.toolkit.decisions import F1
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut, merge_splits
from stages.toolkit.tables import (
    Parser,
    anything,
    identifier,
    match_items,
    one_of,
    read_table,
    text,
    write_table,
)

NAME = "acti"
EXPECTED = "Expected"


@dataclass(frozen=True)
class SubTask:
    """A sub-task.

    Attributes:
        name: the sub-task's name, and that of its ranked unit.
        files: its raw files.
        submission: its submission file.
        column: the column of its labels.
        answers: the answers for the labels.
        fallback: the label that stands for an answer that cannot be parsed.
        unused: columns that its training and gold files may have and that are not used.
    """

    name: str
    files: RawFiles
    submission: str
    column: str
    answers: Labels[int]
    fallback: int
    unused: tuple[str, ...] = ()

    def label(self, cell: str) -> int:
        """Parses a label."""
        return int(one_of(*map(str, sorted(self.answers.answers)))(cell))

    @property
    def unused_columns(self) -> dict[str, Parser]:
        """Parsers for the columns that are not used."""
        return dict.fromkeys(self.unused, anything)


A = SubTask(
    "acti_a",
    RawFiles("subtaskA_train.csv", test="subtaskA_test.csv", gold="subtaskA_gold.csv"),
    "{team}_subtaskA_run{run}.csv",
    "conspiratorial",
    yes_no(1, 0),
    fallback=1,
)
B = SubTask(
    "acti_b",
    RawFiles("subtaskB_train.csv", test="subtaskB_test.csv", gold="subtaskB_gold.csv"),
    "{team}_subtaskB_run{run}.csv",
    "conspiracy",
    Labels({0: "Covid", 1: "Qanon", 2: "Russia", 3: "Terra Piatta"}),
    fallback=0,
    unused=("topic",),
)
SUBTASKS = (A, B)
REQUIRED = (A.files.train,)
UNITS = (A.name, B.name)
SENDING = Sending("upload each file to the sub-task's competition on Kaggle")
CLOSED = {subtask.name: subtask.answers.candidates for subtask in SUBTASKS}
FORMS: dict[str, Form] = {}
FIGURES = dict.fromkeys(CLOSED, F1())
WEIGHTS = {A.name: 0.6, B.name: 0.4}  # of the overall score


@dataclass(frozen=True)
class Post:
    """A post as a sub-task has it; its gold is its label, None where it is unknown."""

    subtask: str
    id: str
    text: str
    gold: int | None = None

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(self.subtask, self.id)

    @property
    def group(self) -> str:
        """What equal posts have in common."""
        return normalised(self.text)


# --- Raw files ------------------------------------------------------------------------------------


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> dict[SubTask, BySplit[Post]]:
    """Reads the posts of each sub-task and split, those of the test sets without gold or with it.

    Groups are assigned to splits for both sub-tasks together.
    """
    required(folder / A.files.train)
    subtasks = [subtask for subtask in SUBTASKS if subtask.files.path(folder, "train")]
    return {
        subtask: read_splits(
            NAME,
            folder,
            subtask.files,
            hold_out,
            train=partial(_read_train, subtask),
            test=partial(_read_test, subtask),
            gold=partial(_read_gold, subtask) if with_gold else None,
            group=lambda post: post.group,
            has_test=all(subtask.files.path(folder, "test") for subtask in subtasks),
        )
        for subtask in subtasks
    }


def _read_train(subtask: SubTask, path: Path) -> list[Post]:
    columns = {"Id": identifier, "comment_text": text, subtask.column: subtask.label}
    rows = read_table(path, columns, optional=subtask.unused_columns, unique="Id")
    return [Post(subtask.name, r["Id"], r["comment_text"], r[subtask.column]) for r in rows]


def _read_test(subtask: SubTask, path: Path) -> list[Post]:
    rows = read_table(path, {"Id": identifier, "comment_text": text}, unique="Id")
    return [Post(subtask.name, row["Id"], row["comment_text"]) for row in rows]


def _read_gold(subtask: SubTask, path: Path, test: Sequence[Post]) -> list[int]:
    labels = dict.fromkeys((subtask.column, EXPECTED), subtask.label)
    optional = {"comment_text": text, **labels, **subtask.unused_columns}
    rows = read_table(path, {"Id": identifier}, optional=optional, unique="Id")
    present = [column for column in labels if column in rows[0].values]
    if len(present) != 1:
        defects = Defects(path)
        defects.add(1, f"expected one column of labels, {subtask.column} or {EXPECTED}")
        defects.check()
    return [row[present[0]] for row in match_items(path, rows, "Id", test, ordered=False)]


# --- Questions and answers ------------------------------------------------------------------------


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every post; see `stages.tasks.Task.encode`."""
    by_subtask = read_items(folder, hold_out, with_gold=True)
    for subtask in SUBTASKS:
        log_absent(folder, subtask.files, by_subtask.get(subtask, {}), subtask.name)
    encoded = merge_splits(
        examples(posts, subtask.name, text=lambda post: post.text, answer=subtask.answers.write)
        for subtask, posts in by_subtask.items()
    )
    groups = [{p.group for s in SPLITS for p in posts[s]} for posts in by_subtask.values()]
    notes = {
        "posts": sum(map(len, encoded.values())),
        "posts_of_both": len(set.intersection(*groups)) if len(groups) > 1 else 0,
    }
    return Encoded(encoded, notes)


def interpret(subtask: str, answer: str) -> int | None:
    """The label that an answer names; see `stages.tasks.Task.interpret`."""
    answers = (A if subtask == A.name else B).answers
    return answers.parse(answer)


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    files = {}
    for subtask, posts in read_items(folder, hold_out).items():
        name, parse, fallback = subtask.name, subtask.answers.parse, subtask.fallback
        rows = [
            (post.id, parser.parse(name, post.question_id, parse, fallback))
            for post in posts["test"]
        ]
        if rows:
            files[run.file_name(subtask.submission)] = write_table(["Id", EXPECTED], rows)
    return Submission(files, parser.finish())


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from stages.toolkit.scores import f1_unit, majority

    units = {}
    for subtask, posts in read_items(folder, hold_out, with_gold=True).items():
        scored = [post for post in posts["test"] if post.gold is not None]
        if scored:
            path = submission / run.file_name(subtask.submission)
            rows = read_table(path, {"Id": identifier, EXPECTED: subtask.label})
            submitted = [row[EXPECTED] for row in match_items(path, rows, "Id", scored)]
            gold, labels = [post.gold for post in scored], sorted(subtask.answers.answers)
            baseline = majority([post.gold for post in posts["train"]])
            write = subtask.answers.write
            units[subtask.name] = f1_unit(gold, submitted, labels, baseline, answer=write)
    if len(units) == len(WEIGHTS):
        overall = sum(weight * units[name].value for name, weight in WEIGHTS.items())
        units = {n: replace(u, details={"overall": overall, **u.details}) for n, u in units.items()}
    return units
