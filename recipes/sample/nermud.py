"""Writes the sample of NERMuD: sentences about invented persons, places and organisations.

python -m recipes.sample.nermud data/sample/nermud

Most names come once only, so that what is around them tells what they are.
"""

import argparse
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from recipes.sample.templates import Filler, distinct, invented

SEED = 47
SIZES = {"train": 80, "dev": 20, "test": 70}
HARD, EMPTY = 0.12, 0.18  # share of the hard sentences, and of those without entities

WOMEN = "Elvira Ornella Bianca Livia Clara Irma".split()
MEN = "Tullio Saverio Ettore Nestore Dario Guido".split()
# About so many of the names in a list; the others, § here, are invented anew each time.
KNOWN = 0.45
SURNAMES = (
    "Serrani Vallonio Brandini Castori Meldini Torvani Lupari Garbini Ferrotti Salvori Moretani"
    " Zandri Corvini Pallotti Tramonti"
).split()
PLACES = (
    "Borgo Sereno", "Valdoria", "Monte Falco", "Porto Canna", "Castel Brina", "Lago Scuro",
    "Villa Ombrosa", "Fontelunga", "Pratoverde", "Rocca Pineta", "Selvabruna", "Borgo Lungo",
    "Borgo Tondo", "Porto Grano", "Monte Lieve",
)  # fmt: skip
ORGANISATIONS = (
    "la Cooperativa Aurora", "la Banca di Valdoria", "il Partito della Quercia",
    "il Ministero dei Mulini", "la Fondazione Girasole", "l' Accademia Meridiana",
    "l' Unione Fornai", "il Consorzio Montano", "la Lega dei Pescatori", "la Cooperativa Lanterna",
    "il Comitato Rondine", "il Partito Concordia", "la Cooperativa Ginestra",
    "il Partito del Fiume", "l' Accademia Solare",
)  # fmt: skip
TEMPLATES = {
    "WN": (
        "il sindaco {per} ha inaugurato la nuova scuola di {loc} .",
        "{org} apre una sede a {loc} .",
        "{per} , presidente {di_org} , ha parlato ieri a {loc} .",
        "incendio a {loc} : nessun ferito , dice il portavoce {per} .",
        "{org} ha premiato la ricercatrice <PER {donna} {bare}> .",
        "a {loc} la squadra di {cognome} ha vinto la coppa .",
        "sciopero {di_org} : treni fermi tra {loc} e {loc} .",
        "il ministro {per} ha risposto alle accuse {di_org} .",
        "secondo {org} , i prezzi del pane sono saliti .",
        "domani {per} e {per} saranno in tribunale a {loc} .",
    ),
    "FIC": (
        "{per} chiuse la finestra e guardò verso {loc} .",
        "- E tu , {nome} , dove vai ? - chiese la signora {cognome} .",
        "la vecchia <PER {donna}> veniva da {loc} con una cesta di fichi .",
        "quella sera <PER {donna}> e <PER {uomo}> tornarono a {loc} .",
        "{per} lavorava {a_org} da vent' anni .",
        "il dottor {cognome} salì in silenzio le scale .",
        "nessuno a {loc} parlava più {di_org} .",
        "il cugino di {nome} portava la divisa {di_org} .",
        "- Addio , {nome} ! - gridò {per} dal carro .",
        "oltre il fiume si vedevano le luci di {loc} .",
    ),
    "ADG": (
        "onorevoli colleghi , {org} ha votato contro la legge .",
        "ringrazio l' amico {cognome} e gli operai di {loc} .",
        "la politica {di_org} è chiara a tutti .",
        "il governo ha chiesto {a_org} di ascoltare {loc} .",
        "l' onorevole {cognome} ha parlato a nome {di_org} .",
        "i contadini di {loc} attendono una risposta .",
        "{org} e {org} vogliono la pace .",
        "a {loc} ho incontrato il delegato {per} .",
        "noi difendiamo {org} , come fece {per} .",
        "da {loc} a {loc} il popolo chiede lavoro .",
    ),
}
EMPTY_TEMPLATES = {
    "WN": (
        "la pioggia ha bloccato {strada} per tutta la {ora} .",
        "il prezzo del {merce} è salito per il terzo mese .",
        "il {merce} manca in molti negozi : ieri lunghe code {ora_in} .",
    ),
    "FIC": (
        "la {ora} era fredda e il cane abbaiava verso {strada} .",
        "rimase seduto fino a {ora} , con il {merce} davanti a sé .",
        "comprò un po' di {merce} e tornò a casa per {strada} .",
    ),
    "ADG": (
        "la {virtù} è il fondamento di ogni {bene} .",
        "non c' è {bene} senza {virtù} , amici miei .",
        "chiediamo {virtù} per chi non ha nemmeno il {merce} .",
    ),
}
# The same name as a common word, adjacent entities, quotes, markers in the text, a place within an
# organisation, a word of an entity that stands before it too.
HARD_TEMPLATES = {
    "WN": (
        "concordia è una bella parola , ma <ORG Concordia> è il giornale di {loc} .",
        "in difesa <PER {bare}> <PER {bare}> e <PER {bare}> .",
        "il circolo <ORG [PER] Club> si riunisce a {loc} .",
        '" {org} non chiude " , ha detto {per} .',
        "il mercato della domenica , dice {per} , resta in <LOC piazza della Fontana> .",
        "lanterna di carta a {loc} : la festa è della <ORG Lanterna> .",
    ),
    "FIC": (
        "rosa era il colore del vestito che <PER Rosa> portava a {loc} .",
        "sulla porta era scritto [LOC] , ma {nome} non capiva .",
        "la figlia di {nome} andò alla <ORG scuola di {place}> , lontano da {loc} .",
        '" A {loc} " , rispose {nome} , " non torno più . "',
        "l' ombra della torre cadeva sulla <LOC strada della Vigna> e su {nome} .",
    ),
    "ADG": (
        "lega vuol dire unione , e la <ORG Lega> difende {loc} .",
        "la forza della legge viene dalla <ORG Camera della Terra> , diceva {cognome} .",
        "hanno parlato i compagni <PER {bare}> <PER {bare}> .",
        "[...] {org} non ha mai rinunciato a {loc} .",
        "il presidente {di_org} - {cognome} - ha firmato .",
    ),
}
COMMON = {
    "strada": ("la strada del mare", "il ponte vecchio", "la statale", "il sentiero", "la piazza"),
    "ora": ("notte", "sera", "mattina"),
    "ora_in": ("di notte", "di sera", "di mattina", "al mercato"),
    "merce": ("pane", "latte", "grano", "carbone", "sale", "riso", "burro", "vino"),
    "virtù": ("libertà", "giustizia", "pazienza", "concordia", "prudenza", "lealtà"),
    "bene": ("progresso", "lavoro", "risparmio", "accordo", "popolo"),
    "donna": WOMEN,
    "uomo": MEN,
}
OF = {"la": "della", "il": "del", "l'": "dell'"}
TO = {"la": "alla", "il": "al", "l'": "all'"}

_PIECE = re.compile(r"<(\w+) ([^>]+)>|(\S+)")
Rows = list[tuple[str, str]]


def mixed(names: Sequence[str], *new: str) -> list[str]:
    """Names and patterns of new ones, in such numbers that so many of those drawn are known."""
    times = round(len(names) * (1 - KNOWN) / KNOWN / len(new))
    return [*names, *new * times]


def slots() -> Mapping[str, Sequence[str]]:
    """The words for the templates' slots; ``<KIND …>`` encloses an entity."""
    new = ("la Cooperativa §", "il Partito §", "la Banca §", "il Consorzio §", "l' Accademia §")
    pairs = [name.partition(" ")[::2] for name in mixed(ORGANISATIONS, *new)]
    surnames = mixed(SURNAMES, "§")
    places = mixed(PLACES, "§", "Monte §", "Borgo §", "§")
    return COMMON | {
        "per": [f"<PER {first} {{bare}}>" for first in WOMEN + MEN] + ["<PER {bare}>"] * 4,
        "nome": [f"<PER {first}>" for first in WOMEN + MEN],
        "cognome": ["<PER {bare}>"],
        "bare": surnames,
        "loc": [f"<LOC {place}>" for place in places],
        "place": places,
        "org": [f"{article} <ORG {name}>" for article, name in pairs],
        "di_org": [f"{OF[article]} <ORG {name}>" for article, name in pairs],
        "a_org": [f"{TO[article]} <ORG {name}>" for article, name in pairs],
    }


def labelled(sentence: str) -> Rows:
    """The tokens of a filled template with their labels."""
    rows: Rows = []
    for kind, entity, token in _PIECE.findall(sentence):
        if kind:
            rows += [(t, f"{'I' if i else 'B'}-{kind}") for i, t in enumerate(entity.split())]
        else:
            rows.append((token, "O"))
    first, label = rows[0]
    return [(first[0].upper() + first[1:], label), *rows[1:]]


def sentences(
    domain: str, count: int, filler: Filler, seen: set[str], known: set[str]
) -> list[Rows]:
    """So many different sentences of a domain, in random order."""
    hard, empty = round(count * HARD), round(count * EMPTY)
    drawn: list[str] = []
    for number, templates in (
        (hard, HARD_TEMPLATES[domain]),
        (empty, EMPTY_TEMPLATES[domain]),
        (count - hard - empty, TEMPLATES[domain]),
    ):
        turns = cycle(templates)

        def draw(turns: Iterator[str] = turns) -> str:
            template = next(turns)
            while True:
                sentence = re.sub("§", lambda _: invented(filler.rng, known), filler.fill(template))
                names = re.findall(r"<\w+ ([^>]+)>", sentence)
                if len(set(names)) == len(names):
                    return sentence

        drawn += distinct(number, draw, seen)
    filler.rng.shuffle(drawn)
    return [labelled(sentence) for sentence in drawn]


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the four files of each domain."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    filler = Filler(rng, slots())
    known: set[str] = set()
    for domain in TEMPLATES:
        seen: set[str] = set()
        for split, count in SIZES.items():
            drawn = sentences(domain, count, filler, seen, known)
            blocks = ["".join(f"{t}\t{label}\n" for t, label in rows) for rows in drawn]
            end = "" if split == "test" else "\n"  # as the organisers' files have it
            files = {f"{domain}_{split}.tsv": "\n".join(blocks) + end}
            if split == "test":
                tokens = ["".join(f"{t}\n" for t, _ in rows) for rows in drawn]
                files[f"{domain}_test_nolabel.tsv"] = "\n".join(tokens)
            for name, content in files.items():
                (folder / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
