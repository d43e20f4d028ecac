"""Confidence intervals of a statistic of few groups, where bootstrap percentiles cover too seldom."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

#: Groups (patients) below which these intervals are used, and below which even they are too few to be resampled.
FEW, VERY_FEW = 50, 10
#: Share of the samples without any spread, of which nothing can be learnt, above which Student's t is used.
_MOST_WITHOUT_SPREAD = 0.05


def few_groups_interval(
    sums: NDArray[np.float64],
    function: Callable[..., NDArray[np.float64]],
    *,
    repeats: int,
    confidence: float,
    seed: int,
    limits: tuple[float, float],
) -> tuple[float, float]:
    """Ends of the bootstrap-t interval (Efron and Tibshirani, An Introduction to the Bootstrap, section 12.5).

    The standard errors, that of the data and that of each sample, are jackknife ones. With fewer than
    :data:`VERY_FEW` groups, or where many samples have no spread, as when nearly all values are equal, the quantiles
    are Student's.

    Args:
        sums: what each group adds to the sums, shape [groups, columns]; two groups at least.
        function: takes one array of sums a column and returns the statistic.
        repeats: resampled data sets.
        confidence: coverage that is aimed at, in (0, 1).
        seed: the same seed gives the same interval.
        limits: lowest and highest value that the statistic can have.

    Returns:
        Both ends within the limits; the estimate twice where the groups do not differ.
    """
    groups = len(sums)
    estimate = float(function(*sums.sum(axis=0)))
    error = float(_jackknife_error(sums.sum(axis=0) - sums, function))
    ends = np.array([(1 + confidence) / 2, (1 - confidence) / 2])
    quantiles = stats.t.ppf(ends, groups - 1)
    if groups >= VERY_FEW and error > 0:
        drawn = sums[np.random.default_rng(seed).integers(groups, size=(repeats, groups))]
        totals = drawn.sum(axis=1)
        errors = _jackknife_error(totals[:, None] - drawn, function)
        varied = errors > 1e-6 * error
        if 1 - varied.mean() <= _MOST_WITHOUT_SPREAD:
            quantiles = np.quantile((function(*totals[varied].T) - estimate) / errors[varied], ends)
    low, high = np.clip(estimate - quantiles * error, *limits)
    return float(low), float(high)


def _jackknife_error(sums: NDArray[np.float64], function: Callable[..., NDArray[np.float64]]) -> NDArray[np.float64]:
    """Standard error by leaving out one group at a time, of sums of shape [..., groups, columns]."""
    values = function(*np.moveaxis(sums, -1, 0))
    return np.asarray(np.sqrt((values.shape[-1] - 1) * values.var(axis=-1)))
