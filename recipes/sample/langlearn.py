"""Writes the sample of LangLearn: short invented essays by learners, early ones and later ones.

python -m recipes.sample.langlearn data/sample/langlearn
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from recipes.sample.templates import Filler, distinct
from stages.toolkit.tables import write_table

SEED = 67
LEARNERS = {"train": 31, "test": 50}  # each with two early and two later essays: four pairs
HARD = 0.12  # share of the essays with a single sentence that shows their time

Row = tuple[str, str, int, int]  # the names of the earlier and the later essay, and their times


@dataclass(frozen=True)
class Language:
    """Sentences of early and of later essays, such as stand in both, and words for their slots."""

    early: Sequence[str]
    late: Sequence[str]
    neutral: Sequence[str]
    run_on: str  # clauses of a sentence that never ends
    slots: Mapping[str, Sequence[str]]


ITALIAN = Language(
    early=(
        "Mi piace {cosa} perche e {bello}.",
        "Io e {nome} abbiamo giocato {gioco} e poi siamo andati {posto}.",
        "{giorno} o mangiato {cibo} e poi o giocato {gioco}.",
        "La mia mamma mi a detto di no, pero io sono andato {posto}.",
        "Cera {animale} molto {bello} {posto}.",
        "Il mio amico si chiama {nome} e a {numero} anni.",
        "E stato {bello} e mi sono divertito un sacco.",
        "La maestra ci a fatto {gioco2} e poi siamo usciti.",
        "Mi piace anche {cosa} e mi piace {cosa}.",
        "Poi {nome} a detto «Andiamo {posto}!» e siamo andati.",
        "A casa o {animale} che e {bello}.",
    ),
    late=(
        "Sebbene {tema} sembri lontano da noi, ritengo che ci riguardi.",
        "Tuttavia {tema} merita attenzione, affinché nessuno sia escluso.",
        "Nonostante le difficoltà, {esperienza} mi ha insegnato {valore}.",
        "Inoltre, a mio parere, {tema} richiede {valore}.",
        "Se avessi avuto {valore}, non mi sarei arreso.",
        "Pertanto credo che si debba discutere di più e con {valore}.",
        "Qualora si trascurasse {tema}, ne saremmo responsabili.",
        "Benché fossi stanco, compresi quanto conti {valore}.",
        "Di conseguenza {esperienza} ha mutato il mio punto di vista.",
        "È opportuno che ognuno affronti {tema} con {valore}.",
        "«Chi siamo noi per giudicare?», ci si potrebbe chiedere; tuttavia serve {valore}.",
    ),
    neutral=(
        "Abito a {paese} con la mia famiglia.",
        "Quest'anno nella mia classe siamo in {numero2}.",
        "Il titolo del tema è {titolo}.",
        "Vado a scuola a {paese} con {nome}.",
        "In estate resto a {paese} dai nonni.",
        "Il libro che leggiamo si intitola Lupi & lanterne.",
    ),
    run_on="siamo andati {posto} e poi abbiamo giocato {gioco} e poi",
    slots={
        "cosa": ("il gelato", "il mare", "la pizza", "il calcio", "la neve", "il mio cane"),
        "bello": ("bello", "buono", "grande", "simpatico", "bellissimo"),
        "nome": ("Nino", "Ada", "Rocco", "Mirta", "Ugo", "Lea", "Pino"),
        "gioco": ("a palla", "a carte", "a nascondino", "con le bici", "a corda"),
        "gioco2": ("un disegno", "un gioco", "una recita", "una gara"),
        "posto": ("al parco", "al mare", "in giardino", "dalla nonna", "in cortile", "al lago"),
        "giorno": ("Ieri", "Sabato", "Domenica", "Oggi", "A Natale"),
        "cibo": ("la torta", "la pasta", "le patatine", "il panino", "il gelato"),
        "animale": ("un cane", "un gatto", "un coniglio", "un pesce", "un asino"),
        "numero": ("sei", "sette", "otto", "nove"),
        "numero2": ("diciotto", "venti", "ventidue", "ventiquattro"),
        "tema": (
            "il rispetto", "il lavoro", "il futuro", "il pregiudizio", "il progresso",
            "il bene comune", "il passato",
        ),
        "valore": ("pazienza", "coraggio", "prudenza", "responsabilità", "fiducia", "impegno"),
        "esperienza": ("quel viaggio", "la lettura", "quella sconfitta", "il volontariato"),
        "paese": ("Borgo Sereno", "Fontelunga", "Pratoverde", "Valdoria"),
        "titolo": ("«Una giornata»", "«Io e gli altri»", "«Un ricordo»", "«Il mio paese»"),
    },
)  # fmt: skip
SPANISH = Language(
    early=(
        "Me gusta mucho {cosa} porque es muy {bueno}.",
        "Yo tengo {numero} hermanos y yo tengo {animal}.",
        "El sábado yo fui {lugar} y yo comí {comida}.",
        "Mi amigo favorito es {nombre} y él es muy {bueno}.",
        "Yo quiero ir {lugar} porque es divertido.",
        "Hay mucho gente {donde} y es muy bien.",
        "Yo gusto {cosa} y también {cosa}.",
        "¡Me gusta mucho {comida}! Es mi favorito.",
        "En la mañana yo como {comida} y yo voy {lugar}.",
        "¿Por que? Porque yo soy muy {bueno}.",
        "Mi familia es grande y tiene {animal}.",
    ),
    late=(
        "Sin embargo, {tema} exige {valor} por parte de todos.",
        "Aunque {tema} parezca ajeno, creo que nos afecta.",
        "Si hubiera tenido {valor}, no me habría rendido.",
        "A pesar de que dudaba, {experiencia} me enseñó {valor}.",
        "Por lo tanto, es fundamental que se debata {tema}.",
        "Además, desde mi punto de vista, hace falta {valor}.",
        "No obstante, ojalá hubiéramos comprendido {tema} antes.",
        "Dado que {tema} cambia, conviene que lo analicemos.",
        "¿Quién no hubiera querido vivir {experiencia}?",
        "De ahí que {experiencia} haya cambiado mi opinión.",
        "Habría que aceptar {tema}, siempre y cuando haya {valor}.",
    ),
    neutral=(
        "Vivo en {pueblo} con mi familia.",
        "Este año estudio español en {pueblo}.",
        "El título de este texto es {titulo}.",
        "En mi clase somos {numero2}.",
        "Mi profesora se llama {nombre}.",
        "Trabajo en la tienda «Sol & Sal» los domingos.",
    ),
    run_on="yo fui {lugar} y yo comí {comida} y después",
    slots={
        "cosa": ("la música", "el fútbol", "la playa", "mi perro", "el chocolate", "el cine"),
        "bueno": ("bueno", "simpático", "grande", "bonito", "feliz"),
        "numero": ("dos", "tres", "cuatro"),
        "numero2": ("doce", "quince", "veinte", "dieciocho"),
        "animal": ("un perro", "un gato", "un pez", "un caballo"),
        "lugar": ("a la playa", "al parque", "a la fiesta", "al cine", "a la tienda"),
        "donde": ("en la playa", "en el parque", "en la fiesta", "en el cine"),
        "comida": ("pizza", "arroz", "tacos", "sopa", "pastel", "helado"),
        "nombre": ("Bruno", "Elba", "Tito", "Nuria", "Paco", "Inés"),
        "tema": (
            "el respeto", "el trabajo", "el futuro", "el prejuicio", "el progreso",
            "el bien común", "el pasado",
        ),
        "valor": ("paciencia", "valentía", "prudencia", "compromiso", "confianza", "esfuerzo"),
        "experiencia": ("aquel viaje", "la lectura", "aquella derrota", "el voluntariado"),
        "pueblo": ("Villa Serena", "Fuentelarga", "Prado Verde", "Valdoria"),
        "titulo": ("«Un día»", "«Los demás y yo»", "«Un recuerdo»", "«Mi pueblo»"),
    },
)  # fmt: skip


def essay(language: Language, late: bool, filler: Filler) -> str:
    """An essay of three sentences, in one paragraph or two."""
    rng = filler.rng
    own = language.late if late else language.early
    shows = 1 if rng.random() < HARD else rng.choice((2, 2, 3))
    chosen = rng.sample(own, shows) + rng.sample(language.neutral, 3 - shows)
    rng.shuffle(chosen)
    first, second, third = map(filler.fill, chosen)
    return first + rng.choice((" ", " ", "\n", "\n\n")) + second + " " + third


def run_on(language: Language, filler: Filler) -> str:
    """An early essay whose only sentence has more than a hundred tokens."""
    clauses = " ".join(filler.fill(language.run_on) for _ in range(12))
    return clauses[0].upper() + clauses[1:] + " " + filler.one_of(language.early).lower()


def long(language: Language, filler: Filler) -> str:
    """A later essay of more than a hundred tokens, in sentences of usual length."""
    return " ".join(map(filler.fill, language.late))


def learners(
    count: int, language: Language, filler: Filler, names: Iterator[str], seen: set[str]
) -> tuple[list[tuple[str, str]], list[Row]]:
    """So many learners' essays, by name, and all pairs of an early and a later one of each."""
    texts: list[tuple[str, str]] = []
    rows: list[Row] = []
    for learner in range(count):
        early, late = (
            distinct(2, partial(essay, language, late, filler), seen) for late in (False, True)
        )
        if learner == 1:
            early[0] = run_on(language, filler)
        elif learner == 2:
            late[1] = long(language, filler)
        own = [next(names) for _ in range(4)]
        texts += zip(own, early + late, strict=True)
        times = sorted(filler.rng.sample(range(1, 9), 4))
        rows += [(own[i], own[j], times[i], times[j]) for i, j in product((0, 1), (2, 3))]
    filler.rng.shuffle(texts)
    filler.rng.shuffle(rows)
    return texts, rows


def as_xml(texts: Sequence[tuple[str, str]]) -> str:
    """Essays as the organisers' files hold them."""
    documents = "".join(f"<doc id={quoteattr(n)}>\n{escape(t)}\n</doc>\n" for n, t in texts)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<dataset>\n{documents}</dataset>\n'


def as_table(rows: Sequence[Sequence[object]], *more: str) -> str:
    """Pairs likewise, with further columns if need be."""
    header = ["Essay_1", "Essay_2", "Order_1", "Order_2", *more]
    return write_table(header, rows, delimiter="\t", quoted=False)


def files(
    corpus: str, language: Language, train: str, width: int, rng: random.Random
) -> dict[str, str]:
    """The files of a corpus by name.

    Args:
        corpus: its name.
        language: in which the essays are written.
        train: the name of the file of training pairs.
        width: digits of an essay's name at least; short numbers get leading zeros.
        rng: the generator.
    """
    filler = Filler(rng, language.slots)
    seen: set[str] = set()
    # Both corpora have essays 1201 to 1204, of different learners.
    others = rng.sample(range(1, 1200), 4 * sum(LEARNERS.values()) - 4)
    names = (str(number).zfill(width) for number in [*range(1201, 1205), *others])
    texts, rows = learners(LEARNERS["train"], language, filler, names, seen)
    test_texts, chronological = learners(LEARNERS["test"], language, filler, names, seen)
    labels = [i % 2 for i in range(len(chronological))]
    rng.shuffle(labels)
    test = [
        (second, first, *times) if label else (first, second, *times)
        for (first, second, *times), label in zip(chronological, labels, strict=True)
    ]
    gold = [(*row, label) for row, label in zip(test, labels, strict=True)]
    return {
        f"Essays_{corpus}.xml": as_xml(texts),
        train: as_table(rows),
        f"Essays_Test_{corpus}.xml": as_xml(test_texts),
        f"Test_{corpus}.tsv": as_table(test),
        f"Test_{corpus}_gold.tsv": as_table(gold, "Pred"),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the five files of each corpus."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    for corpus, language, train, width in (
        ("CItA", ITALIAN, "Training_CItA.tsv", 4),
        ("COWS-L2H", SPANISH, "Train_COWS-L2H.tsv", 1),
    ):
        (folder / corpus).mkdir(parents=True, exist_ok=True)
        for name, content in files(corpus, language, train, width, rng).items():
            (folder / corpus / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
