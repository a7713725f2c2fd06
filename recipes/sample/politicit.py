"""Writes the sample of PoliticIT: invented authors, their tweets about invented parties.

python -m recipes.sample.politicit data/sample/politicit
"""

import argparse
import csv
import io
import random
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from recipes.sample.templates import Filler, answered, distinct

SEED = 71
TRAIN, TEST = 236, 200  # authors, most of whom have few tweets and one question
MANY = {"train": 3, "test": 2}  # authors of many tweets, which take several questions
TWEETS = 34  # of these authors
THREAD = 30  # sentences of the one tweet in each file that is longer than a question
HARD = 0.5  # share of authors who show their traits once only
ANSWERED = 0.65  # share of tweets that come with an answer, of anybody

GENDERS = {
    "female": {
        "io": (
            "sono contenta", "sono stanca", "sono convinta", "sono stata chiara",
            "sono orgogliosa", "sono arrabbiata", "sono andata al comizio", "mi sono iscritta",
            "sono rimasta delusa", "sono tornata in piazza", "sono sicura", "sono preoccupata",
        ),
        "sesso": ("donna",),
    },
    "male": {
        "io": (
            "sono contento", "sono stanco", "sono convinto", "sono stato chiaro",
            "sono orgoglioso", "sono arrabbiato", "sono andato al comizio", "mi sono iscritto",
            "sono rimasto deluso", "sono tornato in piazza", "sono sicuro", "sono preoccupato",
        ),
        "sesso": ("uomo",),
    },
}  # fmt: skip
IDEOLOGIES = {
    "left": {
        "parte": ("sinistra",),
        "partito": ("Officina Rossa", "Fronte delle Ciminiere"),
        "tema": (
            "lo sciopero", "il salario minimo", "le case popolari", "la patrimoniale",
            "gli operai", "la lotta di classe", "i beni comuni", "la fabbrica occupata",
        ),
        "motto": (
            "compagni, avanti", "#OfficinaRossa", "potere a chi lavora", "la fabbrica è di tutti",
            "paghino i padroni", "compagni in sciopero",
        ),
    },
    "moderate_left": {
        "parte": ("centrosinistra",),
        "partito": ("Patto del Tiglio", "Ponte Civico"),
        "tema": (
            "gli asili nido", "i diritti civili", "il dialogo sociale", "la scuola pubblica",
            "le riforme graduali", "l'Europa dei comuni", "il terzo settore", "l'energia verde",
        ),
        "motto": (
            "nessuno resti indietro", "#PattoDelTiglio", "riforme e dialogo", "insieme si può",
            "un'Europa più verde", "diritti e dialogo",
        ),
    },
    "moderate_right": {
        "parte": ("centrodestra",),
        "partito": ("Casa dei Borghi", "Bottega Liberale"),
        "tema": (
            "le partite Iva", "il taglio delle tasse", "la libera impresa", "il merito",
            "gli artigiani", "lo Stato leggero", "le piccole imprese", "il libero mercato",
        ),
        "motto": (
            "meno tasse per tutti", "#CasaDeiBorghi", "impresa e libertà", "viva il merito",
            "chi produce va aiutato", "meno burocrazia",
        ),
    },
    "right": {
        "parte": ("destra",),
        "partito": ("Scudo e Campanile", "Torre Antica"),
        "tema": (
            "i confini", "l'ordine pubblico", "la tradizione", "la bandiera", "la sovranità",
            "la patria", "le pattuglie", "la leva obbligatoria",
        ),
        "motto": (
            "prima la patria", "#ScudoECampanile", "ordine e disciplina", "onore alla bandiera",
            "chiudiamo i confini", "patria e tradizione",
        ),
    },
}  # fmt: skip
SIDES = {"left": "left", "moderate_left": "left", "moderate_right": "right", "right": "right"}
COMMON = {
    "coda": ("", "", "", ".", " 💪", " 🇮🇹", "!!", " https://t.co/abc123", " …", " 👏👏"),
    "chi": ("@user", "@user", "@politician", "[POLITICIAN]"),
    "luogo": ("in piazza", "in tv", "al mercato", "in treno", "alla Camera", "in radio"),
    "ora": ("stasera", "oggi", "stamattina", "domenica", "ieri", "di nuovo"),
}
BOTH = (  # gender and ideology show
    "da {sesso} di {parte} {io}: {tema}{coda}",
    "{io}, {sesso} di {parte}: {motto}{coda}",
    "{chi} una cosa da {sesso} di {parte}, {motto}{coda}",
    "{ora} {io}, da {sesso} di {parte} voto {partito}{coda}",
    'scrivo da {sesso} di {parte} "{motto}"{coda}',
    "{sesso} di {parte}.\n{tema} prima di tutto{coda}",
)
IDEOLOGY = (
    "{tema} {luogo}, {motto}, noi di {parte}{coda}",
    "{ora} voto {partito}, sempre a {parte}{coda}",
    "noi di {parte}: {motto}, {chi}{coda}",
)
GENDER = (
    "{ora} {io}, parola di {sesso}{coda}",
    "{chi} da {sesso} {io} {ora}{coda}",
)
NEITHER = (
    "{ora} {luogo} con {chi}{coda}",
    "buona domenica,  qui {luogo} si va a casa{coda}",
    "ma {chi} {ora} che dice?{coda}",
)


class Author(NamedTuple):
    """An author: identifier, gender, multiclass ideology and tweets."""

    label: str
    gender: str
    ideology: str
    tweets: list[str]

    @property
    def traits(self) -> tuple[str, str, str]:
        """The cells of the three traits."""
        return self.gender, SIDES[self.ideology], self.ideology


def usual_tweets(filler: Filler, seen: set[str]) -> list[str]:
    """Returns a few tweets, most of which show both traits, or for some authors one tweet each."""
    kinds = [BOTH, BOTH, IDEOLOGY + GENDER]
    if filler.rng.random() < HARD:
        kinds = [IDEOLOGY, GENDER, NEITHER]
    return [tweet(templates, filler, seen) for templates in kinds]


def tweet(templates: Sequence[str], filler: Filler, seen: set[str]) -> str:
    """Returns a tweet that differs from those seen before."""

    def draw() -> str:
        drawn = filler.one_of(templates)
        if filler.rng.random() < ANSWERED:
            gender, ideology = (filler.rng.choice(list(kinds)) for kinds in (GENDERS, IDEOLOGIES))
            other = Filler(filler.rng, COMMON | GENDERS[gender] | IDEOLOGIES[ideology])
            drawn = answered(filler.rng, drawn, other.one_of(BOTH))
        return drawn[0].upper() + drawn[1:]

    return distinct(1, draw, seen)[0]


def authors(count: int, many: int, rng: random.Random, seen: set[str]) -> list[Author]:
    """Returns authors of all traits in turn; some write much, and one a long tweet."""
    found = []
    turns = islice(cycle((g, i) for i in IDEOLOGIES for g in GENDERS), count)
    for number, (gender, ideology) in enumerate(turns):
        filler = Filler(rng, COMMON | GENDERS[gender] | IDEOLOGIES[ideology])
        tweets = usual_tweets(filler, seen)
        if number < many:
            mixed = BOTH + BOTH + IDEOLOGY + NEITHER
            tweets += [tweet(mixed, filler, seen) for _ in range(TWEETS)]
        elif number == many:
            tweets.append("1/9 " + " ".join(filler.one_of(BOTH) for _ in range(THREAD)))
        elif number == many + 1:
            tweets.append(tweets[0])
        rng.shuffle(tweets)
        found.append(Author(identifier(rng, odd=number == count - 1), gender, ideology, tweets))
    rng.shuffle(found)
    return found


def identifier(rng: random.Random, *, odd: bool) -> str:
    """An identifier like an MD5 sum; an odd one reads like a number, with leading zeros."""
    if odd:
        return f"00{rng.randrange(10**11):011}e{rng.randrange(10**18):018}"
    return f"{rng.getrandbits(128):032x}"


def rows(found: Iterable[Author], rng: random.Random) -> list[tuple[Author, str]]:
    """Returns the tweets with their authors, whose rows do not stand together."""
    pairs = [(author, tweet) for author in found for tweet in author.tweets]
    rng.shuffle(pairs)
    return pairs


def table(header: Sequence[str], records: Iterable[Sequence[str]]) -> str:
    """A table of which every cell is quoted."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([header, *records])
    return out.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the three files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    seen: set[str] = set()
    train = authors(TRAIN, MANY["train"], rng, seen)
    test = authors(TEST, MANY["test"], rng, seen)
    gold = rng.sample(test, len(test))
    header = ["label", "gender", "ideology_binary", "ideology_multiclass", "tweet"]
    files = {
        "train_public": table(header, [(a.label, *a.traits, t) for a, t in rows(train, rng)]),
        "test_codalab": table(["label", "tweet"], [(a.label, t) for a, t in rows(test, rng)]),
        "test_gold": table(header[:4], [(a.label, *a.traits) for a in gold]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / f"politicIT_phase_2_{name}.csv"
        path.write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
