"""Charts of localisation: one line or box a run, over all sites together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .charts import series_colour
from .localization_figures import IMAGE_FIGURES
from .localization_summary import ALL, WITH_BOXES
from .masks import OK
from .summary import ALL_SITES

if TYPE_CHECKING:
    from .localization_result import LocalizationEvaluation

_FIGURES = ("pointing", "evidence_share", "dice", "iou", "iobb")
_FROC_OVERLAPS = (0.1, 0.3, 0.5)
#: Beside the colour, so that lines can be told apart in grey.
_MARKERS = "osD^vP*X<>"


def figure_chart(found: LocalizationEvaluation) -> Figure:
    """Mean of each figure with its interval, one line a run."""
    figure = Figure(figsize=(2.6 * len(_FIGURES) + 1.2, 1.2 + 0.34 * len(found.runs)), layout="constrained")
    for panel, metric in zip(figure.subplots(1, len(_FIGURES), sharey=True), _FIGURES, strict=True):
        kind = WITH_BOXES if IMAGE_FIGURES[metric].needs_boxes else ALL
        rows = found.summary[(found.summary["metric"] == metric) & (found.summary["images"] == kind)]
        for place, run in enumerate(found.runs):
            own = _whole(rows[rows["run"] == run])
            colour = series_colour(place)
            panel.plot(own["mean"], [place] * len(own), "o", color=colour, markersize=5)
            panel.hlines([place] * len(own), own["mean_low"], own["mean_high"], color=colour, linewidth=1.5)
        panel.set_yticks(range(len(found.runs)), found.runs, fontsize=8)
        panel.set_ylim(len(found.runs) - 0.4, -0.6)
        panel.set_xlim(-0.02, 1.02)
        panel.set_title(IMAGE_FIGURES[metric].label, fontsize=9)
        panel.tick_params(axis="x", labelsize=7)
        panel.grid(alpha=0.25)
    return figure


def dice_chart(found: LocalizationEvaluation) -> Figure:
    """Dice of every single image and its box, one a run."""
    figure = Figure(figsize=(1.6 + 1.0 * len(found.runs), 4.2), layout="constrained")
    panel = figure.subplots()
    for place, run in enumerate(found.runs):
        images = found.per_image[(found.per_image["run"] == run) & (found.per_image["status"] == OK)]
        dice = images["dice"].to_numpy(dtype=np.float64)
        lines = {"color": series_colour(place)}
        panel.boxplot(
            [dice],
            positions=[place],
            widths=0.5,
            showfliers=False,
            medianprops={"color": "black"},
            boxprops=lines,
            whiskerprops=lines,
            capprops=lines,
            manage_ticks=False,
        )
        sideways = place + np.random.default_rng(0).uniform(-0.18, 0.18, len(dice))
        panel.scatter(sideways, dice, s=7, color=series_colour(place), alpha=0.5, linewidths=0)
    panel.set_xticks(range(len(found.runs)), found.runs, fontsize=8, rotation=30 if len(found.runs) > 4 else 0)
    panel.set_xlim(-0.6, len(found.runs) - 0.4)
    panel.set_ylim(-0.02, 1.02)
    panel.set_ylabel("Dice of filled boxes", fontsize=9)
    panel.grid(axis="y", alpha=0.3)
    return figure


def detection_chart(found: LocalizationEvaluation) -> Figure:
    """Average precision by IoU, and FROC at some of them."""
    figure = Figure(figsize=(3.4 * (1 + len(_FROC_OVERLAPS)), 3.9), layout="constrained")
    precision, *curves = figure.subplots(1, 1 + len(_FROC_OVERLAPS), sharey=True)
    table = found.detection
    for place, run in enumerate(found.runs):
        colour = series_colour(place)
        style = {"color": colour, "marker": _MARKERS[place % len(_MARKERS)], "markersize": 4, "linewidth": 1.2}
        own = _whole(table[(table["run"] == run) & (table["figure"] == "average_precision")])
        precision.plot(own["iou"], own["estimate"], label=run, **style)
        if len(found.runs) == 1:
            precision.fill_between(own["iou"], own["low"], own["high"], color=colour, alpha=0.2, linewidth=0)
        for panel, overlap in zip(curves, _FROC_OVERLAPS, strict=True):
            own = _whole(table[(table["run"] == run) & (table["figure"] == "froc") & (table["iou"] == overlap)])
            panel.plot(own["rate"], own["estimate"], **style)
    precision.set_title("average precision", fontsize=10)
    precision.set_xlabel("IoU from which a region is a hit", fontsize=8)
    for panel, overlap in zip(curves, _FROC_OVERLAPS, strict=True):
        panel.set_title(f"true boxes found, IoU {overlap:g}", fontsize=10)
        panel.set_xlabel("false positives an image", fontsize=8)
        panel.set_xscale("log", base=2)
        rates = list(dict.fromkeys(table["rate"].dropna()))
        panel.set_xticks(rates, [f"{rate:g}" for rate in rates])
    for panel in (precision, *curves):
        panel.set_ylim(-0.02, 1.02)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=min(len(found.runs), 5), fontsize=8, frameon=False)
    return figure


def _whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Of the sites, "all" where there are several."""
    return rows[rows["dataset"] == ALL_SITES] if (rows["dataset"] == ALL_SITES).any() else rows
