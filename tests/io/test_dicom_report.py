"""Structured reports of a classifier and secondary captures: what they say, and what they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_checks import ALGORITHM, GREY, SOURCES, check_references, check_standard, comparable, radiograph, written
from PIL import Image
from radiograph_files import PATIENT

pytest.importorskip("highdicom", reason="highdicom, of the extra dicom, is not installed")
from highdicom.sr import srread

from common.io import RadiographError
from common.io.dicom_capture import make_capture
from common.io.dicom_report import TBFinding, make_report

POSITIVE = TBFinding(0.8251, positive=True, threshold=0.2755, rule="who_triage", flags=["no_lungs"])
NEGATIVE = TBFinding(0.1, positive=False, threshold=0.5, rule="")
#: Colours that no turn or reflection of the picture keeps.
COLOURED = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def items(content: Any) -> list[pydicom.Dataset]:
    """All content items below a container, from the top down."""
    below = [(item, items(item)) for item in content.get("ContentSequence", ())]
    return [each for item, others in below for each in (item, *others)]


def said(report: pydicom.Dataset) -> dict[str, list[Any]]:
    """Values by the meaning of their names."""
    found: dict[str, list[Any]] = {}
    for item in items(report):
        value: Any = None
        if item.ValueType == "NUM":
            value = float(item.MeasuredValueSequence[0].NumericValue)
        elif item.ValueType == "CODE":
            value = item.ConceptCodeSequence[0].CodeValue
        elif item.ValueType == "TEXT":
            value = item.TextValue
        elif item.ValueType == "IMAGE":
            value = item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        found.setdefault(item.ConceptNameCodeSequence[0].CodeMeaning, []).append(value)
    return found


@pytest.mark.parametrize("kind", SOURCES)
def test_a_report_belongs_to_its_radiograph(tmp_path: Path, kind: str) -> None:
    path = radiograph(tmp_path, kind)
    source = pydicom.dcmread(path)
    found = written(tmp_path / "a.sr.dcm", make_report(POSITIVE, path, ALGORITHM))
    check_references(found, source)
    (study,) = found.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    (image,) = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == source.StudyInstanceUID
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert (image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID) == (source.SOPClassUID, source.SOPInstanceUID)
    assert said(found)["Source of Measurement"] == [source.SOPInstanceUID]


def test_a_report_says_what_was_found_and_by_what(tmp_path: Path) -> None:
    path = radiograph(tmp_path)
    positive = written(tmp_path / "a.sr.dcm", make_report(POSITIVE, path, ALGORITHM))
    words = said(positive)
    assert words["Probability"] == [0.8251]
    assert words["Threshold Value"] == [0.2755]
    assert words["Probability of TB reaches the operating point"] == ["10828004"]
    assert words["Finding"] == ["154283005"]
    assert words["Algorithm Name"] == ["some_bundle"]
    assert words["Algorithm Version"] == ["1.2.3"]
    assert set(words["Algorithm Parameters"]) == {
        f"weights_sha256={'ab' * 32}",
        "threshold=0.5",
        "image_size=[64, 96]",
        "operating_point=who_triage",
        "flags=no_lungs",
    }
    # No person has seen it.
    flags = (positive.Modality, positive.CompletionFlag, positive.PreliminaryFlag, positive.VerificationFlag)
    assert flags == ("SR", "COMPLETE", "PRELIMINARY", "UNVERIFIED")
    negative = said(make_report(NEGATIVE, path, ALGORITHM))
    assert negative["Probability of TB reaches the operating point"] == ["260385009"]
    assert not any(text.startswith(("operating_point", "flags")) for text in negative["Algorithm Parameters"])


def test_highdicom_reads_the_report_as_one_after_tid_1500(tmp_path: Path) -> None:
    written(tmp_path / "a.sr.dcm", make_report(POSITIVE, radiograph(tmp_path), ALGORITHM))
    (group,) = srread(tmp_path / "a.sr.dcm").content.get_image_measurement_groups()
    assert [(each.name.meaning, each.value) for each in group.get_measurements()] == [
        ("Probability", 0.8251),
        ("Threshold Value", 0.2755),
    ]


@pytest.mark.parametrize("kind", SOURCES)
def test_the_standard_is_kept_to(tmp_path: Path, kind: str) -> None:
    path = radiograph(tmp_path, kind)
    for name, result in (("a.sr.dcm", make_report(POSITIVE, path, ALGORITHM)), ("a.sc.dcm", capture(path))):
        written(tmp_path / name, result)
        check_standard(tmp_path / name)


def capture(path: Path) -> Any:
    return make_capture(COLOURED, path, ALGORITHM)


@pytest.mark.parametrize("kind", SOURCES)
def test_a_capture_is_the_picture_and_belongs_to_its_radiograph(tmp_path: Path, kind: str) -> None:
    path = radiograph(tmp_path, kind)
    source = pydicom.dcmread(path)
    found = written(tmp_path / "a.sc.dcm", capture(path))
    check_references(found, source)
    np.testing.assert_array_equal(found.pixel_array, COLOURED)
    assert found.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert list(found.ImageType)[:2] == ["DERIVED", "SECONDARY"]
    assert (found.PatientOrientation or "") == source.get("PatientOrientation", "")
    (image,) = found.SourceImageSequence
    assert (image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID) == (source.SOPClassUID, source.SOPInstanceUID)


def test_a_rerun_replaces_each_but_they_do_not_replace_each_other(tmp_path: Path) -> None:
    path = radiograph(tmp_path)
    report, picture = make_report(POSITIVE, path, ALGORITHM), capture(path)
    assert comparable(make_report(POSITIVE, path, ALGORITHM)) == comparable(report)
    assert comparable(capture(path)) == comparable(picture)
    assert report.SOPInstanceUID != picture.SOPInstanceUID
    assert report.SeriesInstanceUID != picture.SeriesInstanceUID


def test_a_picture_that_is_not_dicom_gets_neither(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    for make in (lambda path: make_report(POSITIVE, path, ALGORITHM), capture):
        with pytest.raises(RadiographError, match="not a DICOM file") as caught:
            make(tmp_path / "a.png")
        assert PATIENT not in str(caught.value)
