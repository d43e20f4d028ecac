"""Charts of lesions: FROC and precision-recall curves, and the figures of single images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..metrics import hit_rule_text
from .charts import series_colour
from .lesion_figures import LESION_FIGURES
from .lesion_froc import MEAN, SENSITIVITY
from .masks import OK

if TYPE_CHECKING:
    from .lesion_result import LesionEvaluation

#: Overlaps of the precision-recall curves that are drawn, with their lines.
_OVERLAPS = {0.1: ":", 0.3: "--", 0.5: "-", 0.7: "-."}
_FIGURES = ("dice", "area_error", "false_positive_share")


def froc_chart(found: LesionEvaluation) -> Figure:
    """FROC curve of each site with true boxes, and what the table gives, with intervals."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    panel = figure.subplots()
    rates = found.froc.loc[found.froc["figure"] == SENSITIVITY, "rate"].unique()
    for place, (site, rows) in enumerate(_sites(found.froc)):
        curve = found.froc_curve[found.froc_curve["dataset"] == site]
        # From nothing found to the end of the axis: a curve stays where its last lesion took it.
        false = np.append(0, curve["false_positives"])
        false = np.append(false, max(false[-1], 2 * rates[-1]))
        sensitivity = np.append(0, curve["sensitivity"])
        sensitivity = np.append(sensitivity, sensitivity[-1])
        mean = rows.loc[rows["figure"] == MEAN, "estimate"].iloc[0]
        label = f"{site}: mean {mean:.3f}"
        panel.step(false, sensitivity, where="post", color=series_colour(place), linewidth=1.4, label=label)
        points = rows[rows["figure"] == SENSITIVITY]
        panel.plot(points["rate"], points["estimate"], "o", color=series_colour(place), markersize=4)
        panel.vlines(points["rate"], points["low"], points["high"], color=series_colour(place), linewidth=1, alpha=0.6)
    panel.set_xscale("log", base=2)
    panel.set_xlim(rates[0] / 2, rates[-1] * 2)
    panel.set_xticks(rates, [f"{rate:g}" for rate in rates])
    panel.set_xlabel("false positives an image")
    panel.set_ylabel("share of the true boxes found")
    panel.set_title(f"FROC; hit: {hit_rule_text(found.settings['hit_rule'])}", fontsize=10)
    _finish(panel)
    return figure


def precision_recall_chart(found: LesionEvaluation) -> Figure:
    """Precision against recall of boxes, one panel a site with true boxes, one line an IoU; below it lies the AP."""
    sites = list(_sites(found.detection))
    figure = Figure(figsize=(4.4 * max(1, len(sites)), 4.4), layout="constrained")
    panels = figure.subplots(1, max(1, len(sites)), squeeze=False)[0]
    for panel, (site, rows) in zip(panels, sites, strict=False):
        curves = found.precision_recall[found.precision_recall["dataset"] == site]
        for place, (overlap, line) in enumerate(_OVERLAPS.items()):
            curve = curves[curves["iou"] == overlap]
            chosen = rows[(rows["figure"] == "average_precision") & (rows["iou"] == overlap)]
            label = f"IoU {overlap:g}: AP {chosen['estimate'].iloc[0]:.3f}"
            recall, precision = np.append(0, curve["recall"]), np.append(np.nan, curve["best_precision"])
            panel.step(recall, precision, line, where="pre", color=series_colour(place), linewidth=1.4, label=label)
        panel.set_title(site, fontsize=10)
        panel.set_xlim(-0.02, 1.02)
        panel.set_xlabel("recall")
        panel.set_ylabel("precision")
        _finish(panel)
    return figure


def image_chart(found: LesionEvaluation) -> Figure:
    """Dice, area error, and false positive area on normal images: one point an image, by site and class of truth."""
    images = found.per_image[found.per_image["status"] == OK]
    groups = list(images.groupby(["dataset", "truth"], sort=False))
    metrics = [metric for metric in _FIGURES if images[metric].notna().any()]
    figure = Figure(figsize=(len(metrics) * max(2.6, 0.8 + 0.9 * len(groups)), 4.4), layout="constrained")
    for panel, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        for place, (_, members) in enumerate(groups):
            values = members[metric].astype(np.float64).dropna().to_numpy()
            if not len(values):
                continue
            sideways = place + np.random.default_rng(0).uniform(-0.2, 0.2, len(values))
            panel.scatter(sideways, values, s=7, color=series_colour(place), alpha=0.5, linewidths=0)
            panel.hlines(np.median(values), place - 0.3, place + 0.3, color="black", linewidth=1.4)
        panel.set_xticks(range(len(groups)), [f"{site}\n{truth}" for (site, truth), _ in groups], fontsize=7)
        panel.set_xlim(-0.6, len(groups) - 0.4)
        panel.set_title(f"{LESION_FIGURES[metric].label}\n(line: median)", fontsize=8)
        panel.tick_params(axis="y", labelsize=7)
        panel.grid(axis="y", alpha=0.3)
    return figure


def _sites(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of each site that has true boxes."""
    yield from table[table["boxes"] > 0].groupby("dataset", sort=False)


def _finish(panel: Axes) -> None:
    panel.set_ylim(-0.02, 1.02)
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.25)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=8, frameon=False)
