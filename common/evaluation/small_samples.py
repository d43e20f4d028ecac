"""Confidence intervals of a statistic of few groups, where bootstrap percentiles cover too seldom."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

#: Groups (patients) below which these intervals are used.
FEW = 50


def few_groups_interval(
    sums: NDArray[np.float64],
    function: Callable[..., NDArray[np.float64]],
    *,
    confidence: float,
    limits: tuple[float, float],
) -> tuple[float, float]:
    """Ends of Student's t interval with the jackknife's standard error, on a scale that has no limits.

    That is the logit scale for a figure with two limits such as Dice, the logarithm for one with a lower limit such as
    a distance, the figure itself without limits. Simulated (``benchmarks/coverage.py``), it covers about as stated from
    five patients on; the bootstrap-t interval covers as well but becomes absurdly wide where one image of some dozens
    has failed.

    Args:
        sums: what each group adds to the sums, shape [groups, columns]; two groups at least.
        function: takes one array of sums a column and returns the statistic.
        confidence: coverage that is aimed at, in (0, 1).
        limits: lowest and highest value that the statistic can have, infinite for none.

    Returns:
        Both ends, within the limits; the estimate twice where the groups do not differ.
    """
    total, groups = sums.sum(axis=0), len(sums)
    estimate = float(function(*total))
    left_out = function(*(total - sums).T)
    error = float(np.sqrt((groups - 1) * np.var(left_out)))
    if error <= 1e-12 * max(1.0, abs(estimate)):
        return estimate, estimate
    reach = error * stats.t.ppf([(1 - confidence) / 2, (1 + confidence) / 2], groups - 1)
    low, high = limits
    if np.isfinite([low, high]).all():
        share = (estimate - low) / (high - low)
        ends = low + (high - low) * special.expit(special.logit(share) + reach / (share * (1 - share) * (high - low)))
    elif np.isfinite(low):
        ends = low + (estimate - low) * np.exp(reach / (estimate - low))
    else:
        ends = estimate + reach
    return float(ends[0]), float(ends[1])
