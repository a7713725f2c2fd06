"""Fixtures that several tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.helpers.cases import cases
from tests.helpers.order import longest_first

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for the network

ROOT = Path(__file__).parents[1]

# How long a random case takes is no matter of a test's.
settings.register_profile("untimed", cases(100))
settings.load_profile("untimed")


# What tests do with a copy of the project, or with shared work, they do in processes.
IN_PROCESSES = {"project", "reproduced", "stage_project", "work"}


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Marks tests by the fixtures that they use; others that start a process say so themselves.

    Those that are left once the others are deselected run in an order that keeps all cores busy.
    """
    for item in items:
        if IN_PROCESSES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.process)
    yield
    items[:] = longest_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


@pytest.fixture
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny LLaMA and its tokenizer; not to be changed."""
    from tests.helpers import tiny

    folder = tmp_path_factory.mktemp("base")
    tiny.tokenizer(folder)
    tiny.model(folder)
    return folder


@pytest.fixture
def shared() -> Path:
    """Real data beside the project, for measurements; absent elsewhere."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of the project, not yet reproduced; not to be changed."""
    from tests.helpers import small_project

    folder = tmp_path_factory.mktemp("project")
    small_project.make(ROOT, folder)
    return folder


@pytest.fixture(scope="session")
def reproduced(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, reproduced; not to be changed."""
    from tests.helpers import small_project

    together = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        together = together.parent  # of all workers; the first one reproduces for the others
    folder = together / "reproduced" / "project"
    with FileLock(together / "reproduced.lock"):
        if not (folder / "complete").exists():
            shutil.copytree(project, folder)
            assert small_project.repro(folder) == small_project.STAGES
            (folder / "complete").touch()
    return folder


@pytest.fixture
def stage_project(root: Path, tmp_path: Path) -> Path:
    """A folder with the code, the prompts and params for a tiny model and two short documents."""
    shutil.copytree(root / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__py*"))
    shutil.copytree(root / "data" / "prompts", tmp_path / "data" / "prompts")
    from tests.helpers import tiny

    tiny.tokenizer(tmp_path / "base")
    tiny.model(tmp_path / "base")
    shutil.copy(root / "params.yaml", tmp_path)
    from tests.helpers.params import put

    put(
        tmp_path,
        {
            "tasks": ["clinkart"],
            "model.base": "base",
            "finetune.epochs": 1,
            "infer.max_new_tokens": 5,
        },
    )
    (tmp_path / "raw" / "clinkart").mkdir(parents=True)
    training = "".join(
        f"{i}|t|Hb {i} g/dl.\n{i}\tREL\t3-{5 + len(str(i))}\t0-2\n\n" for i in range(9)
    )
    training = training.replace("REL\t3-6", "REL\t3-4")
    (tmp_path / "raw" / "clinkart" / "training.txt").write_text(training, encoding="utf-8")
    test = "A|t|PCR 3 e poi altro ancora.\n\nB|t|VES 7.\n"
    (tmp_path / "raw" / "clinkart" / "test.txt").write_text(test, encoding="utf-8")
    return tmp_path
