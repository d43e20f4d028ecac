"""The image reader of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from monai.config import PathLike

from .mask_file import read_union
from .reader import PictureReader, picture_metadata


class MaskReader(PictureReader):
    """Read the mask of one radiograph, from one file or from several that are united (right and left lung).

    Files are read by the rules of evaluation: a NIfTI mask is turned upright by its affine as
    :class:`RadiographReader` turns the radiograph; palettes, colour and transparency are reduced to what a viewer
    shows; a mask may be empty. The array has shape (W, H), first axis to the picture's right, second axis down;
    float32, 0 or 1.

    Metadata are those of :func:`common.io.reader.picture_metadata` with an affine of pixels: a mask lies on the pixels
    of its radiograph, whatever physical size either file states.

    Example::

        LoadImaged(keys="label", reader=MaskReader)  # in a config: reader: {_target_: common.io.MaskReader}
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Every name is taken, for a mask may be any picture; its content decides."""
        return True

    def get_data(self, img: tuple[Path, ...]) -> tuple[np.ndarray, dict]:
        """Read and unite the files.

        Args:
            img: what ``read`` returned.

        Returns:
            float32 array of shape (W, H) with values 0 and 1, and the metadata described above.

        Raises:
            MaskFileError: a file is missing, unreadable or no binary mask, or the parts differ in size.
        """
        pixels = np.ascontiguousarray(read_union(img).T, dtype=np.float32)
        return pixels, picture_metadata(img[0], pixels)
