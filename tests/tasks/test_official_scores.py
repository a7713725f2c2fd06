"""Every unit's score on tiny official test sets: against the definition, and against fractions."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stages import tasks
from stages.common.command import InputError
from stages.tasks import langlearn
from stages.toolkit.records import Unit
from stages.toolkit.settings import Run
from stages.toolkit.splits import HoldOut, merge_splits
from tests.helpers.cases import QUICK
from tests.helpers.official import LACKING, WHOLE, Campaign, Figures, Said, accuracy

NOTHING_HELD_OUT = HoldOut(seed=3, dev=0.0, test=0.0)
RUN = Run(team="prova", run=2)
SUBMISSIONS = 30 if QUICK else 150

BASELINES = {
    # What the majority or mean of the training data scores. A label that n of N items have, said
    # of all of them, has the F1 2n / (N + n), and every other label 0.
    "acti_a": 3 / 8,  # 6 of 10 posts are conspiratorial: 12/16, over 2 classes
    "acti_b": 1 / 6,  # 5 of 10 posts are about Covid: 10/15, over 4 classes
    "clinkart": 0,  # no relation: nothing is right
    "discotex_1": 2 / 3,  # 3 of 6 and 5 of 6 targets are coherent
    "discotex_2": 0,  # a constant does not correlate
    "emit_a": 1 / 15,  # 5 of 10 tweets have joy: 10/15, over 10 columns
    "emit_b": 37 / 56,  # direction 4 of 10: 8/14 = 32/56; topic 6 of 10: 12/16 = 42/56; mean
    "emotivita": 0,  # constants do not correlate
    "geolingit_a": 6 / 391,  # 3 of 20 tweets are from Lazio: 6/23, over 17 regions
    "geolingit_b": 6 / 5 * math.pi * 6371.0088 / 180,  # 2, 1, 0, 1, 2 degrees north or south: 6/5
    "haspeede_a": 9 / 19,  # 18 of 20 tweets are no hate: 36/38, over 2 classes
    "haspeede_xpolitical": 9 / 19,  # the same tweets
    "haspeede_xreligious": 1 / 5,  # 2 of 8 tweets are no hate: 4/10, over 2 classes
    "hodi_a": 1 / 4,  # 4 of 12 posts are not homotransphobic: 8/16, over 2 classes
    "hodi_b": 5 / 12,  # 5 of 12 posts have no rationale, and score 1 each
    "langlearn_cita": 3 / 8,  # 6 of 10 pairs are out of order: 12/16, over 2 classes
    "langlearn_cows_l2h": 2 / 7,  # 4 of 10 pairs are in order: 8/14, over 2 classes
    "multifakedetective": 1 / 3,  # 5 of 10 items are probably real: 10/15, with 5/10 of the weight
    "nermud": 1 / 12,  # 3 of 21 tokens are of persons: 6/24, over 3 kinds
    "politicit": 19 / 72,  # male 6 of 10: 27/72; left 5: 24/72; moderate left 2: 4/12/4 = 6/72
    "wicita_it": 1 / 3,  # 5 of 10 pairs have one sense: 10/15, over 2 classes
    "wicita_en": 1 / 6,  # 2 of 10 pairs have one sense: 4/12, over 2 classes
}

BEST_OF_LACKING = {
    # What a perfect submission scores where the gold lacks labels of the official list.
    "acti_b": 3 / 4,  # no post is about Russia
    "emit_a": 6 / 10,  # no tweet has anticipation, disgust, neutral or sadness
    "geolingit_a": 8 / 17,  # the tweets are from eight regions
    "politicit": 11 / 12,  # nobody is of the moderate right: (1 + 1 + 3/4) / 3
}

Folders = Mapping[Campaign, Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The raw folder of each test set; not to be changed."""
    return {
        campaign: write(tmp_path_factory.mktemp(campaign.name), campaign.raw)
        for campaign in (*WHOLE.values(), *LACKING.values())
    }


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # ext4 is 50 times as fast with a new file as with an old one
        path.write_text(content, encoding="utf-8")
    return folder


def score(campaign: Campaign, folders: Folders, said: Said, out: Path) -> dict[str, Unit]:
    """Writes what is said as submission files, and scores these."""
    write(out, {sheet.file: sheet.write(said[key]) for key, sheet in campaign.sheets.items()})
    return tasks.load(campaign.name).score(folders[campaign], NOTHING_HELD_OUT, out, RUN)


def figures(units: Mapping[str, Unit]) -> Figures:
    return {
        name: figure
        for unit, found in units.items()
        for name, figure in [
            (unit, found.value),
            *((f"{unit}.{detail}", value) for detail, value in found.details.items()),
        ]
    }


def close(expected: Any) -> Any:
    return pytest.approx(expected, rel=0, abs=1e-9)


each_unit = pytest.mark.parametrize("unit", BASELINES)


def test_the_22_ranked_units_are_those_that_are_scored(folders: Folders, tmp_path: Path) -> None:
    scored = [score(c, folders, c.gold, tmp_path / c.name) for c in WHOLE.values()]
    assert [unit for units in scored for unit in units] == list(BASELINES)
    assert len(BASELINES) == 22


@each_unit
def test_a_perfect_submission_has_the_perfect_score(
    unit: str, folders: Folders, tmp_path: Path
) -> None:
    campaign = WHOLE[tasks.owner(unit)]
    found = score(campaign, folders, campaign.gold, tmp_path)[unit]
    distance = unit == "geolingit_b"
    assert (found.better, found.perfect) == (("lower", 0.0) if distance else ("higher", 1.0))
    assert found.value == close(found.perfect)


@each_unit
def test_saying_the_usual_of_every_item_scores_the_baseline(
    unit: str, folders: Folders, tmp_path: Path
) -> None:
    campaign = WHOLE[tasks.owner(unit)]
    found = score(campaign, folders, campaign.usual, tmp_path)[unit]
    assert found.value == found.baseline == close(BASELINES[unit])
    assert found.normalised == 0.0


def test_the_usual_order_of_training_pairs_is_that_of_the_baseline(folders: Folders) -> None:
    """Of LangLearn alone the files do not say how often the training data have a label."""
    folder = folders[WHOLE["langlearn"]]
    train = merge_splits(langlearn.read_items(folder, NOTHING_HELD_OUT).values())["train"]
    assert Counter((pair.corpus.name, pair.gold) for pair in train) == {
        ("CItA", 0): 1,
        ("CItA", 1): 4,
        ("COWS-L2H", 0): 4,
        ("COWS-L2H", 1): 1,
    }


@pytest.mark.parametrize("name", WHOLE)
def test_random_submissions_score_as_defined(name: str, folders: Folders, tmp_path: Path) -> None:
    campaign, random = LACKING.get(name, WHOLE[name]), Random(name)
    for _ in range(SUBMISSIONS):
        said = {key: sheet.guess(random) for key, sheet in campaign.sheets.items()}
        found = figures(score(campaign, folders, said, tmp_path))
        assert found == close(campaign.figures(said)), said


# --- Traps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", BEST_OF_LACKING)
def test_a_label_that_the_gold_lacks_scores_0_even_if_all_is_right(
    unit: str, folders: Folders, tmp_path: Path
) -> None:
    campaign = LACKING[tasks.owner(unit)]
    found = score(campaign, folders, campaign.gold, tmp_path)[unit]
    assert found.value == close(BEST_OF_LACKING[unit])


def test_being_right_for_the_majority_alone_is_no_better_than_the_baseline(
    folders: Folders, tmp_path: Path
) -> None:
    """18 of 20 tweets are no hate: accuracy 9/10, but F1 36/38 and 0, 9/19 on average."""
    campaign = WHOLE["haspeede"]
    unit = score(campaign, folders, campaign.usual, tmp_path)["haspeede_a"]
    assert accuracy(campaign.gold["haspeede_a"], campaign.usual["haspeede_a"]) == 9 / 10
    assert unit.value == unit.baseline == close(9 / 19)
    assert unit.normalised == 0.0


def other_items(ids: Sequence[str], change: str) -> tuple[list[int], list[str], list[str]]:
    """Changes the items of a submission.

    Returns:
        The items that are submitted, by number in the test set and by identifier; and the
        identifiers at fault.
    """
    first, second, *rest = range(len(ids))
    order = {
        "missing": [first, *rest],
        "unknown": [first, second, *rest, second],
        "twice": [first, first, second, *rest],
        "out of order": [second, first, *rest],
    }[change]
    submitted = [ids[number] for number in order]
    if change == "unknown":
        submitted[-1] += "x"
    fault = {
        "missing": [ids[1]],
        "unknown": submitted[-1:],
        "twice": [ids[0]],
        "out of order": submitted[:2],
    }[change]
    return order, submitted, fault


@pytest.mark.parametrize(
    ("name", "key", "change"),
    [
        (campaign.name, key, change)
        for campaign in WHOLE.values()
        for key in campaign.sheets
        for change in ("missing", "unknown", "twice", "out of order")
        # Documents may have any order. Tokens have no identifiers: see test_nermud.py.
        if (campaign.name, change) != ("clinkart", "out of order") and campaign.name != "nermud"
    ],
)
def test_other_items_than_those_of_the_test_set_are_refused_and_named(
    name: str, key: str, change: str, folders: Folders, tmp_path: Path
) -> None:
    campaign = WHOLE[name]
    score(campaign, folders, campaign.gold, tmp_path)
    sheet = campaign.sheets[key]
    order, submitted, fault = other_items(sheet.ids, change)
    write(tmp_path, {sheet.file: sheet.write([sheet.gold[n] for n in order], submitted)})
    with pytest.raises(InputError) as error:
        tasks.load(name).score(folders[campaign], NOTHING_HELD_OUT, tmp_path, RUN)
    file, *told = str(error.value).split(str(tmp_path / sheet.file))
    assert not file
    known = set(re.findall(r"\w+", " ".join([*sheet.ids, *submitted])))
    assert known & set(re.findall(r"\w+", " ".join(told))) == set(" ".join(fault).split())
