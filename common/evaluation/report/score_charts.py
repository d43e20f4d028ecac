"""Charts of classification, site by site, and the tables of what they show."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .shared_sections import run_columns, site_column, site_name
from .svg import Plot, series_class
from .tables import Column, Row, count_column, figure, figure_column, table

_CLASSES = ("negative", "positive")

#: Draws one run or several at one site: part, runs, site and number of the panel.
Draw = Callable[[Mapping[str, Any], Sequence[str], str, int], str]


def legend(runs: Sequence[str]) -> str:
    """Lines and the models that they stand for."""
    entries = "".join(
        '<li><svg class="key" viewBox="0 0 30 10" aria-hidden="true">'
        f'<path class="line {series_class(place)}" d="M1,5H29"/></svg>'
        f"{html.escape(run)}</li>"
        for place, run in enumerate(runs)
    )
    return f'<ul class="legend">{entries}</ul>'


def panels(part: Mapping[str, Any], runs: Sequence[str], sites: Sequence[str], draw: Draw) -> str:
    """One panel a site."""
    tiles = []
    for number, site in enumerate(sites):
        chart = draw(part, runs, site, number)
        tiles.append(f"<figure><figcaption>{html.escape(site_name(site))}</figcaption>{chart}</figure>")
    return f'<div class="panels">{"".join(tiles)}</div>'


def roc_chart(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
    """ROC curves with their bands and the points at which was decided."""
    found = {row["run"]: row for row in part["roc"] if row["dataset"] == site and row["run"] in runs}
    areas = {
        row["run"]: row
        for row in part["summary"]
        if row["dataset"] == site and row["metric"] == "auc" and not row["subgroup"]
    }
    text = "; ".join(
        f"{run}: AUC {figure(areas[run]['estimate'], areas[run]['low'], areas[run]['high'])}" for run in found
    )
    plot = Plot(
        f"roc-{number}",
        f"ROC curve, {site_name(site)}",
        text or "one class only, no curve",
        x_label="1 - specificity",
        y_label="sensitivity",
    )
    plot.line([0, 1], [0, 1], "guide")
    for run, row in found.items():
        if row["low"] is not None:
            plot.band(row["grid"], row["low"], row["high"], series_class(runs.index(run)))
    for run, row in found.items():
        kind = series_class(runs.index(run))
        plot.line(row["false_positive_rate"], row["true_positive_rate"], kind)
        plot.point(1 - row["specificity"], row["sensitivity"], kind, f"{run}: decisions as saved")
    if not found:
        plot.note("one class only: no ROC curve")
    return plot.svg()


def roc_table(rows: Sequence[Row]) -> str:
    """At every tenth of the false positive rate."""
    body = [
        {
            "run": row["run"],
            "dataset": row["dataset"],
            "rate": rate,
            "low": row["low"][place] if row["low"] else None,
            "high": row["high"][place] if row["high"] else None,
            "estimate": _at(row, rate),
        }
        for row in rows
        for place, rate in enumerate(row["grid"])
        if place % 10 == 0
    ]
    columns = [
        *run_columns(body),
        site_column(),
        Column("1 - specificity", lambda row: f"{row['rate']:.1f}", lambda row: row["rate"]),
        figure_column("sensitivity"),
    ]
    return table("ROC curves with their pointwise 95 % band", columns, body)


def _at(row: Row, rate: float) -> float:
    """True positive rate of the curve at a false positive rate, between its corners in a straight line."""
    corners = list(zip(row["false_positive_rate"], row["true_positive_rate"], strict=True))
    before = max((corner for corner in corners if corner[0] <= rate), default=(0.0, 0.0))
    after = min((corner for corner in corners if corner[0] > rate), default=(1.0, 1.0))
    if after[0] <= before[0]:
        return before[1]
    return float(before[1] + (after[1] - before[1]) * (rate - before[0]) / (after[0] - before[0]))


def calibration_chart(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
    """Share of positives against mean probability, with the bounds of each bin."""
    plot = Plot(
        f"calibration-{number}",
        f"Calibration, {site_name(site)}",
        "Share of positives against mean probability; the numbers are in the table below.",
        x_label="mean probability",
        y_label="share of positives",
    )
    plot.line([0, 1], [0, 1], "guide")
    for place, run in enumerate(runs):
        rows = [row for row in part["calibration"] if row["run"] == run and row["dataset"] == site]
        if not rows:
            continue
        kind = series_class(place)
        xs = [row["probability"] for row in rows]
        plot.band(xs, [row["low"] for row in rows], [row["high"] for row in rows], kind)
        plot.line(xs, [row["share"] for row in rows], kind)
        for row in rows:
            plot.point(row["probability"], row["share"], kind, f"{row['positives']} of {row['n']}")
    return plot.svg()


def calibration_table(rows: Sequence[Row]) -> str:
    """Every bin."""
    columns = [
        *run_columns(rows),
        site_column(),
        Column("mean probability", lambda row: f"{row['probability']:.3f}", lambda row: row["probability"]),
        count_column("images", "n"),
        count_column("positive", "positives"),
        Column(
            "share of positives", lambda row: figure(row["share"], row["low"], row["high"]), lambda row: row["share"]
        ),
    ]
    return table("Calibration, bin by bin", columns, rows)


def histogram_chart(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
    """Scores of both classes of one model."""
    edges = part["histogram"]["edges"]
    rows = [row for row in part["histogram"]["counts"] if row["run"] == runs[0] and row["dataset"] == site]
    order = list(dict.fromkeys(row["run"] for row in part["outcomes"])).index(runs[0])
    totals = {row["label"]: sum(row["counts"]) for row in rows}
    top = max((count / max(totals[row["label"]], 1) for row in rows for count in row["counts"]), default=1.0) or 1.0
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.25, 0.5) if step * 4 >= top or step == 0.5)
    ticks = [round(step * number, 2) for number in range(int(top / step) + 2)]
    marks = [edges[0], (edges[0] + edges[-1]) / 2, edges[-1]]
    plot = Plot(
        f"scores-{order}-{number}",
        f"Scores, {site_name(site)}",
        f"Histogram of the score of {totals.get(0, 0)} negative and {totals.get(1, 0)} positive images.",
        x=(edges[0], edges[-1]),
        y=(0, ticks[-1]),
        x_label="score (log-odds)",
        y_label="share of its class",
        ticks=([round(mark, 1) for mark in marks], ticks),
        size=(340, 240),
    )
    for row in rows:
        for left, right, count in zip(edges[:-1], edges[1:], row["counts"], strict=True):
            if count:
                plot.bar(left, right, count / totals[row["label"]], f"class{row['label']}")
    key = "".join(
        f'<li><span class="swatch class{label}" aria-hidden="true"></span>{name} ({totals.get(label, 0):,})</li>'
        for label, name in enumerate(_CLASSES)
    )
    return f'{plot.svg()}<ul class="legend">{key}</ul>'


def histogram_table(histogram: Mapping[str, Any]) -> str:
    """Images of each class by score."""
    edges = histogram["edges"]
    body: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in histogram["counts"]:
        for place, count in enumerate(row["counts"]):
            bounds = {"from": edges[place], "to": edges[place + 1], "negative": 0, "positive": 0}
            who = {"run": row["run"], "dataset": row["dataset"]}
            body.setdefault((row["run"], row["dataset"], place), who | bounds)[_CLASSES[row["label"]]] = count
    rows = [row for row in body.values() if row["negative"] or row["positive"]]
    columns = [
        *run_columns(rows),
        site_column(),
        Column("score from", lambda row: f"{row['from']:.2f}", lambda row: row["from"]),
        Column("to", lambda row: f"{row['to']:.2f}", lambda row: row["to"]),
        *(count_column(name, name) for name in _CLASSES),
    ]
    return table("Images by score", columns, rows)


def decision_chart(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
    """Net benefit."""
    found = {run: [row for row in part["decision"] if row["run"] == run and row["dataset"] == site] for run in runs}
    every = [row for rows in found.values() for row in rows]
    top = max([0.05, *(row["model"] for row in every), *(row["all"] for row in every)])
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.25) if step * 5 >= top or step == 0.25)
    ticks = [round(step * place, 2) for place in range(int(top / step) + 2)]
    floor = -step
    plot = Plot(
        f"decision-{number}",
        f"Decision curve, {site_name(site)}",
        "Net benefit against the threshold probability; the numbers are in the table below.",
        y=(floor, ticks[-1]),
        x_label="threshold probability",
        y_label="net benefit",
        ticks=(None, ticks),
        size=(340, 260),
    )
    plot.line([0, 1], [0, 0], "guide")
    for place, rows in enumerate(found.values()):
        if not place and rows:
            inside = [row for row in rows if row["all"] >= floor]
            plot.line([row["threshold"] for row in inside], [row["all"] for row in inside], "everybody")
        inside = [row for row in rows if row["model"] >= floor]
        if inside:
            plot.line([row["threshold"] for row in inside], [row["model"] for row in inside], series_class(place))
    return plot.svg()


def decision_table(rows: Sequence[Row]) -> str:
    """Net benefit at every twentieth."""
    tenths = [row for row in rows if round(row["threshold"] * 100) % 10 in (0, 5)]
    columns = [
        *run_columns(rows),
        site_column(),
        Column("threshold", lambda row: f"{row['threshold']:.2f}", lambda row: row["threshold"]),
        Column("net benefit of the model", lambda row: f"{row['model']:.3f}", lambda row: row["model"]),
        Column("of acting on everybody", lambda row: f"{row['all']:.3f}", lambda row: row["all"]),
    ]
    return table("Net benefit", columns, tenths)
