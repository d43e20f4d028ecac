"""The evaluation of localisation as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from ..metrics.boxes import OVERLAP_THRESHOLDS
from .classification_tables import figure_text
from .localization_figures import IMAGE_FIGURES
from .localization_summary import ALL, WITH_BOXES, WITHOUT_BOXES
from .tables import format_p, markdown_table

if TYPE_CHECKING:
    from .localization_result import LocalizationEvaluation

#: Overlap at which the printed FROC is read; the others are in the CSV file.
FROC_OVERLAP = OVERLAP_THRESHOLDS[0]

_MEANS = ("pointing", "evidence_share", "dice", "iou", "iobb", "regions")
_MEDIANS = ("evidence_share", "dice", "iou", "iobb")


def localization_markdown(found: LocalizationEvaluation) -> str:
    """All tables of an evaluation that people read; the rest is in the CSV files."""
    parts = [
        "Mean over images, with the 95 % interval\n",
        _means(found, _MEANS, "mean"),
        "Dice, IoU and IoBB compare the filled boxes of the regions with the filled true boxes; of an image without "
        "true boxes they are 1 where no region was found and 0 otherwise. The pointing game and the share of evidence "
        "take images with true boxes.\n",
        "Median over images, with the 95 % interval\n",
        _means(found, _MEDIANS, "median"),
        "Share of the true boxes that were found, each by a region of its own, by IoU\n",
        _by_overlap(found, "hit_rate"),
        "Average precision of the regions by IoU\n",
        _by_overlap(found, "average_precision"),
        f"FROC: share of the true boxes found (IoU {FROC_OVERLAP:g}) by false positives an image\n",
        _froc(found.detection),
    ]
    without = found.summary[found.summary["images"] == WITHOUT_BOXES]
    if len(without):
        parts += ["Images without true boxes\n", _without_boxes(without)]
    if len(found.paired):
        parts += [
            f"Difference to {found.runs[0]} on the images that both have, with the 95 % interval; the last "
            "column controls the false discovery rate over this table (Benjamini and Hochberg)\n",
            _paired(found.paired),
        ]
    parts += _left_out(found)
    parts += [f"Warning: {line}.\n" for line in found.warnings]
    return "\n".join(parts)


def _means(found: LocalizationEvaluation, metrics: Sequence[str], statistic: str) -> str:
    body = []
    for row in found.outcomes[found.outcomes["compared"] > 0].itertuples():
        chosen = found.summary[(found.summary["run"] == row.run) & (found.summary["dataset"] == row.dataset)]
        chosen = chosen.set_index(["images", "metric"])
        cells = []
        for metric in metrics:
            key = (WITH_BOXES if IMAGE_FIGURES[metric].needs_boxes else ALL, metric)
            cells.append(_text(chosen.loc[key], statistic) if key in chosen.index else "not measured")
        body.append([row.run, row.dataset, str(row.with_boxes), str(row.without_boxes), *cells])
    header = ["run", "site", "images with boxes", "without", *(IMAGE_FIGURES[metric].label for metric in metrics)]
    return markdown_table(header, body, text_columns=2)


def _text(row: pd.Series, statistic: str) -> str:
    return figure_text(row[statistic], row[f"{statistic}_low"], row[f"{statistic}_high"])


def _by_overlap(found: LocalizationEvaluation, figure: str) -> str:
    chosen = found.detection[found.detection["figure"] == figure]
    body = []
    for (run, dataset), rows in chosen.groupby(["run", "dataset"], sort=False):
        first = rows.iloc[0]
        cells = [figure_text(row.estimate, row.low, row.high) for row in rows.itertuples()]
        body.append([run, dataset, str(first["boxes"]), str(first["regions"]), *cells])
    header = ["run", "site", "true boxes", "regions", *(f"IoU {threshold:g}" for threshold in OVERLAP_THRESHOLDS)]
    return markdown_table(header, body, text_columns=2)


def _froc(detection: pd.DataFrame) -> str:
    chosen = detection[(detection["figure"] == "froc") & (detection["iou"] == FROC_OVERLAP)]
    body = []
    for (run, dataset), rows in chosen.groupby(["run", "dataset"], sort=False):
        body.append([run, dataset, *(figure_text(row.estimate, row.low, row.high) for row in rows.itertuples())])
    rates = [f"{rate:g}" for rate in dict.fromkeys(chosen["rate"])]
    return markdown_table(["run", "site", *rates], body, text_columns=2)


def _without_boxes(without: pd.DataFrame) -> str:
    body = []
    for (run, dataset), rows in without.groupby(["run", "dataset"], sort=False):
        figures = rows.set_index("metric")
        # Dice is 1 where nothing was found, and 0 otherwise.
        cells = [_text(figures.loc[metric], "mean") for metric in ("dice", "regions", "region_area")]
        body.append([run, dataset, str(figures.loc["dice", "n"]), *cells])
    header = ["run", "site", "images", "share without a region", "regions an image", "share of the image filled"]
    return markdown_table(header, body, text_columns=2)


def _paired(paired: pd.DataFrame) -> str:
    body = [
        [
            *(row.run, row.dataset, IMAGE_FIGURES[row.metric].label, str(row.n)),
            figure_text(row.mean_difference, row.low, row.high),
            f"{row.better} / {row.equal} / {row.worse}",
            *(format_p(row.p_wilcoxon), format_p(row.p_adjusted)),
        ]
        for row in paired.itertuples()
    ]
    header = ["run", "site", "figure", "images", "mean difference", "better / equal / worse", "p (Wilcoxon)"]
    return markdown_table([*header, "p adjusted"], body, text_columns=3)


def _left_out(found: LocalizationEvaluation) -> list[str]:
    counts = ["missing", "failed", "no_truth"]
    rows = found.outcomes[found.outcomes[counts].any(axis=1)]
    parts = []
    if len(rows):
        body = [[row["run"], row["dataset"], *(str(row[name]) for name in counts)] for _, row in rows.iterrows()]
        header = ["run", "site", "not localised", "not usable", "boxes not known"]
        parts += ["Images that are not in the figures\n", markdown_table(header, body, text_columns=2)]
    for run, images in found.unknown.items():
        if images:
            parts.append(f"{run}: {len(images)} localised images are not in the index.\n")
    return parts
