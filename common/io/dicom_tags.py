"""Whether a DICOM file is one frontal chest radiograph, by its tags."""

from __future__ import annotations

import re
from pathlib import Path

import pydicom
from pydicom import uid

from .errors import RadiographError

_RADIOGRAPHY = ("CR", "DX", "RG")
_RADIOGRAPHY_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
)
_CAPTURE_CLASSES = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    uid.MultiFrameTrueColorSecondaryCaptureImageStorage,
)
# A capture of something else carries that thing's modality; of a film scanner or a screen it carries these, or none.
_CAPTURE_MODALITIES = ("", "OT", "SC", "FS")

_CHEST = ("CHEST", "THORAX", "LUNG", "RIB", "STERNUM", "HEART", "CLAVICLE", "MEDIASTINUM")
# Devices often keep the region of the exposure before, so a spine or a shoulder is let pass: both show the chest.
_ELSEWHERE = (
    *("HAND", "WRIST", "FINGER", "THUMB", "FOREARM", "ELBOW", "FOOT", "TOE", "ANKLE", "HEEL", "CALCANEUS", "KNEE"),
    *("PATELLA", "LEG", "TIBIA", "FEMUR", "HIP", "PELVIS", "ABDOMEN", "LSPINE", "CSPINE", "SKULL", "HEAD", "JAW"),
    *("SINUS", "ORBIT", "TEETH", "BREAST"),
)

_LATERAL_VIEWS = ("LL", "RL", "LAT", "LATERAL", "LEFT LATERAL", "RIGHT LATERAL", "L LAT", "R LAT", "LLAT", "RLAT")
_OTHER_VIEWS = {
    "decubitus": ("LLD", "RLD"),
    "oblique": ("LLO", "RLO", "LAO", "RAO", "LPO", "RPO"),
}
# Lateral projections of the DICOM context group 4010, each in the current and in the retired coding scheme.
_LATERAL_CODES = (
    *("399067008", "R-102CD", "399198007", "R-10232", "399173006", "R-10236", "30730003", "G-A145"),
    *("399352003", "R-10228", "399260004", "R-10224"),
)
_LATERAL_TEXT = re.compile(r"\b(lat|lateral|laterale|profil)\b", re.IGNORECASE)
# A description of the whole study ("PA and lateral") says nothing about one of its images.
_FRONTAL_TEXT = re.compile(r"\b(pa|ap|p\.a\.|a\.p\.|frontal|face)\b", re.IGNORECASE)


def check_tags(path: Path, dataset: pydicom.Dataset) -> None:
    """Refuse what its tags say is something else than one frontal chest radiograph.

    Missing tags are no reason to refuse. Messages name a tag's value only where it is one of the words known here.

    Args:
        path: the file, for the message.
        dataset: its content.

    Raises:
        RadiographError: another modality or kind of object, another body part, several frames, no pixels, or a view
            that is not frontal.
    """
    found = _wrong_object(dataset) or _wrong_part(dataset) or _wrong_frames(dataset) or _wrong_view(dataset)
    if found:
        raise RadiographError.refuse(path, found)


def _word(dataset: pydicom.Dataset, keyword: str) -> str:
    """A tag's first value as upper-case text; empty when it is missing."""
    value = dataset.get(keyword)
    if isinstance(value, pydicom.multival.MultiValue):
        value = value[0] if value else None
    return "" if value is None else str(value).strip().upper()


def _wrong_object(dataset: pydicom.Dataset) -> str:
    sop_class = uid.UID(_word(dataset, "SOPClassUID"))
    modality = _word(dataset, "Modality")
    # A file may lack the class, or have a maker's private one; then the modality alone decides.
    unknown_class = sop_class == "" or sop_class.is_private or sop_class.name == sop_class
    # A modality is two letters or a few more; what does not look like one is not repeated.
    named = f"modality {modality}" if re.fullmatch("[A-Z]{2,8}", modality) else "unknown modality"
    if sop_class not in (*_RADIOGRAPHY_CLASSES, *_CAPTURE_CLASSES) and not unknown_class:
        return f"a DICOM file of {named}, {sop_class.name}"
    permitted: tuple[str, ...] = (*_RADIOGRAPHY, "")
    if sop_class in _CAPTURE_CLASSES:
        permitted = (*_RADIOGRAPHY, *_CAPTURE_MODALITIES)
    if modality not in permitted:
        return f"a DICOM file of {named}"
    return ""


def _wrong_part(dataset: pydicom.Dataset) -> str:
    part = _word(dataset, "BodyPartExamined")
    if any(word in part for word in _CHEST):
        return ""
    elsewhere = [word for word in _ELSEWHERE if word in re.split("[^A-Z]+", part)]
    return f"a radiograph of another body part ({elsewhere[0].lower()})" if elsewhere else ""


def _wrong_frames(dataset: pydicom.Dataset) -> str:
    if "PixelData" not in dataset or not dataset.PixelData:
        return "a DICOM file without pixels, or cut short before their end"
    frames = _word(dataset, "NumberOfFrames")
    return f"a DICOM file of {int(frames)} frames" if frames.isdecimal() and int(frames) > 1 else ""


def _wrong_view(dataset: pydicom.Dataset) -> str:
    view = re.sub("[^A-Z]+", " ", _word(dataset, "ViewPosition")).strip()
    if view in _LATERAL_VIEWS:
        return f"a lateral view (View Position {view})"
    for name, views in _OTHER_VIEWS.items():
        if view in views:
            return f"a view that is not frontal: {name} (View Position {view})"
    for code in dataset.get("ViewCodeSequence") or ():
        if _word(code, "CodeValue") in _LATERAL_CODES or _word(code, "CodeMeaning") in _LATERAL_VIEWS:
            return "a lateral view (View Code Sequence)"
    axes = {direction[0] for direction in patient_orientation(dataset)}
    if axes & {"A", "P"} and not axes & {"L", "R"}:
        return "a lateral view (Patient Orientation)"
    if not view and "ViewCodeSequence" not in dataset:
        for keyword in ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription"):
            text = _word(dataset, keyword)
            if _LATERAL_TEXT.search(text) and not _FRONTAL_TEXT.search(text):
                return f"a lateral view ({pydicom.datadict.dictionary_description(keyword)})"
    return ""


def patient_orientation(dataset: pydicom.Dataset) -> tuple[str, ...]:
    """Directions in which rows and columns run, such as ``("L", "F")``; empty when the file does not tell."""
    value = dataset.get("PatientOrientation")
    directions = [value] if isinstance(value, str) else list(value or ())
    words = [str(direction).strip().upper() for direction in directions]
    return tuple(word for word in words if re.fullmatch("[ALPRHF]{1,3}", word))
