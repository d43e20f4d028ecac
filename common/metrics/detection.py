"""Figures of found boxes over a set of images: average precision, hit rate and FROC, from hits and scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: False positives an image at which FROC is read.
FALSE_POSITIVE_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def average_precision(scores: ArrayLike, hits: ArrayLike, num_truth: int) -> float:
    """Area under the interpolated precision-recall curve.

    At each recall the precision counts that is the best at this or any higher recall (Pascal VOC since 2010, all
    points). Boxes of equal score enter together, so that their order does not matter.

    Args:
        scores: of the found boxes of all images, shape [N].
        hits: whether each found a true box of its own, shape [N].
        num_truth: true boxes on all images, also on those without a found box.

    Returns:
        In [0, 1]; NaN when there is nothing to find.
    """
    if num_truth == 0:
        return float("nan")
    found, false = cumulative(scores, hits)
    precision = found / (found + false)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(found / num_truth, prepend=0) * best).sum())


def hit_rate(hits: ArrayLike, num_truth: int) -> float:
    """Share of the true boxes that were found, in [0, 1]; NaN when there is nothing to find."""
    return float(np.count_nonzero(np.asarray(hits))) / num_truth if num_truth else float("nan")


def froc(
    scores: ArrayLike,
    hits: ArrayLike,
    num_truth: int,
    num_images: int,
    rates: Sequence[float] = FALSE_POSITIVE_RATES,
) -> NDArray[np.float64]:
    """Free-response receiver operating characteristic: share of true boxes found at given false positives an image.

    At each rate the most that any threshold of the score finds without exceeding it; nothing is interpolated.
    `monai.metrics.compute_froc_curve_data` leaves out the lowest threshold, hence the boxes of the lowest score.

    Args:
        scores: of the found boxes of all images, shape [N].
        hits: whether each found a true box of its own, shape [N].
        num_truth: true boxes on all images.
        num_images: all images, also those without any box.
        rates: R numbers of false positives an image.

    Returns:
        Shape [R], values in [0, 1]; NaN when there is nothing to find.
    """
    if num_truth == 0:
        return np.full(len(rates), np.nan)
    found, false = cumulative(scores, hits)
    return np.array([found[false <= rate * num_images].max(initial=0) / num_truth for rate in rates])


def cumulative(scores: ArrayLike, hits: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hits and false positives at or above each score that occurs, from the highest down."""
    values, right = np.asarray(scores, dtype=np.float64), np.asarray(hits, dtype=bool)
    if values.ndim != 1 or values.shape != right.shape:
        raise ValueError(f"scores and hits must be of one length, got the shapes {values.shape} and {right.shape}")
    if np.isnan(values).any():
        raise ValueError("a score is not a number")
    order = np.argsort(-values, kind="stable")
    last = np.append(np.diff(values[order]) != 0, True)[: len(values)]
    return np.cumsum(right[order])[last], np.cumsum(~right[order])[last]
