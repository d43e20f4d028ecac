"""What the tests of DICOM outputs share."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pydicom
import pytest
from radiograph_files import dicom_dataset, phantom, save_dicom

from common.io.dicom_source import save_result
from common.io.run_algorithm import RunAlgorithm

GREY = phantom()
#: The F and one corner: no turn or reflection of the picture has the same bright pixels.
MASK = GREY > 0.8 * 255
ALGORITHM = RunAlgorithm("some_bundle", "1.2.3", "ab" * 32, {"threshold": 0.5, "image_size": [64, 96]})
SOURCES: dict[str, dict[str, object]] = {
    "cr": {},
    "digital": {
        "SOPClassUID": pydicom.uid.DigitalXRayImageStorageForPresentation,
        "Modality": "DX",
        "PhotometricInterpretation": "MONOCHROME1",
        "ImagerPixelSpacing": [0.3, 0.2],
        "PatientOrientation": ["L", "F"],
    },
    "capture": {
        "SOPClassUID": pydicom.uid.SecondaryCaptureImageStorage,
        "Modality": "OT",
        "PixelSpacing": [0.3, 0.2],
        "PatientOrientation": ["R", "F"],
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientName": "Müller^Ännchen",
    },
    "placed": {
        "PixelSpacing": [0.3, 0.2],
        "FrameOfReferenceUID": "1.2.826.0.1.3680043.2.1125.9",
        "ImagePositionPatient": [0, 0, 0],
        "ImageOrientationPatient": [1, 0, 0, 0, 0, -1],
        "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
        "PatientName": "Yamada^Tarou=山田^太郎",
        "AccessionNumber": "A-77",
        "StudyDate": "20240102",
    },
}


def radiograph(folder: Path, kind: str = "cr", **tags: object) -> Path:
    """One of :data:`SOURCES`, with other ``tags``, as a file."""
    return save_dicom(folder / f"{kind}.dcm", dicom_dataset(GREY, **{**SOURCES[kind], **tags}))


def written(path: Path, dataset: pydicom.Dataset) -> pydicom.Dataset:
    """The data set as it comes back from a file."""
    save_result(dataset, path)
    return pydicom.dcmread(path)


def check_references(found: pydicom.Dataset, source: pydicom.Dataset) -> None:
    """The result belongs to patient and study of its source, but to a series of its own."""
    for keyword in ("PatientID", "StudyInstanceUID"):
        assert found[keyword].value == source[keyword].value
    for keyword in ("PatientBirthDate", "StudyDate", "AccessionNumber"):
        assert found[keyword].value == source.get(keyword, "")
    assert str(found.PatientName) == str(source.PatientName)
    assert len({source.SeriesInstanceUID, source.SOPInstanceUID, found.SeriesInstanceUID, found.SOPInstanceUID}) == 4


def check_standard(path: Path) -> None:
    """No error by David Clunie's checks of the information object definitions."""
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("dciodvfy, of Debian's package dicom3tools, is not installed")
    done = subprocess.run([program, str(path)], capture_output=True, text=True, errors="replace", check=False)
    assert [line for line in done.stderr.splitlines() if "Error" in line] == []
    assert done.stderr.strip()


def comparable(dataset: pydicom.Dataset) -> str:
    """All that two results hold but when they were written."""
    lines = str(dataset).splitlines()
    times = ("Instance Creation", "Content Date", "Content Time", "Contribution DateTime", "of Secondary Capture")
    return "\n".join(line for line in lines if not any(time in line for time in times))
