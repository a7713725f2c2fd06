"""Comparing two runs: the paired bootstrap, and finding the runs."""

import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis import compare
from analysis.compare import find
from analysis.differences import HEADLINE, Difference, Run, Scores, adjusted, difference, scores
from stages.common.command import InputError
from stages.common.outputs import md5
from stages.toolkit.records import Unit
from stages.toolkit.scores import mean_unit, resampled
from stages.toolkit.settings import Bootstrap
from tests.helpers.commands import command
from tests.helpers.small_project import git

MANY = Bootstrap(resamples=2000, seed=3)
FEW = Bootstrap(resamples=200, seed=1)


def accuracy(hits: Sequence[float], **changes: str) -> Unit:
    return mean_unit("accuracy", hits, 0.5, **changes)  # type: ignore[arg-type]


def of(*hits: Sequence[float], bootstrap: Bootstrap = MANY, **changes: str) -> Scores:
    """The scores of a unit in runs of one setting."""
    return scores([{"acti_a": accuracy(h, **changes)} for h in hits], bootstrap)["acti_a"]


def test_both_runs_see_the_same_resamples() -> None:
    """Two runs that differ by a constant do so in every resample."""
    values = [random.Random(1).random() for _ in range(50)]
    first, second = accuracy(values), accuracy([v + 0.25 for v in values])
    a, b = resampled([first.sample, second.sample], MANY)
    assert b - a == pytest.approx(np.full(2000, 0.25))
    assert a.std() > 0
    assert resampled([first.sample], MANY)[0] == pytest.approx(a)


def test_of_one_seed_each_the_interval_and_p_are_those_of_a_plain_loop_over_items() -> None:
    """60 items: 12 that only B has right, 3 that only A has; with other random numbers."""
    a = [1.0] * 3 + [0.0] * 12 + [1.0] * 45
    b = [0.0] * 3 + [1.0] * 12 + [1.0] * 45
    found = difference(of(a), of(b))
    draw = random.Random(9)
    gaps = []
    for _ in range(4000):
        items = draw.choices(range(60), k=60)
        gaps.append(sum(b[i] - a[i] for i in items) / 60)
    gaps.sort()
    assert found.low == pytest.approx(gaps[100], abs=0.02)
    assert found.high == pytest.approx(gaps[3900], abs=0.02)
    assert found.p == pytest.approx(2 * sum(g <= 0 for g in gaps) / 4000, abs=0.02)
    assert found.b - found.a == pytest.approx(9 / 60)
    assert found.items_only
    assert compare.chance([found]).startswith("one seed: test noise only")


def test_without_noise_of_items_it_is_the_test_of_welch() -> None:
    """Every item of a run has the same value, so that items are no matter."""
    a, b = [0.5, 0.52, 0.55], [0.61, 0.6, 0.68, 0.7]
    found = difference(*(of(*([v] * 40 for v in values)) for values in (a, b)))
    expected = stats.ttest_ind(b, a, equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.seeds == (3, 4)
    assert not found.items_only


def test_without_noise_of_seeds_it_is_that_of_items() -> None:
    """All runs of a setting answer alike, so its seeds tell nothing."""
    draw = random.Random(2)
    a, b = ([float(draw.random() < share) for _ in range(200)] for share in (0.6, 0.75))
    found = difference(of(a, a, a), of(b, b, b))
    alone = difference(of(a), of(b))
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.02)


def test_a_setting_does_not_differ_from_itself() -> None:
    scored = of([0.0, 1.0, 1.0], [1.0, 1.0, 0.0])
    assert difference(scored, scored).p == 1.0
    one = of([0.0, 1.0, 1.0])
    found = difference(one, one)
    assert (found.low, found.high, found.p, found.better) == (0.0, 0.0, 1.0, "")


def noisy(draw: Any, easiness: Any, skill: float, seed_noise: float) -> list[float]:
    """A run's hits: chance in the seed, in the items, and in what it makes of them."""
    level = skill + draw.normal(0, seed_noise)
    return list((draw.uniform(size=len(easiness)) < level + easiness).astype(float))


@pytest.mark.long
@pytest.mark.parametrize("seed_noise", [0.0, 0.06])
def test_under_the_null_p_is_as_seldom_small_as_it_says(seed_noise: float) -> None:
    """Of 300 pairs of three runs of one setting no more than 7 % have a p of at most 0.05.

    The items are drawn anew each time; some are harder than others in all runs.
    """
    draw, small = np.random.default_rng(5), 0
    for _ in range(300):
        easiness = draw.normal(0, 0.15, 120)
        a, b = (
            of(*(noisy(draw, easiness, 0.6, seed_noise) for _ in range(3)), bootstrap=FEW)
            for _ in "ab"
        )
        small += difference(a, b).p <= 0.05
    assert small <= 21 + 4  # one standard error beyond


def test_where_lower_is_better_the_smaller_one_is() -> None:
    near, far = (of(values * 9, better="lower") for values in ([1.0, 2.0], [5.0, 6.0]))
    for a, b, better in ((near, far, "A"), (far, near, "B")):
        (found,) = adjusted({"x": {"u": difference(a, b)}})["x"].values()
        assert found.better == better


def test_better_is_what_the_adjusted_test_calls_so() -> None:
    """Of 22 units one p of 0.03 is chance; headlines are a family of their own."""
    units = {f"u{n}": Difference("f1", 0.5, 0.6, 0.01, 0.2, 0.9, (3, 3)) for n in range(21)}
    units["lucky"] = Difference("f1", 0.5, 0.6, 0.01, 0.2, 0.03, (3, 3))
    units[HEADLINE] = Difference("mean", 0.5, 0.6, 0.01, 0.2, 0.03, (3, 3))
    found = adjusted({"b": units})["b"]
    assert (found["lucky"].q, found["lucky"].better) == (pytest.approx(0.66), "")
    assert (found[HEADLINE].q, found[HEADLINE].better) == (pytest.approx(0.03), "B")


def test_the_headline_is_the_mean_of_scaled_values_in_every_resample() -> None:
    draw = random.Random(4)
    run: Run = {
        name: accuracy([float(draw.random() < 0.8) for _ in range(40)])
        for name in ("acti_a", "hodi_a")
    }
    found = scores([run], MANY)
    mean = np.mean([(found[name].resamples - 0.5) / 0.5 for name in run], axis=0)
    assert found[HEADLINE].resamples == pytest.approx(mean)
    assert found[HEADLINE].mean == pytest.approx(np.mean([u.normalised for u in run.values()]))
    correlation = np.corrcoef(*(found[name].resamples[0] for name in run))[0, 1]
    assert abs(correlation) < 0.1  # items of other tasks are drawn by themselves


def test_other_items_or_other_units_are_refused() -> None:
    with pytest.raises(InputError, match="the same test items: 2 and 1"):
        difference(of([1.0, 0.0]), of([1.0]))
    a, b = ({name: of([1.0])} for name in "ab")
    with pytest.raises(InputError, match="no scored unit in common"):
        compare.compare(a, b)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(folder, "analysis.compare", *arguments)


@pytest.fixture(scope="module")
def committed(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project under git, and a worse submission beside that of the last run."""
    folder = tmp_path_factory.mktemp("committed") / "project"
    shutil.copytree(reproduced, folder)
    config = (folder / ".dvc" / "config").read_text().replace("no_scm = True", "no_scm = False")
    (folder / ".dvc" / "config").write_text(config)
    (folder / ".gitignore").write_text("/data/submissions\n__pycache__\n.scratch\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "dvc.yaml", "dvc.lock", "params.yaml", ".dvc/config", ".gitignore")
    git(folder, "commit", "--quiet", "--message", "a run")
    worse = folder / "worse" / "clinkart"
    worse.mkdir(parents=True)
    (submission,) = (folder / "data" / "submissions" / "clinkart").iterdir()
    blocks = submission.read_text(encoding="utf-8").strip().split("\n\n")
    texts = ["\n".join(line for line in b.split("\n") if "\tREL\t" not in line) for b in blocks]
    (worse / submission.name).write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return folder


def test_a_revision_and_a_folder_are_compared(committed: Path) -> None:
    done = run(committed, "HEAD", "worse")
    assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| clinkart")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[4] == "0.000"
    assert float(cells[3]) == -float(cells[5]) > 0
    assert "one seed: test noise only" in done.stdout
    assert "| headline" in done.stdout
    evaluated = json.loads((committed / "metrics" / "evaluate.json").read_text())["units"]
    assert cells[2] == f"{evaluated['clinkart']['linear']:.3f}"
    same = run(committed, "HEAD")  # with data/submissions
    assert "B: data/submissions" in same.stdout
    (row,) = [line for line in same.stdout.splitlines() if line.startswith("| clinkart")]
    assert "+0.000 to +0.000" in row


def test_an_unknown_run_is_named(committed: Path) -> None:
    done = run(committed, "HEAD", "no-such-run")
    assert done.returncode == 1
    assert "error: no-such-run: no folder, and no revision" in done.stderr


def test_other_held_out_items_are_refused(committed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(committed, folder)
    params = (folder / "params.yaml").read_text().replace("  seed: 21 ", "  seed: 22 ")
    (folder / "params.yaml").write_text(params)
    done = run(folder, "HEAD", "worse")
    assert done.returncode == 1
    assert "their encode settings differ" in done.stderr


def test_submissions_that_come_damaged_are_refused(
    committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC trusts an object of its cache that is read-only."""
    folder = tmp_path / "project"
    shutil.copytree(committed, folder)
    monkeypatch.chdir(folder)
    (submission,) = (folder / "data" / "submissions" / "clinkart").iterdir()
    digest = md5(submission)
    kept = folder / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    for path in (kept, submission):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes().replace(b"REL", b"rEL", 1))
        path.chmod(0o444)
    with pytest.raises(InputError, match=r"^HEAD: data/submissions came damaged .*run1\.txt: does"):
        find("HEAD", tmp_path)
    with pytest.raises(InputError, match=r"run1\.txt: does not have the checksum of SHA256SUMS\n"):
        find("data/submissions", tmp_path)


def test_where_submissions_are_absent_it_says_in_a_line_what_to_type(
    committed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(committed, folder)
    shutil.rmtree(folder / ".dvc" / "cache")
    done = run(folder, "HEAD", "worse")
    assert done.returncode == 1
    assert done.stderr.startswith("error: HEAD: its submissions are not in the cache; `dvc exp")
    assert len(done.stderr.splitlines()) == 1


def test_runs_of_a_setting_are_joined_by_commas(committed: Path) -> None:
    done = run(committed, "HEAD,HEAD", "worse,worse", "data/submissions")
    assert done.returncode == 0, done.stderr
    assert "one seed: test noise only" in done.stdout
    assert "2 and 2 seeds: noise of test items and seeds" in done.stdout
    assert done.stdout.count("| headline") == 2
