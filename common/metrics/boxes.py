"""Overlap of boxes, and which found box finds which true one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: ``iou``: intersection over union; ``iobb``: intersection over the found box (Wang et al., CVPR 2017, section 4.2).
OVERLAPS = ("iou", "iobb")

#: Thresholds at which found boxes are judged.
OVERLAP_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def box_overlap(found: ArrayLike, truth: ArrayLike, kind: str = "iou") -> NDArray[np.float64]:
    """Overlap of every found box with every true one.

    `monai.data.box_utils.box_iou` adds a small number to the union in single precision, so that an overlap of exactly
    one half misses a threshold of 0.5.

    Args:
        found: boxes (x, y, w, h), shape [N, 4].
        truth: boxes (x, y, w, h), shape [M, 4].
        kind: one of :data:`OVERLAPS`.

    Returns:
        Shape [N, M], values in [0, 1]; 0 where both boxes are without area.

    Raises:
        ValueError: an array of another shape, a width or height below 0, values that are no numbers, or an unknown
            kind.
    """
    a, b = as_boxes(found)[:, None], as_boxes(truth)[None]
    if kind not in OVERLAPS:
        raise ValueError(f"overlap {kind!r}: choose one of {', '.join(OVERLAPS)}")
    upper = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    intersection = (upper - np.maximum(a[..., :2], b[..., :2])).clip(0).prod(-1)
    whole = a[..., 2:].prod(-1) + (b[..., 2:].prod(-1) - intersection if kind == "iou" else 0)
    return np.divide(intersection, whole, out=np.zeros_like(intersection), where=whole > 0)


def match_boxes(
    found: ArrayLike,
    scores: ArrayLike,
    truth: ArrayLike,
    thresholds: Sequence[float] = OVERLAP_THRESHOLDS,
    kind: str = "iou",
) -> NDArray[np.bool_]:
    """Which found boxes are hits, one found box for one true box.

    By falling score each found box takes, among the true boxes that are still free, the one it overlaps most, if that
    reaches the threshold (the rule of the COCO evaluation). A second box on the same lesion is a false positive.

    Args:
        found: boxes (x, y, w, h), shape [N, 4].
        scores: shape [N]; of equal ones the first goes first.
        truth: boxes (x, y, w, h), shape [M, 4].
        thresholds: T overlaps from which a box counts as found.
        kind: see :func:`box_overlap`.

    Returns:
        Shape [T, N], in the order of ``found``.

    Raises:
        ValueError: as :func:`box_overlap`; scores that are not [N].
    """
    overlap = box_overlap(found, truth, kind)
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (len(overlap),):
        raise ValueError(f"{len(overlap)} boxes need as many scores, got the shape {values.shape}")
    hits = np.zeros((len(thresholds), len(overlap)), dtype=bool)
    for row, threshold in zip(hits, thresholds, strict=True):
        free = np.ones(overlap.shape[1], dtype=bool)
        for index in np.argsort(-values, kind="stable"):
            candidates = np.where(free, overlap[index], -1)
            if free.any() and candidates.max() >= threshold:
                free[candidates.argmax()] = False
                row[index] = True
    return hits


def as_boxes(boxes: ArrayLike) -> NDArray[np.float64]:
    """Boxes (x, y, w, h) as [N, 4]; raises a ValueError for other shapes and impossible values."""
    array = np.asarray(boxes, dtype=np.float64)
    array = array.reshape(0, 4) if array.size == 0 else array
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes must be [N, 4] (x, y, w, h), got the shape {array.shape}")
    if not np.isfinite(array).all() or (array[:, 2:] < 0).any():
        raise ValueError("boxes must be finite numbers (x, y, w, h) with w and h at least 0")
    return array
