"""The part of an image that tells readers apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter


def disputed_region(disputed: NDArray[np.bool_], marked: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    """The pixels on which raters differ, and those around them.

    Far background is unanimous in every image. Counted, it makes every specificity nearly 1 and the prior nearly 0,
    so that the consensus depends on how much of the patient the image shows. Without any unanimous pixels, on the other
    hand, few raters cannot be told apart at all: among two, every disputed pixel is one against one. A margin that
    grows with the marked area, not with the image, takes in unanimous pixels from both sides of the border.

    Args:
        disputed: true where raters differ, of any number of axes.
        marked: true where any rater marked something, of the same shape.
        margin: how far around a disputed pixel the region reaches, along each axis, as a fraction of the side of a
            square (cube) as large as the marked area; 0 keeps the disputed pixels alone.

    Returns:
        True in the region; of the same shape. Empty when nothing is disputed.
    """
    reach = round(margin * np.count_nonzero(marked) ** (1 / disputed.ndim))
    if reach == 0 or not disputed.any():
        return disputed
    # Only the box around the disputed pixels has to be filtered, which is what makes large images cheap.
    box = tuple(_extent(disputed, axis, reach) for axis in range(disputed.ndim))
    region = np.zeros_like(disputed)
    region[box] = maximum_filter(disputed[box].view(np.uint8), size=2 * reach + 1, mode="constant").view(np.bool_)
    return region


def bounding_box(inside: NDArray[np.bool_]) -> tuple[slice, ...]:
    """The smallest box, one slice an axis, that holds all true elements, of which there is at least one."""
    return tuple(_extent(inside, axis, 0) for axis in range(inside.ndim))


def _extent(inside: NDArray[np.bool_], axis: int, reach: int) -> slice:
    others = tuple(other for other in range(inside.ndim) if other != axis)
    found = np.flatnonzero(inside.any(axis=others))
    return slice(max(0, int(found[0]) - reach), min(inside.shape[axis], int(found[-1]) + reach + 1))
