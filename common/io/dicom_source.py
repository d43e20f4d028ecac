"""What DICOM results share: the radiograph they belong to, their identifiers, and being written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.uid import UID

from .atomic import atomic_write
from .errors import RadiographError
from .formats import DICOM_SUFFIXES, sniff
from .quiet import quiet
from .run_algorithm import RunAlgorithm

#: Maker of the results, for their equipment module.
MANUFACTURER = "cxr-tb-common"
UNICODE = "ISO_IR 192"

_REFERENCES = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
# May be empty in an object, but not absent.
_OF_PATIENT_AND_STUDY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
# A projection has no plane with a thickness. Results that gave one in part would not be valid, and could not be read by
# highdicom; they have the rows and columns of the radiograph, which tells what these are in mm.
_OF_PLANES = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")


def is_dicom_output(name: str | os.PathLike[str]) -> bool:
    """Whether an output of this name is a DICOM file, for which :func:`read_source` has to succeed."""
    return os.fspath(name).lower().endswith(DICOM_SUFFIXES)


def read_source(path: str | os.PathLike[str]) -> pydicom.Dataset:
    """The header of the radiograph that a DICOM result refers to.

    Args:
        path: the radiograph.

    Returns:
        Its data set without pixels, as results repeat it: patient and study attributes that it lacks are empty, text is
        declared as Unicode, attributes of planes in space are left out.

    Raises:
        RadiographError: not a DICOM file, or one without the identifiers or of a class by which a result
            could name it.
    """
    accepted = "DICOM files with identifiers, where the output is DICOM"
    source = Path(path)
    try:
        with source.open("rb") as stream:
            if sniff(stream) != "dicom":
                found = "not a DICOM file, so that no DICOM output can refer to it"
                raise RadiographError.refuse(source, found, accepted)
            with quiet("pydicom"):
                dataset = pydicom.dcmread(stream, force=True, stop_before_pixels=True)
                dataset.decode()
    except (OSError, RadiographError):
        raise
    except Exception as error:
        # The text may quote the file.
        raise RadiographError.damaged(source, "DICOM", type(error).__name__) from None
    for keyword in _REFERENCES:
        if not UID(str(dataset.get(keyword) or "")).is_valid:
            found = f"a DICOM file without a valid {pydicom.datadict.dictionary_description(keyword)}"
            raise RadiographError.refuse(source, found, accepted)
    if UID(dataset.SOPClassUID).name == dataset.SOPClassUID:
        raise RadiographError.refuse(source, "a DICOM file of a class that the standard does not know", accepted)
    for keyword in _OF_PATIENT_AND_STUDY:
        if keyword not in dataset:
            setattr(dataset, keyword, "")
    if not dataset.get("FrameOfReferenceUID"):
        dataset.pop("FrameOfReferenceUID", None)
    for keyword in _OF_PLANES:
        dataset.pop(keyword, None)
    dataset.SpecificCharacterSet = UNICODE
    return dataset


def result_uid(source: pydicom.Dataset, algorithm: RunAlgorithm, what: str) -> UID:
    """Identifier of a result, the same whenever the same algorithm works on the same radiograph.

    An archive then keeps one result of a radiograph, however often it is made. Form 2.25 of DICOM PS3.5, B.2.

    Args:
        source: header of the radiograph.
        algorithm: what made the result.
        what: the kind of result, and which of its identifiers is wanted.
    """
    text = "\n".join((MANUFACTURER, source.SOPInstanceUID, algorithm.identity, what))
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, text).int}")


@contextlib.contextmanager
def composing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Let neither a log, a warning nor an error of the block quote what the radiograph's header holds.

    Args:
        path: the radiograph.

    Raises:
        RadiographError: for every error, with its kind only.
    """
    try:
        with quiet("pydicom"), quiet("highdicom"):
            yield
    except Exception as error:
        found = f"a DICOM header of which no DICOM output can be made ({type(error).__name__})"
        raise RadiographError.refuse(path, found, "DICOM headers that keep to the standard") from None


def save_result(dataset: pydicom.Dataset, filename: str | os.PathLike[str]) -> None:
    """Write a DICOM result whole or not at all.

    Args:
        dataset: the result, with its file header.
        filename: the file; its folder has to exist.

    Raises:
        OSError: the file cannot be written; an existing one is left as it was.
    """
    with atomic_write(filename) as stream, quiet("pydicom"):
        dataset.save_as(stream, enforce_file_format=True)
