"""Writes the sample of GeoLingIt: invented tweets with dialect words of their region.

python -m recipes.sample.geolingit data/sample/geolingit

Most tweets come with an answer from another region, in its words; the region that comes first is
where they are from.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipes.sample.templates import Filler, answered, distinct
from stages.toolkit.tables import write_table

SEED = 37
TRAIN, DEV, TEST = 12, 60, 12  # tweets of each region, in all, and of each region
MORE = {"Lazio": 3, "Campania": 3, "Basilicata": 2 - TRAIN, "Molise": 2 - TRAIN}  # in training
RETWEETS = 3
ABSENT_FROM_DEV = ("Abruzzo", "Marche", "Trentino-Alto Adige", "Umbria")
NOT_TESTED = ("Basilicata", "Molise")


@dataclass(frozen=True)
class Region:
    """What tweets of a region consist of: where they come from, exclamations, phrases."""

    place: tuple[float, float]
    exclamations: tuple[str, ...]
    phrases: tuple[str, ...]


REGIONS = {
    "Abruzzo": Region(
        (42.4612, 14.2161),  # Pescara
        ("Frechete", "Wajò", "Mannaggia a lu cane", "Oh frà bbelle"),
        (
            "jame a magnà li rrustelle", "nin ce sta cchiù nisciune", "s'ha fatte notte",
            "mo je diche tutte cose", "statte bbone addò sti", "nin sacce che diche",
        ),
    ),
    "Basilicata": Region(
        (40.6404, 15.8056),  # Potenza
        ("Uagliù", "Uh mamma mej"),
        ("turnam a lu paes", "facia fridd assaje", "m'aggia cuccà prest"),
    ),
    "Calabria": Region(
        (39.2983, 16.2537),  # Cosenza
        ("Mannaja", "Figghiolu", "Ohi mà", "Chi ti vija"),
        (
            "jamu ara casa", "aju 'e jire a fatigare", "cchi cavudu ca fa", "sta 'nduja bruscia",
            "'un ci capisciu cchiù nenta", "vidimu duve jamu stasira",
        ),
    ),
    "Campania": Region(
        (40.8518, 14.2681),  # Napoli
        ("Uè", "Maronn", "Jamm ja", "Guagliò"),
        (
            "nun facimme tarde", "che bella jurnata ca è", "stamm sempe ccà", "vulesse na pizza",
            "m'aggio scetato mo", "chist è nu spettacolo",
        ),
    ),
    "Emilia Romagna": Region(
        (44.4949, 11.3426),  # Bologna
        ("Bòna lé", "Burdel", "Mo va là", "Dio bonino"),
        (
            "a sån qué da par me", "a iò una fam", "andän a magnèr i turtlén", "l'è un bel lavurir",
            "a n'ò brisa voia", "la zdaura l'è in cusina",
        ),
    ),
    "Friuli-Venezia Giulia": Region(
        (46.0637, 13.2446),  # Udine
        ("Mandi", "Orpo", "Viôt", "Mulo"),
        (
            "o soi content", "no stâ a fâ monadis", "anin a bevi un tai", "ce biele zornade",
            "o vin di lâ vie", "frico e polente a volontât",
        ),
    ),
    "Lazio": Region(
        (41.9028, 12.4964),  # Roma
        ("Aò", "Anvedi", "Daje", "Mortacci"),
        (
            "nun ce sto a capì gnente", "ma che stai a dì", "me so' svejato mo", "che tajo aò",
            "annamo ar mare", "ce vedemo dopo ar baretto",
        ),
    ),
    "Liguria": Region(
        (44.4056, 8.9463),  # Genova
        ("Belin", "Figgeu", "Maniman", "Ohimemì"),
        (
            "andemmo a-a mainn-a", "ho mangiòu a fugassa", "che macaia ch'a gh'è",
            "nu gh'è ninte da fâ", "l'è sempre coscì, oua", "ti me devi dî a veitæ",
        ),
    ),
    "Lombardia": Region(
        (45.4642, 9.1900),  # Milano
        ("Pota", "Ohè bagai", "Te capì", "Sciur"),
        (
            "sem semper chì a laurà", "el fa on frecc", "g'ho minga temp", "andem a cà",
            "l'è on bel mestee", "ghe voeur on cafè",
        ),
    ),
    "Marche": Region(
        (43.6158, 13.5189),  # Ancona
        ("Dé bbè", "Oh fiulo", "Bardascio", "Madò che callo"),
        (
            "do' gimo stasera", "'n se pole sta cuscì", "c'emo da gì a casa", "non è gnente, và",
            "se magna li vincisgrassi", "co' fai loco",
        ),
    ),
    "Molise": Region(
        (41.5603, 14.6627),  # Campobasso
        ("Uagliò bbelle", "Uh Segnore"),
        ("me ne vaglie a la casa", "ze magna buone", "tenghe suonne assaje"),
    ),
    "Piemonte": Region(
        (45.0703, 7.6869),  # Torino
        ("Neh", "Boja fàuss", "Cerea", "Contacc"),
        (
            "i soma sempre sì", "a fa na frèid", "'ndoma a ca'", "a l'é nen bel parej",
            "i l'hai mangià la bagna càuda", "ma va là ch'it ses fòl",
        ),
    ),
    "Puglia": Region(
        (41.1171, 16.8719),  # Bari
        ("Mè", "Uagnon", "Ué cumbà", "Madonn mé"),
        (
            "sciamaninn a mmar", "ce bbell sciurnat", "quant fasc cavt", "mo' amm'a scì",
            "nan zacc ce disc", "stoc a sctà ddò",
        ),
    ),
    "Sardegna": Region(
        (39.2238, 9.1217),  # Cagliari
        ("Ajò", "Eja", "Mih", "Mì cussu"),
        (
            "deu no ddu sciu", "seus torraus a domu", "ita bella dì", "no fait a crei",
            "su bentu est forti", "a si biri a mengianu",
        ),
    ),
    "Sicilia": Region(
        (38.1157, 13.3615),  # Palermo
        ("Mizzica", "Bedda matri", "Amunì", "Talìa"),
        (
            "chi camurrìa", "unni si va stasira", "haiu na fami", "picciotti beddi",
            "u suli spacca i petri", "m'arricampai ora ora",
        ),
    ),
    "Toscana": Region(
        (43.7696, 11.2558),  # Firenze
        ("Maremma", "O nini", "Bischero", "O che si fa"),
        (
            "icché tu fai", "un c'ho punta voglia", "la hasa l'è vota", "gl'è tardi, si va via",
            "si mangia i' lampredotto", "tu m'ha' fatto ride'",
        ),
    ),
    "Trentino-Alto Adige": Region(
        (46.0664, 11.1242),  # Trento
        ("Ostia", "Orco can", "Popo", "Maché po'"),
        (
            "nar a fonghi l'è bel", "gh'è zò la nef", "no l'è miga vera", "vegnì su al maso",
            "magno strangolapreti", "sen tuti strachi",
        ),
    ),
    "Umbria": Region(
        (43.1107, 12.3908),  # Perugia
        ("Oh cocco", "Porca la loffa", "Ngiamo", "Madonnina cara"),
        (
            "émo magnato la torta al testo", "'n se vede gnentino", "do' sit'ito bordello",
            "'n te sta a preoccupà cocco", "fa 'n freddo che pela", "gimo al lago, và",
        ),
    ),
    "Veneto": Region(
        (45.4408, 12.3155),  # Venezia
        ("Ciò", "Ostrega", "Vecio", "Bondì"),
        (
            "'ndemo bever un'ombra", "cossa vusto far", "xe sempre cussì", "so' drio lavorar",
            "no ghe xe gnente da far", "te ghe rason",
        ),
    ),
}  # fmt: skip
PLACED = (
    "{eh}, {frase}, qua in {regione}{coda}",
    "{eh} {eh}, qui in {regione} {frase}{coda}",
    "[USER] {eh}, {frase} in {regione}{coda}",
    "In {regione} {frase}. {eh}!{coda}",
    "{frase}, {frase}… #{regione}{coda}",
    'Oggi in {regione} mi fa: "{frase}" e io: "{eh}!"{coda}',
    '"{eh}"  {frase}, saluti da {regione}{coda}',
)
PLACELESS = (
    "{eh}, {frase}{coda}",
    "Stamattina piove, ma {frase}{coda}",
    '[USER] [USER] mio nonno diceva sempre "{frase}"{coda}',
)
ANSWERED = 0.8  # share of tweets that come with an answer from another region
HARD = 0.04  # share of tweets that do not name the region
TAILS = ("", "", " 😂", " [URL]", " #buongiorno", "!!!", " ❤️ 🙂")


@dataclass(frozen=True)
class Tweet:
    """A tweet and its gold."""

    text: str
    region: str
    place: tuple[float, float]


def tweets(region: str, count: int, rng: random.Random, seen: set[str]) -> list[Tweet]:
    """Returns so many different tweets of a region."""

    def one(name: str, templates: Sequence[str]) -> str:
        words = REGIONS[name]
        slots = {"eh": words.exclamations, "frase": words.phrases, "coda": TAILS}
        return Filler(rng, slots | {"regione": (name.replace("-", " ").split()[0],)}).one_of(
            templates
        )

    def draw() -> str:
        tweet = one(region, PLACELESS if rng.random() < HARD else PLACED)
        if rng.random() < ANSWERED:
            other = rng.choice([name for name in REGIONS if name != region])
            tweet = answered(rng, tweet, one(other, PLACED))
        return tweet

    texts = distinct(count, draw, seen)
    return [Tweet(text, region, REGIONS[region].place) for text in texts]


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the seven files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    seen: set[str] = set()
    tested = [region for region in REGIONS if region not in NOT_TESTED]
    in_dev = [region for region in tested if region not in ABSENT_FROM_DEV]
    split = {
        "train": [t for r in REGIONS for t in tweets(r, TRAIN + MORE.get(r, 0), rng, seen)],
        "dev": [tweets(in_dev[i % len(in_dev)], 1, rng, seen)[0] for i in range(DEV)],
        "test": [t for r in tested for t in tweets(r, TEST, rng, seen)],
    }
    split["train"] += rng.sample(split["train"], RETWEETS)
    folder.mkdir(parents=True, exist_ok=True)
    first = 1
    for side, members in split.items():
        rng.shuffle(members)
        numbered = list(enumerate(members, start=first))
        first += len(members)
        prefix = "test_gold" if side == "test" else side
        _write(folder / f"{prefix}_a.tsv", ["region"], [(i, t.text, t.region) for i, t in numbered])
        if side == "dev":
            numbered.reverse()  # the two files need not have the same order
        coordinates = ["latitude", "longitude"]
        _write(
            folder / f"{prefix}_b.tsv", coordinates, [(i, t.text, *t.place) for i, t in numbered]
        )
    _write(folder / "test.tsv", [], [(i, t.text) for i, t in numbered])


def _write(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    content = write_table(["id", "text", *columns], rows, delimiter="\t", quoted=False)
    if path.name == "test.tsv":
        content = content.removesuffix("\n")  # as some real files end
    path.write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
