"""What the LoRA rank is worth on the sample: the base alone, and ranks 1, 2 and 8.

Runs finetune, infer, decode and evaluate in a temporary copy for each setting and prints a table.
The sample and the small base show that settings differ, not how good LLaMA is.

    python -m benchmarks.ranks [--raw data/sample] [--set finetune.epochs=4 ...]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
RANKS = (None, 1, 2, 8)


def stage(folder: Path, name: str, *folders: str | Path) -> None:
    """Runs a stage in a folder."""
    command = [sys.executable, "-m", f"stages.{name}", *map(str, folders)]
    done = subprocess.run(command, cwd=folder, text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.stderr)


def put(params: Any, key: str, value: Any) -> None:
    """Sets a dotted key."""
    *path, last = key.split(".")
    for name in path:
        params = params[name]
    params[last] = value


def measure(raw: Path, rank: int | None, changes: dict[str, Any]) -> dict[str, Any]:
    """Runs the pipeline with one rank (None: without an adapter) and returns its figures."""
    yaml = YAML()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part in ("stages", "data/bases/llama", "data/prompts"):
            shutil.copytree(ROOT / part, folder / part)
        params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        for key, value in changes.items():
            put(params, key, value)
        if rank is None:
            params["infer"]["adapter"] = False
        else:
            params["finetune"]["lora"]["rank"] = rank
        with (folder / "params.yaml").open("w", encoding="utf-8") as file:
            yaml.dump(params, file)
        figures: dict[str, Any] = {"rank": rank, "dev_loss": None, "finetune_s": None}
        stage(folder, "encode", raw, "encoded")
        if rank is not None:
            start = time.perf_counter()
            stage(folder, "finetune", "encoded", "adapter", "metrics")
            figures["finetune_s"] = round(time.perf_counter() - start)
            finetune = json.loads((folder / "metrics/finetune.json").read_text())
            figures["dev_loss"] = finetune["best_dev_loss"]
        start = time.perf_counter()
        stage(folder, "infer", "encoded", "adapter", "predictions", "metrics")
        figures["infer_s"] = round(time.perf_counter() - start)
        stage(folder, "decode", raw, "predictions", "submissions", "metrics")
        stage(folder, "evaluate", raw, "submissions", "metrics")
        units = json.loads((folder / "metrics/evaluate.json").read_text())["units"]
        for name, unit in units.items():
            figures[name] = f"{unit['value']:.3f} [{unit['low']:.3f}, {unit['high']:.3f}]"
        return figures


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", type=Path, default=ROOT / "data" / "sample")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--ranks", nargs="*", default=RANKS, type=lambda r: int(r) or None)
    arguments = parser.parse_args()
    yaml = YAML(typ="safe", pure=True)
    changes = {k: yaml.load(v) for k, v in (pair.split("=", 1) for pair in arguments.set)}
    for rank in arguments.ranks:
        print(measure(arguments.raw.resolve(), rank, changes), flush=True)


if __name__ == "__main__":
    main()
