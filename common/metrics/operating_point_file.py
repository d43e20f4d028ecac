"""The small file that turns the score of a classifier into a probability and a decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..io import write_json
from .calibration_map import CalibrationMap, calibration_map

FORMAT = 1
#: What the score is: the classifier's uncalibrated log-odds of the positive class.
SCORE = "log-odds of tb"


class OperatingPointError(UsageError):
    """An operating-point file that is missing, malformed or made for other weights."""


@dataclass(frozen=True)
class OperatingPoint:
    """Calibration and threshold of one classifier.

    Args:
        bundle: name of the bundle whose classifier it is.
        weights_sha256: SHA-256 of the weights, in hexadecimal digits; another model's scores mean something else.
        calibration: map from log-odds to probability.
        threshold: probabilities from here on are positive; in [0, 1].
        rule: how the threshold was chosen, such as "who_triage".
        fitted_on: the images that it was fitted on: sites, split_column, splits, n, positives, index_sha256.
        measured: figures on these images, which are better than on any others.
    """

    bundle: str
    weights_sha256: str
    calibration: CalibrationMap
    threshold: float
    rule: str
    fitted_on: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)

    def decide(self, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Probabilities and decisions of log-odds, in their shape."""
        probabilities = self.calibration(scores)
        return probabilities, probabilities >= self.threshold


def write_operating_point(path: str | Path, point: OperatingPoint) -> None:
    """Write the file as JSON.

    Raises:
        OSError: it cannot be written.
    """
    write_json(
        path,
        {
            "format": FORMAT,
            "bundle": point.bundle,
            "weights_sha256": point.weights_sha256,
            "score": SCORE,
            "calibration": point.calibration.record(),
            "threshold": point.threshold,
            "rule": point.rule,
            "fitted_on": dict(point.fitted_on),
            "measured": dict(point.measured),
        },
    )


def read_operating_point(path: str | Path, weights_sha256: str | None = None) -> OperatingPoint:
    """Read and check the file.

    Args:
        path: file of :func:`write_operating_point`.
        weights_sha256: SHA-256 of the weights whose scores are to be decided on; None skips this check.

    Raises:
        OperatingPointError: no such file, something missing or wrong in it, or made for other weights.
    """
    file = Path(path)
    if not file.is_file():
        raise OperatingPointError(
            f"{file}: no such operating-point file; python -m common.evaluation operating-point writes one"
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise OperatingPointError(f"{file}: not a JSON file ({error})") from error
    try:
        point = _checked(content)
    except ValueError as error:
        raise OperatingPointError(f"{file}: not an operating-point file: {error}") from error
    if weights_sha256 is not None and weights_sha256 != point.weights_sha256:
        raise OperatingPointError(
            f"{file}: made for other weights (SHA-256 {point.weights_sha256[:12]}…, these have "
            f"{weights_sha256[:12] or 'no file'}…); fit one with python -m common.evaluation operating-point"
        )
    return point


def _checked(content: Any) -> OperatingPoint:
    if not isinstance(content, Mapping):
        raise ValueError("the content is no JSON object")
    if content.get("format") != FORMAT:
        raise ValueError(f"format {content.get('format')}; this version reads format {FORMAT}")
    texts = {name: content.get(name) for name in ("bundle", "weights_sha256", "score", "rule")}
    for name, value in texts.items():
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} must be a text, got {value}")
    if texts["score"] != SCORE:
        raise ValueError(f"score {texts['score']}; accepted is {SCORE}")
    threshold = content.get("threshold")
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ValueError(f"the threshold must be a probability from 0 to 1, got {threshold}")
    for name in ("fitted_on", "measured"):
        if not isinstance(content.get(name, {}), Mapping):
            raise ValueError(f"{name} must be a JSON object, got {content[name]}")
    return OperatingPoint(
        bundle=str(texts["bundle"]),
        weights_sha256=str(texts["weights_sha256"]),
        calibration=calibration_map(content.get("calibration")),
        threshold=float(threshold),
        rule=str(texts["rule"]),
        fitted_on=content.get("fitted_on", {}),
        measured=content.get("measured", {}),
    )
