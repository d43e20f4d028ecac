"""Charts and tables of the report, taken apart."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from common.evaluation.report.svg import Plot, Strip
from common.evaluation.report.tables import Column, count_column, figure, figure_column, fold, p_value, table

_ROWS = [{"name": name, "n": n, "estimate": n / 10, "low": None, "high": None} for name, n in (("a<b", 3), ("c", 1))]


def test_points_lie_where_the_axes_say() -> None:
    plot = Plot("name", "title & more", "text", x=(0, 2), y=(-1, 1), size=(340, 320))
    # Margins: 46 left, 12 right, 10 above, 42 below.
    assert plot.place(0, -1) == (46, 278)
    assert plot.place(2, 1) == (328, 10)
    assert plot.place(1, 0) == (187, 144)
    plot.line([0, 2], [-1, 1], "s0")
    plot.band([0, 2], [-1, 0], [0, 1], "s0")
    plot.point(1, 0, "s0", "here")
    tree = ElementTree.fromstring(plot.svg())
    assert tree.findtext("title") == "title & more"
    assert tree.findtext("desc") == "text"
    assert tree.get("aria-labelledby") == f"{tree.find('title').get('id')} {tree.find('desc').get('id')}"
    paths = [path.get("d") for path in tree.iter("path")]
    assert "M46,278L328,10" in paths
    assert "M46,144L328,10L328,144L46,278Z" in paths
    assert next(tree.iter("circle")).get("cx") == "187"


@pytest.mark.parametrize(("bounds", "cut"), [((0.6, 0.9), 0), ((0.2, 0.9), 1), ((0.2, 1.4), 2)])
def test_intervals_beyond_the_axis_end_in_arrows(bounds: tuple[float, float], cut: int) -> None:
    drawn = Strip((0.5, 1.0), (0.5, 1.0)).interval(0.8, *bounds, "s0")
    ends = [path.get("d") for path in ElementTree.fromstring(drawn).iter("path") if "end" in (path.get("class") or "")]
    assert sum("L" in end for end in ends) == cut


def test_estimates_beyond_the_axis_become_triangles() -> None:
    strip = Strip((0.5, 1.0), (0.5, 1.0))
    assert "<circle" in strip.interval(0.5, None, None, "s0")
    assert "<circle" not in strip.interval(0.3, None, None, "s0")
    assert "dot" not in strip.interval(None, None, None, "s0")


def test_tables_escape_sort_and_stop() -> None:
    columns = [Column("name", lambda row: row["name"], text=True), count_column("count", "n"), figure_column("share")]
    drawn = table("two & more", columns, _ROWS)
    assert '<td class="text">a&lt;b</td><td data-v="3">3</td><td data-v="0.3">0.300</td>' in drawn
    assert 'aria-label="two &amp; more"' in drawn
    cut = table("many", columns, _ROWS * 100, most=150)
    assert cut.count("<tr>") == 151
    assert "The first 150 of 200 rows; all are in report.json." in cut
    assert table("none", columns, []) == ""
    assert fold("nothing", "") == ""


def test_figures_as_text() -> None:
    assert figure(0.5, 0.4, 0.61) == "0.500 [0.400, 0.610]"
    assert figure(None) == "not defined"
    assert figure(12.3, digits=2) == "12.30"
    assert [p_value(value) for value in (None, 0.00001, 0.0412)] == ["not defined", "< 0.0001", "0.041"]
