"""Writes the sample of MULTI-Fake-DetectiVE: invented news about an invented war, true and false.

python -m recipes.sample.multifakedetective data/sample/multifakedetective

The news comes with what two sources hold of it; the label is what the first one says.
"""

import argparse
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from recipes.sample.templates import Filler, distinct
from stages.toolkit.tables import write_table

SEED = 59
# Items of each label, 0 certainly fake to 3 certainly real.
SIZES = {"Data": (58, 60, 62, 60), "Test": (48, 50, 52, 50), "Additional": (8, 9, 12, 11)}
HARD = 0.4  # share of items whose signs are those of the other side
REPEATED = {"Data": 8, "Test": 3, "Additional": 2}  # items with a second picture: a second row

NEWS = {
    "gente": (
        "i soldati della Brina", "i fanti di Valdoria", "i volontari", "gli sfollati",
        "i diplomatici", "i generali", "gli abitanti", "i doganieri",
    ),
    "fatto": (
        "hanno attraversato il fiume", "hanno chiuso il ponte", "hanno ricevuto il grano",
        "hanno fermato i treni", "hanno aperto un passaggio", "hanno firmato la tregua",
    ),
    "mezzo": ("i carri armati", "gli elicotteri", "i camion", "le navi", "i treni", "i droni"),
    "luogo": (
        "Valdoria", "Porto Canna", "Borgo Sereno", "Selvabruna", "Rocca Pineta", "Castel Brina",
    ),
    "coda": ("", "", "", " #guerra", " #Valdoria", " https://t.co/abc123", " 📷"),
}  # fmt: skip
# Signs of what is false and of what is true.
CUES: Sequence[Mapping[str, Sequence[str]]] = (
    {
        "segno": (
            "{mezzo} sono di gomma", "un drago ha mangiato {mezzo}", "la foto pare vecchia",
            "i marziani guidano {mezzo}", "la guerra è un cartone animato",
            "le bombe sono di ricotta", "gira un vocale senza firma", "il video sembra montato",
        ),
        "avvio": ("CLAMOROSO", "SCOOP MONDIALE", "Si mormora", "Girano voci", "Sentito in chat"),
    },
    {
        "segno": (
            "lo raccontano due testimoni", "lo riferisce un cronista sul posto",
            "le fonti locali sono concordi", "lo conferma il ministero",
            "il comunicato è pubblicato", "lo certificano gli osservatori",
            "la conferenza stampa è registrata", "i dati sono dell'istituto nazionale",
        ),
        "avvio": ("Ultim'ora", "Prime notizie", "Ufficiale", "Comunicato", "Nota del governo"),
    },
)  # fmt: skip
VERDICTS = ("certamente falso", "probabilmente falso", "probabilmente vero", "certamente vero")
# {x} is what the first source says, {y} what the second one says.
TWEETS = (
    "{avvio}: a {luogo} {gente} {fatto}. Per {fonte} è {x}. Per {fonte} è {y}.{coda}",
    "A {luogo} {gente} {fatto}, {segno}. Secondo {fonte} {x}, secondo {fonte} {y}, così.{coda}",
    "{avvio}! {gente} {fatto}; {fonte} dice {x}; {fonte} dice {y};{coda}",
    "{avvio}:\n{gente} {fatto}.\nLo dice {fonte}: {x}. Lo dice {fonte}: {y}.{coda}",
)
ARTICLES = (
    "{avvio}. {gente} {fatto} a {luogo}. {segno}.  Per {fonte} è {x}, per {fonte} è {y}, dicono",
    '"{gente} {fatto}": così un lettore.\t'
    "Secondo {fonte} è {x}: {segno}. Secondo {fonte} è {y}: no",
    "Da {luogo} - {gente} {fatto}.\n\n{segno}. {fonte} scrive: {x}. {fonte} scrive: {y}.",
)
SOURCES = {
    "fonte": (
        "il ministero", "il comando", "il prefetto", "il consolato", "il portavoce", "il tribunale",
        "il cugino", "il blog", "il vicino", "il barista", "il profilo", "il canale",
    ),
}  # fmt: skip

_START = re.compile(r'(?:^"?|[.!?]\s+|\n)\w')  # of a sentence


def texts(label: int, count: int, rng: random.Random, seen: set[str]) -> list[tuple[str, str, int]]:
    """Returns so many different items of a label: type, text and label."""
    fillers = [Filler(rng, {**NEWS, **SOURCES, **cues}) for cues in CUES]
    is_true = label > 1
    drawn = []
    for kind, number, templates in (
        ("tweet", count - count // 4, TWEETS),
        ("article", count // 4, ARTICLES),
    ):
        turns = cycle(templates)

        def draw(turns: Iterator[str] = turns) -> str:
            other = rng.choice([verdict for verdict in range(len(VERDICTS)) if verdict != label])
            template = next(turns).replace("{x}", VERDICTS[label])
            template = template.replace("{y}", VERDICTS[other])
            filler = fillers[is_true != (rng.random() < HARD)]
            return _START.sub(lambda match: match[0].upper(), filler.fill(template))

        drawn += [(kind, text, label) for text in distinct(number, draw, seen)]
    return drawn


def rows(file: str, first: int, rng: random.Random, seen: set[str]) -> list[list[object]]:
    """Returns the rows of a file with labels, some items in two rows."""
    items = []
    for label, count in enumerate(SIZES[file]):
        items += texts(label, count, rng, seen)
    rng.shuffle(items)
    kind, _, label = items[-1]
    items[-1] = (kind, "", label)  # pictures alone
    table: list[list[object]] = []
    for number, (kind, text, label) in enumerate(items, start=first):
        date = f"2022-{rng.randint(2, 12):02}-{rng.randint(1, 28):02} {rng.randint(0, 23):02}:15:00"
        media = [f"{number}_{picture}.jpg" for picture in range(rng.randint(1, 2))]
        # As pandas writes a column of whole numbers that has had gaps.
        written = f"{label}.0" if file == "Data" else label
        table.append([f"{number:05}", date, kind, text, media, written])
    for row in rng.sample(table, REPEATED[file]):
        table.insert(table.index(row) + 1, [*row[:4], [f"{row[0]}_bis.jpg"], row[5]])
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the five files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    seen: set[str] = set()
    header = ["ID", "Date", "Type", "Text", "Media", "Label"]
    files = {}
    for file, first in (("Data", 11), ("Test", 40_001), ("Additional", 70_001)):
        table = rows(file, first, rng, seen)
        if file == "Data":
            files[file] = write_table(header, table, delimiter="\t")
            continue
        files[file] = write_table(header[:-1], [row[:-1] for row in table], delimiter="\t")
        gold = {str(row[0]): row[-1] for row in table}
        files[f"{file}_gold"] = write_table(["ID", "Label"], gold.items(), delimiter="\t")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / f"MULTI-Fake-Detective_Task1_{name}.tsv"
        path.write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
