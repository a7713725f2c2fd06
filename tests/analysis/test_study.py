"""Studies: their files, their runs, their reports; stopped in the middle, and started again."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from analysis import study, study_report
from analysis.study import plan, read_study
from analysis.study_report import Outcome, gather, pareto, write_report
from stages.common.command import InputError
from stages.toolkit.records import Unit
from stages.toolkit.scores import mean_unit
from stages.toolkit.settings import Bootstrap
from tests.helpers.small_project import IDENTITY, dvc, git, run

FEW = Bootstrap(resamples=200, seed=1)
PARAMS = {"cost": {"country": "ITA"}}


@pytest.fixture
def here(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml, the prompts and a place for studies."""
    shutil.copy(root / "params.yaml", tmp_path)
    shutil.copytree(root / "data" / "prompts", tmp_path / "data" / "prompts")
    (tmp_path / "studies").mkdir()
    (tmp_path / "data" / "bases" / "llama").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "studies" / "try.yaml").write_text(text, encoding="utf-8")


def test_every_combination_with_every_seed_is_a_run(here: Path) -> None:
    write(
        here,
        "about: x\nbase: {finetune.epochs: 2}\nseeds: [3, 4]\n"
        "grid: {finetune.lora.rank: [2, 8], finetune.learning_rate: [1.0e-3]}\n"
        "settings: {wide: {finetune.lora.targets: [q_proj]}}\n",
    )
    runs = plan("try", read_study("try"))
    assert list(runs) == [
        *("try-wide-3", "try-wide-4"),
        *("try-rank2-learning_rate0.001-3", "try-rank2-learning_rate0.001-4"),
        *("try-rank8-learning_rate0.001-3", "try-rank8-learning_rate0.001-4"),
    ]
    last = runs["try-rank8-learning_rate0.001-4"].params["finetune"]
    assert (last["epochs"], last["lora"]["rank"], last["seed"]) == (2, 8, 4)
    assert runs["try-wide-3"].params["finetune"]["lora"]["targets"] == ["q_proj"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("about: x\nseeds: [1]\n", "expected a grid or settings to compare"),
        ("about: x\nseeds: [1]\ngrid: {finetune.rank: [1]}\n", "finetune.rank: no such key"),
        ("about: x\nseeds: [1]\ngrid: {finetune.lora.rank: [0]}\n", "greater than or equal to 1"),
        ("about: x\nseeds: [1, 1]\ngrid: {finetune.epochs: [1]}\n", "stands there twice"),
        ("about: x\nseeds: []\ngrid: {finetune.epochs: [1]}\n", "at least 1 item"),
        ("about: x\nseeds: [1]\nsettings: {A B: {}}\n", "expected names of small letters"),
        ("about: x\nseeds: [1]\nsettings: {a: {}}\nbaseline: b\n", "baseline 'b'"),
        ("about: x\nseeds: [1]\nsettings: {a: {}}\nseed: 1\n", "seed: no such key"),
    ],
)
def test_defects_of_a_study_are_named(here: Path, text: str, message: str) -> None:
    write(here, text)
    with pytest.raises(InputError, match=re.escape(message)):
        plan("try", read_study("try"))


def test_a_study_that_is_not_there_is_named_with_those_that_are(here: Path) -> None:
    write(here, "about: x\n")
    with pytest.raises(InputError, match=r"rank\.yaml: no such study; there are: try"):
        read_study("rank")


def test_the_studies_of_the_project_are_in_order(root: Path, here: Path) -> None:
    shutil.copytree(root / "studies", here / "studies", dirs_exist_ok=True)
    for base in ("smollm2", "gemma3", "minilm"):
        (here / "bases" / base).mkdir(parents=True)
    for base in ("t5", "bert"):
        (here / "data" / "bases" / base).mkdir()
    names = [path.stem for path in (root / "studies").glob("*.yaml")]
    assert {"architectures", "default", "lora", "rank", "real"} <= set(names)
    for name in names:
        assert plan(name, read_study(name))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([1, "a"], "[1,a]"),
        ({"a": 2.0}, "{a:2.0}"),
        (0.004, "0.004"),
    ],
)
def test_values_are_written_as_dvc_reads_them(value: Any, text: str) -> None:
    assert study.override(value) == text


# --- Reports --------------------------------------------------------------------------------------


def outcome(setting: str, seed: int, share: float, kwh: float) -> Outcome:
    draw = random.Random(f"{setting}{seed}")
    level = share + draw.gauss(0, 0.01)
    hits = [float(random.Random(f"{seed}{setting}{n}").random() < level) for n in range(300)]
    units = {"acti_a": mean_unit("accuracy", hits, 0.5), "hodi_a": mean_unit("accuracy", hits, 0.5)}
    return Outcome(setting, seed, PARAMS, units, [{"seconds": 9.0, "energy_kwh": kwh}])


CHANGES = {f"rank{rank}": {"finetune.lora.rank": rank} for rank in (16, 4, 1)}
OUTCOMES = [
    outcome(f"rank{rank}", seed, share, kwh)
    for rank, share, kwh in ((16, 0.9, 0.002), (4, 0.9, 0.003), (1, 0.7, 0.001))
    for seed in (1, 2, 3)
]


def report(
    folder: Path, outcomes: list[Outcome], linear: Mapping[str, Unit] = MappingProxyType({})
) -> str:
    args = ("try", "What?", {"finetune.epochs": 2}, CHANGES, "rank16", outcomes, 9, FEW, linear)
    write_report(folder, *args)  # type: ignore[arg-type]
    return (folder / "try.md").read_text(encoding="utf-8")


def test_a_report_says_what_differs_and_what_it_costs(tmp_path: Path) -> None:
    text = report(tmp_path, OUTCOMES)
    assert "- `rank1` is worse than `rank16` by headline" in text
    assert "- `rank4` is not seen to differ from `rank16` by headline" in text
    assert "- `rank1` is worse than `rank16` in acti_a" in text
    assert "3 seeds a setting" in text
    row = next(line for line in text.splitlines() if line.startswith("| rank1 "))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert (cells[1], cells[6], cells[7], cells[9]) == ("3", "rank16", "9", "1")
    assert "`rank16`, `rank1`." in text or "`rank4`, `rank1`." in text  # by energy
    plots = {path.name for path in (tmp_path / "try").iterdir()}
    assert plots == {"by-rank.svg", "differences.svg", "pareto.svg"}
    page = (tmp_path / "try.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == 3
    assert "://" not in re.sub(r"base64,[^\"]*", "", page)


def test_units_have_intervals_and_the_linear_models_beside_them(tmp_path: Path) -> None:
    linear = {"acti_a": mean_unit("accuracy", [1.0, 0.0, 0.0, 0.0], 0.5)}
    text = report(tmp_path, OUTCOMES, linear).partition("## Units")[2].partition("## ")[0]
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in text.splitlines() if "|" in line]
    assert rows[0] == ["unit", "metric", "linear", "rank16", "rank4", "rank1"]
    assert [row[2] for row in rows[2:]] == ["–", "0.250", "–"]
    bands = [cell for row in rows[2:] for cell in row[3:]]
    assert all(re.fullmatch(r"[0-9.]+ \([0-9.]+ to [0-9.]+\)[ ▼▲]*", band) for band in bands)


def test_a_report_depends_on_its_runs_alone_and_not_on_their_order(tmp_path: Path) -> None:
    first = report(tmp_path / "a", OUTCOMES)
    assert report(tmp_path / "b", OUTCOMES) == first
    assert (tmp_path / "a/try.html").read_bytes() == (tmp_path / "b/try.html").read_bytes()


def test_unfinished_runs_and_single_seeds_are_told(tmp_path: Path) -> None:
    text = report(tmp_path, [o for o in OUTCOMES if o.seed == 1 and o.setting != "rank4"])
    assert "**7 runs are not finished**" in text
    assert "**test noise only**" in text
    with pytest.raises(InputError, match="the baseline rank16 of try has no finished run"):
        report(tmp_path, [])


def test_the_pareto_set_has_what_nothing_else_beats() -> None:
    found = gather(CHANGES, OUTCOMES, FEW)
    means = {name: s.scores[study_report.HEADLINE].mean for name, s in found.items()}
    best = pareto(found)
    assert "rank1" in best  # the cheapest
    assert ("rank4" in best) == (means["rank4"] > means["rank16"])  # the dearest


# --- With DVC -------------------------------------------------------------------------------------

STUDY = """\
about: whose name?
settings: {one: {decode.team: one}, two: {decode.team: two}}
seeds: [1]
"""


@pytest.fixture
def committed(root: Path, reproduced: Path, tmp_path: Path) -> Path:
    """The small project under git, with a study whose runs take seconds."""
    folder = tmp_path / "project"
    shutil.copytree(reproduced, folder)
    for path in (".gitignore", ".dvc/.gitignore", ".gitattributes"):
        shutil.copy(root / path, folder / path)
    for path in ("data", "metrics", "models"):
        shutil.copy(root / path / ".gitignore", folder / path)
    config = folder / ".dvc" / "config"
    config.write_text(config.read_text().replace("no_scm = True", "no_scm = False"))
    (folder / "studies").mkdir()
    write(folder, STUDY)
    for arguments in (("init",), ("add", "--all"), ("commit", "--message", "results")):
        git(folder, *arguments)
    return folder


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | IDENTITY | {"PATH": path}


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "analysis.study", "try"],
        cwd=folder,
        env=environment(),
        text=True,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def revisions(folder: Path) -> dict[str, str]:
    """The commits of finished experiments, by name."""
    shown = json.loads(dvc(folder, "exp", "show", "--json").partition("\n")[0])
    rows = [
        e
        for base in shown
        for e in base["experiments"] or ()
        if e["name"] and (e["executor"] or {}).get("state", "success") == "success"
    ]
    return {e["name"]: e["revs"][-1]["rev"] for e in rows}


@pytest.mark.process
@pytest.mark.long
def test_a_killed_study_goes_on_and_is_finished_in_a_second_clone_too(
    committed: Path, tmp_path: Path
) -> None:
    """Its report is as if nobody had killed it; the clone pulls the experiments, and runs none."""
    process = start(committed)
    while "try-one-1" not in (before := revisions(committed)):
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    said = run(committed, "analysis.study", "try")
    after = revisions(committed)
    assert after.keys() == {"try-one-1", "try-two-1"}
    assert before.items() <= after.items()
    assert "run 1 of 2" not in said
    page = committed / "docs" / "studies" / "try.md"
    text = page.read_text(encoding="utf-8")
    assert "not finished" not in text
    assert not re.search(r"run \d of 2", run(committed, "analysis.study", "try"))
    assert page.read_text(encoding="utf-8") == text
    assert revisions(committed) == after

    store = ("remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    git(tmp_path, "init", "--bare", "shared.git")
    git(committed, "remote", "add", "origin", str(tmp_path / "shared.git"))
    git(committed, "push", "origin", "HEAD:main")
    dvc(committed, *store)
    dvc(committed, "push")
    dvc(committed, "exp", "push", "origin", *after)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--branch", "main", "shared.git", "clone")
    dvc(clone, *store)
    dvc(clone, "pull")
    dvc(clone, "exp", "pull", "origin", *after)
    assert not re.search(r"run \d of 2", run(clone, "analysis.study", "try"))
    assert revisions(clone) == after
    assert (clone / "docs" / "studies" / "try.md").read_text(encoding="utf-8") == text
