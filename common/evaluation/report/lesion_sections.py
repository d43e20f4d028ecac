"""The part of the page on lesions."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ..lesion_figures import LESION_FIGURES, NORMAL
from ..lesion_froc import EVERY, FALSE_RATE, MEAN, SENSITIVITY
from ..lesion_seeds import AVERAGE_PRECISION
from ..localization_summary import ALL, WITH_BOXES
from .box_sections import detection_tables
from .figure_tables import Measure, figure_table
from .mask_sections import difference_columns, worst_cases
from .options import LESIONS
from .pictures import Pictures
from .score_charts import legend, panels
from .score_sections import forest_columns
from .shared_sections import run_columns, site_column, site_name
from .svg import Plot, Strip, series_class
from .tables import Column, Row, count_column, figure, figure_column, fold, table, text_column

_BOXED = {
    name: Measure(LESION_FIGURES[name].label)
    for name in ("dice", "iou", "miou", "found", "false_positives", "area_error_relative")
}
_NORMAL = {
    "false_positive_share": Measure(LESION_FIGURES["false_positive_share"].label, 4),
    "any_false_positive": Measure(LESION_FIGURES["any_false_positive"].label),
    "false_positives": Measure("lesions an image"),
}
_BY_GROUP = {
    ("dice", None): ("Mean Dice, images with true boxes", 1.0),
    ("iou", None): ("Mean IoU, images with true boxes", 1.0),
    (AVERAGE_PRECISION, 0.3): ("Average precision of boxes at IoU 0.3", 1.0),
    (AVERAGE_PRECISION, 0.5): ("Average precision of boxes at IoU 0.5", 1.0),
    (MEAN, None): ("Mean sensitivity of FROC", 1.0),
    ("false_positive_share", None): ("False area on normal images, share of the lungs", 0.1),
    ("any_false_positive", None): ("Share of normal images with any false lesion", 1.0),
}


def lesion_section(part: Mapping[str, Any], pictures: Pictures) -> str:
    """All tables and charts of lesions."""
    boxed = [row for row in part["summary"] if row["images"] == WITH_BOXES]
    normal = [row for row in part["summary"] if row["images"] == NORMAL]
    worst = [row for row in part["cases"] if row["kind"] != NORMAL]
    false = [row for row in part["cases"] if row["kind"] == NORMAL]
    tint = "True boxes blue, predicted lesions outlined in yellow."
    return "".join(
        [
            "".join(f"<p class=note>{html.escape(line)}</p>" for line in part["statements"]),
            _outcomes(part["outcomes"]),
            "<h3>Images with true boxes</h3>",
            figure_table("Overlap with the filled true boxes: mean over images with its 95 % interval", boxed, _BOXED),
            fold("Medians", figure_table("Median over images with its 95 % interval", boxed, _BOXED, "median")),
            fold("By class of the boxes", _by_class(part["summary"])),
            _froc(part),
            fold("Boxes found and average precision by overlap", detection_tables(part["detection"]), opened=True),
            "<h3>Normal images</h3>" if normal else "",
            figure_table(
                "What is predicted where there is nothing to find: mean with its 95 % interval", normal, _NORMAL
            ),
            "<h3>By site and subgroup</h3>",
            _forests(part["subgroups"]),
            _paired(part),
            worst_cases(LESIONS, worst, pictures, {name: _BOXED[name] for name in ("dice", "iou", "found")}, tint),
            worst_cases(
                LESIONS,
                false,
                pictures,
                {"false_positive_share": _NORMAL["false_positive_share"]},
                "Predicted lesions outlined in yellow.",
                heading="Normal images with the largest false area",
            ),
        ]
    )


def _outcomes(rows: Sequence[Row]) -> str:
    keys = (
        ("images selected", "images"),
        ("compared", "compared"),
        ("with true boxes", "with_boxes"),
        ("normal", "normal"),
        ("of these lungs not known", "normal_without_lungs"),
        ("true boxes", "boxes"),
        ("lesions found", "lesions"),
        ("patients", "patients"),
        ("without result", "missing"),
        ("not usable", "failed"),
        ("truth not known", "no_truth"),
    )
    columns = [*run_columns(rows), site_column(), *(count_column(label, key) for label, key in keys)]
    return table("Images", columns, rows)


def _by_class(summary: Sequence[Row]) -> str:
    classes = dict.fromkeys(row["images"] for row in summary if row["images"] not in (ALL, WITH_BOXES, NORMAL))
    parts = []
    for name in classes:
        rows = [row for row in summary if row["images"] == name]
        parts.append(figure_table(f"Images whose truth is “{name}”: mean with its 95 % interval", rows, _BOXED))
    return "".join(parts)


def _froc(part: Mapping[str, Any]) -> str:
    rows = [row for row in part["froc"] if row["boxes"]]
    if not rows:
        return ""
    runs = list(dict.fromkeys(row["run"] for row in rows))
    sites = list(dict.fromkeys(row["dataset"] for row in rows))
    rules = list(dict.fromkeys(filter(None, part["hit_rule"].values())))
    text = f"A hit is a lesion with {' or '.join(rules)}. " if rules else ""
    text += "Curves start at the surest lesion and end where all lesions count, whatever their score; the band is the "
    text += "pointwise 95 % interval at the rates of the table."
    charts = panels(part, runs, sites, froc_chart)
    return (
        f"<h3>FROC</h3><p class=note>{html.escape(text)}</p>{legend(runs) if len(runs) > 1 else ''}{charts}"
        f"{fold('FROC as a table', _froc_table(rows), opened=True)}"
    )


def froc_chart(part: Mapping[str, Any], runs: Sequence[str], site: str, number: int) -> str:
    """FROC curves of one site."""
    rows = [row for row in part["froc"] if row["dataset"] == site]
    ends = {row["run"]: row["estimate"] for row in rows if row["figure"] == FALSE_RATE}
    means = {row["run"]: row for row in rows if row["figure"] == MEAN}
    right = next(limit for limit in (0.5, 1.0, 2.0, 4.0, 8.0) if limit >= min(1.2 * max(ends.values()), 8.0))
    text = "; ".join(
        f"{run}: mean sensitivity {figure(row['estimate'], row['low'], row['high'])}" for run, row in means.items()
    )
    plot = Plot(
        f"froc-{number}",
        f"FROC, {site_name(site)}",
        text,
        x=(0, right),
        x_label="false positives an image",
        y_label="share of the true boxes found",
    )
    for place, run in enumerate(runs):
        own = [row for row in rows if row["run"] == run and row["figure"] == SENSITIVITY]
        band = [row for row in own if row["rate"] <= right and row["low"] is not None]
        if len(band) > 1:
            rates, lows, highs = ([row[name] for row in band] for name in ("rate", "low", "high"))
            plot.band(rates, lows, highs, series_class(place))
        curve = [row for row in part["froc_curve"] if row["run"] == run and row["dataset"] == site]
        if not curve:
            continue
        across, up = [0.0], [0.0]
        for row in curve:
            # Steps: false positives come in at the level that was reached before them.
            across += [row["false_positives"]] * 2
            up += [up[-1], row["sensitivity"]]
        kept = [point for point in zip(across, up, strict=True) if point[0] <= right]
        if across[-1] <= right:
            plot.point(across[-1], up[-1], series_class(place), f"{run}: all lesions")
        kept.append((right, kept[-1][1]))
        plot.line([point[0] for point in kept], [point[1] for point in kept], series_class(place))
    return plot.svg()


def _froc_table(rows: Sequence[Row]) -> str:
    rates = list(dict.fromkeys(row["rate"] for row in rows if row["figure"] == SENSITIVITY))
    wide: dict[tuple[str, str], dict[Any, Any]] = {}
    for row in rows:
        found = wide.setdefault((row["run"], row["dataset"]), {"run": row["run"], "dataset": row["dataset"]})
        found["boxes"] = row["boxes"]
        found[row["rate"] if row["figure"] == SENSITIVITY else row["figure"]] = row

    def cell(label: str, key: Any) -> Column:
        def shown(row: Row) -> str:
            return figure(row[key]["estimate"], row[key]["low"], row[key]["high"])

        return Column(label, shown, lambda row: row[key]["estimate"])

    body = list(wide.values())
    columns = [*run_columns(body), site_column(), count_column("true boxes", "boxes"), cell("mean", MEAN)]
    columns += [cell(f"at {rate:g}", rate) for rate in rates]
    columns += [cell("all lesions", EVERY), cell("their false positives an image", FALSE_RATE)]
    return table("Share of the true boxes found, by false positives an image", columns, body)


def _forests(rows: Sequence[Row]) -> str:
    parts = []
    for (metric, iou), (label, end) in _BY_GROUP.items():
        own = [row for row in rows if row["metric"] == metric and row["iou"] == iou]
        runs = list(dict.fromkeys(row["run"] for row in own))
        for place, run in enumerate(runs):
            shown = [row for row in own if row["run"] == run]
            strip = Strip((0.0, end), (0.0, end / 2, end))
            columns = forest_columns(strip, series_class(place), "figure")
            title = f"{label}{f': {run}' if len(runs) > 1 else ''}"
            parts.append(fold(label, table(title, columns, shown), opened=metric == "dice"))
    return "".join(parts)


def _paired(part: Mapping[str, Any]) -> str:
    rows = [row for row in part["paired"] if row["metric"] in (*_BOXED, *_NORMAL)]
    if not rows:
        return ""
    columns = [
        text_column("model", "run"),
        site_column(),
        text_column("images", "images"),
        Column("figure", lambda row: LESION_FIGURES[row["metric"]].label, text=True),
        count_column("number", "n"),
        Column(
            "mean difference",
            lambda row: figure(row["mean_difference"], row["low"], row["high"], 4),
            lambda row: row["mean_difference"],
        ),
        *difference_columns(),
    ]
    found = "<h3>Models compared</h3>" + table(
        f"Difference to {rows[0]['baseline']} on the images that all have", columns, rows
    )
    columns = [
        text_column("model", "run"),
        site_column(),
        text_column("figure", "figure"),
        Column("IoU at least", lambda row: "" if row["iou"] is None else f"{row['iou']:g}", lambda row: row["iou"]),
        figure_column("difference", "difference"),
    ]
    return found + fold(
        "Differences of average precision and FROC",
        table(f"Difference to {rows[0]['baseline']}", columns, part["paired_detection"]),
    )
