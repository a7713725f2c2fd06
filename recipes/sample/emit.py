"""Writes the sample of EMit: invented tweets about invented programmes, full of feelings.

python -m recipes.sample.emit data/sample/emit

A tweet answers a programme's account: it is about the direction if the account's name comes again.
Part of the tweets go on to what others feel, which is no emotion of theirs.
"""

import argparse
import random
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from recipes.sample.templates import Filler, distinct, invented
from stages.toolkit.tables import write_table

SEED = 67
TRAIN, IN_DOMAIN, OUT_OF_DOMAIN = 240, 200, 24
ALONE = 2  # training tweets that only one of the two files has
RETWEETS = 3
HARD = 0.06  # share of tweets whose emotions only emoji tell
OTHERS = 0.6  # share of tweets that go on to what others feel
MUTE = 0.25  # share of the tweets with a topic that name none of the usual ones

EMOTIONS: dict[str, tuple[str, ...]] = {
    "Anger": (
        "che rabbia", "sono furioso", "mi ribolle il sangue", "che nervi", "sono arrabbiato nero",
        "mi fanno infuriare", "basta, sono fuori di me", "ora spacco il telecomando",
    ),
    "Anticipation": (
        "non vedo l'ora", "conto i giorni", "aspetto con impazienza", "ormai manca poco",
        "ho già segnato la data", "che attesa", "domani si comincia", "sto già in prima fila",
    ),
    "Disgust": (
        "che schifo", "mi viene la nausea", "roba rivoltante", "puah", "che ribrezzo",
        "è da voltastomaco", "bleah", "mi disgusta",
    ),
    "Fear": (
        "che paura", "mi tremano le gambe", "che spavento", "sono terrorizzato", "aiuto",
        "mi nascondo sotto il tavolo", "è un incubo", "sudo freddo",
    ),
    "Joy": (
        "che gioia", "sono felicissimo", "rido da un'ora", "evviva", "urrà", "che allegria",
        "sorrido come un bambino", "faccio festa",
    ),
    "Love": (
        "vi amo", "ti adoro", "amore infinito", "un bacio grande", "sono innamorato",
        "quanto affetto", "che tenerezza", "il mio cuore è vostro",
    ),
    "Neutral": (
        "va in onda alle nove", "è in replica", "segue il notiziario", "dura un'ora",
        "è sul terzo canale", "è la quinta parte", "comincia adesso", "finisce alle dieci",
    ),
    "Sadness": (
        "che tristezza", "piango", "ho il cuore a pezzi", "quante lacrime", "che malinconia",
        "mi manca tanto", "quanto dolore", "sono giù di morale",
    ),
    "Surprise": (
        "non me l'aspettavo", "resto a bocca aperta", "che sorpresa", "incredibile", "wow",
        "chi l'avrebbe detto", "sono sbalordito", "stento a crederci",
    ),
    "Trust": (
        "mi fido", "ci credo davvero", "è una garanzia", "siamo in buone mani", "stima totale",
        "ci metto la mano sul fuoco", "nessun dubbio", "conto su di loro",
    ),
}  # fmt: skip
FACES = {
    "Anger": "😡", "Anticipation": "⏳", "Disgust": "🤢", "Fear": "😱", "Joy": "😂", "Love": "❤️",
    "Neutral": "📺", "Sadness": "😭", "Surprise": "😮", "Trust": "🤝",
}  # fmt: skip
PAIRS = (
    ("Anger", "Disgust"), ("Joy", "Love"), ("Fear", "Sadness"), ("Joy", "Surprise"),
    ("Anticipation", "Joy"), ("Love", "Trust"), ("Anger", "Surprise"), ("Anticipation", "Fear"),
    ("Disgust", "Sadness"), ("Anticipation", "Neutral"), ("Joy", "Trust"), ("Neutral", "Surprise"),
)  # fmt: skip
TRIPLES = (("Joy", "Love", "Trust"), ("Anger", "Disgust", "Sadness"))
SIZES = (1, 2, 1, 1, 2, 1, 3, 1, 2, 1)  # of the sets, in turn

# What the emotion is about: people and parts of the programme, its topic, both or neither.
TARGETS: dict[str, dict[str, tuple[str, ...]]] = {
    "in": {
        "direzione": (
            "il conduttore", "la giuria", "la regia", "gli autori", "questa puntata", "la sigla",
            "l'inviata", "gli ospiti in studio", "la conduttrice", "il montaggio",
        ),
        "argomento": (
            "il caro affitti", "la siccità", "i treni in ritardo", "la scuola", "gli ospedali",
            "il lago inquinato", "le pensioni", "il ponte crollato", "il prezzo del pane", "le api",
        ),
    },
    "out": {
        "direzione": (
            "il cantante", "la band", "il regista del video", "il coro", "questo concerto",
            "la copertina", "la batterista", "i ballerini", "il presentatore", "il montaggio",
        ),
        "argomento": (
            "la guerra", "il mare sporco", "gli esami", "la nebbia", "la solitudine",
            "la fabbrica chiusa", "il prezzo del pane", "la siccità", "i treni in ritardo",
        ),
    },
}  # fmt: skip
COMMON = {
    "altro": ("stasera", "io sul divano", "buonanotte", "qui piove", "ore 21", "eccomi", "boh"),
    "coda": ("", "", "", "", "…", " #tv", " https://t.co/abc123", "!!!"),
    "vago": ("quella storia", "il solito guaio", "tutto questo", "il tema del giorno"),
}  # fmt: skip
TURNS = ((1, 0), (0, 1), (0, 0), (1, 0), (0, 1), (1, 1), (0, 0), (1, 0), (1, 1), (0, 1))
# By topic; {felt} stands for what is felt, {a} for the account, {b} for the same or another one.
TEMPLATES = {
    1: (
        "@{a} {b} e {argomento}: {felt}",
        "RT @{a}: {argomento} secondo {b},  {felt}",
        "@{a} tema di oggi da {b}, {argomento}\n{felt}",
        '@{a} "{argomento}", dice {b}: {felt}',
    ),
    0: (
        "@{a} {altro}, {b}: {felt}",
        "RT @{a}: {altro},  {b}, {felt}",
        "@{a} guardo {b}, {altro}\n{felt}",
        '@{a} scrivono "viva {b}", {altro}: {felt}',
    ),
}
OTHERS_FEEL = (
    " Gli altri: {felt}", " E chi guarda con me: {felt}", " Mio fratello invece: {felt}",
)  # fmt: skip


class Tweet(NamedTuple):
    """A tweet and its gold: the emotions, and whether it has a direction and a topic."""

    id: str
    text: str
    emotions: frozenset[str]
    target: tuple[int, int]


def emotion_sets(rng: random.Random, count: int) -> list[tuple[str, ...]]:
    """Returns sets of emotions; every emotion comes equally often on its own."""
    of_size: dict[int, Sequence[tuple[str, ...]]] = {
        1: [(emotion,) for emotion in EMOTIONS], 2: PAIRS, 3: TRIPLES
    }  # fmt: skip
    turns = {size: cycle(sets) for size, sets in of_size.items()}
    sets = [next(turns[size]) for size in islice(cycle(SIZES), count)]
    rng.shuffle(sets)
    return sets


def tweets(
    count: int, where: str, rng: random.Random, seen: set[str], known: set[str]
) -> list[Tweet]:
    """Returns so many different tweets about the programmes of a domain."""
    filler = Filler(rng, COMMON | TARGETS[where] | EMOTIONS)
    targets = list(islice(cycle(TURNS), count))
    rng.shuffle(targets)
    found = []
    for emotions, target in zip(emotion_sets(rng, count), targets, strict=True):
        hard = rng.random() < HARD

        def draw(
            emotions: Sequence[str] = emotions,
            target: tuple[int, int] = target,
            hard: bool = hard,
        ) -> str:
            order = rng.sample(emotions, len(emotions))
            felt = ", ".join(f"{{{emotion}}}" for emotion in order)
            if hard:
                felt = " ".join(FACES[emotion] for emotion in order)
            a = invented(rng, known)
            b = a if target[0] else invented(rng, known)
            template = rng.choice(TEMPLATES[target[1]]).replace("{felt}", felt)
            if rng.random() < OTHERS:
                other = rng.choice([emotion for emotion in EMOTIONS if emotion not in emotions])
                template += rng.choice(OTHERS_FEEL).replace("felt", other)
            if rng.random() < MUTE:
                template = template.replace("{argomento}", "{vago}").replace("{altro}", "{vago}")
            template = template.replace("{a}", a).replace("{b}", b)
            tweet = filler.fill(template + "{coda}")
            return tweet[0].upper() + tweet[1:]

        (text,) = distinct(1, draw, seen)
        found.append(Tweet(identifier(rng), text, frozenset(emotions), target))
    return found


def identifier(rng: random.Random) -> str:
    """An identifier like an MD5 sum; one in twenty reads like a number, with leading zeros."""
    if rng.random() < 0.05:
        return f"00{rng.randrange(10**11):011}e{rng.randrange(10**18):018}"
    return f"{rng.getrandbits(128):032x}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the six files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    seen: set[str] = set()
    known: set[str] = set()
    train = tweets(TRAIN, "in", rng, seen, known)
    train += [t._replace(id=identifier(rng)) for t in rng.sample(train, RETWEETS)]
    rng.shuffle(train)
    in_domain = tweets(IN_DOMAIN, "in", rng, seen, known)
    out_of_domain = tweets(OUT_OF_DOMAIN, "out", rng, seen, known)

    def of_a(tweet: Tweet) -> list[int]:
        return [int(emotion in tweet.emotions) for emotion in EMOTIONS]

    a = ["id", "text", *EMOTIONS]
    b = ["id", "text", "Direction", "Topic"]
    train_b = rng.sample(train[ALONE:], len(train) - ALONE)  # in another order
    files = {
        "emit_train_A.csv": write_table(a, [(*t[:2], *of_a(t)) for t in train[:-ALONE]]),
        "emit_train_B.csv": write_table(b, [(*t[:2], *t.target) for t in train_b]),
    }
    for blind, gold, test in (
        ("emit_test_nolabel", "emit_test", in_domain),
        ("emit_test_nolabel_out_of_domain", "emit_test_ood", out_of_domain),
    ):
        files[f"{blind}.csv"] = write_table(a[:2], [t[:2] for t in test])
        rows = [(*t[:2], *of_a(t), *t.target) for t in test]
        files[f"{gold}.csv"] = write_table([*a, *b[2:]], rows)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
