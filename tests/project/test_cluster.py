"""What a cluster needs: accelerate's configuration, and the SLURM script.

Two launchers on this host are in the place of srun's tasks.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.model import processes
from tests.helpers.commands import forked_programs, free_port
from tests.helpers.params import put
from tests.helpers.small_project import dvc, ran

TOOLS = Path(__file__).parents[1] / "helpers" / "bin"  # in the place of SLURM's srun and scontrol


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is for bash")
def test_the_slurm_script_reproduces_the_pipeline(
    reproduced: Path, tmp_path: Path, root: Path
) -> None:
    """With another rank, on which finetune depends, and encode does not; then also another seed."""
    folder = tmp_path / "project"
    shutil.copytree(reproduced, folder)
    put(folder, {"finetune.lora.rank": 2, "finetune.epochs": 2})
    changed = {"finetune.lora.rank": "modified", "finetune.epochs": "modified"}
    status = json.loads(dvc(folder, "status", "--json"))
    assert status.keys() == {"check", "finetune"}  # check has an eye on all of params.yaml
    assert status["finetune"] == [{"changed deps": {"params.yaml": changed}}]
    put(folder, {"encode.seed": 22})
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").write_text("")
    scripts = Path(sys.executable).parent  # with torchrun
    slurm = {
        "SLURM_SUBMIT_DIR": str(folder),
        "SLURM_JOB_NODELIST": "two",
        "SLURM_JOB_ID": "7",
        "SLURM_NNODES": "2",
        "SLURM_GPUS_ON_NODE": "1",
        "PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
        "PATH": os.pathsep.join(map(str, (TOOLS, forked_programs(), scripts, os.environ["PATH"]))),
    }
    result = subprocess.run(
        ["bash", str(root / "profiles" / "cluster" / "finetune.sbatch")],
        env=os.environ | slurm,
        text=True,
        capture_output=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("epoch 2: dev loss") == 1
    cost = json.loads((folder / "metrics" / "cost" / "finetune.json").read_text())
    assert cost["processes"] == 2
    stages = ["check", "encode", "infer", "baseline", "decode", "decode_baseline", "evaluate"]
    assert ran(result.stdout) == stages
    assert "up to date" in dvc(folder, "status")


def test_accelerate_says_that_the_base_is_sharded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration as `accelerate launch` reads it, and what that tells the processes."""
    from accelerate.commands import launch

    parser = launch.launch_command_parser()
    config = root / "profiles" / "cluster" / "fsdp.yaml"
    arguments = ["--config_file", str(config), "--num_processes", "2", "-m", "stages.finetune"]
    launched, _, _ = launch._validate_launch_command(parser.parse_args(arguments))
    environment = launch.prepare_multi_gpu_env(launched)
    assert (environment["FSDP_VERSION"], environment["FSDP_CPU_RAM_EFFICIENT_LOADING"]) == (
        "2",
        "false",
    )
    monkeypatch.setenv("ACCELERATE_USE_FSDP", environment["ACCELERATE_USE_FSDP"])
    assert not processes.here().sharded  # one process alone
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert processes.here().sharded
