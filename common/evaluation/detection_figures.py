"""Figures of all found boxes of a set of images, with intervals that draw patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..metrics import average_precision, froc, hit_rate
from ..metrics.boxes import OVERLAP_THRESHOLDS
from ..metrics.detection import FALSE_POSITIVE_RATES
from .bootstrap import group_codes
from .localization_figures import threshold_name
from .resampling import draw_weights, varied_quantiles
from .summary import patients

DETECTION_COLUMNS = ("figure", "iou", "rate", "images", "boxes", "regions", "estimate", "low", "high")


class RankedRegions:
    """Regions of many images sorted by score once, for figures under any weights of the images.

    With weights of 1 the figures are those of :mod:`common.metrics.detection`.

    Args:
        scores: shape [N].
        hits: whether each finds a true box of its own at each of T overlaps, shape [T, N].
        owners: number of the image of each, shape [N].
        truths: true boxes of each image, shape [images].
    """

    def __init__(self, scores: ArrayLike, hits: NDArray[np.bool_], owners: NDArray[np.intp], truths: ArrayLike) -> None:
        values = np.asarray(scores, dtype=np.float64)
        order = np.argsort(-values, kind="stable")
        self.hits = hits[:, order]
        self.owners = owners[order]
        self.truths = np.asarray(truths, dtype=np.float64)
        # Regions of one score come in together.
        self.ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True)[: len(values)])

    def figures(self, weights: NDArray[np.float64], rates: Sequence[float]) -> NDArray[np.float64]:
        """Hit rate, average precision and FROC at the rates when image i counts ``weights[i]``.

        Returns:
            Shape [T, 2 + R]; NaN when there is nothing to find.
        """
        total, images = self.truths @ weights, weights.sum()
        result = np.full((len(self.hits), 2 + len(rates)), np.nan if total == 0 else 0.0)
        if total == 0 or not self.ends.size:
            return result
        drawn = weights[self.owners]
        found = np.cumsum(self.hits * drawn, axis=1)[:, self.ends]
        every = np.broadcast_to(np.cumsum(drawn)[self.ends], found.shape)
        precision = np.divide(found, every, out=np.zeros_like(found), where=every > 0)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        result[:, 0] = found[:, -1]
        result[:, 1] = (np.diff(found, axis=1, prepend=0) * best).sum(axis=1)
        # Neither ever falls, so that the last place within a rate has found most.
        limits = np.asarray(rates, dtype=np.float64) * images
        for row, hit, false in zip(result, found, every - found, strict=True):
            row[2:] = np.append(0, hit)[np.searchsorted(false, limits, side="right")]
        return result / total


def detection_figures(
    images: pd.DataFrame, regions: pd.DataFrame, *, repeats: int = 2000, seed: int = 0
) -> list[dict[str, Any]]:
    """Share of the true boxes found, average precision and FROC at every overlap, with 95 % intervals.

    Args:
        images: compared images: ``image``, ``boxes`` and what :func:`.summary.patients` needs; one row at least.
        regions: regions of these images: ``image`` and :data:`.localization_figures.REGION_COLUMNS`.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Returns:
        Rows with :data:`DETECTION_COLUMNS`: ``figure`` is "hit_rate", "average_precision" or "froc" (at ``rate`` false
        positives an image, which is NaN for the others). Percentile intervals, NaN where all
        draws agree.
    """
    place = {image: number for number, image in enumerate(images["image"])}
    owners = regions["image"].map(place).to_numpy(dtype=np.intp)
    scores, truths = regions["score"].to_numpy(dtype=np.float64), images["boxes"].to_numpy(dtype=np.int64)
    names = [threshold_name("hit", threshold) for threshold in OVERLAP_THRESHOLDS]
    hits = regions[names].to_numpy(dtype=bool).T
    total = int(truths.sum())
    ranked = RankedRegions(scores, hits, owners, truths)
    codes = group_codes(patients(images), len(images))
    drawn = np.stack([ranked.figures(weights, FALSE_POSITIVE_RATES) for weights in draw_weights(codes, repeats, seed)])
    ends = varied_quantiles(drawn, 0.95)
    rows: list[dict[str, Any]] = []
    for number, (threshold, row) in enumerate(zip(OVERLAP_THRESHOLDS, hits, strict=True)):
        curve = froc(scores, row, total, len(images))
        estimates = [
            ("hit_rate", np.nan, hit_rate(row, total)),
            ("average_precision", np.nan, average_precision(scores, row, total)),
            *(("froc", rate, float(value)) for rate, value in zip(FALSE_POSITIVE_RATES, curve, strict=True)),
        ]
        counts = (len(images), total, len(regions))
        for (name, rate, estimate), *interval in zip(estimates, *ends[:, number], strict=True):
            values = (name, threshold, rate, *counts, estimate, *map(float, interval))
            rows.append(dict(zip(DETECTION_COLUMNS, values, strict=True)))
    return rows
