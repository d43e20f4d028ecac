"""What the tags of a DICOM file say against its being one frontal chest radiograph, and what they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from radiograph_files import PATIENT, dicom_dataset, phantom, read, refusal, save_dicom

GREY = phantom()


def code(value: str, meaning: str) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item


VIEWLESS: dict[str, object] = {"ViewPosition": None}
WRONG_TAGS = [
    ({"SOPClassUID": uid.CTImageStorage, "Modality": "CT"}, "modality CT, CT Image Storage"),
    ({"SOPClassUID": uid.MRImageStorage, "Modality": "MR"}, "modality MR, MR Image Storage"),
    ({"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "CT"}, "modality CT"),
    ({"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "MG"}, "modality MG"),
    ({"SOPClassUID": uid.DigitalMammographyXRayImageStorageForPresentation, "Modality": "MG"}, "Mammography"),
    ({"SOPClassUID": "1.2.392.200036.9125.1.1.2", "Modality": "US"}, "modality US"),
    ({"SOPClassUID": None, "Modality": "NM"}, "modality NM"),
    ({"Modality": f"{PATIENT}"}, "unknown modality"),
    ({"BodyPartExamined": "HAND"}, "another body part (hand)"),
    ({"BodyPartExamined": "LOWER LEG"}, "another body part (leg)"),
    ({"NumberOfFrames": "3"}, "3 frames"),
    ({"PixelData": None}, "without pixels"),
    ({"PixelData": b""}, "without pixels"),
    ({"ViewPosition": "LL"}, "lateral view (View Position LL)"),
    ({"ViewPosition": "RL"}, "lateral view (View Position RL)"),
    ({"ViewPosition": "LATERAL"}, "lateral view (View Position LATERAL)"),
    ({"ViewPosition": "left-lateral"}, "lateral view (View Position LEFT LATERAL)"),
    ({"ViewPosition": "LLD"}, "not frontal: decubitus"),
    ({"ViewPosition": "RAO"}, "not frontal: oblique"),
    ({**VIEWLESS, "ViewCodeSequence": [code("399173006", "left lateral")]}, "lateral view (View Code Sequence)"),
    ({**VIEWLESS, "ViewCodeSequence": [code("R-10232", "")]}, "lateral view (View Code Sequence)"),
    ({**VIEWLESS, "ViewCodeSequence": [code("X", "Lateral")]}, "lateral view (View Code Sequence)"),
    ({"PatientOrientation": ["P", "F"]}, "lateral view (Patient Orientation)"),
    ({"PatientOrientation": ["A", "F"]}, "lateral view (Patient Orientation)"),
    ({**VIEWLESS, "SeriesDescription": "Chest lat."}, "lateral view (Series Description)"),
    ({"ViewPosition": "", "ProtocolName": "W Chest, LATERAL"}, "lateral view (Protocol Name)"),
]


@pytest.mark.parametrize(("tags", "found"), WRONG_TAGS)
def test_wrong_by_tags(tmp_path: Path, tags: dict[str, object], found: str) -> None:
    assert found in refusal(save_dicom(tmp_path / "a.dcm", dicom_dataset(GREY, **tags)))


HARMLESS_TAGS: list[dict[str, object]] = [
    {"ViewPosition": "AP"},
    {"ViewPosition": ""},
    {"PatientOrientation": ["L", "F"]},
    {"PatientOrientation": ["R", "F"]},
    {"PatientOrientation": ["L", "P"]},
    {"PatientOrientation": ""},
    {"NumberOfFrames": "1"},
    {"BodyPartExamined": "CHEST_ABDOMEN"},
    {"BodyPartExamined": ""},
    {"BodyPartExamined": "TSPINE"},
    {"BodyPartExamined": None, "Modality": None, "SOPClassUID": None},
    {"SOPClassUID": "1.2.392.200036.9125.1.1.2"},
    {"SOPClassUID": uid.DigitalXRayImageStorageForPresentation, "Modality": "DX"},
    {"SOPClassUID": uid.DigitalXRayImageStorageForProcessing, "Modality": "DX"},
    {"SOPClassUID": uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage, "Modality": "OT", "NumberOfFrames": "1"},
    {**VIEWLESS, "SeriesDescription": "Chest PA and lateral"},
    {"ViewPosition": "PA", "SeriesDescription": "Chest lateral"},
    {**VIEWLESS, "SeriesDescription": "bilateral infiltrates"},
    {**VIEWLESS, "ViewCodeSequence": [code("272479007", "postero-anterior")]},
]


@pytest.mark.parametrize("tags", HARMLESS_TAGS)
def test_not_refused_by_tags(tmp_path: Path, tags: dict[str, object]) -> None:
    decoded, _ = read(save_dicom(tmp_path / "a.dcm", dicom_dataset(GREY, **tags)))
    np.testing.assert_array_equal(decoded.T, GREY)
