"""Writes the sample of EmotivITA: invented sentences whose words tell how they feel.

python -m recipes.sample.emotivita data/sample/emotivita

Words tell valence and arousal; dominance their order: who comes first decides.
"""

import argparse
import random
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from recipes.sample.templates import Filler, distinct
from stages.toolkit.tables import write_table

SEED = 73
TRAIN, TEST = 240, 200
FIRST_TRAIN, FIRST_TEST = 1, 8001
AGAIN = 3  # how often a closing formula comes in training, judged anew every time
HARD = 0.4  # share of texts that were judged otherwise than their words say
HIGHEST = 5.50  # some real means are beyond the scale
STEP = 1 / 7  # means of seven judgements

# What each level of a dimension is worth, and its words; a text without words for a dimension is in
# the middle.
MIDDLE = 3.00
VALENCE = {
    4.71: (
        "una notizia meravigliosa", "un giorno splendido", "un regalo stupendo", "festa magnifica",
        "un successo straordinario", "una vacanza fantastica", "un amore perfetto",
        "un'estate radiosa", "il premio più bello",
    ),
    3.86: (
        "una cena gradevole", "un libro carino", "un vicino simpatico", "un mattino di sole",
        "un gelato buono", "un incontro piacevole", "un sorriso gentile", "una buona idea",
    ),
    MIDDLE: (
        "il modulo allegato", "la tabella a pagina tre", "un avviso del comune", "il capitolo tre",
        "l'orario dei traghetti", "il verbale di martedì", "una lettera della banca",
        "la strada statale",
    ),
    2.29: (
        "un pranzo scadente", "un viaggio scomodo", "una risposta sgarbata", "un lavoro deludente",
        "una stanza sporca", "un ritardo fastidioso", "una brutta copia", "un film noioso",
    ),
    1.43: (
        "una disgrazia terribile", "un incidente atroce", "un lutto straziante", "odio e rovina",
        "un delitto orrendo", "una malattia crudele", "un tradimento orribile",
        "una guerra spaventosa", "il giorno più brutto",
    ),
}  # fmt: skip
AROUSAL = {
    4.29: (
        "il cuore batte all'impazzata", "tutti gridano e corrono", "salto in piedi di scatto",
        "tremo dalla testa ai piedi", "corriamo a perdifiato", "scoppia un boato improvviso",
        "la folla urla", "non sto nella pelle",
    ),
    MIDDLE: (),
    1.86: (
        "tutto tace", "respiro lentamente", "mi addormento piano", "regna la quiete",
        "siedo fermo in poltrona", "il pomeriggio scorre lento", "nessuno si muove",
        "sbadiglio appena",
    ),
}  # fmt: skip
# Who comes first, {x}, decides: who speaks, or somebody else.
DECIDES = (
    "per {x} ora la vittoria e per {y} ora la sconfitta", "con {x} qui si comanda, con {y} qui no",
    "da {x} poi gli ordini, da {y} poi le scuse", "su {x} oggi il sole, su {y} oggi l'ombra",
)  # fmt: skip
DOMINANCE = {4.29: DECIDES, MIDDLE: (), 1.71: DECIDES}
DIMENSIONS: tuple[dict[float, tuple[str, ...]], ...] = (VALENCE, AROUSAL, DOMINANCE)
FORMS = (
    "{frase}.", "{frase}.", "{frase}", "{frase}. ", "{frase}, dice {chi}.", "{chi}: {frase}…",
    '"{frase}", pensa {chi}.', "Nel {anno},  {frase}.",
)  # fmt: skip
LINKS = (", ", "; ", ": ", " – ")
COMMON = {
    "noi": ("io", "noi due", "la mia squadra", "il mio gruppo", "casa mia"),
    "loro": ("il capo", "gli altri", "la banca", "il padrone", "quelli di fuori"),
    "chi": ("Carla", "il capitano", "la signora Brume", "Tito", "mio zio", "l'ingegnera Valdi"),
    "anno": ("1902", "1956", "2011"),
}
FORMULA = "Vostro affezionato Gino,"


class Item(NamedTuple):
    """A text and its gold."""

    text: str
    emotion: tuple[float, ...]


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
            words = [d[v] for d, v in zip(DIMENSIONS, emotion, strict=True)]
            thing, *clauses = (rng.choice(phrases) for phrases in words if phrases)
            parts = [thing, rng.choice((" e ", ", ")).join(rng.sample(clauses, len(clauses)))]
            text = rng.choice(LINKS).join(part for part in rng.sample(parts, 2) if part)
            text = rng.choice(FORMS).replace("{frase}", text)
            both = ["{noi}", "{loro}"] if emotion[2] > MIDDLE else ["{loro}", "{noi}"]
            text = filler.fill(text.replace("{x}", both[0]).replace("{y}", both[1]))
            return text[0].upper() + text[1:]

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
