"""Energy of the committed runs, for docs/sustainable.md: by run, by family of models, by point.

A run is a folder with cost/finetune.json and, if it has them, cost/infer.json and evaluate.json:
metrics/ itself, and any folder below it, whose name is then that of its family of models.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.emissions import co2e_kg
from stages.common import settings

ROOT = Path(__file__).parents[1]
DEFAULT = "the default run"
STAGES = ("finetune", "infer")


def runs(metrics: Path) -> Iterator[tuple[str, Path]]:
    """Yields name and folder of every run that has a record of costs."""
    for record in sorted(metrics.rglob("cost/finetune.json")):
        folder = record.parents[1]
        name = folder.relative_to(metrics).as_posix()
        yield (DEFAULT if name == "." else name), folder


def energy_rows(metrics: Path, country: str) -> list[tuple[str, ...]]:
    """The rows of the table.

    Args:
        metrics: folder of the figures.
        country: whose energy mix turns kWh into CO2e: a three-letter ISO code.
    """
    rows = []
    for name, folder in runs(metrics):
        costs = {
            stage: json.loads(path.read_text(encoding="utf-8"))
            for stage in STAGES
            if (path := folder / "cost" / f"{stage}.json").is_file()
        }
        total = sum(cost["energy_kwh"] for cost in costs.values())
        each = [
            f"{1000 * costs[stage]['energy_kwh']:.3g}" if stage in costs else "–"
            for stage in STAGES
        ]
        grams = f"{1000 * co2e_kg(total, country):.2g}"
        device = costs["finetune"]["device"]
        rows.append((name, device, *each, grams, *_by_point(folder / "evaluate.json", total)))
    return rows


def _by_point(evaluated: Path, total: float) -> tuple[str, str]:
    """The headline in points of a hundred, and the Wh that each of them took."""
    report: dict[str, Any] = {}
    if evaluated.is_file():
        report = json.loads(evaluated.read_text(encoding="utf-8"))
    headline = report.get("headline") or 0.0
    if headline <= 0:
        return "–", "–"
    return f"{100 * headline:.1f}", f"{1000 * total / (100 * headline):.2g}"


def energy() -> str:
    """The table of the committed runs."""
    from recipes.tables import table

    country = settings.load(ROOT / "params.yaml")["cost"]["country"]
    energies = ("Wh to train", "Wh to answer", f"g CO2e ({country})")
    header = ("run", "machine", *energies, "points above the baseline", "Wh a point")
    return table(header, energy_rows(ROOT / "metrics", country))
