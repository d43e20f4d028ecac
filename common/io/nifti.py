"""Radiographs stored as NIfTI with one slice."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO

import nibabel as nib
import numpy as np

from .errors import RadiographError
from .radiograph import Radiograph


def decode_nifti(path: Path, stream: BinaryIO, compressed: bool) -> Radiograph:
    """Decode a NIfTI file with one slice."""
    try:
        source = gzip.open(stream) if compressed else stream
        image = nib.Nifti1Image.from_stream(source)
        values = np.asarray(image.dataobj, dtype=np.float32)
    except Exception as error:
        raise RadiographError.refuse(path, f"truncated or damaged NIfTI file ({error})") from error
    spacing = tuple(float(z) for z in image.header.get_zooms()[:2])
    return Radiograph(pixels=np.ascontiguousarray(values.squeeze()), kind="nifti", spacing=(spacing[0], spacing[1]))
