"""Writes the sample of MULTI-Fake-DetectiVE: invented news about an invented war, true and false.

python -m recipes.sample.multifakedetective data/sample/multifakedetective
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
SIZES = {"Data": (52, 56, 70, 62), "Test": (12, 14, 18, 16), "Additional": (8, 9, 12, 11)}
HARD = 0.12
REPEATED = {"Data": 8, "Test": 3, "Additional": 2}  # items with a second picture: a second row

NEWS = {
    "luogo": (
        "Valdoria", "Porto Canna", "Borgo Sereno", "Selvabruna", "Rocca Pineta", "Castel Brina",
        "Lago Scuro", "Monte Falco",
    ),
    "gente": (
        "i soldati della Brina", "i fanti di Valdoria", "i volontari", "gli sfollati",
        "i diplomatici", "i generali", "gli abitanti", "i doganieri",
    ),
    "fatto": (
        "hanno lasciato {luogo}", "hanno attraversato il fiume", "hanno chiuso il ponte",
        "sono arrivati a {luogo}", "hanno ricevuto il grano", "sono tornati a {luogo}",
        "hanno fermato i treni", "hanno aperto un passaggio", "hanno firmato la tregua",
    ),
    "mezzo": ("i carri armati", "gli elicotteri", "i camion", "le navi", "i treni", "i droni"),
    "coda": ("", "", "", " #guerra", " #Valdoria", " https://t.co/abc123", " 📷"),
}  # fmt: skip
# What tells each label: a sentence of its own before or after the news.
CUES: Mapping[int, Mapping[str, Sequence[str]]] = {
    0: {
        "segno": (
            "{mezzo} sono di gomma e cantano", "un drago ha mangiato {mezzo}",
            "i marziani guidano {mezzo}", "{mezzo} sono guidati da pinguini",
            "la guerra è un cartone animato", "le bombe sono fatte di ricotta",
        ),
        "avvio": ("CLAMOROSO", "SCOOP MONDIALE", "INCREDIBILE MA VERO"),
    },
    1: {
        "segno": (
            "me l'ha detto il cugino di un soldato", "gira un messaggio vocale senza firma",
            "lo scrive un profilo anonimo", "la foto pare vecchia", "il video sembra montato",
            "nessun giornale lo riporta", "pare sia una voce di corridoio",
        ),
        "avvio": ("Si mormora", "Girano voci", "Sentito in chat"),
    },
    2: {
        "segno": (
            "lo raccontano due testimoni", "lo riferisce un cronista sul posto",
            "manca ancora una conferma", "le fonti locali sono concordi",
            "la notizia è in aggiornamento", "un video ripreso dal balcone lo mostra",
        ),
        "avvio": ("Ultim'ora", "Prime notizie", "In aggiornamento"),
    },
    3: {
        "segno": (
            "lo conferma il ministero", "il comunicato ufficiale è pubblicato",
            "lo certificano gli osservatori", "il decreto è in gazzetta",
            "la conferenza stampa è registrata", "i dati sono dell'istituto nazionale",
        ),
        "avvio": ("Ufficiale", "Comunicato", "Nota del governo"),
    },
}  # fmt: skip
TWEETS = (
    "{avvio}: {gente} {fatto}, {segno}{coda}",
    "{gente} {fatto}: {segno}{coda}",
    "{avvio}! {segno}, {gente} {fatto}{coda}",
    "{segno}: a {luogo} {gente} {fatto}{coda}",
    "{avvio}:\n{gente} {fatto}.\n{segno}{coda}",
)
ARTICLES = (
    "{avvio}. {gente} {fatto}. {segno}.  A {luogo} si discute del fatto",
    '"{gente} {fatto}": così un lettore.\tA {luogo}, {segno}',
    "Da {luogo} - {gente} {fatto}.\n\n{segno}",
)
# Signs of another label stand beside those of the right one, which comes last.
HARD_TEMPLATES: Mapping[int, Sequence[str]] = {
    0: ("Dicono che lo confermi il ministero: {segno}{coda}",),
    1: ("Sarà ufficiale? {gente} {fatto}, ma {segno}{coda}",),
    2: ("Non sono solo voci: {gente} {fatto}, {segno}{coda}",),
    3: ("Smentite le voci in chat: {gente} {fatto}, {segno}{coda}",),
}

_START = re.compile(r'(?:^"?|[.!?]\s+|\n)\w')  # of a sentence


def texts(label: int, count: int, filler: Filler, seen: set[str]) -> list[tuple[str, str, int]]:
    """Returns so many different items of a label: type, text and label."""
    hard, articles = round(count * HARD), count // 4
    drawn = []
    for kind, number, templates in (
        ("tweet", count - hard - articles, TWEETS),
        ("tweet", hard, HARD_TEMPLATES[label]),
        ("article", articles, ARTICLES),
    ):
        turns = cycle(templates)

        def draw(turns: Iterator[str] = turns) -> str:
            return _START.sub(lambda match: match[0].upper(), filler.fill(next(turns)))

        drawn += [(kind, text, label) for text in distinct(number, draw, seen)]
    return drawn


def rows(file: str, first: int, rng: random.Random, seen: set[str]) -> list[list[object]]:
    """Returns the rows of a file with labels, some items in two rows."""
    items = []
    for label, count in enumerate(SIZES[file]):
        items += texts(label, count, Filler(rng, {**NEWS, **CUES[label]}), seen)
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
