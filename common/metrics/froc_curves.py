"""Curves of found boxes over all thresholds of their score: FROC and precision-recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .detection import FALSE_POSITIVE_RATES, cumulative, froc


class DetectionCurve(NamedTuple):
    """One point a threshold, from the highest score down; each array has the shape [P].

    Args:
        thresholds: scores that occur.
        sensitivity: share of the true boxes found at or above the threshold (recall); NaN where there is none.
        false_positives: false positives an image at or above the threshold.
        precision: share of the found boxes at or above the threshold that are hits.
    """

    thresholds: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    false_positives: NDArray[np.float64]
    precision: NDArray[np.float64]


def detection_curve(scores: ArrayLike, hits: ArrayLike, num_truth: int, num_images: int) -> DetectionCurve:
    """Points of the FROC and the precision-recall curve.

    Args:
        scores: of the found boxes of all images, shape [N].
        hits: whether each is a hit, shape [N]; the others are false positives.
        num_truth: true boxes on all images.
        num_images: all images, also those without any box; at least 1.

    Raises:
        ValueError: scores and hits of different length, or a score that is no number.
    """
    found, false = cumulative(scores, hits)
    thresholds = np.unique(np.asarray(scores, dtype=np.float64))[::-1]
    sensitivity = found / num_truth if num_truth else np.full(len(found), np.nan)
    return DetectionCurve(thresholds, sensitivity, false / num_images, found / (found + false))


def froc_score(
    scores: ArrayLike,
    hits: ArrayLike,
    num_truth: int,
    num_images: int,
    rates: Sequence[float] = FALSE_POSITIVE_RATES,
) -> float:
    """Mean sensitivity at given false positives an image (LUNA16; Setio et al., Med Image Anal 2017).

    The sensitivities are those of :func:`.detection.froc`: reached ones. `monai.metrics.compute_froc_score` draws
    lines between the points of the curve, which promises sensitivities that no threshold gives.

    Args:
        scores: see :func:`detection_curve`.
        hits: see :func:`detection_curve`.
        num_truth: see :func:`detection_curve`.
        num_images: see :func:`detection_curve`.
        rates: numbers of false positives an image.

    Returns:
        In [0, 1]; NaN when there is nothing to find.
    """
    return float(froc(scores, hits, num_truth, num_images, rates).mean())
