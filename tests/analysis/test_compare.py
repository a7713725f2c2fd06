"""Comparing two runs: the paired bootstrap, and finding the runs."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from analysis import compare
from analysis.compare import find
from stages.common.command import InputError
from stages.common.outputs import md5
from stages.toolkit.records import Unit
from stages.toolkit.scores import mean_unit, resampled
from stages.toolkit.settings import Bootstrap
from tests.helpers.commands import command

MANY = Bootstrap(resamples=2000, seed=3)


def accuracy(hits: list[float], **changes: str) -> Unit:
    return mean_unit("accuracy", hits, 0.5, **changes)  # type: ignore[arg-type]


def test_both_runs_see_the_same_resamples() -> None:
    """Two runs that differ by a constant do so in every resample."""
    values = [random.Random(1).random() for _ in range(50)]
    first, second = accuracy(values), accuracy([v + 0.25 for v in values])
    a, b = resampled([first.sample, second.sample], MANY)
    assert b - a == pytest.approx(np.full(2000, 0.25))
    assert a.std() > 0
    assert resampled([first.sample], MANY)[0] == pytest.approx(a)


def test_the_interval_and_p_value_are_those_of_a_plain_loop() -> None:
    """60 items: 12 that only B has right, 3 that only A has; with other random numbers."""
    a = [1.0] * 3 + [0.0] * 12 + [1.0] * 45
    b = [0.0] * 3 + [1.0] * 12 + [1.0] * 45
    found = compare.difference(accuracy(a), accuracy(b), MANY)
    draw = random.Random(9)
    gaps = []
    for _ in range(4000):
        items = draw.choices(range(60), k=60)
        gaps.append(sum(b[i] - a[i] for i in items) / 60)
    gaps.sort()
    assert found.low == pytest.approx(gaps[100], abs=0.02)
    assert found.high == pytest.approx(gaps[3900], abs=0.02)
    assert found.p == pytest.approx(2 * sum(g <= 0 for g in gaps) / 4000, abs=0.02)
    assert (found.b - found.a, found.better) == (pytest.approx(9 / 60), "B")


def test_a_run_does_not_differ_from_itself() -> None:
    unit = accuracy([0.0, 1.0, 1.0])
    found = compare.difference(unit, unit, MANY)
    assert (found.low, found.high, found.p, found.better) == (0.0, 0.0, 1.0, "")


@pytest.mark.long
def test_under_the_null_p_is_as_likely_small_as_it_says() -> None:
    """Of 200 pairs of equally good runs about a tenth have a p of at most 0.1."""
    draw = random.Random(5)
    few = Bootstrap(resamples=400, seed=1)
    small = 0
    for _ in range(200):
        a, b = ([float(draw.random() < 0.7) for _ in range(120)] for _ in "ab")
        small += compare.difference(accuracy(a), accuracy(b), few).p <= 0.1
    assert 8 <= small <= 36  # 20 expected; 4 standard deviations are 17


def test_where_lower_is_better_the_smaller_one_is() -> None:
    near, far = accuracy([1.0, 2.0] * 9, better="lower"), accuracy([5.0, 6.0] * 9, better="lower")
    assert compare.difference(near, far, MANY).better == "A"
    assert compare.difference(far, near, MANY).better == "B"


def test_other_items_or_other_units_are_refused() -> None:
    one, two = accuracy([1.0, 0.0]), accuracy([1.0])
    with pytest.raises(InputError, match="the same test items: 2 and 1"):
        compare.difference(one, two, MANY)
    with pytest.raises(InputError, match="no scored unit in common"):
        compare.compare({"a": one}, {"b": one}, MANY)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(folder, "analysis.compare", *arguments)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


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
    assert cells[-1] == "A"
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
