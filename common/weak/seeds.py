"""From class evidence to seeds: pixels that are surely background, surely a class, or left open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .dense_crf import CRFSettings, dense_crf

BACKGROUND, IGNORED = 0, 255
#: Evidence, of the strongest in the image, from which a pixel is surely a class, and below which surely none.
FOREGROUND_LEVEL, BACKGROUND_LEVEL = 0.30, 0.05


def label_above(maps: NDArray[np.floating], level: float) -> NDArray[np.uint8]:
    """The strongest class of each pixel, 1 to K, where its evidence exceeds ``level``; else 0.

    Args:
        maps: evidence of each class, shape [K, W, H], values in [0, 1].
        level: the background's.

    Returns:
        Shape [W, H].
    """
    strongest = maps.max(axis=0)
    return np.where(strongest > level, maps.argmax(axis=0) + 1, BACKGROUND).astype(np.uint8)


def combine(sure: NDArray[np.uint8], possible: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Seeds from two label maps: a class where ``sure`` says one, background where both say so, else ignored.

    Args:
        sure: labels by the high level, shape [W, H].
        possible: labels by the low level, same shape.

    Returns:
        Shape [W, H]: 0, a class from 1 on, or 255.
    """
    open_or_none = np.where(possible == BACKGROUND, BACKGROUND, IGNORED)
    return np.where(sure != BACKGROUND, sure, open_or_none).astype(np.uint8)


def evidence_seeds(
    maps: NDArray[np.floating],
    foreground: float = FOREGROUND_LEVEL,
    background: float = BACKGROUND_LEVEL,
) -> NDArray[np.uint8]:
    """Seeds by the two levels alone; arguments as those of :func:`refined_seeds`."""
    return combine(label_above(maps, foreground), label_above(maps, background))


def refined_seeds(
    image: NDArray[np.uint8],
    maps: NDArray[np.floating],
    foreground: float = FOREGROUND_LEVEL,
    background: float = BACKGROUND_LEVEL,
    settings: CRFSettings | None = None,
    engine: str = "auto",
) -> NDArray[np.uint8]:
    """Seeds by two levels, each of whose label maps a dense CRF draws to the outlines of the image first.

    The order of IRNet's code (Ahn et al., CVPR 2019), which Viniavskyi et al. (AIME 2020) take over.

    Args:
        image: grey levels, uint8, shape [W, H].
        maps: evidence of each class, shape [K, W, H]; the strongest of each class that the image has is 1, the map of
            a class that it lacks is 0.
        foreground: see :data:`FOREGROUND_LEVEL`.
        background: see :data:`BACKGROUND_LEVEL`.
        settings: of the CRF.
        engine: of the CRF.

    Returns:
        Shape [W, H]: 0 background, a class from 1 on, 255 ignored.
    """
    # As in the source, only the classes of the image stand to choice, which changes the unary term of the others.
    present = np.flatnonzero(maps.any(axis=(1, 2)))
    if not len(present):
        return np.full(image.shape, BACKGROUND, dtype=np.uint8)
    names = np.concatenate([[BACKGROUND], present + 1]).astype(np.uint8)
    refined = []
    for level in (foreground, background):
        posterior = dense_crf(image, label_above(maps[present], level), len(names), settings, engine)
        refined.append(names[posterior.argmax(axis=0)])
    return combine(*refined)
