"""Pictures of evidence: the map itself, and laid over its radiograph."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import NdarrayOrTensor
from monai.utils import ImageMetaKey, convert_to_numpy
from monai.visualize import blend_images
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..io import MaskWriter, RadiographReader, atomic_write
from ..io.overlay_writer import MAX_SIDE
from .region_transforms import REGION_BOXES

BOX_COLOUR = (255, 255, 255)
#: From red to yellow. Opacity grows with the evidence up to this, so that none leaves the radiograph as it is.
COLOURS, OPACITY = "autumn", 0.6


class EvidenceWriter(MaskWriter):
    """Write an evidence map as 8-bit grey PNG of the radiograph's rows and columns: 0 is none, 255 the strongest.

    The map must be back in the geometry of the radiograph already (``Invertd``).

    Example::

        SaveImaged(keys="evidence", writer=EvidenceWriter, output_ext=".png", output_dtype=None, folder_layout=layout)
    """

    evidence: NDArray[np.float32]

    def set_data_array(self, data_array: NdarrayOrTensor, channel_dim: int | None = 0, **kwargs: Any) -> None:
        """Take the map.

        Args:
            data_array: shape (1, W, H), or (W, H) when ``channel_dim`` is None; values in [0, 1].
            channel_dim: the axis of the one channel.
            kwargs: not used; the parameter is part of MONAI's interface.

        Raises:
            ValueError: more than one channel, another number of axes, or values beyond [0, 1].
        """
        evidence = convert_to_numpy(data_array)
        if channel_dim is not None and evidence.ndim == 3 and evidence.shape[channel_dim] == 1:
            evidence = evidence.squeeze(channel_dim)
        if evidence.ndim != 2:
            raise ValueError(f"an evidence map of shape {tuple(evidence.shape)}: one channel and two axes are needed")
        # Interpolation on the way to the source's size may leave [0, 1] by rounding.
        if not (evidence.min() >= -1e-3 and evidence.max() <= 1 + 1e-3):
            raise ValueError(f"an evidence map from {evidence.min()} to {evidence.max()}: values in [0, 1] are needed")
        self.evidence = evidence.clip(0, 1).astype(np.float32)
        self.mask = np.rint(self.evidence * 255).astype(np.uint8)

    def write(self, filename: str | os.PathLike[str], verbose: bool = False, **kwargs: Any) -> None:
        """Write the picture.

        Args:
            filename: ends in ``.png``; its folder has to exist.
            verbose: not used; the parameter is part of MONAI's interface.
            kwargs: not used; the parameter is part of MONAI's interface.

        Raises:
            OSError: the file cannot be written; an existing one is left as it was.
        """
        self._save(filename, self.mask.T)

    @staticmethod
    def _save(filename: str | os.PathLike[str], picture: NDArray[np.uint8]) -> None:
        with atomic_write(filename) as stream:
            Image.fromarray(np.ascontiguousarray(picture)).save(stream, format="PNG", compress_level=1)


class EvidenceOverlayWriter(EvidenceWriter):
    """Write the radiograph, read again from its file, with the evidence in colour over it, as an RGB PNG.

    Boxes that :class:`.FindRegionsd` left in the metadata are outlined. Pictures whose longest side exceeds
    :data:`common.io.overlay_writer.MAX_SIDE` are made smaller.
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
        self._save(filename, draw_evidence(pixels.T, self.evidence.T, self.meta.get(REGION_BOXES, ())))


def draw_evidence(pixels: NDArray[Any], evidence: NDArray[np.float32], boxes: Any = ()) -> NDArray[np.uint8]:
    """Lay evidence in colour over a radiograph.

    Args:
        pixels: grey levels, (rows, columns); those between the 0.5th and 99.5th percentile are shown.
        evidence: (rows, columns), values in [0, 1].
        boxes: (x, y, w, h) in pixels of the radiograph, outlined in white.

    Returns:
        uint8 array (rows, columns, 3), its longest side at most :data:`common.io.overlay_writer.MAX_SIDE`.
    """
    low, high = np.percentile(pixels, [0.5, 99.5])
    shrink = min(1.0, MAX_SIDE / max(pixels.shape))
    size = (max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink)))
    grey, heat = (
        np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BOX))[None]
        for plane in (np.clip((pixels - low) / max(float(high - low), 1e-6), 0, 1), evidence)
    )
    blended = blend_images(grey, heat, alpha=OPACITY * heat, cmap=COLOURS, rescale_arrays=False)
    picture = Image.fromarray(np.rint(np.moveaxis(blended, 0, 2).clip(0, 1) * 255).astype(np.uint8))
    drawing = ImageDraw.Draw(picture)
    for x, y, w, h in boxes:
        corners = [round(edge * shrink) for edge in (x, y, x + w - 1, y + h - 1)]
        drawing.rectangle(corners, outline=BOX_COLOUR, width=max(1, max(size) // 400))
    return np.asarray(picture)
