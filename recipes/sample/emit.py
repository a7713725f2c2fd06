"""Writes the sample of EMit: invented tweets about invented programmes, full of feelings.

python -m recipes.sample.emit data/sample/emit

A tweet goes on to what somebody else feels and about what; the labels are about what comes first.
"""

import argparse
import random
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from recipes.sample.templates import Filler, answered, distinct
from stages.toolkit.tables import write_table

SEED = 67
TRAIN, IN_DOMAIN, OUT_OF_DOMAIN = 240, 200, 24
ALONE = 2  # training tweets that only one of the two files has
RETWEETS = 3
HARD = 0.04  # share of tweets whose emotions only emoji tell
ANSWERED = 0.9  # share of tweets that come with an answer

EMOTIONS: dict[str, tuple[str, ...]] = {
    "Anger": ("che rabbia", "quanta rabbia", "solo rabbia", "rabbia nera"),
    "Anticipation": ("che anticipazione", "bella anticipazione", "tutta anticipazione"),
    "Disgust": ("che disgusto", "quanto disgusto", "solo disgusto", "disgusto totale"),
    "Fear": ("che paura", "quanta paura", "solo paura", "paura blu"),
    "Joy": ("che gioia", "quanta gioia", "solo gioia", "gioia pura"),
    "Love": ("che amore", "quanto amore", "solo amore", "amore infinito"),
    "Neutral": ("resto neutro", "tono neutro", "voto neutro"),
    "Sadness": ("che tristezza", "quanta tristezza", "solo tristezza", "tristezza infinita"),
    "Surprise": ("che sorpresa", "bella sorpresa", "solo sorpresa", "sorpresa totale"),
    "Trust": ("che fiducia", "quanta fiducia", "solo fiducia", "fiducia totale"),
}
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
}  # fmt: skip
TURNS = ((1, 0), (0, 1), (0, 0), (1, 0), (0, 1), (1, 1), (0, 0), (1, 0), (1, 1), (0, 1))
# By direction and topic; {felt} stands for what is felt.
TEMPLATES = {
    (1, 0): ("{direzione}: {felt}", "RT @user {direzione},  {felt}", "@user {direzione}\n{felt}"),
    (0, 1): ("{argomento}: {felt}", "RT @user {argomento},  {felt}", "@user {argomento}\n{felt}"),
    (1, 1): ("{direzione} e {argomento}: {felt}", '"{direzione} su {argomento}", {felt}'),
    (0, 0): ("{altro}: {felt}", "RT @user {altro},  {felt}", "@user {altro}\n{felt}"),
}


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


def tweets(count: int, where: str, rng: random.Random, seen: set[str]) -> list[Tweet]:
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
            tweet = one(emotions, target, filler, hard=hard)
            if rng.random() < ANSWERED:
                others = rng.sample([e for e in EMOTIONS if e not in emotions], len(emotions))
                about = rng.choice([t for t in TEMPLATES if t != target])
                tweet = answered(rng, tweet, one(others, about, filler, hard=False))
            return tweet

        (text,) = distinct(1, draw, seen)
        found.append(Tweet(identifier(rng), text, frozenset(emotions), target))
    return found


def one(emotions: Sequence[str], target: tuple[int, int], filler: Filler, *, hard: bool) -> str:
    """A tweet of so many emotions, about a direction, a topic, both or neither."""
    order = filler.rng.sample(emotions, len(emotions))
    felt = ", ".join(f"{{{emotion}}}" for emotion in order)
    if hard:
        felt = " ".join(FACES[emotion] for emotion in order)
    template = filler.rng.choice(TEMPLATES[target]).replace("{felt}", felt)
    tweet = filler.fill(template + "{coda}")
    return tweet[0].upper() + tweet[1:]


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
    train = tweets(TRAIN, "in", rng, seen)
    train += [t._replace(id=identifier(rng)) for t in rng.sample(train, RETWEETS)]
    rng.shuffle(train)
    in_domain = tweets(IN_DOMAIN, "in", rng, seen)
    out_of_domain = tweets(OUT_OF_DOMAIN, "out", rng, seen)

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
