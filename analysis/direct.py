"""Direct: a study's runs one after the other in this process, without DVC.

For machines that have no DVC, or lend a GPU for minutes at a time, and for benchmarks of many short
runs: nothing is loaded anew between them. Each finished run is a folder OUT/runs/NAME with
params.yaml, metrics, predictions and submissions, and is not repeated; an interrupted one goes on
where it stopped. They use one GPU, and the peak memory of a run on a CPU is that of all runs before
it too. `python -m analysis.study NAME --out OUT` makes a study's runs so.
"""

import gc
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.common.command import InputError

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
KEPT = ("params.yaml", "metrics", "predictions", "submissions")
"""What is kept of a finished run; params.yaml alone says that it is finished."""


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Makes a folder the current one for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def perform(out: Path, name: str, params: Mapping[str, Any]) -> Path:
    """Makes a run, if it is not finished.

    Args:
        out: folder of all runs.
        name: of the run.
        params: the content of params.yaml; relative paths are those of the repository.

    Returns:
        The folder of the finished run.

    Raises:
        InputError: if settings or files are defective.
    """
    finished = out / "runs" / name
    if finished.is_dir():
        _check_same(finished, params)
        return finished
    work = (out / "work" / name).resolve()
    work.mkdir(parents=True, exist_ok=True)
    _link(work)
    encoded = _encoded(out.resolve(), params)
    raw = Path(params["data"]["raw"])
    with inside(work):
        write_params(Path("params.yaml"), params)
        _stages(encoded, raw)
    kept = out / "runs" / f".{name}.tmp"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for part in KEPT:
        (work / part).rename(kept / part)
    kept.rename(finished)
    shutil.rmtree(work)
    return finished


def _stages(encoded: Path, raw: Path) -> None:
    """Trains, answers and decodes in the current folder."""
    import torch

    from stages import decode, finetune, infer

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()  # what earlier runs took is not this one's
    here = {name: Path(name) for name in ("adapter", "metrics", "predictions", "submissions")}
    adapter, metrics, predictions, submissions = here.values()
    if not adapter.is_dir():
        finetune.finetune(encoded, adapter, metrics)
    if not predictions.is_dir():
        infer.infer(encoded, adapter, predictions, metrics)
    decode.run_decode(raw, predictions, submissions, metrics)
    gc.collect()
    torch.cuda.empty_cache()


def linear_submissions(out: Path, params: Mapping[str, Any]) -> Path:
    """Has linear models answer what a run's model answers, if they have not.

    Args:
        out: folder of all runs.
        params: the content of params.yaml of a run.

    Returns:
        The folder of their submissions, which runs with the same settings of encode share.

    Raises:
        InputError: if settings or files are defective.
    """
    from stages import baseline, decode

    encoded = _encoded(out.resolve(), params)
    work = out.resolve() / "linear" / encoded.name
    submissions = work / "submissions"
    if not submissions.is_dir():
        work.mkdir(parents=True, exist_ok=True)
        _link(work)
        with inside(work):
            write_params(Path("params.yaml"), params)
            baseline.run_baseline(encoded, Path("predictions"))
            decode.run_decode(
                *(Path(params["data"]["raw"]), Path("predictions"), submissions, Path("metrics"))
            )
    return submissions


def _encoded(out: Path, params: Mapping[str, Any]) -> Path:
    """The folder of encoded data, which runs with the same settings of encode share."""
    from stages import encode

    keys = json.dumps([params[key] for key in ("tasks", "data", "encode")])
    folder = out / "encoded" / hashlib.sha256(keys.encode()).hexdigest()[:12]
    if not folder.is_dir():
        work = out / "work"
        work.mkdir(parents=True, exist_ok=True)
        _link(work)
        with inside(work):
            write_params(Path("params.yaml"), params)
            encode.run_encode(Path(params["data"]["raw"]), folder)
    return folder


def _link(work: Path) -> None:
    """Makes the repository's folders, by which settings name data and bases, those of a run."""
    for path in ROOT.iterdir():
        own = path.name in ("metrics", "models") or path.name.startswith(".")
        if path.is_dir() and not own and not (work / path.name).exists():
            (work / path.name).symlink_to(path.resolve(), target_is_directory=True)


def write_params(path: Path, params: Mapping[str, Any]) -> None:
    """Writes a params file."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        YAML(typ="safe", pure=True).dump(json.loads(json.dumps(params)), file)


def _check_same(folder: Path, params: Mapping[str, Any]) -> None:
    """Makes sure that a finished run had the same settings."""
    from stages.common.settings import load

    if load(folder / "params.yaml") != params:
        raise InputError(
            f"{folder}: finished with other settings; expected those of the study: delete the"
            " folder, or give another OUT"
        )


def perform_all(
    out: Path, runs: Mapping[str, Mapping[str, Any]], seconds: float | None = None
) -> Sequence[str]:
    """Makes runs until all are finished or time is up.

    Args:
        out: folder of all runs.
        runs: the content of params.yaml by run name.
        seconds: no run is begun that, if it takes as long as the longest so far, would end later.

    Returns:
        The names of the runs that are left.
    """
    start, longest = time.monotonic(), 0.0
    left = []
    for name, params in runs.items():
        begun = time.monotonic()
        is_new = not (out / "runs" / name).is_dir()
        if is_new and seconds is not None and begun - start + longest > seconds:
            left.append(name)
            continue
        perform(out, name, params)
        if is_new:
            longest = max(longest, time.monotonic() - begun)
            log.info("run %s: %.0f s", name, time.monotonic() - begun)
    return left
