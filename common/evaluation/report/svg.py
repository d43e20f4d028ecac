"""Charts as inline SVG: they take the colours of the page, scale with it, and name themselves to screen readers."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: Ways of drawing a series; beyond them they repeat. Colours and dashes stand in the page's style.
SERIES = 6

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 42


def series_class(place: int) -> str:
    """Class of the series at a place."""
    return f"s{place % SERIES}"


class Plot:
    """One panel with axes.

    Args:
        name: unique on the page.
        title: what it shows.
        description: what can be read from it, for those who do not see it.
        x: ends of the horizontal axis.
        y: ends of the vertical axis.
        x_label: below the axis.
        y_label: beside the axis.
        ticks: of either axis; even quarters when None.
        size: width and height.
    """

    def __init__(
        self,
        name: str,
        title: str,
        description: str,
        *,
        x: tuple[float, float] = (0, 1),
        y: tuple[float, float] = (0, 1),
        x_label: str = "",
        y_label: str = "",
        ticks: tuple[Sequence[float] | None, Sequence[float] | None] = (None, None),
        size: tuple[int, int] = (340, 320),
    ) -> None:
        self.name, self.title, self.description = name, title, description
        self.x, self.y, self.size = x, y, size
        self.parts: list[str] = []
        self._axes(
            x_label, y_label, *(_quarters(ends) if t is None else t for ends, t in zip((x, y), ticks, strict=True))
        )

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Position of a point in the picture."""
        width, height = self.size[0] - _LEFT - _RIGHT, self.size[1] - _TOP - _BOTTOM
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return round(_LEFT + across * width, 1), round(_TOP + (1 - up) * height, 1)

    def line(self, xs: Iterable[float], ys: Iterable[float], kind: str) -> None:
        """A line through points, of the class ``kind``."""
        self.parts.append(
            f'<path class="line {kind}" d="M{_path(self.place(x, y) for x, y in zip(xs, ys, strict=True))}"/>'
        )

    def band(self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], kind: str) -> None:
        """The area between two curves."""
        upper = [self.place(x, y) for x, y in zip(xs, highs, strict=True)]
        lower = [self.place(x, y) for x, y in zip(xs, lows, strict=True)]
        self.parts.append(f'<path class="band {kind}" d="M{_path([*upper, *reversed(lower)])}Z"/>')

    def point(self, x: float, y: float, kind: str, hint: str = "") -> None:
        """A dot; the hint appears under the pointer."""
        across, down = self.place(x, y)
        inside = f"<title>{html.escape(hint)}</title>" if hint else ""
        self.parts.append(f'<circle class="dot {kind}" cx="{across:g}" cy="{down:g}" r="4">{inside}</circle>')

    def bar(self, left: float, right: float, height: float, kind: str) -> None:
        """A column from zero up."""
        (x0, y1), (x1, y0) = self.place(left, height), self.place(right, self.y[0])
        self.parts.append(
            f'<rect class="bar {kind}" x="{x0:g}" y="{y1:g}" width="{x1 - x0:.1f}" height="{y0 - y1:.1f}"/>'
        )

    def note(self, text: str) -> None:
        """A text in the middle."""
        x, y = self.place(sum(self.x) / 2, sum(self.y) / 2)
        self.parts.append(f'<text class="note" x="{x:g}" y="{y:g}" text-anchor="middle">{html.escape(text)}</text>')

    def svg(self) -> str:
        """The chart."""
        width, height = self.size
        return (
            f'<svg class="chart" id="{self.name}" viewBox="0 0 {width} {height}" role="img" '
            f'aria-labelledby="{self.name}-t {self.name}-d"><title id="{self.name}-t">{html.escape(self.title)}</title>'
            f'<desc id="{self.name}-d">{html.escape(self.description)}</desc>{"".join(self.parts)}</svg>'
        )

    def _axes(self, x_label: str, y_label: str, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> None:
        (x0, y0), (x1, y1) = self.place(self.x[0], self.y[0]), self.place(self.x[1], self.y[1])
        grid = [f"M{self.place(tick, 0)[0]:g},{y0:g}V{y1:g}" for tick in x_ticks]
        grid += [f"M{x0:g},{self.place(0, tick)[1]:g}H{x1:g}" for tick in y_ticks]
        self.parts.append(f'<path class="grid" d="{"".join(grid)}"/>')
        self.parts.append(f'<path class="axis" d="M{x0:g},{y1:g}V{y0:g}H{x1:g}"/>')
        for tick in x_ticks:
            x = self.place(tick, 0)[0]
            self.parts.append(f'<text class="tick" x="{x:g}" y="{y0 + 16:g}" text-anchor="middle">{tick:g}</text>')
        for tick in y_ticks:
            y = self.place(0, tick)[1]
            self.parts.append(f'<text class="tick" x="{x0 - 6:g}" y="{y + 4:g}" text-anchor="end">{tick:g}</text>')
        middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
        bottom = self.size[1] - 6
        self.parts.append(
            f'<text class="label" x="{middle_x:g}" y="{bottom}" text-anchor="middle">{html.escape(x_label)}</text>'
        )
        self.parts.append(
            f'<text class="label" transform="translate(12 {middle_y:g}) rotate(-90)" text-anchor="middle">'
            f"{html.escape(y_label)}</text>"
        )


class Strip:
    """A narrow chart in a cell of a table; all rows of a column share its axis.

    Args:
        ends: of the axis.
        ticks: values with a mark.
        reference: value with a line through all rows.
    """

    width, height = 220, 22

    def __init__(self, ends: tuple[float, float], ticks: Sequence[float], reference: float | None = None) -> None:
        self.ends, self.ticks, self.reference = ends, ticks, reference

    def place(self, value: float) -> float:
        """Position across, values beyond the ends at the ends."""
        low, high = self.ends
        share = (min(max(value, low), high) - low) / (high - low)
        return round(8 + share * (self.width - 16), 1)

    def interval(self, estimate: float | None, low: float | None, high: float | None, kind: str) -> str:
        """A dot with its interval; where the axis cuts it off, it ends in an arrow head."""
        inside = ""
        if estimate is not None:
            if low is not None and high is not None:
                inside += f'<path class="line {kind}" d="M{self.place(low):g},11H{self.place(high):g}"/>'
                for bound, sign in ((low, 1), (high, -1)):
                    x = self.place(bound)
                    cut = bound < self.ends[0] or bound > self.ends[1]
                    shape = f"M{x + 5 * sign:g},7L{x:g},11L{x + 5 * sign:g},15" if cut else f"M{x:g},7V15"
                    inside += f'<path class="line end {kind}" d="{shape}"/>'
            inside += self._mark(estimate, kind)
        return self._svg(inside)

    def _mark(self, estimate: float, kind: str) -> str:
        """A dot, or a triangle at the edge that points to where it would be."""
        x = self.place(estimate)
        if self.ends[0] <= estimate <= self.ends[1]:
            return f'<circle class="dot {kind}" cx="{x:g}" cy="11" r="4"/>'
        sign = 1 if estimate < self.ends[0] else -1
        return f'<path class="dot {kind}" d="M{x - 5 * sign:g},11L{x + 4 * sign:g},6V16Z"/>'

    def box(self, row: Mapping[str, Any], kind: str) -> str:
        """Whiskers from the 5th to the 95th percentile, a box over the quartiles, a line at the median."""
        p5, q1, median, q3, p95 = (self.place(row[name]) for name in ("p5", "q1", "median", "q3", "p95"))
        inside = f'<path class="line end {kind}" d="M{p5:g},11H{q1:g}M{q3:g},11H{p95:g}M{p5:g},7V15M{p95:g},7V15"/>'
        inside += f'<rect class="box {kind}" x="{q1:g}" y="5" width="{max(q3 - q1, 1):.1f}" height="12"/>'
        return self._svg(inside + f'<path class="line {kind}" d="M{median:g},4V18"/>')

    def axis(self) -> str:
        """The scale, for the head of the column."""
        marks = "".join(
            f'<text class="tick" x="{self.place(tick):g}" y="14" text-anchor="middle">{tick:g}</text>'
            for tick in self.ticks
        )
        return self._svg(marks, grid=False)

    def _svg(self, inside: str, grid: bool = True) -> str:
        lines = "".join(f"M{self.place(tick):g},0V{self.height}" for tick in self.ticks) if grid else ""
        behind = f'<path class="grid" d="{lines}"/>' if lines else ""
        if grid and self.reference is not None:
            behind += f'<path class="reference" d="M{self.place(self.reference):g},0V{self.height}"/>'
        # The numbers stand in the row itself.
        return f'<svg class="strip" viewBox="0 0 {self.width} {self.height}" aria-hidden="true">{behind}{inside}</svg>'


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "L".join(f"{x:g},{y:g}" for x, y in points)


def _quarters(ends: tuple[float, float]) -> list[float]:
    return [ends[0] + (ends[1] - ends[0]) * part / 4 for part in range(5)]
