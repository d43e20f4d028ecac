"""From one row an image to one row a site: means, medians and their bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..metrics import SEGMENTATION_METRICS, dice_from_counts, iou_from_counts, mean_iou_from_counts
from .bootstrap import POSITIVE, SHARE, bootstrap_mean, bootstrap_median, bootstrap_sums
from .masks import FAILED, MISSING, NO_TRUTH, OK

#: The row of the summary that takes all sites together, every image counting once.
ALL_SITES = "all"

#: Figures that also have a value pooled over all pixels of a test set, from the sums of these counts.
POOLED: dict[str, tuple[tuple[str, ...], Callable[..., NDArray[np.float64]]]] = {
    "dice": (("tp", "fp", "fn"), dice_from_counts),
    "iou": (("tp", "fp", "fn"), iou_from_counts),
    "miou": (("tp", "fp", "fn", "tn"), mean_iou_from_counts),
}

SUMMARY_COLUMNS = (
    *("dataset", "stage", "metric", "unit", "n"),
    *("mean", "mean_low", "mean_high", "median", "median_low", "median_high", "std", "min", "max"),
    *("pooled", "pooled_low", "pooled_high"),
)


def summarize(per_image: pd.DataFrame, *, repeats: int = 2000, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Mean, median and their bootstrap intervals by site and over all sites.

    Where the index knows the patients, patients are drawn and not images, because images of one patient are alike.

    Args:
        per_image: table of :func:`.masks.evaluate_masks`; rows whose status is not "ok" are left out here and counted
            by :func:`count_outcomes`.
        repeats: bootstrap repeats.
        confidence: coverage of the intervals.
        seed: seed of the bootstrap.

    Returns:
        One row a site, stage and metric, with the columns :data:`SUMMARY_COLUMNS`; sites whose images are measured
        partly in mm and partly in pixels have a row for each unit. ``pooled`` is the figure of the pixel counts summed
        over all images, NaN for distances. The site "all" is there when there are several.
    """
    options: dict[str, Any] = {"repeats": repeats, "confidence": confidence, "seed": seed}
    rows: list[dict[str, Any]] = []
    for dataset, stage, images in by_site(per_image[per_image["status"] == OK]):
        for metric, info in SEGMENTATION_METRICS.items():
            if images[metric].isna().all():  # surface Dice that nobody asked for
                continue
            parts = images.groupby("unit") if info.uses_length else [("", images)]
            for unit, part in parts:
                row = {"dataset": dataset, "stage": stage, "metric": metric, "unit": unit, "n": len(part)}
                rows.append(row | _statistics(part, metric, options))
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def count_outcomes(per_image: pd.DataFrame) -> pd.DataFrame:
    """How many images stand behind the figures and how many do not.

    Returns:
        One row a site and stage: ``images`` selected, ``compared``, ``missing``, ``failed``, ``no_truth``, and of the
        compared ones ``empty_truth`` and ``empty_prediction``.
    """
    rows = []
    for dataset, stage, images in by_site(per_image):
        status = images["status"].value_counts()
        compared = images[images["status"] == OK]
        rows.append(
            {
                "dataset": dataset,
                "stage": stage,
                "images": len(images),
                "compared": len(compared),
                "missing": int(status.get(MISSING, 0)),
                "failed": int(status.get(FAILED, 0)),
                "no_truth": int(status.get(NO_TRUTH, 0)),
                "empty_truth": int((compared["tp"] + compared["fn"] == 0).sum()),
                "empty_prediction": int((compared["tp"] + compared["fp"] == 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def by_site(per_image: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Go through (site, stage, rows) in the order of the table, at the end over all sites where there are several."""
    sites = list(dict.fromkeys(per_image["dataset"]))
    for stage in dict.fromkeys(per_image["stage"]):
        rows = per_image[per_image["stage"] == stage]
        for site in sites:
            if (rows["dataset"] == site).any():
                yield site, stage, rows[rows["dataset"] == site]
        if len(sites) > 1:
            yield ALL_SITES, stage, rows


def patients(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """What the bootstrap draws as one: the patient within a site, or the image where the patient is not known."""
    who = np.where(rows["patient_id"] != "", "patient " + rows["patient_id"], "image " + rows["image"])
    return list(zip(rows["dataset"], who, strict=True))


def _statistics(images: pd.DataFrame, metric: str, options: dict[str, Any]) -> dict[str, float]:
    values = images[metric].to_numpy(dtype=np.float64)
    groups = patients(images)
    limits = POSITIVE if SEGMENTATION_METRICS[metric].is_distance else SHARE
    mean = bootstrap_mean(values, groups=groups, limits=limits, **options)
    median = bootstrap_median(values, groups=groups, **options)
    found = {
        **{"mean": mean.estimate, "mean_low": mean.low, "mean_high": mean.high},
        **{"median": median.estimate, "median_low": median.low, "median_high": median.high},
        "std": float(values.std(ddof=1)) if values.size > 1 else np.nan,
        "min": float(values.min()),
        "max": float(values.max()),
    }
    if metric in POOLED:
        columns, function = POOLED[metric]
        counts = images[list(columns)].to_numpy(dtype=np.float64)
        pooled = bootstrap_sums(counts, function, groups=groups, limits=limits, **options)
        found |= {"pooled": pooled.estimate, "pooled_low": pooled.low, "pooled_high": pooled.high}
    return found
