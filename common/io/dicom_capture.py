"""A picture made of a radiograph, as a DICOM secondary capture that refers to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian

from .dicom_source import MANUFACTURER, composing, read_source, result_uid
from .run_algorithm import RunAlgorithm

if TYPE_CHECKING:
    from highdicom.sc import SCImage

CAPTURE_SUFFIX = ".sc.dcm"
SERIES_NUMBER = 9111


def make_capture(picture: NDArray[np.uint8], radiograph: str | os.PathLike[str], algorithm: RunAlgorithm) -> SCImage:
    """Make a secondary capture in colour, uncompressed, in the radiograph's orientation.

    The identifiers are those of :func:`.dicom_source.result_uid`; dates are those of writing.

    Args:
        picture: (rows, columns, 3), the radiograph with something drawn on it, of any size.
        radiograph: the DICOM file.
        algorithm: what made the picture.

    Raises:
        RadiographError: not a DICOM file, or one that a result cannot refer to.
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    source = read_source(radiograph)
    with composing(radiograph):
        result = hd.sc.SCImage.from_ref_dataset(
            ref_dataset=source,
            pixel_array=np.ascontiguousarray(picture),
            photometric_interpretation=hd.PhotometricInterpretationValues.RGB,
            bits_allocated=8,
            coordinate_system=hd.CoordinateSystemNames.PATIENT,
            patient_orientation=("L", "F"),
            series_instance_uid=result_uid(source, algorithm, "capture series"),
            series_number=SERIES_NUMBER,
            sop_instance_uid=result_uid(source, algorithm, "capture instance"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=algorithm.name,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            series_description=f"Evidence for TB ({algorithm.name} {algorithm.version})"[:64],
        )
        # highdicom insists on an orientation; what the radiograph does not tell is not to be made up.
        orientation: Any = source.get("PatientOrientation") or ""
        result.PatientOrientation = orientation
        result.BodyPartExamined = "CHEST"
        result.ImageType = ["DERIVED", "SECONDARY"]
        result.DerivationDescription = f"{algorithm.name} {algorithm.version}: evidence laid over the radiograph"
        if source.get("BurnedInAnnotation"):
            result.BurnedInAnnotation = source.BurnedInAnnotation
        reference = hd.sr.CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)
        image = pydicom.Dataset()
        image.ReferencedSOPClassUID = source.SOPClassUID
        image.ReferencedSOPInstanceUID = source.SOPInstanceUID
        image.PurposeOfReferenceCodeSequence = [reference]
        result.SourceImageSequence = [image]
    return result
