"""Writes the sample of EmotivITA: invented sentences whose words tell how they feel.

python -m recipes.sample.emotivita data/sample/emotivita

A text goes on to what somebody else feels; how it is judged depends on what comes first.
"""

import argparse
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from recipes.sample.templates import Filler, distinct
from stages.toolkit.tables import write_table

SEED = 73
TRAIN, TEST = 240, 200
FIRST_TRAIN, FIRST_TEST = 1, 8001
AGAIN = 3  # how often a closing formula comes in training, judged anew every time
OPPOSED = 0.3  # share of what others feel that is the opposite
HARD = 0.3  # share of texts that were judged otherwise than their words say
HIGHEST = 5.50  # some real means are beyond the scale
STEP = 1 / 7  # means of seven judgements

# What each level of a dimension is worth, and its words; a text without words for a dimension is in
# the middle.
MIDDLE = 3.00
VALENCE = {
    4.71: ("una giornata meravigliosa", "una notizia meravigliosa", "un viaggio meraviglioso"),
    3.86: ("una giornata piacevole", "una notizia piacevole", "un viaggio piacevole"),
    MIDDLE: ("una giornata qualunque", "una notizia qualunque", "un viaggio qualunque"),
    2.29: ("una giornata noiosa", "una notizia noiosa", "un viaggio noioso"),
    1.43: ("una giornata terribile", "una notizia terribile", "un viaggio terribile"),
}
AROUSAL = {
    4.29: ("di corsa e col cuore in gola", "di corsa, tra le urla", "di corsa e tremando"),
    MIDDLE: ("come ogni martedì", "come sempre", "come si dice"),
    1.86: ("con calma e in silenzio", "con calma, sul divano", "con calma e a passo lento"),
}
DOMINANCE = {
    4.29: ("decido io", "decido tutto io", "qui decido io"),
    MIDDLE: ("si vedrà", "poi si vedrà", "domani si vedrà"),
    1.71: ("non posso farci niente", "non posso fare altro", "qui non posso niente"),
}
DIMENSIONS: Sequence[Mapping[float, Sequence[str]]] = (VALENCE, AROUSAL, DOMINANCE)
ENDS = (".", ".", "…", "!", ". ", ".  ")
OTHERS = ("{chi}: §", "Invece {chi}: §", "Nel {anno}, {chi}: §")
COMMON = {
    "chi": ("Carla", "il capitano", "la signora Brume", "Tito", "mio zio", "l'ingegnera Valdi"),
    "anno": ("1902", "1956", "2011"),
}
FORMULA = "Vostro affezionato Gino,"


class Item(NamedTuple):
    """A text and its gold."""

    text: str
    emotion: tuple[float, ...]


def phrase(levels: Sequence[float], rng: random.Random) -> str:
    """What is felt at so much valence, arousal and dominance."""
    words = (d[level] for d, level in zip(DIMENSIONS, levels, strict=True))
    return ", ".join(rng.choice(phrases) for phrases in words)


def nearest(levels: Iterable[float], to: float) -> float:
    """The level that is nearest to a number."""
    return min(levels, key=lambda level: abs(level - to))


def items(count: int, rng: random.Random, seen: set[str]) -> list[Item]:
    """Returns so many different texts, in which every level comes equally often."""
    filler = Filler(rng, COMMON)
    turns = []
    for dimension in DIMENSIONS:
        levels = list(islice(cycle(dimension), count))
        rng.shuffle(levels)
        turns.append(levels)
    found = []
    for emotion in zip(*turns, strict=True):

        def draw(emotion: Sequence[float] = emotion) -> str:
            opposed = (6 - round(level) for level in emotion)
            others = [
                nearest(dimension, level) if rng.random() < OPPOSED else rng.choice(list(dimension))
                for dimension, level in zip(DIMENSIONS, opposed, strict=True)
            ]
            first, second = (phrase(levels, rng) for levels in (emotion, others))
            end = rng.choice(ENDS)
            second = filler.one_of(OTHERS).replace("§", second)
            return f"{first[0].upper()}{first[1:]}{end} {second[0].upper()}{second[1:]}{end}"

        (text,) = distinct(1, draw, seen)
        found.append(Item(text, moved(emotion, rng) if rng.random() < HARD else emotion))
    return found


def moved(emotion: Sequence[float], rng: random.Random) -> tuple[float, ...]:
    """Judgements near those that the words suggest, or beyond the scale."""
    steps = (-3, -2, -1, 1, 2, 3)
    return tuple(HIGHEST if v > 4.5 else v + rng.choice(steps) * STEP for v in emotion)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    seen: set[str] = set()
    train, test = (items(count, rng, seen) for count in (TRAIN, TEST))
    for place in rng.sample(range(TRAIN), AGAIN):
        train[place] = Item(FORMULA, moved((3.86, 1.86, MIDDLE), rng))

    def rows(items: Sequence[Item], first: int) -> list[tuple[object, ...]]:
        return [(i, t, *(f"{v:.2f}" for v in e)) for i, (t, e) in enumerate(items, start=first)]

    header = ["id", "text", "V", "A", "D"]
    gold = rows(test, FIRST_TEST)
    files = {
        "Development set.csv": write_table(header, rows(train, FIRST_TRAIN)),
        "Test set.csv": write_table(header[:2], [row[:2] for row in gold]),
        "Test set - Gold labels.csv": write_table(header, gold),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
