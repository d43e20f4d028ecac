"""The image reader of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import ImageMetaKey, MetaKeys, SpaceKeys, ensure_tuple

from .mask_file import read_union


class MaskReader(ImageReader):
    """Read the mask of one radiograph, from one file or from several that are united (right and left lung).

    Files are read by the rules of evaluation: a NIfTI mask is turned upright by its affine as
    :class:`RadiographReader` turns the radiograph; palettes, colour and transparency are reduced to what a viewer
    shows; a mask may be empty. The array has shape (W, H), first axis to the picture's right, second axis down;
    float32, 0 or 1.

    Metadata are the file's name, ``spatial_shape``, ``space``, and an affine of pixels: a mask lies on the pixels of
    its radiograph, whatever physical size either file states.

    As with :class:`RadiographReader`, a refusal comes from :meth:`get_data`, so that no other reader is tried.

    Example::

        LoadImaged(keys="label", reader=MaskReader)  # in a config: reader: {_target_: common.io.MaskReader}
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Every name is taken, for a mask may be any picture; its content decides."""
        return True

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: object) -> tuple[Path, ...]:
        """Take the paths; nothing is opened yet.

        Args:
            data: path of the mask, or the paths of its parts.
            kwargs: none are used; the parameter is part of MONAI's interface.

        Returns:
            What :meth:`get_data` takes.
        """
        return tuple(Path(name) for name in ensure_tuple(data))

    def get_data(self, img: tuple[Path, ...]) -> tuple[np.ndarray, dict]:
        """Read and unite the files.

        Args:
            img: what :meth:`read` returned.

        Returns:
            float32 array of shape (W, H) with values 0 and 1, and the metadata described above.

        Raises:
            MaskFileError: a file is missing, unreadable or no binary mask, or the parts differ in size.
        """
        pixels = np.ascontiguousarray(read_union(img).T, dtype=np.float32)
        affine = np.diag([-1.0, -1.0, 1.0, 1.0])
        return pixels, {
            ImageMetaKey.FILENAME_OR_OBJ: str(img[0]),
            MetaKeys.AFFINE: affine,
            MetaKeys.ORIGINAL_AFFINE: affine.copy(),
            MetaKeys.SPACE: SpaceKeys.RAS,
            MetaKeys.SPATIAL_SHAPE: np.asarray(pixels.shape),
            MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),
        }
