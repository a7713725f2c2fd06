"""Flowcharts of the site: what is read, how it is laid out, and that all pages' are drawn."""

import re

import pytest
from defusedxml import ElementTree

from recipes import flowchart, tables
from stages.common.command import InputError

TEXT = "flowchart LR\n    a[(one, two)] --> b --> c[three/]\n    a --> c\n"


def test_nodes_words_and_arrows_are_read() -> None:
    chart = flowchart.read(TEXT)
    assert chart.labels == {"a": "one, two", "b": "b", "c": "three/"}
    assert chart.stores == {"a"}
    assert chart.arrows == [("a", "b"), ("b", "c"), ("a", "c")]
    assert not chart.is_downward


def test_a_node_stands_behind_all_that_lead_to_it_and_long_arrows_have_bends() -> None:
    chart = flowchart.read(TEXT)
    assert flowchart.ranks(chart) == {"a": 0, "b": 1, "c": 2}
    layers, ways = flowchart.lay_out(chart)
    assert [len(layer) for layer in layers] == [1, 2, 1]
    assert [len(way) for way in ways] == [2, 2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph LR\n a --> b", "expected flowchart LR"),
        ("flowchart TD\n a -- b", "expected a node"),
        ("flowchart TD\n a --> b\n b --> a", "with a circle"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        flowchart.draw(text)


def charts() -> list[str]:
    pages = [page.read_text(encoding="utf-8") for page in tables.pages()]
    found = re.findall(r"^```mermaid\n(.*?)^```$", "".join(pages), re.DOTALL | re.MULTILINE)
    return [str(chart) for chart in found]


@pytest.mark.parametrize("text", charts())
def test_boxes_of_the_charts_of_pages_do_not_overlap_and_lie_inside(text: str) -> None:
    picture = ElementTree.fromstring(flowchart.draw(text))
    chart = flowchart.read(text)
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    boxes = [
        [float(b.attrib[k]) for k in ("x", "y", "width", "height")] for b in picture.iter("rect")
    ]
    assert len(boxes) == len(chart.labels)
    assert len(list(picture.iter("path"))) == len(chart.arrows)
    assert {each.text for each in picture.iter("text")} == set(chart.labels.values())
    for n, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and x + w <= width and y >= 0 and y + h <= height
        for x2, y2, w2, h2 in boxes[:n]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
