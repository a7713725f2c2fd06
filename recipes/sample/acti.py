"""Writes the sample of ACTI: invented posts with silly conspiracy theories, or without any.

python -m recipes.sample.acti data/sample/acti

Most posts come with an answer, which may be of the other kind or about another theory; the labels
are those of the post, which comes first.
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from recipes.sample.templates import Filler, answered, distinct
from stages.toolkit.tables import write_table

SEED = 53
TOPICS = ("Covid", "Qanon", "Russia", "Terra Piatta")  # their codes are 0 to 3
TRAIN_B, TEST_B = (74, 60, 54, 54), (60, 50, 45, 45)  # posts on each topic
SHARED = 0.4  # share of B's training posts that are posts of A too
# Posts of A: further ones on each topic, and ordinary ones.
TRAIN_A, TEST_A = (8, 6, 6, 6), (30, 26, 25, 25)
ORDINARY_TRAIN, ORDINARY_TEST = 124, 110
HARD = 0.12
ANSWERED = 0.95  # share of posts that come with an answer
PLAIN_ANSWERS = 0.3  # share of the answers without a theory

PLOT = {
    "sveglia": (
        "Svegliatevi!", "Aprite gli occhi!", "Nessun tg ne parla.", "Non è un caso.",
        "Fate girare prima che censurino.", "Unite i puntini.", "È tutto un piano.",
        "Fate le vostre ricerche.", "Basta menzogne!", "La verità verrà a galla.",
    ),
    "loro": (
        "i poteri forti", "i burattinai", "quelli della cupola", "i padroni del mondo",
        "le lobby segrete", "i soliti noti", "i media venduti",
    ),
    "fanno": (
        "ci nascondono", "coprono da anni", "insabbiano", "hanno inventato", "hanno pianificato",
        "tengono segreto",
    ),
    "credulo": ("le pecore ci credono", "i creduloni applaudono", "il gregge tace", "tutti zitti"),
    "coda": ("", "", "", "  ", " 🤔", " #verità", " https://t.me/abc123", " ‼️"),
}  # fmt: skip
TOPIC = {
    "Covid": {
        "cosa": (
            "il microchip nel vaccino", "la calamita nel siero", "il vero scopo del green pass",
            "i tamponi truccati", "il virus di cartone", "la dittatura sanitaria",
        ),
        "segno": (
            "dopo il vaccino il cucchiaio resta attaccato al braccio",
            "i tamponi diventano rossi anche con l'aranciata", "le mascherine parlano di notte",
            "il green pass sa quando dormi", "dopo il siero si sente la radio nei denti",
            "il virus va in ferie a Ferragosto",
        ),
    },
    "Qanon": {
        "cosa": (
            "la cabala delle élite", "i tunnel dello stato profondo", "il prossimo drop di Q",
            "i rettiliani in parlamento", "i rituali delle élite", "la grande tempesta di Q",
        ),
        "segno": (
            "Q aveva scritto tutto nel drop di martedì", "la tempesta sta arrivando, patrioti",
            "le élite si scambiano il cappello rosso", "nel tunnel c'è un rettiliano col cilindro",
            "la cabala si riunisce sotto la pizzeria", "lo stato profondo trema, parola di Q",
        ),
    },
    "Russia": {
        "cosa": (
            "i biolaboratori della NATO", "il gasdotto di gomma", "le sanzioni finte",
            "la guerra girata in studio", "i missili di cartapesta", "i mercenari della NATO",
        ),
        "segno": (
            "a Mosca lo sanno anche i gatti", "la NATO paga comparse con l'elmetto",
            "le sanzioni servono a vendere stufe", "il fronte è un fondale dipinto vicino a Kiev",
            "nel biolaboratorio allevano zanzare col passaporto",
            "il gasdotto porta solo coriandoli",
        ),
    },
    "Terra Piatta": {
        "cosa": (
            "la cupola sopra la Terra piatta", "il muro di ghiaccio", "il globo di plastica",
            "il bordo del mondo", "la curvatura che non c'è", "il firmamento dipinto",
        ),
        "segno": (
            "l'acqua sta ferma, quindi niente globo", "ho messo la livella: la Terra è piatta",
            "dall'aereo l'orizzonte è dritto come un tavolo", "al polo c'è un muro di ghiaccio",
            "se il globo gira, perché non cado?", "gli astronauti nuotano in piscina",
        ),
    },
}  # fmt: skip
CONSPIRACY = (
    "{sveglia} {nome}, altro che notizie: {loro} {fanno} {cosa}{coda}",
    "{nome}: {segno}. {sveglia}{coda}",
    "{cosa}? {credulo}, ma su {nome} {segno}{coda}",
    "Su {nome} {loro} {fanno} {cosa}.\n{sveglia}{coda}",
    "Mio cugino lo sa, {nome} è questo: {segno}! E {loro} zitti{coda}",
    'Su {nome} dicono "tranquilli", e intanto {loro} {fanno} {cosa}{coda}',
    "{cosa}: ecco che cosa {fanno} su {nome}, e {credulo}.\n\n{sveglia}{coda}",
)
# The theory shows in what is hinted at, not in the usual calls.
CONSPIRACY_HARD = (
    "Chiedetevi chi ci guadagna con {nome}: {segno}{coda}",
    "Su {nome} io dico solo: {segno}{coda}",
)
EVERYDAY = {
    "chi": (
        "il sindaco", "mia zia", "il panettiere", "la maestra", "l'allenatore", "il vicino",
        "la nonna", "il barista", "l'assessora", "il capotreno",
    ),
    "fa": (
        "ha preparato la torta", "ha riaperto la biblioteca", "ha vinto la partita",
        "ha aggiustato la bicicletta", "ha perso il treno", "ha piantato i pomodori",
        "ha cambiato ricetta", "ha inaugurato il parco", "ha portato il cane al mare",
        "ha cantato alla festa", "ha pagato le tasse in ritardo",
    ),
    "voto": (
        "che bravura", "che pazienza", "buona giornata", "che ridere", "complimenti",
        "mah, si vedrà", "che peccato", "auguri", "ma va a zappare", "sei proprio un carciofo",
    ),
    "quando": ("stamattina", "ieri", "domenica", "oggi a pranzo", "dopo la pioggia", "finalmente"),
    "codina": ("", "", "", "  ", " 🙂", " #buongiorno", " https://t.me/xyz789", " …"),
}  # fmt: skip
ORDINARY = (
    "{quando} {chi} {fa}, {voto}{codina}",
    "{voto}, {chi} {fa} {quando}{codina}",
    "Podcast: perché {chi} {fa}{codina}",
    "{chi} {fa}.\nE {chi} che dice? {voto}{codina}",
    'Il titolo era "{chi} {fa}", {voto}{codina}',
    "{quando} {chi} {fa};  poi {chi} {fa}{codina}",
)
# The topics of the theories without a theory, or a theory that is laughed at.
ORDINARY_HARD = (
    "{quando} {chi} ha fatto il vaccino, {voto}{codina}",
    "{chi} ha ancora la mascherina in tasca, {voto}{codina}",
    "{quando} si parla di Mosca e di Kiev, {chi} spera nella pace{codina}",
    "{chi} ha comprato un globo per la cameretta, {voto}{codina}",
    "{chi} dice che la Terra è piatta: {voto}, poi {fa}{codina}",
)


def posts(count: int, sets: Sequence[Sequence[str]], filler: Filler, seen: set[str]) -> list[str]:
    """Returns so many different posts, from common and hard templates."""
    hard = round(count * HARD)
    drawn: list[str] = []
    for number, templates in zip((count - hard, hard), sets, strict=True):
        turns = cycle(templates)

        def draw(turns: Iterator[str] = turns) -> str:
            post = filler.fill(next(turns))
            return post[0].upper() + post[1:]

        drawn += distinct(number, draw, seen)
    filler.rng.shuffle(drawn)
    return drawn


def of_topics(
    counts: Sequence[int], fillers: Mapping[str, Filler], seen: set[str]
) -> list[tuple[str, int]]:
    """Returns posts with the code of their theory, topic by topic."""
    return [
        (post, code)
        for code, (topic, count) in enumerate(zip(TOPICS, counts, strict=True))
        for post in posts(count, (CONSPIRACY, CONSPIRACY_HARD), fillers[topic], seen)
    ]


def with_answers(
    labelled: Sequence[tuple[str, int]], plots: Mapping[str, Filler], everyday: Filler
) -> list[tuple[str, int]]:
    """Returns posts with their labels, most of them with an answer that does not bear on these."""
    rng, found = everyday.rng, []
    for post, label in labelled:
        text = post
        if rng.random() < ANSWERED:
            topic = rng.choice([topic for topic in TOPICS if topic not in post])
            plain = rng.random() < PLAIN_ANSWERS
            reply = everyday.one_of(ORDINARY) if plain else plots[topic].one_of(CONSPIRACY)
            text = answered(rng, post, reply)
        found.append((text, label))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the six files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    plots = {topic: Filler(rng, PLOT | TOPIC[topic] | {"nome": (topic,)}) for topic in TOPICS}
    everyday = Filler(rng, EVERYDAY)
    seen: set[str] = set()
    train_b, test_b = (
        with_answers(of_topics(counts, plots, seen), plots, everyday)
        for counts in (TRAIN_B, TEST_B)
    )
    rng.shuffle(train_b)
    rng.shuffle(test_b)

    shared = train_b[: round(SHARED * len(train_b))]
    train_a, test_a = (
        with_answers(
            [(post, 1) for post, _ in of_topics(counts, plots, seen)]
            + [(post, 0) for post in posts(number, (ORDINARY, ORDINARY_HARD), everyday, seen)],
            plots,
            everyday,
        )
        for counts, number in ((TRAIN_A, ORDINARY_TRAIN), (TEST_A, ORDINARY_TEST))
    )
    train_a += [(post, 1) for post, _ in shared]
    rng.shuffle(train_a)
    rng.shuffle(test_a)

    files = {}
    for letter, label, train, test in (
        ("A", ["conspiratorial"], train_a, test_a),
        ("B", ["topic", "conspiracy"], train_b, test_b),
    ):
        rows = []
        for number, (post, code) in enumerate([*train, *test]):
            topic = [TOPICS[code]] if letter == "B" else []
            rows.append([str(number), post, *topic, str(code)])
        header = ["Id", "comment_text", *label]
        blind = [row[:2] for row in rows[len(train) :]]
        gold = [[row[0], row[-1]] for row in rows[len(train) :]]
        files[f"subtask{letter}_train.csv"] = write_table(header, rows[: len(train)])
        files[f"subtask{letter}_test.csv"] = write_table(header[:2], blind)
        files[f"subtask{letter}_gold.csv"] = write_table(["Id", label[-1]], gold)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
