"""Families of generic instructions over generated texts: copy, locate, extract, choose, compare.

Each family is a function of a `Writer` that returns a `Draft`, or None when the text it drew does
not suit (the caller draws again). The rule of each answer is formal (letters, signs, positions,
lists of words), so every answer follows from the instruction and the input alone.
"""

import re
from collections.abc import Callable

from recipes.base import lexicon as lex
from recipes.base.comparing import COMPARING
from recipes.base.drafts import Draft, joined, markers, options, quoted
from recipes.base.texts import Writer, plural

Pairs = list[tuple[str, str]]
Family = Callable[[Writer], Draft | None]

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_UNIT_WORDS = sorted(set(lex.UNITS) - {"m", "g"}, key=len, reverse=True)
VALUE = re.compile(
    r"(?:[<>≥≤~±] ?)?\d+(?:[.,]\d+)* ?(?:" + "|".join(map(re.escape, _UNIT_WORDS)) + r"|g|m)(?!\w)"
)
CAPITAL = re.compile(r"\b[A-ZÀÈÉÌÒÙ][\w'’]*")
CAPITAL_RUN = re.compile(r"\b[A-ZÀÈÉÌÒÙ][^\W\d_]*(?: [A-ZÀÈÉÌÒÙ][^\W\d_]*)*")
QUOTED = re.compile(r"«([^«»]+)»|\"([^\"]+)\"")
PARENTHESES = re.compile(r"\(([^()]+)\)")
WORD = re.compile(r"[^\W\d_]+")
_STRIP = '.,;:!?"«»()…“”'
_SIGNS = "%+-/<>=#@(€°'"
_ORDINALS = ("prima", "seconda", "terza", "quarta", "quinta", "sesta", "settima", "ottava")
_COUNT_WORDS = ("una", "due", "tre", "quattro", "cinque")
_VOWEL_LETTERS = "abcdefgilmnoprstvz"


def clean(token: str) -> str:
    """Returns a token without the punctuation around it, or the token if nothing is left."""
    return token.strip(_STRIP) or token


def numeric(w: Writer) -> str:
    """Returns a text that mostly has numbers."""
    return joined(w, "clinical" if w.random() < 0.7 else None)


def repeat(w: Writer) -> Draft:
    """Copies the whole input."""
    genre = "noise" if w.random() < 0.35 else None
    text = joined(w, genre, w.integer(20, 160))[:320].strip()
    return Draft(
        w.pick(
            (
                "Ripeti il testo.",
                "Copia il testo così com'è.",
                "Riscrivi il testo senza cambiare nulla.",
                "Trascrivi esattamente il testo in ingresso.",
                "Riporta il testo lettera per lettera.",
                "Scrivi di nuovo il testo, identico.",
                "Restituisci l'input senza modifiche.",
            )
        ),
        text,
        text,
        (text,),
    )


def repeat_between(w: Writer) -> Draft | None:
    """Copies the words between two given words."""
    text = joined(w)
    tokens = text.split()
    if len(tokens) < 6 or len(set(tokens)) < 6:
        return None
    a = w.integer(0, len(tokens) - 3)
    b = min(len(tokens) - 1, a + 2 + int(w.random() * w.random() * 14))
    if tokens.count(tokens[a]) > 1 or tokens.count(tokens[b]) > 1:
        return None
    answer = " ".join(tokens[a + 1 : b])
    x, y = quoted(w, tokens[a]), quoted(w, tokens[b])
    return Draft(
        w.pick(
            (
                f"Copia la parte di testo tra {x} e {y}.",
                f"Che cosa c'è tra {x} e {y}?",
                f"Riporta le parole che stanno dopo {x} e prima di {y}.",
                f"Scrivi solo ciò che compare fra {x} e {y}, esclusi.",
                f"Estrai il tratto compreso tra {x} e {y}.",
                f"Ripeti il testo da dopo {x} fino a prima di {y}.",
            )
        ),
        text,
        answer,
        (answer,),
    )


def marked_part(w: Writer) -> Draft | None:
    """Copies what stands between two random markers put into the input."""
    tokens = joined(w).split()
    if len(tokens) < 4:
        return None
    a = w.integer(0, len(tokens) - 1)
    b = min(len(tokens), a + 1 + int(w.random() * w.random() * 8))
    m, n = markers(w, 2)
    answer = " ".join(tokens[a:b])
    text = " ".join([*tokens[:a], m, answer, n, *tokens[b:]])
    return Draft(
        w.pick(
            (
                f"Copia la parte tra {m} e {n}.",
                f"Che cosa è scritto tra i segni {m} e {n}?",
                f"Riporta il tratto racchiuso da {m} ... {n}.",
                f"Estrai le parole segnate con {m} e {n}.",
                f"Scrivi ciò che sta dopo {m} e prima di {n}.",
            )
        ),
        text,
        answer,
        (answer,),
    )


def neighbour(w: Writer) -> Draft | None:
    """Copies one to three words after or before a given word, or its n-th occurrence."""
    text = numeric(w) if w.random() < 0.3 else joined(w)
    tokens = text.split()
    if len(tokens) < 5:
        return None
    at = w.integer(0, len(tokens) - 1)
    word = tokens[at]
    places = [i for i, t in enumerate(tokens) if t == word]
    repeated = [t for t in set(tokens) if tokens.count(t) > 1] if w.random() < 0.4 else []
    if repeated:
        word = w.pick(sorted(repeated))
        places = [i for i, t in enumerate(tokens) if t == word]
    count = w.pick((1, 1, 1, 2, 2, 3))
    nth = w.integer(0, len(places) - 1)
    at = places[nth]
    after = w.random() < 0.5
    part = tokens[at + 1 : at + 1 + count] if after else tokens[max(0, at - count) : at]
    if len(part) != count:
        return None
    answer = " ".join(part)
    where = ("segue", "seguono") if after else ("precede", "precedono")
    side = "dopo" if after else "prima di"
    x = quoted(w, word)
    if len(places) > 1:
        x = f"la {_ORDINALS[nth]} occorrenza di {x}" if nth < 8 else x
        if nth >= 8:
            return None
    if count == 1:
        wordings = (
            f"Quale parola {where[0]} {x}?",
            f"Scrivi la parola che {where[0]} {x}.",
            f"Che parola viene subito {side} {x}?",
            f"Copia la parola subito {side} {x}.",
            f"Trova {x} e riporta la parola che {where[0]}.",
        )
    else:
        n = _COUNT_WORDS[count - 1]
        wordings = (
            f"Quali {n} parole {where[1]} {x}?",
            f"Scrivi le {n} parole che {where[1]} {x}.",
            f"Copia le {n} parole subito {side} {x}.",
            f"Riporta le {n} parole che vengono {side} {x}.",
            f"Trova {x} e copia le {n} parole {side} quel punto.",
        )
    return Draft(w.pick(wordings), text, answer, (answer,))


def edge_sentence(w: Writer) -> Draft | None:
    """Copies the first or the last sentence."""
    sentences = w.sentences(w.pick(("news", "everyday", "opinion", "clinical")), w.integer(80, 260))
    if len(sentences) < 2 or any(
        s[-1] not in ".!?" or re.search(r"[.!?] ", s) or len(s) > 260 for s in sentences
    ):
        return None
    first = w.random() < 0.5
    answer = sentences[0 if first else -1]
    which = "prima" if first else "ultima"
    return Draft(
        w.pick(
            (
                f"Copia {'la ' if first else 'l' + chr(39)}{which} frase.",
                f"Riporta solo {'la prima' if first else 'l’ultima'} frase del testo.",
                f"Quale frase {'apre' if first else 'chiude'} il testo?",
                f"Con quale frase {'comincia' if first else 'finisce'} il testo? Copiala.",
                f"Scrivi la frase {'iniziale' if first else 'finale'}.",
            )
        ),
        " ".join(sentences),
        answer,
        (answer,),
    )


def _listed(w: Writer, what: str, found: list[str], text: str) -> Draft | None:
    if len(found) > 14 or (not found and w.random() < 0.5):
        return None
    x = w.random()
    if x < 0.45:
        glue, how = " ", "separati da uno spazio"
    elif x < 0.6:
        glue, how = ", ", "separati da virgole"
    elif x < 0.7:
        glue, how = "; ", "separati da punto e virgola"
    else:
        m = markers(w, 1)[0]
        glue, how = f" {m} ", w.pick((f"separati da {m}", f"con {m} tra l'uno e l'altro"))
    none = markers(w, 1)[0] if w.random() < 0.5 else options(w, 1)[0]
    absent = w.pick(
        (f"Se non ce ne sono scrivi {none}.", f"Se mancano, {none}.", f"Nessun caso: {none}.")
    )
    tail = absent if not found or w.random() < 0.8 else ""
    instruction = w.pick(
        (
            f"Elenca {what}, {how}. {tail}",
            f"Scrivi {what} nell'ordine del testo, {how}. {tail}",
            f"Quali sono {what}? Riportali {how}. {tail}",
            f"Trova {what} e copiali {how}. {tail}",
            f"{tail} Altrimenti copia {what}, {how}." if tail else f"Copia {what}, {how}.",
        )
    ).strip()
    return Draft(instruction, text, glue.join(found) if found else none, tuple(found))


def list_numbers(w: Writer) -> Draft | None:
    """Lists all numbers, with or without their units."""
    text = numeric(w)
    if w.random() < 0.5:
        return _listed(
            w, w.pick(("tutti i numeri", "i numeri", "tutte le cifre")), NUMBER.findall(text), text
        )
    found = [m.group() for m in VALUE.finditer(text)]
    return _listed(w, w.pick(("i numeri con la loro unità", "i valori con unità")), found, text)


def list_words(w: Writer) -> Draft | None:
    """Lists words by a formal property: capital, letter, ending, sign, length, category."""
    text = joined(w)
    tokens = text.split()
    kind = w.integer(0, 7)
    if kind == 0:
        what = w.pick(("le parole con l'iniziale maiuscola", "le parole che iniziano in maiuscolo"))
        return _listed(w, what, CAPITAL.findall(text), text)
    if kind == 1:
        letter = w.pick(_VOWEL_LETTERS)
        found = [t for t in WORD.findall(text) if t[0].lower() == letter]
        return _listed(w, f"le parole che cominciano con la lettera {letter}", found, text)
    if kind == 2:
        sign = w.pick(_SIGNS)
        return _listed(
            w, f"le parole che contengono {sign}", [t for t in tokens if sign in t], text
        )
    if kind == 3:
        end = w.pick(("o", "a", "e", "i", "ne", "to", "re", "no", "ta", "le"))
        found = [t for t in WORD.findall(text) if t.endswith(end)]
        return _listed(w, f"le parole che finiscono in {quoted(w, end)}", found, text)
    if kind == 4:
        size = w.integer(6, 11)
        found = [t for t in WORD.findall(text) if len(t) > size]
        return _listed(w, f"le parole con più di {size} lettere", found, text)
    if kind == 5:
        name = w.pick(tuple(lex.CATEGORIES))
        return _listed(w, f"i nomi di {name}", members(text, name), text)
    if kind == 6:
        return _listed(w, "gli hashtag e gli utenti", re.findall(r"[#@]\w+", text), text)
    found = [a or b for a, b in QUOTED.findall(text)]
    return _listed(w, w.pick(("i tratti tra virgolette", "le parti tra virgolette")), found, text)


_FORMS = {
    name: frozenset(x for word in words for x in (word, plural(word)))
    for name, words in lex.CATEGORIES.items()
}


def members(text: str, category: str) -> list[str]:
    """Returns the words of a text that belong to a category of the lexicon, in order."""
    forms = _FORMS[category]
    return [t for t in WORD.findall(text) if t.lower() in forms]


def _categorical(w: Writer, names: list[str]) -> str:
    """Returns a text in which each of the categories has a fair chance to occur."""
    sentences = w.sentences(None, w.integer(30, 160))
    for name in names:
        if w.random() < 0.5:
            word = w.pick(lex.CATEGORIES[name])
            tokens = w.pick(sentences).split()
            tokens.insert(w.integer(0, len(tokens)), word)
            sentences.insert(w.integer(0, len(sentences)), " ".join(tokens))
    return " ".join(sentences)


def contains(w: Writer) -> Draft | None:
    """Says whether a string occurs, with the answer words of the instruction."""
    text = joined(w)
    tokens = text.split()
    if len(tokens) < 4:
        return None
    count = w.pick((1, 1, 1, 2, 3))
    at = w.integer(0, len(tokens) - count) if len(tokens) >= count else 0
    sought = " ".join(clean(t) if count == 1 else t for t in tokens[at : at + count])
    if w.random() < 0.5:
        x = w.random()
        if x < 0.5:
            sought = w.noun() if count == 1 else w.noun() + " " + w.adjective()
        elif x < 0.8:
            other = joined(w).split()
            sought = clean(w.pick(other))
        else:
            sought = sought[::-1] if w.random() < 0.3 else sought[:-1] + w.pick("aeioutn")
    yes, no = options(w, 2)
    answer = yes if sought in text else no
    q = quoted(w, sought)
    return Draft(
        w.pick(
            (
                f"Il testo contiene {q}? Rispondi {yes} oppure {no}.",
                f"Nel testo compare {q}? Rispondi {yes} se compare, {no} altrimenti.",
                f"Cerca {q} nel testo. Se c'è scrivi {yes}, se non c'è scrivi {no}.",
                f"Scrivi {no} se manca {q}, {yes} se è presente.",
                f"{q} si trova nel testo? ({yes}/{no})",
                f"Stabilisci se nel testo c'è {q}: {yes} = c'è, {no} = non c'è.",
            )
        ),
        text,
        answer,
    )


def choose(w: Writer) -> Draft | None:
    """Chooses which of the stated options occurs, occurs most or occurs first."""
    text = joined(w)
    words = [t for t in WORD.findall(text) if len(t) > 1]
    if len(words) < 6:
        return None
    kind = w.integer(0, 2)
    size = w.integer(2, 5)
    counts = {t: words.count(t) for t in words}
    if kind == 0:
        right = w.pick(words)
        choices = [right]
        while len(choices) < size:
            other = w.noun() if w.random() < 0.7 else w.surname()
            if other not in text and other not in choices:
                choices.append(other)
        question = w.pick(("compare nel testo", "è presente nel testo", "si trova nel testo"))
    elif kind == 1:
        choices = list({w.pick(words): 0 for _ in range(size)})
        right = min(choices, key=words.index)
        question = w.pick(("compare per prima", "viene prima nel testo", "si incontra per prima"))
    else:
        right = max(counts, key=lambda t: counts[t])
        rest = [t for t in counts if counts[t] < counts[right]]
        if not rest:
            return None
        choices = list({right: 0} | {w.pick(rest): 0 for _ in range(size - 1)})
        question = w.pick(("compare più volte", "è la più frequente", "ricorre di più"))
    if len(choices) < 2:
        return None
    w.rng.shuffle(choices)
    listing = ", ".join(choices)
    return Draft(
        w.pick(
            (
                f"Quale di queste parole {question}: {listing}?",
                f"Scegli tra {listing} quella che {question}.",
                f"Opzioni: {listing}. Scrivi quella che {question}.",
                f"Una sola tra {listing} {question}. Quale?",
                f"Indica quale tra {listing} {question}.",
            )
        ),
        text,
        right,
        (right,),
    )


def decimals(w: Writer) -> Draft | None:
    """Counts three things and writes the counts, or given numbers, with two decimals."""
    text = joined(w, None, w.integer(40, 140))
    signs = w.rng.sample(list(",.!?%-/ea"), 3)
    k = w.integer(2, 3)
    counts = [min(9, text.count(s)) for s in signs[:k]]
    listing = ", ".join(signs[:k])
    return Draft(
        w.pick(
            (
                f"Conta i caratteri {listing} (al massimo 9) e scrivi {k} numeri con due "
                "decimali, separati da spazi.",
                f"Scrivi quante volte compaiono {listing}: {k} numeri con due decimali, massimo "
                "9.00.",
            )
        ),
        text,
        " ".join(f"{c}.00" for c in counts),
    )


def _halves(w: Writer) -> tuple[list[str], list[str], str]:
    genre = w.pick(("news", "everyday", "opinion", "social", "clinical", "noise"))
    a = joined(w, genre, w.integer(15, 110)).split()
    b = joined(w, genre, w.integer(15, 110)).split()
    return a, b, markers(w, 1)[0]


def compare(w: Writer) -> Draft | None:
    """Compares two parts separated by a random marker."""
    a, b, m = _halves(w)
    kind = w.integer(0, 5)
    if kind == 0:
        if w.random() < 0.5:
            b = list(a)
        elif w.random() < 0.7:
            b = list(a)
            b[w.integer(0, len(b) - 1)] = w.noun()
        yes, no = options(w, 2)
        question = w.pick(
            (
                f"Le due parti separate da {m} sono identiche? {yes} se lo sono, {no} altrimenti.",
                f"Confronta ciò che precede e ciò che segue {m}: rispondi {yes} se è lo stesso "
                f"testo, {no} se cambia qualcosa.",
                f"Prima e dopo {m} c'è la stessa frase? Rispondi {yes} o {no}.",
            )
        )
        answer = yes if a == b else no
    elif kind == 1:
        if abs(len(a) - len(b)) < 2:
            return None
        x, y = options(w, 2)
        question = w.pick(
            (
                f"Quale parte ha più parole? {x} se quella prima di {m}, {y} se quella dopo.",
                f"Rispondi {x} se la parte prima di {m} è più lunga, {y} se è più lunga l'altra.",
                f"Il separatore è {m}. Parte più lunga: la prima = {x}, la seconda = {y}.",
            )
        )
        answer = x if len(a) > len(b) else y
    elif kind == 2:
        word = clean(w.pick(a))
        if w.random() < 0.5:
            b.insert(w.integer(0, len(b)), word)
        yes, no = options(w, 2)
        q = quoted(w, word)
        question = w.pick(
            (
                f"{q} compare sia prima sia dopo {m}? {yes} oppure {no}.",
                f"La parola {q} si trova in entrambe le parti divise da {m}? Rispondi {yes} se è "
                f"così, {no} se no.",
                f"Scrivi {yes} se {q} è nelle due parti separate da {m}, {no} se è in una sola.",
            )
        )
        answer = yes if word in map(clean, a) and word in map(clean, b) else no
    elif kind == 3:
        a = a[:8]
        b = a[::-1]
        if len(a) < 3:
            return None
        if w.random() < 0.5:
            w.rng.shuffle(b)
        yes, no = options(w, 2)
        question = w.pick(
            (
                f"Dopo {m} ci sono le stesse parole in ordine inverso? Rispondi {yes} o {no}.",
                f"La parte dopo {m} è la prima rovesciata parola per parola? {yes} se lo è, {no} "
                "se no.",
            )
        )
        answer = yes if b == a[::-1] else no
    elif kind == 4:
        if w.random() < 0.5:
            b = [a[-1], *b]
        yes, no = options(w, 2)
        question = w.pick(
            (
                f"La parte dopo {m} comincia con l'ultima parola della parte prima? {yes} o {no}.",
                f"L'ultima parola prima di {m} e la prima dopo {m} sono la stessa? Rispondi {yes} "
                f"se lo sono, altrimenti {no}.",
            )
        )
        answer = yes if a[-1] == b[0] else no
    else:
        first = w.random() < 0.5
        part = (a if first else b)[:25]
        if first:
            a = part
        else:
            b = part
        side = "prima di" if first else "dopo"
        question = w.pick((f"Copia solo la parte {side} {m}.", f"Che cosa c'è {side} {m}?"))
        answer = " ".join(part)
        return Draft(question, " ".join([*a, m, *b]), answer, (answer,))
    return Draft(question, " ".join([*a, m, *b]), answer)


def mapping(w: Writer) -> Draft | None:
    """Assigns a code word by what the text has: a category of words or a formal feature."""
    kind = w.integer(0, 2)
    if kind == 0:
        name = w.pick(tuple(lex.CATEGORIES))
        text = _categorical(w, [name])
        yes, no = options(w, 2)
        question = w.pick(
            (
                f"Se il testo nomina {name} rispondi {yes}, altrimenti {no}.",
                f"Nel testo ci sono {name}? {yes} se sì, {no} se no.",
                f"Rispondi {no}, a meno che il testo parli di {name}: in tal caso {yes}.",
            )
        )
        return Draft(question, text, yes if members(text, name) else no)
    if kind == 1:
        names = w.rng.sample(list(lex.CATEGORIES), w.integer(2, 4))
        text = _categorical(w, names)
        present = [n for n in names if members(text, n)]
        if len(present) > 1:
            return None
        codes = options(w, len(names) + 1)
        rules = ", ".join(f"{n}: {c}" for n, c in zip(names, codes, strict=False))
        answer = codes[names.index(present[0])] if present else codes[-1]
        return Draft(
            w.pick(
                (
                    f"Che cosa nomina il testo? {rules}, niente di questo: {codes[-1]}.",
                    f"Codici: {rules}. Se nessun codice va bene scrivi {codes[-1]}.",
                    f"Assegna al testo un codice ({rules}; altro: {codes[-1]}).",
                )
            ),
            text,
            answer,
        )
    text = joined(w)
    name, holds = w.pick(
        (
            ("un numero", bool(NUMBER.search(text))),
            ("un punto interrogativo", "?" in text),
            ("un punto esclamativo", "!" in text),
            ("una percentuale", "%" in text),
            ("un hashtag", bool(re.search(r"#\w", text))),
            ("una parola tutta maiuscola", bool(re.search(r"\b[A-ZÀ-Ü]{2,}\b", text))),
            ("una parentesi", "(" in text or ")" in text),
            ("le virgolette «»", "«" in text),
            ("i due punti", ":" in text),
        )
    )
    yes, no = options(w, 2)
    return Draft(
        w.pick(
            (
                f"Se nel testo c'è {name} scrivi {yes}, altrimenti scrivi {no}.",
                f"{yes} = il testo ha {name}; {no} = non ce l'ha.",
                f"Rispondi {no} quando manca {name}, {yes} quando c'è.",
            )
        ),
        text,
        yes if holds else no,
    )


def _before(text: str, at: int) -> str | None:
    """Returns the whitespace-separated word before the one that covers position `at`."""
    start = text.rfind(" ", 0, at) + 1
    left = text[:start].rstrip()
    return clean(left[left.rfind(" ") + 1 :]) if left else None


def _after(text: str, at: int) -> str | None:
    """Returns the whitespace-separated word after the one that ends at or after `at`."""
    end = text.find(" ", at)
    if end < 0:
        return None
    right = text[end + 1 :].split(" ", 1)[0]
    return clean(right) if right else None


def _by_match(pattern: re.Pattern[str], after: bool) -> Callable[[str], Pairs | None]:
    def found(text: str) -> Pairs | None:
        out: Pairs = []
        for m in pattern.finditer(text):
            group = next((g for g in m.groups() if g), m.group()) if m.groups() else m.group()
            other = _after(text, m.end()) if after else _before(text, m.start())
            if other is None:
                return None
            out.append((group, other))
        return out

    return found


def _long_before(pattern: re.Pattern[str]) -> Callable[[str], Pairs | None]:
    def found(text: str) -> Pairs | None:
        out: Pairs = []
        words = [(m.end(), m.group()) for m in WORD.finditer(text) if m.end() - m.start() >= 5]
        for m in pattern.finditer(text):
            left = [word for end, word in words if end <= m.start()]
            if not left:
                return None
            out.append((m.group().strip(), left[-1]))
        return out

    return found


def _colon(text: str) -> Pairs:
    return [
        (m.group(1), m.group(2))
        for m in re.finditer(r"([^\W\d_]+): ([^,.;:]+?)(?=[,;:]|\.(?!\d)|$)", text)
    ]


def _joined_by_e(text: str) -> Pairs:
    return [
        (m.group(1), m.group(2))
        for m in re.finditer(r"(?<!\w)([^\W\d_]+) (?:e|ed) ([^\W\d_]+)", text)
    ]


def _shared(text: str) -> Pairs:
    out: Pairs = []
    for m in re.finditer(r"(?<!\w)([^\W\d_]+) (?:e|ed) ([^\W\d_]+) ([^\s.,;:!?]+)", text):
        out += [(m.group(1), m.group(3)), (m.group(2), m.group(3))]
    return out


def _to_comma(text: str) -> Pairs:
    return [
        (m.group(1), m.group(2))
        for m in re.finditer(r"(\d+(?:[.,]\d+)*) ([^,.;:!?]+?)(?=[,;:!?]|\.(?!\d)|$)", text)
    ]


def _around_di(text: str) -> Pairs:
    return [
        (m.group(1), m.group(2))
        for m in re.finditer(r"([^\W\d_]+) (?:di|da|con) ([^\W\d_]+(?: [^\W\d_]+)?)", text)
    ]


_FIXED: tuple[tuple[str, str, Callable[[str], Pairs | None], str], ...] = (
    ("numero", "parola che lo segue", _by_match(NUMBER, True), "clinical"),
    ("numero", "parola che lo precede", _by_match(NUMBER, False), "clinical"),
    ("valore con unità", "parola che lo precede", _by_match(VALUE, False), "clinical"),
    ("valore con unità", "parola più vicina a sinistra di almeno 5 lettere", _long_before(VALUE),
     "clinical"),
    ("numero", "parola precedente di 5 o più lettere più vicina", _long_before(NUMBER), "clinical"),
    ("tratto tra virgolette", "parola dopo le virgolette", _by_match(QUOTED, True), "news"),
    ("tratto tra parentesi", "parola prima della parentesi", _by_match(PARENTHESES, False),
     "clinical"),
    ("parola maiuscola", "parola che la segue", _by_match(CAPITAL, True), "news"),
    ("parola maiuscola", "parola che la precede", _by_match(CAPITAL, False), "news"),
    ("parola prima dei due punti", "testo dopo i due punti fino al segno successivo", _colon,
     "clinical"),
    ("parola prima della congiunzione e", "parola dopo la congiunzione e", _joined_by_e, ""),
    ("parola unita da e", "parola che segue le due unite da e", _shared, "clinical"),
    ("numero seguito da spazio", "testo che lo segue fino al segno di punteggiatura", _to_comma,
     "clinical"),
    ("parola prima di di, da, con", "una o due parole dopo di, da, con", _around_di, ""),
    ("hashtag o utente", "parola che lo segue", _by_match(re.compile(r"[#@]\w+"), True), "social"),
    ("hashtag o utente", "parola che lo precede", _by_match(re.compile(r"[#@]\w+"), False),
     "social"),
    ("parola tutta maiuscola", "parola che la segue",
     _by_match(re.compile(r"\b[A-ZÀ-Ü]{2,}\b"), True), "clinical"),
)  # fmt: skip


def _criterion(w: Writer, text: str) -> tuple[str, str, Pairs | None]:
    """Returns a criterion that depends on drawn letters, endings, words or categories."""
    kind = w.integer(0, 4)
    after = w.random() < 0.5
    second = "parola che la segue" if after else "parola che la precede"
    if kind == 0:
        letter = w.pick(_VOWEL_LETTERS)
        pattern = re.compile(rf"\b[{letter}{letter.upper()}][^\W\d_]+")
        return f"parola che comincia con {letter}", second, _by_match(pattern, after)(text)
    if kind == 1:
        end = w.pick(("zione", "one", "to", "re", "ta", "ino", "ato", "ica", "le", "io"))
        pattern = re.compile(rf"\b[^\W\d_]+{end}\b")
        return f"parola in -{end}", second, _by_match(pattern, after)(text)
    if kind == 2:
        sign = w.pick("%+-/#<>€°=(")
        pattern = re.compile(rf"\S*{re.escape(sign)}\S*")
        return f"gruppo con il segno {sign}", second, _by_match(pattern, after)(text)
    if kind == 3:
        words = [t for t in WORD.findall(text) if len(t) > 2]
        if len(words) < 3:
            return "", "", None
        chosen = list(dict.fromkeys(w.pick(words) for _ in range(w.integer(1, 3))))
        if w.random() < 0.25:
            chosen = [w.noun()]
        pattern = re.compile(r"\b(" + "|".join(map(re.escape, chosen)) + r")\b")
        return "parola tra " + ", ".join(chosen), second, _by_match(pattern, after)(text)
    name = w.pick(tuple(lex.CATEGORIES))
    pattern = re.compile(r"\b(" + "|".join(sorted(_FORMS[name], key=len, reverse=True)) + r")\b")
    return f"nome di {name}", second, _by_match(pattern, after)(text)


def pairs(w: Writer) -> Draft | None:
    """Extracts pairs by a criterion, between random markers that the instruction names."""
    want_none = w.random() < 0.2
    for _ in range(8):
        if w.random() < 0.6:
            first, second, function, genre = w.pick(_FIXED)
            other = want_none or not genre or w.random() < 0.25
            text = joined(w, None if other else genre)
            found = function(text)
        else:
            text = joined(w)
            first, second, found = _criterion(w, text)
        if found is not None and (not found) == want_none and len(found) <= 9:
            break
    else:
        return None
    if w.random() < 0.35:
        first, second = second, first
        found = [(b, a) for a, b in found]
    layout = w.integer(0, 9)
    names = markers(w, 4)
    a, b, c, d = names
    if layout < 6:
        shape, glue = "{a} {x} {b} {y} {c}", w.pick((" ", " ", " ", " ", ", ", "; "))
    elif layout < 8:
        shape, glue = "{a} {x} {b} {y}", w.pick((" ", " ", " ; "))
    else:
        shape, glue = "{x} {b} {y}", f" {c} "
    none = d if w.random() < 0.75 else options(w, 1)[0]
    frame = shape.format(a=a, b=b, c=c, x=first, y=second)
    generic = shape.format(a=a, b=b, c=c, x="X", y="Y")
    between = "" if glue == " " else f" Tra una coppia e l'altra metti {glue.strip()}."
    absent = w.pick(
        (
            f"Se non ce n'è scrivi {none}.",
            f"Se non ci sono casi rispondi {none}.",
            f"Altrimenti {none}.",
            f"Scrivi {none} se il testo non ne ha.",
            f"In mancanza: {none}.",
        )
    )
    instruction = w.pick(
        (
            f"Per ogni caso scrivi {frame}.{between} {absent}",
            f"Estrai tutte le coppie nella forma {frame}.{between} {absent}",
            f"Trova le coppie ({first}, {second}) e scrivile come {generic}.{between} {absent}",
            f"Individua ogni coppia X = {first}, Y = {second}. Formato: {generic}.{between} "
            f"{absent}",
            f"{absent} Se invece ce ne sono, per ciascuno {frame}.{between}",
            f"Riporta nell'ordine del testo, copiando alla lettera: {frame}.{between} {absent}",
            f"Formato della risposta: {generic}, dove X è: {first}; Y è: {second}.{between} "
            f"{absent}",
            f"Elenca le coppie: {first} e {second}. Apri con {a}, dividi con {b}, chiudi con {c}. "
            f"{absent}"
            if layout < 6 and glue == " "
            else f"Scrivi le coppie così: {frame}.{between} {absent}",
        )
    )
    answer = glue.join(shape.format(a=a, b=b, c=c, x=x, y=y) for x, y in found) if found else none
    spans = tuple(span for pair in found for span in pair)
    return Draft(instruction, text, answer, spans)


def marked_list(w: Writer) -> Draft | None:
    """Lists one kind of thing, each between or after random markers."""
    base = list_numbers(w) if w.random() < 0.4 else list_words(w)
    if base is None or (not base.spans and w.random() < 0.5):
        return None
    match = re.search(
        r"(?:tutti i numeri|i numeri con la loro unità|i numeri|tutte le cifre|i valori con unità|"
        r"le parole [^,]*?|i nomi di [^,?]+?|gli hashtag e gli utenti|i tratti tra virgolette|"
        r"le parti tra virgolette)(?=,|\?| nell'ordine| e copiali)",
        base.instruction,
    )
    if match is None:
        return None
    what = match.group()
    a, b, none = markers(w, 3)
    if w.random() < 0.6:
        shape = f"{a} {{}} {b}"
    else:
        shape = f"{a} {{}}"
        b = ""
    example = shape.replace("{}", "...")
    return Draft(
        w.pick(
            (
                f"Scrivi {what}, ciascuno nella forma {example}. Se mancano, {none}.",
                f"Estrai {what} così: {example}; {none} se non ce ne sono.",
                f"Copia {what}, uno per uno, come {example}. Nessun caso: {none}.",
                f"Se il testo non ne ha rispondi {none}; altrimenti per {what} scrivi {example}.",
            )
        ),
        base.input,
        " ".join(shape.replace("{}", s) for s in base.spans) if base.spans else none,
        base.spans,
    )


_TYPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("numero", NUMBER),
    ("sequenza di parole con l'iniziale maiuscola", CAPITAL_RUN),
    ("hashtag", re.compile(r"#\w+")),
    ("utente", re.compile(r"@\w+")),
    ("parola in -o di almeno 6 lettere", re.compile(r"\b[a-zàèéìòù]{5,}o\b")),
    ("parola in -a di almeno 6 lettere", re.compile(r"\b[a-zàèéìòù]{5,}a\b")),
    ("parola in -e di almeno 6 lettere", re.compile(r"\b[a-zàèéìòù]{5,}e\b")),
    *(
        (f"nome di {name}", re.compile(r"\b(?:" + "|".join(sorted(forms, key=len)[::-1]) + r")\b"))
        for name, forms in _FORMS.items()
    ),
)


def typed_list(w: Writer) -> Draft | None:
    """Lists two or three kinds of things in order of occurrence, each after its own marker."""
    size = w.pick((2, 2, 3))
    want_none = w.random() < 0.2
    for _ in range(6):
        kinds = w.rng.sample(_TYPES, size)
        text = joined(w, w.pick(("news", "news", "literary", "everyday", "social", "clinical")))
        names = markers(w, size + 1)
        found = sorted(
            (m.start(), m.end(), tag, m.group())
            for (_, pattern), tag in zip(kinds, names, strict=False)
            for m in pattern.finditer(text)
        )
        clash = any(a[1] > b[0] for a, b in zip(found, found[1:], strict=False))
        if not clash and (not found) == want_none and len(found) <= 10:
            break
    else:
        return None
    none = names[-1] if w.random() < 0.5 else options(w, 1)[0]
    rules = ", ".join(f"{tag} {kind}" for (kind, _), tag in zip(kinds, names, strict=False))
    return Draft(
        w.pick(
            (
                f"Riporta nell'ordine del testo: {rules}. Se non c'è nulla scrivi {none}.",
                f"Segna ogni elemento con la sua sigla ({rules}); {none} se non ce ne sono.",
                f"Elenca gli elementi preceduti dalla sigla: {rules}. In mancanza {none}.",
                f"Sigle: {rules}. Copia ogni elemento dopo la sua sigla, oppure scrivi {none}.",
            )
        ),
        text,
        " ".join(f"{tag} {span}" for _, _, tag, span in found) if found else none,
        tuple(span for _, _, _, span in found),
    )


def record(w: Writer) -> Draft | None:
    """Fills a stated frame with a word and one or two numbers of the text."""
    text = numeric(w)
    numbers = NUMBER.findall(text)
    words = [t for t in CAPITAL.findall(text) if len(t) > 2]
    if len(numbers) < 2 or not words:
        return None
    a, b = markers(w, 2)
    two = w.random() < 0.6
    answer = f"{a} {words[0]} {b} " + " ".join(numbers[: 2 if two else 1])
    what = "i primi due numeri" if two else "il primo numero"
    return Draft(
        w.pick(
            (
                f"Scrivi {a}, la prima parola maiuscola di almeno 3 lettere, {b} e {what}.",
                f"Completa: {a} PAROLA {b} {'NUM NUM' if two else 'NUM'}, con la prima parola "
                f"maiuscola di 3 o più lettere e {what} del testo.",
            )
        ),
        text,
        answer,
        (words[0], *numbers[: 2 if two else 1]),
    )


FAMILIES: dict[str, tuple[Family, int]] = {
    "repeat": (repeat, 4),
    "repeat_between": (repeat_between, 4),
    "marked_part": (marked_part, 3),
    "neighbour": (neighbour, 5),
    "edge_sentence": (edge_sentence, 2),
    "list_numbers": (list_numbers, 3),
    "list_words": (list_words, 4),
    "contains": (contains, 3),
    "choose": (choose, 3),
    "decimals": (decimals, 1),
    "compare": (compare, 3),
    "mapping": (mapping, 6),
    "pairs": (pairs, 22),
    "marked_list": (marked_list, 5),
    "typed_list": (typed_list, 6),
    "record": (record, 2),
    **COMPARING,
}
