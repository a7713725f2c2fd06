"""The report on a study: tables, plots and sentences to decide by, as Markdown and as one page.

How settings are compared: analysis/differences.py. Nothing in a report depends on when its runs
were made, but what they cost.
"""

import html
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from analysis.costs import Record
from analysis.differences import HEADLINE, Difference, Run, Scores, adjusted, compare, scores
from analysis.experiments import total_cost
from stages.common.command import InputError
from stages.common.files import write_bytes, write_text
from stages.toolkit.records import Unit
from stages.toolkit.settings import Bootstrap

log = logging.getLogger(__name__)

TEMPLATE = Path(__file__).with_name("study.html")
MARGIN = 12  # pixels around a plot
WIDTH, HEIGHT = 420, 260  # of a plot
POINT = 0.01  # of the headline, per which emissions are told


class Outcome(NamedTuple):
    """A finished run: its setting, its seed, all its settings, what it scored and cost."""

    setting: str
    seed: int
    params: Mapping[str, Any]
    units: Run
    costs: Sequence[Record]


@dataclass(frozen=True)
class Setting:
    """A setting with its runs.

    Attributes:
        name: its name.
        changes: what it changes, by dotted key.
        seeds: of its runs.
        scores: by unit, the headline first.
        cost: mean over its runs, by key; a key is absent where it is unknown.
    """

    name: str
    changes: Mapping[str, Any]
    seeds: Sequence[int]
    scores: Mapping[str, Scores]
    cost: Mapping[str, float]


class Table(NamedTuple):
    """A table of a report."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


class Plot(NamedTuple):
    """A plot of a report: the name of its file, a title and a Vega-Lite specification."""

    name: str
    title: str
    specification: Mapping[str, Any]


Block = str | Table | Plot
"""A part of a report; a text that begins with # is a heading."""


def write_report(
    folder: Path,
    name: str,
    about: str,
    base: Mapping[str, Any],
    changes: Mapping[str, Mapping[str, Any]],
    baseline: str,
    outcomes: Sequence[Outcome],
    planned: int,
    bootstrap: Bootstrap,
    linear: Mapping[str, Unit],
) -> None:
    """Writes FOLDER/NAME.md with its plots in FOLDER/NAME, and FOLDER/NAME.html.

    Args:
        folder: of all reports.
        name: of the study.
        about: what it asks.
        base: settings of all its runs, by dotted key.
        changes: what each setting changes, by its name.
        baseline: name of the setting that others are compared with.
        outcomes: the finished runs.
        planned: number of all runs.
        bootstrap: number of resamples and seed.
        linear: scores of the linear models, where they are known.

    Raises:
        InputError: if the baseline has no finished run.
    """
    settings = gather(changes, outcomes, bootstrap)
    if baseline not in settings:
        raise InputError(f"the baseline {baseline} of {name} has no finished run to compare with")
    missing = planned - len(outcomes)
    blocks = list(report(name, about, base, settings, baseline, missing, linear))
    drawn = {b.name: draw(b.specification) for b in blocks if isinstance(b, Plot)}
    for plot, svg in drawn.items():
        write_bytes(folder / name / f"{plot}.svg", svg.encode())
    write_text(folder / f"{name}.md", markdown(name, blocks))
    write_text(folder / f"{name}.html", page(name, blocks, drawn))
    log.info("wrote %s and %s.html", folder / f"{name}.md", folder / name)


def gather(
    changes: Mapping[str, Mapping[str, Any]], outcomes: Sequence[Outcome], bootstrap: Bootstrap
) -> dict[str, Setting]:
    """Puts the runs of each setting together; settings without a finished run are left out."""
    settings = {}
    for name, changed in changes.items():
        own = [outcome for outcome in outcomes if outcome.setting == name]
        if own:
            found = scores([outcome.units for outcome in own], bootstrap)
            costs = [total_cost(o.costs, o.params["cost"]["country"]) for o in own]
            keys = set.intersection(*map(set, costs))
            mean = {key: sum(c[key] for c in costs) / len(costs) for key in sorted(keys)}
            seeds = [outcome.seed for outcome in own]
            settings[name] = Setting(name, changed, seeds, found, mean)
    return settings


# --- What the report says -------------------------------------------------------------------------


def report(
    name: str,
    about: str,
    base: Mapping[str, Any],
    settings: Mapping[str, Setting],
    baseline: str,
    missing: int,
    linear: Mapping[str, Unit],
) -> Iterator[Block]:
    """Yields the parts of a report, in their order."""
    others = [setting for setting in settings if setting != baseline]
    first = settings[baseline]
    comparisons = adjusted({o: compare(first.scores, settings[o].scores) for o in others})
    yield about
    if base:
        said = ", ".join(f"`{key}: {_value(value)}`" for key, value in base.items())
        yield f"All runs: params.yaml with {said}."
    if missing:
        yield f"**{missing} runs are not finished**; they are left out here."
    yield _chance(settings)
    yield "## Findings"
    yield "\n".join(f"- {sentence}" for sentence in findings(settings, baseline, comparisons))
    yield "## Settings"
    yield (
        "Headline: mean over ranked units, 0 the baseline and 1 perfect; mean and standard"
        f" deviation over seeds. Difference: to `{baseline}`, with its 95 % interval. Costs: of a"
        f" run; CO2e also per point ({POINT} of headline) above the majority's baseline."
    )
    yield overview(settings, baseline, comparisons)
    yield from varied_plots(settings)
    yield Plot("differences", f"Headline, difference to {baseline}", forest(comparisons))
    best = pareto(settings)
    if best:
        yield "## Score and cost"
        listed = ", ".join(f"`{each}`" for each in best)
        yield (
            f"Pareto set, of settings to which no other is both better and cheaper: {listed}."
            " Means are compared as they are; differences among them may be chance."
        )
        yield Plot("pareto", "Headline against cost", pareto_plot(settings, best))
    yield "## Units"
    yield (
        "Mean over seeds with its 95 % interval; ▲ better, ▼ worse than the baseline setting (q at"
        " most 0.05 over all units and settings)."
    )
    yield by_unit(settings, comparisons, linear)
    yield "## Differences of units"
    yield all_differences(comparisons)


def _chance(settings: Mapping[str, Setting]) -> str:
    counts = sorted({len(setting.seeds) for setting in settings.values()})
    if counts[0] == 1:
        return (
            "One seed in some settings: their intervals hold **test noise only**, and another seed"
            " moves scores too."
        )
    said = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{said} seeds a setting; intervals hold noise of seeds and of test items."


def findings(
    settings: Mapping[str, Setting],
    baseline: str,
    comparisons: Mapping[str, Mapping[str, Difference]],
) -> Iterator[str]:
    """Yields a sentence for every finding: of headlines, then of units, the largest first."""
    for name, differences in comparisons.items():
        if HEADLINE in differences:
            yield _sentence(name, baseline, HEADLINE, differences[HEADLINE])
    units = [
        (name, unit, d)
        for name, differences in comparisons.items()
        for unit, d in differences.items()
        if unit != HEADLINE and d.better
    ]
    for name, unit, d in sorted(units, key=lambda found: (found[2].q, found[0], found[1])):
        yield _sentence(name, baseline, unit, d)
    if comparisons and not units:
        yield "In no unit a setting differs from the baseline by more than chance."


def _sentence(name: str, baseline: str, unit: str, d: Difference) -> str:
    verdict = {"A": "is worse than", "B": "is better than", "": "is not seen to differ from"}
    where = "by headline" if unit == HEADLINE else f"in {unit}"
    return (
        f"`{name}` {verdict[d.better]} `{baseline}` {where}: {d.b:.3f} against {d.a:.3f}"
        f" ({d.b - d.a:+.3f}, 95 % interval {d.low:+.3f} to {d.high:+.3f}; p {d.p:.3f},"
        f" q {d.q:.3f})."
    )


def overview(
    settings: Mapping[str, Setting],
    baseline: str,
    comparisons: Mapping[str, Mapping[str, Difference]],
) -> Table:
    """The settings with headline, difference and cost."""
    header = ["setting", "seeds", "headline", "difference", "p", "q", "better"]
    header += ["s", "GiB", "Wh", "g CO2e", "g CO2e per point"]
    rows = []
    for name, setting in settings.items():
        d = comparisons.get(name, {}).get(HEADLINE)
        compared = ["–"] * 4
        if d:
            gap = f"{d.b - d.a:+.3f} ({d.low:+.3f} to {d.high:+.3f})"
            better = {"A": baseline, "B": name, "": ""}[d.better]
            compared = [gap, f"{d.p:.3f}", f"{d.q:.3f}", better]
        own = setting.scores.get(HEADLINE)
        cost = setting.cost
        grams = cost["co2e_kg"] * 1000 if "co2e_kg" in cost else None
        points = own.mean / POINT if own else 0.0
        each = grams / points if grams is not None and points > 0 else None
        energy = cost["energy_kwh"] * 1000 if "energy_kwh" in cost else None
        costs = [cost.get("seconds"), cost.get("peak_memory_gib"), energy, grams, each]
        said = [str(len(setting.seeds)), _spread(own) if own else "–", *compared]
        rows.append([name, *said, *map(_figure, costs)])
    return Table(header, rows)


def by_unit(
    settings: Mapping[str, Setting],
    comparisons: Mapping[str, Mapping[str, Difference]],
    linear: Mapping[str, Unit],
) -> Table:
    """The scores of all settings, unit by unit, beside those of the linear models."""
    names = dict.fromkeys(unit for setting in settings.values() for unit in setting.scores)
    rows = []
    for unit in names:
        metric = next(s.scores[unit].metric for s in settings.values() if unit in s.scores)
        row = [unit, metric.replace("_", " ")]
        if linear:
            row.append(f"{linear[unit].value:.3f}" if unit in linear else "–")
        for name, setting in settings.items():
            d = comparisons.get(name, {}).get(unit)
            mark = {"A": " ▼", "B": " ▲", "": ""}[d.better] if d else ""
            row.append(f"{_band(setting.scores[unit])}{mark}" if unit in setting.scores else "–")
        rows.append(row)
    return Table(["unit", "metric", *["linear"] * bool(linear), *settings], rows)


def all_differences(comparisons: Mapping[str, Mapping[str, Difference]]) -> Table:
    """All differences of units to the baseline."""
    rows = [
        [
            name,
            unit,
            f"{d.b - d.a:+.3f}",
            f"{d.low:+.3f} to {d.high:+.3f}",
            f"{d.p:.3f}",
            f"{d.q:.3f}",
            {"A": "worse", "B": "better", "": ""}[d.better],
        ]
        for name, differences in comparisons.items()
        for unit, d in differences.items()
    ]
    return Table(["setting", "unit", "difference", "95 % interval", "p", "q", ""], rows)


def pareto(settings: Mapping[str, Setting]) -> list[str]:
    """The settings to which no other is at least as good and as cheap, and one of both more so.

    Cheap is by energy, or by seconds where that is not known of all.
    """
    key = cost_key(settings)
    if not key or any(HEADLINE not in s.scores for s in settings.values()):
        return []
    places = {n: (s.scores[HEADLINE].mean, -s.cost[key]) for n, s in settings.items()}
    return [
        name
        for name, own in places.items()
        if not any(
            other != own and other[0] >= own[0] and other[1] >= own[1] for other in places.values()
        )
    ]


def cost_key(settings: Mapping[str, Setting]) -> str:
    """The cost that is known of all settings."""
    for key in ("energy_kwh", "seconds"):
        if all(key in setting.cost for setting in settings.values()):
            return key
    return ""


def _value(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _spread(found: Scores) -> str:
    return f"{found.mean:.3f}" + (f" ± {found.spread:.3f}" if found.spread is not None else "")


def _band(found: Scores) -> str:
    low, high = found.interval()
    return f"{found.mean:.3f} ({low:.3f} to {high:.3f})"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


# --- Plots ----------------------------------------------------------------------------------------


def varied_plots(settings: Mapping[str, Setting]) -> Iterator[Plot]:
    """Yields a plot of scores against each setting that has several numbers, with bands."""
    keys = dict.fromkeys(key for setting in settings.values() for key in setting.changes)
    for key in keys:
        numeric = [
            s for s in settings.values() if isinstance(s.changes.get(key), int | float)
            and not isinstance(s.changes[key], bool)
        ]  # fmt: skip
        if len({s.changes[key] for s in numeric}) > 1:
            end = key.rpartition(".")[2]
            yield Plot(f"by-{end}", f"Scores by {key}, 95 % bands", bands(key, numeric, keys))


def bands(key: str, settings: Sequence[Setting], keys: Sequence[str] | Mapping[str, Any]) -> Any:
    """The scores against a number, a panel a unit, a line for each choice of the other keys."""
    values = []
    for setting in settings:
        rest = [
            f"{k.rpartition('.')[2]} {_value(setting.changes[k])}"
            for k in keys
            if k != key and k in setting.changes
        ]
        for unit, found in setting.scores.items():
            low, high = found.interval()
            values.append(
                {
                    "x": setting.changes[key],
                    "unit": unit,
                    "line": ", ".join(rest) or "all",
                    "mean": found.mean,
                    "low": low,
                    "high": high,
                }
            )
    numbers = sorted({value["x"] for value in values})
    wide = numbers[0] > 0 and numbers[-1] / numbers[0] >= 4
    x = {
        "field": "x",
        "type": "quantitative",
        "title": key,
        "scale": {"type": "log", "nice": False} if wide else {"zero": False},
        "axis": {"values": numbers},
    }
    color: Any = {"field": "line", "type": "nominal", "title": None}
    if len({value["line"] for value in values}) == 1:
        color["legend"] = None
    scale = {"zero": False}
    return {
        "data": {"values": values},
        "facet": {"field": "unit", "type": "nominal", "sort": None, "title": None},
        "columns": 4,
        "resolve": {"scale": {"y": "independent"}},
        "spec": {
            "width": 170,
            "height": 130,
            "layer": [
                {
                    "mark": {"type": "area", "opacity": 0.2},
                    "encoding": {
                        "x": x,
                        "y": {
                            "field": "low",
                            "type": "quantitative",
                            "title": None,
                            "scale": scale,
                        },
                        "y2": {"field": "high"},
                        "color": color,
                    },
                },
                {
                    "mark": {"type": "line", "point": True},
                    "encoding": {
                        "x": x,
                        "y": {"field": "mean", "type": "quantitative", "scale": scale},
                        "color": color,
                    },
                },
            ],
        },
    }


def quantity(field: str, title: str, **more: Any) -> dict[str, Any]:
    """An encoding of numbers."""
    return {"field": field, "type": "quantitative", "title": title or None, **more}


def forest(comparisons: Mapping[str, Mapping[str, Difference]]) -> Any:
    """The differences of headlines with their intervals."""
    values = [
        {"setting": name, "gap": d.b - d.a, "low": d.low, "high": d.high, "seen": bool(d.better)}
        for name, differences in comparisons.items()
        if (d := differences.get(HEADLINE))
    ]
    y = {"field": "setting", "type": "nominal", "sort": None, "title": None}
    color = {
        "field": "seen",
        "type": "nominal",
        "scale": {"domain": [True, False], "range": ["#b3261e", "#5b6673"]},
        "legend": {"title": "more than chance"},
    }
    return {
        "data": {"values": values},
        "width": WIDTH,
        "layer": [
            {
                "mark": {"type": "rule", "color": "#999"},
                "encoding": {"x": {"datum": 0, "type": "quantitative"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {
                    "y": y,
                    "x": {
                        "field": "low",
                        "type": "quantitative",
                        "title": "difference of headline",
                    },
                    "x2": {"field": "high"},
                    "color": color,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {"y": y, "x": {"field": "gap", "type": "quantitative"}, "color": color},
            },
        ],
    }


def pareto_plot(settings: Mapping[str, Setting], best: Sequence[str]) -> Any:
    """Headlines against costs; the Pareto set is joined by a line."""
    key = cost_key(settings)
    factor, title = (1000, "Wh a run") if key == "energy_kwh" else (1, "seconds a run")
    values = [
        {
            "setting": name,
            "cost": s.cost[key] * factor,
            "score": s.scores[HEADLINE].mean,
            "best": name in best,
        }
        for name, s in settings.items()
    ]
    x = {"field": "cost", "type": "quantitative", "title": title, "scale": {"zero": False}}
    y = {"field": "score", "type": "quantitative", "title": HEADLINE, "scale": {"zero": False}}
    encoding = {"x": x, "y": y}
    return {
        "data": {"values": values},
        "width": WIDTH,
        "height": HEIGHT,
        "layer": [
            {
                "transform": [{"filter": "datum.best"}],
                "mark": {"type": "line", "color": "#2f6fab", "interpolate": "step-after"},
                "encoding": encoding,
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": encoding
                | {"color": {"field": "best", "type": "nominal", "title": "Pareto set"}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 7, "dy": -5},
                "encoding": encoding | {"text": {"field": "setting"}},
            },
        ],
    }


def draw(specification: Mapping[str, Any]) -> str:
    """Draws a Vega-Lite specification as SVG on white."""
    from vl_convert import vegalite_to_svg

    whole = {"padding": MARGIN, "background": "white", **specification}
    return str(vegalite_to_svg(whole))


# --- Pages ----------------------------------------------------------------------------------------


def markdown(name: str, blocks: Sequence[Block]) -> str:
    """The report as Markdown, with plots in a folder of its name."""
    from tabulate import tabulate

    parts = [f"# {name}", "Written by `make study`; not to be edited."]
    for block in blocks:
        if isinstance(block, Table):
            table = tabulate(block.rows, block.header, "github", disable_numparse=True)
            parts.append(str(table))
        elif isinstance(block, Plot):
            parts.append(f"![{block.title}]({name}/{block.name}.svg)")
        else:
            parts.append(block)
    return "\n\n".join(parts) + "\n"


def page(name: str, blocks: Sequence[Block], drawn: Mapping[str, str]) -> str:
    """The report as one HTML page, that needs no network to be read."""
    import base64

    parts = []
    for block in blocks:
        if isinstance(block, Table):
            cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in block.header)
            rows = "".join(
                f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
                for row in block.rows
            )
            parts.append(f'<div class="scroll"><table><tr>{cells}</tr>{rows}</table></div>')
        elif isinstance(block, Plot):
            source = base64.b64encode(drawn[block.name].encode()).decode()
            title = html.escape(block.title)
            picture = f'<img alt="{title}" src="data:image/svg+xml;base64,{source}">'
            parts.append(f"<figure>{picture}<figcaption>{title}</figcaption></figure>")
        elif block.startswith("## "):
            parts.append(f"<h2>{html.escape(block[3:])}</h2>")
        elif block.startswith("- "):
            items = "".join(f"<li>{_inline(line[2:])}</li>" for line in block.split("\n"))
            parts.append(f"<ul>{items}</ul>")
        else:
            parts.append(f"<p>{_inline(block)}</p>")
    whole = TEMPLATE.read_text(encoding="utf-8")
    return whole.replace("{{ name }}", html.escape(name)).replace("{{ body }}", "\n".join(parts))


def _inline(text: str) -> str:
    """Text with code between backticks and strong words between two stars."""
    pieces = html.escape(text).split("`")
    marked = "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(pieces))
    pieces = marked.split("**")
    return "".join(f"<strong>{p}</strong>" if n % 2 else p for n, p in enumerate(pieces))
