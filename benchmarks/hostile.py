"""How time grows with hostile input: answers and raw files made to be slow, at growing sizes.

Each case is made so many times as long, and timed. A growth of 2 from a line to the next is linear
time, one of 4 quadratic. What a limit refuses counts as done.

    python -m benchmarks.hostile            # in a minute or two
    python -m benchmarks.hostile --largest 1_000_000
"""

import argparse
import gc
import logging
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import takewhile
from pathlib import Path

from stages import tasks
from stages.common import settings
from stages.common.command import InputError, run
from stages.forms.mentions import Span
from stages.tasks import clinkart, hodi, nermud
from stages.toolkit.answers import normalised
from stages.toolkit.limits import MENTIONS
from stages.toolkit.splits import HoldOut

SPLITS = HoldOut(seed=1, dev=0.0, test=0.2)
SMALLEST = 1_000  # characters
FACTOR = 4  # from one size to the next
PATIENCE = 10.0  # seconds of a case, after which no larger size is tried

Case = Callable[[int], object]


def repeated(unit: str, size: int) -> str:
    """A text of about so many characters that says the same again and again."""
    return unit * (size // len(unit))


UNITS = {
    "opening brackets": "[",
    "combining marks": "\u0301",
    "marks that decompose": "\u0f73",
    "blanks": " ",
    "quotes": '"',
    "escaped markers": "[[PER] ",
    "mentions": "[PER] a ",
    "pairs": "[BREL] 3 [SEP] Hb [EREL] ",
    "segments": "a [gap] ",
    "blank markers": "[blank] ",
    "numbers": "3 ",
    "letters that grow": "İ",
}


def normalise(unit: str, size: int) -> None:
    """Normalises an answer."""
    normalised(repeated(unit, size))


def interpret(unit: str, size: int) -> None:
    """Parses an answer with the parser of every sub-task, after an opening bracket and without."""
    for name in tasks.names():
        for subtask in {f"{name}_a", f"{name}_b", name}:
            for answer in (repeated(unit, size), "[" + repeated(unit, size)):
                tasks.load(name).interpret(subtask, answer)


def locate_in_post(unit: str, size: int) -> None:
    """Locates the segments of an answer in a post, most of which it has too often."""
    segments, _ = hodi.parse_answer(repeated(unit, size))
    hodi.locate(repeated("a b ", min(size, 20_000)), segments)


def locate_in_sentence(unit: str, size: int) -> None:
    """Likewise the mentions in a sentence."""
    mentions, _ = nermud.parse_answer(repeated(unit, size))
    nermud.locate(repeated("a b ", min(size, 20_000)).split(), mentions)


def rationale(size: int) -> None:
    """Writes and reads again the answer for a post in which every other letter is a rationale."""
    text = repeated("ab ", size)
    spans = frozenset(range(0, min(len(text), 1500), 3))
    answer, _ = hodi.write_answer(text, spans)
    hodi.locate(text, hodi.parse_answer(answer)[0])


def raw(task: str, files: Mapping[str, str]) -> None:
    """Encodes raw files by name."""
    with tempfile.TemporaryDirectory() as temporary:
        for name, content in files.items():
            path = Path(temporary, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        try:
            tasks.load(task).encode(Path(temporary), SPLITS)
        except InputError:
            return


def related(ahead: int, size: int) -> None:
    """Encodes documents whose sentences relate equal results and tests.

    Args:
        ahead: by how many words a test stands after its result; in order, or nearest, it is not.
        size: of the file.
    """
    count = 6  # relations of a document, for which the fewest marks are still sought
    text = "3 " * (count + ahead)
    spans = [f"{2 * n}-{2 * n + 1}\t{2 * (n + ahead)}-{2 * (n + ahead) + 1}" for n in range(count)]
    block = [f"{{0}}|t|{text}\n", *(f"{{0}}\tREL\t{ends}\n" for ends in spans), "\n"]
    copies = max(9, size // len("".join(block)))
    content = "".join("".join(block).format(n) for n in range(copies))
    raw("clinkart", {clinkart.FILES.train: content})


def sentence_of_pairs(count: int) -> None:
    """Writes and reads again the answer about a sentence with so many pairs of equal words."""
    relations = [
        clinkart.Relation(Span(2 * n, 2 * n + 1), Span(2 * n + 2, 2 * n + 3)) for n in range(count)
    ]
    text = "3 " * (count + 1)
    chunk = Span(0, len(text))
    answer, _ = clinkart.write_answer(text, chunk, relations)
    located = clinkart.locate(text, chunk, clinkart.parse_answer(answer)[0])
    assert located[:MENTIONS] == relations[:MENTIONS]


def document(unit: str, size: int) -> None:
    """Encodes a document of CLinkaRT."""
    more = "".join(f"\n{n}|t|PCR 3.\n" for n in range(2, 9))
    raw("clinkart", {clinkart.FILES.train: f"1|t|Hb {repeated(unit, size)}\n{more}"})


def posts(unit: str, size: int) -> None:
    """Encodes a post of HODI whose rationale is a list with much white space."""
    row = f"{{}}\tciao {repeated(unit, size)}\t"
    rows = [row.format(n) for n in range(9)]
    labels = "".join(f"{row}0\n" for row in rows)
    positions = "".join(f"{row}[{' ' * size}x\n" for row in rows)
    files = {
        hodi.TRAIN[hodi.A]: f"id\ttext\thomotransphobic\n{labels}",
        hodi.TRAIN[hodi.B]: f"id\ttext\trationales\n{positions}",
    }
    raw("hodi", files)


def defects(size: int) -> None:
    """Encodes a file whose every line is defective."""
    raw("nermud", {"WN_train.tsv": repeated("x\n", size)})


def yaml(content: Callable[[int], str], size: int) -> None:
    """Reads a file of settings."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "params.yaml")
        path.write_text(content(size), encoding="utf-8")
        try:
            settings.load(path)
        except InputError:
            return


def bomb(size: int) -> str:
    """Aliases of aliases, each of which stands for nine of those before it."""
    names = [f"a{n}" for n in range(size // 40)]
    pairs = zip(names, names[1:], strict=False)
    lines = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairs]
    return "\n".join(["a0: &a0 [x]", *lines])


def cases() -> Iterator[tuple[str, Case]]:
    """Yields the cases by name; each takes a size in characters."""
    for name, unit in UNITS.items():
        yield f"normalise {name}", partial(normalise, unit)
        yield f"interpret {name}", partial(interpret, unit)
    for name in ("segments", "blank markers", "opening brackets"):
        yield f"locate {name} in a post", partial(locate_in_post, UNITS[name])
    for name in ("mentions", "escaped markers"):
        yield f"locate {name} in a sentence", partial(locate_in_sentence, UNITS[name])
    yield "write a rationale", rationale
    yield "write pairs of a sentence", lambda size: sentence_of_pairs(size // 40)
    yield "encode equal pairs", partial(related, 1)
    yield "encode equal pairs, far apart", partial(related, 9)
    for name in ("opening brackets", "combining marks", "blanks", "quotes", "numbers"):
        yield f"encode a document of {name}", partial(document, UNITS[name])
        yield f"encode posts of {name}", partial(posts, UNITS[name])
    yield "encode defective lines", defects
    yield "read aliases in YAML", partial(yaml, bomb)
    yield "read levels in YAML", partial(yaml, lambda size: "a: " + "[" * size)
    yield "read keys in YAML", partial(yaml, lambda size: repeated("?\n", size))


def measure(case: Case, largest: int) -> list[float]:
    """Times a case at growing sizes.

    Returns:
        Seconds of CPU at each size, until one took too long.
    """
    sizes = takewhile(lambda size: size <= largest, (SMALLEST * FACTOR**n for n in range(20)))
    spent: list[float] = []
    for size in sizes:
        gc.collect()
        start = time.process_time()
        case(size)
        spent.append(time.process_time() - start)
        if spent[-1] > PATIENCE:
            break
    return spent


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--largest", type=int, default=100_000, help="characters")
    parser.add_argument("--only", default="", help="cases whose names have this")
    arguments = parser.parse_args()
    logging.getLogger().setLevel(logging.WARNING)
    print(f"seconds of CPU at {SMALLEST:,} characters, {FACTOR} times as many, and so on")
    for name, case in cases():
        if arguments.only in name:
            case(10)  # imports
            spent = measure(case, arguments.largest)
            print(f"{name:<42}", *(f"{seconds:8.3f}" for seconds in spent), flush=True)


if __name__ == "__main__":
    run(main)
