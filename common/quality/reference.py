"""What radiographs of the training list look like, as a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UsageError
from ..io import write_json
from .shape import SHAPE
from .view import COARSE

_SHAPES: dict[str, tuple[int, ...]] = {
    "chest_mean": (2 * COARSE**2,),
    "turn_weights": (COARSE, COARSE),
    "mirror_weights": (COARSE**2,),
    "shape_mean": (len(SHAPE),),
    "shape_precision": (len(SHAPE), len(SHAPE)),
}


class QualityReferenceError(UsageError):
    """A file that is no reference of the quality rules."""


@dataclass(frozen=True)
class QualityReference:
    """Means, weights and limits that `fit_reference` found.

    Attributes:
        chest_mean: mean of :func:`chest` over the training list.
        chest_limit: largest distance from it, root mean square over the vector.
        doubtful_limit: the same for radiographs of low confidence.
        turn_weights: weights of :func:`turns`.
        mirror_weights: weights of :func:`halves`; radiographs that are not mirrored score 1 on average.
        mirror_limit: smallest score.
        shape_mean: mean of :func:`lung_shape`.
        shape_precision: inverse of its covariance.
        shape_limit: largest Mahalanobis distance.
        area_low: smallest lung area, as a fraction of the picture.
        area_high: largest lung area.
        confidence_limit: smallest confidence.
        origin: weights, lists and number of images that this comes from.
    """

    chest_mean: np.ndarray
    chest_limit: float
    doubtful_limit: float
    turn_weights: np.ndarray
    mirror_weights: np.ndarray
    mirror_limit: float
    shape_mean: np.ndarray
    shape_precision: np.ndarray
    shape_limit: float
    area_low: float
    area_high: float
    confidence_limit: float
    origin: dict[str, Any]

    def save(self, path: str | Path) -> None:
        """Write as JSON, numbers with five significant digits."""
        write_json(path, {name: _plain(value) for name, value in asdict(self).items()})

    @classmethod
    def load(cls, path: str | Path) -> QualityReference:
        """Read what `save` wrote.

        Raises:
            QualityReferenceError: no such file, or not a reference of this version.
        """
        hint = "make one with python -m common.quality fit"
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            values = {field.name: content[field.name] for field in fields(cls)}
            values |= {name: np.array(values[name], dtype=float).reshape(shape) for name, shape in _SHAPES.items()}
        except OSError as error:
            raise QualityReferenceError(f"{path}: {error.strerror}; {hint}, or switch quality_flags off") from error
        except (ValueError, KeyError, TypeError) as error:
            raise QualityReferenceError(f"{path}: not a reference of the quality rules; {hint}") from error
        return cls(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
