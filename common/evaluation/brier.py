"""Brier score of probabilities, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .bootstrap import SHARE, Interval, group_codes
from .roc import checked
from .small_samples import few_groups_interval


def brier_score(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    groups: Sequence[Any] | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Mean squared difference of probability and label (Brier, Mon Weather Rev 1950), 0 is best.

    The interval is Student's on the logit scale, for many patients too: it covers as stated from ten images to
    thousands and costs nothing, where percentiles of a bootstrap hold the truth in 90 % of sets of 28 images
    (``benchmarks/coverage.py``).

    Args:
        probabilities: shape [images], in [0, 1].
        labels: shape [images], 0 or 1; one class is enough.
        groups: what belongs together (patients), one entry an image. Each image is its own group when None.
        confidence: coverage that is aimed at, in (0, 1).

    Returns:
        The score; NaN bounds where all images are of one group.

    Raises:
        ValueError: see :func:`.roc.area_under_curve`.
    """
    probability, positive = checked(probabilities, labels)
    squares = (probability - positive) ** 2
    codes = group_codes(groups, squares.size)
    sums = np.zeros((codes.max() + 1, 2))
    np.add.at(sums, codes, np.stack([squares, np.ones_like(squares)], axis=1))
    if len(sums) < 2:
        return Interval(float(squares.mean()), np.nan, np.nan)
    ends = few_groups_interval(sums, lambda total, count: total / count, confidence=confidence, limits=SHARE)
    return Interval(float(squares.mean()), *ends)
