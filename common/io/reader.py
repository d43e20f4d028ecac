"""The one image reader of every entry point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import ImageMetaKey, MetaKeys, SpaceKeys, ensure_tuple
from PIL import UnidentifiedImageError

from .dicom import DICOM_TAGS, decode_dicom
from .errors import RadiographError
from .formats import SUFFIXES, sniff
from .nifti import decode_nifti
from .pictures import decode_picture
from .radiograph import UNKNOWN_SPACING, Radiograph
from .tiff import decode_tiff

MIN_SIDE = 64


class PictureReader(ImageReader):
    """What readers of one picture share: paths are taken first, and opened by ``get_data``.

    A refusal then comes from ``get_data``, never from ``read``: after an error in ``read``, ``LoadImage`` would try
    MONAI's other readers, and one of them may well load what was refused.
    """

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: object) -> tuple[Path, ...]:
        """Take the paths; nothing is opened yet.

        Args:
            data: path of a file, or a sequence of paths.
            kwargs: none are used; the parameter is part of MONAI's interface.

        Returns:
            What ``get_data`` takes.
        """
        return tuple(Path(name) for name in ensure_tuple(data))


def picture_metadata(path: Path, pixels: np.ndarray, spacing: tuple[float, float] = UNKNOWN_SPACING) -> dict[str, Any]:
    """The metadata that MONAI wants of every picture.

    Args:
        path: the file.
        pixels: shape (W, H).
        spacing: size of a pixel in mm along both axes, NaN where it is unknown, which counts as 1.

    Returns:
        The file's name, ``affine`` and ``original_affine`` (4 x 4, -spacing on the diagonal of the two picture axes,
        which is what ITK gives to pictures), ``space``, ``spatial_shape`` and ``original_channel_dim``.
    """
    x, y = (1.0 if math.isnan(size) else size for size in spacing)
    affine = np.diag([-x, -y, 1.0, 1.0])
    return {
        ImageMetaKey.FILENAME_OR_OBJ: str(path),
        MetaKeys.AFFINE: affine,
        MetaKeys.ORIGINAL_AFFINE: affine.copy(),
        MetaKeys.SPACE: SpaceKeys.RAS,
        MetaKeys.SPATIAL_SHAPE: np.asarray(pixels.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),
    }


class RadiographReader(PictureReader):
    """Read one frontal chest radiograph from a DICOM, PNG, JPEG, TIFF or NIfTI file.

    The content decides about the format, not the file's name. The array has shape (W, H): first axis to the picture's
    right, second axis down, as MONAI's own readers have it; float32 in the units of the file, bone bright. Metadata
    has the same keys and types for all formats, so that batches of mixed formats collate:

    - those of :func:`picture_metadata`
    - ``pixel_spacing``: (x, y) in mm, NaN where the file does not tell. PNG, JPEG and TIFF never do
    - ``format``: ``dicom``, ``png``, ``jpeg``, ``tiff`` or ``nifti``; ``inverted``: whether the file held bone as dark
      (MONOCHROME1, WhiteIsZero) and was turned over
    - ``source_affine``, ``source_storage``, ``source_axes``: what :class:`MaskWriter` needs to write a NIfTI mask on
      the grid of a NIfTI input
    - ``sop_class_uid``, ``sop_instance_uid``, ``series_instance_uid``, ``study_instance_uid``, ``patient_orientation``:
      of a DICOM file, else empty. They are for writing DICOM; nothing here prints them

    Example::

        LoadImaged(keys="image", reader=RadiographReader)  # in a config: reader: {_target_: common.io.RadiographReader}
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Whether every name ends like one of the accepted formats."""
        return all(str(name).lower().endswith(SUFFIXES) for name in ensure_tuple(filename))

    def get_data(self, img: tuple[Path, ...]) -> tuple[np.ndarray, dict]:
        """Decode one radiograph.

        Args:
            img: what ``read`` returned.

        Returns:
            float32 array of shape (W, H), and the metadata described above.

        Raises:
            RadiographError: there is no such file, or it is not one frontal chest radiograph.
        """
        if len(img) != 1:
            raise RadiographError.refuse(img[0] if img else "", f"{len(img)} files for one image")
        path = img[0]
        kind, radiograph = _decode(path)
        pixels = np.ascontiguousarray(radiograph.pixels, dtype=np.float32)
        _check_content(path, pixels)
        meta = picture_metadata(path, pixels, radiograph.spacing)
        meta |= {
            "pixel_spacing": np.asarray(radiograph.spacing),
            "format": kind,
            "inverted": radiograph.inverted,
            "source_affine": meta[MetaKeys.AFFINE].copy() if radiograph.affine is None else radiograph.affine,
            "source_storage": radiograph.storage,
            "source_axes": radiograph.storage_axes,
        }
        return pixels, meta | {tag: radiograph.tags.get(tag, "") for tag in DICOM_TAGS}


def _decode(path: Path) -> tuple[str, Radiograph]:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise RadiographError.refuse(path, "no such file") from None
    except IsADirectoryError:
        raise RadiographError.refuse(path, "a folder, not a file") from None
    except PermissionError:
        raise RadiographError.refuse(path, "no permission to read this file", "files that you may read") from None
    except OSError as error:
        raise RadiographError.refuse(path, f"the file cannot be opened ({error.strerror})") from error
    kind = ""
    try:
        with stream:
            kind = sniff(stream)
            return kind, _decode_as(kind, path, stream)
    except RadiographError:
        raise
    except Exception as error:
        # A broken file may lead a decoder to any error at all; those of pydicom may quote what the file holds.
        detail = type(error).__name__ if kind == "dicom" else _first_line(error, path)
        raise RadiographError.damaged(path, kind.upper(), detail) from (None if kind == "dicom" else error)


def _decode_as(kind: str, path: Path, stream: BinaryIO) -> Radiograph:
    if kind == "dicom":
        return decode_dicom(path, stream)
    if kind == "nifti":
        return decode_nifti(path, stream)
    if kind == "tiff":
        return decode_tiff(path, stream)
    if kind:
        return decode_picture(path, stream, kind)
    raise RadiographError.refuse(path, "not an image of an accepted format" if stream.read(1) else "an empty file")


def _first_line(error: Exception, path: Path) -> str:
    if isinstance(error, UnidentifiedImageError):
        # Pillow's own text names the object that holds the open file, which helps nobody.
        return "its header makes no sense"
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].replace(str(path), "the file").rstrip(". ")


def _check_content(path: Path, pixels: np.ndarray) -> None:
    width, height = pixels.shape
    if min(width, height) < MIN_SIDE:
        raise RadiographError.refuse(
            path, f"a picture of {width} x {height} pixels", f"at least {MIN_SIDE} x {MIN_SIDE} pixels"
        )
    low, high = pixels.min(), pixels.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RadiographError.refuse(path, "a picture with values that are not finite numbers", "finite grey values")
    if low == high:
        raise RadiographError.refuse(path, "a constant picture: all pixels are equal", "a picture that shows something")
