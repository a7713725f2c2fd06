"""What evaluate costs on 100,000 predictions, with 1,000 bootstrap samples.

Makes the sample's training files so many times as long that half of their items, held out as
a test set, are 100,000 questions; answers each with the gold answer to another one, and times
reading, scoring and resampling, task by task.

    python -m benchmarks.evaluate
"""

import random
import tempfile
import time
from pathlib import Path

from benchmarks.encode import TRAINING, copies
from stages import tasks
from stages.common.files import write_text
from stages.toolkit.records import Example
from stages.toolkit.scores import interval
from stages.toolkit.settings import Bootstrap, Run
from stages.toolkit.splits import HoldOut

QUESTIONS = 100_000
SPLITS = HoldOut(seed=1, dev=0.05, test=0.5)
RUN = Run(team="benchmark", run=1)
BOOTSTRAP = Bootstrap(resamples=1000, seed=1)


def measure(name: str, folder: Path) -> tuple[int, float]:
    """Times scoring and intervals of one task; returns the number of predictions and seconds."""
    task = tasks.load(name)

    def questions(times: int) -> list[Example]:
        raw = copies(name, times, folder)
        return task.encode(raw, SPLITS).splits["test"]

    wanted = QUESTIONS / len(TRAINING)
    test = questions(round(wanted / len(questions(10)) * 10) + 1)
    by_task: dict[str, list[str]] = {}
    for example in test:
        by_task.setdefault(example.task, []).append(example.output or "")
    for answers in by_task.values():
        random.Random(1).shuffle(answers)
    answers_of = {example.id: by_task[example.task].pop() for example in test}
    for file, text in task.decode(folder, SPLITS, answers_of, RUN).files.items():
        write_text(folder / "submission" / file, text)
    start = time.perf_counter()
    for unit in task.score(folder, SPLITS, folder / "submission", RUN).values():
        interval(unit.sample, BOOTSTRAP)
    return len(test), time.perf_counter() - start


def main() -> None:
    """Measures and prints."""
    predictions, seconds = 0, 0.0
    for name in TRAINING:
        with tempfile.TemporaryDirectory() as temporary:
            count, spent = measure(name, Path(temporary))
        print(f"{name:<20} {count:>7} predictions {spent:6.2f} s", flush=True)
        predictions, seconds = predictions + count, seconds + spent
    print(f"{'all':<20} {predictions:>7} predictions {seconds:6.2f} s")


if __name__ == "__main__":
    main()
