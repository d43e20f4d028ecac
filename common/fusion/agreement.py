"""How far raters agree: Dice, Cohen's and Fleiss' kappa."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..metrics import confusion_counts, dice_from_counts


def pair_counts(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How two raters at a time mark pixels.

    Args:
        masks: bool, [R, ...] with one mask a rater.

    Returns:
        [R, R, 2, 2]: pixels by the decision of the first rater (third axis, 1 for marked) and of the second (fourth).
        Counts of several images may be added up.
    """
    counts = np.zeros((len(masks), len(masks), 2, 2), dtype=np.int64)
    for first in range(len(masks)):
        for second in range(first, len(masks)):
            both = confusion_counts(masks[first], masks[second])
            counts[first, second] = [[both.tn, both.fn], [both.fp, both.tp]]
            counts[second, first] = counts[first, second].T
    return counts


def pair_dice(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Dice coefficient of tables [..., 2, 2] of :func:`pair_counts`; 1 where neither rater marked anything."""
    return dice_from_counts(counts[..., 1, 1], counts[..., 1, 0], counts[..., 0, 1])


def cohen_kappa(table: ArrayLike) -> float:
    """Agreement of two raters beyond chance (Cohen, Educational and Psychological Measurement 20, 1960).

    Args:
        table: [L, L] numbers of subjects by the label of either rater.

    Returns:
        1 for perfect agreement, 0 for that of chance; NaN without subjects and where both raters gave one and the same
        label to all of them, so that chance agreement is perfect as well.
    """
    counts = np.asarray(table, dtype=np.float64)
    total = counts.sum()
    if total == 0:
        return float("nan")
    observed = np.trace(counts) / total
    expected = counts.sum(axis=0) @ counts.sum(axis=1) / total**2
    return _beyond_chance(observed, expected)


def fleiss_kappa(votes: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Agreement of several raters beyond chance (Fleiss, Psychological Bulletin 76, 1971).

    Args:
        votes: [N, L] numbers of raters that gave each label to a subject; each row adds up to the number of raters,
            which is at least two.
        weights: [N], how often each row occurs; once when None.

    Returns:
        1 for perfect agreement, 0 for that of chance; NaN without subjects and where all raters gave one and the same
        label to all of them.

    Raises:
        ValueError: rows of different sums, or fewer than two raters.
    """
    counts = np.asarray(votes, dtype=np.float64)
    often = np.ones(len(counts)) if weights is None else np.asarray(weights, dtype=np.float64)
    if often.sum() == 0:
        return float("nan")
    raters = counts.sum(axis=1)
    if (raters != raters[0]).any() or raters[0] < 2:
        raise ValueError(f"every subject needs the same number of raters, two at least, got {sorted(set(raters))}")
    agreeing = ((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))
    shares = often @ counts / (often.sum() * raters[0])
    return _beyond_chance(float(often @ agreeing / often.sum()), float(shares @ shares))


def _beyond_chance(observed: float, expected: float) -> float:
    return float("nan") if expected == 1 else float((observed - expected) / (1 - expected))
