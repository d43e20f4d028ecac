"""Area under the ROC curve with its interval, and the paired test of two classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats
from sklearn import metrics

from .bootstrap import group_codes

#: Where DeLong's interval covers too seldom (python -m benchmarks.coverage): fewer images (patients, where they have
#: several) of a class than this, or less of the area on the wrong side than so many of the smaller class would take up.
SMALL_CLASS, FEW_ERRORS = 30, 1.0

DELONG, NEWCOMBE, UNDEFINED = "DeLong", "Newcombe", "not defined"


class AreaUnderCurve(NamedTuple):
    """Area under the ROC curve.

    Args:
        estimate: in [0, 1]; NaN when a class is missing.
        low: lower bound; NaN when a class is missing.
        high: upper bound.
        standard_error: DeLong's; NaN with fewer than two images of a class.
        method: of the interval, "DeLong", "Newcombe" or "not defined".
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    method: str


class AreaDifference(NamedTuple):
    """Difference of two areas on the same images: second minus first."""

    estimate: float
    low: float
    high: float
    p: float


def area_under_curve(
    scores: ArrayLike, labels: ArrayLike, *, groups: Sequence[Any] | None = None, confidence: float = 0.95
) -> AreaUnderCurve:
    """Area under the ROC curve; ties count one half.

    The interval is DeLong's on the logit scale, which stays within (0, 1) and covers better near 1 than the plain one
    (Qin and Hotilovac, Stat Methods Med Res 2008). DeLong's variance is too small in small samples and near a complete
    separation, where it is zero: with fewer than :data:`SMALL_CLASS` images of a class, or an area that misses 0 or 1
    by less than :data:`FEW_ERRORS` / images of the smaller class, Newcombe's interval (Stat Med 2006, method 5) stands
    in. It knows no groups: with groups, those that have an image of a class are counted in place of its images, as if
    the images of a group said no more than one of them.

    Args:
        scores: shape [images], higher for positives.
        labels: shape [images], 0 or 1.
        groups: what belongs together (patients), one entry an image; DeLong's variance then is that of clustered data
            (Obuchowski, Biometrics 1997). Each image is its own group when None.
        confidence: coverage that is aimed at, in (0, 1).

    Raises:
        ValueError: shapes differ, a score that is not finite, or a label other than 0 and 1.
    """
    score, positive = checked(scores, labels)
    counts = int(positive.sum()), int((~positive).sum())
    if not all(counts):
        return AreaUnderCurve(np.nan, np.nan, np.nan, np.nan, UNDEFINED)
    areas, covariance = delong(score[None], positive, groups)
    area, error = float(areas[0]), float(np.sqrt(covariance[0, 0]))
    if groups is not None:
        codes = group_codes(groups, score.size)
        counts = np.unique(codes[positive]).size, np.unique(codes[~positive]).size
    few_errors = min(area, 1 - area) * min(counts) < FEW_ERRORS
    if min(counts) < SMALL_CLASS or few_errors or not error > 0:
        return AreaUnderCurve(area, *newcombe(area, *counts, confidence=confidence), error, NEWCOMBE)
    reach = stats.norm.ppf((1 + confidence) / 2) * error / (area * (1 - area))
    low, high = special.expit(special.logit(area) + np.array([-reach, reach]))
    return AreaUnderCurve(area, float(low), float(high), error, DELONG)


def paired_areas(
    first: ArrayLike,
    second: ArrayLike,
    labels: ArrayLike,
    *,
    groups: Sequence[Any] | None = None,
    confidence: float = 0.95,
) -> AreaDifference:
    """DeLong's test of two classifiers on the same images (Biometrics 1988), two-sided.

    Args:
        first: scores of the baseline, shape [images].
        second: scores of the other classifier, shape [images].
        labels: see :func:`area_under_curve`.
        groups: see :func:`area_under_curve`.
        confidence: see :func:`area_under_curve`.

    Returns:
        Area of ``second`` minus that of ``first``; all NaN where a class has fewer than two images (or groups).

    Raises:
        ValueError: see :func:`area_under_curve`.
    """
    left, positive = checked(first, labels)
    right, _ = checked(second, labels)
    if min(positive.sum(), (~positive).sum()) < 2:
        return AreaDifference(np.nan, np.nan, np.nan, np.nan)
    areas, covariance = delong(np.stack([left, right]), positive, groups)
    difference = float(areas[1] - areas[0])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 1e-15:  # the same ranking twice, or two complete separations; zero up to rounding
        return AreaDifference(difference, difference, difference, 1.0 if abs(difference) < 1e-12 else 0.0)
    error = float(np.sqrt(variance))
    reach = float(stats.norm.ppf((1 + confidence) / 2)) * error
    p = 2 * float(stats.norm.sf(abs(difference) / error))
    return AreaDifference(difference, difference - reach, difference + reach, p)


def delong(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], groups: Sequence[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas of several classifiers on the same images and their covariance.

    :func:`placements` from ranks, in n log n (Sun and Xu, IEEE Signal Process Lett 2014); covariance of DeLong et al.
    (Biometrics 1988), with groups that of Obuchowski (Biometrics 1997), which equals it when every image is alone.

    Args:
        scores: shape [classifiers, images].
        positive: shape [images]; both classes are there.
        groups: see :func:`area_under_curve`.

    Returns:
        Areas [classifiers] and covariance [classifiers, classifiers]; NaN where a class lies in one group only.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    codes = group_codes(groups, positive.size)
    n_groups = int(codes.max()) + 1
    areas = np.empty(len(scores))
    # Each group's share in the deviation of each area, from its positives and from its negatives.
    shares = np.empty((2, len(scores), n_groups))
    for number, score in enumerate(scores):
        above, below = placements(score, positive)
        areas[number] = above.mean()
        for side, (chosen, deviation) in enumerate(
            ((positive, (above - areas[number]) / n_positive), (~positive, (below - areas[number]) / n_negative))
        ):
            shares[side, number] = np.bincount(codes[chosen], weights=deviation, minlength=n_groups)
    with_positive, with_negative = np.unique(codes[positive]).size, np.unique(codes[~positive]).size
    if min(with_positive, with_negative) < 2:
        return areas, np.full((len(scores), len(scores)), np.nan)
    mixed = shares[0] @ shares[1].T
    covariance = (
        with_positive / (with_positive - 1) * shares[0] @ shares[0].T
        + with_negative / (with_negative - 1) * shares[1] @ shares[1].T
        + n_groups / (n_groups - 1) * (mixed + mixed.T)
    )
    return areas, covariance


def placements(
    scores: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the images of each class stand among those of the other; the mean of either is the area.

    Args:
        scores: shape [images].
        positive: shape [images]; both classes are there.

    Returns:
        For every positive image the share of negative ones that score lower, for every negative one the share of
        positive ones that score higher; ties count one half.
    """
    ranks = stats.rankdata(scores)
    above = (ranks[positive] - stats.rankdata(scores[positive])) / (~positive).sum()
    below = 1 - (ranks[~positive] - stats.rankdata(scores[~positive])) / positive.sum()
    return above, below


def newcombe(area: float, positives: int, negatives: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Score-type interval of an area from its value and the two class sizes alone (Newcombe, Stat Med 2006, method 5).

    Args:
        area: in [0, 1].
        positives: images of the class, 1 at least.
        negatives: images of the other class, 1 at least.
        confidence: coverage, in (0, 1).
    """
    z = stats.norm.ppf((1 + confidence) / 2)
    half = (positives + negatives) / 2 - 1

    def excess(true: float) -> float:
        """Positive where the observed area is too far from this true one."""
        spread = 1 + half * (1 - true) / (2 - true) + half * true / (1 + true)
        return float((area - true) ** 2 - z**2 * true * (1 - true) * spread / (positives * negatives))

    # The function is zero at a bound, and also where area and true area are both 0 or both 1.
    edge = 1e-9
    low = 0.0 if area <= edge else optimize.brentq(excess, 1e-15, min(area, 1 - edge))
    high = 1.0 if area >= 1 - edge else optimize.brentq(excess, max(area, edge), 1 - 1e-15)
    return float(low), float(high)


def roc_points(scores: ArrayLike, labels: ArrayLike) -> pd.DataFrame:
    """Corners of the ROC curve: ``threshold`` (inf first), ``false_positive_rate``, ``true_positive_rate``.

    Raises:
        ValueError: see :func:`area_under_curve`; also when a class is missing.
    """
    score, positive = checked(scores, labels)
    if positive.all() or not positive.any():
        raise ValueError("a ROC curve needs images of both classes")
    false_rate, true_rate, thresholds = metrics.roc_curve(positive, score)
    return pd.DataFrame({"threshold": thresholds, "false_positive_rate": false_rate, "true_positive_rate": true_rate})


def checked(scores: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores as float and labels as bool, both [images].

    Raises:
        ValueError: see :func:`area_under_curve`.
    """
    score, label = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if score.ndim != 1 or score.shape != label.shape:
        raise ValueError(f"scores and labels must be of one length, got shapes {score.shape} and {label.shape}")
    if not np.isfinite(score).all():
        raise ValueError(f"{int((~np.isfinite(score)).sum())} of {score.size} scores are not finite")
    if not np.isin(label, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    return score, label.astype(bool)
