"""Coarse pictures that are compared with those of the training list."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from .view import COARSE, View, coarse, standardised

#: Weights of the lung maps (values 0 to 1) beside the pictures (standard deviation 1).
_LUNGS_IN_CHEST = 3.0
_LUNGS_IN_HALVES = 4.0


def film(view: View) -> np.ndarray:
    """The coarse picture, standardised: [COARSE, COARSE]."""
    return standardised(coarse(view.picture))


def chest(view: View) -> np.ndarray:
    """The coarse picture and the coarse lung map in one vector of 2 * COARSE^2."""
    return np.concatenate([film(view).ravel(), _LUNGS_IN_CHEST * coarse(view.lungs).ravel()])


def halves(view: View) -> np.ndarray | None:
    """How the left half of the box around both lungs differs from the mirrored right half.

    Mirroring a radiograph changes the sign of every number, as far as the network outlines mirrored lungs alike.

    Returns:
        Differences of grey level and of lung probability in one vector of COARSE^2; None unless there are two lungs.
    """
    if view.parts < 2:
        return None
    x, y = np.nonzero(view.sides)
    box = np.s_[x.min() : x.max() + 1, y.min() : y.max() + 1]
    both = torch.from_numpy(np.stack([view.picture[box], view.lungs[box]]))
    picture, lungs = adaptive_avg_pool2d(both, COARSE).numpy()
    difference = np.stack([standardised(picture), _LUNGS_IN_HALVES * lungs])
    return (difference - difference[:, ::-1])[:, : COARSE // 2].ravel()


def turns(film: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How much a film looks like an upright radiograph when it is turned, and when its grey levels are turned over.

    Args:
        film: see :func:`film`.
        weights: linear discriminant [COARSE, COARSE]; upright radiographs score 1 on average.

    Returns:
        Eight scores: of the film turned by 0, 90, 180 and 270 degrees, and of its negative turned likewise.
    """
    scores = np.array([float((np.rot90(film, turn) * weights).sum()) for turn in range(4)])
    return np.concatenate([scores, -scores])
