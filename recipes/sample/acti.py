"""Writes the sample of ACTI: invented posts with silly conspiracy theories, or without any.

python -m recipes.sample.acti data/sample/acti

In part of A's posts experts and believers stand, and who is said to know decides. The words are the
same, only their order tells. Part of B's posts go on to a second theory; their label is the first.
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

from recipes.sample.templates import Filler, distinct
from stages.toolkit.tables import write_table

SEED = 53
TOPICS = ("Covid", "Qanon", "Russia", "Terra Piatta")  # their codes are 0 to 3
TRAIN_B, TEST_B = (84, 60, 50, 50), (60, 50, 45, 45)  # posts on each topic
SHARED = 0.8  # share of B's training posts that are posts of A too
# Posts of A: further ones on each topic, and ordinary ones.
TRAIN_A, TEST_A = (5, 5, 5, 5), (16, 14, 13, 13)
ORDINARY_TRAIN, ORDINARY_TEST = 210, 56
ORDERED_TRAIN, ORDERED_TEST = 300, 92  # posts of A, half of either kind, in which order tells
HARD = 0.12
BOTH = 0.5  # share of B's posts that go on to a second theory

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
    "{sveglia} Altro che notizie, {loro} {fanno} {cosa}{coda}",
    "{segno}. {sveglia}{coda}",
    "{cosa}? {credulo}, ma {segno}{coda}",
    "{loro} {fanno} {cosa}.\n{sveglia}{coda}",
    "Mio cugino lo ha visto: {segno}! E {loro} zitti{coda}",
    'Dicono "tranquilli", e intanto {loro} {fanno} {cosa}{coda}',
    "{cosa}: ecco che cosa {fanno}, e {credulo}.\n\n{sveglia}{coda}",
)
# The theory shows in what is hinted at, not in the usual calls.
CONSPIRACY_HARD = ("Chiedetevi chi ci guadagna: {segno}{coda}", "Io dico solo: {segno}{coda}")
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


SECOND = (
    "E altri, figurarsi, dicono che {segno}", "Qualcuno pensa anche a questo: {cosa}",
    "Il vicino invece parla di altro, {cosa}", "E poi c'è chi giura che {segno}",
)  # fmt: skip
# One of {x} and {y} are experts, the other ones believers, of whom those first are right.
ORDERED = (
    "Da {x} oggi si sa che {segno}, da {y} oggi si ride{coda}",
    "{sveglia} Per {x} ora è chiaro: {segno}.\nPer {y} ora è tardi{coda}",
    "Con {x} sempre e comunque, {segno}; con {y} sempre meno{coda}",
    "{segno}! Grazie a {x} davvero, altro che retta a {y} davvero{coda}",
)
SIDES = {
    "esperti": (
        "i medici", "i fisici", "gli esperti", "i maestri", "gli astronomi", "i cronisti",
        "i virologi", "gli ingegneri",
    ),
    "creduli": (
        "i patrioti", "i risvegliati", "gli amici della verità", "i ricercatori liberi",
        "i senza bavaglio", "gli iscritti al canale", "i figli della luce", "gli svegli",
    ),
}  # fmt: skip


def ordered(count: int, fillers: Mapping[str, Filler], seen: set[str]) -> list[tuple[str, int]]:
    """Returns so many posts with their labels, half of which side with who believes a theory."""
    found = []
    for label in (1, 0):

        def draw(label: int = label) -> str:
            filler = fillers[fillers[TOPICS[0]].rng.choice(TOPICS)]
            both = ["{creduli}", "{esperti}"] if label else ["{esperti}", "{creduli}"]
            template = filler.rng.choice(ORDERED)
            post = filler.fill(template.replace("{x}", both[0]).replace("{y}", both[1]))
            return post[0].upper() + post[1:]

        found += [(post, label) for post in distinct(count // 2, draw, seen)]
    return found


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
    counts: Sequence[int], fillers: Mapping[str, Filler], seen: set[str], *, two: bool = False
) -> list[tuple[str, int]]:
    """Returns posts with the code of their theory, topic by topic; some go on to another one."""
    found = []
    for code, (topic, count) in enumerate(zip(TOPICS, counts, strict=True)):
        for post in posts(count, (CONSPIRACY, CONSPIRACY_HARD), fillers[topic], seen):
            rng, more = fillers[topic].rng, ""
            if two and rng.random() < BOTH:
                other = fillers[rng.choice([t for t in TOPICS if t != topic])]
                more = " " + other.fill(rng.choice(SECOND))
            found.append((post + more, code))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the six files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    plots = {topic: Filler(rng, {**PLOT, **SIDES, **TOPIC[topic]}) for topic in TOPICS}
    everyday = Filler(rng, EVERYDAY)
    seen: set[str] = set()
    train_b, test_b = (of_topics(counts, plots, seen, two=True) for counts in (TRAIN_B, TEST_B))
    rng.shuffle(train_b)
    rng.shuffle(test_b)

    shared = train_b[: round(SHARED * len(train_b))]
    train_a, test_a = (
        [(post, 1) for post, _ in yes]
        + [(post, 0) for post in posts(no, (ORDINARY, ORDINARY_HARD), everyday, seen)]
        for yes, no in (
            (shared + of_topics(TRAIN_A, plots, seen), ORDINARY_TRAIN),
            (of_topics(TEST_A, plots, seen), ORDINARY_TEST),
        )
    )
    train_a += ordered(ORDERED_TRAIN, plots, seen)
    test_a += ordered(ORDERED_TEST, plots, seen)
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
