"""Radiographs stored as DICOM."""

from __future__ import annotations

import math
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom import uid

from .dicom_pixels import is_inverted, shown_values, stored_values
from .dicom_tags import check_tags, patient_orientation
from .quiet import quiet
from .radiograph import UNKNOWN_SPACING, Radiograph

# Name in the metadata -> DICOM keyword: what a DICOM SEG of the result has to refer to.
_IDENTIFIERS = {
    "sop_class_uid": "SOPClassUID",
    "sop_instance_uid": "SOPInstanceUID",
    "series_instance_uid": "SeriesInstanceUID",
    "study_instance_uid": "StudyInstanceUID",
}
DICOM_TAGS = (*_IDENTIFIERS, "patient_orientation")


def decode_dicom(path: Path, stream: BinaryIO) -> Radiograph:
    """Decode a DICOM radiograph, with or without the preamble of a DICOM file.

    The picture is taken as it is stored; Patient Orientation goes to the metadata. The spacing is the first that is
    there and positive of Pixel Spacing, Imager Pixel Spacing (divided by the Estimated Radiographic Magnification
    Factor where it is given) and Nominal Scanned Pixel Spacing. The first is at the patient or calibrated, the others
    are at the detector or on the film, some percent too large for the patient.

    Args:
        path: the file.
        stream: the same file, opened for reading in binary mode, at its start.

    Returns:
        The radiograph.

    Raises:
        RadiographError: the pixels are cut short or broken, or it is not one frontal chest radiograph.
        Exception: whatever pydicom raises for a file that is broken elsewhere. The text may quote the file.
    """
    with quiet("pydicom"):
        dataset = pydicom.dcmread(stream, force=True)
        check_tags(path, dataset)
        _state_encoding(dataset)
        pixels = shown_values(path, dataset, stored_values(path, dataset)).T
        return Radiograph(
            pixels=pixels,
            spacing=_spacing(dataset),
            inverted=is_inverted(dataset),
            tags={name: str(dataset.get(keyword) or "") for name, keyword in _IDENTIFIERS.items()}
            | {"patient_orientation": "\\".join(patient_orientation(dataset))},
        )


def _state_encoding(dataset: pydicom.Dataset) -> None:
    """Files without a header do not name their transfer syntax; pydicom found out how they are encoded."""
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit


def _spacing(dataset: pydicom.Dataset) -> tuple[float, float]:
    magnification = float(dataset.get("EstimatedRadiographicMagnificationFactor") or 1)
    for keyword, divisor in (
        ("PixelSpacing", 1.0),
        ("ImagerPixelSpacing", magnification if magnification > 0 else 1.0),
        ("NominalScannedPixelSpacing", 1.0),
    ):
        value = dataset.get(keyword)
        if value is not None and len(value) == 2:
            # DICOM gives the distance between rows first.
            y, x = (float(distance) / divisor for distance in value)
            if x > 0 and y > 0 and math.isfinite(x) and math.isfinite(y):
                return x, y
    return UNKNOWN_SPACING
