"""Radiographs stored as DICOM."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut
from pydicom.pixels import apply_voi_lut

from .errors import RadiographError
from .radiograph import Radiograph


def decode_dicom(path: Path, stream: BinaryIO) -> Radiograph:
    """Decode a DICOM radiograph."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(stream)
            values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    except Exception:
        raise RadiographError.refuse(path, "truncated or damaged DICOM file") from None
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    pixels = values.T.astype(np.float32, order="C")
    if inverted:
        pixels = pixels.max() + pixels.min() - pixels
    identifiers = {
        "sop_class_uid": str(dataset.get("SOPClassUID", "")),
        "sop_instance_uid": str(dataset.get("SOPInstanceUID", "")),
    }
    return Radiograph(pixels=pixels, kind="dicom", inverted=inverted, identifiers=identifiers)
