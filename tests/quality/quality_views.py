"""Views of radiographs whose lungs are known without a network."""

from __future__ import annotations

import numpy as np
import torch

from common.data import radiograph_phantom
from common.quality import View, view


def view_of(picture: np.ndarray, lungs: np.ndarray, confidence: float = 0.99) -> View:
    """The view of a picture and its lungs, rows x columns."""
    image, mask = (
        torch.from_numpy(np.ascontiguousarray(array.T, dtype=np.float32))[None] for array in (picture, lungs)
    )
    return view(image, mask, confidence)


def made_view(sides: np.ndarray) -> View:
    """A view with the given sides [W, H] and nothing else of interest."""
    return View(np.zeros((64, 64)), (sides > 0).astype(np.float32), sides, 0.99, 0.0)


def phantom(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey levels in [0, 1] and lungs of a phantom, rows x columns."""
    drawn = radiograph_phantom((96, 96), seed=seed)
    return drawn.image / np.float32(255), drawn.lungs
