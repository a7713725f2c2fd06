"""GeoLingIt: say from which region, and from which point, a tweet in non-standard Italian comes.

Raw files, tab-separated with a header and without quoting, so quotes are part of the text:

    train_a.tsv, dev_a.tsv      id text region
    train_b.tsv, dev_b.tsv      id text latitude longitude (degrees, in the same tweets)
    test.tsv                    id text
    test_gold_a.tsv             id region (a column text may be there)
    test_gold_b.tsv             id latitude longitude (likewise)

A cell that is plainly quoted all the same is read without its quotes. All points are in Italy:
others, such as latitude and longitude in the wrong order, are defects.
The training files are required. Without the dev files (both) or the test file, training tweets are
held out. The regions that can be answered are those of the training and dev files and the 17 of the
official test set. Formats: the organisers' repository.

The question is the tweet, the answer ``[regione] NAME [geo] LATITUDE LONGITUDE``. Coordinates have
three decimals: a point moves by less than 80 m. Answering both at once trains sub-task B on the
gold of sub-task A, which the guidelines do not allow: as in ExtremITA, whose answer this is.

The submissions, with the header of the training files and an empty text, are
``TEAM.standard.a.N.tsv`` and ``TEAM.standard.b.N.tsv``. Region and point are parsed apart. The
fallback for the region is the most frequent one in training; for a point that cannot be parsed, or
is none (latitudes go from -90 to 90, longitudes from -180 to 180), the mean point of the training
tweets of the region that was parsed, or of all of them.

The score of A is macro F1 over the 17 regions of the official test set, or over those that the
held-out tweets have; its bootstrap resamples keep each region's number of tweets. That of B is the
mean great-circle distance in km, which the `haversine` package computes; its baseline is the mean
point of all training tweets.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from stages.common.command import InputError
from stages.common.files import Defects, required
from stages.forms.forms import Fields, Number
from stages.toolkit.answers import AnswerParser, Labels, normalised, parse_numbers
from stages.toolkit.decisions import Closeness
from stages.toolkit.questions import examples, question_id
from stages.toolkit.raw_files import RawFiles, log_absent, read_splits
from stages.toolkit.records import Encoded, Outcome, Sending, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, BySplit, HoldOut
from stages.toolkit.tables import (
    Parser,
    Row,
    anything,
    identifier,
    match_items,
    number,
    read_table,
    text,
    write_table,
)

NAME = "geolingit"
A, B = "geolingit_a", "geolingit_b"
FILES = {
    A: RawFiles(train="train_a.tsv", dev="dev_a.tsv", test="test.tsv", gold="test_gold_a.tsv"),
    B: RawFiles(train="train_b.tsv", dev="dev_b.tsv", test="test.tsv", gold="test_gold_b.tsv"),
}
"""The raw files of each sub-task, which have the same tweets."""
REQUIRED = (FILES[A].train, FILES[B].train)
UNITS = (A, B)
SENDING = Sending(
    "by e-mail to geolingit@gmail.com, subject: GeoLingIt: TEAM submission",
    runs=3,
    archive="{team}.zip",
    suffix=".tsv",
)
CLOSED: dict[str, tuple[str, ...]] = {}  # region and point are one answer
FORMS = {
    NAME: Fields(
        template="[regione] {region} [geo] {latitude} {longitude}",
        labels={"region": []},  # those that the training files have
        numbers={
            "latitude": Number(low=35.2, high=47.2, decimals=3),
            "longitude": Number(low=6.5, high=18.6, decimals=3),
        },
        resolution=0.099,
    )
}
FIGURES = {NAME: Closeness()}
SUBMISSIONS = {A: "{team}.standard.a.{run}.tsv", B: "{team}.standard.b.{run}.tsv"}
"""The submission file of each sub-task."""

OFFICIAL = (
    "Abruzzo", "Calabria", "Campania", "Emilia Romagna", "Friuli-Venezia Giulia", "Lazio",
    "Liguria", "Lombardia", "Marche", "Piemonte", "Puglia", "Sardegna", "Sicilia", "Toscana",
    "Trentino-Alto Adige", "Umbria", "Veneto",
)  # fmt: skip
"""The regions of the official test set, over which the organisers' scorer averages."""


class Point(NamedTuple):
    """Latitude and longitude, in degrees."""

    latitude: float
    longitude: float


class Place(NamedTuple):
    """A region and a point, the gold of both sub-tasks; None for one that is unknown."""

    region: str | None
    point: Point | None


@dataclass(frozen=True)
class Tweet:
    """A tweet; its gold is None where it is unknown."""

    id: str
    text: str
    gold: Place | None = None

    @property
    def question_id(self) -> str:
        """The id of the question about it."""
        return question_id(NAME, self.id)


# --- Raw files ------------------------------------------------------------------------------------


def region_name(cell: str) -> str:
    """A region's name, as it is."""
    if not normalised(cell) or "[" in cell:
        raise ValueError("expected the name of a region")
    return cell


def degrees(low: float, high: float) -> Parser:
    """A parser of a coordinate of a place in Italy."""
    parse = number(low, high)

    def coordinate(cell: str) -> float:
        try:
            return float(parse(cell))
        except ValueError as error:
            raise ValueError(f"{error}, in Italy") from None

    return coordinate


LATITUDE, LONGITUDE = number(-90, 90), number(-180, 180)
POINT: Mapping[str, Parser] = {
    "id": identifier,
    "latitude": degrees(35.2, 47.2),  # from Lampedusa to the Vetta d'Italia
    "longitude": degrees(6.5, 18.6),  # from Bardonecchia to Otranto
}
REGION: Mapping[str, Parser] = {"id": identifier, "region": region_name}


class Regions:
    """The regions that can be answered; every one is spelled in one way only."""

    def __init__(self) -> None:
        self._names = {normalised(name): name for name in OFFICIAL}

    def check(self, path: Path, rows: Iterable[Row], *, new: bool) -> None:
        """Makes sure that a file names known regions.

        Args:
            path: the file.
            rows: its rows.
            new: whether it may name new ones.

        Raises:
            InputError: for unknown regions, and for known ones in another spelling.
        """
        defects = Defects(path)
        for row in rows:
            name = row["region"]
            known = self._names.get(normalised(name))
            if known is None and not new:
                defects.add(row.line, f"region {name!r}: the training files do not have it")
            elif self._names.setdefault(normalised(name), name) != name:
                defects.add(row.line, f"region {name!r}: expected the spelling {known!r}")
        defects.check()

    @property
    def labels(self) -> Labels[str]:
        """The regions as answers."""
        return Labels({name: name for name in self._names.values()})


def read_items(
    folder: Path, hold_out: HoldOut, *, with_gold: bool = False
) -> tuple[BySplit[Tweet], Regions]:
    """Reads the tweets of each split, those of the test set without their gold or with it.

    Returns:
        The tweets, and the regions of the training and dev files.
    """
    regions = Regions()
    # The dev files are used only if both are there; of the gold files one is enough.
    files = replace(
        FILES[A],
        dev=FILES[A].dev if FILES[B].path(folder, "dev") else "",
        gold=FILES[A].gold if FILES[A].path(folder, "gold") else FILES[B].gold,
    )
    tweets = read_splits(
        NAME,
        folder,
        files,
        hold_out,
        train=partial(_read_labelled, regions),
        test=_read_test,
        gold=partial(_read_gold, regions) if with_gold else None,
        group=lambda tweet: normalised(tweet.text),  # retweets stay together
    )
    _check_ids(folder, files, tweets)
    return tweets, regions


def _read_labelled(regions: Regions, path_a: Path) -> list[Tweet]:
    """Reads the same tweets from A's file and from B's beside it, in the order of A's file."""
    names = {FILES[A].train: FILES[B].train, FILES[A].dev: FILES[B].dev}
    path_b = required(path_a.with_name(names[path_a.name]))
    a = {row["id"]: row for row in _table(path_a, {**REGION, "text": text})}
    b = {row["id"]: row for row in _table(path_b, {**POINT, "text": text})}
    regions.check(path_a, a.values(), new=True)
    for path, rows, other_path, others in ((path_a, a, path_b, b), (path_b, b, path_a, a)):
        defects = Defects(path)
        for i, row in rows.items():
            if i not in others:
                defects.add(row.line, f"id {i}: {other_path.name} does not have it")
            elif others[i]["text"] != row["text"]:
                defects.add(
                    row.line,
                    f"id {i}: expected the text of {other_path.name}, line {others[i].line}:"
                    f" {others[i]['text'][:60]!r}; found {row['text'][:60]!r}",
                )
        defects.check()
    return [Tweet(i, row["text"], Place(row["region"], _point(b[i]))) for i, row in a.items()]


def _read_test(path: Path) -> list[Tweet]:
    return [Tweet(row["id"], row["text"]) for row in _table(path, {"id": identifier, "text": text})]


def _read_gold(regions: Regions, path: Path, test: Sequence[Tweet]) -> list[Place]:
    """Reads the gold files that are there, in the folder of one of them."""
    names: Sequence[str | None] = [None] * len(test)
    points: Sequence[Point | None] = [None] * len(test)
    if path_a := FILES[A].path(path.parent, "gold"):
        rows = _table(path_a, REGION, text=anything)
        regions.check(path_a, rows, new=False)
        names = [row["region"] for row in match_items(path_a, rows, "id", test, ordered=False)]
    if path_b := FILES[B].path(path.parent, "gold"):
        rows = _table(path_b, POINT, text=anything)
        points = [_point(row) for row in match_items(path_b, rows, "id", test, ordered=False)]
    return list(map(Place, names, points))


def _table(path: Path, columns: Mapping[str, Parser], **optional: Parser) -> list[Row]:
    return read_table(path, columns, delimiter="\t", quoted=False, optional=optional, unique="id")


def _point(row: Row) -> Point:
    return Point(row["latitude"], row["longitude"])


def _check_ids(folder: Path, files: RawFiles, tweets: BySplit[Tweet]) -> None:
    """Makes sure that no tweet of a dev or test file is in another split too."""
    for split in SPLITS[1:]:
        if path := files.path(folder, split):
            others = {t.id for other in SPLITS if other != split for t in tweets[other]}
            if both := [tweet.id for tweet in tweets[split] if tweet.id in others]:
                some = ", ".join(both[:20])
                raise InputError(
                    f"{path}: ids that other files have too: {some} ({len(both)} in all)"
                )


# --- Questions and answers ------------------------------------------------------------------------

_MARKER = re.compile(r"\[(regione|geo)\]", re.IGNORECASE)


def write_answer(place: Place) -> str | None:
    """The answer for a place; None where the region or the point is unknown."""
    if place.region is None or place.point is None:
        return None
    latitude, longitude = map(_decimal, place.point)
    return f"[regione] {place.region} [geo] {latitude} {longitude}"


def _decimal(degrees: float) -> str:
    """Three decimals: an error of at most 0.0005 degrees, 56 m, in each direction."""
    return f"{degrees:.3f}"


def parse_answer(answer: str, labels: Labels[str]) -> tuple[Place, bool]:
    """Parses any answer.

    Args:
        answer: a model's text.
        labels: the regions that can be answered.

    Returns:
        The region and the point, each None where it cannot be parsed or its marker does not occur
        exactly once; and whether the whole answer was well-formed.
    """
    before, *pieces = _MARKER.split(answer)
    markers = [marker.lower() for marker in pieces[::2]]
    contents = dict(zip(markers, pieces[1::2], strict=True))
    region = point = None
    if markers.count("regione") == 1:
        region = labels.parse(contents["regione"])
    if markers.count("geo") == 1:
        point = parse_point(contents["geo"])
    in_order = not before.strip() and markers == ["regione", "geo"]
    return Place(region, point), in_order and region is not None and point is not None


def parse_point(content: str) -> Point | None:
    """Parses latitude and longitude; None unless they are a place on Earth."""
    degrees = parse_numbers(content, 2)
    if degrees is None or abs(degrees[0]) > 90 or abs(degrees[1]) > 180:
        return None
    return Point(*degrees)


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Makes a question of every tweet; see `stages.tasks.Task.encode`."""
    tweets, regions = read_items(folder, hold_out, with_gold=True)
    for subtask, files in FILES.items():
        log_absent(folder, files, tweets, subtask)
    encoded = examples(tweets, NAME, text=lambda tweet: tweet.text, answer=write_answer)
    notes = {"tweets": sum(map(len, tweets.values())), "regions": len(regions.labels.answers)}
    return Encoded(encoded, notes)


def interpret(subtask: str, answer: str) -> dict[str, str | float] | None:
    """The region and the point that could be parsed; see `stages.tasks.Task.interpret`.

    Of the regions those of the official test set are known, but not what a training file adds.
    """
    place, _ = parse_answer(answer, Regions().labels)
    parsed: dict[str, str | float] = {} if place.region is None else {"region": place.region}
    return (parsed | place.point._asdict() if place.point else parsed) or None


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    parser = AnswerParser(answers, folder)
    tweets, regions = read_items(folder, hold_out)
    labels = regions.labels
    fallback = majority_region(tweets["train"])
    centres = {region: centre(tweets["train"], region) for region in (None, *labels.answers)}
    rows_a, rows_b = [], []
    for tweet in tweets["test"]:
        (region, point), whole = parse_answer(parser.answer(tweet.question_id), labels)
        parser.count(NAME, parsed=whole, fallback=region is None and point is None)
        rows_a.append((tweet.id, "", region or fallback))
        rows_b.append((tweet.id, "", *map(_decimal, point or centres[region])))
    header_a, header_b = ["id", "text", "region"], ["id", "text", "latitude", "longitude"]
    tables = {
        A: write_table(header_a, rows_a, delimiter="\t", quoted=False),
        B: write_table(header_b, rows_b, delimiter="\t", quoted=False),
    }
    files = {run.file_name(SUBMISSIONS[subtask]): table for subtask, table in tables.items()}
    return Submission(files, parser.finish())


def majority_region(train: Sequence[Tweet]) -> str:
    """The most frequent region of the training tweets."""
    from stages.toolkit.scores import majority

    return majority([str(tweet.gold.region) for tweet in train if tweet.gold])


def centre(train: Sequence[Tweet], region: str | None = None) -> Point:
    """The mean point of the tweets of a region, or of all where it has none."""
    places = [tweet.gold for tweet in train if tweet.gold]
    points = [place.point for place in places if place.point and region in (None, place.region)]
    if not points and region is not None:
        return centre(train)
    latitudes, longitudes = zip(*points, strict=True)
    return Point(fmean(latitudes), fmean(longitudes))


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from haversine import haversine

    from stages.toolkit.scores import f1_unit, mean_unit

    tweets, _ = read_items(folder, hold_out, with_gold=True)
    test, train = tweets["test"], tweets["train"]
    places = [tweet.gold for tweet in test if tweet.gold]
    units = {}
    if regions := [place.region for place in places if place.region is not None]:
        rows = _read_submission(submission / run.file_name(SUBMISSIONS[A]), test, {"region": text})
        official = FILES[A].path(folder, "test") is not None
        units[A] = f1_unit(
            regions,
            [row["region"] for row in rows],
            OFFICIAL if official else sorted(set(regions)),
            majority_region(train),
            stratified=True,
            answer=str,
        )
    if points := [place.point for place in places if place.point is not None]:
        columns = {"latitude": LATITUDE, "longitude": LONGITUDE}
        rows = _read_submission(submission / run.file_name(SUBMISSIONS[B]), test, columns)
        submitted = [_point(row) for row in rows]
        distances = [haversine(g, s) for g, s in zip(points, submitted, strict=True)]
        middle = centre(train)
        units[B] = mean_unit(
            "mean_km",
            distances,
            fmean(haversine(point, middle) for point in points),
            better="lower",
            perfect=0.0,
            details={"median_km": median(distances)},
            outcome=Outcome("point", points, submitted),
        )
    return units


def _read_submission(path: Path, test: Sequence[Tweet], columns: Mapping[str, Parser]) -> list[Row]:
    columns = {"id": identifier, "text": anything, **columns}
    rows = read_table(path, columns, delimiter="\t", quoted=False)
    return match_items(path, rows, "id", test)
