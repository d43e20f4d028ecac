"""Maps from the score of a classifier (log-odds) to a calibrated probability."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit


@dataclass(frozen=True)
class TemperatureMap:
    """``sigmoid(score / temperature + bias)``: temperature scaling (Guo et al., ICML 2017), with a bias if wanted.

    Args:
        temperature: positive; above 1 where the classifier is too sure of itself.
        bias: log-odds that are added; corrects for another share of positives than in training.

    Raises:
        ValueError: a temperature that is not positive and finite, or a bias that is not finite.
    """

    temperature: float = 1.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"the temperature must be a positive number, got {self.temperature}")
        if not math.isfinite(self.bias):
            raise ValueError(f"the bias must be a finite number, got {self.bias}")

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in [0, 1] of log-odds, any shape."""
        return np.asarray(expit(np.asarray(scores, dtype=np.float64) / self.temperature + self.bias))

    def record(self) -> dict[str, Any]:
        """The map as JSON holds it."""
        return {"method": "temperature", "temperature": self.temperature, "bias": self.bias}


@dataclass(frozen=True)
class IsotonicMap:
    """A never falling polyline through the given points, level outside them (isotonic regression).

    Args:
        scores: log-odds of the points, rising.
        probabilities: their probabilities in [0, 1], never falling.

    Raises:
        ValueError: no point, lists of different length, or values that break these rules.
    """

    scores: Sequence[float]
    probabilities: Sequence[float]

    def __post_init__(self) -> None:
        scores, probabilities = np.asarray(self.scores, dtype=np.float64), np.asarray(self.probabilities, np.float64)
        if scores.ndim != 1 or scores.shape != probabilities.shape or scores.size == 0:
            raise ValueError("scores and probabilities must be two lists of one length, with a point at least")
        if not np.isfinite(scores).all() or (np.diff(scores) <= 0).any():
            raise ValueError("the scores must be finite and rise")
        if not ((probabilities >= 0) & (probabilities <= 1)).all() or (np.diff(probabilities) < 0).any():
            raise ValueError("the probabilities must lie in 0 to 1 and never fall")

    def __call__(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Probabilities in [0, 1] of log-odds, any shape."""
        return np.asarray(np.interp(np.asarray(scores, dtype=np.float64), self.scores, self.probabilities))

    def record(self) -> dict[str, Any]:
        """The map as JSON holds it."""
        points = {"scores": list(map(float, self.scores)), "probabilities": list(map(float, self.probabilities))}
        return {"method": "isotonic", **points}


CalibrationMap = TemperatureMap | IsotonicMap

_METHODS: dict[str, tuple[type[CalibrationMap], tuple[str, ...]]] = {
    "temperature": (TemperatureMap, ("temperature", "bias")),
    "isotonic": (IsotonicMap, ("scores", "probabilities")),
}


def calibration_map(record: Any) -> CalibrationMap:
    """The map of a record that :meth:`TemperatureMap.record` or :meth:`IsotonicMap.record` gave.

    Raises:
        ValueError: another method, or something missing or wrong in the record; one line.
    """
    method = record.get("method") if isinstance(record, Mapping) else None
    if not isinstance(method, str) or method not in _METHODS:
        raise ValueError(f"calibration method {method}; accepted are {', '.join(_METHODS)}")
    kind, names = _METHODS[method]
    missing = [name for name in names if name not in record]
    if missing:
        raise ValueError(f"calibration of method {method} without {', '.join(missing)}")
    try:
        return kind(**{name: record[name] for name in names})
    except (ValueError, TypeError) as error:
        raise ValueError(f"calibration of method {method}: {error}") from error
