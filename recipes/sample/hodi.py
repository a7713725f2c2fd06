"""Writes the sample of HODI: invented posts, some with mild, invented insults as rationales.

python -m recipes.sample.hodi data/sample/hodi

Part of the posts come with an answer, which may be of the other kind; label and rationale are those
of the post, which comes first. Half of the insults in test posts are in no training post.
"""

import argparse
import random
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from recipes.sample.templates import Filler, answered, distinct
from stages.toolkit.tables import write_table

SEED = 59
TRAIN, TEST = 240, 200
OFFENSIVE, HARD = 0.45, 0.12  # share of offensive posts, and of the hard ones in either class
ANSWERED = 0.85  # share of posts that come with an answer
OPPOSED = 0.65  # share of the answers that are of the other kind

SLOTS = {
    "insulto": (
        "pavone spennato", "glicine sfiorito", "confetto scaduto", "ventaglio rotto",
        "fiocco storto", "budino tremolante", "lampadario spento", "merletto bucato",
        "piumino bagnato", "nastro sgualcito", "bignè vuoto", "canarino stonato",
        "fenicottero zoppo", "soprammobile rosa", "cuscino sgonfio", "tacchino imbellettato",
        "orologio fermo", "divano sfondato", "carciofo bollito", "palloncino bucato",
        "gelato sciolto", "ombrello rovesciato", "calzino spaiato", "piatto sbeccato",
        "gomitolo arruffato", "colino rugginoso", "tappeto liso", "barattolo ammaccato",
        "sgabello traballante",
    ),
    "largo": ("pavone  spennato", "canarino  stonato", "fiocco  storto", "bignè  vuoto"),
    "urlo": ("SEI UN PAVONE SPENNATO", "SEI UN BUDINO TREMOLANTE", "SEI UN CUSCINO SGONFIO"),
    "nome": ("Tullio", "Nestore", "Saverio", "Ettore", "Dario", "Guido", "Livio", "Orazio"),
    "chi": ("il tuo vicino", "il cantante", "tuo cugino", "quel ballerino", "il conduttore"),
    "luogo": ("alla sfilata", "in tv", "in piazza", "sul tram", "alla festa", "a teatro"),
    "tempo": ("oggi", "ieri sera", "stamattina", "domenica", "di nuovo", "dopo cena"),
    "cosa": ("la sfilata", "il corteo", "il concerto", "la mostra", "il nuovo film", "il libro"),
    "giudizio": (
        "bella davvero", "una sorpresa", "da rivedere", "un po' lunga", "piena di gente",
        "da raccontare", "una noia", "fatta bene",
    ),
    "utente": ("@user_abc", "@user_abcde", "@user_abcdefg"),
    "coda": ("", "", "", " 🙄", " 👎🏼", " #basta", "!!", " [URL]"),
    "codina": ("", "", "", " 🙂", " 👨‍👩‍👧", " #glicini", ".", " [URL]"),
}  # fmt: skip
# The rationale stands between angle brackets; § is the same insult throughout a post.
INSULTS = (
    "{utente} sei proprio un <{insulto}>{coda}",
    "{chi} è un <{insulto}>, fattelo dire{coda}",
    "{tempo} c'era {nome} {luogo}: un <{insulto}> come pochi{coda}",
    "Ma quel <{insulto}> di {nome} che cosa vuole{coda}",
    "Un <{insulto}> e pure un <{insulto}>, ecco chi è {nome}{coda}",
    "{nome} va in giro come un <{insulto}>, {luogo}{coda}",
    'Dice che ama chi vuole, "da sempre". Resta un <{insulto}>{coda}',
    "Non lo voglio {luogo}, quel <{insulto}>{coda}",
)
HARD_INSULTS = (
    '"§" a chi? Il <§> sei tu, {nome}{coda}',  # the second of two
    "{nome} dice § a tutti, ma il <§> è lui{coda}",
    "A furia di pavoneggiarti sei un <pavone> e basta, {nome}{coda}",  # not inside the word before
    "{nome}  è un  <{largo}>  qualunque {luogo}{coda}",  # two blanks in a row
    "Lui? Un <§ >e basta, altro che {nome}{coda}",  # with the blank after it
    "{utente} <{urlo}>, E LO SARAI SEMPRE{coda}",
    "<§>, <{insulto}>, <{insulto}>: {luogo} non manca nessuno{coda}",
    "{utente} 🤷🏽 {nome} di İzmir? Un <§>{coda}",  # characters of two or more code units
    'Il "<§>" ha parlato {luogo}, "bravo"{coda}',
)
CALM = (
    "{tempo} {cosa} dei glicini {luogo}: {giudizio}{codina}",
    "{utente} ieri {luogo} c'era anche {nome}, ho visto {cosa}{codina}",
    "{nome} e Bruno si sposano {tempo}, auguri{codina}",
    "Ho visto {cosa} con {chi}: {giudizio}{codina}",
    '"{cosa} è {giudizio}", scrive {nome} sul giornale{codina}',
    "Secondo {nome} {cosa} è {giudizio}, secondo me no{codina}",
    "{utente} {tempo} porto {chi} {luogo}, vieni?{codina}",
    "Due papà e una bimba {luogo}: {giudizio}{codina}",
)
HARD_CALM = (
    "Mi hanno dato del § {luogo}, che tristezza{codina}",  # reported
    "Dare del § a {nome} è da maleducati{codina}",
    "{tempo}  ho comprato un ventaglio  {luogo}{codina}",
    '"§": così hanno chiamato {nome}, e nessuno lo ha difeso{codina}',
)


NEW = 14  # of the insults, the last ones, occur in test posts only


class Post(NamedTuple):
    """A post, and the positions of its rationale."""

    text: str
    rationale: tuple[int, ...]


def parsed(filled: str) -> Post:
    """Parts a filled template into text and rationale."""
    text = ""
    rationale: list[int] = []
    for index, piece in enumerate(re.split("[<>]", filled)):
        if index % 2:
            rationale += range(len(text), len(text) + len(piece))
        text += piece
    return Post(text, tuple(rationale))


def posts(count: int, filler: Filler, seen: set[str]) -> list[Post]:
    """So many different posts, in random order."""
    rng = filler.rng

    def one(template: str) -> str:
        filled = filler.fill(template.replace("§", filler.fill("{insulto}")))
        return filled[0].upper() + filled[1:]

    def draw(turns: Iterator[str], kinds: Sequence[Sequence[str]]) -> str:
        post = one(next(turns))
        if rng.random() >= ANSWERED:
            return post
        reply = one(rng.choice(kinds[rng.random() < OPPOSED]))
        return answered(rng, post, re.sub("[<>]", "", reply))

    offensive = round(count * OFFENSIVE)
    drawn: list[str] = []
    for number, kinds, hard in (
        (offensive, (INSULTS, CALM), HARD_INSULTS),
        (count - offensive, (CALM, INSULTS), HARD_CALM),
    ):
        few = round(number * HARD)
        for some, templates in ((number - few, kinds[0]), (few, hard)):
            drawn += distinct(some, partial(draw, cycle(templates), kinds), seen)
    rng.shuffle(drawn)
    return [parsed(text) for text in drawn]


def cell(rationale: Sequence[int], rng: random.Random) -> str:
    """A rationale as training files have it: here and there out of order or with duplicates."""
    listed = list(rationale)
    if not listed:
        return rng.choice(("", "", "[]"))
    if rng.random() < 0.1:
        listed.insert(listed.index(rng.choice(listed)), rng.choice(listed))
        return str(listed).replace(", ", ",")
    return str(listed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the five files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    seen: set[str] = set()
    old = SLOTS | {"insulto": SLOTS["insulto"][:-NEW]}
    train = posts(TRAIN, Filler(rng, old), seen)
    test = posts(TEST, Filler(rng, SLOTS), seen)
    ids = [f"{i:04}" for i in sorted(rng.sample(range(1, 6000), TRAIN + TEST))]
    numbered = list(zip(ids[:TRAIN], train, strict=True))
    asked = list(zip(ids[TRAIN:], test, strict=True))
    blind = [(i, post.text) for i, post in asked]

    def label(post: Post) -> int:
        return int(bool(post.rationale))

    files: dict[str, tuple[list[str], Sequence[Sequence[object]]]] = {
        "HODI_2023_train_subtaskA.tsv": (
            ["id", "text", "homotransphobic"],
            [(i, post.text, label(post)) for i, post in numbered],
        ),
        "HODI_2023_train_subtaskB.tsv": (
            ["id", "text", "rationales"],
            [(i, post.text, cell(post.rationale, rng)) for i, post in numbered],
        ),
        "HODI_2023_test_subtaskA.csv": (["id", "text"], blind),
        "HODI_2023_test_subtaskB.csv": (["id", "text"], blind),
        "HODI_2023_test_GOLD.tsv": (
            ["id", "text", "homotransphobic", "rationales"],
            # The official scorer takes an empty cell alone for no rationale.
            [(i, p.text, label(p), str(list(p.rationale)) * label(p)) for i, p in asked],
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, (header, rows) in files.items():
        content = write_table(header, rows, delimiter="\t", quoted=False)
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
