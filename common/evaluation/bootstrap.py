"""Bootstrap confidence intervals over images, or over patients that have several images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .small_samples import FEW, few_groups_interval

#: Resampled values held in memory at once, so that many images do not need repeats x images of memory.
_BATCH_VALUES = 4_000_000


class Interval(NamedTuple):
    """An estimate with its confidence interval; the bounds are NaN where the data allow none."""

    estimate: float
    low: float
    high: float


#: Limits of figures such as Dice, and of lengths and areas.
SHARE, POSITIVE = (0.0, 1.0), (0.0, np.inf)

_NOTHING = Interval(np.nan, np.nan, np.nan)


def bootstrap_mean(values: ArrayLike, **options: Any) -> Interval:
    """Interval of a mean, see :func:`bootstrap_sums`.

    Args:
        values: one figure an image; NaN is refused.
        options: ``groups``, ``repeats``, ``confidence``, ``seed`` and ``limits`` of :func:`bootstrap_sums`.

    Returns:
        The mean over images; NaN when there is no image, NaN bounds when there is only one group.

    Raises:
        ValueError: see :func:`bootstrap_sums`.
    """
    values = _checked(values)
    # How many images are drawn varies when groups differ in size, hence the second column.
    columns = np.stack([values, np.ones_like(values)], axis=1)
    return bootstrap_sums(columns, lambda total, count: total / count, **options)


def bootstrap_sums(
    columns: ArrayLike,
    function: Callable[..., NDArray[np.float64]],
    *,
    groups: Sequence[Any] | None = None,
    repeats: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Interval of a function of column sums, such as a Dice coefficient of counts pooled over a test set.

    By the bias-corrected and accelerated bootstrap (BCa): figures such as Dice are skewed, and the plain percentile
    interval is then too narrow more often. BCa is so too with fewer than :data:`.small_samples.FEW` groups, whose
    interval is that of :func:`.small_samples.few_groups_interval` (simulated by ``benchmarks/coverage.py``). The time
    grows with the square of the number of groups: a second for 5,000.

    Args:
        columns: shape [images, columns].
        function: takes one array of sums a column and returns the statistic; must work on arrays of any shape.
        groups: what belongs together (patients), one entry an image; whole groups are drawn. Each image is its own
            group when None.
        repeats: resampled data sets.
        confidence: coverage that is aimed at, in (0, 1).
        seed: the same seed gives the same interval.
        limits: lowest and highest value that the statistic can have, (0, 1) of Dice, infinite for none.

    Returns:
        The statistic of all images; NaN when there is no image, NaN bounds when there is only one group.

    Raises:
        ValueError: NaN among the values, groups of another length, or a wrong confidence or number of repeats.
    """
    table = _checked(columns)
    _check_options(confidence, repeats)
    if table.shape[0] == 0:
        return _NOTHING
    codes = group_codes(groups, table.shape[0])
    sums = np.zeros((int(codes.max()) + 1, table.shape[1]))
    np.add.at(sums, codes, table)
    if 1 < len(sums) < FEW:
        ends = few_groups_interval(sums, function, confidence=confidence, limits=limits)
        return Interval(float(function(*sums.sum(axis=0))), *ends)
    samples = tuple(sums.T)

    def statistic(*drawn: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return function(*(column.sum(axis=axis) for column in drawn))

    return _interval(samples, statistic, "BCa", repeats, confidence, seed)


def bootstrap_median(
    values: ArrayLike,
    *,
    groups: Sequence[Any] | None = None,
    repeats: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a median (BCa does not suit it: a median hardly reacts to one left-out image).

    Args:
        values: one figure an image; NaN is refused.
        groups: see :func:`bootstrap_sums`.
        repeats: see :func:`bootstrap_sums`.
        confidence: see :func:`bootstrap_sums`.
        seed: see :func:`bootstrap_sums`.

    Raises:
        ValueError: see :func:`bootstrap_sums`.
    """
    values = _checked(values)
    _check_options(confidence, repeats)
    if values.size == 0:
        return _NOTHING
    order = np.argsort(values, kind="stable")
    ranked, codes = values[order], group_codes(groups, values.size)[order]
    n_groups = int(codes.max()) + 1

    def statistic(drawn: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        # Medians of images whose groups were drawn several times, without building the lists: count how often each
        # group was drawn, then walk the sorted images until half of the weight is passed.
        rows = np.moveaxis(drawn, axis, -1).astype(np.intp)
        flat = rows.reshape(-1, rows.shape[-1])
        shifted = flat + np.arange(flat.shape[0])[:, None] * n_groups
        times = np.bincount(shifted.ravel(), minlength=flat.shape[0] * n_groups).reshape(-1, n_groups)
        passed = times[:, codes].cumsum(axis=1)
        total = passed[:, -1:]
        lower = ranked[(passed > (total - 1) // 2).argmax(axis=1)]
        upper = ranked[(passed > total // 2).argmax(axis=1)]
        return ((lower + upper) / 2).reshape(rows.shape[:-1])

    return _interval((np.arange(n_groups),), statistic, "percentile", repeats, confidence, seed)


def _interval(
    samples: tuple[NDArray[Any], ...],
    statistic: Callable[..., NDArray[np.float64]],
    method: str,
    repeats: int,
    confidence: float,
    seed: int,
) -> Interval:
    estimate = float(statistic(*samples))
    n_groups = samples[0].size
    if n_groups < 2:
        return Interval(estimate, np.nan, np.nan)
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        # A constant statistic has no acceleration: SciPy warns and returns NaN, and the percentiles are exact.
        warnings.simplefilter("ignore")
        result = stats.bootstrap(
            samples,
            statistic,
            n_resamples=repeats,
            batch=max(1, _BATCH_VALUES // n_groups),
            vectorized=True,
            paired=True,
            confidence_level=confidence,
            method=method,
            rng=np.random.default_rng(seed),
        )
        low, high = result.confidence_interval
        if not np.isfinite([low, high]).all():
            low, high = np.quantile(
                result.bootstrap_distribution, [(1 - confidence) / 2, (1 + confidence) / 2], axis=-1
            )
    return Interval(estimate, float(low), float(high))


def _check_options(confidence: float, repeats: int) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie between 0 and 1, got {confidence}")
    if repeats < 1:
        raise ValueError(f"the number of bootstrap repeats must be positive, got {repeats}")


def _checked(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if np.isnan(array).any():
        raise ValueError(f"{int(np.isnan(array).sum())} of {array.size} values are NaN; leave them out knowingly")
    return array


def group_codes(groups: Sequence[Any] | None, n: int) -> NDArray[np.intp]:
    """Number of each value's group, from 0 on in order of appearance; each value is its own group when None.

    Raises:
        ValueError: groups of another length than ``n``.
    """
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise ValueError(f"{len(groups)} groups were given for {n} values")
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.intp)
