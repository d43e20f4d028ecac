"""Masks as DICOM Segmentation objects that refer to their radiograph."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .dicom_source import MANUFACTURER, composing, read_source, result_uid
from .run_algorithm import RunAlgorithm

if TYPE_CHECKING:
    from highdicom.seg import Segmentation

SEG_SUFFIX = ".seg.dcm"
#: Numbers of the series, high enough to stand behind those of the study in a viewer's list.
SERIES_NUMBER = 9100


@dataclass(frozen=True)
class Structure:
    """What a mask shows.

    Attributes:
        label: in words, up to 64 characters.
        lesion: whether it is a lesion of the lung, not an organ.
        side: "left" or "right" of the patient; empty for both.
    """

    label: str
    lesion: bool = False
    side: str = ""


#: Structures by what their masks' files are called: REL_lungs.seg.dcm.
STRUCTURES: Mapping[str, Structure] = {
    "lungs": Structure("Lungs"),
    "lungs_raw": Structure("Lungs before clean-up"),
    "right_lung": Structure("Right lung", side="right"),
    "left_lung": Structure("Left lung", side="left"),
    "tb": Structure("TB-consistent lesion", lesion=True),
    "regions": Structure("Evidence for TB", lesion=True),
}


def structure_of(filename: str | os.PathLike[str]) -> tuple[str, Structure]:
    """The structure that a file is named after, with its name.

    Raises:
        ValueError: the name ends in none of :data:`STRUCTURES`.
    """
    name = Path(filename).name.lower().removesuffix(SEG_SUFFIX)
    for postfix in sorted(STRUCTURES, key=len, reverse=True):
        if name.endswith(f"_{postfix}"):
            return postfix, STRUCTURES[postfix]
    known = ", ".join(f"_{postfix}{SEG_SUFFIX}" for postfix in STRUCTURES)
    raise ValueError(f"{filename}: what a DICOM SEG shows is told by its name, which ends in one of {known}")


def make_segmentation(
    mask: NDArray[np.bool_ | np.uint8],
    radiograph: str | os.PathLike[str],
    name: str,
    structure: Structure,
    algorithm: RunAlgorithm,
) -> Segmentation:
    """Make a DICOM Segmentation of one binary segment and one frame.

    It has the rows and columns of the radiograph as stored, and repeats its patient, study and, where there is one,
    frame of reference. An empty mask is a frame of zeros: that nothing was found is a result, too. The identifiers are
    those of :func:`.dicom_source.result_uid`; dates are those of writing.

    Args:
        mask: (rows, columns), non-zero inside.
        radiograph: the DICOM file.
        name: which of the masks of the radiograph it is; it goes into the identifiers.
        structure: what it shows.
        algorithm: what made it.

    Raises:
        RadiographError: not a DICOM file, or one that a result cannot refer to.
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    source = read_source(radiograph)
    sides = {"left": codes.SCT.Left, "right": codes.SCT.Right, "": codes.SCT.Bilateral}
    with composing(radiograph):
        described = hd.seg.SegmentDescription(
            segment_number=1,
            segment_label=structure.label,
            segmented_property_category=(
                codes.SCT.MorphologicallyAbnormalStructure if structure.lesion else codes.SCT.Organ
            ),
            segmented_property_type=codes.SCT.Lesion if structure.lesion else codes.SCT.Lung,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=hd.AlgorithmIdentificationSequence(
                name=algorithm.name,
                family=codes.DCM.ArtificialIntelligence,
                version=algorithm.version or "unknown",
                parameters=algorithm.parameters(),
            ),
            anatomic_regions=[codes.SCT.Lung] if structure.lesion else None,
        )
        if not structure.lesion:
            (kind,) = described.SegmentedPropertyTypeCodeSequence
            kind.SegmentedPropertyTypeModifierCodeSequence = [hd.sr.CodedConcept.from_code(sides[structure.side])]
        result = hd.seg.Segmentation(
            source_images=[source],
            pixel_array=np.ascontiguousarray(mask != 0)[np.newaxis],
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[described],
            series_instance_uid=result_uid(source, algorithm, f"{name} series"),
            series_number=SERIES_NUMBER + list(STRUCTURES.values()).index(structure),
            sop_instance_uid=result_uid(source, algorithm, f"{name} instance"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=algorithm.name,
            software_versions=algorithm.version or "unknown",
            device_serial_number=algorithm.weights_sha256 or "unknown",
            content_label=name.upper(),
            content_description=structure.label,
            series_description=f"{structure.label} ({algorithm.name} {algorithm.version})"[:64],
            omit_empty_frames=False,
        )
        # highdicom leaves it out; without it nobody knows which side of the mask is the patient's right.
        result.PatientOrientation = source.get("PatientOrientation") or ""
        for item in (*result.DimensionOrganizationSequence, *result.DimensionIndexSequence):
            item.DimensionOrganizationUID = result_uid(source, algorithm, f"{name} dimensions")
    return result
