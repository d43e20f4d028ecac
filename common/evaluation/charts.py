"""Charts of how the figures of single images are spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..metrics import SEGMENTATION_METRICS
from .masks import FINAL, OK, RAW

_METRICS = ("dice", "iou", "hd95", "assd")
_COLOURS = {FINAL: "#0072b2", RAW: "#999999"}
_LABELS = {FINAL: "as delivered", RAW: "without post-processing"}


def distribution_chart(per_image: pd.DataFrame) -> Figure:
    """Box and every single image of Dice, IoU, HD95 and ASSD by site, before and after post-processing.

    One lost lung would squeeze all other images into a line, so that the axes end three box heights beyond the boxes;
    what lies farther out is drawn as triangles at the edge, with its number.

    Args:
        per_image: table of :func:`.masks.evaluate_masks`.
    """
    compared = per_image[per_image["status"] == OK]
    # A site with and without known pixel size in part gets one place for each, because mm and px share no axis.
    places = list(dict.fromkeys(zip(compared["dataset"], compared["unit"], strict=True)))
    stages = [stage for stage in (RAW, FINAL) if (compared["stage"] == stage).any()]
    figure = Figure(figsize=(4 * max(2.8, 0.6 + 1.1 * len(places)), 4.4), layout="constrained")
    for panel, metric in zip(figure.subplots(1, len(_METRICS)), _METRICS, strict=True):
        samples = {
            (stage, *place): rows[metric].to_numpy(dtype=np.float64)
            for stage in stages
            for place in places
            if len(rows := _rows(compared, stage, *place))
        }
        low, high = _limits(list(samples.values()))
        for (stage, *place), sample in samples.items():
            shift = 0.4 * (stages.index(stage) - (len(stages) - 1) / 2)
            _draw(panel, sample, places.index((place[0], place[1])) + shift, stage, low, high)
        info = SEGMENTATION_METRICS[metric]
        panel.set_title(f"{info.label} ({'higher' if info.higher_is_better else 'lower'} is better)", fontsize=10)
        names = [f"{site}\n[{unit}]" if info.is_distance else site for site, unit in places]
        panel.set_xticks(range(len(places)), names, fontsize=8)
        panel.set_xlim(-0.6, len(places) - 0.4)
        margin = 0.06 * (high - low)
        panel.set_ylim(low - margin, high + margin)
        panel.grid(axis="y", alpha=0.3)
    if len(stages) > 1:
        handles, labels = figure.axes[0].get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(
            list(unique.values()), list(unique), loc="outside lower center", ncols=2, frameon=False, markerscale=3
        )
    return figure


def _rows(compared: pd.DataFrame, stage: str, site: str, unit: str) -> pd.DataFrame:
    return compared[(compared["stage"] == stage) & (compared["dataset"] == site) & (compared["unit"] == unit)]


def _limits(samples: list[NDArray[np.float64]]) -> tuple[float, float]:
    lows, highs = [], []
    for sample in samples:
        lower, upper = np.percentile(sample, [25, 75])
        reach = 3 * (upper - lower)
        lows.append(max(float(sample.min()), lower - reach))
        highs.append(min(float(sample.max()), upper + reach))
    low, high = min(lows), max(highs)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _draw(panel: Axes, sample: NDArray[np.float64], place: float, stage: str, low: float, high: float) -> None:
    colour = _COLOURS[stage]
    line = {"color": colour}
    panel.boxplot(
        [sample],
        positions=[place],
        widths=0.3,
        showfliers=False,
        medianprops={"color": "black"},
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        manage_ticks=False,
    )
    inside = sample[(sample >= low) & (sample <= high)]
    sideways = place + np.random.default_rng(0).uniform(-0.1, 0.1, len(inside))
    panel.scatter(sideways, inside, s=6, color=colour, alpha=0.5, linewidths=0, label=_LABELS[stage])
    edges = (("v", low, sample < low, -11), ("^", high, sample > high, 4))
    for marker, edge, beyond, offset in edges:
        if beyond.any():
            panel.scatter([place], [edge], s=24, color=colour, marker=marker)
            panel.annotate(
                str(beyond.sum()), (place, edge), (5, offset), textcoords="offset points", fontsize=7, color=colour
            )


def series_colour(place: int) -> tuple[float, ...]:
    """Colour of the series at a place; they repeat after ten."""
    return tuple(colormaps["tab10"](place % 10))
