"""Exact intervals of proportions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .bootstrap import Interval


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds that cover a binomial proportion at least as often as stated (Clopper and Pearson, Biometrika 1934).

    Args:
        successes: counts, any shape.
        trials: counts of the same shape, not smaller.
        confidence: coverage, in (0, 1).

    Returns:
        Lower and upper bounds in [0, 1]; NaN where there is no trial.

    Raises:
        ValueError: more successes than trials, or a negative count.
    """
    found, total = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    if (found < 0).any() or (found > total).any():
        raise ValueError("successes must be counts from 0 to the number of trials")
    tail = (1 - confidence) / 2
    # Of the two ends, beta's parameters 0 stand for the bounds 0 and 1, where SciPy gives NaN.
    low = np.where(found == 0, 0.0, stats.beta.ppf(tail, found, total - found + 1))
    high = np.where(found == total, 1.0, stats.beta.ppf(1 - tail, found + 1, total - found))
    return np.where(total > 0, low, np.nan), np.where(total > 0, high, np.nan)


def proportion(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """A proportion with its Clopper-Pearson interval; NaN where there is no trial."""
    low, high = clopper_pearson(successes, trials, confidence=confidence)
    return Interval(successes / trials if trials else np.nan, float(low), float(high))
