"""All figures of one predicted mask against its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .overlap import confusion_counts, dice_from_counts, iou_from_counts, mean_iou_from_counts
from .surface import surface_distances


@dataclass(frozen=True)
class SegmentationMetric:
    """How a figure of merit is named and read.

    Args:
        label: name in tables and charts.
        higher_is_better: which direction is good.
        uses_length: whether it depends on the unit of length, so that images measured in mm and images measured in
            pixels must not be averaged together.
        is_distance: whether the figure itself is a length; it is a ratio in [0, 1] otherwise.
    """

    label: str
    higher_is_better: bool
    uses_length: bool = False
    is_distance: bool = False


#: The figures that :func:`segmentation_metrics` returns, in the order of the tables.
SEGMENTATION_METRICS = {
    "dice": SegmentationMetric("Dice", higher_is_better=True),
    "iou": SegmentationMetric("IoU", higher_is_better=True),
    "miou": SegmentationMetric("two-class mIoU", higher_is_better=True),
    "hd95": SegmentationMetric("HD95", higher_is_better=False, uses_length=True, is_distance=True),
    "hd": SegmentationMetric("HD", higher_is_better=False, uses_length=True, is_distance=True),
    "assd": SegmentationMetric("ASSD", higher_is_better=False, uses_length=True, is_distance=True),
    "surface_dice": SegmentationMetric("surface Dice", higher_is_better=True, uses_length=True),
}


def segmentation_metrics(
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    *,
    spacing: Sequence[float] | None = None,
    tolerance: float | None = None,
) -> dict[str, float]:
    """Compare one predicted mask with its truth.

    Args:
        prediction: boolean mask.
        truth: boolean mask of the same shape.
        spacing: length of a pixel along each array axis, in the order of the axes ((y, x) for rows and columns).
        tolerance: distance that surface Dice forgives, in the unit of the spacing, in pixels without one; surface
            Dice is left out when None.

    Returns:
        The pixel counts ``tp``, ``fp``, ``fn``, ``tn`` and the figures of :data:`SEGMENTATION_METRICS`. Empty masks
        follow :func:`.overlap.dice_from_counts` and :class:`.surface.SurfaceDistances`; nothing is ever NaN.

    Raises:
        TypeError: a mask that is not boolean.
        ValueError: masks of different shape, or a wrong spacing or tolerance.
    """
    counts = confusion_counts(prediction, truth)
    tp, fp, fn, tn = counts
    distances = surface_distances(prediction, truth, spacing=spacing)
    values = {
        **counts._asdict(),
        "dice": float(dice_from_counts(tp, fp, fn)),
        "iou": float(iou_from_counts(tp, fp, fn)),
        "miou": float(mean_iou_from_counts(tp, fp, fn, tn)),
        "hd95": distances.hausdorff(95),
        "hd": distances.hausdorff(),
        "assd": distances.average(),
    }
    if tolerance is not None:
        values["surface_dice"] = distances.surface_dice(tolerance)
    return values
