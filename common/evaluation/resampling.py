"""Bootstrap of the curves of a classifier, drawing patients.

SciPy's bootstrap would sort all images again for every repeat. Drawing with replacement is the same as weighting every
image by how often its patient was drawn, and the images need to be sorted once only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from .bootstrap import Interval, group_codes
from .intervals import clopper_pearson
from .roc import checked

#: False positive rates at which a band is given.
BAND_GRID = np.linspace(0, 1, 101)


class RankedImages:
    """Images sorted by score once, for curves under any weights of the images.

    Args:
        scores: shape [images], higher for positives.
        labels: shape [images], 0 or 1.

    Raises:
        ValueError: see :func:`.roc.area_under_curve`.
    """

    def __init__(self, scores: ArrayLike, labels: ArrayLike) -> None:
        score, positive = checked(scores, labels)
        self.order = np.argsort(-score, kind="stable")
        self.positive = positive[self.order]
        ranked = score[self.order]
        # Images of one score change sides together: only the last of each run is a point of the curves.
        self.ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True)) if ranked.size else np.empty(0, np.intp)

    def counts(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """True and false positives at every distinct score, from the highest, when image i counts ``weights[i]``."""
        ranked = weights[self.order]
        true = np.cumsum(ranked * self.positive)[self.ends]
        return true, np.cumsum(ranked)[self.ends] - true

    @staticmethod
    def average_precision(true: NDArray[np.float64], false: NDArray[np.float64]) -> float:
        """Sum of precision times the step in recall; NaN without positives (definition of scikit-learn)."""
        if not true.size or not true[-1]:
            return np.nan
        steps = np.diff(true, prepend=0.0)
        above = true + false
        # Where nothing is drawn yet there is no step either.
        return min(1.0, float((steps * true / np.where(above > 0, above, 1)).sum() / true[-1]))

    @staticmethod
    def true_positive_rate(
        true: NDArray[np.float64], false: NDArray[np.float64], grid: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """True positive rate at given false positive rates; NaN where a class is missing."""
        if not true.size or not true[-1] or not false[-1]:
            return np.full(grid.shape, np.nan)
        return np.interp(grid, np.append(0, false / false[-1]), np.append(0, true / true[-1]))


@dataclass(frozen=True)
class Resampled:
    """Intervals of one set of images.

    Args:
        average_precision: with its interval.
        band_low: lower ends of the true positive rates at :data:`BAND_GRID`; NaN where a class is missing.
        band_high: upper ends.
    """

    average_precision: Interval
    band_low: NDArray[np.float64]
    band_high: NDArray[np.float64]


def resample(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    groups: Sequence[Any] | None = None,
    repeats: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Resampled:
    """Bootstrap of average precision, and the band of the ROC curve.

    The ends of the band are percentiles. Those of average precision cover too seldom near 1; its interval is that of
    the logit with the bootstrap's standard error, and where it misses 1 by less than one positive group, the
    binomial one (both Boyd, Eng and Page, ECML 2013), which is wide. Repeats in which a class is missing are left out
    where it is needed.

    Args:
        scores: shape [images], higher for positives.
        labels: shape [images], 0 or 1.
        groups: what belongs together (patients), one entry an image; whole groups are drawn. Each image is its own
            group when None.
        repeats: resampled data sets.
        confidence: coverage that is aimed at, in (0, 1).
        seed: the same seed gives the same intervals.

    Raises:
        ValueError: see :func:`.roc.area_under_curve`.
    """
    ranked = RankedImages(scores, labels)
    codes = group_codes(groups, ranked.positive.size)
    positives = len(np.unique(codes[ranked.order][ranked.positive]))
    precisions = np.empty(repeats)
    rates = np.empty((repeats, BAND_GRID.size))
    for repeat, weights in enumerate(draw_weights(codes, repeats, seed)):
        true, false = ranked.counts(weights)
        precisions[repeat] = ranked.average_precision(true, false)
        rates[repeat] = ranked.true_positive_rate(true, false, BAND_GRID)
    true, false = ranked.counts(np.ones(codes.size))
    low, high = quantiles(rates, confidence)
    return Resampled(
        _precision_interval(ranked.average_precision(true, false), precisions, positives, confidence),
        low,
        high,
    )


def _precision_interval(estimate: float, samples: NDArray[np.float64], positives: int, confidence: float) -> Interval:
    if np.isnan(estimate):
        return Interval(np.nan, np.nan, np.nan)
    if (1 - estimate) * positives < 1:
        low, high = clopper_pearson(estimate * positives, positives, confidence=confidence)
        return Interval(estimate, float(low), float(high))
    reach = stats.norm.ppf((1 + confidence) / 2) * np.nanstd(samples) / (estimate * (1 - estimate))
    low, high = special.expit(special.logit(estimate) + np.array([-reach, reach]))
    return Interval(estimate, float(low), float(high))


def draw_weights(codes: NDArray[np.intp], repeats: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each image is drawn, ``repeats`` times, shape [images].

    Args:
        codes: number of the group of each image, from 0 on without gaps; whole groups are drawn.
        repeats: how many data sets.
        seed: of the random numbers.
    """
    random = np.random.default_rng(seed)
    n_groups = int(codes.max()) + 1
    for _ in range(repeats):
        yield np.bincount(random.integers(n_groups, size=n_groups), minlength=n_groups)[codes].astype(np.float64)


def quantiles(samples: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """Both ends over the repeats that are numbers; NaN where none is, or where only one group could be drawn."""
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    valid = _numbers(samples)
    if not len(valid):
        return np.full((2, *samples.shape[1:]), np.nan)
    return np.asarray(np.quantile(valid, ends, axis=0))


def varied_quantiles(samples: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """As :func:`quantiles`; NaN also where all repeats agree, which does not tell how sure a figure is."""
    ends, valid = quantiles(samples, confidence), _numbers(samples)
    ends[:, (valid == valid[:1]).all(axis=0)] = np.nan
    return ends


def _numbers(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return samples[~np.isnan(samples).reshape(len(samples), -1).any(axis=1)]
