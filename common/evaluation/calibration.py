"""Calibration of probabilities: fitting it on validation data, and measuring it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from ..metrics.calibration_map import CalibrationMap, IsotonicMap, TemperatureMap
from .intervals import clopper_pearson
from .roc import checked

#: Ways to calibrate: a temperature alone, with a bias, or any rising curve.
METHODS = ("temperature", "temperature_bias", "isotonic")

#: Bins of the calibration error; on small sets more of them measure noise.
BINS = 10

_TURNED_ROUND = (
    "higher scores do not go with positives here, which no calibration mends: is the class index turned round?"
)

Binning = Literal["mass", "width"]


def fit_calibration(scores: ArrayLike, labels: ArrayLike, method: str = "temperature_bias") -> CalibrationMap:
    """Fit a map from log-odds to probability. To be given validation data, never the images that are reported on.

    Maximum likelihood makes the probabilities of small sets too extreme, and of a set that is separated completely it
    makes 0 and 1. Temperature and bias are fitted with Firth's penalty (Biometrika 1993; for separation Heinze and
    Schemper, Stat Med 2002), which has a finite solution always. The isotonic curve runs from 1 / (n + 2) to
    (p + 1) / (p + 2) for n negatives and p positives, which are Platt's (1999) labels.

    Args:
        scores: log-odds, shape [images].
        labels: 0 or 1, shape [images].
        method: one of :data:`METHODS`.

    Raises:
        ValueError: an unknown method, a class that is missing, scores that are all equal or rank the classes the
            wrong way round, or what :func:`.roc.area_under_curve` refuses.
    """
    if method not in METHODS:
        raise ValueError(f"calibration {method}; accepted are {', '.join(METHODS)}")
    score, positive = checked(scores, labels)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        raise ValueError(f"calibration needs both classes, got {n_positive} positives and {n_negative} negatives")
    if np.ptp(score) == 0:
        raise ValueError(f"calibration needs scores that differ, all are {score[0]:g}")
    if method == "isotonic":
        curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, positive.astype(np.float64))
        high, low = (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2)
        levels = low + (high - low) * curve.y_thresholds_
        if levels[0] == levels[-1]:
            raise ValueError(_TURNED_ROUND)
        return IsotonicMap(curve.X_thresholds_.tolist(), levels.tolist())
    columns = score[:, None] if method == "temperature" else np.stack([score, np.ones_like(score)], axis=1)
    coefficients = firth_logistic(columns, positive)
    if coefficients[0] <= 0:
        raise ValueError(_TURNED_ROUND)
    return TemperatureMap(float(1 / coefficients[0]), float(coefficients[1]) if method == "temperature_bias" else 0.0)


def firth_logistic(columns: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Coefficients of a logistic regression with Firth's penalty, half the log-determinant of the information.

    Args:
        columns: shape [images, coefficients]; a column of ones stands for an intercept.
        positive: shape [images].
    """
    size = np.abs(columns).mean(axis=0)
    scaled = columns / np.where(size > 0, size, 1)

    def loss(coefficients: NDArray[np.float64]) -> float:
        odds = scaled @ coefficients
        likelihood = (np.logaddexp(0, odds) - positive * odds).sum()
        weight = expit(odds) * expit(-odds)
        return float(likelihood - np.linalg.slogdet((scaled * weight[:, None]).T @ scaled)[1] / 2)

    start = np.zeros(columns.shape[1])
    found = optimize.minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9, "maxiter": 2000}
    )
    return np.asarray(found.x / np.where(size > 0, size, 1))


def calibration_curve(
    probabilities: ArrayLike, labels: ArrayLike, *, bins: int = BINS, binning: Binning = "mass"
) -> pd.DataFrame:
    """Mean probability against share of positives, bin by bin.

    Args:
        probabilities: shape [images], in [0, 1].
        labels: 0 or 1, shape [images].
        bins: as many at most; empty ones are left out.
        binning: "mass" for bins of equally many images (equal probabilities stay together), "width" for equally wide
            ones.

    Returns:
        One row a bin: ``n``, ``positives``, mean ``probability``, ``share`` of positives and its Clopper-Pearson
        bounds ``low`` and ``high``.

    Raises:
        ValueError: a probability outside [0, 1], or what :func:`.roc.area_under_curve` refuses.
    """
    probability, positive = checked(probabilities, labels)
    codes = bin_codes(probability, bins, binning)
    n = np.bincount(codes)
    kept = n > 0
    total = np.bincount(codes, weights=probability)[kept]
    positives = np.bincount(codes, weights=positive)[kept].astype(np.int64)
    low, high = clopper_pearson(positives, n[kept])
    return pd.DataFrame(
        {
            **{"n": n[kept], "positives": positives, "probability": total / n[kept]},
            **{"share": positives / n[kept], "low": low, "high": high},
        }
    )


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, *, bins: int = BINS, binning: Binning = "mass"
) -> float:
    """Mean over images of the distance between probability and share of positives in their bin (Naeini, AAAI 2015).

    It is biased upwards: with few images in a bin, chance alone sets the two apart, also for perfect probabilities.
    :func:`error_if_calibrated` says how far.

    Args:
        probabilities: see :func:`calibration_curve`.
        labels: see :func:`calibration_curve`.
        bins: see :func:`calibration_curve`.
        binning: see :func:`calibration_curve`.

    Raises:
        ValueError: see :func:`calibration_curve`.
    """
    curve = calibration_curve(probabilities, labels, bins=bins, binning=binning)
    return float((curve["n"] * (curve["probability"] - curve["share"]).abs()).sum() / curve["n"].sum())


def error_if_calibrated(
    probabilities: ArrayLike, *, bins: int = BINS, binning: Binning = "mass", confidence: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Calibration error that these images would show by chance if every probability were true.

    The idea is the consistency resampling of Bröcker and Smith (Weather Forecast 2007); the sums of each bin are drawn
    from their normal approximation, so that it costs the same for any number of images.

    Args:
        probabilities: see :func:`calibration_curve`.
        bins: see :func:`calibration_curve`.
        binning: see :func:`calibration_curve`.
        confidence: share of the chance errors that lie between the bounds.
        seed: of the random numbers.

    Returns:
        Mean and bounds; an error within the bounds is no evidence against the calibration.
    """
    probability = np.asarray(probabilities, dtype=np.float64)
    codes = bin_codes(probability, bins, binning)
    spread = np.sqrt(np.bincount(codes, weights=probability * (1 - probability)))
    draws = np.abs(np.random.default_rng(seed).standard_normal((10_000, spread.size))) @ spread / probability.size
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    # Mean of |N(0, s)| is s sqrt(2 / pi).
    return float(np.sqrt(2 / np.pi) * spread.sum() / probability.size), float(low), float(high)


def bin_codes(probabilities: NDArray[np.float64], bins: int, binning: Binning) -> NDArray[np.intp]:
    """Number of the bin of each image, from 0 on, in the order of the probabilities.

    Raises:
        ValueError: a probability outside [0, 1].
    """
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("probabilities must lie in 0 to 1")
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    if binning == "mass":
        edges = np.unique(np.quantile(probabilities, edges))
    return np.searchsorted(edges, probabilities, side="left")
