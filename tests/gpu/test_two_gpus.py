"""A base of several GB on two GPUs: whole on each, and sharded over both."""

import os
from pathlib import Path

import pytest
import torch

from tests.helpers.commands import command
from tests.helpers.llamas import save_base

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="two GPUs are needed"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2.6 billion parameters, 5.2 GB."""
    folder = tmp_path_factory.mktemp("base")
    save_base(folder, hidden=3072, layers=24)
    assert sum(path.stat().st_size for path in folder.glob("*.safetensors")) > 5e9
    torch.cuda.empty_cache()
    return folder


def learn(base: Path, out: Path, processes: str, sharded: str, root: Path) -> list[list[float]]:
    """Losses of some updates, and the GiB that the base takes in the first process."""
    out.mkdir()
    variables = os.environ | {
        "PYTHONPATH": str(root),
        "STAGE_PROCESSES": processes,
        "ACCELERATE_USE_FSDP": sharded,
    }
    arguments = ("tests.helpers.shared_work", "learn_on_gpus", str(out), str(base))
    result = command(out, *arguments, variables=variables)
    assert result.returncode == 0, result.stderr
    return torch.load(out / "learnt.pt", weights_only=True)


def test_a_sharded_base_learns_the_same_with_half_the_memory(
    base: Path, tmp_path: Path, root: Path
) -> None:
    results = {
        name: learn(base, tmp_path / name, processes, sharded, root)
        for name, processes, sharded in (
            ("one", "1", "false"),
            ("two", "2", "false"),
            ("sharded", "2", "true"),
        )
    }
    print(results)
    losses, memory = zip(*results.values(), strict=True)
    assert losses[1] == pytest.approx(losses[0], abs=0.03)
    assert losses[2] == pytest.approx(losses[0], abs=0.03)
    assert memory[2] < 0.7 * memory[1]
