"""The rule by which one study turned heat maps into weak box masks."""

from __future__ import annotations

import numpy as np
from monai.visualize import blend_images
from numpy.typing import NDArray

from .threshold import binarise

#: Share of the heat map in the overlay, and the evidence below which it is transparent (Kim et al., 2019).
ALPHA, TRANSPARENT_BELOW = 0.5, 0.2


def overlay_difference(image: NDArray[np.float32], evidence: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Binarised difference of a heat-map overlay and its radiograph (Rajaraman et al., Diagnostics 2021, 11(4):616).

    The study's flow chart shows the overlay minus the original, binarised, and the rectangle that encloses it. It
    prints neither colours nor threshold: here "jet", half transparent, and Otsu's threshold of the mean absolute
    difference over the colours. "jet" ends in dark red: on dark ground the strongest evidence differs less than what
    lies around it, so that the rectangle encloses it but for maxima at the edge of the image.

    Args:
        image: grey levels in [0, 1], [W, H].
        evidence: map in [0, 1], [W, H].

    Returns:
        Mask [W, H]; empty for a map without evidence.

    Raises:
        ValueError: arrays of different shape.
    """
    shown = np.where(evidence >= TRANSPARENT_BELOW, evidence, 0).astype(np.float32)
    grey = image.astype(np.float32)[None]
    overlay = blend_images(grey, shown[None], alpha=ALPHA, cmap="jet", rescale_arrays=False)
    return binarise(np.abs(overlay - grey).mean(0), "otsu")


def enclose(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The smallest filled rectangle around all of a mask."""
    filled = np.zeros_like(mask)
    if mask.any():
        x, y = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
        filled[x[0] : x[-1] + 1, y[0] : y[-1] + 1] = True
    return filled
