"""The part of the page on localisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..localization_figures import IMAGE_FIGURES
from ..localization_summary import ALL, WITH_BOXES
from .figure_tables import Measure, figure_table
from .mask_sections import difference_columns, worst_cases
from .options import LOCALIZATION
from .pictures import Pictures
from .score_sections import forest_columns
from .shared_sections import run_columns, site_column
from .svg import Strip, series_class
from .tables import Column, Row, count_column, figure, fold, table, text_column

_BOX_FIGURES = {
    name: Measure(IMAGE_FIGURES[name].label)
    for name in ("pointing", "evidence_share", "dice", "iou", "iobb", "regions")
}


def localization_section(part: Mapping[str, Any], pictures: Pictures) -> str:
    """All tables of localisation."""
    rows = part["outcomes"]
    columns = [
        *run_columns(rows),
        site_column(),
        *(
            count_column(label, key)
            for label, key in (
                ("images selected", "images"),
                ("compared", "compared"),
                ("with true boxes", "with_boxes"),
                ("true boxes", "boxes"),
                ("regions found", "regions"),
                ("patients", "patients"),
                ("without result", "missing"),
                ("not usable", "failed"),
                ("boxes not known", "no_truth"),
            )
        ),
    ]
    return "".join(
        [
            table("Images", columns, rows),
            "<h3>Figures by site</h3>",
            _box_figures(part["summary"]),
            _pointing_forest(part["summary"]),
            fold("Boxes found and average precision by overlap", detection_tables(part["detection"]), opened=True),
            _box_paired(part["paired"]),
            worst_cases(
                LOCALIZATION,
                part["cases"],
                pictures,
                {name: _BOX_FIGURES[name] for name in ("dice", "iou")},
                "True boxes blue, found regions yellow.",
            ),
        ]
    )


def _box_figures(summary: Sequence[Row]) -> str:
    rows = [
        row
        for row in summary
        if row["metric"] in _BOX_FIGURES
        and row["images"] == (WITH_BOXES if IMAGE_FIGURES[row["metric"]].needs_boxes else ALL)
    ]
    return figure_table("Mean over images with its 95 % interval", rows, _BOX_FIGURES)


def _pointing_forest(summary: Sequence[Row]) -> str:
    parts = []
    for metric in ("pointing", "dice"):
        rows = [
            {
                **row,
                "subgroup": "",
                "group": "",
                "estimate": row["mean"],
                "low": row["mean_low"],
                "high": row["mean_high"],
            }
            for row in summary
            if row["metric"] == metric and row["images"] == WITH_BOXES
        ]
        if rows:
            label = IMAGE_FIGURES[metric].label
            strip = Strip((0.0, 1.0), (0.0, 0.5, 1.0))
            columns = forest_columns(strip, series_class(0), label)
            columns = [text_column("model", "run"), columns[0], *columns[2:]]
            parts.append(table(f"{label}, images with true boxes", columns, rows))
    return "".join(parts)


def detection_tables(detection: Sequence[Row]) -> str:
    """Share of the true boxes found and average precision, by overlap."""
    parts = []
    for name, label in (("hit_rate", "Share of the true boxes found"), ("average_precision", "Average precision")):
        rows = [row for row in detection if row["figure"] == name and row["boxes"]]
        columns = [
            *run_columns(rows),
            site_column(),
            Column("IoU at least", lambda row: f"{row['iou']:g}", lambda row: row["iou"]),
            count_column("true boxes", "boxes"),
            Column(
                label.lower(), lambda row: figure(row["estimate"], row["low"], row["high"]), lambda row: row["estimate"]
            ),
        ]
        parts.append(table(label, columns, rows))
    return "".join(parts)


def _box_paired(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    columns = [
        text_column("model", "run"),
        site_column(),
        Column(
            "figure",
            lambda row: IMAGE_FIGURES[row["metric"]].label if row["metric"] in IMAGE_FIGURES else row["metric"],
            text=True,
        ),
        count_column("images", "n"),
        Column(
            "mean difference",
            lambda row: figure(row["mean_difference"], row["low"], row["high"]),
            lambda row: row["mean_difference"],
        ),
        *difference_columns(),
    ]
    return "<h3>Models compared</h3>" + table(f"Difference to {rows[0]['baseline']} on the same images", columns, rows)
