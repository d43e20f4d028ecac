"""Charts of a classifier: ROC, calibration, scores and net benefit of one run, site by site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .masks import OK
from .summary import ALL_SITES

if TYPE_CHECKING:
    from .classification_result import ClassificationEvaluation

#: Colours that people with any kind of colour vision tell apart (Okabe and Ito).
NEGATIVE, POSITIVE, GUIDE = "#0072b2", "#d55e00", "#999999"

_COLUMNS = 4
_BINS = 24


def roc_chart(found: ClassificationEvaluation, run: str) -> Figure:
    """ROC curve of every site with its pointwise bootstrap band and the point at which was decided."""
    curves = _of(found.curves.roc, run)
    bands = _of(found.curves.roc_band, run)
    summary = _of(found.summary, run)
    summary = summary[summary["subgroup"] == ""].set_index(["dataset", "metric"])
    sites = _sites(found, run)
    figure, panels = _panels(sites, 3.4)
    for site, panel in panels.items():
        panel.plot([0, 1], [0, 1], color=GUIDE, linewidth=0.8, linestyle=":")
        curve = curves[curves["dataset"] == site] if len(curves) else curves
        if not len(curve):
            _note(panel, "one class only:\nno ROC curve")
        else:
            band = bands[bands["dataset"] == site]
            panel.fill_between(
                band["false_positive_rate"], band["low"], band["high"], color=NEGATIVE, alpha=0.2, linewidth=0
            )
            panel.plot(curve["false_positive_rate"], curve["true_positive_rate"], color=NEGATIVE, linewidth=1.4)
            sensitivity, specificity = (
                summary.loc[(site, name), "estimate"] for name in ("sensitivity", "specificity")
            )
            panel.plot([1 - specificity], [sensitivity], "o", color=POSITIVE, markersize=6)
            area = summary.loc[(site, "auc")]
            text = f"AUC {area['estimate']:.3f} [{area['low']:.3f}, {area['high']:.3f}]\nsensitivity {sensitivity:.3f}"
            text += f"\nspecificity {specificity:.3f}"
            paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
            panel.text(0.97, 0.04, text, ha="right", va="bottom", fontsize=8, bbox=paper)
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        panel.set_xlabel("1 - specificity", fontsize=8)
        panel.set_ylabel("sensitivity", fontsize=8)
    return figure


def calibration_chart(found: ClassificationEvaluation, run: str) -> Figure:
    """Share of positives against mean probability in bins of equally many images, with Clopper-Pearson intervals."""
    curves = _of(found.curves.calibration, run)
    curves = curves[curves["binning"] == "mass"]
    figure, panels = _panels(_sites(found, run), 3.4)
    for site, panel in panels.items():
        curve = curves[curves["dataset"] == site]
        panel.plot([0, 1], [0, 1], color=GUIDE, linewidth=0.8, linestyle=":")
        panel.vlines(curve["probability"], curve["low"], curve["high"], color=NEGATIVE, linewidth=1)
        panel.plot(curve["probability"], curve["share"], "o-", color=NEGATIVE, markersize=4, linewidth=1)
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        panel.set_xlabel("mean probability", fontsize=8)
        panel.set_ylabel("share of positives", fontsize=8)
    return figure


def score_chart(found: ClassificationEvaluation, run: str) -> Figure:
    """Histogram of the score of both classes, every site on the same axis."""
    images = _of(found.per_image, run)
    images = images[images["status"] == OK]
    edges = np.histogram_bin_edges(images["score"], bins=_BINS)
    figure, panels = _panels(_sites(found, run), 2.6)
    for site, panel in panels.items():
        members = images if site == ALL_SITES else images[images["dataset"] == site]
        for label, colour, name in ((0, NEGATIVE, "negative"), (1, POSITIVE, "positive")):
            scores = members.loc[members["label"] == label, "score"]
            panel.hist(scores, edges.tolist(), color=colour, alpha=0.55, label=f"{name} ({len(scores)})")
        panel.legend(fontsize=7, frameon=False)
        panel.set_xlabel("score (log-odds)", fontsize=8)
        panel.set_ylabel("images", fontsize=8)
    return figure


def decision_chart(found: ClassificationEvaluation, run: str) -> Figure:
    """Net benefit of acting on the probability, on everybody and on nobody."""
    curves = _of(found.curves.decision, run)
    figure, panels = _panels(_sites(found, run), 2.8)
    for site, panel in panels.items():
        curve = curves[curves["dataset"] == site]
        panel.plot(curve["threshold"], curve["model"], color=NEGATIVE, linewidth=1.4, label="model")
        panel.plot(curve["threshold"], curve["all"], color=POSITIVE, linewidth=1, linestyle="--", label="everybody")
        panel.axhline(0, color=GUIDE, linewidth=1, linestyle=":", label="nobody")
        top = max(float(curve["model"].max()), float(curve["all"].max()), 0.05)
        panel.set(xlim=(0, 1), ylim=(-0.25 * top, 1.1 * top))
        panel.legend(fontsize=7, frameon=False)
        panel.set_xlabel("threshold probability", fontsize=8)
        panel.set_ylabel("net benefit", fontsize=8)
    return figure


def _of(table: pd.DataFrame, run: str) -> pd.DataFrame:
    return table[table["run"] == run] if len(table) else table


def _sites(found: ClassificationEvaluation, run: str) -> list[str]:
    """The sites with an image that counts, "all" last."""
    return list(_of(found.targets, run)["dataset"])


def _panels(sites: list[str], height: float) -> tuple[Figure, dict[str, Axes]]:
    columns = min(len(sites), _COLUMNS)
    rows = -(-len(sites) // columns)
    figure = Figure(figsize=(3.4 * columns, (height + 0.3) * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in grid[len(sites) :]:
        panel.set_axis_off()
    panels = dict(zip(sites, grid[: len(sites)], strict=True))
    for site, panel in panels.items():
        panel.set_title("all sites" if site == ALL_SITES else site, fontsize=10)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.25)
    return figure, panels


def _note(panel: Axes, text: str) -> None:
    panel.text(0.5, 0.5, text, ha="center", va="center", fontsize=9, color=GUIDE)
