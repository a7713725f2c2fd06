"""Generated Italian texts: sentence templates filled with real words and pseudo-words.

About a seventh of the content words are pseudo-words with Italian phonotactics, so that all
pieces of the vocabulary are seen and copying does not lean on knowing the words.
"""

import random
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from recipes.base import lexicon as lex

T = TypeVar("T")
PSEUDO_SHARE = 0.15
NAME_SHARE = 0.7
"""Invented names that are taken from a list; the others are made up anew."""

_ONSETS = (
    "b c d f g l m n p r s t v z br cr dr fr gr pr tr bl cl fl pl st sp sc sb sf sm sv sr "
    "ch gh gn gl qu str spr sch gi ci sci h j k w x"
).split()
_ONSET_CUM = [7] * 14 + [3] * 11 + [2] * 12 + [1] * (len(_ONSETS) - 37)
_ONSETS_WEIGHTED = [o for o, n in zip(_ONSETS, _ONSET_CUM, strict=True) for _ in range(n)]
_VOWELS = list("aaaaeeeeiiiioooouu") + ["ia", "io", "ie", "au", "uo", "ai"]
_CODAS = [""] * 22 + ["n", "n", "r", "r", "l", "l", "m", "s", "t", "z", "c"]
_ENDINGS_M = ["o"] * 8 + ["e", "ore", "ino", "ale", "ento", "ismo", "one", "ista", "ico", "è", "ì"]
_ENDINGS_F = ["a"] * 8 + ["e", "ione", "ina", "zione", "ezza", "tà", "ura", "ica", "ità"]
_SHUNNED = re.compile(r"geo|gap|odio|region|destr|sinistr")
_ARTICULATED = {
    "": ("il ", "lo ", "l'", "la ", "i ", "gli ", "le "),
    "d": ("del ", "dello ", "dell'", "della ", "dei ", "degli ", "delle "),
    "a": ("al ", "allo ", "all'", "alla ", "ai ", "agli ", "alle "),
    "in": ("nel ", "nello ", "nell'", "nella ", "nei ", "negli ", "nelle "),
    "da": ("dal ", "dallo ", "dall'", "dalla ", "dai ", "dagli ", "dalle "),
    "su": ("sul ", "sullo ", "sull'", "sulla ", "sui ", "sugli ", "sulle "),
}
_MONTHS = (
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"
).split()
_NOISE = (
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    "àèéìòù.,;:!?'\"()[]{}<>/\\|@#$%^&*-_=+~`€£°§µμ³²½±≥≤×÷→«»“”‘’…–—•™®ñçüöäßéêîôâÀÈÉÌÒÙ"
)


class Writer:
    """A seeded source of words, sentences and texts."""

    def __init__(self, rng: random.Random) -> None:
        """Makes a writer.

        Args:
            rng: the random generator that decides everything the writer makes.
        """
        self.rng = rng
        self.random = rng.random
        self.feminine = False

    def pick(self, options: Sequence[T]) -> T:
        """Returns one element, each as likely."""
        return options[int(self.random() * len(options))]

    def integer(self, low: int, high: int) -> int:
        """Returns an integer from `low` to `high`, both possible."""
        return low + int(self.random() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """Returns True with probability `share`."""
        return self.random() < share

    def stem(self) -> str:
        """Returns one to three random syllables without a final vowel."""
        r = self.random
        syllables = 1 + int(r() * 2.3)
        parts = []
        for _ in range(syllables):
            parts.append(_ONSETS_WEIGHTED[int(r() * len(_ONSETS_WEIGHTED))])
            parts.append(_VOWELS[int(r() * len(_VOWELS))])
            parts.append(_CODAS[int(r() * len(_CODAS))])
        parts.append(_ONSETS_WEIGHTED[int(r() * len(_ONSETS_WEIGHTED))])
        if r() < 0.12:
            parts[0] = ""
        return "".join(parts)

    def pseudo(self, feminine: bool | None = None) -> str:
        """Returns a word that does not exist, in the given gender or any."""
        while True:
            if self.random() < 0.2:
                word = self.splice()
                if not _SHUNNED.search(word):
                    return word
            fem = self.random() < 0.5 if feminine is None else feminine
            word = self.stem() + self.pick(_ENDINGS_F if fem else _ENDINGS_M)
            if not _SHUNNED.search(word):
                return word

    def splice(self) -> str:
        """Returns the head of a word joined to the tail of another.

        The corpus has few real words, so many pieces would only occur as a step towards a longer
        one; cut words train them.
        """
        head, tail = self.pick(_ALL_WORDS), self.pick(_ALL_WORDS)
        word = head[: self.integer(1, len(head))]
        x = self.random()
        if x < 0.4:
            return word + tail[self.integer(0, len(tail) - 1) :]
        return word + self.stem() if x < 0.7 else self.stem() + tail[self.integer(0, 3) :]

    def noun(self) -> str:
        """Returns a singular noun and remembers its gender."""
        fem = self.feminine = self.random() < 0.5
        if self.random() < PSEUDO_SHARE:
            return self.pseudo(fem)
        return self.pick(_NOUNS_F if fem else _NOUNS_M)

    def adjective(self) -> str:
        """Returns an adjective that agrees with the last noun."""
        if self.random() < PSEUDO_SHARE:
            word = self.stem() + self.pick(("o", "oso", "ico", "ale", "ato", "ivo", "ile"))
        else:
            word = self.pick(lex.ADJECTIVES)
        if self.feminine and word[-1] == "o":
            word = word[:-1] + "a"
        return word

    def phrase(self, preposition: str = "") -> str:
        """Returns a noun with its article, maybe joined to a preposition, maybe an adjective."""
        forms = _ARTICULATED[preposition]
        noun = self.noun()
        if self.random() < 0.15:
            noun = plural(noun)
            index = 6 if self.feminine else 5 if _takes_lo(noun) or noun[0] in _V else 4
        elif noun[0] in _V:
            index = 2
        else:
            index = 3 if self.feminine else 1 if _takes_lo(noun) else 0
        text = forms[index] + noun
        if self.random() < 0.22 and index < 4:
            text += " " + self.adjective()
        return text

    def indefinite(self) -> str:
        """Returns a noun with the indefinite article."""
        noun = self.noun()
        if self.feminine:
            article = "un'" if noun[0] in _V else "una "
        else:
            article = "uno " if _takes_lo(noun) else "un "
        return article + noun

    def surname(self) -> str:
        """Returns an invented proper name of one word, mostly one that comes often."""
        if self.random() < NAME_SHARE:
            return self.pick(lex.NAMES)
        return (self.stem() + self.pick(("i", "o", "a", "ini", "elli", "etti", "one"))).capitalize()

    def city(self) -> str:
        """Returns an invented place name."""
        x = self.random()
        name = self.surname()
        if x < 0.7:
            return name
        return self.pick(("San ", "Monte ", "Borgo ", "Castel ", "Villa ", "Santa ", "Porto ")) + (
            name if x < 0.93 else name + " di " + self.surname()
        )

    def organisation(self) -> str:
        """Returns an invented organisation's name."""
        kind = self.pick(_ORGANISATIONS)
        return kind.replace("X", self.surname(), 1) if "X" in kind else kind + self.acronym()

    def acronym(self) -> str:
        """Returns two to five capital letters."""
        return "".join(self.pick(_UPPER) for _ in range(self.integer(2, 5)))

    def whole(self) -> str:
        """Returns an integer as text, mostly of one to three digits."""
        x = self.random()
        top = 10 if x < 0.3 else 100 if x < 0.75 else 1000 if x < 0.95 else 100000
        return str(int(self.random() * top))

    def decimal(self) -> str:
        """Returns a number, mostly with decimals after a comma or a full stop."""
        x = self.random()
        if x < 0.2:
            return self.whole()
        digits = 1 if x < 0.65 else 2
        text = f"{self.random() * (10 if x < 0.8 else 200):.{digits}f}"
        return text.replace(".", ",") if self.random() < 0.65 else text

    def value(self) -> str:
        """Returns the value of a measurement with a unit, in one of many notations."""
        x = self.random()
        number = self.decimal()
        unit = self.pick(lex.UNITS)
        if x < 0.5:
            return f"{number} {unit}"
        if x < 0.62:
            return number + "%"
        if x < 0.70:
            return f"{self.pick('<>≥≤~')} {number} {unit}"
        if x < 0.74:
            return f"{self.pick('<>')}{number}"
        if x < 0.80:
            return f"{self.whole()}-{self.whole()} {unit}"
        if x < 0.84:
            return f"{number} x 10{self.pick('³⁶⁹')}/{self.pick(('l', 'μl', 'mm³'))}"
        if x < 0.88:
            return f"{self.whole()}/{self.whole()} {unit}"
        if x < 0.92:
            return self.pick(("+", "-", "±", "circa ", "=", "= ", "pari a ")) + number
        return number

    def date(self) -> str:
        """Returns a date in one of four notations."""
        day, month, year = self.integer(1, 28), self.integer(1, 12), self.integer(1800, 2030)
        x = self.random()
        if x < 0.4:
            return f"{day} {_MONTHS[month - 1]} {year}"
        if x < 0.7:
            return f"{day:02d}/{month:02d}/{year}"
        return f"{day}.{month}.{year % 100:02d}" if x < 0.85 else f"{year}-{month:02d}-{day:02d}"

    def hashtag(self) -> str:
        """Returns a hashtag."""
        word = self.noun()
        return "#" + (word if self.random() < 0.6 else word.capitalize() + self.noun().capitalize())

    def user(self) -> str:
        """Returns a user's handle."""
        x = self.random()
        if x < 0.25:
            return "@user"
        name = self.surname().lower() if x < 0.7 else self.surname()
        return "@" + name + (str(self.integer(1, 99)) if x < 0.5 else "")

    def capitals(self) -> str:
        """Returns one to five words in capitals."""
        return " ".join(self.noun().upper() for _ in range(self.integer(1, 4)))

    def participle(self) -> str:
        """Returns a past participle."""
        if self.random() < PSEUDO_SHARE * 0.6:
            return self.stem() + self.pick(("ato", "uto", "ito"))
        return self.pick(lex.PARTICIPLES)

    def verb(self) -> str:
        """Returns a transitive verb in the third person."""
        if self.random() < PSEUDO_SHARE * 0.6:
            return self.stem() + self.pick(("a", "e", "isce"))
        return self.pick(lex.VERBS)

    def drug(self) -> str:
        """Returns an invented drug name."""
        return self.stem() + self.pick(lex.DRUG_SUFFIXES)

    def exam(self) -> str:
        """Returns a measured quantity, real or invented."""
        return self.pick(lex.EXAMS) if self.random() < 0.7 else self.noun()

    def sentence(self, genre: str) -> str:
        """Returns one sentence of a genre of `GENRES`."""
        if genre == "noise":
            return self.noise()
        if genre == "common":
            return self.common()
        return self.fill(self.pick(_COMPILED[genre]))

    def fill(self, template: "Template") -> str:
        """Returns a compiled template with its slots filled, first letter in upper case."""
        text = self._fill(template)
        return text[0].upper() + text[1:] if text[0].islower() and self.random() < 0.93 else text

    def _fill(self, template: "Template") -> str:
        parts = []
        for part in template:
            if isinstance(part, str):
                parts.append(part)
            elif isinstance(part, list):
                parts.append(self._fill(self.pick(part)))
            else:
                parts.append(part(self))
        return "".join(parts)

    def common(self) -> str:
        """Returns frequent words in any order, some names among them, as a sentence."""
        words = [
            self.surname() if self.random() < 0.08 else self.pick(lex.COMMON)
            for _ in range(self.integer(3, 12))
        ]
        if self.random() < 0.3:
            words[self.integer(0, len(words) - 1)] += ","
        text = " ".join(words).rstrip(",") + self.pick((".", ".", ".", "!", "?", "…", ""))
        return text[0].upper() + text[1:] if self.random() < 0.8 else text

    def noise(self) -> str:
        """Returns a string that is no language: letters, words, digits, signs or any unicode."""
        x = self.random()
        n = self.integer(4, 30)
        if x < 0.25:
            return " ".join(self.pseudo() for _ in range(n))
        if x < 0.4:
            return " ".join(self.noun() for _ in range(n))
        if x < 0.6:
            return " ".join(self._characters(_NOISE, 1, 8) for _ in range(n))
        if x < 0.63:
            return " ".join(self.pick(_NOISE[62:]) * self.integer(1, 5) for _ in range(n))
        if x < 0.7:
            return " ".join(self._characters("0123456789.,-/:%+", 1, 7) for _ in range(n))
        if x < 0.8:
            return " ".join(self._characters(_UPPER, 1, 7) for _ in range(n))
        if x < 0.9:
            return " ".join(
                self.pick((self.pseudo(), self.decimal(), self.surname(), self._characters(_NOISE)))
                for _ in range(n)
            )
        return " ".join(
            "".join(chr(self._code_point()) for _ in range(self.integer(1, 4)))
            for _ in range(n // 3 + 1)
        )

    def _characters(self, alphabet: str, low: int = 1, high: int = 5) -> str:
        pick = self.pick
        return "".join([pick(alphabet) for _ in range(self.integer(low, high))])

    def _code_point(self) -> int:
        while True:
            point = self.integer(*self.pick(_RANGES))
            if chr(point).isprintable():
                return point

    def sentences(self, genre: str | None = None, length: int = 0) -> list[str]:
        """Returns the sentences of one text.

        Args:
            genre: a genre of `GENRES`, or None for any.
            length: characters after which no sentence is added; 0 draws it (30 to 800, median 140).

        Returns:
            One to about ten sentences, mostly of the same genre.
        """
        if genre is None:
            genre = self.pick(_GENRE_BAG)
        if not length:
            if self.random() < 0.07:
                length = self.integer(400, 820)
            else:
                length = int(min(800, max(30, self.rng.lognormvariate(4.9, 0.6))))
        out: list[str] = []
        total = 0
        while total < length:
            one = self.sentence(genre if self.random() < 0.95 else self.pick(_GENRE_BAG))
            if total and total + len(one) > 900:
                break
            out.append(one[:900].rstrip())
            total += len(one) + 1
        return out


Template = list[Any]
_ALL_WORDS: list[str] = sorted(
    {
        word
        for value in vars(lex).values()
        if isinstance(value, (tuple, list))
        for entry in value
        for word in re.findall(r"[^\W\d_]{3,}", re.sub(r"\{\w+\}", " ", entry))
    }
)
_V = frozenset("aeiouàèéìòùAEIOU")
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_RANGES = (
    (0xA1, 0xFF), (0x100, 0x17F), (0x391, 0x3A1), (0x3B1, 0x3C9), (0x410, 0x44F), (0x2190, 0x21FF),
    (0x2200, 0x22FF), (0x2600, 0x26FF), (0x1F300, 0x1F64F), (0x4E00, 0x9FFF), (0x5D0, 0x5EA),
    (0x621, 0x63A), (0x3041, 0x3096), (0x900, 0x97F), (0x2010, 0x2027), (0x2070, 0x209C),
    (0xA1, 0x7FF), (0xA1, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFD), (0xFE00, 0xFE0F),
    (0x10000, 0x1FFFF),
)  # fmt: skip
_ORGANISATIONS = (
    "Fondazione X", "Istituto X", "Banca X", "X S.p.A.", "Università di X", "Comune di X",
    "Gruppo X", "Teatro X", "Ospedale X", "Editrice X", "Unione X", "Associazione Amici di X",
    "Ministero X", "", "", "Agenzia ",
)  # fmt: skip
_CATEGORY_WORDS = [w for words in lex.CATEGORIES.values() for w in words]
_NOUNS_M = list(lex.MASCULINE) + [w for w in _CATEGORY_WORDS if w[-1] == "o"]
_NOUNS_F = list(lex.FEMININE) + [w for w in _CATEGORY_WORDS if w[-1] == "a" and w != "viola"]


def _takes_lo(noun: str) -> bool:
    return (
        noun[0] in "zx" or noun[:2] in ("gn", "ps", "pn") or (noun[0] == "s" and noun[1] not in _V)
    )


def plural(noun: str) -> str:
    """Returns the regular plural of a singular noun."""
    if noun[-1] == "a":
        if noun.endswith(("ca", "ga")):
            return noun[:-1] + "he"
        return noun[:-1] + "e"
    if noun.endswith("io"):
        return noun[:-1]
    if noun[-1] in "oe":
        return noun[:-1] + "i"
    return noun


def _category(name: str) -> Callable[[Writer], str]:
    words = lex.CATEGORIES[name]
    return lambda w: w.pick(words)


def _bare_plural(w: Writer) -> str:
    return plural(w.noun())


def _definite_plural(w: Writer) -> str:
    noun = plural(w.noun())
    index = 6 if w.feminine else 5 if _takes_lo(noun) or noun[0] in _V else 4
    return _ARTICULATED[""][index] + noun


def _capitalised(function: Callable[[Writer], str]) -> Callable[[Writer], str]:
    def wrapped(w: Writer) -> str:
        text = function(w)
        return text[0].upper() + text[1:]

    return wrapped


def _intransitive(w: Writer) -> str:
    return w.pick(lex.INTRANSITIVE) if w.random() < 0.85 else w.stem() + "a"


_TIME_UNITS = ("ore", "giorni", "mesi", "settimane", "anni")
_SLOTS: dict[str, Callable[[Writer], str]] = {
    "D": Writer.phrase,
    "dD": lambda w: w.phrase("d"),
    "aD": lambda w: w.phrase("a"),
    "inD": lambda w: w.phrase("in"),
    "suD": lambda w: w.phrase("su"),
    "I": Writer.indefinite,
    "N": Writer.noun,
    "pl": _bare_plural,
    "PL": _definite_plural,
    "am": Writer.adjective,
    "af": Writer.adjective,
    "v3": Writer.verb,
    "vp": Writer.participle,
    "vi": _intransitive,
    "adv": lambda w: w.pick(lex.ADVERBS),
    "conn": lambda w: w.pick(lex.CONNECTIVES),
    "Name": lambda w: w.pick(lex.FIRST_NAMES) + " " + w.surname(),
    "First": lambda w: w.pick(lex.FIRST_NAMES) if w.random() < 0.8 else w.surname(),
    "Sur": Writer.surname,
    "City": Writer.city,
    "Org": Writer.organisation,
    "Acr": Writer.acronym,
    "acr": Writer.acronym,
    "CAPS": Writer.capitals,
    "year": lambda w: str(w.integer(1100, 2030)),
    "date": Writer.date,
    "month": lambda w: w.pick(_MONTHS),
    "int": Writer.whole,
    "int2": lambda w: f"{w.integer(0, 59):02d}",
    "int3": lambda w: f"{w.integer(0, 999):03d}",
    "dec": Writer.decimal,
    "pct": lambda w: w.decimal() + "%",
    "sign": lambda w: w.pick(("+", "-")),
    "val": Writer.value,
    "unit": lambda w: w.pick(lex.UNITS),
    "unitT": lambda w: w.pick(_TIME_UNITS),
    "exam": Writer.exam,
    "Exam": _capitalised(Writer.exam),
    "find": lambda w: w.pick(lex.FINDINGS) if w.random() < 0.85 else w.adjective(),
    "drug": Writer.drug,
    "dose": lambda w: f"{w.decimal()} {w.pick(('mg', 'g', 'ml', 'mg/kg', 'UI', 'mg/die', 'cp'))}",
    "tag": Writer.hashtag,
    "user": Writer.user,
    "url": lambda w: "https://t.co/" + w._characters(_NOISE[:62], 6, 9),
    "emo": lambda w: w.pick(lex.EMOJI),
    "slang": lambda w: w.pick(lex.SLANG),
    "psn": Writer.pseudo,
    "animal": _category("animali"),
    "food": _category("cibi"),
    "instr": _category("strumenti musicali"),
    "job": _category("mestieri"),
    "vehicle": _category("veicoli"),
    "clothes": _category("vestiti"),
    "furniture": _category("mobili"),
    "sport": _category("sport"),
    "colour": _category("colori"),
    "plant": _category("piante"),
}


def compile_template(text: str) -> Template:
    """Turns a template into literals, slot functions and lists of alternatives.

    Args:
        text: the template; braces may nest.

    Returns:
        The parts in order.

    Raises:
        ValueError: a slot has no function, or a brace is not closed.
    """
    parts: Template = []
    start = 0
    while (open_at := text.find("{", start)) >= 0:
        if open_at > start:
            parts.append(text[start:open_at])
        depth, at, bars = 1, open_at + 1, [open_at]
        while depth:
            if at >= len(text):
                raise ValueError(f"template {text!r} leaves a brace open")
            char = text[at]
            depth += (char == "{") - (char == "}")
            if char == "|" and depth == 1:
                bars.append(at)
            at += 1
        bars.append(at - 1)
        if len(bars) == 2:
            name = text[open_at + 1 : at - 1]
            if name not in _SLOTS:
                raise ValueError(f"template {text!r} has the unknown slot {name!r}")
            parts.append(_SLOTS[name])
        else:
            pairs = zip(bars, bars[1:], strict=False)
            parts.append([compile_template(text[a + 1 : b]) for a, b in pairs])
        start = at
    if start < len(text):
        parts.append(text[start:])
    return parts


GENRES: dict[str, tuple[tuple[str, ...], int]] = {
    "clinical": (lex.CLINICAL, 24),
    "social": (lex.SOCIAL, 16),
    "news": (lex.NEWS, 18),
    "everyday": (lex.EVERYDAY, 14),
    "literary": (lex.LITERARY, 7),
    "opinion": (lex.OPINION, 6),
    "spanish": (lex.SPANISH, 3),
    "english": (lex.ENGLISH, 3),
    "common": ((), 24),
    "noise": ((), 5),
}
_COMPILED = {g: [compile_template(t) for t in templates] for g, (templates, _) in GENRES.items()}
_GENRE_BAG = [genre for genre, (_, weight) in GENRES.items() for _ in range(weight)]
