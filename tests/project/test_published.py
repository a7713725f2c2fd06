"""Published figures: sound, of units that there are, and never beside those of the sample."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recipes import tables
from stages.common import settings

SYSTEMS = {"best", "extremITLLaMA", "extremIT5", "extremITA", "baseline", "baseline MLP_TEXT"}
OTHERS = {"AIMH", "BERTicelli", "INGEOTEC", "LMU", "odang4"}
"""Teams whose figures the table of sources has beside those."""
Figures = dict[str, dict[str, Any]]


def groups() -> Iterator[tuple[str, str, Figures]]:
    """Each unit, each detail ("" for its own metric) and the figures of its systems."""
    for unit, figures in tables.units("published").items():
        details = figures.pop("details", {})
        for detail, systems in {"": figures, **details}.items():
            yield unit, detail, systems


def test_every_figure_has_a_value_in_range_and_a_source() -> None:
    for unit, detail, systems in groups():
        for system, figure in systems.items():
            where = f"{unit} {detail} {system}"
            named = {"system"} if system == "best" else set()
            assert figure.keys() - {"note"} == {"value", "source"} | named, where
            assert type(figure["value"]) is float, where
            assert 0 < figure["value"] < (20_000 if unit == "geolingit_b" else 1), where
            for text in (figure["source"], figure.get("note", "none")):
                assert text.strip() and "|" not in text, where
            if system == "best":
                assert figure["system"] is None or figure["system"].strip(), where


def test_systems_and_details_are_named_as_the_tables_expect() -> None:
    ours = tables.units("evaluate")
    for unit, detail, systems in groups():
        if detail.startswith("dev_"):
            assert all(system.startswith("baseline ") for system in systems), unit
            continue
        assert systems.keys() <= SYSTEMS | OTHERS, unit
        assert not detail or unit not in ours or detail in ours[unit]["details"], f"{unit} {detail}"


def test_units_are_those_that_are_scored(root: Path) -> None:
    # An experiment may have left some tasks out.
    tasks = settings.load(root / "params.yaml")["tasks"]
    units = {unit for unit in tables.units("published") if unit.partition("_")[0] in tasks}
    assert units
    assert units <= tables.units("evaluate").keys()


def test_figures_of_the_sample_are_on_no_page_of_published_ones() -> None:
    for page in tables.pages():
        text = page.read_text(encoding="utf-8")
        assert not ("<!-- published -->" in text and "<!-- scores -->" in text), page.name


def test_the_report_has_published_figures_in_a_table_of_their_own(root: Path) -> None:
    page = (root / "analysis" / "report.html").read_text(encoding="utf-8")
    tables = [
        table for table in page.split("<table")[1:] if "published" in table.split("</table>")[0]
    ]
    assert len(tables) == 1
    assert "evaluated" not in tables[0].split("</table>")[0]


def test_no_system_is_better_than_the_best() -> None:
    for unit, detail, systems in groups():
        if "best" in systems:
            values = [figure["value"] for figure in systems.values()]
            best = min(values) if unit == "geolingit_b" else max(values)
            assert systems["best"]["value"] == best, f"{unit} {detail}"


def test_unknown_figures_are_dashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name: {"metric": "macro_f1", "value": 0.25} for name in ("a", "b")}
    figures = {
        "best": {"value": 0.91239, "system": "X", "source": "here"},
        "extremIT5": {"value": 0.5, "source": "there", "note": "a copy"},
        "details": {"micro_f1": {"best": {"value": 0.75, "system": None, "source": "here"}}},
    }
    (tmp_path / "metrics").mkdir()
    for name, units in (("evaluate", ours), ("published", {"a": figures})):
        (tmp_path / "metrics" / f"{name}.json").write_text(json.dumps({"units": units}))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    assert tables.published().split("\n")[2:] == [
        "| a | macro f1 | 0.9124 | – | 0.5 | – |",
        "| b | macro f1 | – | – | – | – |",
    ]
    assert tables.sources().split("\n")[2:] == [
        "| a |  | best: X | 0.91239 | here |  |",
        "| a |  | extremIT5 | 0.5 | there | a copy |",
        "| a | micro_f1 | best | 0.75 | here |  |",
    ]
