"""Writes the sample of the lecture's encoded rows: some of every sub-task, in the older encoding.

python -m recipes.sample.lecture data/sample/lecture
"""

import argparse
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.toolkit.tables import write_table

SEED = 53
ROWS = {"train_100": 12, "dev_100": 4}  # of each sub-task

WORDS = {
    "tempo": ("oggi", "ieri sera", "stamattina", "da giorni", "domenica", "a pranzo"),
    "luogo": ("al mercato", "in piazza", "sul tram", "a scuola", "in ufficio", "al parco"),
    "coda": ("", "", " 🙂", " [URL]", " 😡", "!!!", " #senzaparole"),
    "fonte": ("il giornale", "mio zio", "un video", "la radio", "una lettrice", "il portiere"),
    "gruppo": ("gli assessori", "quelli della lista", "i sindaci", "i fedeli di Santa Zucca"),
    "insulto": ("zucconi", "lumaconi", "caproni", "mangiapolvere", "cialtroni"),
    "parata": ("quelli del carnevale rosa", "i ballerini del molo", "le sirene in parata"),
    "dileggio": ("pavoni spelacchiati", "bambole sgonfie", "confetti andati a male"),
    "tema": ("il treno", "la memoria", "il pane", "il mare", "la musica", "il bosco"),
    "cosa": ("treni", "ricordi", "pane", "barche", "musica", "boschi"),
    "altro": ("il pinguino", "la fattura", "il biglietto", "il tagliando", "la tombola"),
    "per": ("Anna Bassi", "Flavio Neri", "Tullio", "Berta Costa", "Nardi"),
    "loc": ("Borgo Alto", "Valfiorita", "Ponte Vecchio di Sopra", "Lagomare"),
    "org": ("Società dei Traghetti", "Banca del Colle", "Lega dei Fornai"),
    "materia": ("la storia", "la geografia", "il disegno", "la musica"),
    "d": tuple("123456789"),
    "e": tuple("123456789"),
    "f": tuple("123456789"),
}


@dataclass(frozen=True)
class Kind:
    """Rows of one kind: templates of the input, and of its answer in each sub-task.

    A row draws one word for each slot, so input and answer have the same.
    """

    answers: Mapping[str, str]
    inputs: tuple[str, ...]


def _acti(answer: str, *claims: str) -> Kind:
    inputs = ("{tempo} {fonte} lo ha detto: ", "Svegliatevi, ", 'Altro che "notizie", ')
    answers = {"acti_a": "cospirazione", "acti_b": answer}
    return Kind(answers, tuple(i + claim + "{coda}" for i in inputs for claim in claims))


def _emit(emotions: str, target: str, *inputs: str) -> Kind:
    return Kind({"emit_a": emotions, "emit_b": target}, tuple(i + "{coda}" for i in inputs))


def _dialect(region: str, place: str, *inputs: str) -> Kind:
    answers = {"geolingit_a": region, "geolingit_b": place}
    return Kind(answers, tuple("{tempo} " + i + "{coda}" for i in inputs))


def _senses(answers: str, *inputs: str) -> Kind:
    word, same, score = answers.split()
    return Kind({"wicita_1": f"{word} {same}", "wicita_2": f"{word} {score}"}, inputs)


def _author(traits: str, *inputs: str) -> Kind:
    return Kind({"politicit": traits}, tuple("{tempo} " + i + "{coda}" for i in inputs))


NEWS = Kind(
    {"acti_a": "non_cospirazione"},
    (
        "{tempo} {fonte} riporta il bollettino della regione{coda}",
        "Lo studio è pubblicato, ne parla {fonte} {tempo}{coda}",
        "La conferenza stampa è {tempo}, dice {fonte}{coda}",
    ),
)
QUIET = Kind(
    {"hodi_a": "non_omotransfobico"},
    (
        "{tempo} {parata} hanno sfilato {luogo}{coda}",
        "Che traffico {luogo}, {tempo} non si passa{coda}",
        "Mi sono divertita {luogo} con {parata}{coda}",
    ),
)
ESSAYS = (
    ("Ho undici anni e mi piace {materia}.", "Finita la terza, {tempo} ripenso al corso."),
    ("Mi chiamo Gaia e faccio la prima.", "A tredici anni {tempo} ripasso {materia}."),
)
GROUPS: tuple[tuple[Kind, ...], ...] = (
    (
        _acti("Covid", "nel vaccino c'è il grafene", "la pandemia è un piano dei virologi"),
        NEWS,
        _acti("Qanon", "lo stato profondo nasconde i rettiliani", "Q ci ha avvisati tutti"),
        NEWS,
        _acti("Russia", "la guerra in Donbass è una recita", "i laboratori di Kiev erano pronti"),
        NEWS,
        _acti("Terra Piatta", "l'orizzonte è dritto, niente globo", "la NASA disegna il globo"),
        NEWS,
    ),
    (
        Kind(
            {"discotex_1": "Coerente"},
            (
                "Si sa quanto conta {tema}. [SEP] Per questo {tema} merita più attenzione {tempo}.",
                'Mi chiedono: "Perché {tema}?" [SEP] Ecco, {tema} è la mia vita {tempo}.',
            ),
        ),
        Kind(
            {"discotex_1": "non_coerente"},
            (
                "Si sa quanto conta {tema}. [SEP] Intanto {altro} costa caro {tempo}.",
                'Mi chiedono: "Perché {tema}?" [SEP] Nel frattempo {altro} era già {luogo}.',
            ),
        ),
    ),
    (
        Kind({"discotex_2": "4.{d}"}, ("Conta {tema}. [SEP] Per questo {tema} serve {tempo}.",)),
        Kind({"discotex_2": "1.{d}"}, ("Conta {tema}. [SEP] Intanto {altro} è {luogo} {tempo}.",)),
    ),
    (
        _emit("gioia", "argomento", "Che felicità, {tempo} festa {luogo}"),
        _emit("rabbia", "direzione", "@user vergogna, {tempo} mi fai infuriare"),
        _emit("neutro", "non_specificato", "{tempo} si parla di {cosa} {luogo}"),
        _emit("fiducia", "argomento", "Sono sicura che {tema} andrà bene {tempo}"),
        _emit("disgusto tristezza", "argomento", "Che schifo {luogo}, {tempo} piango"),
        _emit("anticipazione gioia amore", "direzione", "@user ti adoro, non vedo l'ora, {tempo}!"),
        _emit("nan", "non_specificato", "RT @user: {tempo} {luogo}…"),
        _emit("paura sorpresa", "argomento", "Oddio, non me lo aspettavo {luogo}, {tempo} tremo"),
    ),
    (
        Kind({"emotivita": "4.{d} 3.{e} 3.{f}"}, ("{tempo} una bellissima notizia {luogo}.",)),
        Kind({"emotivita": "1.{d} 4.{e} 2.{f}"}, ("{tempo} un terribile incidente {luogo}.",)),
        Kind({"emotivita": "3.{d} 2.{e} 3.{f}"}, ("{tempo} hanno spostato una panchina {luogo}.",)),
    ),
    (
        _dialect("Lazio", "41.8 12.5", "nun ce sto a capì gnente aò", 'ha detto "daje, annamo"'),
        _dialect("Campania", "40.8 14.2", "uè guagliò jamm ja", "stamm sempe ccà"),
        _dialect("Veneto", "45.4 12.3", "ciò vecio, xe sempre cussì", "so' drio lavorar"),
        _dialect("Sicilia", "38.1 13.3", "mizzica, chi camurrìa", "amunì, unni si va"),
        _dialect("Lombardia", "45.4 9.1", "pota, sem semper chì", "g'ho minga temp"),
        _dialect("Toscana", "43.7 11.2", "maremma, icché tu fai", "un c'ho punta voglia"),
        _dialect("Sardegna", "39.2 9.1", "ajò, deu no ddu sciu", "eja, seus torraus"),
        _dialect("Liguria", "44.4 8.9", "belin che macaia", "andemmo a-a mainn-a"),
    ),
    (
        Kind(
            {"haspeede": "odio"},
            ("{tempo} {gruppo}, solo {insulto}{coda}", "Via {gruppo} {insulto}{coda}"),
        ),
        Kind(
            {"haspeede": "non_odio"},
            ("{tempo} {gruppo} parlano {luogo}{coda}", 'Un titolo: "{gruppo} {luogo}"{coda}'),
        ),
    ),
    (
        Kind(
            {"hodi_a": "omotransfobico", "hodi_b": "{parata} sono {dileggio}"},
            (
                "{tempo} {luogo} {parata} sono {dileggio}{coda}",
                '"Belle"? {parata} sono {dileggio}{coda}',
            ),
        ),
        QUIET,
        Kind(
            {"hodi_a": "omotransfobico", "hodi_b": "che {dileggio} tutti via"},
            ("{luogo} {parata}, che {dileggio}, {tempo} tutti via{coda}",),
        ),
        QUIET,
    ),
    (
        Kind({"langlearn": "corretto"}, tuple(f" {a} [SEP]  {b}" for a, b in ESSAYS)),
        Kind({"langlearn": "incorretto"}, tuple(f" {b} [SEP]  {a}" for a, b in ESSAYS)),
    ),
    (
        Kind(
            {"nermud": "[PER] {per}"},
            ("{tempo} {per} era {luogo} .", 'Parlò {per} : " {tempo} " .'),
        ),
        Kind({"nermud": "nan"}, ("{tempo} non passò nessuno {luogo} .",)),
        Kind({"nermud": "[PER] {per} [LOC] {loc}"}, ("A {loc} {tempo} arrivò {per} .",)),
        Kind({"nermud": "[LOC] {loc} [ORG] {org}"}, ("La {org} riapre {tempo} a {loc} .",)),
    ),
    (
        _senses("affare uguale 4.0", "È un affare {luogo} . [sep] Che affare {tempo} ."),
        _senses(
            "banda differente 1.0", "La banda suona {luogo} . [sep] {tempo} la banda è lenta ."
        ),
        _senses("metro uguale 3.5", "Misura un metro {luogo} . [sep] {tempo} mancava un metro ."),
        _senses("fede differente 1.5", "Ha perso la fede {luogo} . [sep] {tempo} parla di fede ."),
        _senses("studio uguale 3.0", 'Lo " studio " è {luogo} . [sep] {tempo} torna allo studio .'),
        _senses("mostra differente 1.0", "La mostra è {luogo} . [sep] {tempo} mostra {materia} ."),
        _senses("lira uguale 4.0", "Costa una lira {luogo} . [sep] {tempo} valeva una lira ."),
    ),
)
AUTHORS = {
    "train_100": (
        _author("donna sinitra centrosinitra", "sono contenta: diritti e lavoro {luogo}"),
        _author("uomo destra destra", "sono stufo: confini e ordine {luogo}"),
        _author("uomo sinitra centrosinitra", "sono convinto: diritti e scuola {luogo}"),
        _author("donna destra centrodestra", "sono certa: imprese e meno tasse {luogo}"),
        _author("donna sinitra sinitra", "sono stata in corteo: lotta e diritti {luogo}"),
        _author("uomo destra centrodestra", "sono stato dagli artigiani: meno tasse {luogo}"),
    ),
    "dev_100": (
        _author("donna destra destra", "sono stufa: confini e ordine {luogo}"),
        _author("uomo sinitra sinitra", "sono stato in corteo: lotta e diritti {luogo}"),
    ),
}


def rows(
    kinds: Sequence[Kind], count: int, rng: random.Random, seen: set[str]
) -> list[tuple[str, dict[str, str]]]:
    """Returns inputs with their answers by sub-task, so many of each sub-task, from all kinds."""
    missing = {subtask: count for kind in kinds for subtask in kind.answers}
    found: list[tuple[str, dict[str, str]]] = []
    for turn in range(200 * count):
        if not any(missing.values()):
            return found
        kind = kinds[turn % len(kinds)]
        wanted = [subtask for subtask in kind.answers if missing[subtask]]
        words = {slot: rng.choice(choices) for slot, choices in WORDS.items()}
        text = rng.choice(kind.inputs).format_map(words)
        if not wanted or text in seen:
            continue
        seen.add(text)
        found.append((text, {s: kind.answers[s].format_map(words) for s in wanted}))
        for subtask in wanted:
            missing[subtask] -= 1
    raise ValueError(f"not enough different inputs: {missing}")


def identifier(number: int, subtask: str, answer: str, file: str, rng: random.Random) -> str:
    """An identifier of the form that the sub-task's rows have in the lecture."""
    if subtask.startswith("discotex"):
        return f"Zx{rng.randrange(10**6):06d}_k#{number}"
    if subtask.startswith("emit"):
        return f"{rng.getrandbits(128):032x}"
    if subtask == "haspeede":
        return f"{rng.randrange(10**14, 10**15)}"
    if subtask == "langlearn":
        return f"{rng.randrange(3000, 5500)}-{rng.randrange(3000, 5500):04d}"
    if subtask == "nermud":
        return f"{file.removesuffix('_100')}_{number}"
    if subtask.startswith("wicita"):
        return f"{answer.partition(' ')[0]}.noun.{number}"
    if subtask == "politicit":  # one for all rows of an author
        return f"{random.Random(answer).getrandbits(128):032x}"
    return str(number)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the two files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    seen: set[str] = set()
    folder.mkdir(parents=True, exist_ok=True)
    first = 1
    for file, count in ROWS.items():
        by_subtask: dict[str, list[tuple[str, str, str, str]]] = {}
        for kinds in (*GROUPS, AUTHORS[file]):
            for number, (text, answers) in enumerate(rows(kinds, count, rng, seen), start=first):
                i = None
                for subtask, answer in answers.items():
                    i = i or identifier(number, subtask, answer, file, rng)
                    by_subtask.setdefault(subtask, []).append((i, subtask, text, answer))
        first += 2 * count
        table = [row for members in by_subtask.values() for row in members]
        if file == "train_100":
            table.append(mirrored(by_subtask["langlearn"][0]))
        (folder / f"{file}.txt").write_text(
            write_table(None, table, delimiter="\t"), encoding="utf-8", newline="\n"
        )


def mirrored(row: tuple[str, str, str, str]) -> tuple[str, str, str, str]:
    """A pair of essays in the other order."""
    identifier, subtask, text, answer = row
    other = "incorretto" if answer == "corretto" else "corretto"
    ids, texts = identifier.split("-"), text.split("[SEP] ")
    return "-".join(ids[::-1]), subtask, f"{texts[1]} [SEP] {texts[0].rstrip()}", other


if __name__ == "__main__":
    main()
