"""The figures of lesion segmentation on one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..localization import Region, fill_boxes
from ..metrics import (
    HitRule,
    box_overlap,
    confusion_counts,
    dice_from_counts,
    iou_from_counts,
    lesion_hits,
    match_boxes,
    mean_iou_from_counts,
)
from ..metrics.boxes import OVERLAP_THRESHOLDS
from .bootstrap import POSITIVE, SHARE
from .localization_figures import threshold_name
from .localization_summary import ALL, WITH_BOXES

#: What is true of an image without true boxes: no TB; or TB that nobody has drawn a box around.
NORMAL, NO_BOXES = "normal", "no boxes"


class LesionFigure(NamedTuple):
    """A figure that an image has.

    Args:
        label: what it is called in tables and charts.
        images: which images it is defined on: "all", "with boxes" or "normal".
        higher_is_better: whether high or low values are good; None where neither is, and runs are not compared by it.
        limits: lowest and highest value.
    """

    label: str
    images: str
    higher_is_better: bool | None
    limits: tuple[float, float] = SHARE


#: By column of the table of images. Areas are shares of the image unless it is said otherwise.
LESION_FIGURES = {
    "dice": LesionFigure("Dice", ALL, True),
    "iou": LesionFigure("IoU", ALL, True),
    "miou": LesionFigure("two-class mIoU", ALL, True),
    "found": LesionFigure("true boxes found", WITH_BOXES, True),
    "false_positives": LesionFigure("false positive lesions", ALL, False, POSITIVE),
    "lesions": LesionFigure("lesions", ALL, None, POSITIVE),
    "predicted_area": LesionFigure("predicted area", ALL, None),
    "true_area": LesionFigure("true area", ALL, None),
    "area_error": LesionFigure("area error", ALL, None, (-1.0, 1.0)),
    "area_error_absolute": LesionFigure("absolute area error", ALL, False),
    "area_error_relative": LesionFigure("relative area error", WITH_BOXES, None, (-1.0, np.inf)),
    "false_positive_share": LesionFigure("false positive area, share of the lungs", NORMAL, False, POSITIVE),
    "any_false_positive": LesionFigure("share with any false positive", NORMAL, False),
}

#: What becomes of a predicted lesion under the hit rule; "again" is one more on a true box that is found already.
HIT, FALSE, AGAIN = "hit", "false positive", "again"

LESION_COLUMNS = (
    *("x", "y", "w", "h", "score", "iou"),
    *(threshold_name("hit", threshold) for threshold in OVERLAP_THRESHOLDS),
    "outcome",
)


def lesion_figures(
    mask: NDArray[np.bool_],
    lesions: Sequence[Region],
    truth: NDArray[np.float64],
    *,
    rule: HitRule,
    normal: bool,
    lung_area: float,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare the lesions of one image with its true boxes.

    Args:
        mask: predicted lesions, [W, H].
        lesions: their boxes with scores.
        truth: true boxes (x, y, w, h), shape [M, 4]; filled boxes are the true mask.
        rule: which lesions are hits, see :func:`common.metrics.lesion_hits`.
        normal: whether the image shows no TB.
        lung_area: lungs as a share of the image; NaN where not known.

    Returns:
        The pixel counts ``tp``, ``fp``, ``fn``, ``tn`` and :data:`LESION_FIGURES`, NaN where not defined: errors of
        area are predicted minus true, the relative one over the true area; false positive area is all that is
        predicted on a normal image, also outside the lungs, over their area. And one row a lesion with
        :data:`LESION_COLUMNS`: ``iou`` is the highest with any true box, ``hit_X`` whether it is the one that finds a
        true box at an IoU of X (:func:`common.metrics.match_boxes`).

    Raises:
        ValueError: boxes or scores of another form.
    """
    counts = confusion_counts(mask, fill_boxes(truth.tolist(), mask.shape))
    tp, fp, fn, tn = counts
    boxes = np.array([lesion.box for lesion in lesions], dtype=np.float64).reshape(-1, 4)
    scores = [lesion.score for lesion in lesions]
    judged = lesion_hits(boxes, scores, truth, rule)
    error = (fp - fn) / mask.size
    figures: dict[str, Any] = {
        **counts._asdict(),
        "dice": float(dice_from_counts(tp, fp, fn)),
        "iou": float(iou_from_counts(tp, fp, fn)),
        "miou": float(mean_iou_from_counts(tp, fp, fn, tn)),
        "found": float(judged.hits.sum()) / len(truth) if len(truth) else np.nan,
        "false_positives": int(judged.false.sum()),
        "lesions": len(lesions),
        "predicted_area": (tp + fp) / mask.size,
        "true_area": (tp + fn) / mask.size,
        "area_error": error,
        "area_error_absolute": abs(error),
        "area_error_relative": (fp - fn) / (tp + fn) if tp + fn else np.nan,
        "false_positive_share": (tp + fp) / mask.size / lung_area if normal else np.nan,
        "any_false_positive": float(mask.any()) if normal else np.nan,
    }
    hits = match_boxes(boxes, scores, truth)
    best = box_overlap(boxes, truth).max(axis=1, initial=0)
    outcomes = np.select([judged.hits, judged.false], [HIT, FALSE], AGAIN)
    rows = [
        dict(zip(LESION_COLUMNS, (*lesion.box, lesion.score, overlap, *map(int, row), str(outcome)), strict=True))
        for lesion, overlap, row, outcome in zip(lesions, best, hits.T, outcomes, strict=True)
    ]
    return figures, rows
