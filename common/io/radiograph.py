"""What every decoder hands to the reader, whatever the file format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

UNKNOWN_SPACING = (float("nan"), float("nan"))
AS_STORED = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])


@dataclass(frozen=True)
class Radiograph:
    """A decoded radiograph.

    Attributes:
        pixels: array of shape (W, H), first axis to the picture's right, second axis down; bone is bright.
        spacing: size of a pixel in mm along the two axes of ``pixels``; NaN where the file does not tell.
        inverted: whether the file holds bone as dark, so that its grey values were turned over.
        affine: 4 x 4, takes (x, y, 0) in ``pixels`` to the file's own RAS world in mm; None where it has none.
        storage: 3 x 2, the orientation in nibabel's notation that turns the file's own three axes into those of
            ``pixels`` (the third has length one).
        storage_axes: number of axes of the file's own array.
        tags: further metadata as text; every DICOM file has the same names, other formats have none.
    """

    pixels: np.ndarray
    spacing: tuple[float, float] = UNKNOWN_SPACING
    inverted: bool = False
    affine: np.ndarray | None = None
    storage: np.ndarray = field(default_factory=AS_STORED.copy)
    storage_axes: int = 2
    tags: Mapping[str, str] = field(default_factory=dict)
