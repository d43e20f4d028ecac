"""The part of the page on classification."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ..summary import ALL_SITES
from .pictures import Pictures
from .options import CLASSIFICATION
from .shared_sections import badge, run_columns, site_column, site_name
from .svg import Plot, Strip, series_class
from .tables import Column, Html, Row, count_column, figure, figure_column, fold, p_value, percent, table, text_column

#: Sites that get panels of their own; the figures of all others stand in the tables.
MOST_PANELS = 12

_FOREST = {"auc": "AUC", "sensitivity": "Sensitivity", "specificity": "Specificity"}


def classification_section(part: Mapping[str, Any], pictures: Pictures) -> str:
    """All tables and charts of classification."""
    runs = list(dict.fromkeys(row["run"] for row in part["outcomes"]))
    sites = list(dict.fromkeys(row["dataset"] for row in part["outcomes"] if row["compared"]))
    shown = [site for site in sites if site != ALL_SITES][:MOST_PANELS] + [site for site in sites if site == ALL_SITES]
    left_out = len(sites) - len(shown)
    told = [f"Charts show the first {MOST_PANELS} sites; the other {left_out} stand in the tables."] if left_out else []
    told += part["statements"]
    legend = _legend(runs) if len(runs) > 1 else ""
    return "".join(
        [
            "".join(f"<p class=note>{html.escape(line)}</p>" for line in told),
            _outcomes(part["outcomes"]),
            "<h3>Figures by site</h3>",
            _figures(part["summary"]),
            "<h3>By site and subgroup</h3>",
            "".join(
                _forest(part["summary"], metric, label, opened=metric == "auc") for metric, label in _FOREST.items()
            ),
            _heterogeneity(part["heterogeneity"]),
            "<h3>ROC curves</h3>",
            legend,
            _panels(part, runs, shown, _roc),
            fold("Data of the ROC curves", _roc_table(part["roc"])),
            "<h3>Calibration</h3>",
            "<p>Dots: share of positives in ten bins of equally many images, with Clopper-Pearson intervals. On the "
            "diagonal, probabilities are true.</p>",
            legend,
            _panels(part, runs, shown, _calibration),
            fold("Data of the calibration curves", _calibration_table(part["calibration"])),
            "<h3>Scores</h3>",
            "".join(
                f"<h4>{html.escape(run)}</h4>{_panels(part, [run], shown, _histogram)}"
                if len(runs) > 1
                else _panels(part, [run], shown, _histogram)
                for run in runs
            ),
            fold("Data of the histograms", _histogram_table(part["histogram"])),
            "<h3>Operating point: transferred and refitted</h3>",
            _operating_points(part["operating_points"]),
            fold("Thresholds by sensitivity and specificity", _thresholds(part["thresholds"]), opened=True),
            "<h3>Decision curves</h3>",
            "<p>Net benefit of acting on the model's probability, against acting on everybody (dashed) and on nobody "
            "(dotted), at the share of positives in these images.</p>",
            legend,
            _panels(part, runs, shown, _decision),
            fold("Data of the decision curves", _decision_table(part["decision"])),
            _shortcut(part["shortcut"]),
            _paired(part["paired"]),
            "<h3>Surest errors</h3>" if part["errors"] else "",
            _errors(part["errors"], pictures),
        ]
    )


def _legend(runs: Sequence[str]) -> str:
    entries = "".join(
        f'<li><svg class="key" viewBox="0 0 30 10" aria-hidden="true"><path class="line {series_class(place)}" d="M1,5H29"/></svg>'
        f"{html.escape(run)}</li>"
        for place, run in enumerate(runs)
    )
    return f'<ul class="legend">{entries}</ul>'


def _panels(part: Mapping[str, Any], runs: Sequence[str], sites: Sequence[str], draw: Any) -> str:
    panels = []
    for number, site in enumerate(sites):
        chart = draw(part, runs, site, number)
        panels.append(f"<figure><figcaption>{html.escape(site_name(site))}</figcaption>{chart}</figure>")
    return f'<div class="panels">{"".join(panels)}</div>'


def _outcomes(rows: Sequence[Row]) -> str:
    columns = [
        *run_columns(rows),
        site_column(),
        count_column("images selected", "images"),
        count_column("compared", "compared"),
        count_column("positive", "positives"),
        count_column("patients", "patients"),
        count_column("female", "female"),
        count_column("male", "male"),
        Column(
            "median age",
            lambda row: "" if row["median_age"] is None else f"{row['median_age']:g}",
            lambda row: row["median_age"],
        ),
        count_column("without prediction", "missing"),
        count_column("without truth", "no_truth"),
    ]
    return table("Images", columns, rows)


def _wide(summary: Sequence[Row], *, subgroups: bool = False) -> list[dict[str, Any]]:
    """One row a model, site and group, with the figures by name."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in summary:
        if bool(row["subgroup"]) != subgroups:
            continue
        keys = ("run", "dataset", "subgroup", "group", "n", "positives")
        wide = rows.setdefault(tuple(row[key] for key in keys), {key: row[key] for key in keys})
        name = row["metric"]
        wide |= {
            name: row["estimate"],
            f"{name}_low": row["low"],
            f"{name}_high": row["high"],
            f"{name}_interval": row["interval"],
        }
    return list(rows.values())


def _figures(summary: Sequence[Row]) -> str:
    rows = _wide(summary)

    def error(row: Row) -> str:
        text = figure(row["ece"])
        chance = (row["ece_by_chance_low"], row["ece_by_chance_high"])
        return text if None in chance else f"{text} (by chance {chance[0]:.3f} to {chance[1]:.3f})"

    def area(row: Row) -> str:
        return figure(row["auc"], row["auc_low"], row["auc_high"]) + (" †" if row["auc_interval"] == "Newcombe" else "")

    columns = [
        *run_columns(rows),
        site_column(),
        count_column("images", "n"),
        count_column("positive", "positives"),
        Column("AUC", area, lambda row: row["auc"]),
        figure_column("average precision", "average_precision"),
        figure_column("Brier score", "brier"),
        Column("calibration error", error, lambda row: row["ece"]),
    ]
    decisions = [
        *columns[: len(columns) - 4],
        *(
            figure_column(label, name)
            for name, label in (
                ("sensitivity", "sensitivity"),
                ("specificity", "specificity"),
                ("ppv", "PPV"),
                ("npv", "NPV"),
            )
        ),
    ]
    shares = [name.removeprefix("ppv_at_") for name in rows[0] if name.startswith("ppv_at_") and name.count("_") == 2]
    values = [
        figure_column(f"{kind.upper()} at {percent(float(share))}", f"{kind}_at_{share}")
        for share in shares
        for kind in ("ppv", "npv")
    ]
    parts = [
        table("Ranking and calibration, with 95 % intervals († few images: Newcombe's)", columns, rows),
        table("Decisions as saved, with Clopper-Pearson 95 % intervals", decisions, rows),
    ]
    if values:
        predictive = table(
            "Predictive values where another share of people is positive", [*columns[: len(columns) - 4], *values], rows
        )
        parts.append(fold("Predictive values by prevalence", predictive))
    return "".join(parts)


def _forest(summary: Sequence[Row], metric: str, label: str, *, opened: bool) -> str:
    rows = [row for row in summary if row["metric"] == metric]
    runs = list(dict.fromkeys(row["run"] for row in rows))
    bounds = [row["low"] for row in rows if row["low"] is not None and row["n"] >= 20] or [0.0]
    low = max(0.0, min(0.5, int(min(bounds) * 10) / 10))
    ticks = [round(low + step * (1 - low) / 2, 3) for step in range(3)]
    parts = []
    for run in runs:
        own = [row for row in rows if row["run"] == run]
        whole = [row for row in own if not row["subgroup"]]
        reference = next((row["estimate"] for row in whole if row["dataset"] == ALL_SITES), whole[0]["estimate"])
        strip = Strip((low, 1.0), ticks, reference)
        kind = series_class(runs.index(run))
        columns = forest_columns(strip, kind, label)
        title = f"{label} by site and subgroup" + (f": {run}" if len(runs) > 1 else "")
        parts.append(table(title + "; the dashed line is the first whole figure", columns, own))
    return fold(
        label,
        "".join(parts).replace(
            "the first whole figure",
            "the figure of all sites" if len({row["dataset"] for row in rows}) > 1 else "the figure of the site",
        ),
        opened=opened,
    )


def forest_columns(strip: Strip, kind: str, label: str) -> list[Column]:
    """Columns of a forest plot that is a table."""

    def group(row: Row) -> str:
        return f"{row['subgroup']} {row['group']}" if row["subgroup"] else "everybody"

    columns = [
        site_column(),
        Column("group", group, text=True),
        count_column("images", "n"),
        figure_column(label),
        Column(
            Html(strip.axis()),
            lambda row: Html(strip.interval(row["estimate"], row["low"], row["high"], kind)),
            sortable=False,
        ),
    ]
    return columns


def _heterogeneity(rows: Sequence[Row]) -> str:
    columns = [
        text_column("model", "run"),
        count_column("sites compared", "sites"),
        Column("Cochran's Q", lambda row: f"{row['q']:.2f}", lambda row: row["q"]),
        Column("p", lambda row: p_value(row["p"]), lambda row: row["p"]),
        Column("I²", lambda row: percent(round(row["i_squared"], 2)), lambda row: row["i_squared"]),
    ]
    if not rows:
        return "<p class=note>Spread between sites: fewer than two sites with enough images.</p>"
    return table("Spread of the AUC between sites (sites with 30 images of each class)", columns, rows)


def _roc(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
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
        x_label="1 − specificity",
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


def _roc_table(rows: Sequence[Row]) -> str:
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
        Column("1 − specificity", lambda row: f"{row['rate']:.1f}", lambda row: row["rate"]),
        figure_column("sensitivity"),
    ]
    return table("ROC curves with their pointwise 95 % band", columns, body)


def _at(row: Row, rate: float) -> float:
    """Highest true positive rate that the curve reaches at a false positive rate, between its corners in a straight line."""
    corners = list(zip(row["false_positive_rate"], row["true_positive_rate"], strict=True))
    before = max((corner for corner in corners if corner[0] <= rate), default=(0.0, 0.0))
    after = min((corner for corner in corners if corner[0] > rate), default=(1.0, 1.0))
    if after[0] <= before[0]:
        return before[1]
    return float(before[1] + (after[1] - before[1]) * (rate - before[0]) / (after[0] - before[0]))


def _calibration(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
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
            plot.line([row["probability"]] * 2, [row["low"], row["high"]], f"{kind} thin")
            plot.point(row["probability"], row["share"], kind, f"{row['positives']} of {row['n']}")
    return plot.svg()


def _calibration_table(rows: Sequence[Row]) -> str:
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


def _histogram(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
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
        for label, name in ((0, "negative"), (1, "positive"))
    )
    return f'{plot.svg()}<ul class="legend">{key}</ul>'


def _histogram_table(histogram: Mapping[str, Any]) -> str:
    edges = histogram["edges"]
    body: dict[tuple[str, str, int], dict[str, Any]] = {}
    for row in histogram["counts"]:
        for place, count in enumerate(row["counts"]):
            key = (row["run"], row["dataset"], place)
            body.setdefault(
                key,
                {
                    "run": row["run"],
                    "dataset": row["dataset"],
                    "from": edges[place],
                    "to": edges[place + 1],
                    0: 0,
                    1: 0,
                },
            )
            body[key][row["label"]] = count
    rows = [row for row in body.values() if row[0] or row[1]]
    columns = [
        *run_columns(rows),
        site_column(),
        Column("score from", lambda row: f"{row['from']:.2f}", lambda row: row["from"]),
        Column("to", lambda row: f"{row['to']:.2f}", lambda row: row["to"]),
        Column("negative", lambda row: row[0], lambda row: row[0]),
        Column("positive", lambda row: row[1], lambda row: row[1]),
    ]
    return table("Images by score", columns, rows)


def _operating_points(rows: Sequence[Row]) -> str:
    columns = [
        *run_columns(rows),
        site_column(),
        text_column("operating point", "point"),
        Column(
            "threshold (score)",
            lambda row: (
                "several"
                if row["threshold"] is None and row["sensitivity"] is not None
                else ""
                if row["threshold"] is None
                else f"{row['threshold']:.3f}"
            ),
            lambda row: row["threshold"],
        ),
        Column(
            "sensitivity",
            lambda row: (
                ""
                if row["sensitivity"] is None
                else figure(row["sensitivity"], row["sensitivity_low"], row["sensitivity_high"])
            ),
            lambda row: row["sensitivity"],
        ),
        Column(
            "specificity",
            lambda row: (
                ""
                if row["specificity"] is None
                else figure(row["specificity"], row["specificity_low"], row["specificity_high"])
            ),
            lambda row: row["specificity"],
        ),
        Column(
            "WHO triage target",
            lambda row: Html(badge(row["state"]) if row["sensitivity"] is not None else html.escape(row["line"])),
            text=True,
        ),
    ]
    text = (
        "<p>“Of the home site”: the decisions as they were saved. “Refitted here”: the threshold is chosen on the site's own "
        "images and judged by cross-validation. <code>python -m common.evaluation operating-point</code> writes the file "
        "that inference then takes.</p>"
    )
    return (text + table("Operating points", columns, rows)) if rows else "<p>No site has both classes.</p>"


def _thresholds(rows: Sequence[Row]) -> str:
    shares = [
        name.removeprefix("ppv_at_")
        for name in (rows[0] if rows else ())
        if name.startswith("ppv_at_") and name.count("_") == 2
    ]
    columns = [
        *run_columns(rows),
        site_column(),
        text_column("for", "for"),
        Column("threshold (probability)", lambda row: f"{row['threshold']:.3f}", lambda row: row["threshold"]),
        figure_column("sensitivity", "sensitivity"),
        figure_column("specificity", "specificity"),
        Column("called positive", lambda row: f"{row['tp'] + row['fp']:,}", lambda row: row["tp"] + row["fp"]),
        *(
            Column(
                f"PPV at {percent(float(share))}",
                lambda row, share=share: figure(row[f"ppv_at_{share}"]),
                lambda row, share=share: row[f"ppv_at_{share}"],
            )
            for share in shares
        ),
    ]
    return table("Read off the same images, hence better than on others", columns, rows)


def _decision(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
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


def _decision_table(rows: Sequence[Row]) -> str:
    tenths = [row for row in rows if round(row["threshold"] * 100) % 10 in (0, 5)]
    columns = [
        *run_columns(rows),
        site_column(),
        Column("threshold", lambda row: f"{row['threshold']:.2f}", lambda row: row["threshold"]),
        Column("net benefit of the model", lambda row: f"{row['model']:.3f}", lambda row: row["model"]),
        Column("of acting on everybody", lambda row: f"{row['all']:.3f}", lambda row: row["all"]),
    ]
    return table("Net benefit", columns, tenths)


def _shortcut(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    columns = [
        *run_columns(rows),
        Column("class", lambda row: ("negative", "positive")[row["class"]], text=True),
        Column("sites", lambda row: f"{row['other_site']} above {row['site']}", text=True),
        Column("images", lambda row: f"{row['n_other']:,} / {row['n']:,}", lambda row: row["n"]),
        figure_column("AUC", "auc")
        if "auc_low" in rows[0]
        else Column("AUC", lambda row: figure(row["auc"], row["low"], row["high"]), lambda row: row["auc"]),
        Column("tells the sites apart", lambda row: "yes" if row["tells_apart"] else "not shown", text=True),
    ]
    text = (
        "<h3>Does the score know the site?</h3><p>AUC of the score for one site against another among images of one class: "
        "0.5 if it does not. Otherwise it reacts to the apparatus, or the patients differ.</p>"
    )
    return text + table("The score as a sign of the site", columns, rows)


def _paired(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    columns = [
        text_column("model", "run"),
        site_column(),
        count_column("images", "n"),
        Column(
            "AUC difference",
            lambda row: figure(row["difference"], row["low"], row["high"]),
            lambda row: row["difference"],
        ),
        Column("p (DeLong)", lambda row: p_value(row["p"]), lambda row: row["p"]),
        Column("p adjusted", lambda row: p_value(row["p_adjusted"]), lambda row: row["p_adjusted"]),
    ]
    return "<h3>Models compared</h3>" + table(
        f"AUC minus that of {rows[0]['baseline']}, on the same images", columns, rows
    )


def _errors(rows: Sequence[Row], pictures: Pictures) -> str:
    if not rows:
        return ""
    columns = [
        *run_columns(rows),
        site_column(),
        text_column("error", "error"),
        text_column("image", "image"),
        text_column("sex", "sex"),
        text_column("age", "age"),
        Column("probability", lambda row: f"{row['probability']:.3f}", lambda row: row["probability"]),
    ]
    tiles = [
        f'<figure class="case"><img src="{pictures[CLASSIFICATION, row["run"], row["image"]]}" alt="Radiograph {html.escape(row["image"])}: '
        f'{row["error"]}" loading="lazy"><figcaption>{html.escape(site_name(row["dataset"]))}, {row["error"]}: truth '
        f"{'positive' if row['label'] else 'negative'}, probability {row['probability']:.2f}<br><small>{html.escape(row['image'])}</small></figcaption></figure>"
        for row in rows
        if (CLASSIFICATION, row["run"], row["image"]) in pictures
    ]
    listed = table("At each site the false positives and false negatives that the model was surest of", columns, rows)
    return (f'<div class="cases">{"".join(tiles)}</div>' if tiles else "") + fold(
        "List of these errors", listed, opened=not tiles
    )
