"""Made-up truths and the raters that see them with known errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

Mask = NDArray[np.bool_]


def ellipse(shape: tuple[int, ...], centre: tuple[float, ...], radii: tuple[float, ...]) -> Mask:
    """A filled ellipse (ellipsoid) in pixels."""
    axes = np.ogrid[tuple(slice(0, side) for side in shape)]
    parts = ((axis - c) / r for axis, c, r in zip(axes, centre, radii, strict=True))
    return np.asarray(sum(part**2 for part in parts) < 1)


def two_lesions(side: int = 96) -> Mask:
    """A large and a small lesion."""
    large = ellipse((side, side), (side * 0.4, side * 0.35), (side * 0.15, side * 0.1))
    return large | ellipse((side, side), (side * 0.6, side * 0.7), (side * 0.07, side * 0.07))


def outline_reader(truth: Mask, error: float, seed: int) -> Mask:
    """A reader whose outline wanders about the true one by ``error`` pixels (standard deviation)."""
    distance = distance_transform_edt(truth) - distance_transform_edt(~truth)
    wander = gaussian_filter(np.random.default_rng(seed).normal(size=truth.shape), truth.shape[0] / 30)
    return np.asarray(distance + error * wander / wander.std() > 0)


def flipping_raters(truth: Mask, sensitivity: list[float], specificity: list[float], seed: int = 0) -> Mask:
    """Raters that err at each pixel by itself, as STAPLE assumes: [R, ...]."""
    random = np.random.default_rng(seed)
    raters = []
    for hit, reject in zip(sensitivity, specificity, strict=True):
        chance = random.random(truth.shape)
        raters.append(np.where(truth, chance < hit, chance >= reject))
    return np.stack(raters)
