"""What every decoder hands to the reader: grey values in picture orientation and the little the formats share."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import numpy as np

UNKNOWN_SPACING = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Radiograph:
    """A decoded radiograph.

    Attributes:
        pixels: float32 array of shape (W, H), first axis to the picture's right, second axis down; bone is bright.
        kind: the file format, one of ``dicom``, ``png``, ``jpeg``, ``tiff``, ``nifti``.
        spacing: size of a pixel in mm along the two axes of ``pixels``; NaN where the file does not tell.
        inverted: whether the file stored bone as dark and the values were turned over.
        affine: 4 x 4, from (x, y, 0) of ``pixels`` to the RAS world of the file in mm; None where it has no world.
        storage: 3 x 2 orientation in nibabel's notation that turns the file's own axes into those of ``pixels``.
        identifiers: names of further metadata and their text; the same keys for every DICOM file.
    """

    pixels: np.ndarray
    kind: str
    spacing: tuple[float, float] = UNKNOWN_SPACING
    inverted: bool = False
    affine: np.ndarray | None = None
    storage: np.ndarray = field(default_factory=lambda: np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]]))
    identifiers: dict[str, str] = field(default_factory=dict)
