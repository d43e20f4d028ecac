"""How much two binary masks overlap: Dice, intersection over union and two-class mean intersection over union."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class ConfusionCounts(NamedTuple):
    """Pixels of one image by predicted and true class."""

    tp: int
    fp: int
    fn: int
    tn: int


def confusion_counts(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> ConfusionCounts:
    """Count true and false positives and negatives.

    Exact for every size, where a sum in 32-bit floating point loses pixels above 16.7 million.

    Args:
        prediction: boolean mask of any shape.
        truth: boolean mask of the same shape.

    Raises:
        TypeError: a mask that is not boolean; 0/255 masks would be counted wrongly.
        ValueError: masks of different shape.
    """
    check_masks(prediction, truth)
    tp = int(np.count_nonzero(prediction & truth))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return ConfusionCounts(tp=tp, fp=fp, fn=fn, tn=truth.size - tp - fp - fn)


def dice_from_counts(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> NDArray[np.float64]:
    """Dice coefficient in [0, 1]; 1 for empty against empty, 0 for empty against non-empty."""
    tp, fp, fn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, fn))
    return _ratio(2 * tp, 2 * tp + fp + fn)


def iou_from_counts(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union in [0, 1]; 1 for empty against empty, 0 for empty against non-empty."""
    tp, fp, fn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, fn))
    return _ratio(tp, tp + fp + fn)


def mean_iou_from_counts(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike, tn: ArrayLike) -> NDArray[np.float64]:
    """Mean of the intersection over union of foreground and background, in [0, 1].

    From the counts of one image this is the image's value; from counts summed over a test set it is the pooled value
    that many publications print. A class that is absent from prediction and truth counts as found (1).
    """
    return (iou_from_counts(tp, fp, fn) + iou_from_counts(tn, fn, fp)) / 2


def check_masks(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> None:
    """Raise unless both arrays are boolean and of one shape."""
    for name, mask in (("prediction", prediction), ("truth", truth)):
        if mask.dtype != np.bool_:
            raise TypeError(f"the {name} must be a boolean mask, got {mask.dtype}; compare it with a threshold first")
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has the shape {prediction.shape}, the truth {truth.shape}")


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    empty = denominator == 0
    return np.where(empty, 1.0, numerator / np.where(empty, 1.0, denominator))
