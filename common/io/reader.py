"""The one image reader of every entry point."""

from __future__ import annotations

import gzip
import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from monai.config import PathLike
from monai.data import ImageReader
from monai.utils import MetaKeys
from monai.utils import ensure_tuple

from .dicom import decode_dicom
from .errors import RadiographError
from .nifti import decode_nifti
from .pictures import decode_picture
from .radiograph import Radiograph

MIN_SIDE = 64

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".nii", ".nii.gz", ".dcm", ".dicom")

_PICTURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
}
_NIFTI_HEADER = 352
_IDENTIFIERS = ("sop_class_uid", "sop_instance_uid")


class RadiographReader(ImageReader):
    """Read a chest radiograph from DICOM, PNG, JPEG, TIFF or NIfTI, whatever its name ends in.

    Example::

        LoadImaged(keys="image", reader=RadiographReader)
    """

    def verify_suffix(self, filename: Sequence[PathLike] | PathLike) -> bool:
        """Whether every name ends like one of the accepted formats."""
        return all(str(name).lower().endswith(SUFFIXES) for name in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: object) -> list[Path]:
        """Take the path and leave the decoding to :meth:`get_data`.

        ``LoadImage`` tries other readers after an error in ``read``, and would thereby load what this reader refuses.
        """
        return [Path(name) for name in ensure_tuple(data)]

    def get_data(self, img: list[Path]) -> tuple[np.ndarray, dict]:
        """Decode one radiograph.

        Returns:
            float32 array of shape (W, H), bone bright, and the metadata.

        Raises:
            RadiographError: the file is not a radiograph that can be worked on.
        """
        (path,) = img
        radiograph = _decode(path)
        pixels = radiograph.pixels
        if pixels.ndim != 2 or min(pixels.shape) < MIN_SIDE:
            raise RadiographError.refuse(path, f"a picture of {' x '.join(map(str, pixels.shape))} pixels")
        if pixels.min() == pixels.max():
            raise RadiographError.refuse(path, "a constant picture")
        x, y = (1.0 if math.isnan(s) else s for s in radiograph.spacing)
        affine = np.diag([-x, -y, 1.0, 1.0])
        meta = {
            MetaKeys.AFFINE: affine,
            MetaKeys.ORIGINAL_AFFINE: affine.copy(),
            MetaKeys.SPACE: "RAS",
            MetaKeys.SPATIAL_SHAPE: np.asarray(pixels.shape),
            MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),
            "pixel_spacing": np.asarray(radiograph.spacing, dtype=np.float64),
            "kind": radiograph.kind,
            "inverted": radiograph.inverted,
            "source_affine": affine.copy() if radiograph.affine is None else radiograph.affine,
            "storage": radiograph.storage,
        }
        meta |= {key: radiograph.identifiers.get(key, "") for key in _IDENTIFIERS}
        return pixels, meta


def _decode(path: Path) -> Radiograph:
    try:
        with path.open("rb") as stream:
            return _decode_stream(path, stream)
    except FileNotFoundError:
        raise RadiographError.refuse(path, "no such file") from None
    except PermissionError:
        raise RadiographError.refuse(path, "no permission to read the file") from None
    except IsADirectoryError:
        raise RadiographError.refuse(path, "a folder, not a file") from None


def _decode_stream(path: Path, stream: BinaryIO) -> Radiograph:
    head = stream.read(_NIFTI_HEADER)
    stream.seek(0)
    if head[128:132] == b"DICM":
        return decode_dicom(path, stream)
    for magic, kind in _PICTURES.items():
        if head.startswith(magic):
            return decode_picture(path, stream, kind)
    compressed = head.startswith(b"\x1f\x8b")
    if compressed:
        with gzip.open(path) as unpacked:
            head = unpacked.read(_NIFTI_HEADER)
    if head[344:348] == b"n+1\0":
        return decode_nifti(path, stream, compressed)
    raise RadiographError.refuse(path, "not an image")
