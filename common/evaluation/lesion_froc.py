"""FROC of lesions under the hit rule, with intervals that draw patients, and the points of its curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..metrics import detection_curve, froc, froc_score
from ..metrics.boxes import OVERLAP_THRESHOLDS
from ..metrics.detection import FALSE_POSITIVE_RATES
from .bootstrap import group_codes
from .detection_figures import RankedRegions
from .lesion_figures import AGAIN, HIT
from .localization_figures import threshold_name
from .resampling import draw_weights, varied_quantiles
from .summary import patients

FROC_COLUMNS = ("figure", "rate", "images", "boxes", "lesions", "estimate", "low", "high")

#: Figures of :func:`lesion_froc`.
SENSITIVITY, MEAN, EVERY, FALSE_RATE = "sensitivity", "mean sensitivity", "sensitivity of all", "false positives"


def lesion_froc(
    images: pd.DataFrame, lesions: pd.DataFrame, *, repeats: int = 2000, seed: int = 0
) -> list[dict[str, Any]]:
    """Sensitivity by false positives an image, with 95 % intervals.

    Args:
        images: compared images: ``image``, ``boxes``, ``false_positives`` and what :func:`.summary.patients` needs; one
            row at least.
        lesions: lesions of these images: ``image``, ``score`` and ``outcome``.
        repeats: bootstrap repeats.
        seed: seed of the bootstrap.

    Returns:
        Rows with :data:`FROC_COLUMNS`. ``figure`` is "sensitivity" at ``rate`` false positives an image, which is NaN
        for the others; "mean sensitivity" over these rates; "sensitivity of all" lesions whatever their score; and
        "false positives" an image, of all lesions too. Percentile intervals, NaN where all draws agree; sensitivities
        are NaN where nothing is to be found.
    """
    ranked = ranked_lesions(images, lesions)
    false = images["false_positives"].to_numpy(dtype=np.float64)
    counted = lesions[lesions["outcome"] != AGAIN]
    hits, boxes = counted["outcome"] == HIT, int(images["boxes"].sum())
    scores = counted["score"].to_numpy(dtype=np.float64)
    codes = group_codes(patients(images), len(images))
    drawn = np.stack(
        [
            np.append(froc_figures(ranked, weights), weights @ false / weights.sum())
            for weights in draw_weights(codes, repeats, seed)
        ]
    )
    # Apart, because a draw without true boxes has no sensitivity, but false positives.
    ends = np.concatenate([varied_quantiles(part, 0.95) for part in (drawn[:, :-1], drawn[:, -1:])], axis=1)
    truth = (scores, hits, boxes, len(images))
    found = float(hits.sum()) / boxes if boxes else np.nan
    estimates = [
        *((SENSITIVITY, rate, float(value)) for rate, value in zip(FALSE_POSITIVE_RATES, froc(*truth), strict=True)),
        *((MEAN, np.nan, froc_score(*truth)), (EVERY, np.nan, found), (FALSE_RATE, np.nan, float(false.mean()))),
    ]
    rows = []
    for (name, rate, estimate), low, high in zip(estimates, *ends, strict=True):
        values = (name, rate, len(images), boxes, len(lesions), estimate, float(low), float(high))
        rows.append(dict(zip(FROC_COLUMNS, values, strict=True)))
    return rows


def ranked_lesions(images: pd.DataFrame, lesions: pd.DataFrame) -> RankedRegions:
    """Hits and false positives, ready for any weights of the images; see :func:`lesion_froc`."""
    counted = lesions[lesions["outcome"] != AGAIN]
    hits = (counted["outcome"] == HIT).to_numpy(dtype=bool)[None]
    return RankedRegions(counted["score"], hits, owners(images, counted), images["boxes"])


def owners(images: pd.DataFrame, lesions: pd.DataFrame) -> np.ndarray:
    """Number of the image of each lesion, shape [N]."""
    place = {image: number for number, image in enumerate(images["image"])}
    return lesions["image"].map(place).to_numpy(dtype=np.intp)


def froc_figures(ranked: RankedRegions, weights: np.ndarray) -> np.ndarray:
    """Sensitivity at each rate, their mean, and the sensitivity of all, when image i counts ``weights[i]``."""
    every, _, *rates = ranked.figures(weights, FALSE_POSITIVE_RATES)[0]
    return np.array([*rates, np.mean(rates), every])


def froc_curve(images: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """Points of the FROC curve under the hit rule: ``threshold``, ``sensitivity`` and ``false_positives`` an image."""
    counted = lesions[lesions["outcome"] != AGAIN]
    curve = detection_curve(counted["score"], counted["outcome"] == HIT, int(images["boxes"].sum()), len(images))
    columns = {"threshold": curve.thresholds, "sensitivity": curve.sensitivity}
    return pd.DataFrame({**columns, "false_positives": curve.false_positives})


def precision_recall(images: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """Points of the precision-recall curves of boxes.

    Args:
        images: see :func:`lesion_froc`.
        lesions: see :func:`lesion_froc`; also ``hit_X``.

    Returns:
        ``iou``, ``threshold``, ``recall``, ``precision``, and ``best_precision`` at this or any higher recall: the area
        below it is the average precision.
    """
    parts = []
    for overlap in OVERLAP_THRESHOLDS:
        hits = lesions[threshold_name("hit", overlap)].astype(bool)
        curve = detection_curve(lesions["score"], hits, int(images["boxes"].sum()), len(images))
        columns = {"iou": overlap, "threshold": curve.thresholds, "recall": curve.sensitivity}
        best = np.maximum.accumulate(curve.precision[::-1])[::-1]
        parts.append(pd.DataFrame({**columns, "precision": curve.precision, "best_precision": best}))
    return pd.concat(parts, ignore_index=True)
