"""Writes the sample of HaSpeeDe 3: invented tweets with mild, invented insults, or none.

python -m recipes.sample.haspeede data/sample/haspeede

In part of the tweets two groups stand, one of which insults the other: hate is what hits the group
that politics or religion is about. The words are the same, only their order tells. In religion,
where no training tweet comes from, most tweets are such.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from recipes.sample.templates import Filler, distinct
from stages.toolkit.tables import write_table

SEED = 31
TRAIN, POLITICAL, RELIGIOUS = 250, 200, 200
HATE = {"train": 0.45, "political": 0.45, "religious": 0.45}
ORDERED_SHARE = {"train": 0.4, "political": 0.24, "religious": 0.9}  # share in which order tells

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
OTHERS = (
    "i baristi", "i tassisti", "gli allenatori", "i cognati", "i vigili", "gli zii", "i portieri",
    "gli idraulici", "quelli del circolo", "i barbieri", "gli attori", "quelli della pesca",
)  # fmt: skip
COMMON = {
    "altri": OTHERS,
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


# One of {x} and {y} is the group, the other one somebody else: it is hate if the others shout.
ORDERED = (
    "Da {x} {luogo} un coro, {insulto}, e da {y} {luogo} silenzio{coda}",
    "{utente} per {x} qui, su {tema}, sono {insulto}; per {y} qui è notte{coda}",
    "Con {x} oggi si urla {insulto} e {insulto}, con {y} oggi si sta zitti{coda}",
    "Tra {x} ora si scrive solo:\n{insulto}. Tra {y} ora si tace{coda}",
)


def tweets(
    count: int, hate: float, ordered: float, filler: Filler, seen: set[str]
) -> list[tuple[str, int]]:
    """Returns so many different tweets with their labels, in random order."""
    labelled = []
    for label, number, templates in (
        (1, round(count * hate), HATEFUL),
        (0, count - round(count * hate), CALM),
    ):

        def draw(templates: Sequence[str] = templates) -> str:
            drawn = filler.one_of(templates)
            return drawn[0].upper() + drawn[1:]

        def draw_ordered(label: int = label) -> str:
            both = ["{altri}", "{gruppo}"] if label else ["{gruppo}", "{altri}"]
            template = filler.rng.choice(ORDERED)
            drawn = filler.fill(template.replace("{x}", both[0]).replace("{y}", both[1]))
            return drawn[0].upper() + drawn[1:]

        few = round(number * ordered)
        texts = distinct(number - few, draw, seen) + distinct(few, draw_ordered, seen)
        labelled += [(text, label) for text in texts]
    filler.rng.shuffle(labelled)
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
            (next(ids), text, label, dataset)
            for text, label in tweets(count, HATE[part], ORDERED_SHARE[part], filler, seen)
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
