"""Write invented Italian clinical cases in the native format of CLinkaRT (EVALITA 2023).

Writes training.txt, test.txt (texts only) and test_gold.txt into the folder of the argument:

    python -m recipes.sample.clinkart data/sample/clinkart

Every run writes the same bytes. The offsets come from the construction of the sentences, never
from a search. Slot language of the templates in `clinkart_text`, where `a` is a test:

    {a} {a^} {il a} {Il a} {del a} {un a}   name, capital name, name after article or preposition;
                                            {a2} is a second mention of the test a
    {#a:MODE=x>a2}    a measured value linked to a (or a2); kept as x, which `{=x}` repeats
                      without a link and `{=x.n}` without its unit
    {?ab:KIND>a3}     an outcome in words which agrees with a and b, linked to both
    [text>a,b]        a literal result linked to a and b; [one¦two>a] is one of two
    {lit word}        a literal test
    {a~o} {a|era|erano} {vn a}              ending, number of the verb, normal values
    {reason} {o} {n} ...                    what belongs to the document: see `Writer.fill`
"""

import argparse
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recipes.sample.clinkart_text import ADVERBS, CASES, NARRATIVE, OUTCOMES, RESULTS, TESTS

SEED = 20230963  # with it every rare and hard pattern finds a document in both splits
TRAIN, TEST = 180, 22
WITHOUT_RELATIONS = {"train": 32, "test": 4}
QUALIFIED = 0.97  # share of the outcomes in one word that get an adverb: few pairs come again
FINER = 0.75  # share of the values below 1,000 that have one more decimal
LENGTHS = (578, 1700, 4043)  # characters: least, median, most
RARE_USES = {"train": (5, 9), "test": (1, 1)}  # documents given each rare sentence pattern
HARD_USES = {"train": (3, 4), "test": (1, 2)}
HELD_OUT = 0.32  # share of the draws of a test document from the tests of test documents only
SECTIONS = ("open", "hist", "exam", "labn", "inst", "dx", "ther", "course", "out", "disc")
PHASE_SECTION = {"v": "exam", "l": "labn", "i": "inst", "f": "course"}

SAME = (  # names of the same measurement: one of them per document
    "emoglobina Hb",
    "creatinina creatininemia",
    "leucociti globuli",
    "AST GOT",
    "ALT GPT",
    "calcio calcemia",
    "sodio natriemia",
    "potassio kaliemia",
    "piastrine conta trombociti",
    "FE frazione",
    "PA pressione",
    "FC frequenza-cardiaca polso",
    "saturazione SpO2",
    "elettrocardiogramma ECG",
    "fosforo fosforemia",
    "BNP NT-proBNP",
    "bilirubina bilirubinemia",
    "viremia HCV-RNA BK-viremia",
)
CONTRADICT = (  # a summary and the measurements it covers: not in one document
    ("transaminasi", "AST ALT GOT GPT"),
    ("funzionalità", "AST ALT GOT GPT bilirubina bilirubinemia GGT INR ammoniemia"),
    ("indici", "PCR VES procalcitonina"),
    ("emocromo", "emoglobina Hb leucociti globuli piastrine conta trombociti ematocrito MCV"),
    ("elettroliti", "sodio natriemia potassio kaliemia calcio calcemia fosforo fosforemia"),
    ("coagulazione", "INR aPTT fibrinogeno D-dimero"),
    ("ormoni", "TSH FT4"),
    ("profilo", "colesterolo trigliceridi"),
    ("marcatori", "PSA CEA CA19-9 AFP CA125 cromogranina enolasi"),
)
DURATIONS = (
    "dieci giorni",
    "due settimane",
    "tre settimane",
    "quattro settimane",
    "un mese",
    "due mesi",
    "tre mesi",
    "quattro mesi",
    "sei mesi",
    "nove mesi",
)
HOME_DRUGS = (
    "ramipril 5 mg/die/metformina 500 mg x 2 al giorno/levotiroxina 75 μg/die/"
    "atorvastatina 20 mg/die/allopurinolo 300 mg/die/bisoprololo 1,25 mg/die"
)
WHEN = (
    "Nel marzo 2016",
    "Nell’ottobre 2013",
    "A gennaio 2018",
    "Nel luglio 2011",
    "Alla fine di aprile 2015",
    "Nel dicembre 2009",
    "Nell’agosto 2017",
    "A metà novembre 2012",
    "Il 12 febbraio 2014",
    "Nel 2010",
)


class CannotFillError(Exception):
    """The document offers no test, drug or value for a slot; another template is tried."""


@dataclass(frozen=True)
class Test:
    """A laboratory test or investigation; the head word is what relations point to."""

    head: str
    rest: str
    gender: str
    plural: bool
    elided: bool
    unit: str
    low: float
    high: float
    decimals: int
    normal: str
    tags: frozenset[str]
    outcomes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name as written, such as "globuli bianchi"."""
        return self.head + self.rest

    @property
    def key(self) -> str:
        """The measurement behind the name, common to its synonyms."""
        own = self.head + ("-cardiaca" if self.rest == " cardiaca" else "")
        for group in SAME:
            if own in group.split():
                return group
        return self.name


@dataclass(frozen=True)
class Template:
    """A sentence with slots; `slots` maps a letter to the tags its test must have."""

    place: str
    slots: tuple[tuple[str, tuple[str, ...]], ...]
    flags: str
    text: str


@dataclass
class Sentence:
    """A finished sentence: text, and (result start, end, test start, end) of its relations."""

    text: str
    links: list[tuple[int, int, int, int]]


@dataclass
class Document:
    """A finished clinical case with the relations at the offsets of the whole text."""

    ident: str
    text: str
    links: list[tuple[int, int, int, int]]


def read_tests() -> list[Test]:
    """Parse the lexicon and add the tags that follow from units and ranges."""
    tests = []
    for line in TESTS.strip().splitlines():
        head, rest, number, article, unit, low, high, decimals, normal, tags = line.split(";")
        words = {word for word in tags.split() if not word.startswith("F=")}
        outcomes = next((w[2:].split(",") for w in tags.split() if w.startswith("F=")), None)
        if outcomes is None:
            outcomes = ["norm", "high"] if "up" in words else ["norm", "low"]
        signed = low == "neg"
        if signed:
            low, high = "-3.9", "-1.6"
            words.add("signed")
        words |= set(outcomes) | ({"pl"} if number[1] == "p" else {"sg"})
        words |= {"vn"} if normal else set()
        words |= {"mgdl"} if unit == "mg/dl" and decimals == "0" else set()
        if "n" in words and unit:
            words |= {"lab"} | ({"cmp"} if unit not in ("%", "titre") else set())
            whole = decimals == "0" and unit in ("mg/l", "mm/h", "mg/dl", "ng/ml")
            if whole and float(low) <= 25 and float(high) >= 50:
                words.add("small")
        tests.append(
            Test(
                head=head,
                rest=rest,
                gender=number[0],
                plural=number[1] == "p",
                elided=article == "v" or head[0] in "aeiouAEIOU",
                unit=unit,
                low=float(low or 0),
                high=float(high or 0),
                decimals=int(decimals or 0),
                normal=normal,
                tags=frozenset(words),
                outcomes=tuple(outcomes),
            )
        )
    return tests


def read_results() -> list[Template]:
    """Parse the sentences that carry results."""
    templates = []
    for line in RESULTS.strip().splitlines():
        place, slots, flags, text = line.split("|", 3)
        wanted = [slot.split(":") for slot in slots.split() if ":" in slot]
        pairs = tuple((name, tuple(tags.split("."))) for name, tags in wanted)
        templates.append(Template(place, pairs, flags, text))
    return templates


def read_narrative() -> list[Template]:
    """Parse the sentences without results."""
    rows = [line.split("|", 2) for line in NARRATIVE.strip().splitlines()]
    return [Template(place, (), flags, text) for place, flags, text in rows]


def read_cases() -> list[dict[str, str]]:
    """Parse the clinical pictures."""
    blocks = CASES.strip().split("\n\n")
    return [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]


def article(kind: str, test: Test) -> str:
    """Return the Italian article or articulated preposition before a test, blank included."""
    if kind == "di":
        return "di "
    first = test.head
    hard = first[0] == "z" or first[:2] in ("ps", "gn") or bool(re.match("s[^aeiou]", first))
    if kind == "un":
        if test.plural:
            return "delle " if test.gender == "f" else "degli " if test.elided or hard else "dei "
        if test.gender == "f":
            return "un’" if test.elided else "una "
        return "uno " if hard else "un "
    stem = {"il": "", "del": "del", "al": "al", "dal": "dal", "nel": "nel"}[kind]
    if test.plural:
        if test.gender == "f":
            return (stem + "le ") if stem else "le "
        form = "gli " if test.elided or hard else "i "
        return (stem[:-1] if stem else "") + form
    if test.elided:
        return stem + "l’"
    if test.gender == "f":
        return stem + "la "
    if hard:
        return stem + "lo "
    return stem + " " if stem else "il "


def ending(vowel: str, tests: Sequence[Test]) -> str:
    """Return the ending of an adjective in -o or -e which agrees with all the tests."""
    plural = len(tests) > 1 or tests[0].plural
    if vowel == "e":
        return "i" if plural else "e"
    if all(test.gender == "f" for test in tests):
        return "e" if plural else "a"
    return "i" if plural else "o"


@dataclass
class Writer:
    """What one document has used so far, and its habits of writing."""

    rng: random.Random
    tests: Sequence[Test]
    case: dict[str, str]
    unseen: bool  # a test document, which may use the tests kept for it
    used_tests: dict[str, Test] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    uses: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Draw the patient and the habits of writing."""
        rng, case = self.rng, self.case
        self.sex = rng.choice(case["sex"])
        first, last = (int(age) for age in case["ages"].split("-"))
        self.age = rng.randint(first, last)
        self.child = case["spec"] == "ped"
        self.point = rng.random() < 0.2
        self.units = rng.choice(("lower", "lower", "upper"))
        self.counts = rng.choice(("/mmc", "/mmc", "/mm³", " × 10³/μl"))
        female = self.sex == "f"
        if self.child:
            noun = ("bambina" if female else "bambino") if self.age < 11 else ""
            noun = noun or ("ragazza" if female else "ragazzo")
        else:
            noun = "paziente"
        self.patient = {
            "il_pz": f"{'la' if female else 'il'} {noun}",
            "un_pz": f"{'una' if female else 'un'} {noun}",
            "del_pz": f"{'della' if female else 'del'} {noun}",
            "uomo": "donna" if female else "uomo",
        }
        if not self.child and rng.random() < 0.5:
            self.patient["un_pz"] = "una donna" if female else "un uomo"
        self.phrases = {
            name: rng.sample(case[name].split("/"), len(case[name].split("/")))
            for name in ("reason", "hist")
        }
        del self.phrases["hist"][1:]  # the histories of one case may contradict each other
        # a "/" also occurs inside doses (mg/die): a phrase starts with a word and a blank
        drugs = re.split(r"/(?=[a-z]{4,} )", case["drug"])
        self.phrases["drug"] = rng.sample(drugs, len(drugs))
        home = re.split(r"/(?=[a-z]{4,} )", HOME_DRUGS)
        self.phrases["drug0"] = rng.sample(home, len(home))
        self.durations = rng.sample(DURATIONS, len(DURATIONS))

    def fill(self, name: str) -> str:
        """Return the text of a slot of the document, such as `reason`, `o`, `dur`."""
        if name.lower() in self.patient:
            text = self.patient[name.lower()]
            return text[0].upper() + text[1:] if name[0].isupper() else text
        if name in self.phrases:
            if not self.phrases[name]:
                raise CannotFillError(name)
            return self.phrases[name].pop()
        if name == "dur":
            if not self.durations:
                raise CannotFillError(name)
            return self.durations.pop()
        simple = {
            "o": "a" if self.sex == "f" else "o",
            "age": str(self.age),
            "anni": "anni",
            "ward": self.case["ward"],
            "dx": self.case["dx"],
            "When": self.rng.choice(WHEN),
            "n": str(self.rng.choice((3, 4, 5, 6, 7, 9, 10, 12))),
        }
        return simple[name]

    def draw(self, tags: Sequence[str], taken: Iterable[Test], later: bool) -> Test:
        """Draw a test with the tags; `later` also allows one seen before in the document."""
        tags = list(tags)
        special: dict[str, Callable[[Test], bool]] = {
            "anti": lambda test: test.head == "anticorpi",
            "sigla": lambda test: test.head in ("ANCA", "ENA", "autoanticorpi"),
        }
        taken = list(taken)

        def fits(test: Test) -> bool:
            if not ({"*", self.case["spec"]} & test.tags):
                return False
            if {"male", "female"} & test.tags and not (
                ("male" in test.tags and self.sex == "m")
                or ("female" in test.tags and self.sex == "f")
            ):
                return False
            if "female" in test.tags and self.age > 55 and "gravidanza" in test.rest:
                return False
            if "adult" in test.tags and self.child:
                return False
            if "late" in test.tags and not later:
                return False
            if "!" in test.tags and not self.unseen:
                return False
            if not all(special[t](test) if t in special else t in test.tags for t in tags):
                return False
            heads = {other.head for other in (*self.used_tests.values(), *taken)}
            for whole, parts in CONTRADICT:
                if test.head == whole and heads & set(parts.split()):
                    return False
                if whole in heads and test.head in parts.split():
                    return False
            return test.key not in {other.key for other in taken}

        fitting = [test for test in self.tests if fits(test)]
        again = [t for t in fitting if self.used_tests.get(t.key) == t]
        fresh = [t for t in fitting if t.key not in self.used_tests]
        if later and again and self.rng.random() < 0.5:
            return self.rng.choice(again)
        kept = [t for t in fresh if "!" in t.tags]
        if kept and self.rng.random() < HELD_OUT:
            fresh = kept
        elif len(kept) < len(fresh):
            fresh = [t for t in fresh if "!" not in t.tags]
        if not fresh:
            raise CannotFillError(f"no test for {tags}")
        weights = [(1 if "*" in t.tags else 3) / (1 + self.uses[t.name]) ** 0.5 for t in fresh]
        return self.rng.choices(fresh, weights)[0]

    def number(self, test: Test, value: float) -> str:
        """Write a number with the separators of the document."""
        if test.unit == "k/mmc":
            if self.counts.startswith(" "):
                text = f"{value:.{test.decimals}f}"
                return text if self.point else text.replace(".", ",")
            return f"{round(value * 1000, -1):,.0f}".replace(",", ".")
        if test.decimals == 0 and abs(value) >= 1000:
            return f"{round(value, -1):,.0f}".replace(",", ".")
        decimals = test.decimals + (self.rng.random() < FINER and value < 1000)
        text = f"{value:.{decimals}f}"
        return text if self.point or test.unit == "SDS" else text.replace(".", ",")

    def unit(self, test: Test) -> str:
        """Return the unit as it follows the number, blank included."""
        if test.unit == "k/mmc":
            return self.counts
        if test.unit == "e3":
            return " × 10³/μl"
        if test.unit == "cell":
            return " cell/mmc"
        if not test.unit or test.unit == "%" or test.unit.startswith("/"):
            return test.unit
        unit = test.unit
        if self.units == "upper":
            unit = re.sub(r"/(d|m|)l$", lambda m: f"/{m[1]}L", unit)
        return " " + unit

    def value(self, test: Test, mode: str, others: Sequence[Test], inline: bool) -> str:
        """Return a measured value.

        Args:
            test: whose value it is.
            mode: plain, cmp, low, mid, lo and hi (lo and mid without unit), range, arrow, small
                and five (whole numbers, which a bed or a dose can repeat), or "" for any.
            others: tests that share the value: it stays within the range of all of them.
            inline: whether the name comes right before, so that signs and arrows read well.
        """
        rng = self.rng
        if test.unit == "titre":
            titres = (10, 20, 40, 80, 160, 320, 640, 1280, 2560)
            return f"1:{rng.choice([t for t in titres if test.low <= t <= test.high])}"
        low = max(t.low for t in (test, *others))
        high = min(t.high for t in (test, *others))
        if low >= high:
            raise CannotFillError("no common range")
        if test.unit == "bp":
            top = rng.randrange(int(low), 125 if self.child else int(high), 5)
            return f"{top}/{round(top * rng.uniform(0.52, 0.66) / 5) * 5} mmHg"
        wide = low > 0 and high / low > 30

        def at(start: float, end: float) -> str:
            share = rng.uniform(start, end)
            if wide:
                return self.number(test, low * math.exp(share * math.log(high / low)))
            return self.number(test, low + share * (high - low))

        unit = self.unit(test)
        plain = "cmp" not in test.tags
        if not mode and inline and not plain:
            mode = rng.choices(("plain", "cmp", "arrow"), (84, 10, 6))[0]
        if mode in ("lo", "mid"):
            return at(0.0, 0.25) if mode == "lo" else at(0.3, 0.55)
        if mode == "hi":
            return at(0.6, 1.0) + unit
        if mode == "low":
            return at(0.0, 0.2) + unit
        if mode == "range":
            return f"{at(0.0, 0.3)}-{at(0.45, 0.8)}{unit}"
        if mode == "arrow":
            pair = [at(0.0, 0.3), at(0.5, 0.95)]
            return f"{pair[0]}→{pair[1]}{unit}"
        if mode == "cmp":
            sign, start = rng.choice((("<", 0.0), (">", 0.85)))
            return f"{sign}{rng.choice(('', ' '))}{at(start, start + 0.15)}{unit}"
        if mode == "small":
            return self.number(test, rng.randint(int(max(low, 12)), 48)) + unit
        if mode == "five":
            return self.number(test, rng.choice((25, 30, 50))) + unit
        return at(0.05, 0.95) + unit

    def outcome(self, tests: Sequence[Test], kind: str) -> str:
        """Return an outcome in words which agrees with the tests."""
        kinds = [k for k in tests[0].outcomes if all(k in t.outcomes for t in tests)]
        if kind == "neg1":
            text = "negativ~o"
        else:
            if kind:
                kinds = [kind]
            if not kinds:
                raise CannotFillError("no common outcome")
            weights = [3 if k == "neg" else 2 for k in kinds]
            family = OUTCOMES[self.rng.choices(kinds, weights)[0]]
            if {"i", "o"} & tests[0].tags:  # done once: no "sempre", no degrees
                family = family[:1] if family is OUTCOMES["neg"] else family[:2]
            text = self.rng.choices([t for t, _ in family], [w for _, w in family])[0]
        if (
            " " not in text.removeprefix("nella ").removeprefix("nei ")
            and self.rng.random() < QUALIFIED
        ):
            text = " ".join((*self.rng.sample(ADVERBS, self.rng.randint(1, 2)), text))
        return re.sub("~(.)", lambda m: ending(m[1], tests), text)

    def write(self, template: Template) -> Sentence:
        """Fill a template; raises CannotFillError and leaves the document as it was."""
        phrases = {name: list(items) for name, items in self.phrases.items()}
        durations = list(self.durations)
        try:
            return self._write(template)
        except CannotFillError:
            self.phrases, self.durations = phrases, durations
            raise

    def _write(self, template: Template) -> Sentence:
        slots: dict[str, Test] = {}
        for name, tags in template.slots:
            slots[name] = self.draw(tags, slots.values(), template.place == "f")
        kept: dict[str, str] = {}
        mentions: dict[str, tuple[int, int]] = {}
        results: list[tuple[int, int, list[str]]] = []
        out = ""

        def word(slot: str) -> str:
            """Expand a slot that holds neither a test nor a result."""
            if found := re.fullmatch(r"([a-f]+)~([oe])", slot):
                return ending(found[2], [slots[letter] for letter in found[1]])
            if found := re.fullmatch(r"([a-f])\|(.*)\|(.*)", slot):
                return found[3] if slots[found[1]].plural else found[2]
            if slot.startswith("vn "):
                return f"v.n. {slots[slot[3]].normal}"
            return self.fill(slot)

        def add_value(text: str, before: str) -> tuple[str, int, int]:
            """Append a value: `di 9%` becomes `del 9%`, `del 80%` `dell’80%`, `i 8` `gli 8`."""
            if text.endswith("%"):
                before = re.sub(r"\bdi $", "del ", before)
                if not re.search(r"\bda \S+ a $", before, re.IGNORECASE):
                    before = re.sub(r"\ba $", "al ", before)
                before = re.sub(r"\bi suoi $", "il suo ", re.sub(r"\bi $", "il ", before))
            if re.match(r"8|11(?!\d|\.\d{3})", text):
                before = re.sub(r"\b(del|al|nel|dal) $", r"\1l’", before)
                before = re.sub(r"\bil $", "l’", before)
                before = re.sub(r"\bi $", "gli ", before)
            return before + text, len(before), len(before) + len(text)

        pattern = re.compile(r"\[([^\]]*?)>([\w,-]+)\]|\{([^}]*)\}")
        shared: dict[str, list[Test]] = {}
        for letter, name in re.findall(r"\{#([a-f])[^}]*?=(\w)", template.text):
            shared.setdefault(name, []).append(slots[letter])
        for letter, mode, name in re.findall(r"\{#([a-f])(?::(\w+))?=(\w)", template.text):
            if name not in kept:
                others = [t for t in shared[name] if t is not slots[letter]]
                kept[name] = self.value(slots[letter], mode, others, False)
        position = 0
        for match in pattern.finditer(template.text):
            out += template.text[position : match.start()]
            position = match.end()
            if match[2]:
                chosen = self.rng.choice(match[1].split("¦"))
                text = re.sub(r"\{([^}]*)\}", lambda m: word(m[1]), chosen)
                results.append((len(out), len(out) + len(text), match[2].split(",")))
                out += text
                continue
            slot = match[3]
            if found := re.fullmatch(r"#([a-f])(?::(\w+))?(?:=(\w))?(?:>(\w+))?", slot):
                test = slots[found[1]]
                if found[3]:
                    text = kept[found[3]]
                else:
                    inline = out.endswith(test.name + " ")
                    text = self.value(test, found[2] or "", (), inline)
                out, start, end = add_value(text, out)
                results.append((start, end, [found[4] or found[1]]))
            elif found := re.fullmatch(r"\?([a-f]+)(?::(\w+))?(?:>(\w+))?", slot):
                text = self.outcome([slots[letter] for letter in found[1]], found[2] or "")
                labels = [found[3]] if found[3] else list(found[1])
                results.append((len(out), len(out) + len(text), labels))
                out += text
            elif found := re.fullmatch(r"=(\w)(\.n)?", slot):
                text = kept[found[1]]
                out, _, _ = add_value(text.split()[0].rstrip("%") if found[2] else text, out)
            elif slot.startswith("lit "):
                mentions[slot[4:]] = (len(out), len(out) + len(slot) - 4)
                out += slot[4:]
            elif found := re.fullmatch(r"(?:(?!vn)(\w+) )?([a-f])(\d?)(\^?)", slot):
                test = slots[found[2]]
                if found[1]:
                    before = article(found[1].lower(), test)
                    out += before[0].upper() + before[1:] if found[1][0].isupper() else before
                name = test.name
                if found[4] and test.head.islower():
                    name = name[0].upper() + name[1:]
                mentions[found[2] + found[3]] = (len(out), len(out) + len(test.head))
                out += name
            else:
                out += word(slot)
        out += template.text[position:]
        links = [(s, e, *mentions[label]) for s, e, labels in results for label in labels]
        for test in slots.values():
            self.used_tests[test.key] = test
            self.uses[test.name] += 1
        return Sentence(out, sorted(links))


def plan_lengths(rng: random.Random, count: int, without: int) -> list[tuple[int, int]]:
    """Draw (characters, relations) for the documents of a split."""
    least, median, most = LENGTHS
    plan = []
    for index in range(count):
        length = median * math.exp(rng.gauss(0.0, 0.42))
        links = 0 if index < without else round(7.0 * math.exp(rng.gauss(0.0, 0.75)))
        links = 0 if index < without else min(max(links, 1), 36)
        if index == count - 1:
            links, length = 42, most - 150
        if index == count - 2:
            links, length = 1, least + 45
        plan.append((int(min(max(length, least, 300 + 65 * links), most)), links))
    rng.shuffle(plan)
    return plan


def plan_patterns(
    rng: random.Random, results: Sequence[Template], plan: Sequence[tuple[int, int]], split: str
) -> list[list[Template]]:
    """Give every rare pattern and hard case to some documents with enough relations."""
    given: list[list[Template]] = [[] for _ in plan]
    room = [links for _, links in plan]
    jobs = []  # first one use of every pattern, then the others as far as there is room
    for flag, (least, most) in (("R", RARE_USES[split]), ("H", HARD_USES[split])):
        for template in (t for t in results if flag in t.flags):
            jobs += [(turn, rng.random(), template) for turn in range(rng.randint(least, most))]
    for turn, _, template in sorted(jobs, key=lambda job: job[:2]):
        cost = len(re.findall(r"\{[#?]|>", template.text))
        fitting = [i for i, left in enumerate(room) if left >= cost and template not in given[i]]
        if turn == 0 and not fitting:
            fitting = [i for i, (_, links) in enumerate(plan) if links > 3]
        if fitting:
            index = rng.choices(fitting, [max(room[i], 1) for i in fitting])[0]
            given[index].append(template)
            room[index] -= cost
    return given


def write_document(
    ident: str,
    writer: Writer,
    length: int,
    links: int,
    forced: Sequence[Template],
    results: Sequence[Template],
    narrative: Sequence[Template],
    uses: Counter[str],
) -> tuple[Document, list[Template]]:
    """Write one clinical case of about the given length and number of relations.

    Returns:
        The document, and the forced templates for which it had no fitting test.
    """
    rng = writer.rng
    body: dict[str, list[Sentence]] = {name: [] for name in SECTIONS}
    written: set[str] = set()

    def put(template: Template, section: str) -> bool:
        digits = set(re.findall(r"\d", template.flags))
        if template.text in written or digits & written:
            return False
        try:
            sentence = writer.write(template)
        except CannotFillError:
            return False
        written.update({template.text} | digits)
        uses[template.text] += 1
        body[section].append(sentence)
        return True

    def least_used(templates: Sequence[Template]) -> list[Template]:
        return sorted(templates, key=lambda t: uses[t.text] + rng.random() * 1.5)

    def total_links() -> int:
        return sum(len(s.links) for sentences in body.values() for s in sentences)

    def total_length() -> int:
        return sum(len(s.text) + 1 for sentences in body.values() for s in sentences)

    case_sections = {"find": "exam", "img": "inst", "note": "course"}
    own = [
        Template(section, (), "", text)
        for name, section in case_sections.items()
        for text in writer.case[name].split("|")
    ]
    allowed = [
        t
        for t in narrative
        if not ("A" in t.flags and writer.child)
        and not ("C" in t.flags and not writer.child)
        and not ("W" in t.flags and writer.age > 64)
    ]
    for section in ("open", "dx", "out"):
        any(put(t, section) for t in least_used([t for t in allowed if t.place == section]))
    failed = [t for t in forced if not put(t, PHASE_SECTION[t.place])]
    common = [t for t in results if not t.flags]
    for _ in range(400):
        missing = links - total_links()
        if missing <= 0:
            break
        phase = rng.choices("vlif", (18, 42, 18, 22))[0]
        fitting = [t for t in common if t.place == phase]
        for template in least_used(fitting)[:3]:
            fits = len(re.findall(r"\{#|\{\?|>", template.text)) <= missing
            if fits and put(template, PHASE_SECTION[phase]):
                break
    sections = ("hist", "exam", "labn", "inst", "ther", "course", "disc", "own")
    for _ in range(200):
        if total_length() >= length - 60:
            break
        section = rng.choices(sections, (17, 10, 9, 0, 16, 11, 9, 28))[0]
        pool = own if section == "own" else [t for t in allowed if t.place == section]
        for template in least_used(pool)[:2]:
            if put(template, template.place):
                break
    text, spans = "", []
    for section in SECTIONS:
        sentences = body[section]
        if section not in ("open", "dx", "out"):
            rng.shuffle(sentences)
        for sentence in sentences:
            shift = len(text) + (1 if text else 0)
            text += (" " if text else "") + sentence.text
            spans += [(a + shift, b + shift, c + shift, d + shift) for a, b, c, d in sentence.links]
    return Document(ident, text, sorted(set(spans))), failed


def write_split(
    split: str, idents: Sequence[str], rng: random.Random, uses: Counter[str]
) -> list[Document]:
    """Write the documents of one split."""
    tests, results, narrative = read_tests(), read_results(), read_narrative()
    cases = read_cases()
    plan = plan_lengths(rng, len(idents), WITHOUT_RELATIONS[split])
    patterns = plan_patterns(rng, results, plan, split)
    order: list[dict[str, str]] = []
    while len(order) < len(idents):
        order += rng.sample(cases, len(cases))
    documents = []
    waiting: list[Template] = []  # patterns that found no fitting test, for the next documents
    for ident, case, (length, links), forced in zip(idents, order, plan, patterns, strict=False):
        writer = Writer(rng, tests, case, split == "test")
        if links > 3:
            given, waiting = waiting + [t for t in forced if t not in waiting], []
        else:
            given = list(forced)
        document, failed = write_document(
            ident, writer, length, links, given, results, narrative, uses
        )
        waiting += failed
        documents.append(document)
    return documents


def check(documents: Sequence[Document]) -> None:
    """Assert what every reader of the format relies on."""
    assert len({document.ident for document in documents}) == len(documents)
    for document in documents:
        text = document.text
        assert "\n" not in text and "\t" not in text and "  " not in text, document.ident
        assert not re.search(r"[{}~|]", text), (document.ident, re.findall(r".{20}[{}~|]", text))
        for start, end, test_start, test_end in document.links:
            result, test = text[start:end], text[test_start:test_end]
            assert result and result == result.strip(), (document.ident, result)
            assert test and not re.search(r"\s", test), (document.ident, test)
            assert end <= test_start or test_end <= start, (document.ident, result, test)
            assert not text[end : end + 1].isalnum(), (document.ident, result)
            assert not text[test_end : test_end + 1].isalnum(), (document.ident, test)


def lines(
    document: Document, order: random.Random | None = None, with_texts: bool = True
) -> list[str]:
    """Return the lines of a document: its text, then its relations."""
    text = document.text
    rows = []
    for start, end, test_start, test_end in document.links:
        row = [document.ident, "REL", f"{start}-{end}", f"{test_start}-{test_end}"]
        rows.append("\t".join(row + [text[start:end], text[test_start:test_end]] * with_texts))
    if order:
        order.shuffle(rows)
    return [f"{document.ident}|t|{text}", *rows]


def shape(documents: Sequence[Document]) -> str:
    """Return the statistics that are compared with the real data."""

    def spread(values: Sequence[float]) -> str:
        ranked = sorted(values)
        return f"{ranked[0]} / {ranked[len(ranked) // 2]} / {ranked[-1]}"

    links = [(document, *link) for document in documents for link in document.links]
    repeated = sum(document.text.count(document.text[a:b]) > 1 for document, a, b, _, _ in links)
    before = sum(test_end <= a for _, a, _, _, test_end in links)
    gaps = [max(a - d, c - b) for _, a, b, c, d in links]
    empty = sum(not document.links for document in documents)
    return (
        f"{len(documents)} documents, characters {spread([len(d.text) for d in documents])}, "
        f"relations {len(links)}, per document {spread([len(d.links) for d in documents])}, "
        f"without {empty / len(documents):.0%}, result repeated {repeated / len(links):.0%}, "
        f"distance {spread(gaps)}, test first {before / len(links):.0%}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the three files and print their shape."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    rng = random.Random(SEED)
    numbers = [str(900001 + 7 * i) for i in range(TRAIN + TEST)]
    numbers[12], numbers[TRAIN + 5] = "0900013", "0900061"
    uses: Counter[str] = Counter()
    train = write_split("train", numbers[:TRAIN], rng, uses)
    test = write_split("test", numbers[TRAIN:], rng, uses)
    check([*train, *test])
    shuffled = set(rng.sample([d.ident for d in train if len(d.links) > 3], 4))
    bare = set(rng.sample([d.ident for d in train if d.links], 3))
    blocks = [
        "\n".join(lines(d, rng if d.ident in shuffled else None, d.ident not in bare))
        for d in train
    ]
    folder.mkdir(parents=True, exist_ok=True)
    gold = ["\n".join(lines(d)) for d in test]
    texts = [lines(d)[0] for d in test]
    for name, content in (
        ("training.txt", "\n\n".join(blocks) + "\n\n"),
        ("test.txt", "\n\n".join(texts) + "\n\n"),
        ("test_gold.txt", "\n\n".join(gold) + "\n"),
    ):
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
    for name, documents in (("train", train), ("test", test)):
        print(f"{name}: {shape(documents)}")


if __name__ == "__main__":
    main()
