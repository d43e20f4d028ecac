"""Which found boxes count as hits of lesions, for FROC."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .boxes import as_boxes, match_boxes

#: Hit rule by the place of the found box alone; the other rule is a number, the least IoU.
CENTRE = "centre"

#: IoU from which a found box is a hit unless another rule is asked for.
HIT_IOU = 0.2

HitRule = float | str


class LesionHits(NamedTuple):
    """What each of N found boxes is; a box that is neither is another one on a lesion that was found already.

    Args:
        hits: the one that finds a true box, shape [N].
        false: false positives, shape [N].
    """

    hits: NDArray[np.bool_]
    false: NDArray[np.bool_]


def parse_hit_rule(text: str | float) -> HitRule:
    """A hit rule: an IoU above 0 and at most 1, or "centre".

    Raises:
        ValueError: anything else.
    """
    if text == CENTRE:
        return CENTRE
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise ValueError(f"hit rule {text}: an IoU above 0 and at most 1, or {CENTRE}, is accepted")
    return value


def hit_rule_text(rule: HitRule) -> str:
    """The rule in words."""
    return "centre in a true box" if rule == CENTRE else f"IoU {float(rule):g} or more with a true box"


def lesion_hits(found: ArrayLike, scores: ArrayLike, truth: ArrayLike, rule: HitRule = HIT_IOU) -> LesionHits:
    """Judge the found boxes of one image.

    By IoU, each found box by falling score takes the free true box that it overlaps most, and every other is a false
    positive (:func:`.boxes.match_boxes`). By centre, a found box is a hit if its centre lies in a true box that is
    still free (of several, the one whose centre is nearest), a false positive if it lies in none, and counts for
    nothing in one that was found already, as in `monai.metrics.compute_fp_tp_probs` and in the LUNA16 and CAMELYON16
    challenges.

    Args:
        found: boxes (x, y, w, h), shape [N, 4].
        scores: shape [N]; of equal ones the first goes first.
        truth: boxes (x, y, w, h), shape [M, 4]; a box holds its left and upper edge, not the others.
        rule: least IoU, or "centre".

    Raises:
        ValueError: see :func:`parse_hit_rule` and :func:`.boxes.match_boxes`.
    """
    rule = parse_hit_rule(rule)
    if rule != CENTRE:
        hits = match_boxes(found, scores, truth, [float(rule)])[0]
        return LesionHits(hits, ~hits)
    boxes, true = as_boxes(found), as_boxes(truth)
    values = np.asarray(scores, dtype=np.float64)
    if values.shape != (len(boxes),):
        raise ValueError(f"{len(boxes)} boxes need as many scores, got the shape {values.shape}")
    points = (boxes[:, :2] + boxes[:, 2:] / 2)[:, None]
    start, end = true[None, :, :2], true[None, :, :2] + true[None, :, 2:]
    inside: NDArray[np.bool_] = np.asarray(((points >= start) & (points < end)).all(axis=-1))
    distance = np.linalg.norm(points - (start + end) / 2, axis=-1)
    hits = np.zeros(len(boxes), dtype=bool)
    free = np.ones(len(true), dtype=bool)
    for index in np.argsort(-values, kind="stable"):
        if (inside[index] & free).any():
            free[np.where(inside[index] & free, distance[index], np.inf).argmin()] = False
            hits[index] = True
    return LesionHits(hits, np.asarray(~inside.any(axis=1)))
