"""The organisers' test sets in miniature, and their figures from the definitions.

All in plain Python: nothing here may import from `stages`, or from the libraries that it computes
its figures with.
"""

import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product
from random import Random
from statistics import fmean, median
from typing import Any

EARTH = 6371.0088  # mean radius in km


# --- F1 -------------------------------------------------------------------------------------------


def f1(right: int, false: int, missed: int) -> float:
    """The harmonic mean of precision and recall, of true and false positives and false negatives.

    Where one of the two, or both, are not defined, nothing is right, and it is 0.
    """
    if not right:
        return 0.0
    precision, recall = right / (right + false), right / (right + missed)
    return 2 * precision * recall / (precision + recall)


def confusions(
    label: Hashable, gold: Sequence[Hashable], found: Sequence[Hashable]
) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of a label."""
    pairs = list(zip(gold, found, strict=True))
    return (
        sum(g == label and f == label for g, f in pairs),
        sum(g != label and f == label for g, f in pairs),
        sum(g == label and f != label for g, f in pairs),
    )


def f1_of_labels(
    gold: Sequence[Hashable], found: Sequence[Hashable], labels: Iterable[Hashable]
) -> dict[Hashable, float]:
    """The F1 of each label, 0 for one that neither side has."""
    return {label: f1(*confusions(label, gold, found)) for label in labels}


def f1_of_columns(
    gold: Sequence[AbstractSet[str]], found: Sequence[AbstractSet[str]], columns: Iterable[str]
) -> dict[Hashable, float]:
    """The F1 of each column's ones, where an item is the set of columns in which it has a one."""
    return {
        column: f1(
            *confusions(True, *([column in item for item in side] for side in (gold, found)))
        )
        for column in columns
    }


def macro(each: dict[Hashable, float]) -> float:
    """The plain mean over labels, whether the items have them or not."""
    return sum(each.values()) / len(each)


def weighted(each: dict[Hashable, float], gold: Sequence[Hashable]) -> float:
    """The mean over labels, each counted as often as gold has it."""
    return sum(score * gold.count(label) for label, score in each.items()) / len(gold)


def micro(gold: Sequence[Hashable], found: Sequence[Hashable], labels: Iterable[Hashable]) -> float:
    """The F1 of the counts of all labels together."""
    return f1(*map(sum, zip(*(confusions(label, gold, found) for label in labels), strict=True)))


def accuracy(gold: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """The share of items that have the gold label."""
    return sum(g == f for g, f in zip(gold, found, strict=True)) / len(gold)


# --- Spans ----------------------------------------------------------------------------------------


def dice(gold: AbstractSet[int], found: AbstractSet[int]) -> float:
    """What two sets of positions have in common; 1 if both are empty, 0 if one alone is."""
    if not gold and not found:
        return 1.0
    return 2 * len(gold & found) / (len(gold) + len(found))


Relation = tuple[tuple[int, int], tuple[int, int]]
"""Result and test, each with its start and end."""


def overlap(one: Relation, other: Relation) -> bool:
    """Whether both spans share a character with the other relation's."""
    return all(set(range(*a)) & set(range(*b)) for a, b in zip(one, other, strict=True))


def share_met(
    ours: Sequence[AbstractSet[Relation]], theirs: Sequence[AbstractSet[Relation]]
) -> float:
    """The share of our relations that overlap one of theirs in the same document."""
    met = [
        any(overlap(one, other) for other in others)
        for some, others in zip(ours, theirs, strict=True)
        for one in some
    ]
    return sum(met) / len(met) if met else 0.0


# --- Numbers --------------------------------------------------------------------------------------


def pearson(gold: Sequence[float], found: Sequence[float]) -> float:
    """Covariance over the product of standard deviations; 0 where one side does not vary."""
    if len(set(gold)) == 1 or len(set(found)) == 1:
        return 0.0
    gold, found = ([value - fmean(side) for value in side] for side in (gold, found))
    products = math.fsum(g * f for g, f in zip(gold, found, strict=True))
    return products / math.sqrt(math.fsum(g * g for g in gold) * math.fsum(f * f for f in found))


def ranks(values: Sequence[float]) -> list[float]:
    """The place of each value in order, from 1; equal values share the mean of their places."""
    below = [sum(other < value for other in values) for value in values]
    return [
        first + (values.count(value) + 1) / 2 for first, value in zip(below, values, strict=True)
    ]


def mean_absolute_error(gold: Sequence[float], found: Sequence[float]) -> float:
    """How far off the values are on average."""
    return fmean(abs(g - f) for g, f in zip(gold, found, strict=True))


def great_circle(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The distance in km of two points in degrees of latitude and longitude: haversine formula."""
    latitudes, longitudes = (
        [math.radians(degrees) for degrees in pair] for pair in zip(one, other, strict=True)
    )
    across, along = latitudes[1] - latitudes[0], longitudes[1] - longitudes[0]
    squared_half_chord = math.sin(across / 2) ** 2 + (
        math.cos(latitudes[0]) * math.cos(latitudes[1]) * math.sin(along / 2) ** 2
    )
    return 2 * EARTH * math.asin(math.sqrt(squared_half_chord))


# --- Test sets ------------------------------------------------------------------------------------

Said = Mapping[str, Sequence[Any]]
"""What is said of each item, by sheet."""

Figures = dict[str, float]
"""The value of each unit by its name, and its details by ``UNIT.DETAIL``."""


@dataclass(frozen=True)
class Sheet:
    """A submission file of team prova, run 2.

    Attributes:
        file: its name.
        ids: of its items in order, with which rows begin.
        gold: what is right for each item.
        usual: what the training data have most often, or their mean.
        draw: anything that might be said of an item.
        row: writes what is said of an item.
        header: the lines before.
    """

    file: str
    ids: Sequence[str]
    gold: Sequence[Any]
    usual: Any
    draw: Callable[[Random], Any]
    row: Callable[[str, Any], str]
    header: str = ""

    def write(self, said: Sequence[Any], ids: Sequence[str] | None = None) -> str:
        """The content of the file; `ids` may be others than the test set's."""
        rows = zip(self.ids if ids is None else ids, said, strict=True)
        return self.header + "".join(self.row(i, value) for i, value in rows)

    def guess(self, random: Random) -> list[Any]:
        """One thing for all items now and then, else the gold for some and anything for others."""
        if random.random() < 0.1:
            return [random.choice([self.usual, self.draw(random)])] * len(self.gold)
        known = random.random()
        return [g if random.random() < known else self.draw(random) for g in self.gold]


@dataclass(frozen=True, eq=False)
class Campaign:
    """A task with its files.

    Attributes:
        name: of the task.
        raw: the native files.
        sheets: the submission files.
        figures: what a submission has according to the definitions.
    """

    name: str
    raw: Mapping[str, str]
    sheets: Mapping[str, Sheet]
    figures: Callable[[Said], Figures]

    @property
    def gold(self) -> Said:
        """The perfect submission."""
        return {name: sheet.gold for name, sheet in self.sheets.items()}

    @property
    def usual(self) -> Said:
        """The submission of the baseline."""
        return {name: [sheet.usual] * len(sheet.gold) for name, sheet in self.sheets.items()}


def table(header: str, *columns: Iterable[object]) -> str:
    """A table, separated by tabs if its header is."""
    delimiter = "\t" if "\t" in header else ","
    rows = zip(*columns, strict=True)
    return header + "\n" + "".join(delimiter.join(map(str, row)) + "\n" for row in rows)


def turned(header: str, *columns: Sequence[object]) -> str:
    """A table in another order than the test set's, for gold is joined by identifier."""
    return table(header, *(column[::-1] for column in columns))


def objects(rows: Iterable[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def ids(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:02}" for number in range(count)]


def texts(count: int) -> list[str]:
    return [f"testo {number}" for number in range(count)]


TRAIN = ids("train", 5), texts(5)
"""The first two columns of most training files."""


def one_of(*values: Any) -> Callable[[Random], Any]:
    return lambda random: random.choice(values)


def cells(
    delimiter: str = ",", of: Callable[[Any], Iterable[object]] = lambda value: [value]
) -> Callable[[str, Any], str]:
    """Writes a row of a table: the identifier, and the cells of a value."""
    return lambda i, value: delimiter.join([i, *map(str, of(value))]) + "\n"


def labelled(
    file: str,
    header: str,
    asked: Sequence[str],
    gold: Sequence[int],
    labels: Sequence[int],
    usual: int,
) -> Sheet:
    """A sheet of two columns, separated by tabs if its name says so."""
    row = cells("\t" if file.endswith(".tsv") else ",")
    return Sheet(file, asked, gold, usual, one_of(*labels), row, header)


def f1_figures(unit: str, value: float, each: Mapping[Any, float], **details: float) -> Figures:
    """The figures of a unit that has the F1 of each label among its details."""
    details |= {f"f1_{label}": score for label, score in each.items()}
    return {unit: value} | {f"{unit}.{name}": figure for name, figure in details.items()}


def macro_figures(
    unit: str, gold: Sequence[Any], found: Sequence[Any], labels: Iterable[Any], **details: float
) -> Figures:
    each = f1_of_labels(gold, found, labels)
    return f1_figures(unit, macro(each), each, **details)


def acti(count: int = 10) -> Campaign:
    """The last post of sub-task B alone is about Russia."""
    labels = {"A": (0, 1), "B": (0, 1, 2, 3)}
    gold = {
        "A": [1, 1, 0, 1, 0, 1, 0, 1, 0, 1][:count],
        "B": [0, 3, 0, 1, 0, 1, 0, 3, 0, 2][:count],
    }
    asked = {letter: ids(f"{letter}test", count) for letter in gold}
    train = {"A": [[1, 0, 1, 0, 1]], "B": [["x"] * 5, [3, 0, 0, 1, 0]]}
    raw = {
        "subtaskA_train.csv": table("Id,comment_text,conspiratorial", *TRAIN, *train["A"]),
        "subtaskB_train.csv": table("Id,comment_text,topic,conspiracy", *TRAIN, *train["B"]),
        "subtaskA_gold.csv": turned("Id,conspiratorial", asked["A"], gold["A"]),
        "subtaskB_gold.csv": turned("Id,conspiracy", asked["B"], gold["B"]),
    }
    sheets = {}
    for letter, usual in (("A", 1), ("B", 0)):
        raw[f"subtask{letter}_test.csv"] = table("Id,comment_text", asked[letter], texts(count))
        sheets[letter] = labelled(
            f"prova_subtask{letter}_run2.csv",
            "Id,Expected\n",
            asked[letter],
            gold[letter],
            labels[letter],
            usual,
        )

    def figures(said: Said) -> Figures:
        a, b = (f1_of_labels(gold[k], said[k], labels[k]) for k in "AB")
        overall = 0.6 * macro(a) + 0.4 * macro(b)
        return {
            **f1_figures("acti_a", macro(a), a, overall=overall),
            **f1_figures("acti_b", macro(b), b, overall=overall),
        }

    return Campaign("acti", raw, sheets, figures)


def clinkart() -> Campaign:
    """All documents have one text; results may be cut short."""
    text = "Hb 9,8 g/dl, PCR 3, VES 20 mm."

    def span(words: str) -> tuple[int, int]:
        return text.index(words), text.index(words) + len(words)

    right = [(span("9,8 g/dl"), span("Hb")), (span("3"), span("PCR")), (span("20"), span("VES"))]
    results = [span(words) for words in ("9,8 g/dl", "9,8", "g/dl", "3", "20 mm", "20")]
    relations = list(product(results, map(span, ("Hb", "PCR", "VES"))))
    gold = [frozenset(right[number % 4 :]) for number in range(10)]

    def block(i: str, found: AbstractSet[Relation]) -> str:
        lines = [f"{i}|t|{text}"]
        for relation in sorted(found):
            lines.append("\t".join([i, "REL", *(f"{start}-{end}" for start, end in relation)]))
        return "\n".join(lines) + "\n\n"

    sheet = Sheet(
        "prova_run2.txt",
        ids("D", 10),
        gold,
        usual=frozenset(),
        draw=lambda random: frozenset(random.sample(relations, random.randrange(5))),
        row=block,
    )
    raw = {
        "training.txt": "".join(map(block, TRAIN[0], gold)),
        "test.txt": "".join(f"{i}|t|{text}\n" for i in sheet.ids),
        "test_gold.txt": sheet.write(gold[::-1], sheet.ids[::-1]),
    }

    def figures(said: Said) -> Figures:
        found = said["all"]
        right = sum(len(g & f) for g, f in zip(gold, found, strict=True))
        given, wanted = sum(map(len, found)), sum(map(len, gold))
        met, covered = share_met(found, gold), share_met(gold, found)
        return {
            "clinkart": f1(right, given - right, wanted - right),
            "clinkart.precision": right / given if given else 0.0,
            "clinkart.recall": right / wanted,
            "clinkart.overlap_f1": 2 * met * covered / (met + covered) if met else 0.0,
        }

    return Campaign("clinkart", raw, {"all": sheet}, figures)


def discotex() -> Campaign:
    """Talks and encyclopedia are two test sets, of one submission."""
    gold = {"ted": [1, 0, 0, 1, 1, 0], "wiki": [1, 1, 1, 0, 1, 1]}
    scores = [1.0, 4.67, 2.5, 3.33, 3.33, 5.0, 1.2, 2.0, 4.0, 3.0]
    trained = [1.5, 4.5, 3, 2, 4.66666666666667]
    one, two = "ID\tPROMPT\tTARGET\tCLASS", "ID\tTEXT\tSCORE"
    asked, rated = {source: ids(source, 6) for source in gold}, ids("text", 10)
    test = "discotex_2_test_set_release.tsv"
    raw = {
        "discotex_1_ted_train_set_release.tsv": table(one, *TRAIN, texts(5), [1, 0, 1, 0, 1]),
        "discotex_2_train_clean_release.tsv": table(two, *TRAIN, trained),
        f"blind/{test}": table(two, rated, texts(10), [""] * 10),
        f"gold/{test}": turned(two, rated, texts(10), scores),
    }
    for source, classes in gold.items():
        test = f"discotex_1_{source}_test_set_release.tsv"
        raw[f"blind/{test}"] = table(one, asked[source], texts(6), texts(6), [""] * 6)
        raw[f"gold/{test}"] = turned(one, asked[source], texts(6), texts(6), classes)
    both = asked["ted"] + asked["wiki"], gold["ted"] + gold["wiki"]
    sheets = {
        "1": labelled("prova.subtask1.run2.tsv", "", *both, (0, 1), usual=1),
        "2": Sheet(
            "prova.subtask2.run2.tsv",
            rated,
            scores,
            usual=3.13,  # (1.5 + 4.5 + 3 + 2 + 4.67) / 5
            draw=lambda random: round(random.uniform(1, 5), random.randrange(3)),
            row=cells("\t"),
        ),
    }

    def figures(said: Said) -> Figures:
        r, rho = pearson(scores, said["2"]), pearson(ranks(scores), ranks(said["2"]))
        return {
            "discotex_1": accuracy(both[1], said["1"]),
            "discotex_1.accuracy_ted": accuracy(gold["ted"], said["1"][:6]),
            "discotex_1.accuracy_wiki": accuracy(gold["wiki"], said["1"][6:]),
            "discotex_2": r,
            "discotex_2.spearman": rho,
            "discotex_2.harmonic_mean": 2 * r * rho / (r + rho) if min(r, rho) > 0 else 0.0,
        }

    return Campaign("discotex", raw, sheets, figures)


def emit(count: int = 10) -> Campaign:
    """The first six tweets have six of the ten emotions; a tweet may have none."""
    emotions = "Anger Anticipation Disgust Fear Joy Love Neutral Sadness Surprise Trust"
    columns = {"A": emotions.split(), "B": ["Direction", "Topic"]}
    usual = {"A": "Joy", "B": "Direction Topic"}
    train = {
        "A": ["Joy", "Joy", "Anger", "", "Joy Love"],
        "B": ["Topic", "Direction Topic", "Direction", "Direction Topic", ""],
    }
    tweets = [
        ("Joy", "Topic"),
        ("Joy Love", "Topic"),
        ("Joy Trust", "Topic"),
        ("Joy Surprise", "Direction Topic"),
        ("Joy Fear", "Direction Topic"),
        ("Anger", ""),
        ("Anger Disgust", "Direction Topic"),
        ("Anticipation Sadness", "Direction"),
        ("Neutral", ""),
        ("", ""),
    ][:count]
    others = [("Trust", "Topic"), ("Joy", ""), ("Anger", "Topic"), ("", "Direction")]

    def flags(letter: str, labels: Iterable[str]) -> list[int]:
        """A sub-task's cells of a tweet."""
        return [int(column in labels) for column in columns[letter]]

    def rows(letter: str, tweets: Iterable[str]) -> list[str]:
        return [",".join(map(str, flags(letter, labels.split()))) for labels in tweets]

    def sheet(letter: str, domain: str, asked: Sequence[str], gold: Iterable[str]) -> Sheet:
        return Sheet(
            f"prova_Subtask{letter}_{domain}_run2.csv",
            asked,
            [frozenset(labels.split()) for labels in gold],
            usual=frozenset(usual[letter].split()),
            draw=lambda random: frozenset(c for c in columns[letter] if random.random() < 0.3),
            row=cells(of=lambda labels: flags(letter, labels)),
            header=",".join(["id", *columns[letter]]) + "\n",
        )

    heads = {letter: ",".join(names) for letter, names in columns.items()}
    raw = {
        f"emit_train_{letter}.csv": table(
            f"id,text,{heads[letter]}", *TRAIN, rows(letter, train[letter])
        )
        for letter in "AB"
    }
    sheets = {}
    for domain, members, blind, gold in (
        ("in-domain", tweets, "emit_test_nolabel.csv", "emit_test.csv"),
        ("out-of-domain", others, "emit_test_nolabel_out_of_domain.csv", "emit_test_ood.csv"),
    ):
        asked = ids(domain.partition("-")[0], len(members))
        a, b = zip(*members, strict=True)
        raw[blind] = table("id,text", asked, texts(len(members)))
        raw[gold] = turned(f"id,{heads['A']},{heads['B']}", asked, rows("A", a), rows("B", b))
        sheets[f"A {domain}"] = sheet("A", domain, asked, a)
        sheets[f"B {domain}"] = sheet("B", domain, asked, b)

    def figures(said: Said) -> Figures:
        found: Figures = {}
        for letter, unit in (("A", "emit_a"), ("B", "emit_b")):
            inside, outside = (
                f1_of_columns(sheets[key].gold, said[key], columns[letter])
                for key in (f"{letter} in-domain", f"{letter} out-of-domain")
            )
            found |= f1_figures(unit, macro(inside), inside, out_of_domain_macro_f1=macro(outside))
        return found

    return Campaign("emit", raw, sheets, figures)


def emotivita() -> Campaign:
    """Values of the gold are random, and go from 0 to 6."""

    def emotion(random: Random) -> tuple[float, ...]:
        return tuple(round(random.uniform(0, 6), 2) for _ in "VAD")

    def numbers(values: Iterable[float]) -> list[str]:
        return [f"{value:.2f}" for value in values]

    random = Random(1)
    train = ("1.00,2.00,3.00", "2.00,2.00,4.00", "3.00,5.00,5.00", "4.00,2.00,2.00", "5,4,1")
    gold = [emotion(random) for _ in range(10)]
    asked = ids("text", 10)
    sheet = Sheet(
        "prova_SubtaskB_unconstrained_run2.csv",
        asked,
        gold,
        usual=(3.0, 3.0, 3.0),
        draw=emotion,
        row=cells(of=numbers),
        header="id,V,A,D\n",
    )
    raw = {
        "Development set.csv": table("id,text,V,A,D", *TRAIN, train),
        "Test set.csv": table("id,text", asked, texts(10)),
        "Test set - Gold labels.csv": turned(
            "id,V,A,D", asked, [",".join(numbers(values)) for values in gold]
        ),
    }

    def figures(said: Said) -> Figures:
        found: Figures = {}
        for n, dimension in enumerate("vad"):
            pair = [g[n] for g in gold], [s[n] for s in said["all"]]
            found[f"emotivita.pearson_{dimension}"] = pearson(*pair)
            found[f"emotivita.mae_{dimension}"] = mean_absolute_error(*pair)
        return {"emotivita": fmean(found[f"emotivita.pearson_{d}"] for d in "vad"), **found}

    return Campaign("emotivita", raw, {"all": sheet}, figures)


def geolingit(count: int = 20) -> Campaign:
    """The first ten tweets have eight of the 17 regions; Molise is none, but may be said."""
    regions = (
        "Abruzzo", "Calabria", "Campania", "Emilia Romagna", "Friuli-Venezia Giulia", "Lazio",
        "Liguria", "Lombardia", "Marche", "Piemonte", "Puglia", "Sardegna", "Sicilia", "Toscana",
        "Trentino-Alto Adige", "Umbria", "Veneto",
    )  # fmt: skip
    names = ["Lazio", "Lazio", "Veneto", *regions][:count]
    latitudes, longitudes = [40.0 + number % 5 for number in range(count)], [12.0] * count
    points = list(zip(latitudes, longitudes, strict=True))
    trained = ["Lazio", "Molise", "Lazio", "Veneto", "Lazio"]
    places = [41, 43, 42, 41, 43], [11, 13, 12, 13, 11]
    asked = ids("test", count)
    a, b = "id\ttext\tregion", "id\ttext\tlatitude\tlongitude"
    raw = {
        "train_a.tsv": table(a, *TRAIN, trained),
        "train_b.tsv": table(b, *TRAIN, *places),
        "test.tsv": table("id\ttext", asked, texts(count)),
        "test_gold_a.tsv": turned("id\tregion", asked, names),
        "test_gold_b.tsv": turned("id\tlatitude\tlongitude", asked, latitudes, longitudes),
    }

    def point(random: Random) -> tuple[float, float]:
        """In Italy, or anywhere."""
        south, north, west, east = random.choice([(36, 47.1, 6.6, 18.6), (-90, 90, -180, 180)])
        return round(random.uniform(south, north), 3), round(random.uniform(west, east), 3)

    sheets = {
        "a": Sheet(
            "prova.standard.a.2.tsv",
            asked,
            names,
            usual="Lazio",
            draw=one_of(*regions, "Molise"),
            row=cells("\t", lambda region: ["", region]),
            header=f"{a}\n",
        ),
        "b": Sheet(
            "prova.standard.b.2.tsv",
            asked,
            points,
            usual=(42.0, 12.0),
            draw=point,
            row=cells("\t", lambda place: ["", *place]),
            header=f"{b}\n",
        ),
    }

    def figures(said: Said) -> Figures:
        distances = list(map(great_circle, points, said["b"]))
        return {
            **macro_figures("geolingit_a", names, said["a"], regions),
            "geolingit_b": fmean(distances),
            "geolingit_b.median_km": median(distances),
        }

    return Campaign("geolingit", raw, sheets, figures)


def haspeede() -> Campaign:
    """Two tweets of twenty on politics are hate, and six of eight on religion."""
    politics, religion = [0] * 9 + [1] + [0] * 9 + [1], [1, 0, 1, 1, 1, 0, 1, 1]
    political, religious = ids("politics", 20), ids("religion", 8)
    kinds = ["test_politics"] * 20 + ["test_religious"] * 8
    everything = political + religious, politics + religion
    head, pair = "anonymized_tweet_id,anonymized_text", "anonymized_tweet_id,label"
    trained = [0, 1, 0, 0, 1], ["training_politics"] * 5
    raw = {
        "training_textual.csv": table(f"{head},label,dataset", *TRAIN, *trained),
        "test_textual.csv": table(f"{head},dataset", everything[0], texts(28), kinds),
        "test_textual_gold.csv": turned(pair, *everything),
    }
    sheets = {
        unit: labelled(f"prova_{name}_run_2.csv", f"{pair}\n", asked, gold, (0, 1), usual=0)
        for unit, name, asked, gold in (
            ("haspeede_a", "taskA_textual", political, politics),
            ("haspeede_xpolitical", "taskB_XPoliticalHate", political, politics),
            ("haspeede_xreligious", "taskB_XReligiousHate", religious, religion),
        )
    }

    def figures(said: Said) -> Figures:
        found: Figures = {}
        for unit, sheet in sheets.items():
            found |= macro_figures(unit, sheet.gold, said[unit], (0, 1))
        return found

    return Campaign("haspeede", raw, sheets, figures)


def hodi() -> Campaign:
    """A post that is not homotransphobic may have a rationale, and the other way round."""
    post = "che brutto post!"
    labels = [1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 1]
    stretches = (
        (range(4, 7), range(0), range(4, 10), range(0), range(0), range(0, 16, 5)),
        (range(16), range(0), range(11, 13), range(0), range(3, 4), range(4, 15)),
    )
    rationales = [frozenset(places) for half in stretches for places in half]
    gold = [str(sorted(places)) if places else "" for places in rationales]

    def stretch(random: Random) -> frozenset[int]:
        """None, or some characters in a row; a submission may also count beyond the text."""
        start = random.randrange(len(post))
        return frozenset(range(start, start + random.choice([0, 1, 3, 6])))

    def submitted(places: AbstractSet[int]) -> list[object]:
        """A position may stand there twice, as in the guidelines, and counts once."""
        return [[*sorted(places), *sorted(places)[:1]]]

    asked, trained = ids("test", 12), (TRAIN[0], [post] * 5)
    blind = table("id\ttext", asked, [post] * 12)
    raw = {
        "HODI_2023_train_subtaskA.tsv": table(
            "id\ttext\thomotransphobic", *trained, [0, 0, 1, 0, 1]
        ),
        "HODI_2023_train_subtaskB.tsv": table("id\ttext\trationales", *trained, gold[:5]),
        "HODI_2023_test_subtaskA.csv": blind,
        "HODI_2023_test_subtaskB.csv": blind,
        "HODI_2023_test_GOLD.tsv": turned("id\thomotransphobic\trationales", asked, labels, gold),
    }
    sheets = {
        "A": labelled("prova.A.run2.tsv", "id\thomotransphobic\n", asked, labels, (0, 1), usual=0),
        "B": Sheet(
            "prova.B.run2.tsv",
            asked,
            rationales,
            usual=frozenset(),
            draw=stretch,
            row=cells("\t", submitted),
            header="id\trationales\n",
        ),
    }

    def figures(said: Said) -> Figures:
        return {
            **macro_figures("hodi_a", labels, said["A"], (0, 1)),
            "hodi_b": fmean(map(dice, rationales, said["B"])),
        }

    return Campaign("hodi", raw, sheets, figures)


def langlearn() -> Campaign:
    """A hash of their names puts one training pair of CItA in order, and four of COWS-L2H."""
    head = "Essay_1\tEssay_2\tOrder_1\tOrder_2"
    trained = ids("1", 5), ids("2", 5), [1] * 5, [2] * 5
    asked = [f"{one}\t{other}" for one, other in zip(ids("05", 10), ids("08", 10), strict=True)]
    times = [3] * 10, [7] * 10
    gold = {"CItA": [0, 1, 1, 0, 1, 0, 1, 0, 1, 1], "COWS-L2H": [1, 0, 1, 1, 0, 1, 0, 1, 1, 0]}
    raw = {
        "CItA/Training_CItA.tsv": table(head, *trained),
        "COWS-L2H/Train_COWS-L2H.tsv": table(head, *trained),
    }
    sheets = {}
    for corpus, usual in (("CItA", 1), ("COWS-L2H", 0)):
        test, labels = f"{corpus}/Test_{corpus}", gold[corpus]
        raw[f"{test}.tsv"] = table(head, asked, *times)
        raw[f"{test}_gold.tsv"] = turned(f"{head}\tPred", asked, *times, labels)
        sheets[corpus] = Sheet(
            f"Test_{corpus}.tsv",
            asked,
            labels,
            usual,
            one_of(0, 1),
            cells("\t", lambda label: [3, 7, label]),
            f"{head}\tPred\n",
        )

    def figures(said: Said) -> Figures:
        each = {corpus: f1_of_labels(gold[corpus], said[corpus], (0, 1)) for corpus in gold}
        average = fmean(map(macro, each.values()))
        found: Figures = {}
        for corpus, unit in (("CItA", "langlearn_cita"), ("COWS-L2H", "langlearn_cows_l2h")):
            found |= f1_figures(
                unit,
                macro(each[corpus]),
                each[corpus],
                accuracy=accuracy(gold[corpus], said[corpus]),
                average_of_corpora=average,
            )
        return found

    return Campaign("langlearn", raw, sheets, figures)


def multifakedetective() -> Campaign:
    """The first two official items are not scored; none of the others is certainly fake."""
    head = "ID\tDate\tType\tText\tMedia"
    test, additional = [0, 0, 2, 1, 2, 3, 2, 1, 2, 3, 2, 1], [0, 1, 1, 3]
    asked = {"Test": ids("official", 12), "Additional": ids("additional", 4)}

    def items(asked: Sequence[str]) -> tuple[Sequence[object], ...]:
        count = len(asked)
        return asked, ["oggi"] * count, ["tweet"] * count, texts(count), ["[]"] * count

    files = {
        "Data": table(f"{head}\tLabel", *items(TRAIN[0]), [2, 1, 2, 0, 3]),
        "Test": table(head, *items(asked["Test"])),
        "Test_gold": turned("ID\tLabel", asked["Test"][2:], test[2:]),
        "Additional": table(head, *items(asked["Additional"])),
        "Additional_gold": turned("ID\tLabel", asked["Additional"], additional),
    }
    sheets = {
        name: labelled(file, "ID\tLabel\n", asked[name], gold, range(4), usual=2)
        for name, file, gold in (
            ("Test", "prova_Task1_run2.tsv", test),
            ("Additional", "prova_Task1_additional_run2.tsv", additional),
        )
    }

    def figures(said: Said) -> Figures:
        ranked = f1_of_labels(test[2:], said["Test"][2:], range(4))
        extra = f1_of_labels(additional, said["Additional"], range(4))
        return f1_figures(
            "multifakedetective",
            weighted(ranked, test[2:]),
            ranked,
            additional_weighted_f1=weighted(extra, additional),
        )

    raw = {f"MULTI-Fake-Detective_Task1_{name}.tsv": content for name, content in files.items()}
    return Campaign("multifakedetective", raw, sheets, figures)


def nermud() -> Campaign:
    """The most frequent training label is O, but without prefixes it is PER."""
    kinds = ("PER", "LOC", "ORG")
    train = "Anna/B-PER Rossi/I-PER ./O " * 3 + "Ugo/B-PER Neri/I-PER ride/O ./O " * 2
    tests = {
        "WN": "Anna/B-PER Rossi/I-PER vive/O a/O Roma/B-LOC ./O"
        " Ieri/O Roma/B-LOC batte/O Lazio/B-ORG ./O",
        "FIC": "Ugo/B-PER torna/O a/O Napoli/B-LOC ./O",
        "ADG": "la/O Lega/B-ORG Nord/I-ORG parla/O ./O",
    }
    draw = one_of(
        "O", "O", "O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "b-per", "LOC",
        "i-org|x",
    )  # fmt: skip

    def columns(sentences: str) -> tuple[tuple[str, ...], ...]:
        """Tokens and labels."""
        return tuple(zip(*(pair.split("/") for pair in sentences.split()), strict=True))

    def row(*cells: str) -> str:
        """A token and its label, or a token alone; a sentence ends at a full stop."""
        return "\t".join(cells) + ("\n\n" if cells[0] == "." else "\n")

    def kind(label: str) -> str:
        """A label as the organisers' scorer reads it."""
        return re.sub("^[A-Z]-", "", label.upper().partition("|")[0])

    raw = {"WN_train.tsv": "".join(map(row, *columns(train)))}
    sheets = {}
    for domain, sentences in tests.items():
        tokens, labels = columns(sentences)
        raw[f"{domain}_test_nolabel.tsv"] = "".join(map(row, tokens))
        raw[f"{domain}_test.tsv"] = "".join(map(row, tokens, labels)).rstrip()
        sheets[domain] = Sheet(f"DAC_{domain}_prova_2.tsv", tokens, labels, "I-PER", draw, row)

    def figures(said: Said) -> Figures:
        gold, found = (
            {domain: list(map(kind, side[domain])) for domain in sheets}
            for side in ({domain: sheet.gold for domain, sheet in sheets.items()}, said)
        )
        details = {}
        for domain in sheets:
            each = f1_of_labels(gold[domain], found[domain], kinds)
            details[f"{domain.lower()}_macro_f1"] = macro(each)
            details[f"{domain.lower()}_micro_f1"] = micro(gold[domain], found[domain], kinds)
        averages = [value for name, value in details.items() if name.endswith("_macro_f1")]
        details["average_of_domains"] = fmean(averages)
        together = sum(gold.values(), []), sum(found.values(), [])
        details["micro_f1"] = micro(*together, kinds)
        return macro_figures("nermud", *together, kinds, **details)

    return Campaign("nermud", raw, sheets, figures)


def politicit(count: int = 10) -> Campaign:
    """The last author alone is of the moderate right; each has two tweets."""
    traits = {
        "gender": ("female", "male"),
        "ideology_binary": ("left", "right"),
        "ideology_multiclass": ("left", "moderate_left", "moderate_right", "right"),
    }
    header = ",".join(["label", *traits])
    train = ("male,left,moderate_left", "female,left,left", "male,right,right",
             "female,right,moderate_right", "male,left,moderate_left")  # fmt: skip
    authors = [
        "male,left,left", "female,left,left", "male,right,right", "male,left,moderate_left",
        "male,right,right", "female,right,right", "female,left,left", "male,right,right",
        "female,left,moderate_left", "male,right,moderate_right",
    ][:count]  # fmt: skip
    asked, gold = ids("author", count), [tuple(author.split(",")) for author in authors]
    raw = {
        "politicIT_phase_2_train_public.csv": table(
            f"{header},tweet", TRAIN[0] * 2, train * 2, texts(10)
        ),
        "politicIT_phase_2_test_codalab.csv": table("label,tweet", asked * 2, texts(2 * count)),
        "politicIT_phase_2_test_gold.csv": turned(header, asked, authors),
    }
    sheet = Sheet(
        "results_post_eval.csv",
        asked,
        gold,
        usual=("male", "left", "moderate_left"),
        draw=lambda random: tuple(random.choice(labels) for labels in traits.values()),
        row=cells(of=list),
        header=f"{header}\n",
    )

    def figures(said: Said) -> Figures:
        gender, binary, multiclass = (
            macro(f1_of_labels([g[n] for g in gold], [s[n] for s in said["all"]], labels))
            for n, labels in enumerate(traits.values())
        )
        return {
            "politicit": (gender + binary + multiclass) / 3,
            "politicit.gender_macro_f1": gender,
            "politicit.binary_macro_f1": binary,
            "politicit.multiclass_macro_f1": multiclass,
        }

    return Campaign("politicit", raw, {"all": sheet}, figures)


def wicita() -> Campaign:
    """Half of the Italian pairs have one sense, and a fifth of the others."""
    sentences = {"sentence1": "La rete è verde.", "sentence2": "Cerco in rete."}
    pair = {**sentences, "start1": 3, "end1": 7, "start2": 9, "end2": 13}
    asked = ids("pair", 10)
    trained = zip(TRAIN[0], [1, 1, 0, 1, 0], strict=True)
    raw = {
        "binary/train.jsonl": objects(
            {"id": i, "lemma": "rete", **pair, "label": label} for i, label in trained
        )
    }
    sheets = {}
    for unit, name, file, lemmas, gold in (
        ("wicita_it", "test", "binary", {"lemma": "rete"}, [1, 0, 0, 1, 1, 0, 1, 0, 0, 1]),
        (
            "wicita_en",
            "test_eng",
            "binary_eng",
            {"lemma1": "rete", "lemma2": "net"},
            [0, 0, 1, 0, 0, 0, 0, 1, 0, 0],
        ),
    ):
        sheets[unit] = Sheet(
            f"{file}.jsonl",
            asked,
            gold,
            usual=1,
            draw=one_of(0, 1),
            row=lambda i, label: objects([{"id": i, "label": label}]),
        )
        raw[f"binary/{name}.jsonl"] = objects({"id": i, **lemmas, **pair} for i in asked)
        raw[f"gold_truth/binary/{name}.jsonl"] = sheets[unit].write(gold[::-1], asked[::-1])

    def figures(said: Said) -> Figures:
        found: Figures = {}
        for unit, sheet in sheets.items():
            found |= macro_figures(unit, sheet.gold, said[unit], (0, 1))
        return found

    return Campaign("wicita", raw, sheets, figures)


WHOLE = {
    campaign.name: campaign
    for campaign in (
        acti(), clinkart(), discotex(), emit(), emotivita(), geolingit(), haspeede(), hodi(),
        langlearn(), multifakedetective(), nermud(), politicit(), wicita(),
    )
}  # fmt: skip
"""The test sets; but for MULTI-Fake, whose average asks for none, gold has every label."""

LACKING = {campaign.name: campaign for campaign in (acti(9), emit(6), geolingit(10), politicit(9))}
"""Test sets whose gold lacks labels that count all the same."""
