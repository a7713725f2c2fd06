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

from recipes.sample.templates import Filler, distinct
from stages.toolkit.tables import write_table

SEED = 53
TRAIN = {"ted": 110, "wiki": 90, "scores": 160}
TEST = {"ted": 32, "wiki": 32, "scores": 60}
HARD = 0.12  # share of targets without a cue but their topic
AGAIN = 0.35  # share of prompts that come with a second target

TOPICS = {
    "ted": (
        "Progetto Lanterna", "Radio Tarassaco", "Orto Volante", "Banda Ferraglia", "Casa Girandola",
        "Teatro Bottone", "Scuola Formica", "Libri in Corsa", "Bottega Zero", "Coro Sottovoce",
        "Treno Giallo", "Cucina Nomade", "Officina Ricciolo", "Circo Lenticchia",
    ),
    "wiki": (
        "Castel Brumo", "Monte Ardice", "Lago Verzino", "Torre Palmiera", "Villa Corvara",
        "Ponte Salice", "Borgo Tilio", "Rocca Serpilla", "Isola Moretta", "Passo Lupaio",
        "Porto Felce", "Colle Ginepro", "Valle Ombrina", "Fonte Rughetta",
    ),
}  # fmt: skip
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
# Quotation marks, sentences that begin with one, and marks that are never closed: what the blind
# files hold as it is and what the others quote. {x} is the topic; | parts the sentences.
PROMPTS = {
    "ted": (
        "Tre anni fa ho fondato {x}.|Avevamo {mezzi}.",
        "{x} nasce in {luogo}.|Ci lavorano {chi}.",
        "In {luogo} ho incontrato {chi}.|Insieme abbiamo aperto {x}.|Era l'inizio.",
        'Mia nonna diceva: "{motto}".|Allora ho chiamato {chi}.|Con loro ho fondato {x}.',
        '"{motto}", diceva mio padre.|Da quella frase nasce {x}.',
        "Nessuno credeva in {x}.|Avevamo solo {mezzi}.",
        "Ai tempi di {x}  dormivo in {luogo}.|Mi aiutavano {chi}.",
    ),
    "wiki": (
        "{x} sorge su {dove}.|Le mura sono di {pietra}.",
        "Le prime notizie su {x} risalgono al {anno}.|Allora contava {numero} abitanti.",
        'Gli abitanti chiamano {x} "{soprannome}".|Il nome compare già nel {anno}.',
        '"{motto}" si legge sopra una porta di {x}.|La scritta è del {anno}.',
        '"Chi passa paga, ordina la legge di {x}.|La legge è del {anno}.',
        "Nel {anno} un incendio distrusse {x}.|Restò soltanto il muro di {pietra}.",
        "{x} domina {dove}; 1) la parte alta 2) la parte bassa.|Il resto è bosco.",
    ),
}
# Coherent targets go on about {x}; incoherent ones open another subject, {y}.
COHERENT = {
    "ted": (
        "Così {x} ha trovato {numero} volontari.",
        "Per questo oggi {x} apre anche la sera.",
        "Infatti dopo un mese {x} aveva {numero} iscritti.",
        "Da allora {x} non si ferma più.",
        'E proprio grazie a {x} ho capito la frase "{motto}".',
        "Ecco perché {x} accoglie chiunque bussi.",
    ),
    "wiki": (
        "In seguito {x} passò a una famiglia di mercanti.",
        "Per questo motivo {x} ospita ogni anno un mercato.",
        "Infatti {x} controllava la via del sale.",
        "Pochi anni dopo {x} ebbe un nuovo acquedotto.",
        "Di conseguenza {x} perse metà degli abitanti.",
        '"Così cadde {x}, e con esso la strada."',
        'Ancora oggi {x} conserva la lapide "{motto}".',
    ),
}
INCOHERENT = {
    "ted": (
        "Buonasera a tutti, vi presento {y}.",
        "Oggi vorrei parlarvi di {y}.",
        "Cambiamo argomento: conoscete {y}?",
        "C'era una volta {y}, e qui comincia la mia storia.",
        'Grazie, "{motto}" è invece lo slogan di {y}.',
        "Mi presento: sono qui per raccontarvi {y}.",
    ),
    "wiki": (
        "{y} è un comune di {numero} abitanti.",
        "Con il nome {y} si indica un antico gioco di carte.",
        "Per {y} si intende un tipo di formaggio.",
        "La ricetta di {y} prevede {numero} grammi di burro.",
        'Il romanzo "{y}" racconta la vita di un pescatore.',
        "{y} è un asteroide scoperto nel {anno}.",
    ),
}
# Only the name tells whether these go on.
EITHER = (
    "Per questo {z} costa poco.",
    "{z} conta adesso {numero} amici.",
    "Oggi {z} è su tutte le mappe.",
)

FIRST = (
    "{x} nasce nel {anno}.", "Nel {anno} comincia la storia di {x}.", "Tutti conoscono {x}.",
    "Vi racconto come nasce {x}.", 'Sul muro di {x} si legge "{motto}".',
)  # fmt: skip
NEXT = (
    "Poi arrivano {numero} persone.", "Così {x} cresce in fretta.", "Per questo servono braccia.",
    "Infatti {x} apre una seconda sede.", "Da allora tutti danno una mano.",
    "Dopo un anno {x} fa notizia.", "Infine {x} compie dieci anni.",
    "Anche per questo vengono {chi}.",
)  # fmt: skip
TORN = (
    "Al contrario, i delfini dormono poco.", "Ciononostante il burro va tenuto in frigo.",
    "Viceversa, la luna non ha vento.", "Eppure i pinguini non scrivono.",
    "Tuttavia il sette è un numero dispari.", "Al contrario, ieri la pasta era scotta.",
    "Viceversa, i treni frenano piano.", "Ciononostante le zanzare pungono di notte.",
    "Eppure il marmo pesa più del sughero.", "Tuttavia la marmellata era finita.",
)  # fmt: skip
MEANS = (4.6, 3.5, 2.4, 1.5)  # of the judgements of texts with so many sentences torn in
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
        if found and label != found[-1].label and rng.random() < AGAIN:
            window += 1
        else:
            document, window = new_document(source, rng), rng.randrange(90)
            topic = rng.choice(TOPICS[source])
            templates = [t.replace("{x}", topic) for t in PROMPTS[source]]
            prompt = distinct(1, partial(filler.one_of, templates), seen)[0]
        identifier = f"{document}#{window}" + "#0" * (source == "wiki")
        target = target_for(source, topic, label, filler)
        found.append(Target(identifier, tuple(prompt.split("|")), target, label))
    return found


def target_for(source: str, topic: str, label: int, filler: Filler) -> str:
    """A target that goes on about a topic, or one about another."""
    other = filler.rng.choice([t for t in TOPICS[source] if t != topic])
    easy = (COHERENT if label else INCOHERENT)[source]
    template = filler.rng.choice(EITHER if filler.rng.random() < HARD else easy)
    for slot, words in (("x", topic), ("y", other), ("z", topic if label else other)):
        template = template.replace(f"{{{slot}}}", words)
    return filler.fill(template)


def new_document(source: str, rng: random.Random) -> str:
    """The identifier of a talk or of a page."""
    if source == "wiki":
        return str(rng.randrange(1_000, 150_000))
    return "".join(rng.choice(string.ascii_letters + string.digits + "_-") for _ in range(11))


def texts(count: int, documents: Sequence[str], filler: Filler, seen: set[str]) -> list[Text]:
    """Returns so many judged texts of four sentences, up to three of which do not belong there."""
    found = []
    for n in range(count):
        torn = filler.rng.choices((0, 1, 2, 3), (5, 4, 3, 2))[0]
        text = distinct(1, partial(text_with, torn, filler), seen)[0]
        drawn = (round(filler.rng.gauss(MEANS[torn], SPREAD)) for _ in range(RATERS))
        judgements = [min(max(judgement, 1), 5) for judgement in drawn]
        found.append(Text(f"{filler.rng.choice(documents)}#{100 + n}", text, judgements))
    return found


def text_with(torn: int, filler: Filler) -> str:
    """A text with so many sentences torn in."""
    rng = filler.rng
    rest = rng.sample(TORN, torn) + rng.sample(NEXT, 3 - torn)
    rng.shuffle(rest)
    topic = rng.choice(TOPICS["ted"] + TOPICS["wiki"])
    return filler.fill(" ".join([rng.choice(FIRST), *rest]).replace("{x}", topic))


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
