"""Whether encode is linear in its input, and what 100,000 questions take on one core.

Makes the sample's training files ten and a hundred times as long, under new identifiers, and times
encode on all three, task by task.

    python -m benchmarks.encode
"""

import gc
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stages import tasks
from stages.toolkit.splits import HoldOut

ROOT = Path(__file__).parents[1]
SPLITS = HoldOut(seed=1, dev=0.15, test=0.2)

Rename = Callable[[str, int], str]


def first_cell(record: str, copy: int) -> str:
    """Gives the record's first cell, quoted or not, another value."""
    return re.sub(r'^("?)([^",\t|]+)', rf"\g<1>\g<2>x{copy}", record)


def every_line(content: str, copy: int) -> str:
    """Likewise for each record of a table without line ends in cells, or of a PubTator file."""
    return re.sub(r"(?m)^(?=\S)(.+)$", lambda m: first_cell(m[1], copy), content)


def records(content: str, copy: int) -> str:
    """Likewise where cells may hold line ends: a record begins where the quotes are balanced."""
    out, open_quote = [], False
    for line in content.split("\n"):
        out.append(line if open_quote or not line else first_cell(line, copy))
        open_quote ^= line.count('"') % 2 == 1
    return "\n".join(out)


def objects(content: str, copy: int) -> str:
    """Likewise for objects with an ``id``."""
    return re.sub(r'"id": ?("?)([^",]+)', rf'"id": \g<1>\g<2>x{copy}', content)


def unchanged(content: str, copy: int) -> str:
    """Rows without identifiers."""
    return content


# How the training files of each task are copied; files without an entry are left out.
TRAINING: dict[str, dict[str, Rename]] = {
    "acti": {"subtaskA_train.csv": records, "subtaskB_train.csv": records},
    "clinkart": {"training.txt": every_line},
    "discotex": {
        "discotex_1_ted_train_set_release.tsv": records,
        "discotex_1_wiki_train_set_release.tsv": records,
        "discotex_2_train_clean_release.tsv": records,
    },
    "emit": {"emit_train_A.csv": records, "emit_train_B.csv": records},
    "emotivita": {"Development set.csv": records},
    "geolingit": {"train_a.tsv": every_line, "train_b.tsv": every_line},
    "haspeede": {"training_textual.csv": records},
    "hodi": {
        "HODI_2023_train_subtaskA.tsv": every_line,
        "HODI_2023_train_subtaskB.tsv": every_line,
    },
    "multifakedetective": {"MULTI-Fake-Detective_Task1_Data.tsv": records},
    "nermud": {f"{domain}_train.tsv": unchanged for domain in ("WN", "FIC", "ADG")},
    "politicit": {"politicIT_phase_2_train_public.csv": records},
    "wicita": {"binary/train.jsonl": objects},
}
HEADLESS = ("clinkart", "nermud", "wicita")


def copies(task: str, times: int, folder: Path) -> Path:
    """Writes a task's training files so many times as long."""
    for name, rename in TRAINING[task].items():
        content = (ROOT / "data" / "sample" / task / name).read_text(encoding="utf-8")
        header, body = ("", content)
        if task not in HEADLESS:
            header, _, body = content.partition("\n")
            header += "\n"
        body = body.rstrip("\n") + ("\n\n" if task in ("clinkart", "nermud") else "\n")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(header + "".join(rename(body, i) for i in range(times)), encoding="utf-8")
    return folder


def seconds(task: str, times: int) -> tuple[float, int]:
    """Times encode; returns seconds, the best of three, and the number of questions."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = copies(task, times, Path(temporary))
        spent = []
        for _ in range(3):
            start = time.perf_counter()
            encoded = tasks.load(task).encode(folder, SPLITS)
            spent.append(time.perf_counter() - start)
        return min(spent), sum(map(len, encoded.splits.values()))


def main() -> None:
    """Measures and prints."""
    gc.disable()  # as the stage does
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {next(iter(os.sched_getaffinity(0)))})
    for task in TRAINING:
        if not (ROOT / "data" / "sample" / task).is_dir():
            continue
        seconds(task, 1)  # imports
        (one, _), (ten, _), (hundred, many) = (seconds(task, times) for times in (1, 10, 100))
        print(
            f"{task:<20} {many:>7} questions {hundred:6.2f} s; ten times as many take"
            f" {ten / one:5.1f} and {hundred / ten:5.1f} times as long;"
            f" 100,000 questions {1e5 * hundred / many:5.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
