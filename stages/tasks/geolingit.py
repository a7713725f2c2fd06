"""GeoLingIt: say from which region, and from which point, a tweet in non-standard Italian comes.

Raw files, tab-separated with a header and without quoting, so quotes are part of the text:

    train_a.tsv, dev_a.tsv      id text region
    train_b.tsv, dev_b.tsv      id text latitude longitude (degrees, in the same tweets)
    test.tsv                    id text
    test_gold_a.tsv             id region (a column text may be there)
    test_gold_b.tsv             id latitude longitude (likewise)

The training files are required. Without the dev files (both) or the test file, training tweets are
held out. The regions that can be answered are those of the training and dev files and the 17 of the
official test set. Formats: the organisers' repository.

The question is the tweet, the answer ``[regione] NAME [geo] LATITUDE LONGITUDE``. Coordinates have
three decimals: a point moves by less than 80 m. Answering both at once trains sub-task B on the
gold of sub-task A, which the guidelines do not allow: as in ExtremITA, whose answer this is.

The submissions, with the header of the training files and an empty text, are
``TEAM.standard.a.N.tsv`` and ``TEAM.standard.b.N.tsv``. Region and point are read apart. The
fallback for the region is the most frequent one in training; for a point that cannot be read, or
is none (latitudes go from -90 to 90, longitudes from -180 to 180), the mean point of the training
tweets of the region that was read, or of all of them.

The score of A is macro F1 over the 17 regions of the official test set, or over those that the
held-out tweets have; its bootstrap resamples keep each region's number of tweets. That of B is the
mean great-circle distance in km, which the `haversine` package computes; its baseline is the mean
point of all training tweets.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from stages.common.command import InputError
from stages.common.files import Defects, required
from stages.toolkit.answers import AnswerParser, Labels, normalised, parse_numbers
from stages.toolkit.records import Encoded, Example, Outcome, Submission, Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import SPLITS, HoldOut, Split
from stages.toolkit.tables import (
    Parser,
    Row,
    anything,
    identifier,
    number,
    read_table,
    same_items,
    text,
    write_table,
)

log = logging.getLogger(__name__)

NAME = "geolingit"
TRAIN_A, TRAIN_B = "train_a.tsv", "train_b.tsv"
DEV_A, DEV_B = "dev_a.tsv", "dev_b.tsv"
TEST, GOLD_A, GOLD_B = "test.tsv", "test_gold_a.tsv", "test_gold_b.tsv"
REQUIRED = (TRAIN_A, TRAIN_B)
UNITS = ("geolingit_a", "geolingit_b")
CLOSED: dict[str, tuple[str, ...]] = {}  # region and point are one answer

OFFICIAL = (
    "Abruzzo", "Calabria", "Campania", "Emilia Romagna", "Friuli-Venezia Giulia", "Lazio",
    "Liguria", "Lombardia", "Marche", "Piemonte", "Puglia", "Sardegna", "Sicilia", "Toscana",
    "Trentino-Alto Adige", "Umbria", "Veneto",
)  # fmt: skip
"""The regions of the official test set, over which the organisers' scorer averages."""


class Point(NamedTuple):
    """A place, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Tweet:
    """A tweet; region and point are None where they are unknown."""

    id: str
    text: str
    region: str | None = None
    point: Point | None = None


# --- Raw files ------------------------------------------------------------------------------------


def region(cell: str) -> str:
    """A region's name, as it is."""
    if not normalised(cell) or "[" in cell:
        raise ValueError("expected the name of a region")
    return cell


LATITUDE, LONGITUDE = number(-90, 90), number(-180, 180)
POINT: Mapping[str, Parser] = {"id": identifier, "latitude": LATITUDE, "longitude": LONGITUDE}
REGION: Mapping[str, Parser] = {"id": identifier, "region": region}


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


def tweets(folder: Path, hold_out: HoldOut) -> tuple[dict[Split, list[Tweet]], Regions]:
    """Reads a raw folder without the test set's gold: the tweets of each split, and the regions."""
    regions = Regions()
    has_dev, has_test = _there(folder, DEV_A, DEV_B), _there(folder, TEST)
    by_split: dict[Split, list[Tweet]] = {split: [] for split in SPLITS}
    for tweet in _labelled(required(folder / TRAIN_A), required(folder / TRAIN_B), regions):
        group = normalised(tweet.text)  # retweets stay together
        split = hold_out.split_of(NAME, group, has_dev=has_dev, has_test=has_test)
        by_split[split].append(tweet)
    by_split["test"] = [replace(tweet, region=None, point=None) for tweet in by_split["test"]]
    if has_dev:
        by_split["dev"] = _labelled(folder / DEV_A, folder / DEV_B, regions)
        _no_other(folder / DEV_A, by_split["dev"], by_split["train"] + by_split["test"])
    if has_test:
        columns = {"id": identifier, "text": text}
        rows = read_table(folder / TEST, columns, delimiter="\t", quoted=False, unique="id")
        by_split["test"] = [Tweet(row["id"], row["text"]) for row in rows]
        _no_other(folder / TEST, by_split["test"], by_split["train"] + by_split["dev"])
    return by_split, regions


def _there(folder: Path, *files: str) -> bool:
    return all((folder / file).is_file() for file in files)


def _labelled(path_a: Path, path_b: Path, regions: Regions) -> list[Tweet]:
    """Reads the same tweets of both sub-tasks, in the order of A."""
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
    return [Tweet(i, row["text"], row["region"], _point(b[i])) for i, row in a.items()]


def _table(path: Path, columns: Mapping[str, Parser], **optional: Parser) -> list[Row]:
    return read_table(path, columns, delimiter="\t", quoted=False, optional=optional, unique="id")


def _point(row: Row) -> Point:
    return Point(row["latitude"], row["longitude"])


def _no_other(path: Path, here: Iterable[Tweet], there: Iterable[Tweet]) -> None:
    known = {tweet.id for tweet in there}
    if both := [tweet.id for tweet in here if tweet.id in known]:
        some = ", ".join(both[:20])
        raise InputError(f"{path}: ids that other files have too: {some} ({len(both)} in all)")


def gold(
    folder: Path, test: Sequence[Tweet], regions: Regions
) -> tuple[dict[str, str], dict[str, Point]]:
    """Reads the gold of the test tweets by id: regions and points; empty where there is none."""
    ids = [tweet.id for tweet in test]
    if not (folder / TEST).is_file():
        wanted = set(ids)
        found = _labelled(folder / TRAIN_A, folder / TRAIN_B, regions)
        held_out = [tweet for tweet in found if tweet.id in wanted]
        return (
            {t.id: t.region for t in held_out if t.region is not None},
            {t.id: t.point for t in held_out if t.point is not None},
        )
    names: dict[str, str] = {}
    points: dict[str, Point] = {}
    if (path := folder / GOLD_A).is_file():
        rows = _table(path, REGION, text=anything)
        regions.check(path, rows, new=False)
        names = {row["id"]: row["region"] for row in rows}
        same_items(path, ids, list(names), ordered=False)
    if (path := folder / GOLD_B).is_file():
        points = {row["id"]: _point(row) for row in _table(path, POINT, text=anything)}
        same_items(path, ids, list(points), ordered=False)
    return names, points


# --- Questions and answers ------------------------------------------------------------------------

_MARKER = re.compile(r"\[(regione|geo)\]", re.IGNORECASE)


def write_answer(name: str, point: Point) -> str:
    """Writes an answer."""
    return f"[regione] {name} [geo] {_decimal(point.latitude)} {_decimal(point.longitude)}"


def _decimal(degrees: float) -> str:
    """Three decimals: an error of at most 0.0005 degrees, 56 m, in each direction."""
    return f"{degrees:.3f}"


def parse_answer(answer: str, labels: Labels[str]) -> tuple[str | None, Point | None, bool]:
    """Reads whatever a model answered.

    Returns:
        The region and the point, each None where it cannot be read or its marker does not stand
        there just once; and whether the whole answer was well-formed.
    """
    before, *pieces = _MARKER.split(answer)
    markers = [marker.lower() for marker in pieces[::2]]
    parts = dict(zip(markers, pieces[1::2], strict=True))
    name = point = None
    if markers.count("regione") == 1:
        name = labels.parse(parts["regione"])
    if markers.count("geo") == 1:
        point = parse_point(parts["geo"])
    in_order = not before.strip() and markers == ["regione", "geo"]
    return name, point, in_order and name is not None and point is not None


def parse_point(content: str) -> Point | None:
    """Reads latitude and longitude, if they are a place on Earth."""
    degrees = parse_numbers(content, 2)
    if degrees is None or abs(degrees[0]) > 90 or abs(degrees[1]) > 180:
        return None
    return Point(*degrees)


def encode(folder: Path, hold_out: HoldOut) -> Encoded:
    """Asks about every tweet; see `stages.tasks.Task.encode`."""
    by_split, regions = tweets(folder, hold_out)
    absent: dict[Split, tuple[str, ...]] = {"dev": (DEV_A, DEV_B), "test": (TEST,)}
    for split, files in absent.items():
        if not _there(folder, *files):
            missing, count = " and ".join(files), len(by_split[split])
            log.info("%s: no %s, %d tweets are held out for %s", folder, missing, count, split)
    names, points = gold(folder, by_split["test"], regions)
    by_split["test"] = [
        replace(t, region=names.get(t.id), point=points.get(t.id)) for t in by_split["test"]
    ]
    examples: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for tweet in by_split[split]:
            output = None
            if tweet.region is not None and tweet.point is not None:
                output = write_answer(tweet.region, tweet.point)
            examples[split].append(Example(_question(tweet), NAME, tweet.text, output))
    notes = {"tweets": sum(map(len, by_split.values())), "regions": len(regions.labels.answers)}
    return Encoded(examples, notes)


def _question(tweet: Tweet) -> str:
    return f"{NAME}:{tweet.id}"


def interpret(subtask: str, answer: str) -> dict[str, str | float] | None:
    """The region and the point that could be read; see `stages.tasks.Task.interpret`.

    Of the regions those of the official test set are known, but not what a training file adds.
    """
    name, point, _ = parse_answer(answer, Regions().labels)
    read: dict[str, str | float] = {} if name is None else {"region": name}
    return (read | point._asdict() if point else read) or None


# --- Submission -----------------------------------------------------------------------------------


def decode(folder: Path, hold_out: HoldOut, answers: Mapping[str, str], run: Run) -> Submission:
    """Writes the submissions; see `stages.tasks.Task.decode`."""
    from stages.toolkit.scores import majority

    by_split, regions = tweets(folder, hold_out)
    parser, labels = AnswerParser(answers, folder), regions.labels
    most_frequent = majority([str(tweet.region) for tweet in by_split["train"]])
    centres = {name: centre(by_split["train"], name) for name in (None, *labels.answers)}
    rows_a, rows_b = [], []
    for tweet in by_split["test"]:
        name, point, whole = parse_answer(parser.answer(_question(tweet)), labels)
        parser.count(NAME, parsed=whole, fallback=name is None and point is None)
        rows_a.append((tweet.id, "", name or most_frequent))
        rows_b.append((tweet.id, "", *map(_decimal, point or centres[name])))
    file_a, file_b = names_of_files(run)
    files = {
        file_a: write_table(["id", "text", "region"], rows_a, delimiter="\t", quoted=False),
        file_b: write_table(
            ["id", "text", "latitude", "longitude"], rows_b, delimiter="\t", quoted=False
        ),
    }
    return Submission(files, parser.finish())


def centre(train: Sequence[Tweet], name: str | None = None) -> Point:
    """The mean point of the tweets of a region, or of all where it has none."""
    points = [t.point for t in train if t.point is not None and name in (None, t.region)]
    if not points and name is not None:
        return centre(train)
    latitudes, longitudes = zip(*points, strict=True)
    return Point(fmean(latitudes), fmean(longitudes))


def names_of_files(run: Run) -> tuple[str, str]:
    """The submission files of the two sub-tasks."""
    a, b = (f"{run.team}.standard.{subtask}.{run.run}.tsv" for subtask in "ab")
    return a, b


# --- Score ----------------------------------------------------------------------------------------


def score(folder: Path, hold_out: HoldOut, submission: Path, run: Run) -> dict[str, Unit]:
    """Scores the submissions; see `stages.tasks.Task.score`."""
    from haversine import haversine

    from stages.toolkit.scores import f1_unit, majority, mean_unit

    by_split, regions = tweets(folder, hold_out)
    names, points = gold(folder, by_split["test"], regions)
    ids = [tweet.id for tweet in by_split["test"]]
    path_a, path_b = (submission / name for name in names_of_files(run))
    units = {}
    if names:
        given = _submitted(path_a, ids, {"region": text})
        official = (folder / TEST).is_file()
        units["geolingit_a"] = f1_unit(
            [names[i] for i in ids],
            [row["region"] for row in given],
            OFFICIAL if official else sorted(set(names.values())),
            majority([tweet.region for tweet in by_split["train"]]),
            stratified=True,
            answer=str,
        )
    if points:
        given = _submitted(path_b, ids, {"latitude": LATITUDE, "longitude": LONGITUDE})
        wanted = [points[i] for i in ids]
        middle = centre(by_split["train"])
        found = [_point(row) for row in given]
        distances = [haversine(w, f) for w, f in zip(wanted, found, strict=True)]
        units["geolingit_b"] = mean_unit(
            "mean_km",
            distances,
            fmean(haversine(w, middle) for w in wanted),
            better="lower",
            perfect=0.0,
            details={"median_km": median(distances)},
            outcome=Outcome("point", wanted, found),
        )
    return units


def _submitted(path: Path, ids: Sequence[str], columns: Mapping[str, Parser]) -> list[Row]:
    columns = {"id": identifier, "text": anything, **columns}
    rows = read_table(path, columns, delimiter="\t", quoted=False)
    same_items(path, ids, [row["id"] for row in rows])
    return rows
