"""Draws the flowcharts of pages as SVG for the site, which fetches no program that could.

It knows what the pages have: ``flowchart LR`` or ``TD``, and lines of nodes, ``name``,
``name[words]`` or ``name[(words)]``, joined by ``-->``. Nodes stand in layers, each behind all that
lead to it (K. Sugiyama and others, Methods for Visual Understanding of Hierarchical System
Structures, 1981): long arrows get a bend in each layer that they cross, and every layer is put in
the order of the mean places of its neighbours, a few times over.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from statistics import fmean
from typing import NamedTuple

from stages.common.command import InputError

NODE = re.compile(r"(\w+)(?:\[(\()?([^\])]+)\)?\])?")
SWEEPS = 12
CHARACTER, LINE = 7.4, 30  # width of a letter and height of a box
ALONG, ACROSS, MARGIN = 34, 14, 6  # between layers, between the boxes of one, around all


class Chart(NamedTuple):
    """A flowchart.

    Attributes:
        is_downward: whether arrows lead down, else to the right.
        labels: the words of each node.
        stores: the nodes with rounded ends.
        arrows: pairs of nodes.
    """

    is_downward: bool
    labels: dict[str, str]
    stores: set[str]
    arrows: list[tuple[str, str]]


def read(text: str) -> Chart:
    """Reads a flowchart.

    Raises:
        InputError: for what is not understood.
    """
    first, *lines = text.strip().splitlines()
    direction = re.fullmatch(r"flowchart (LR|TD)", first.strip())
    if not direction:
        raise InputError(f"{first}: expected flowchart LR or flowchart TD")
    chart = Chart(direction[1] == "TD", {}, set(), [])
    for line in lines:
        names = []
        for part in line.strip().split(" --> "):
            match = NODE.fullmatch(part)
            if not match:
                raise InputError(f"{part}: expected a node, name[words] or name[(words)]")
            name, store, words = match.groups()
            chart.labels[name] = words or chart.labels.get(name, name)
            if store:
                chart.stores.add(name)
            names.append(name)
        chart.arrows.extend(zip(names, names[1:], strict=False))
    return chart


def ranks(chart: Chart) -> dict[str, int]:
    """The layer of each node: the number of arrows of the longest way to it.

    Raises:
        InputError: if arrows lead in a circle.
    """
    found = dict.fromkeys(chart.labels, 0)
    for _ in found:
        before = dict(found)
        for source, target in chart.arrows:
            found[target] = max(found[target], found[source] + 1)
        if found == before:
            return found
    raise InputError("a flowchart with a circle")


def lay_out(chart: Chart) -> tuple[list[list[str]], list[list[str]]]:
    """Puts nodes, and the bends of long arrows, into layers.

    Returns:
        The names in each layer in order, and those along each arrow.
    """
    rank = ranks(chart)
    layers: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for name in chart.labels:
        layers[rank[name]].append(name)
    ways = []
    for source, target in chart.arrows:
        between = range(rank[source] + 1, rank[target])
        bends = [f"{source} {target} {layer}" for layer in between]
        for layer, bend in zip(between, bends, strict=True):
            layers[layer].append(bend)
        ways.append([source, *bends, target])
    neighbours: dict[str, list[str]] = {}
    for way in ways:
        for one, other in zip(way, way[1:], strict=False):
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    for _ in range(SWEEPS):
        for each in (*layers, *reversed(layers)):
            place = {n: i / len(other) for other in layers for i, n in enumerate(other)}
            means = {n: fmean(place[o] for o in neighbours.get(n, [n])) for n in each}
            each.sort(key=means.__getitem__)
    return layers, ways


def draw(text: str) -> str:
    """Draws a flowchart.

    Args:
        text: of the block.

    Returns:
        An SVG element without ids, so that a page may have several.

    Raises:
        InputError: for what is not understood.
    """
    chart = read(text)
    layers, ways = lay_out(chart)
    widths = {name: CHARACTER * len(label) + 18 for name, label in chart.labels.items()}

    def size(name: str) -> tuple[float, float]:
        """Along and across the direction of arrows."""
        if name not in widths:
            return 0.0, 4.0
        return (LINE, widths[name]) if chart.is_downward else (widths[name], LINE)

    spans = [sum(size(n)[1] + ACROSS for n in layer) - ACROSS for layer in layers]
    middles: dict[str, tuple[float, float]] = {}
    start = float(MARGIN)
    for layer, span in zip(layers, spans, strict=True):
        depth = max(size(name)[0] for name in layer)
        across = MARGIN + (max(spans) - span) / 2
        for name in layer:
            middles[name] = (start + depth / 2, across + size(name)[1] / 2)
            across += size(name)[1] + ACROSS
        start += depth + ALONG
    length, breadth = start - ALONG + MARGIN, max(spans) + 2 * MARGIN
    shapes = [_arrow(way, middles, size, chart.is_downward) for way in ways]
    shapes += [
        _box(*_turned(middles[name], chart.is_downward), widths[name], label, name in chart.stores)
        for name, label in chart.labels.items()
    ]
    width, height = (breadth, length) if chart.is_downward else (length, breadth)
    return (
        f'<svg role="img" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' style="width:100%;min-width:{0.8 * width:.0f}px;max-width:{width:.0f}px"'
        ' font-size="13" fill="none"'
        f' stroke="currentColor" text-anchor="middle">{"".join(shapes)}</svg>'
    )


def _turned(point: tuple[float, float], is_downward: bool) -> tuple[float, float]:
    """A point along and across as x and y."""
    return (point[1], point[0]) if is_downward else point


def _box(x: float, y: float, width: float, label: str, is_store: bool) -> str:
    radius = LINE / 2 if is_store else 4
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - LINE / 2:.1f}" width="{width:.1f}"'
        f' height="{LINE}" rx="{radius:g}" fill="var(--md-default-bg-color,#fff)"/>'
        f'<text x="{x:.1f}" y="{y + 4.5:.1f}" fill="currentColor" stroke="none">'
        f"{escape(label)}</text>"
    )


def _arrow(
    way: Sequence[str],
    middles: Mapping[str, tuple[float, float]],
    size: Callable[[str], tuple[float, float]],
    is_downward: bool,
) -> str:
    """A curve through the bends of an arrow, and its head."""
    depth = {name: size(name)[0] / 2 for name in (way[0], way[-1])}
    points = [middles[name] for name in way]
    points[0] = (points[0][0] + depth[way[0]], points[0][1])
    points[-1] = (points[-1][0] - depth[way[-1]], points[-1][1])
    curve = "M{:.1f} {:.1f}".format(*_turned(points[0], is_downward))
    for one, other in zip(points, points[1:], strict=False):
        half = (one[0] + other[0]) / 2
        bends = [(half, one[1]), (half, other[1]), other]
        numbers = [number for bend in bends for number in _turned(bend, is_downward)]
        curve += "C" + " ".join(f"{number:.1f}" for number in numbers)
    along, across = points[-1]
    corners = [(along - 7, across - 3.5), (along, across), (along - 7, across + 3.5)]
    head = "L".join("{:.1f} {:.1f}".format(*_turned(c, is_downward)) for c in corners)
    return f'<path opacity=".6" d="{curve}M{head}"/>'
