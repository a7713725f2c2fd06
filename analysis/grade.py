"""Grades the exercise of the labs: scores a hand-in and says what is missing.

A hand-in is a folder that holds runs, a report and a statement (docs/labs/exercise.md):

    exercise.yaml      exercise: two-tasks, or architectures; with verdict, see below
    report.md          text under the headings of QUESTIONS
    A-1/ A-2/ …        runs: params.yaml and submissions/; of two architectures also B-1/ B-2/ …

Scores are computed anew from the submissions and the gold in data/sample, or in another folder;
figures that a hand-in may hold are not read. Writes nothing, but with --collect, which copies the
last run into a hand-in.

    python -m analysis.grade --collect handin/A-1
    python -m analysis.grade handin
    python -m analysis.grade handins/*          # a class: one line each at the end
"""

import logging
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from analysis.differences import HEADLINE, adjusted, compare, scores
from analysis.report import flat
from analysis.scores import HEADER
from analysis.scores import rows as score_rows
from stages.check import Settings, check
from stages.common import settings
from stages.common.command import InputError, argument_parser, run
from stages.common.files import read_text
from stages.common.outputs import whole_folder
from stages.common.settings import PARAMS, Section
from stages.evaluate import evaluate, report
from stages.tasks import names
from stages.toolkit.records import Unit
from stages.toolkit.scores import interval

log = logging.getLogger(__name__)

SUBMISSIONS = Path("data/submissions")
RUN_NAME = re.compile(r"([AB])-(\d+)")
QUESTIONS = {
    "What I changed": "Che cosa ho cambiato",
    "What came out": "Che cosa è risultato",
    "How sure I am": "Quanto ne sono sicuro",
}
"""Headings of the report, in English and Italian."""
WORDS = 30  # under each heading
SEEDS = 2  # of each setting

GRADERS = ("encode", "evaluate")
"""Sections that decide what is scored and how: in a hand-in they are the grader's."""

ARCHITECTURE = ("model.", "finetune.lora.")
"""Keys in one of which two architectures differ: those of the base, and of its adapter."""

SUITED = ("finetune.learning_rate", "finetune.encoder_rate", "finetune.engine", "infer.engine")
"""Keys in which they may differ too, for what suits one base need not suit another."""

SEED = "finetune.seed"
NAMES = ("decode.team", "decode.run")


class Statement(Section):
    """The content of exercise.yaml.

    Attributes:
        exercise: which one.
        verdict: of two architectures, which is better by unit: A, B, or none.
    """

    exercise: Literal["two-tasks", "architectures"]
    verdict: dict[str, Annotated[str, Field(pattern="^(A|B|none)$")]] = {}


@dataclass(frozen=True)
class HandedIn:
    """A run of a hand-in.

    Attributes:
        name: of its folder, such as A-1.
        content: of its params.yaml.
        settings: the same, checked, with the grader's section model: the base, which may be a
            folder that only the students have, is not needed to score.
        units: the scores of its submissions.
    """

    name: str
    content: Mapping[str, Any]
    settings: Settings
    units: Mapping[str, Unit]

    @property
    def side(self) -> str:
        """The setting that it is a run of: A or B."""
        return self.name[0]

    def values(self) -> dict[str, Any]:
        """Its settings by dotted key."""
        return dict(flat(self.content))


@dataclass(frozen=True)
class Point:
    """A requirement.

    Attributes:
        name: what is required.
        points: that it is worth.
        share: of them that was reached, 0 to 1.
        missing: what is missing, in sentences.
    """

    name: str
    points: int
    share: float
    missing: Sequence[str] = ()

    @property
    def reached(self) -> float:
        """The points that were reached."""
        return self.points * self.share


# --- Runs -----------------------------------------------------------------------------------------


def read_runs(folder: Path, raw: Path, grader: Settings) -> tuple[list[HandedIn], list[str]]:
    """Reads and scores the runs of a hand-in.

    Args:
        folder: the hand-in.
        raw: raw files with gold.
        grader: the settings of the grader.

    Returns:
        The runs that could be scored, by name, and what is amiss with the others.
    """
    runs, amiss = [], []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and RUN_NAME.fullmatch(path.name):
            try:
                runs.append(_read_run(path, raw, grader))
            except InputError as error:
                amiss.append(str(error))
    if not runs and not amiss:
        amiss.append(f"{folder}: no run; expected folders A-1, A-2, …")
    return runs, amiss


def _read_run(folder: Path, raw: Path, grader: Settings) -> HandedIn:
    """Reads and scores one run.

    Raises:
        InputError: if its settings or submissions are not in order.
    """
    path = folder / "params.yaml"
    content = settings.load(path)
    found = check(content | {"model": grader.model.model_dump()}, str(path))
    if unknown := [name for name in found.tasks if name not in names()]:
        raise InputError(f"{path}: tasks: no task {', '.join(unknown)}")
    for section in GRADERS:
        if getattr(found, section) != getattr(grader, section):
            raise InputError(f"{path}: {section}: expected the values of the grader's {PARAMS}")
    units = evaluate(raw, folder / "submissions", _settings_of(found))
    return HandedIn(folder.name, content, found, units)


def _settings_of(found: Settings) -> Any:
    """What evaluate reads of settings."""
    from stages.evaluate import Settings as Evaluate

    return settings.validate(Evaluate, found.model_dump(), "settings")


# --- Requirements ---------------------------------------------------------------------------------


def seeds(runs: Sequence[HandedIn], sides: str) -> Point:
    """At least SEEDS runs of each setting, which differ in the seed alone."""
    missing, good = [], 0
    for side in sides:
        own = [r for r in runs if r.side == side]
        others = [k for r in own[1:] for k in differences(own[0], r) if k not in (SEED, *NAMES)]
        distinct = {r.settings.finetune.seed for r in own}
        if others:
            missing.append(f"runs {side}: they differ in {', '.join(sorted(set(others)))}")
        elif len(distinct) < SEEDS:
            missing.append(f"runs {side}: {len(distinct)} seeds, expected {SEEDS} ({SEED})")
        else:
            good += 1
    return Point(f"{SEEDS} seeds of each setting", 15, good / len(sides), missing)


def differences(a: HandedIn, b: HandedIn) -> list[str]:
    """The keys in which the settings of two runs differ."""
    first, second = a.values(), b.values()
    return sorted(k for k in first.keys() | second.keys() if first.get(k) != second.get(k))


def written(folder: Path) -> Point:
    """A report that answers the questions."""
    path = folder / "report.md"
    try:
        text = read_text(path)
    except InputError as error:
        return Point("report", 15, 0, [str(error)])
    words: dict[str, int] = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = part.partition("\n")
        words[heading.strip()] = len(re.findall(r"\w+", rest))
    lengths = {
        question: max(words.get(question, 0), words.get(in_italian, 0))
        for question, in_italian in QUESTIONS.items()
    }
    missing = [
        f"{path}: ## {question}: {length} words, expected {WORDS}"
        for question, length in lengths.items()
        if length < WORDS
    ]
    return Point("report", 15, 1 - len(missing) / len(QUESTIONS), missing)


def beyond_baseline(runs: Sequence[HandedIn], points: int) -> Point:
    """Units whose interval lies beyond the majority or mean baseline, in every run."""
    reached, missing = [], []
    for r in runs:
        for name, unit in r.units.items():
            low, high = interval(unit.sample, r.settings.evaluate)
            is_beyond = low > unit.baseline if unit.better == "higher" else high < unit.baseline
            reached.append(is_beyond)
            if not is_beyond:
                ends = f"{low:.3f} to {high:.3f}"
                missing.append(f"{r.name}: {name}: {ends} does not exclude {unit.baseline:.3f}")
    share = sum(reached) / len(reached) if reached else 0.0
    return Point("better than the baseline", points, share, missing)


def two_tasks(folder: Path, runs: Sequence[HandedIn], statement: Statement) -> list[Point]:
    """Requirements of the exercise: fine-tune for two tasks."""
    wrong = [f"{r.name}: {len(r.settings.tasks)} tasks" for r in runs if len(r.settings.tasks) != 2]
    missing = [f"{text}, expected 2" for text in wrong]
    share = float(bool(runs) and not wrong)
    return [
        Point("two tasks", 20, share, missing),
        beyond_baseline(runs, 30),
        seeds(runs, "A"),
        written(folder),
    ]


def architectures(folder: Path, runs: Sequence[HandedIn], statement: Statement) -> list[Point]:
    """Requirements of the exercise: compare two architectures."""
    by_side = {side: [r for r in runs if r.side == side] for side in "AB"}
    missing = [f"no run {side}-1" for side, own in by_side.items() if not own]
    if not missing:
        changed = set(differences(by_side["A"][0], by_side["B"][0])) - {SEED, *NAMES}
        if not any(key.startswith(ARCHITECTURE) for key in changed):
            missing.append("A and B are alike: expected another base, model, or finetune.lora")
        if others := sorted(key for key in changed if not key.startswith(ARCHITECTURE + SUITED)):
            missing.append(f"A and B differ in {', '.join(others)} too")
    fair = Point("two architectures, otherwise alike", 20, float(not missing), missing)
    verdict = Point("verdict", 20, 0, ["it cannot be compared yet"])
    if fair.share:
        verdict = judge(by_side["A"], by_side["B"], statement.verdict)
    return [fair, beyond_baseline(runs, 10), verdict, seeds(runs, "AB"), written(folder)]


def judge(a: Sequence[HandedIn], b: Sequence[HandedIn], stated: Mapping[str, str]) -> Point:
    """A verdict for every unit that agrees with the comparison over the runs of both sides."""
    sides = [scores([run.units for run in runs], runs[0].settings.evaluate) for runs in (a, b)]
    compared = adjusted({"B": compare(*sides)})["B"]
    units = {name: each for name, each in compared.items() if name != HEADLINE}
    missing = []
    for name, each in units.items():
        better, said = each.better or "none", stated.get(name, "nothing")
        if said != better:
            missing.append(f"exercise.yaml: verdict: {name}: {said}, but the scores say {better}")
    return Point("verdict", 20, 1 - len(missing) / len(units), missing)


Exercise = Callable[[Path, Sequence[HandedIn], Statement], list[Point]]
EXERCISES: Mapping[str, Exercise] = {"two-tasks": two_tasks, "architectures": architectures}


def grade(folder: Path, raw: Path, grader: Settings) -> tuple[list[HandedIn], list[Point]]:
    """Grades a hand-in.

    Args:
        folder: the hand-in.
        raw: raw files with gold.
        grader: the settings of the grader.

    Returns:
        The runs that could be scored, and the requirements, 100 points in all.

    Raises:
        InputError: if there is no such folder, or its statement cannot be read.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; docs/labs/exercise.md says what it has to hold"
        )
    statement = settings.read(Statement, folder / "exercise.yaml")
    runs, amiss = read_runs(folder, raw, grader)
    share = len(runs) / (len(runs) + len(amiss))
    points = EXERCISES[statement.exercise](folder, runs, statement)
    return runs, [Point("runs that can be scored", 20, share, amiss), *points]


# --- Output ---------------------------------------------------------------------------------------


def show(folder: Path, runs: Sequence[HandedIn], points: Sequence[Point]) -> str:
    """A grading in words."""
    from tabulate import tabulate

    blocks = [f"{folder}:"]
    for each in runs:
        intervals = {n: interval(u.sample, each.settings.evaluate) for n, u in each.units.items()}
        entries = report(each.units, intervals, {})["units"]
        table = tabulate(score_rows(entries), HEADER, "simple", disable_numparse=True)
        blocks.append(f"{each.name}\n{table}")
    rows = [(p.name, f"{p.reached:g}", p.points) for p in points]
    total = sum(p.reached for p in points)
    table = tabulate([*rows, ("all", f"{total:g}", sum(p.points for p in points))])
    blocks.append(table)
    missing = [f"- {text}" for p in points for text in p.missing]
    blocks.append("\n".join(["missing:", *missing]) if missing else "nothing is missing")
    return "\n\n".join(blocks)


def collect(folder: Path) -> None:
    """Copies settings and submissions of the last run into a hand-in.

    Raises:
        InputError: if there are none, if they are of other tasks than the settings, or the name is
            not that of a run.
    """
    if not RUN_NAME.fullmatch(folder.name):
        raise InputError(f"{folder}: expected the name of a run, such as A-1 or B-2")
    if not SUBMISSIONS.is_dir():
        raise InputError(f"{SUBMISSIONS}: no such folder; `dvc repro` comes first")
    submitted = sorted(path.name for path in SUBMISSIONS.iterdir() if path.is_dir())
    if submitted != sorted(settings.load(PARAMS)["tasks"]):
        raise InputError(
            f"{SUBMISSIONS}: submissions of {', '.join(submitted)}, expected those of the tasks in"
            f" {PARAMS}, which is not that of the last run"
        )
    with whole_folder(folder) as made:
        shutil.copytree(SUBMISSIONS, made / "submissions")
        shutil.copy(PARAMS, made / "params.yaml")
    log.info("wrote %s", folder)


def main() -> None:
    """Runs the command."""
    parser = argument_parser(__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="hand-ins to grade")
    parser.add_argument("--raw", type=Path, default=Path("data/sample"), help="raw files with gold")
    parser.add_argument("--collect", type=Path, metavar="RUN", help="copy the last run there first")
    arguments = parser.parse_args()
    if not arguments.folders and not arguments.collect:
        parser.error("expected a hand-in, or --collect")
    if arguments.collect:
        collect(arguments.collect)
    totals = []
    grader = settings.read(Settings)
    for folder in arguments.folders:
        try:
            runs, points = grade(folder, arguments.raw, grader)
        except InputError as error:
            if len(arguments.folders) == 1:
                raise
            print(f"{folder}:\n\n{error}\n")
            totals.append((folder, 0.0))
            continue
        print(show(folder, runs, points), end="\n\n")
        totals.append((folder, sum(p.reached for p in points)))
    if len(totals) > 1:
        print("\n".join(f"{total:5g}  {folder}" for folder, total in totals))


if __name__ == "__main__":
    run(main)
