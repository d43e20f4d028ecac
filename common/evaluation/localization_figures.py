"""The figures of localisation on one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..localization import Region, fill_boxes
from ..metrics import box_overlap, confusion_counts, evidence_share, hit_rate, match_boxes, pointing_game
from ..metrics.box_masks import FIGURES as MASK_FIGURES
from ..metrics.boxes import OVERLAP_THRESHOLDS


class ImageFigure(NamedTuple):
    """A figure that every image has.

    Args:
        label: what it is called in tables and charts.
        needs_boxes: whether it is not defined where there is nothing to find.
        higher_is_better: whether two runs can be compared by it.
    """

    label: str
    needs_boxes: bool
    higher_is_better: bool


def threshold_name(prefix: str, threshold: float) -> str:
    """Name of a figure at an overlap, such as ``hit_rate_0.1``."""
    return f"{prefix}_{threshold:g}"


#: By column of the table of images. ``regions`` counts them; ``region_area`` is the share of the image that they fill.
IMAGE_FIGURES = {
    "pointing": ImageFigure("pointing game", True, True),
    "evidence_share": ImageFigure("evidence inside the truth", True, True),
    "dice": ImageFigure("Dice", False, True),
    "iou": ImageFigure("IoU", False, True),
    "iobb": ImageFigure("IoBB", False, True),
    **{
        threshold_name("hit_rate", threshold): ImageFigure(f"boxes found, IoU {threshold:g}", True, True)
        for threshold in OVERLAP_THRESHOLDS
    },
    "regions": ImageFigure("regions", False, False),
    "region_area": ImageFigure("area of the regions", False, False),
}

REGION_COLUMNS = ("x", "y", "w", "h", "score", "iou", *(threshold_name("hit", t) for t in OVERLAP_THRESHOLDS))


def image_figures(
    evidence: NDArray[np.float32] | None,
    regions: Sequence[Region],
    region_mask: NDArray[np.bool_],
    truth: NDArray[np.float64],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare what was found on one image with its true boxes.

    Args:
        evidence: map [W, H]; None where none was saved.
        regions: found boxes with scores.
        region_mask: what they fill, [W, H].
        truth: true boxes (x, y, w, h), shape [M, 4].

    Returns:
        ``boxes`` (how many true ones) and :data:`IMAGE_FIGURES`, NaN where not defined; and one row a region with
        :data:`REGION_COLUMNS`: ``iou`` is the highest with any true box, ``hit_X`` whether it is the one that finds a
        true box at an IoU of X (:func:`common.metrics.match_boxes`).

    Raises:
        ValueError: map and mask of different size.
    """
    if evidence is not None and evidence.shape != region_mask.shape:
        raise ValueError(f"its evidence map has {evidence.shape} pixels, its mask of regions {region_mask.shape}")
    boxes = np.array([region.box for region in regions], dtype=np.float64).reshape(-1, 4)
    hits = match_boxes(boxes, [region.score for region in regions], truth)
    counts = confusion_counts(region_mask, fill_boxes(truth.tolist(), region_mask.shape))
    figures: dict[str, Any] = {
        "boxes": len(truth),
        "pointing": np.nan if evidence is None else pointing_game(evidence, truth),
        "evidence_share": np.nan if evidence is None else evidence_share(evidence, truth),
        **{name: float(figure(*counts[:3])) for name, figure in MASK_FIGURES.items()},
        "regions": len(regions),
        "region_area": (counts.tp + counts.fp) / region_mask.size,
    }
    for threshold, row in zip(OVERLAP_THRESHOLDS, hits, strict=True):
        figures[threshold_name("hit_rate", threshold)] = hit_rate(row, len(truth))
    best = box_overlap(boxes, truth).max(axis=1, initial=0)
    found = [
        dict(zip(REGION_COLUMNS, (*region.box, region.score, overlap, *map(int, row)), strict=True))
        for region, overlap, row in zip(regions, best, hits.T, strict=True)
    ]
    return figures, found
