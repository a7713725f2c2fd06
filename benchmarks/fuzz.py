"""Fuzzing: any answer, raw file, settings or prompts, and no exception but the documented one.

Takes what the sample has and damages it: cuts, doubles, swaps, other bytes, and pieces that have
been trouble elsewhere. Answers go to the parsers and to the decoders of all tasks, files to their
readers. Prints how many were tried, the longest time for a megabyte, and the memory at its highest;
ends with an error at the first exception that is not an InputError, with what led to it.

    python -m benchmarks.fuzz --answers 10_000 --files 1_000 --seed 1    # minutes on one core
    python -m benchmarks.fuzz --times 100 --notes fuzz.jsonl             # a million answers: hours

The second command tries with a hundred seeds and notes each, with which it goes on if it is
interrupted.

With atheris (``pip install atheris``), whose inputs are guided by the code that they reach:

    python -m benchmarks.fuzz --guided answers -max_total_time=600           # or files, or settings
"""

import argparse
import importlib
import json
import logging
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

from stages import decode, encode, evaluate, finetune, infer, tasks
from stages.common import settings
from stages.common.command import InputError, run
from stages.common.prompts import Prompts
from stages.toolkit.settings import Run
from stages.toolkit.splits import HoldOut
from stages.toolkit.tables import Row

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample"
SPLITS = HoldOut(seed=1, dev=0.1, test=0.3)
RUN = Run(team="fuzz", run=1)
LONGEST = 20_000  # bytes of a piece that comes again and again; longer: benchmarks/hostile.py
SLOW = 2.0  # seconds of CPU for a megabyte, or for less
KINDS = (decode.Settings, encode.Settings, evaluate.Settings, finetune.Settings, infer.Settings)

# What has been trouble here or elsewhere.
PIECES = [
    *(bytes([byte]) for byte in range(256)),
    *b"|t| [[ ]] {{ -1 1e999 nan inf null true [gap] [blank] [2] [PER] [BREL] [SEP]".split(),
    *rb"[EREL] [NOREL] [regione] [geo] \ud800 &amp; &e; <doc> <!DOCTYPE ]]> *a &a ../ %s".split(),
    *(c.encode() for c in "\u0301\u0f73\u202e\u2028\ufeffİß😀١"),
    *(b"\n\n", b'""', b"\xed\xa0\x80", b"9" * 5000, b"!!python/object/apply:os.system", b"- "),
]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A text with one to four kinds of damage, among them a piece that comes again and again."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(content) + 1)
        end = min(len(content), start + rng.choice([0, 1, 1, 5, 50, 1000]))
        piece = rng.choice([rng.choice(PIECES), rng.randbytes(rng.randint(1, 4))])
        part = content[start:end]
        often = (piece * rng.choice([2, 10, 300, 3000]))[:LONGEST]
        new = rng.choice([b"", piece, often, part * 2, part[::-1], part + piece])
        content = content[:start] + new + content[end:]
    return content


# --- What is tried --------------------------------------------------------------------------------


class Answers:
    """Tries answers: as a sub-task's parser reads them, and as decode does for the sample."""

    def __init__(self) -> None:
        self._test = {
            name: tasks.load(name).encode(SAMPLE / name, SPLITS).splits["test"]
            for name in tasks.names()
        }
        self.seeds = [str(e.output).encode() for test in self._test.values() for e in test]

        self._subtasks = {(name, e.task) for name, test in self._test.items() for e in test}

    def parse(self, content: bytes) -> str:
        """Parses an answer as one to each sub-task, and returns it as text."""
        answer = content.decode("utf-8", "replace")
        for name, subtask in self._subtasks:
            tasks.load(name).interpret(subtask, answer)
        return answer

    def __call__(self, contents: list[bytes]) -> None:
        """Parses answers, and decodes those to as many questions as each task has."""
        answers = list(map(self.parse, contents))
        for name, test in self._test.items():
            given = {e.id: a for e, a in zip(test, chain(answers, repeat("")), strict=False)}
            submission = tasks.load(name).decode(SAMPLE / name, SPLITS, given, RUN)
            assert sum(tally.rows for tally in submission.tallies.values()) == len(test)


class Files:
    """Tries raw files: each in the place of one of a task's, whose others are as in the sample."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names = sorted(path for path in SAMPLE.rglob("*") if path.is_file())
        self.names = [path for path in self.names if path.parent != SAMPLE]
        for name in tasks.names():
            if not (folder / name).exists():
                (folder / name).symlink_to(SAMPLE / name)

    def __call__(self, path: Path, content: bytes) -> None:
        """Encodes a task, one of whose files has another content."""
        name = path.relative_to(SAMPLE).parts[0]
        (self._folder / name).unlink()
        for file in (p for p in self.names if p.relative_to(SAMPLE).parts[0] == name):
            copy = self._folder / file.relative_to(SAMPLE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if file == path:
                copy.write_bytes(content)
            else:
                copy.symlink_to(file)
        try:
            tasks.load(name).encode(self._folder / name, SPLITS)
        except InputError:
            pass
        finally:
            for copy in sorted((self._folder / name).rglob("*"), reverse=True):
                copy.rmdir() if copy.is_dir() else copy.unlink()
            (self._folder / name).rmdir()
            (self._folder / name).symlink_to(SAMPLE / name)


class Texts:
    """Tries settings, prompts and predictions."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "text"
        line = b'{"id": "acti_a:1", "task": "acti_a", "answer": "no", "finish": "stop", "tokens": 2'
        dev = b'{"id": "emotivita:%d", "task": "emotivita", "answer": "1 2 3", "gold": "3 2 1", '
        dev += b'"finish": "stop", "tokens": 9, "expectations": [1.25, 2.5, %d]}\n'
        self.seeds = {
            "params": (ROOT / "params.yaml").read_bytes(),
            "prompts": (ROOT / "data" / "prompts" / "it.yaml").read_bytes(),
            "predictions": line + b', "probabilities": {"no": 0.75, "s\xc3\xac": 0.25}}\n',
            "dev predictions": b"".join(dev % (n, n % 7) for n in range(30)),
        }

    def __call__(self, kind: str, content: bytes) -> None:
        """Reads a text as a kind of file."""
        self._path.write_bytes(content)
        readers: dict[str, Callable[[], object]] = {
            "params": lambda: [settings.read(each, self._path) for each in KINDS],
            "prompts": lambda: settings.read(Prompts, self._path),
            "predictions": lambda: self._decode(decode.read_predictions(self._path)),
            "dev predictions": lambda: self._learn(decode.read_predictions(self._path, "gold")),
        }
        try:
            readers[kind]()
        except InputError:
            return

    def _decode(self, rows: list[Row]) -> None:
        decode.check_answered(rows, tasks.names())
        decode.probabilities_table(rows)

    def _learn(self, rows: list[Row]) -> None:
        decode.check_answered(rows, tasks.names())
        decode.learn_rules(rows, tasks.names())


# --- Drawn at random ------------------------------------------------------------------------------

Trial = tuple[str, int, int, Callable[[], None]]
"""What it is, how many, their bytes, and what tries them."""


def trials(arguments: argparse.Namespace, seed: int, folder: Path) -> Iterator[Trial]:
    """Yields what is to be tried."""
    rng = random.Random(seed)
    answers, files, texts = Answers(), Files(folder), Texts(folder)
    together = 250  # answers that are decoded in one go, by each of the tasks
    for _ in range(0, arguments.answers, together):
        drawn = [damaged(rng.choice(answers.seeds), rng) for _ in range(together)]
        size = sum(map(len, drawn)) * len(tasks.names())
        yield "answers", together, size, partial(answers, drawn)
    for number in range(arguments.files):
        path = files.names[number % len(files.names)]
        content = damaged(path.read_bytes(), rng)
        yield str(path), 1, len(content), partial(files, path, content)
    for number in range(arguments.texts):
        kind = list(texts.seeds)[number % len(texts.seeds)]
        content = damaged(texts.seeds[kind], rng)
        yield kind, 1, len(content), partial(texts, kind, content)


class Seen(NamedTuple):
    """What was seen of the trials with a seed.

    Attributes:
        counts: number of trials of each kind.
        slowest: seconds of CPU for a megabyte or less, and of what.
        gib: memory at the most so far.
    """

    counts: dict[str, int]
    slowest: tuple[float, str]
    gib: float


def draw(arguments: argparse.Namespace, seed: int, folder: Path) -> Seen:
    """Tries what is drawn with a seed."""
    counts: Counter[str] = Counter()
    slowest = (0.0, "")
    for what, count, size, attempt in trials(arguments, seed, folder):
        start = time.process_time()
        try:
            attempt()
        except Exception as error:
            raise InputError(
                f"{what}, seed {seed}, trial {dict(counts)}: {type(error).__name__}: {error}"
            ) from error
        seconds = (time.process_time() - start) / max(1.0, size / 1e6)
        slowest = max(slowest, (seconds, what))
        counts["raw files" if what.startswith(str(SAMPLE)) else what] += count
    unit = 2**20 if sys.platform == "linux" else 2**30
    return Seen(counts, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def draw_all(arguments: argparse.Namespace, folder: Path) -> None:
    """Tries with all seeds that are not among the notes, and prints figures of all."""
    notes: dict[int, Seen] = {}
    if arguments.notes and arguments.notes.is_file():
        for line in arguments.notes.read_text(encoding="utf-8").splitlines():
            seed, counts, slowest, gib = json.loads(line)
            notes[seed] = Seen(counts, tuple(slowest), gib)
    for seed in range(arguments.seed, arguments.seed + arguments.times):
        if seed not in notes:
            notes[seed] = draw(arguments, seed, folder)
            if arguments.notes:
                with arguments.notes.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([seed, *notes[seed]]) + "\n")
    counts = sum((Counter(seen.counts) for seen in notes.values()), Counter[str]())
    slowest = max(seen.slowest for seen in notes.values())
    print(", ".join(f"{count:,} {kind}" for kind, count in counts.items()), "without an exception")
    print(f"slowest: {slowest[0]:.2f} s of CPU for a megabyte or less ({slowest[1]})")
    print(f"memory: {max(seen.gib for seen in notes.values()):.2f} GiB at the most")
    if slowest[0] > SLOW:
        raise InputError(f"slower than {SLOW} s")


# --- Guided by coverage ---------------------------------------------------------------------------


def guide(kind: str, options: list[str], folder: Path) -> None:
    """Hands over to atheris, which ends the process.

    Args:
        kind: answers, files or settings.
        options: of libFuzzer.
        folder: for files.
    """
    import atheris

    for name in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
        del sys.modules[name]
    with atheris.instrument_imports(include=["stages"]):
        own = importlib.import_module("benchmarks.fuzz")  # this module, on the code so imported
        answers, files, texts = own.Answers(), own.Files(folder), own.Texts(folder)

    def attempt(data: bytes) -> None:
        first, rest = data[:1], data[1:]
        number = first[0] if first else 0
        if kind == "answers":
            answers.parse(data)
        elif kind == "files":
            files(files.names[number % len(files.names)], rest)
        else:
            texts(list(texts.seeds)[number % len(texts.seeds)], rest)

    atheris.Setup([sys.argv[0], *options], attempt)
    atheris.Fuzz()


def main() -> None:
    """Tries, and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    numbers = {"answers": 10_000, "files": 1_000, "texts": 1_000, "seed": 1, "times": 1}
    for name, number in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--notes", type=Path, help="file of what was seen, to go on with")
    parser.add_argument("--guided", choices=("answers", "files", "settings"))
    arguments, options = parser.parse_known_args()
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as temporary:
        if arguments.guided:
            guide(arguments.guided, options, Path(temporary))
        else:
            draw_all(arguments, Path(temporary))


if __name__ == "__main__":
    run(main)
