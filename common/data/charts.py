"""Charts that describe a data folder, site beside site."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999", "#f0e442")
_UNKNOWN = "#d9d9d9"
_DPI = 110


def draw_counts(images: pd.DataFrame, path: Path) -> None:
    """Images a site by label, sex, and what kind of truth they have.

    Args:
        images: one row an image with ``dataset``, ``label``, ``sex``, ``lung_masks`` (bool) and ``boxes`` (number).
        path: PNG to write.
    """
    truth = np.select(
        [images["lung_masks"] & (images["boxes"] > 0), images["lung_masks"], images["boxes"] > 0],
        ["mask and box", "lung mask", "box"],
        "neither",
    )
    parts = (
        ("Label", images["label"], ("TB", "no TB", "abnormal", "normal", "unknown")),
        ("Sex", images["sex"].replace({"": "unknown"}), ("F", "M", "unknown")),
        ("Truth", pd.Series(truth, index=images.index), ("mask and box", "lung mask", "box", "neither")),
    )
    sites = _sites(images)
    figure = Figure(figsize=(13, 2.0 + 0.45 * len(sites)), layout="constrained")
    for axes, (title, values, order) in zip(figure.subplots(1, 3, sharey=True), parts, strict=True):
        table = pd.crosstab(images["dataset"], values).reindex(index=sites)
        left = np.zeros(len(sites))
        for name, colour in zip(order, _COLOURS, strict=False):
            if name not in table or not table[name].any():
                continue
            counts = table[name].to_numpy(dtype=float)
            shade = _UNKNOWN if name in ("unknown", "neither") else colour
            bars = axes.barh(sites, counts, left=left, label=name, color=shade, edgecolor="white")
            axes.bar_label(bars, labels=[f"{n:.0f}" if n else "" for n in counts], label_type="center", fontsize=8)
            left += counts
        axes.set(title=title, xlabel="images")
        axes.margins(x=0.04)
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, frameon=False)
    axes.invert_yaxis()
    _save(figure, path)


def draw_ages(images: pd.DataFrame, path: Path) -> None:
    """Age distribution a site, women and men apart.

    Args:
        images: one row an image with ``dataset``, ``sex`` and ``age`` (years, NaN where unknown).
        path: PNG to write.
    """
    figure, panels = _panels(_sites(images))
    bins = [float(age) for age in range(0, 101, 5)]
    for site, axes in panels.items():
        rows = images[images["dataset"] == site]
        known = rows["age"].notna()
        groups = {
            name: rows.loc[known & (rows["sex"] == sex), "age"] for name, sex in (("F", "F"), ("M", "M"), ("?", ""))
        }
        drawn = {name: ages for name, ages in groups.items() if len(ages)}
        if drawn:
            colours = [{"F": _COLOURS[0], "M": _COLOURS[1], "?": _UNKNOWN}[name] for name in drawn]
            axes.hist(
                list(drawn.values()), bins=bins, stacked=True, color=colours, label=list(drawn), edgecolor="white"
            )
            axes.legend(fontsize=8)
        else:
            axes.text(50, 0.5, "no ages", ha="center", va="center")
        _title(axes, site, f"{int(known.sum())} of {len(rows)} with age")
        axes.set(xlabel="age (years)", ylabel="images", xlim=(0, 100))
    _save(figure, path)


def draw_sizes(images: pd.DataFrame, path: Path) -> None:
    """Width and height of the images, the marks the larger the more images share a size.

    Args:
        images: one row an image with ``dataset``, ``width`` and ``height``; 0 where an image could not be read.
        path: PNG to write.
    """
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    usable = images[images["width"] > 0]
    for (site, colour), marker in zip(_colours(images).items(), cycle("osD^vPX*")):
        sizes = usable[usable["dataset"] == site].groupby(["width", "height"]).size()
        if sizes.empty:
            continue
        across, down = (sizes.index.get_level_values(name).to_numpy() for name in ("width", "height"))
        label = f"{site}: {across[0]} x {down[0]}" if len(sizes) == 1 else f"{site}: {len(sizes)} sizes"
        areas = 30 + 14 * np.sqrt(sizes.to_numpy())
        # Hollow, for several sites often share one size.
        axes.scatter(
            across, down, s=areas, marker=marker, facecolor="none", edgecolor=colour, label=label, linewidth=1.6
        )
    largest = max(1, int(usable[["width", "height"]].to_numpy().max(initial=1)))
    axes.plot([0, largest], [0, largest], color="0.8", linewidth=1, zorder=0)
    axes.set(title="Image sizes", xlabel="width (pixels)", ylabel="height (pixels)", xlim=(0, None), ylim=(0, None))
    if not usable.empty:
        legend = axes.legend(fontsize=8, loc="lower right")
        for handle in legend.legend_handles:
            if handle is not None and hasattr(handle, "set_sizes"):
                handle.set_sizes([40])
    _save(figure, path)


def draw_grey_levels(images: pd.DataFrame, histograms: np.ndarray, path: Path) -> None:
    """Mean grey level histogram a site, with the band that holds 80 % of its images.

    Args:
        images: one row an image with ``dataset`` and ``width`` (0 where the image could not be read).
        histograms: (images, bins) share of pixels a bin over the range of the storage.
        path: PNG to write.
    """
    figure, panels = _panels(_sites(images), sharey=True)
    positions = (np.arange(histograms.shape[1]) + 0.5) / histograms.shape[1]
    colours = _colours(images)
    for site, axes in panels.items():
        chosen = histograms[((images["dataset"] == site) & (images["width"] > 0)).to_numpy()]
        if len(chosen):
            low, high = np.percentile(chosen, [10, 90], axis=0)
            axes.fill_between(
                positions, low, high, color=colours[site], alpha=0.25, linewidth=0, label="80 % of images"
            )
            axes.plot(positions, chosen.mean(axis=0), color=colours[site], label="mean")
            axes.legend(fontsize=8)
        _title(axes, site, f"{len(chosen)} images")
        axes.set(xlabel="grey level (0 darkest, 1 brightest)", ylabel="share of pixels", xlim=(0, 1))
        # The black borders of some sites would flatten everything else.
        axes.set_ylim(0, min(0.15, 1.1 * float(max(0.01, histograms[:, 1:-1].mean(axis=0).max() * 3))))
    _save(figure, path)


def draw_mask_areas(images: pd.DataFrame, path: Path) -> None:
    """Share of the picture that is lung, a site.

    Args:
        images: one row an image with ``dataset`` and ``lung_area`` (NaN without masks).
        path: PNG to write.
    """
    masked = images[images["lung_area"].notna()]
    sites = _sites(masked)
    figure = Figure(figsize=(8, 1.4 + 0.6 * max(1, len(sites))), layout="constrained")
    axes = figure.subplots()
    if sites:
        values = [masked.loc[masked["dataset"] == site, "lung_area"].to_numpy() for site in sites]
        labels = [f"{site} ({len(part)})" for site, part in zip(sites, values, strict=True)]
        boxes = axes.boxplot(
            values,
            orientation="horizontal",
            tick_labels=labels,
            patch_artist=True,
            widths=0.6,
            flierprops={"markersize": 3},
        )
        for box, site in zip(boxes["boxes"], sites, strict=True):
            box.set(facecolor=_colours(images)[site], alpha=0.5)
        axes.invert_yaxis()
    else:
        axes.text(0.5, 0.5, "no lung masks", ha="center", va="center")
    axes.set(title="Lung masks", xlabel="share of the picture that is lung")
    axes.set_xlim(0, None)
    _save(figure, path)


def _sites(images: pd.DataFrame) -> list[str]:
    return sorted(images["dataset"].unique())


def _colours(images: pd.DataFrame) -> dict[str, str]:
    """The colour of each site, the same on every chart."""
    return dict(zip(_sites(images), cycle(_COLOURS)))


def _panels(sites: Sequence[str], *, sharey: bool = False) -> tuple[Figure, dict[str, Axes]]:
    """One small chart a site, three in a row."""
    columns = min(3, max(1, len(sites)))
    rows = -(-max(1, len(sites)) // columns)
    figure = Figure(figsize=(4.4 * columns, 2.9 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=sharey).ravel()
    for axes in grid[len(sites) :]:
        axes.set_axis_off()
    return figure, dict(zip(sites, grid, strict=False))


def _title(axes: Axes, site: str, note: str) -> None:
    axes.set_title(f"{site or 'no site'}: {note}", fontsize=10)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
