"""The rules: from what is measured on a radiograph to the words that warn of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .likeness import chest, film, halves, turns
from .reference import QualityReference
from .shape import lung_shape
from .view import View

#: Where one grey level takes this share of the picture, the stretch of grey levels has nothing to stretch.
EVEN = 0.9
#: A film counts as turned when it scores above this, halfway between nothing (0) and an upright radiograph (1).
TURNED = 0.5


@dataclass(frozen=True)
class Quality:
    """What the rules say of one radiograph.

    Attributes:
        flags: words, in the order of `FLAGS`.
        confidence: see :func:`common.quality.lung_confidence`.
        chest_distance: distance from the mean training radiograph; 1 is the limit of ``not_frontal_chest`` where the
            confidence is not low.
    """

    flags: tuple[str, ...]
    confidence: float
    chest_distance: float


def assess(view: View, reference: QualityReference) -> Quality:
    """Apply all rules."""
    distance = chest_distance(view, reference)
    turned = _turned(view, reference)
    unsure = view.confidence < reference.confidence_limit
    strange = distance > (reference.doubtful_limit if unsure else reference.chest_limit)
    # On a picture that is no upright radiograph the halves say nothing about mirroring.
    upright = not strange and not any(turned.values())
    found = {
        "low_contrast": view.evenness >= EVEN,
        "no_lungs": view.parts == 0,
        "one_lung": view.parts == 1,
        "unusual_lung_area": view.parts > 0 and not reference.area_low <= lung_area(view) <= reference.area_high,
        "unusual_lung_shape": shape_distance(view, reference) > reference.shape_limit,
        "low_confidence": unsure,
        "not_frontal_chest": strange,
        **turned,
        "maybe_mirrored": upright and mirror_score(view, reference) < reference.mirror_limit,
    }
    return Quality(
        tuple(word for word, applies in found.items() if applies), view.confidence, distance / reference.chest_limit
    )


def lung_area(view: View) -> float:
    """Lung area as a fraction of the picture."""
    return float((view.sides > 0).mean())


def chest_distance(view: View, reference: QualityReference) -> float:
    """Root mean square difference between a picture with its lungs and the mean of the training list."""
    return float(np.sqrt(np.mean(np.square(chest(view) - reference.chest_mean))))


def shape_distance(view: View, reference: QualityReference) -> float:
    """Mahalanobis distance of the form of the lungs from that of the training list; 0 unless there are two lungs."""
    shape = lung_shape(view)
    if shape is None:
        return 0.0
    offset = shape - reference.shape_mean
    return float(np.sqrt(offset @ reference.shape_precision @ offset))


def mirror_score(view: View, reference: QualityReference) -> float:
    """About 1 for a radiograph as it should be and -1 for a mirrored one; 1 unless there are two lungs."""
    difference = halves(view)
    return 1.0 if difference is None else float(difference @ reference.mirror_weights)


def _turned(view: View, reference: QualityReference) -> dict[str, bool]:
    scores = turns(film(view), reference.turn_weights)
    best = int(scores.argmax())
    clear = scores[best] > TURNED
    return {
        "upside_down": clear and best % 4 == 2,
        "sideways": clear and best % 2 == 1,
        "maybe_inverted": clear and best >= 4,
    }


#: All words, in the order in which they are given.
FLAGS = (
    "low_contrast",
    "no_lungs",
    "one_lung",
    "unusual_lung_area",
    "unusual_lung_shape",
    "low_confidence",
    "not_frontal_chest",
    "upside_down",
    "sideways",
    "maybe_inverted",
    "maybe_mirrored",
)
