"""Writes the sample of HaSpeeDe 3: invented tweets with mild, invented insults, or none.

python -m recipes.sample.haspeede data/sample/haspeede

Part of the tweets come with an answer, which may be of the other kind; the label is that of the
tweet, which comes first. In religion, where no training tweet comes from, nearly all do.
"""

import argparse
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from recipes.sample.templates import Filler, answered, distinct
from stages.toolkit.tables import write_table

SEED = 31
TRAIN, POLITICAL, RELIGIOUS = 250, 200, 200
HATE = {"train": 0.45, "political": 0.45, "religious": 0.45}
# Share of the tweets that come with an answer, and of the answers that are of the other kind.
ANSWERED = {"train": 0.7, "political": 0.45, "religious": 1.0}
OPPOSED = {"train": 0.6, "political": 0.5, "religious": 1.0}


POLITICS = {
    "gruppo": (
        "gli assessori", "i consiglieri", "quelli del comitato", "i ministri", "i sindaci",
        "quelli della lista civica", "i funzionari", "gli elettori di Borgo Alto", "i portavoce",
        "quelli dell'opposizione", "i deputati", "gli attivisti del parco",
    ),
    "tema": (
        "il bilancio", "la pista ciclabile", "la nuova scuola", "le tasse locali", "il porto",
        "il piano regolatore", "i trasporti", "l'acquedotto", "il mercato coperto", "la sanità",
    ),
    "luogo": ("in consiglio", "in piazza", "in tv", "al congresso", "alla Camera"),
}  # fmt: skip
RELIGION = {
    "gruppo": (
        "i devoti del Grande Carciofo", "i fedeli di Santa Zucca", "i monaci della Collina",
        "i pellegrini del Lago", "le sorelle del Ruscello", "i credenti della Luna Storta",
        "i seguaci del Profeta Biagio", "quelli del tempio nuovo",
    ),
    "tema": (
        "la processione", "il nuovo tempio", "il digiuno", "il giorno di festa", "le campane",
        "il pellegrinaggio", "l'ora di religione", "la mensa dei poveri",
    ),
    "luogo": ("in quartiere", "al mercato", "sul tram", "a scuola", "in paese"),
}  # fmt: skip
COMMON = {
    "insulto": (
        "zucconi", "mangiapolvere", "cialtroni", "lumaconi", "pidocchi", "cervelli di gallina",
        "pesi morti", "sanguisughe", "scarafaggi", "buzzurri", "parassiti", "caproni",
    ),
    "via": (
        "andate via tutti", "fuori da qui", "vi rispediamo a casa", "spariteci dalla vista",
        "non vi vogliamo", "tornate nella vostra tana",
    ),
    "giudizio": (
        "non convince", "va discusso con calma", "è un passo avanti", "merita più attenzione",
        "costa troppo", "piace a molti", "arriva tardi", "è fatto bene",
    ),
    "verbo": ("parlano", "discutono", "hanno scritto", "hanno raccontato", "si confrontano"),
    "tempo": ("oggi", "ieri sera", "stamattina", "di nuovo", "da una settimana", "domenica"),
    "utente": ("@123456789012345", "@998877665544332", "@555000111222333"),
    "coda": ("", "", "", " 😡", " 🙄", " #senzaparole", " https://t.co/abc123", "!!!"),
    "codina": ("", "", "", " 🙂", " #dialogo", " https://t.co/xyz789", " …", "."),
}  # fmt: skip
HATEFUL = (
    "{gruppo} sono solo {insulto}, {via}{coda}",
    "{utente} ma quali discussioni, {gruppo} restano {insulto}{coda}",
    "Basta con {gruppo}: {insulto} e ancora {insulto}, {via}{coda}",
    "Li ho visti {luogo}, {gruppo}. Che {insulto}{coda}",
    "{tempo} {luogo} la solita sfilata di {insulto}: {gruppo}, {via}{coda}",
    "Questi {insulto}\nvogliono pure decidere su {tema}, {via}{coda}",
    'Li chiamano "brava gente", ma {gruppo} sono {insulto}{coda}',
)
CALM = (
    "{tempo} {gruppo} {verbo} {luogo}: {tema} {giudizio}{codina}",
    "{utente} su {tema} non sono d'accordo con {gruppo}, ma li ascolto{codina}",
    "Secondo {gruppo}, {tema} {giudizio}{codina}",
    "Ho sentito {gruppo} {luogo}, {tema} {giudizio}{codina}",
    'Il titolo dice "{tema} {giudizio}", vediamo che cosa rispondono {gruppo}{codina}',
    "{tema}:\n{gruppo} {verbo} {tempo}, e {giudizio}{codina}",
    "Qualcuno dà degli {insulto} a chi non la pensa come lui: io no, {gruppo} li rispetto{codina}",
)


def tweets(count: int, part: str, filler: Filler, seen: set[str]) -> list[tuple[str, int]]:
    """Returns so many different tweets with their labels, in random order."""
    rng = filler.rng

    def one(label: int) -> str:
        drawn = filler.one_of(HATEFUL if label else CALM)
        return drawn[0].upper() + drawn[1:]

    def draw(label: int) -> str:
        tweet = one(label)
        if rng.random() >= ANSWERED[part]:
            return tweet
        return answered(rng, tweet, one(label != (rng.random() < OPPOSED[part])))

    hateful = round(count * HATE[part])
    labelled = [
        (text, label)
        for label, number in ((1, hateful), (0, count - hateful))
        for text in distinct(number, partial(draw, label), seen)
    ]
    rng.shuffle(labelled)
    return labelled


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    politics, religion = Filler(rng, COMMON | POLITICS), Filler(rng, COMMON | RELIGION)
    seen: set[str] = set()
    ids = iter(rng.sample(range(100, 9000), TRAIN + POLITICAL + RELIGIOUS))
    rows = {
        dataset: [
            (next(ids), text, label, dataset) for text, label in tweets(count, part, filler, seen)
        ]
        for dataset, part, count, filler in (
            ("training_politics", "train", TRAIN, politics),
            ("test_politics", "political", POLITICAL, politics),
            ("test_religious", "religious", RELIGIOUS, religion),
        )
    }
    test = rows["test_politics"] + rows["test_religious"]
    header = ["anonymized_tweet_id", "anonymized_text", "label", "dataset"]
    files = {
        "training_textual.csv": write_table(header, rows["training_politics"]),
        "test_textual.csv": write_table(
            [c for c in header if c != "label"], [(i, text, d) for i, text, _, d in test]
        ),
        "test_textual_gold.csv": write_table(header, test),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
