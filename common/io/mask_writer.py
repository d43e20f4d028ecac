"""Saving masks in the geometry of the radiograph they belong to."""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import nibabel as nib
import numpy as np
from monai.config import NdarrayOrTensor
from monai.data import ImageWriter
from monai.utils import ImageMetaKey, MetaKeys, convert_to_numpy
from PIL import Image

from .atomic import atomic_write
from .dicom_seg import SEG_SUFFIX, make_segmentation, structure_of
from .dicom_source import save_result
from .run_algorithm import running_algorithm
from .source_grid import on_source_grid

logger = logging.getLogger(__name__)


class MaskWriter(ImageWriter):
    """Write one binary mask as PNG, NIfTI or DICOM SEG, completely or not at all.

    A PNG holds 0 and 255 and has the rows and columns of the radiograph as it is shown. A NIfTI file holds 0 and 1;
    when the radiograph came as NIfTI it has the very grid of that file: shape, order of the axes and affine. The mask
    must be back in the geometry of the radiograph already (``Invertd``): nothing is resampled here. A DICOM SEG
    (:func:`common.io.dicom_seg.make_segmentation`) is written for a DICOM radiograph by a run of a bundle only; it
    shows what its name says and repeats who the patient is.

    Example::

        SaveImaged(keys="pred", writer=MaskWriter, output_ext=".png", output_dtype=None, folder_layout=layout)

    Args:
        kwargs: ``output_dtype`` and ``scale`` of ``SaveImage``; the type of a mask is always 8-bit unsigned.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask: np.ndarray
        self.meta: Mapping[str, Any] = {}

    def set_data_array(self, data_array: NdarrayOrTensor, channel_dim: int | None = 0, **kwargs: Any) -> None:
        """Take the mask.

        Args:
            data_array: shape (1, W, H), or (W, H) when ``channel_dim`` is None; values 0 and 1.
            channel_dim: the axis of the one channel.
            kwargs: not used; the parameter is part of MONAI's interface.

        Raises:
            ValueError: more than one channel, another number of axes, or values between or beyond 0 and 1.
        """
        mask = convert_to_numpy(data_array)
        if channel_dim is not None and mask.ndim == 3 and mask.shape[channel_dim] == 1:
            mask = mask.squeeze(channel_dim)
        if mask.ndim != 2:
            raise ValueError(f"a mask of shape {tuple(mask.shape)}: one channel and two axes are needed")
        binary = mask.astype(np.uint8)
        if binary.max(initial=0) > 1 or not np.array_equal(binary, mask):
            raise ValueError("a mask with values other than 0 and 1: apply a threshold before saving")
        self.mask = binary

    def set_metadata(self, meta_dict: Mapping[str, Any] | None = None, **options: Any) -> None:
        """Take the metadata that :class:`RadiographReader` gave to the radiograph.

        Args:
            meta_dict: the metadata; may lack what the reader adds, as for pictures of other readers.
            options: not used; the parameter is part of MONAI's interface.

        Raises:
            ValueError: the mask has another size than the radiograph.
        """
        self.meta = {} if meta_dict is None else meta_dict
        shape = self.meta.get(MetaKeys.SPATIAL_SHAPE)
        if shape is not None and tuple(int(length) for length in shape[:2]) != self.mask.shape:
            width, height = self.mask.shape
            raise ValueError(
                f"{self.meta.get(ImageMetaKey.FILENAME_OR_OBJ, 'a radiograph')}: a mask of {width} x {height} for a "
                f"picture of {' x '.join(str(int(length)) for length in shape[:2])}: undo the preprocessing first"
            )

    def write(self, filename: str | os.PathLike[str], verbose: bool = True, **kwargs: Any) -> None:
        """Write the file, by the ending of its name.

        Args:
            filename: ends in ``.png``, ``.nii``, ``.nii.gz`` or ``.seg.dcm``; its folder has to exist.
            verbose: whether to log the file's name.
            kwargs: not used; the parameter is part of MONAI's interface.

        Raises:
            ValueError: the name ends otherwise, or does not tell what a DICOM SEG shows.
            RadiographError: the radiograph is not a DICOM file to which a DICOM SEG can refer.
            UsageError: a DICOM SEG outside a run of a bundle.
            OSError: the file cannot be written; an existing one is left as it was.
        """
        name = Path(filename).name.lower()
        if not name.endswith((".png", ".nii", ".nii.gz", SEG_SUFFIX)):
            raise ValueError(f"{filename}: masks are written as .png, .nii or .nii.gz, or as {SEG_SUFFIX} (DICOM SEG)")
        if name.endswith(SEG_SUFFIX):
            self._write_dicom(filename)
        else:
            with atomic_write(filename) as stream:
                if name.endswith(".png"):
                    # A mask is so plain that the least effort packs it nearly as well as the most.
                    Image.fromarray(np.ascontiguousarray(self.mask.T) * np.uint8(255)).save(
                        stream, format="PNG", compress_level=1
                    )
                else:
                    self._write_nifti(stream, packed=name.endswith(".gz"))
        if verbose:
            logger.info("writing: %s", filename)

    def _write_dicom(self, filename: str | os.PathLike[str]) -> None:
        radiograph = self.meta[ImageMetaKey.FILENAME_OR_OBJ]
        what, algorithm = structure_of(filename), running_algorithm(filename)
        save_result(make_segmentation(self.mask.T, radiograph, *what, algorithm), filename)

    def _write_nifti(self, stream: BinaryIO, *, packed: bool) -> None:
        stored, affine = on_source_grid(self.mask, self.meta)
        if int(self.meta.get("source_axes", 2)) == 2:
            stored = stored[..., 0]
        image = nib.Nifti1Image(stored, affine)
        image.header.set_xyzt_units("mm")
        content = image.to_bytes()
        stream.write(gzip.compress(content, compresslevel=1, mtime=0) if packed else content)
