"""Finding means, weights and limits on the training and validation lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import UsageError
from .likeness import chest, film, halves
from .reference import QualityReference
from .rules import lung_area
from .shape import lung_shape
from .view import View

#: Share of the training and validation lists that each limit leaves out. That of mirroring is larger: an overlooked
#: mirrored radiograph does more harm than a second look at a good one.
TAIL, MIRROR_TAIL = 0.005, 0.01
#: The same for the distance of radiographs whose confidence is low: two doubts confirm each other.
DOUBTFUL_TAIL = 0.05
#: Added to covariances, as a share of their mean variance.
_RIDGE = 0.1
_FOLDS = 5


def fit_reference(training: Sequence[View], validation: Sequence[View], origin: dict[str, Any]) -> QualityReference:
    """Means and weights from the training list, limits from both lists.

    Of lung areas, half of `TAIL` is left out at each end.

    Args:
        training: radiographs of the training list.
        validation: those of the validation list.
        origin: what to record about them.

    Raises:
        UsageError: fewer than `_FOLDS` radiographs with two lungs.
    """
    both = [*training, *validation]
    shapes, differences = _of_pairs(lung_shape, training), _of_pairs(halves, training)
    if len(shapes) < _FOLDS:
        raise UsageError(f"{len(shapes)} training radiographs with two lungs; at least {_FOLDS} are needed")
    chest_mean = np.mean([chest(view) for view in training], axis=0)
    distances = [np.sqrt(np.mean(np.square(chest(view) - chest_mean))) for view in both]

    shape_mean = shapes.mean(axis=0)
    precision = np.linalg.inv(np.cov(shapes.T) + _RIDGE * np.diag(np.var(shapes, axis=0)))
    offsets = _of_pairs(lung_shape, both) - shape_mean

    mirror_weights = _mirror_weights(differences)
    later = _of_pairs(halves, validation)
    scores = [*_held_out_scores(differences), *(row @ mirror_weights for row in later)]
    areas = [lung_area(view) for view in both if view.parts > 0]
    return QualityReference(
        chest_mean=chest_mean,
        chest_limit=_quantile(distances, 1 - TAIL),
        doubtful_limit=_quantile(distances, 1 - DOUBTFUL_TAIL),
        turn_weights=_turn_weights(np.array([film(view) for view in training])),
        mirror_weights=mirror_weights,
        mirror_limit=_quantile(scores, MIRROR_TAIL),
        shape_mean=shape_mean,
        shape_precision=precision,
        shape_limit=_quantile(np.sqrt(np.einsum("ij,jk,ik->i", offsets, precision, offsets)), 1 - TAIL),
        area_low=_quantile(areas, TAIL / 2),
        area_high=_quantile(areas, 1 - TAIL / 2),
        confidence_limit=_quantile([view.confidence for view in both], TAIL),
        origin=origin,
    )


def _quantile(values: Any, share: float) -> float:
    return float(np.quantile(values, share))


def _of_pairs(measure: Callable[[View], np.ndarray | None], views: Sequence[View]) -> np.ndarray:
    """A row of measurements for each radiograph with two lungs."""
    return np.array([values for values in map(measure, views) if values is not None])


def _discriminant(centre: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Fisher's linear discriminant between classes of one covariance, scaled to score 1 at ``centre``."""
    ridge = _RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    weights = np.linalg.solve(covariance + ridge, centre)
    return weights / (weights @ centre)


def _turn_weights(films: np.ndarray) -> np.ndarray:
    """Weights that tell upright films [N, W, H] from their seven turns (see :func:`turns`).

    All classes are turns of one another, so they share the covariance averaged over the four angles, and the best
    class is the turn whose score under this one discriminant is highest.
    """
    covariance = np.mean([_covariance(np.rot90(films, turn, (1, 2))) for turn in range(4)], axis=0)
    return _discriminant(films.mean(axis=0).ravel(), covariance).reshape(films.shape[1:])


def _covariance(arrays: np.ndarray) -> np.ndarray:
    return np.cov(arrays.reshape(len(arrays), -1).T)


def _mirror_weights(differences: np.ndarray) -> np.ndarray:
    return _discriminant(differences.mean(axis=0), _covariance(differences))


def _held_out_scores(differences: np.ndarray) -> np.ndarray:
    """The score of each row under weights found without it: those of the row itself would flatter."""
    fold = np.arange(len(differences)) % _FOLDS
    scores = np.empty(len(differences))
    for index in range(_FOLDS):
        scores[fold == index] = differences[fold == index] @ _mirror_weights(differences[fold != index])
    return scores
