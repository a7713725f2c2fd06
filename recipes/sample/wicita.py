"""Writes the sample of WiC-ITA: invented sentences around words with two senses.

python -m recipes.sample.wicita data/sample/wicita

Each sense of a word is at home in one place, whose invented name is the same in Italian and
English: a pair of one sense names one place twice, a pair of two senses names two. This holds for
words and names never seen, so that only who compares the sentences can know.
"""

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from recipes.sample.templates import common_name

SEED = 61
TRAIN, DEV, TEST = 200, 48, 200
SAME = {"train": 0.58, "dev": 0.5, "test": 0.5, "eng": 0.5}  # share of pairs of one sense
HARD = 0.08  # share of pairs one sentence of which names no place

PLACES = ("al {}", "nel {}", "vicino al {}", "davanti al {}", "fuori dal {}", "dopo il {}")
ENGLISH_PLACES = ("at the {}", "in the {}", "near the {}", "behind the {}", "outside the {}")
NOWHERE = ("stamattina", "di solito", "per fortuna", "secondo me", "a volte")
ENGLISH_NOWHERE = ("this morning", "luckily", "as usual")

# Clauses by sense, that is by place; the word stands between asterisks. A word may occur twice.
Lexicon = Mapping[str, Mapping[str, Sequence[str]]]
TRAINING: Lexicon = {
    "pesca": {
        "bar": ("il succo di *pesca* è finito", "la *pesca*, fredda, va a ruba",
                "Ada sbuccia una *pesca*", "tre *pesche* costano un euro"),
        "yacht": ("la *pesca* comincia all'alba", "Ugo parla solo di *pesca*",
                  "la *pesca* al tonno stanca", "vanno a *pesca* con le lenze"),
    },
    "rete": {
        "tennis": ("la palla tocca la *rete*", "la *rete* è troppo bassa",
                   "Ugo salta oltre la *rete*", "hanno teso una *rete* verde"),
        "computer": ("la *rete* non risponde", "manca il segnale di *rete*",
                     "cerco notizie in *rete*", "la *rete*, oggi, è lenta"),
    },
    "albero": {
        "zoo": ("la scimmia sale sull' *albero*", "un *albero* perde le foglie",
                "gli *alberi* fanno ombra", "l' *albero* ha radici enormi"),
        "yacht": ("l' *albero* regge la vela", "il vento piega l' *albero*",
                  "salgono in cima all' *albero*", "l' *albero* maestro scricchiola"),
    },
    "batteria": {
        "garage": ("la *batteria* è scarica", "cambiano la *batteria* all'auto",
                   "serve una *batteria* nuova", "la *batteria* perde acido"),
        "jazz": ("suona la *batteria* con le spazzole", "la *batteria* copre il basso",
                 "Ada studia *batteria*", "un assolo di *batteria* chiude la serata"),
    },
    "piano": {
        "hotel": ("la stanza è al terzo *piano*", "l'ascensore salta un *piano*",
                  "i *piani* sono sette", "dormono all'ultimo *piano*"),
        "jazz": ("il *piano* è scordato", "Ugo siede al *piano*",
                 "un *piano* a coda riempie il palco", "piano piano attacca il *piano*"),
    },
    "tasto": {
        "computer": ("il *tasto* di invio è rotto", "premi un *tasto* qualsiasi",
                     "i *tasti* sono consumati", "manca il *tasto* con la chiocciola"),
        "jazz": ("sfiora il *tasto* nero", "un *tasto* stona sempre",
                 "le dita corrono sui *tasti*", "il *tasto* del do si incanta"),
    },
    "riso": {
        "bar": ("servono *riso* freddo", "il *riso* è scotto",
                "insalata di *riso* per tutti", "il *riso*, oggi, è al curry"),
        "film": ("il suo *riso* è contagioso", "un *riso* amaro chiude la scena",
                 "il *riso* della strega fa paura", "scoppia in un *riso* nervoso"),
    },
    "vite": {
        "garage": ("manca una *vite*", "stringe la *vite* con forza",
                   "le *viti* sono arrugginite", "la *vite* gira a vuoto"),
        "hotel": ("la *vite* copre il balcone", "una *vite* fa ombra ai tavoli",
                  "potano la *vite* a marzo", "l'uva della *vite* è acerba"),
    },
    "disco": {
        "jazz": ("esce un *disco* dal vivo", "il *disco* contiene nove brani",
                 "firmano il nuovo *disco*", "quel *disco* è introvabile"),
        "computer": ("il *disco* è pieno", "copia tutto sul *disco*",
                     "il *disco* fa rumore", "due *dischi* sono guasti"),
    },
    "campo": {
        "tennis": ("il *campo* è di terra rossa", "prenotano un *campo* alle sei",
                   "i *campi* sono allagati", "bagnano il *campo* ogni sera"),
        "radio": ("il *campo* va e viene", "in galleria non c'è *campo*",
                  "il *campo* è troppo debole", "cerco il *campo* girando l'antenna"),
    },
    "scheda": {
        "computer": ("la *scheda* video scalda", "monta una *scheda* madre",
                     "la *scheda* è bruciata", "sostituiscono la *scheda* audio"),
        "hotel": ("compila la *scheda* all'arrivo", "sulla *scheda* manca la firma",
                  "consegnano due *schede*", "la *scheda* chiede la cittadinanza"),
    },
    "corrente": {
        "garage": ("è saltata la *corrente*", "manca la *corrente* da un'ora",
                   "stacca la *corrente* prima", "la *corrente*, qui, è a 220 volt"),
        "yacht": ("la *corrente* spinge a sud", "lottano contro la *corrente*",
                  "le *correnti* sono forti", "una *corrente* fredda li ferma"),
    },
    "programma": {
        "computer": ("il *programma* si blocca", "installa un *programma* nuovo",
                     "il *programma* chiede la password", "due *programmi* si chiudono"),
        "radio": ("il *programma* dura un'ora", "va in onda un *programma* comico",
                  "conduce il *programma* da anni", "il *programma* del mattino piace"),
    },
    "tempo": {
        "radio": ("danno *tempo* brutto", "il *tempo* peggiora, dicono",
                  "parlano del *tempo* di domani", "bel *tempo* su tutta l'isola"),
        "jazz": ("batte il *tempo* col piede", "il *tempo* è in cinque quarti",
                 "perde il *tempo* a metà brano", "un *tempo* lento apre la serata"),
    },
    "partita": {
        "tennis": ("la *partita* dura tre ore", "Ada vince la *partita*",
                   "la *partita* è sospesa", "sono due *partite* pari"),
        "bar": ("arriva una *partita* di caffè", "la *partita* di zucchero è umida",
                "ordinano un' altra *partita* di tè", "la *partita* scade a maggio"),
    },
    "colpo": {
        "tennis": ("il *colpo* finisce fuori", "un *colpo* di rovescio la salva",
                   "prova il *colpo* al volo", "i *colpi* sono potenti"),
        "film": ("il *colpo* in banca riesce", "preparano il *colpo* per mesi",
                 "un *colpo* da due milioni", "il *colpo* fallisce per un cane"),
    },
}  # fmt: skip
DEVELOPMENT: Lexicon = {
    "canale": {
        "radio": ("il *canale* trasmette musica", "cambia *canale* ogni minuto",
                  "sul primo *canale* c'è un quiz", "i *canali* sono disturbati"),
        "yacht": ("il *canale* è stretto", "imboccano il *canale* di notte",
                  "il *canale* porta al lago", "i *canali* sono poco profondi"),
    },
    "battuta": {
        "tennis": ("la *battuta* è potente", "sbaglia la prima *battuta*",
                   "tocca a lei la *battuta*", "la *battuta* sfiora il nastro"),
        "film": ("la *battuta* fa ridere tutti", "dimentica una *battuta*",
                 "dice una *battuta* in dialetto", "l'ultima *battuta* è famosa"),
    },
    "lama": {
        "zoo": ("il *lama* sputa ai visitatori", "è nato un *lama* bianco",
                "tosano il *lama* due volte", "i *lama* mangiano fieno"),
        "garage": ("la *lama* è affilata", "cambiano la *lama* alla sega",
                   "una *lama* arrugginita taglia male", "le *lame* sono nuove"),
    },
    "coda": {
        "zoo": ("la scimmia perde la *coda*", "agita la *coda* a righe",
                "una *coda* lunga due metri", "le *code* servono per l'equilibrio"),
        "bar": ("c'è *coda* alla cassa", "la *coda* arriva alla porta",
                "saltano la *coda*", "una *coda* di venti persone"),
    },
}  # fmt: skip
TESTING: Lexicon = {
    "chiave": {
        "hotel": ("la *chiave* apre la stanza nove", "perdono la *chiave*",
                  "lascia la *chiave* al portiere", "due *chiavi* non bastano"),
        "jazz": ("leggono in *chiave* di basso", "la *chiave* di violino è storta",
                 "cambia *chiave* a metà", "disegna la *chiave* sul rigo"),
    },
    "onda": {
        "yacht": ("un' *onda* bagna tutti", "le *onde* sono alte",
                  "l' *onda* arriva di lato", "aspettano l' *onda* giusta"),
        "radio": ("un' *onda* lunga va lontano", "l' *onda* media è disturbata",
                  "misurano le *onde* corte", "cambia la lunghezza d' *onda*"),
    },
    "finestra": {
        "hotel": ("la *finestra* dà sul mare", "aprono la *finestra*",
                  "una *finestra* senza tende", "pulisce le *finestre* di lunedì"),
        "computer": ("chiudi quella *finestra*", "la *finestra* copre il testo",
                     "apre dieci *finestre* insieme", "riduce la *finestra* a icona"),
    },
    "gru": {
        "zoo": ("la *gru* depone due uova", "le *gru* dormono in piedi",
                "una *gru* ha l'ala ferita", "danno pesce alla *gru*"),
        "garage": ("la *gru* solleva il motore", "noleggiano una *gru* piccola",
                   "il braccio della *gru* è bloccato", "la *gru* porta due tonnellate"),
    },
    "stella": {
        "film": ("la *stella* è una esordiente", "le *stelle* recitano gratis",
                 "è lei la *stella* assoluta", "cercano una *stella* di città"),
        "yacht": ("una *stella* indica il nord", "contano le *stelle*",
                  "brilla una *stella* rossa", "la prima *stella* appare alle nove"),
    },
    "nota": {
        "jazz": ("la *nota* è stonata", "tiene una *nota* per un minuto",
                 "nota dopo *nota*, cresce", "sono poche *note* ma belle"),
        "hotel": ("lascia una *nota* sotto la porta", "la *nota* dice: torno subito",
                  "trova una *nota* firmata", "scrive due *note* al cuoco"),
    },
}  # fmt: skip
ENGLISH: Mapping[str, tuple[str, Mapping[str, Sequence[str]]]] = {
    "chiave": ("key", {
        "hotel": ("the *key* opens room nine", "they lost the *key*", "two *keys* are missing"),
        "jazz": ("they play in a minor *key*", "the *key* changes twice", "find the right *key*"),
    }),
    "onda": ("wave", {
        "yacht": ("a *wave* soaks everyone", "the *waves* are high", "the last *wave* was cold"),
        "radio": ("a long *wave* goes far", "the *wave* is weak", "they measure short *waves*"),
    }),
    "finestra": ("window", {
        "hotel": ("the *window* faces the sea", "open the *window*", "a *window* without curtains"),
        "computer": ("close that *window*", "a *window* hides the text", "ten *windows* pop up"),
    }),
    "gru": ("crane", {
        "zoo": ("the *crane* lays two eggs", "a *crane* eats fish", "the *cranes* sleep standing"),
        "garage": ("the *crane* lifts the engine", "they rent a *crane*", "a *crane* is stuck"),
    }),
    "stella": ("star", {
        "film": ("the *star* is a newcomer", "she is the only *star*", "the *stars* act for free"),
        "yacht": ("a *star* shows the north", "they count the *stars*", "a red *star* shines"),
    }),
    "nota": ("note", {
        "jazz": ("the *note* is off", "she holds a *note* for ages", "note after *note* it grows"),
        "hotel": ("a *note* lies under the door", "he signs the *note*", "two *notes* for Ada"),
    }),
}  # fmt: skip


class Sentence(NamedTuple):
    """A sentence and where its word stands, the end exclusive."""

    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The word as it is written."""
        return self.text[self.start : self.end]


def sentence(clause: str, where: str, rng: random.Random) -> Sentence:
    """Says where a clause holds, before it or, now and then, after it."""
    text = f"{clause} {where}" if rng.random() < 0.15 else f"{where} {clause}"
    before, word, after = (text[0].upper() + text[1:]).split("*")
    if not before:
        word = word.capitalize()
    end = rng.choice((" .", " .", " .", ".", " !"))
    return Sentence(before + word + after + end, len(before), len(before) + len(word))


Sense = tuple[str, str]  # a place and a clause


def options(lemma: str, clauses: Mapping[str, Sequence[str]], *, english: bool) -> list[list[Any]]:
    """All pairs of clauses of a lemma, of two senses (first) and of one, as places and clauses."""
    first: list[Sense] = [(place, clause) for place in clauses for clause in clauses[place]]
    second = first
    if english:
        translated = ENGLISH[lemma][1]
        second = [(place, clause) for place in translated for clause in translated[place]]
    both = [(one, two) for one, two in product(first, second) if one != two]
    return [[p for p in both if (p[0][0] == p[1][0]) == same] for same in (False, True)]


def pair(one: Sense, two: Sense, rng: random.Random, *, english: bool) -> dict[str, Any]:
    """A pair as the organisers write it, without identifier, lemma and label."""
    names = [common_name(rng)]
    names.append(names[0] if one[0] == two[0] else common_name(rng, names[0]))
    where = [
        rng.choice(ENGLISH_PLACES if english and side else PLACES).format(name)
        for side, name in enumerate(names)
    ]
    if rng.random() < HARD:
        side = rng.randrange(2)
        where[side] = rng.choice(ENGLISH_NOWHERE if english and side else NOWHERE)
    a, b = sentence(one[1], where[0], rng), sentence(two[1], where[1], rng)
    lemmas = {"lemma1": a.word, "lemma2": b.word} if english else {}
    texts = {"sentence1": a.text, "sentence2": b.text}
    return lemmas | texts | {"start1": a.start, "end1": a.end, "start2": b.start, "end2": b.end}


def pairs(
    lexicon: Lexicon,
    count: int,
    same: float,
    rng: random.Random,
    *,
    english: bool = False,
) -> list[dict[str, Any]]:
    """Returns so many pairs as the organisers write them, with labels, in random order."""
    drawn = []
    choices = [(lemma, options(lemma, lexicon[lemma], english=english)) for lemma in lexicon]
    for label, wanted in ((1, round(count * same)), (0, count - round(count * same))):
        possible = [(lemma, label, *two) for lemma, by_label in choices for two in by_label[label]]
        drawn += rng.sample(possible, wanted)
    rng.shuffle(drawn)
    numbers = dict.fromkeys(lexicon, 0)
    rows = []
    for lemma, label, one, two in drawn:
        name = f"{lemma}_{ENGLISH[lemma][0]}" if english else lemma
        row = {"id": f"{name}.noun.{numbers[lemma]}"} | ({} if english else {"lemma": lemma})
        rows.append(row | pair(one, two, rng, english=english) | {"label": label})
        numbers[lemma] += 1
    return rows


def lines(rows: Sequence[Mapping[str, Any]], *, blind: bool = False) -> str:
    """One object a line, letters with accents escaped; without the labels if blind."""
    shown = [{k: v for k, v in row.items() if not (blind and k == "label")} for row in rows]
    return "".join(json.dumps(row) + "\n" for row in shown)


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the six files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    train = pairs(TRAINING, TRAIN, SAME["train"], rng)
    dev = pairs(DEVELOPMENT, DEV, SAME["dev"], rng)
    test = pairs(TESTING, TEST, SAME["test"], rng)
    english = pairs(TESTING, TEST, SAME["eng"], rng, english=True)
    files = {
        "binary/train.jsonl": lines(train),
        "binary/dev.jsonl": lines(dev),
        "binary/test.jsonl": lines(test, blind=True),
        "binary/test_eng.jsonl": lines(english, blind=True),
        "gold_truth/binary/test.jsonl": lines(test),
        "gold_truth/binary/test_eng.jsonl": lines(english),
    }
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
