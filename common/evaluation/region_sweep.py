"""Regions of one saved evidence map by many rules, measured against the true boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..localization import FindRegions, binarise, fill_boxes, find_regions
from ..localization.regions import dilate
from ..metrics import confusion_counts
from ..metrics.box_masks import FIGURES as MASK_FIGURES

#: Values that are tried for each rule of :func:`common.localization.binarise`; Otsu's finds its own.
VALUES: dict[str, tuple[float | None, ...]] = {
    "fraction": tuple(round(0.1 + 0.05 * step, 2) for step in range(15)),
    "percentile": (70, 75, 80, 85, 90, 92.5, 95, 97.5),
    "otsu": (None,),
    "value": tuple(round(0.1 + 0.1 * step, 1) for step in range(8)),
}

#: Least areas of a region that are tried, as a fraction of the image.
MIN_AREAS = (0.0, 0.0025, 0.005, 0.01, 0.02)

SWEPT_FIGURES = (*MASK_FIGURES, "regions")

#: As inference finds regions.
_LIMITS = FindRegions().limits


class RegionRule(NamedTuple):
    """How regions are made of a map, by the ids of ``localize.yaml``."""

    region_rule: str
    region_value: float | None
    min_region_area: float


RULES = tuple(RegionRule(rule, value, area) for rule in VALUES for value in VALUES[rule] for area in MIN_AREAS)


def sweep(
    evidence: NDArray[np.float32], truth: NDArray[np.float64], lungs: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    """Figures of one image by every rule.

    Args:
        evidence: map [W, H].
        truth: true boxes (x, y, w, h), shape [M, 4].
        lungs: mask [W, H] outside of which regions are dropped as inference does; None keeps them anywhere.

    Returns:
        Shape [rules, figures], in the order of :data:`RULES` and :data:`SWEPT_FIGURES`.
    """
    filled = fill_boxes(truth.tolist(), evidence.shape)
    allowed = None if lungs is None else dilate(lungs, _LIMITS["lung_margin"])
    rows = []
    for rule, values in VALUES.items():
        for value in values:
            mask = binarise(evidence, rule, value)
            for area in MIN_AREAS:
                # The lungs are enlarged already.
                limits = {"lung_margin": 0.0, "min_inside": _LIMITS["min_inside"], "min_area": area}
                boxes = [region.box for region in find_regions(mask, evidence, lungs=allowed, **limits)]
                rows.append(box_figures(boxes, filled))
    return np.array(rows)


def box_figures(boxes: Sequence[Sequence[float]], filled: NDArray[np.bool_]) -> list[float]:
    """:data:`SWEPT_FIGURES` of found boxes against the filled true boxes [W, H]."""
    counts = confusion_counts(fill_boxes(boxes, filled.shape), filled)
    return [*(float(figure(*counts[:3])) for figure in MASK_FIGURES.values()), float(len(boxes))]
