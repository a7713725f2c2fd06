"""Costs that belong to results: those of an adapter and of answers, by the hashes in dvc.lock.

finetune and infer write records that name what they made (stages/model/cost.py). A result that DVC
took from its cache lies beside the record of another one; the right one is then among the records
of other experiments and commits, or of all that was made in this folder.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stages.common import settings

KEPT = Path(".scratch/costs")
MADE = {"finetune": "models/adapter", "infer": "data/predictions"}
"""What each stage that has costs makes."""

Record = Mapping[str, Any]


def record_files(metrics: Mapping[str, Any]) -> dict[str, Record]:
    """The records of costs among a revision's metrics, by stage."""
    paths = {f"metrics/cost/{stage}.json": stage for stage in MADE}
    return {stage: metrics[path] for path, stage in paths.items() if metrics.get(path)}


def workspace_costs(metrics: Path, lock: Path) -> dict[str, Record]:
    """The costs of the results in the workspace, by stage.

    Args:
        metrics: the folder of all figures.
        lock: dvc.lock; without it the records are taken as they are.
    """
    content = settings.load(lock) if lock.is_file() else {}
    made = {
        out["path"]: out.get("md5")
        for stage in (content.get("stages") or {}).values()
        for out in stage.get("outs", [])
    }
    paths = {f"metrics/cost/{stage}.json": metrics / "cost" / f"{stage}.json" for stage in MADE}
    records = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in paths.items()
        if path.is_file()
    }
    return own_costs(made, record_files(records))


def own_costs(
    made: Mapping[str, str | None], own: Mapping[str, Record], others: Iterable[Record] = ()
) -> dict[str, Record]:
    """Finds the costs of a revision's results.

    Args:
        made: hashes of what the stages made, by path, as dvc.lock has them.
        own: the records that lie beside it, by stage.
        others: further records, of other revisions.

    Returns:
        The record of each stage that has one. Where there are no hashes, and in records from
        before they named what was made, the record beside the result is taken.
    """
    known = {record["of"]: record for record in others if record.get("of")}
    found = {}
    for stage, path in MADE.items():
        of, beside = made.get(path), own.get(stage)
        if beside and (of is None or beside.get("of") in (of, None)):
            found[stage] = beside
        elif of and of in known:
            found[stage] = known[of]
        elif of and (kept := KEPT / f"{stage}-{of}.json").is_file():
            found[stage] = json.loads(kept.read_text(encoding="utf-8"))
    return found
