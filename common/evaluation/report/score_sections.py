"""The part of the page on classification."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ..summary import ALL_SITES
from .options import CLASSIFICATION
from .pictures import Pictures
from .score_charts import (
    calibration_chart,
    calibration_table,
    decision_chart,
    decision_table,
    histogram_chart,
    histogram_table,
    legend,
    panels,
    roc_chart,
    roc_table,
)
from .shared_sections import case_tile, run_columns, site_column, site_name
from .svg import Strip, series_class
from .tables import Column, Html, Row, count_column, figure, figure_column, fold, p_value, percent, table, text_column
from .threshold_sections import operating_point_table, prevalences_of, threshold_table

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
    key = legend(runs) if len(runs) > 1 else ""
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
            key,
            panels(part, runs, shown, roc_chart),
            fold("Data of the ROC curves", roc_table(part["roc"])),
            "<h3>Calibration</h3>",
            "<p>Dots: share of positives in ten bins of equally many images, with Clopper-Pearson intervals. On the "
            "diagonal, probabilities are true.</p>",
            key,
            panels(part, runs, shown, calibration_chart),
            fold("Data of the calibration curves", calibration_table(part["calibration"])),
            "<h3>Scores</h3>",
            "".join(
                f"<h4>{html.escape(run)}</h4>{panels(part, [run], shown, histogram_chart)}"
                if len(runs) > 1
                else panels(part, [run], shown, histogram_chart)
                for run in runs
            ),
            fold("Data of the histograms", histogram_table(part["histogram"])),
            "<h3>Operating point: transferred and refitted</h3>",
            operating_point_table(part["operating_points"]),
            fold("Thresholds by sensitivity and specificity", threshold_table(part["thresholds"]), opened=True),
            "<h3>Decision curves</h3>",
            "<p>Net benefit of acting on the model's probability, against acting on everybody (dashed) and on nobody "
            "(dotted), at the share of positives in these images.</p>",
            key,
            panels(part, runs, shown, decision_chart),
            fold("Data of the decision curves", decision_table(part["decision"])),
            _shortcut(part["shortcut"]),
            _paired(part["paired"]),
            "<h3>Surest errors</h3>" if part["errors"] else "",
            _errors(part["errors"], pictures),
        ]
    )


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

    def chance(row: Row) -> str:
        bounds = (row["ece_by_chance_low"], row["ece_by_chance_high"])
        return "" if None in bounds else f"{bounds[0]:.3f} to {bounds[1]:.3f}"

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
        figure_column("calibration error", "ece"),
        Column("by chance alone", chance, lambda row: row["ece_by_chance_high"]),
    ]
    decisions = [
        *columns[:-5],
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
    shares = prevalences_of(rows)
    values = [
        figure_column(f"{kind.upper()} at {percent(float(share))}", f"{kind}_at_{share}")
        for share in shares
        for kind in ("ppv", "npv")
    ]
    parts = [
        table("Ranking and calibration, with 95 % intervals († Newcombe's: few patients or few errors)", columns, rows),
        table("Decisions as saved, with Clopper-Pearson 95 % intervals", decisions, rows),
    ]
    if values:
        predictive = table(
            "Predictive values where another share of people is positive", [*columns[:-5], *values], rows
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
        columns = [*forest_columns(strip, kind, label), count_column("positive", "positives")]
        title = f"{label} by site and subgroup{f': {run}' if len(runs) > 1 else ''}"
        parts.append(table(f"{title}; the dashed line is the figure of all images", columns, own))
    return fold(label, "".join(parts), opened=opened)


def forest_columns(strip: Strip, kind: str, label: str) -> list[Column]:
    """Columns of a forest plot that is a table."""

    def group(row: Row) -> str:
        return f"{row['subgroup']} {row['group']}" if row["subgroup"] else "everybody"

    def plot(row: Row) -> str:
        return Html(strip.interval(row["estimate"], row["low"], row["high"], kind))

    return [
        site_column(),
        Column("group", group, text=True),
        Column(Html(strip.axis()), plot, sortable=False),
        figure_column(label),
        count_column("images", "n"),
    ]


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
    return table(
        "Spread of the AUC between sites (sites with 30 patients of each class and some pairs ranked wrongly)",
        columns,
        rows,
    )


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
        "<h3>Does the score know the site?</h3><p>AUC of the score for one site against another among images of one "
        "class: 0.5 if it does not. Otherwise it reacts to the apparatus, or the patients differ.</p>"
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
        case_tile(
            pictures[CLASSIFICATION, row["run"], row["image"]],
            f"Radiograph {row['image']}: {row['error']}",
            f"{site_name(row['dataset'])}, {row['error']}: truth {'positive' if row['label'] else 'negative'}, "
            f"probability {row['probability']:.2f}",
            row["image"],
        )
        for row in rows
        if (CLASSIFICATION, row["run"], row["image"]) in pictures
    ]
    listed = table("At each site the false positives and false negatives that the model was surest of", columns, rows)
    return (f'<div class="cases">{"".join(tiles)}</div>' if tiles else "") + fold(
        "List of these errors", listed, opened=not tiles
    )
