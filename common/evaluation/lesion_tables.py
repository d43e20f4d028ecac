"""The evaluation of lesions as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ..metrics import hit_rule_text
from ..metrics.boxes import OVERLAP_THRESHOLDS
from .classification_tables import figure_text
from .lesion_figures import LESION_FIGURES, NORMAL
from .lesion_froc import EVERY, FALSE_RATE, MEAN, SENSITIVITY
from .tables import markdown_table

if TYPE_CHECKING:
    from .lesion_result import LesionEvaluation

_MASKS = ("dice", "iou", "miou")
_NOT_DEFINED = "n/a"
_AREAS = ("predicted_area", "true_area", "area_error", "area_error_absolute", "area_error_relative")

#: Decimals of figures that are small.
DIGITS = {"false_positive_share": 4, **dict.fromkeys(_AREAS, 4), "area_error_relative": 3}


def lesion_markdown(found: LesionEvaluation) -> str:
    """All tables of an evaluation that people read; the rest is in the CSV files."""
    rule = hit_rule_text(found.settings["hit_rule"])
    parts = [
        "Overlap with the filled true boxes: mean over images, with the bootstrap 95 % interval\n",
        _statistics(found.summary, _MASKS, "mean"),
        "The same: median\n",
        _statistics(found.summary, _MASKS, "median"),
        "Of an image with nothing to find these are 1 where nothing was predicted; otherwise Dice and IoU are 0, and "
        "two-class mIoU is below 0.5.\n",
    ]
    if (found.outcomes["boxes"] > 0).any():
        parts += [
            "Average precision of the boxes of lesions by IoU\n",
            _by_overlap(found.detection, "average_precision"),
            f"FROC: share of the true boxes found by false positives an image; a hit is a lesion with {rule}\n",
            _froc(found.froc),
        ]
    parts += [
        "Area: predicted, true, and their difference (predicted minus true) as shares of the image, the relative error "
        "as a share of the true area; mean over images\n",
        _statistics(found.summary, _AREAS, "mean"),
        "The same: median\n",
        _statistics(found.summary, _AREAS, "median"),
    ]
    normal = found.summary[found.summary["images"] == NORMAL]
    if len(normal):
        parts += [
            "Normal images: all that was predicted on them, also outside the lungs, as a share of the area of the "
            "lungs; the interval of the share with any is Clopper and Pearson's\n",
            _normal(normal, found.outcomes),
        ]
    if found.findings is not None:
        parts += ["Side and zone against the reader's texts\n", found.findings.markdown()]
    parts += _left_out(found)
    parts += [f"Warning: {line}.\n" for line in found.warnings]
    return "\n".join(parts)


def _statistics(summary: pd.DataFrame, metrics: Sequence[str], statistic: str) -> str:
    body = []
    for (dataset, kind), rows in summary.groupby(["dataset", "images"], sort=False):
        figures = rows.set_index("metric")
        cells = [figure_cell(figures, metric, statistic) for metric in metrics]
        body.append([dataset, kind, str(figures.loc["dice", "n"]), *cells])
    header = ["site", "kind", "images", *(LESION_FIGURES[metric].label for metric in metrics)]
    return markdown_table(header, body, text_columns=2)


def figure_cell(figures: pd.DataFrame, metric: str, statistic: str) -> str:
    """A statistic of one figure with its interval as text.

    Args:
        figures: rows of :func:`.lesion_summary.summarize_lesions` by ``metric``.
        metric: which figure.
        statistic: "mean" or "median".
    """
    if metric not in figures.index:
        return _NOT_DEFINED
    row = figures.loc[metric]
    return figure_text(row[statistic], row[f"{statistic}_low"], row[f"{statistic}_high"], DIGITS.get(metric, 3))


def _by_overlap(detection: pd.DataFrame, figure: str) -> str:
    chosen = detection[(detection["figure"] == figure) & (detection["boxes"] > 0)]
    body = []
    for dataset, rows in chosen.groupby("dataset", sort=False):
        first = rows.iloc[0]
        cells = [figure_text(row.estimate, row.low, row.high) for row in rows.itertuples()]
        body.append([dataset, *(str(first[name]) for name in ("images", "boxes", "regions")), *cells])
    header = ["site", "images", "true boxes", "lesions", *(f"IoU {threshold:g}" for threshold in OVERLAP_THRESHOLDS)]
    return markdown_table(header, body)


def _froc(froc: pd.DataFrame) -> str:
    body = []
    for dataset, rows in froc[froc["boxes"] > 0].groupby("dataset", sort=False):
        texts = {
            name: [figure_text(row.estimate, row.low, row.high) for row in part.itertuples()]
            for name, part in rows.groupby("figure", sort=False)
        }
        body.append([dataset, *texts[MEAN], *texts[SENSITIVITY], *texts[EVERY], *texts[FALSE_RATE]])
    rates = [f"{rate:g}" for rate in froc.loc[froc["figure"] == SENSITIVITY, "rate"].unique()]
    return markdown_table(["site", "mean", *rates, "all lesions", "their false positives an image"], body)


def _normal(normal: pd.DataFrame, outcomes: pd.DataFrame) -> str:
    body = []
    for row in outcomes[outcomes["normal"] > 0].itertuples():
        figures = normal[normal["dataset"] == row.dataset].set_index("metric")
        share = "false_positive_share"
        highest = figure_text(figures.loc[share, "max"], digits=4) if share in figures.index else _NOT_DEFINED
        cells = [figure_cell(figures, share, "mean"), figure_cell(figures, share, "median"), highest]
        lungs = row.normal - row.normal_without_lungs
        cells += [figure_cell(figures, metric, "mean") for metric in ("any_false_positive", "false_positives")]
        body.append([row.dataset, str(row.normal), str(lungs), *cells])
    header = ["site", "images", "with known lungs", "mean", "median", "largest", "share of images with any"]
    return markdown_table([*header, "lesions an image"], body)


def _left_out(found: LesionEvaluation) -> list[str]:
    counts = ["missing", "failed", "no_truth"]
    rows = found.outcomes[found.outcomes[counts].any(axis=1)]
    parts = []
    if len(rows):
        body = [[row["dataset"], *(str(row[name]) for name in counts)] for _, row in rows.iterrows()]
        header = ["site", "no prediction", "not usable", "truth not known"]
        parts += ["Images that are not in the figures\n", markdown_table(header, body)]
    if found.unknown:
        parts.append(f"{len(found.unknown)} predicted masks belong to no image of the index.\n")
    return parts
