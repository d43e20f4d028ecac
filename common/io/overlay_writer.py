"""Pictures of a radiograph with the outline of its mask."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import ImageMetaKey
from PIL import Image
from skimage.segmentation import find_boundaries

from .atomic import atomic_write
from .mask_writer import MaskWriter
from .reader import RadiographReader

#: Longest side of an overlay in pixels; enough to judge an outline on a screen.
MAX_SIDE = 1024
COLOUR = (255, 64, 64)


class OverlayWriter(MaskWriter):
    """Write the radiograph, read again from its file, with the outline of the mask in red, as an RGB PNG.

    The grey levels between the 0.5th and 99.5th percentile are shown. Pictures whose longest side exceeds
    :data:`MAX_SIDE` are made smaller.

    Example::

        SaveImaged(keys="pred", writer=OverlayWriter, output_ext=".png", output_dtype=None, folder_layout=layout)
    """

    def write(self, filename: str | os.PathLike[str], verbose: bool = False, **kwargs: Any) -> None:
        """Write the picture.

        Args:
            filename: ends in ``.png``; its folder has to exist.
            verbose: not used; the parameter is part of MONAI's interface.
            kwargs: not used; the parameter is part of MONAI's interface.

        Raises:
            RadiographError: the radiograph cannot be read again.
            OSError: the file cannot be written; an existing one is left as it was.
        """
        reader = RadiographReader()
        pixels, _ = reader.get_data(reader.read(Path(self.meta[ImageMetaKey.FILENAME_OR_OBJ])))
        picture = Image.fromarray(draw_overlay(pixels.T, self.mask.T))
        with atomic_write(filename) as stream:
            picture.save(stream, format="PNG")


def draw_overlay(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw the outline of a mask on a radiograph.

    Args:
        pixels: grey levels, (rows, columns).
        mask: (rows, columns), non-zero inside.

    Returns:
        uint8 array (rows, columns, 3), its longest side at most :data:`MAX_SIDE`.
    """
    low, high = np.percentile(pixels, [0.5, 99.5])
    grey = np.clip((pixels - low) / max(float(high - low), 1e-6), 0, 1) * 255
    shrink = min(1.0, MAX_SIDE / max(grey.shape))
    size = (round(grey.shape[1] * shrink), round(grey.shape[0] * shrink))
    small = np.asarray(Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BOX))
    inside = np.asarray(Image.fromarray((mask != 0).astype(np.uint8)).resize(size, Image.Resampling.NEAREST))
    rgb = np.repeat(small[..., None], 3, axis=2)
    rgb[find_boundaries(inside, mode="thick")] = COLOUR
    return rgb
