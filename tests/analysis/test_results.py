"""The page of results on real data."""

import random
from pathlib import Path
from typing import Any

import pytest

from analysis import results
from analysis.study import Study
from analysis.study_report import Outcome, gather
from stages.toolkit.records import Unit
from stages.toolkit.scores import mean_unit
from stages.toolkit.settings import Bootstrap

FEW = Bootstrap(resamples=200, seed=1)
PARAMS: dict[str, Any] = {
    "data": {"raw": "data/real"},
    "tasks": ["acti", "hodi"],
    "cost": {"country": "ITA"},
}


def unit(share: float, seed: str) -> Unit:
    draw = random.Random(seed)
    return mean_unit("accuracy", [float(draw.random() < share) for _ in range(200)], 0.5)


def test_the_page_has_baselines_published_figures_and_what_is_not_above_them() -> None:
    changes: dict[str, dict[str, Any]] = {
        "small": {"model.base": "a"},
        "large": {"model.base": "b"},
    }
    outcomes = [
        Outcome(
            setting,
            seed,
            PARAMS,
            {"acti_a": unit(share, f"{setting}{seed}"), "hodi_a": unit(0.9, f"h{setting}{seed}")},
            [{"seconds": 60.0, "energy_kwh": 0.01}],
        )
        for setting, share in (("small", 0.6), ("large", 0.9))
        for seed in (1, 2, 3)
    ]
    changes["absent"] = {"model.base": "c"}
    of_study = {"about": "Three bases.", "settings": changes, "seeds": [1, 2, 3, 4]}
    study = Study.model_validate(of_study)
    found = gather(changes, outcomes, FEW)
    linear = {"acti_a": unit(0.75, "l"), "hodi_a": unit(0.7, "m")}
    published = {"acti_a": {"best": {"value": 0.8571, "source": "x"}}}
    text = "\n\n".join(results.page(study, outcomes, found, linear, published))
    assert "- `small` (seeds 1, 2, 3) is not above the linear models in acti_a." in text
    assert "- `large` (seeds 1, 2, 3) is above the linear models in every unit" in text
    assert "- `small`: seeds 4 are not run yet, and left out." in text
    assert "- `absent`: seeds 1, 2, 3, 4 are not run yet, and left out." in text
    row = next(line for line in text.splitlines() if line.startswith("| acti_a"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == ["accuracy", "200", "0.500"]
    assert cells[4] == f"{linear['acti_a'].value:.3f}"
    assert cells[-3:] == ["0.8571", "–", "–"]
    assert "| small     | 60  |" in text
    assert "`data/real`" in text


@pytest.mark.process
def test_the_sample_is_never_on_that_page(root: Path, tmp_path: Path) -> None:
    from tests.helpers.commands import command

    done = command(root, "analysis.results", "rank", "--out", str(tmp_path))
    assert "no run of the study rank is finished" in done.stderr
