"""Writes the sample of DisCoTEX: invented talks and encyclopedia pages, coherent or torn apart.

python -m recipes.sample.discotex data/sample/discotex
"""

import argparse
import random
import string
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from recipes.sample.templates import Filler, common_name, distinct
from stages.toolkit.tables import write_table

SEED = 53
TRAIN = {"ted": 130, "wiki": 110, "scores": 236}
TEST = {"ted": 100, "wiki": 100, "scores": 200}
HARD = 0.08  # share of targets that name nothing
AGAIN = 0.3  # share of prompts that come with a second target, where it has the same class
CONTRASTS = (0.3, 0.15)  # share of the contrasting beginnings in a whole text, and what each
# sentence before the first adds

# Kinds of things that talks and pages are about; they have invented names.
KINDS = {
    "ted": ("Radio", "Teatro", "Scuola", "Coro", "Circo", "Progetto", "Orto", "Casa"),
    "wiki": ("Castel", "Monte", "Lago", "Torre", "Ponte", "Borgo", "Rocca", "Porto"),
}
COMMON = {
    "anno": ("1312", "1478", "1593", "1688", "1740", "1822", "1867", "1904", "1951"),
    "numero": ("venti", "trenta", "quaranta", "cento", "duecento", "mille"),
    "chi": ("tre sorelle", "due cugini", "alcuni pensionati", "dodici studenti", "i miei vicini"),
    "mezzi": ("un tavolo e due sedie", "una sola stanza", "pochi soldi", "un furgone rotto"),
    "luogo": ("una cantina", "un vecchio garage", "una soffitta", "un cortile", "una stalla"),
    "dove": ("un colle", "una rupe", "un'ansa del fiume", "la costa orientale", "un altopiano"),
    "pietra": ("tufo", "pietra serena", "ardesia", "granito", "arenaria"),
    "motto": ("Chi semina ride", "Piano ma insieme", "Mai di lunedì", "Prima si ascolta"),
    "soprannome": ("la Vecchia", "il Gigante", "la Sentinella", "il Dente", "la Culla"),
}  # fmt: skip
# How a story begins and how it goes on: a target that goes on after a beginning is coherent, one
# that begins after what goes on is not. Quotation marks, sentences that begin with one, and marks
# that are never closed: what the blind files hold as it is and what the others quote.
BEGINS = {
    "ted": (
        "Tre anni fa ho fondato {x}.", "{x} nasce in {luogo}.", "Avevamo {mezzi}.",
        "In {luogo} ho incontrato {chi}.", 'Mia nonna diceva: "{motto}".',
        '"{motto}", diceva mio padre.', "Nessuno credeva in {x}.", "Avevamo solo {mezzi}.",
        "Ai tempi di {x}  dormivo in {luogo}.", "Da una frase nasce {x}.",
    ),
    "wiki": (
        "{x} sorge su {dove}.", "Le mura di {x} sono di {pietra}.",
        "Le prime notizie su {x} risalgono al {anno}.", "Allora contava {numero} abitanti.",
        'Gli abitanti chiamano {x} "{soprannome}".', "Il nome compare già nel {anno}.",
        '"{motto}" si legge sopra una porta di {x}.',
        '"Chi passa paga, ordina la legge di {x}.',
        "{x} domina {dove}; 1) la parte alta 2) la parte bassa.",
    ),
}  # fmt: skip
GOES_ON = {
    "ted": (
        "Così {x} ha trovato {numero} volontari.", "Per questo oggi {x} apre anche la sera.",
        "Infatti dopo un mese {x} aveva {numero} iscritti.", "Da allora {x} non si ferma più.",
        'E proprio grazie a {x} ho capito la frase "{motto}".',
        "Ecco perché {x} accoglie chiunque bussi.", "Alla fine ci aiutarono {chi}.",
    ),
    "wiki": (
        "In seguito {x} passò a una famiglia di mercanti.",
        "Per questo motivo {x} ospita ogni anno un mercato.",
        "Infatti {x} controllava la via del sale.", "Pochi anni dopo {x} ebbe un acquedotto.",
        "Di conseguenza {x} perse metà degli abitanti.",
        '"Così cadde {x}, e con esso la strada."', 'Ancora oggi {x} conserva la lapide "{motto}".',
    ),
}  # fmt: skip
OPENERS = ("Si sa:", "Ecco:", "Insomma:", "Dunque:")  # of sentences of either kind
NAMELESS = (
    "Questo è il bello.", "Ne parlano in molti.", "Il resto si vedrà.", "Correva l'anno {anno}.",
    "Lo sanno {chi}.", "Costa {numero} lire.", "Si dice anche «{motto}».",
)  # fmt: skip

FIRST = (
    "{z} nasce nel {anno}.", "Nel {anno} comincia la storia di {z}.", "Tutti conoscono {z}.",
    "Vi racconto come nasce {z}.", 'Sul muro di {z} si legge "{motto}".',
)  # fmt: skip
# What other sentences begin with, more or less often where the text is torn apart.
BEGINNINGS = {
    True: ("Infatti", "Così", "Da allora", "Per questo", "Anche per questo"),
    False: ("Eppure", "Tuttavia", "Al contrario", "Viceversa", "Ciononostante"),
}
ENDS = (
    "{z} cresce in fretta.", "{z} apre una seconda sede.", "{z} fa notizia.",
    "a {z} arrivano {chi}.", "{z} compie dieci anni.", "{z} costa {numero} lire.",
    "per {z} servono braccia.", "{z} resta chiuso di lunedì.", "di {z} si parla poco.",
    "{z} pesa più del sughero.", "a {z} vive una zanzara.", "{z} non piace a {chi}.",
)  # fmt: skip
MEANS = (4.6, 3.4, 2.3, 1.4)  # of the judgements of texts with so many sentences before the first
RATERS, SPREAD = 12, 0.6


class Target(NamedTuple):
    """A prompt, sentence by sentence, with a target and its class."""

    id: str
    prompt: tuple[str, ...]
    target: str
    label: int


class Text(NamedTuple):
    """A text with its judgements."""

    id: str
    text: str
    judgements: list[int]


# --- Texts ----------------------------------------------------------------------------------------


def targets(source: str, count: int, filler: Filler, seen: set[str]) -> list[Target]:
    """Returns so many targets, half of them coherent, some with the prompt of the one before."""
    rng = filler.rng
    labels = [n % 2 for n in range(count)]
    rng.shuffle(labels)
    found: list[Target] = []
    document, window, topic, prompt = "", 0, "", ""
    for label in labels:
        before, after = (BEGINS, GOES_ON) if label else (GOES_ON, BEGINS)
        if found and label == found[-1].label and rng.random() < AGAIN:
            window += 1
        else:
            document, window = new_document(source, rng), rng.randrange(90)
            topic = f"{rng.choice(KINDS[source])} {common_name(rng)}"
            sentences = [opened(rng.choice(before[source]), rng), rng.choice(NAMELESS)]
            template = "|".join(rng.sample(sentences, 2))
            prompt = distinct(1, partial(filler.fill, template.replace("{x}", topic)), seen)[0]
        identifier = f"{document}#{window}" + "#0" * (source == "wiki")
        template = opened(rng.choice(NAMELESS if rng.random() < HARD else after[source]), rng)
        named = topic if label else f"{topic.split()[0]} {common_name(rng, topic.split()[1])}"
        target = filler.fill(template.replace("{x}", named))
        found.append(Target(identifier, tuple(prompt.split("|")), target, label))
    return found


def opened(sentence: str, rng: random.Random) -> str:
    """A sentence after a word that does not tell whether it begins or goes on."""
    mark, words = ('"', sentence[1:]) if sentence.startswith('"') else ("", sentence)
    start = words[0].lower() if words[0].isalpha() else words[0]
    return f"{mark}{rng.choice(OPENERS)} {start}{words[1:]}"


def new_document(source: str, rng: random.Random) -> str:
    """The identifier of a talk or of a page."""
    if source == "wiki":
        return str(rng.randrange(1_000, 150_000))
    return "".join(rng.choice(string.ascii_letters + string.digits + "_-") for _ in range(11))


def texts(count: int, documents: Sequence[str], filler: Filler, seen: set[str]) -> list[Text]:
    """Returns so many judged texts of four sentences, the first of which stands somewhere."""
    found = []
    for n in range(count):
        before = filler.rng.choices((0, 1, 2, 3), (5, 4, 3, 4))[0]
        text = distinct(1, partial(text_with, before, filler), seen)[0]
        drawn = (round(filler.rng.gauss(MEANS[before], SPREAD)) for _ in range(RATERS))
        judgements = [min(max(judgement, 1), 5) for judgement in drawn]
        found.append(Text(f"{filler.rng.choice(documents)}#{100 + n}", text, judgements))
    return found


def text_with(before: int, filler: Filler) -> str:
    """A text with so many of its other sentences before the first."""
    rng = filler.rng
    topic = f"{rng.choice(KINDS['ted'] + KINDS['wiki'])} {common_name(rng)}"
    contrast = CONTRASTS[0] + before * CONTRASTS[1]
    beginnings = [rng.choice(BEGINNINGS[rng.random() > contrast]) for _ in range(3)]
    ends = rng.sample(ENDS, 3)
    sentences = [f"{start} {end}" for start, end in zip(beginnings, ends, strict=True)]
    sentences.insert(before, rng.choice(FIRST))
    return filler.fill(" ".join(sentences).replace("{z}", topic))


# --- Files ----------------------------------------------------------------------------------------


def native(sentences: Sequence[str]) -> list[str]:
    """Sentences of a talk as the organisers have them: quoted where they hold quotation marks."""
    return [f'"{s.replace(chr(34), chr(34) * 2)}"' if '"' in s else s for s in sentences]


def class_files(source: str, train: list[Target], test: list[Target]) -> dict[str, str]:
    """The training, blind and gold file of a source."""
    header = ["ID", "PROMPT", "TARGET", "CLASS"]
    name = f"discotex_1_{source}_{{}}_set_release.tsv"
    quote = native if source == "ted" else list
    known, gold = (
        [(t.id, "\n".join(quote(t.prompt)), quote([t.target])[0], t.label) for t in targets]
        for targets in (
            train,
            [t._replace(id=f"task_1_{source}_test_{n}") for n, t in enumerate(test, start=1)],
        )
    )
    blind = [(i, prompt.replace("\n", " "), target, "") for i, prompt, target, _ in gold]
    return {
        name.format("train"): write_table(header, known, delimiter="\t"),
        "gold/" + name.format("test"): write_table(header, gold, delimiter="\t"),
        "blind/" + name.format("test"): write_table(header, blind, delimiter="\t", quoted=False),
    }


def score_files(train: list[Text], test: list[Text]) -> dict[str, str]:
    """The training file, with means of 14 decimals, and the blind and gold file, with two."""
    header = ["ID", "TEXT", "SCORE"]
    known = [(t.id, t.text, float(f"{fmean(t.judgements):.15g}")) for t in train]
    gold = [
        (f"task_2_test_{n}", t.text, round(fmean(t.judgements), 2))
        for n, t in enumerate(test, start=1)
    ]
    blind = [(i, text, "") for i, text, _ in gold]
    name = "discotex_2_test_set_release.tsv"
    return {
        "discotex_2_train_clean_release.tsv": write_table(header, known, delimiter="\t"),
        "gold/" + name: write_table(header, gold, delimiter="\t"),
        "blind/" + name: write_table(header, blind, delimiter="\t", quoted=False),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the nine files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    filler = Filler(random.Random(SEED), COMMON)
    files: dict[str, str] = {}
    documents: list[str] = []
    for source in ("ted", "wiki"):
        seen: set[str] = set()
        train = targets(source, TRAIN[source], filler, seen)
        test = targets(source, TEST[source], filler, seen)
        files |= class_files(source, train, test)
        documents += [target.id.partition("#")[0] for target in train]
    seen = set()
    train_texts = texts(TRAIN["scores"], documents, filler, seen)
    files |= score_files(train_texts, texts(TEST["scores"], documents, filler, seen))
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
