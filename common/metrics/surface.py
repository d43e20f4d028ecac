"""Distances between the outlines of two binary masks: Hausdorff, average surface distance, surface Dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from monai.metrics import get_mask_edges, get_surface_distance
from numpy.typing import NDArray

from .overlap import check_masks


@dataclass(frozen=True)
class SurfaceDistances:
    """Distance of every outline pixel of one mask to the outline of the other.

    MONAI's `compute_hausdorff_distance`, `compute_average_surface_distance` and `compute_surface_dice` each search
    these distances anew; here they are searched once and give the same values.

    Empty masks have no outline, and leaving such images out of a mean would reward a method that finds nothing. So
    empty against empty is perfect agreement (distance 0, surface Dice 1), and exactly one empty mask counts as the
    largest distance that the image can hold, its diagonal.

    Args:
        prediction_to_truth: distances from the outline of the prediction; shape [N].
        truth_to_prediction: distances from the outline of the truth; shape [M].
    """

    prediction_to_truth: NDArray[np.float64]
    truth_to_prediction: NDArray[np.float64]

    def hausdorff(self, percentile: float = 100.0) -> float:
        """The larger of the two directed Hausdorff distances, each at a percentile in (0, 100]."""
        if not 0 < percentile <= 100:
            raise ValueError(f"the percentile must lie in (0, 100], got {percentile}")
        directed = (self.prediction_to_truth, self.truth_to_prediction)
        return max((float(np.percentile(d, percentile)) for d in directed if d.size), default=0.0)

    def average(self) -> float:
        """Average symmetric surface distance: mean over the outline pixels of both masks."""
        both = np.concatenate([self.prediction_to_truth, self.truth_to_prediction])
        return float(both.mean()) if both.size else 0.0

    def surface_dice(self, tolerance: float) -> float:
        """Share of the outline pixels of both masks that lie within a tolerance of the other outline."""
        if not (np.isfinite(tolerance) and tolerance >= 0):
            raise ValueError(f"the tolerance must be a finite distance, at least 0, got {tolerance}")
        both = np.concatenate([self.prediction_to_truth, self.truth_to_prediction])
        return float((both <= tolerance).mean()) if both.size else 1.0


def surface_distances(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], *, spacing: Sequence[float] | None = None
) -> SurfaceDistances:
    """Distances between two outlines.

    The outline of a mask is its pixels with a face neighbour outside the mask; beyond the image counts as outside.

    Args:
        prediction: boolean mask of any number of dimensions.
        truth: boolean mask of the same shape.
        spacing: length of a pixel along each array axis, in the order of the axes: (y, x) for an array of rows and
            columns, (x, y) for MONAI's spatial order. Distances come in the same unit; in pixels without it.

    Raises:
        TypeError: a mask that is not boolean.
        ValueError: masks of different shape; a spacing that does not fit the number of axes or is not positive.
    """
    check_masks(prediction, truth)
    step = np.ones(truth.ndim) if spacing is None else np.asarray(spacing, dtype=np.float64)
    if step.shape != (truth.ndim,) or not (np.isfinite(step).all() and (step > 0).all()):
        raise ValueError(f"spacing must be {truth.ndim} positive lengths, one an axis, got {spacing}")
    none = np.empty(0)
    found, real = bool(prediction.any()), bool(truth.any())
    if not (found and real):
        diagonal = np.array([np.linalg.norm((np.array(truth.shape) - 1) * step)])
        return SurfaceDistances(diagonal if found else none, diagonal if real else none)
    # Cropping to the foreground first costs more than it saves where lungs fill most of the picture.
    edges, true_edges = get_mask_edges(prediction, truth, crop=False)
    return SurfaceDistances(
        np.asarray(get_surface_distance(edges, true_edges, spacing=step), dtype=np.float64),
        np.asarray(get_surface_distance(true_edges, edges, spacing=step), dtype=np.float64),
    )
