"""Families of lessons in comparing: what comes again, what stands beside what, what comes first.

A model learns to compare sooner if more than one token of an answer depends on it. So the same
question comes in three forms: one answer about the whole text, an answer for each of its parts, and
the word itself, to be copied, where there is one.
"""

import re
from collections.abc import Callable, Sequence

from recipes.base import lexicon as lex
from recipes.base.drafts import FIXED, Draft, markers, options, quoted
from recipes.base.texts import Writer

NEAR = 0.15
"""Share of the other words that differ from one of the text in a letter."""
_GENRES = ("everyday", "news", "opinion", "social", "literary", "clinical", "common", "common")
_BORDERS = (
    "Poi:",
    "Replica:",
    "E un altro:",
    "P.S.",
    "Commento:",
    "Invece",
    "Qui sotto:",
    "Ma lui:",
)
_CAPITAL = re.compile(r"(?<!\w)[A-ZÀÈÉÌÒÙ][^\W\d_]{2,}")


def yes_and_no(w: Writer) -> tuple[str, str]:
    """Returns the words for yes and no."""
    yes, no = ("sì", "no") if w.chance(FIXED) else options(w, 2)
    return yes, no


def thing(w: Writer) -> str:
    """Returns a name, a word or a number."""
    x = w.random()
    if x < 0.45:
        return w.surname() if x < 0.35 else w.city()
    if x < 0.85:
        return w.pick(lex.COMMON) if x < 0.65 else w.noun() if x < 0.78 else w.pseudo()
    return w.acronym() if x < 0.92 else w.whole()


def things(w: Writer, count: int, make: Callable[[Writer], str] = thing) -> list[str]:
    """Returns different things, none of which stands in another one."""
    out: list[str] = []
    while len(out) < count:
        one = make(w)
        long = len(one) > 2 or one.isdigit()  # single letters would stand in all that follow
        if long and not any(one in other or other in one for other in out):
            out.append(one)
    return out


def name(w: Writer) -> str:
    """Returns an invented name of a person or a place."""
    return w.surname() if w.chance(0.75) else w.city()


def near(w: Writer, word: str) -> str:
    """Returns a word that differs from a word in one letter."""
    at = w.integer(0, len(word) - 1)
    return word[:at] + w.pick("aeioulnrst") + word[at + 1 :]


def others(w: Writer, known: Sequence[str], count: int) -> list[str]:
    """Returns words that are not among the known ones, some of them nearly."""
    out: list[str] = []
    while len(out) < count:
        one = near(w, w.pick(known)) if w.chance(NEAR) else thing(w)
        if one not in known and one not in out:
            out.append(one)
    return out


def naming(w: Writer, names: Sequence[str]) -> str:
    """Returns a sentence into which names are put, in their order, or the names alone."""
    if w.chance(0.25):
        return w.pick((" ", " ", ", ", " e ")).join(names) + w.pick(("", ".", " ."))
    tokens = w.sentence(w.pick(_GENRES)).split()
    start = w.integer(0, max(0, len(tokens) - 4))
    tokens = tokens[start : start + w.integer(2, 9)]
    for at, one in zip(
        sorted((w.integer(0, len(tokens)) for _ in names), reverse=True),
        reversed(names),
        strict=True,
    ):
        tokens.insert(at, one)
    return " ".join(tokens)


def border(w: Writer) -> tuple[str, str, str]:
    """Returns what separates two parts, and how an instruction names both parts."""
    x = w.random()
    m = markers(w, 1)[0] if x < 0.5 else w.pick(_BORDERS if x < 0.85 else ("|", "/", "—"))
    before, after = w.pick(
        (
            (f"prima di {m}", f"dopo {m}"),
            (f"davanti a {m}", f"dietro {m}"),
            (f"nella parte prima di {m}", f"in quella dopo {m}"),
        )
    )
    return m, before, after


def flagged(w: Writer) -> Draft:
    """Says of each word of the second part whether it stands in the first."""
    yes, no = yes_and_no(w)
    m, before, after = border(w)
    a = things(w, w.integer(1, 7))
    b = [w.pick(a) if w.chance(0.5) else others(w, a, 1)[0] for _ in range(w.pick((1, 2, 3, 4, 5)))]
    echo = w.chance(0.7)
    how = "dopo averla copiata, scrivi" if echo else "scrivi"
    question = w.pick(
        (
            f"Per ogni parola {after} {how} {yes} se c'è anche {before}, {no} se manca.",
            f"Le parole {after} stanno anche {before}? Per ciascuna {how} {yes} o {no}.",
            f"Per ogni parola {after} {how} {no} se non è {before}, altrimenti {yes}.",
        )
    )
    flags = [yes if one in a else no for one in b]
    answer = [f"{one} {flag}" if echo else flag for one, flag in zip(b, flags, strict=True)]
    return Draft(question, " ".join([*a, m, *b]), w.pick((" ", " ", ", ")).join(answer))


def same_lines(w: Writer) -> Draft:
    """Says of each line whether its two words are the same."""
    yes, no = yes_and_no(w)
    sign = w.pick((" - ", " / ", " = ", " | ", " , "))
    firsts = things(w, w.integer(1, 6))
    seconds = [one if w.chance(0.5) else others(w, [one], 1)[0] for one in firsts]
    flags = [yes if x == y else no for x, y in zip(firsts, seconds, strict=True)]
    echo = w.chance(0.5)
    how = "scrivi la prima parola e" if echo else "scrivi"
    question = w.pick(
        (
            f"In ogni riga ci sono due parole: {how} {yes} se sono identiche fra loro, {no} se no.",
            f"Riga per riga {how} {yes} se la parola si ripete, altrimenti {no}.",
        )
    )
    answer = [f"{one} {flag}" if echo else flag for one, flag in zip(firsts, flags, strict=True)]
    lines = [x + sign + y for x, y in zip(firsts, seconds, strict=True)]
    return Draft(question, "\n".join(lines), " ".join(answer))


def shared_name(w: Writer) -> Draft:
    """Says whether two parts name the same person or place."""
    a, b, *rest = things(w, 6, name)
    share = w.chance(0.5)
    if not share and w.chance(NEAR):
        b = near(w, a)
        share = a == b
    first = [a, *rest[: w.pick((0, 0, 0, 1, 2))]]
    second = [a if share else b, *rest[2 : 2 + w.pick((0, 0, 0, 1, 2))]]
    w.rng.shuffle(first)
    w.rng.shuffle(second)
    yes, no = yes_and_no(w)
    m, before, after = border(w) if w.chance(0.7) else ("", "all'inizio", "alla fine")
    question = w.pick(
        (
            f"Lo stesso nome proprio è {before} e {after}? Rispondi {yes} o {no}.",
            f"Un nome torna {before} e {after}? {yes} se torna, {no} se no.",
            f"Rispondi {yes} se {before} e {after} si parla dello stesso luogo o della stessa "
            f"persona, {no} altrimenti.",
            f"Quello che sta {after} nomina chi è nominato {before}? Scrivi {yes} o {no}.",
            f"Scrivi {no} se i nomi {before} e {after} sono tutti diversi, {yes} se uno si ripete.",
        )
    )
    text = " ".join(filter(None, (naming(w, first), m, naming(w, second))))
    return Draft(question, text, yes if share else no)


def repeated_name(w: Writer) -> Draft:
    """Copies the only name that stands in two sentences, or says that there is none."""
    names = things(w, w.integer(2, 5), name)
    again = w.chance(0.6)
    kept = [[one] for one in names]
    if again:
        kept.insert(w.integer(1, len(kept)), [names[0]])
    none = "no" if w.chance(FIXED) else options(w, 1)[0]
    question = w.pick(
        (
            f"Quale nome compare due volte? Se non ce n'è, {none}.",
            f"Copia il nome proprio che si ripete; scrivi {none} se sono tutti diversi.",
            f"Se un nome torna una seconda volta scrivilo, altrimenti {none}.",
            f"Chi o che cosa è nominato due volte? {none} se non c'è.",
        )
    )
    text = " ".join(naming(w, part) for part in kept)
    return Draft(question, text, names[0] if again else none, (names[0],) if again else ())


def on_topic(w: Writer) -> Draft:
    """Says of each sentence whether it names what the first one names, or counts those."""
    size = w.integer(1, 4)
    topic, *rest = things(w, size + 1, name)
    parts = [topic if w.chance(0.5) else other for other in rest]
    text = " ".join(naming(w, [part]).rstrip(". ") + "." for part in (topic, *parts))
    about = topic if w.chance(0.4) else w.pick(("il primo nome", "il nome iniziale"))
    again = parts.count(topic)
    yes, no = yes_and_no(w)
    kind = w.integer(0, 3)
    if kind < 2:
        question = w.pick(
            (
                f"Dopo la prima, quali frasi nominano {about}? Per ognuna {yes} o {no}.",
                f"Per ogni frase dopo la prima scrivi {yes} se torna {about}, {no} se no.",
            )
        )
        answer = " ".join(yes if part == topic else no for part in parts)
    elif kind == 2:
        question = w.pick(
            (
                f"Tutte le frasi nominano {about}? Rispondi {yes} o {no}.",
                f"Scrivi {yes} se ogni frase parla di {about}, {no} se una parla d'altro.",
            )
        )
        answer = yes if again == size else no
    else:
        two = w.chance(0.5)
        tail = "con due decimali" if two else "con una cifra"
        question = w.pick(
            (
                f"Quante frasi dopo la prima nominano {about}? Rispondi {tail}.",
                f"Conta le frasi, dopo la prima, in cui torna {about}, e rispondi {tail}.",
            )
        )
        answer = f"{again}.00" if two else str(again)
    return Draft(question, text, answer)


def lookup(w: Writer) -> Draft:
    """Looks up what stands beside each of the stated words in a list of pairs."""
    size = w.integer(1, 8)
    every = things(w, 2 * size)
    keys, values = every[:size], every[size:]
    inner, outer = w.pick(((" ", ", "), (": ", "; "), (" = ", ", "), (" - ", "\n"), (": ", "\n")))
    if w.chance(0.2):
        inner = f" {markers(w, 1)[0]} "
    text = outer.join(k + inner + v for k, v in zip(keys, values, strict=True))
    sought = w.rng.sample(range(size), w.integer(1, min(size, 5)))
    backwards = w.chance(0.3)
    asked, answers = (values, keys) if backwards else (keys, values)
    echo = w.chance(0.3)
    listing = ", ".join(asked[k] for k in sought)
    side = "prima" if backwards else "dopo"
    question = w.pick(
        (
            f"Quale parola è in coppia, {side}, con {listing}?",
            f"Scrivi ciò che nella coppia sta {side} di {listing}, nell'ordine.",
            f"Cerca {listing} e copia quello che trovi subito {side}.",
        )
    )
    if echo:
        question += " Ripeti ogni volta la parola cercata."
    found = [f"{asked[k]} {answers[k]}" if echo else answers[k] for k in sought]
    return Draft(question, text, ", ".join(found), tuple(answers[k] for k in sought))


def next_words(w: Writer) -> Draft | None:
    """Copies the word after, or before, each of the stated words of a text."""
    tokens = " ".join(w.sentences(None, w.integer(20, 140))).split()
    once = [i for i, t in enumerate(tokens) if tokens.count(t) == 1 and "," not in t]
    after = w.chance(0.6)
    places = [i for i in once if (i + 1 < len(tokens) if after else i)]
    if len(places) < 2:
        return None
    chosen = w.rng.sample(places, w.integer(1, min(4, len(places))))
    answer = [tokens[i + 1 if after else i - 1] for i in chosen]
    listing = ", ".join(tokens[i] for i in chosen)
    verb = "segue" if after else "precede"
    question = w.pick(
        (
            f"Quale parola {verb} ciascuna di queste: {listing}?",
            f"Per ognuna di queste parole scrivi quella che la {verb}: {listing}.",
            f"{listing}: copia la parola che {verb} ognuna.",
        )
    )
    return Draft(question, " ".join(tokens), " | ".join(answer), tuple(answer))


def which_first(w: Writer) -> Draft | None:
    """Says which of two or three stated words comes first, or whether one comes before another."""
    if w.chance(0.5):
        tokens = things(w, w.integer(2, 8))
        text = " ".join(tokens)
    else:
        text = " ".join(w.sentences(None, w.integer(20, 140)))
        tokens = [t for t in re.findall(r"[^\W\d_]{3,}", text) if text.count(t) == 1]
    if len(tokens) < 3:
        return None
    chosen = w.rng.sample(tokens, w.pick((2, 2, 3)))
    first = min(chosen, key=text.index)
    if len(chosen) == 2 and w.chance(0.6):
        x, y = chosen
        yes, no = yes_and_no(w)
        question = w.pick(
            (
                f"{quoted(w, x)} viene prima di {quoted(w, y)}? Rispondi {yes} o {no}.",
                f"Rispondi {yes} se {x} sta prima di {y}, {no} se sta dopo.",
                f"Prima {x} e poi {y}: è questo l'ordine? {yes} oppure {no}.",
            )
        )
        return Draft(question, text, yes if first == x else no)
    listing = ", ".join(chosen)
    question = w.pick(
        (
            f"Quale viene prima: {listing}?",
            f"Scrivi quella che si incontra per prima tra {listing}.",
            f"{listing}: qual è la prima nel testo?",
        )
    )
    return Draft(question, text, first, (first,))


def scoped(w: Writer) -> Draft | None:
    """Answers about one part of a text alone, whatever stands in the other one."""
    m, before, after = border(w)
    parts = [" ".join(w.sentences(w.pick(_GENRES), w.integer(10, 90))) for _ in range(2)]
    x = w.random()
    if x < 0.25:
        opening, closing = w.pick((("«", "»"), ('"', '"'), ("(", ")")))
        parts[1] = opening + parts[1].replace('"', "") + closing
        m, before, after = "", f"fuori da {opening} {closing}", f"tra {opening} e {closing}"
    elif x < 0.4:
        m, before, after = "\n", "nella prima riga", "nella seconda riga"
    side = w.integer(0, 1)
    where = (before, after)[side]
    kind = w.integer(0, 2)
    if kind == 0:
        groups = w.rng.sample(list(lex.CATEGORIES), w.integer(2, 3))
        named = [w.pick(groups), w.pick(groups)]
        for i in (0, 1):
            tokens = parts[i].split(" ")
            tokens.insert(w.integer(1, len(tokens)), w.pick(lex.CATEGORIES[named[i]]))
            parts[i] = " ".join(tokens)
        listing = ", ".join(groups)
        question = w.pick(
            (
                f"Di che cosa si parla {where}? Scegli tra: {listing}.",
                f"{listing}: quali sono nominati {where}?",
            )
        )
        found = [
            {g for g in lex.CATEGORIES if any(t in lex.CATEGORIES[g] for t in words)}
            for words in (re.findall(r"\w+", part.lower()) for part in parts)
        ]
        if found[side] & set(groups) != {named[side]}:
            return None
        answer, spans = named[side], ()
    elif kind == 1:
        names = [_CAPITAL.findall(part) for part in parts]
        if not names[side] or len(names[side]) > 8:
            return None
        question = f"Copia le parole con l'iniziale maiuscola che stanno {where}."
        answer, spans = " ".join(names[side]), tuple(names[side])
    else:
        sought = w.pick(re.findall(r"\w{3,}", parts[w.integer(0, 1)]) or ["e"])
        yes, no = yes_and_no(w)
        question = w.pick(
            (
                f"{quoted(w, sought)} compare {where}? Rispondi {yes} o {no}.",
                f"Scrivi {yes} se {where} c'è {quoted(w, sought)}, altrimenti {no}.",
            )
        )
        answer, spans = (yes if sought in parts[side] else no), ()
    text = "\n".join(parts) if m == "\n" else " ".join(filter(None, (parts[0], m, parts[1])))
    return Draft(question, text, answer, spans)


def first_group(w: Writer) -> Draft | None:
    """Gives the code of the group of words, of those stated, that is named first or last."""
    size = w.integer(2, 4)
    groups = w.rng.sample(list(lex.CATEGORIES), size)
    stated = w.chance(0.5)
    words = {g: w.rng.sample(lex.CATEGORIES[g], w.integer(1, 3)) for g in groups}
    codes = options(w, size)
    named = w.rng.sample(groups, w.integer(1, min(3, size)))
    last = w.chance(0.25)
    parts = []
    for group in named:
        tokens = w.sentence(w.pick(_GENRES)).split()[: w.integer(1, 8)]
        tokens.insert(w.integer(0, len(tokens)), w.pick(words[group]))
        parts.append(" ".join(tokens))
    rules = ", ".join(
        f"{'/'.join(words[g]) if stated else g}: {c}" for g, c in zip(groups, codes, strict=True)
    )
    which = "per ultimo" if last else "per primo"
    question = w.pick(
        (
            f"Scrivi il codice di ciò che è nominato {which} ({rules}).",
            f"Codici: {rules}. Conta solo ciò che viene {which}.",
            f"{rules}. Quale codice ha ciò che si incontra {which}?",
        )
    )
    members = {word: g for g in groups for word in (words[g] if stated else lex.CATEGORIES[g])}
    text = " ".join(parts)
    if [members[t] for t in re.findall(r"\w+", text) if t in members] != named:
        return None
    return Draft(question, text, codes[groups.index(named[-1 if last else 0])])


COMPARING: dict[str, tuple[Callable[[Writer], Draft | None], int]] = {
    "flagged": (flagged, 8),
    "same_lines": (same_lines, 5),
    "shared_name": (shared_name, 14),
    "repeated_name": (repeated_name, 7),
    "on_topic": (on_topic, 8),
    "lookup": (lookup, 8),
    "next_words": (next_words, 6),
    "which_first": (which_first, 5),
    "scoped": (scoped, 14),
    "first_group": (first_group, 8),
}
"""Families by name, with their weights in the corpus."""
