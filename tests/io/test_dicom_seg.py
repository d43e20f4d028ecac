"""Masks as DICOM Segmentation objects: pixels, references, identifiers, and what is refused."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_checks import (
    ALGORITHM,
    GREY,
    MASK,
    SOURCES,
    check_references,
    check_standard,
    comparable,
    radiograph,
    written,
)
from PIL import Image
from radiograph_files import PATIENT, dicom_dataset, save_dicom

pytest.importorskip("highdicom", reason="highdicom, of the extra dicom, is not installed")
from highdicom.seg import segread

from common.errors import UsageError
from common.io import MaskWriter, RadiographError, RadiographLayout
from common.io.dicom_seg import STRUCTURES, make_segmentation, structure_of
from common.io.run_algorithm import RunAlgorithm, running_algorithm


def segmentation(source: Path, name: str = "lungs", mask: Any = MASK, algorithm: RunAlgorithm = ALGORITHM) -> Any:
    return make_segmentation(mask, source, name, STRUCTURES[name], algorithm)


@pytest.mark.parametrize("kind", SOURCES)
def test_three_readers_find_the_mask_and_what_it_belongs_to(tmp_path: Path, kind: str) -> None:
    path = radiograph(tmp_path, kind)
    source = pydicom.dcmread(path)
    target = tmp_path / "a.seg.dcm"
    found = written(target, segmentation(path))
    check_references(found, source)
    assert (found.SOPClassUID, found.Modality) == (pydicom.uid.SegmentationStorage, "SEG")
    assert (found.Rows, found.Columns, found.NumberOfFrames, found.BitsAllocated) == (*GREY.shape, 1, 1)
    np.testing.assert_array_equal(found.pixel_array, MASK)
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(target))[0] > 0, MASK)
    by_source = segread(target).get_pixels_by_source_instance([source.SOPInstanceUID])
    np.testing.assert_array_equal(by_source[0, ..., 0], MASK)

    (series,) = found.ReferencedSeriesSequence
    (image,) = found.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    for item in (series.ReferencedInstanceSequence[0], image):
        assert item.ReferencedSOPClassUID == source.SOPClassUID
        assert item.ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert found.get("FrameOfReferenceUID") == source.get("FrameOfReferenceUID")
    assert (found.PatientOrientation or "") == source.get("PatientOrientation", "")


@pytest.mark.parametrize("kind", SOURCES)
def test_the_standard_is_kept_to(tmp_path: Path, kind: str) -> None:
    for name, mask in (("left_lung", MASK), ("tb", np.zeros_like(MASK))):
        written(tmp_path / "a.seg.dcm", segmentation(radiograph(tmp_path, kind), name, mask))
        check_standard(tmp_path / "a.seg.dcm")


def test_structures_are_coded(tmp_path: Path) -> None:
    path = radiograph(tmp_path)
    coded = {}
    for name in ("lungs", "right_lung", "left_lung", "tb"):
        (segment,) = written(tmp_path / "a.seg.dcm", segmentation(path, name)).SegmentSequence
        (kind,) = segment.SegmentedPropertyTypeCodeSequence
        changes = [code.CodeValue for code in kind.get("SegmentedPropertyTypeModifierCodeSequence", ())]
        sites = [code.CodeValue for code in segment.get("AnatomicRegionSequence", ())]
        category = segment.SegmentedPropertyCategoryCodeSequence[0].CodeValue
        coded[name] = (segment.SegmentLabel, category, kind.CodeValue, *changes, *sites)
        assert kind.CodingSchemeDesignator == "SCT"
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        (made,) = segment.SegmentationAlgorithmIdentificationSequence
        assert (made.AlgorithmName, made.AlgorithmVersion) == ("some_bundle", "1.2.3")
        assert "ab" * 32 in made.AlgorithmParameters
        assert "[64, 96]" in made.AlgorithmParameters
    assert coded == {
        "lungs": ("Lungs", "91772007", "39607008", "51440002"),
        "right_lung": ("Right lung", "91772007", "39607008", "24028007"),
        "left_lung": ("Left lung", "91772007", "39607008", "7771000"),
        "tb": ("TB-consistent lesion", "49755003", "52988006", "39607008"),
    }


def test_nothing_found_is_a_frame_of_zeros(tmp_path: Path) -> None:
    found = written(tmp_path / "a.seg.dcm", segmentation(radiograph(tmp_path), "tb", np.zeros_like(MASK)))
    assert found.NumberOfFrames == 1
    assert len(found.SegmentSequence) == 1
    assert not found.pixel_array.any()


def test_a_rerun_replaces_and_nothing_else_does(tmp_path: Path) -> None:
    path = radiograph(tmp_path)
    first = segmentation(path)
    assert comparable(segmentation(path)) == comparable(first)
    other = radiograph(tmp_path, "capture", SOPInstanceUID="1.2.826.0.1.3680043.2.1125.7")
    versions = [
        first,
        segmentation(other),
        segmentation(path, "right_lung"),
        *(
            segmentation(path, algorithm=RunAlgorithm(*values))
            for values in (
                ("other_bundle", "1.2.3", "ab" * 32, ALGORITHM.settings),
                ("some_bundle", "1.2.4", "ab" * 32, ALGORITHM.settings),
                ("some_bundle", "1.2.3", "cd" * 32, ALGORITHM.settings),
                ("some_bundle", "1.2.3", "ab" * 32, {"threshold": 0.6}),
            )
        ),
    ]
    assert len({each.SOPInstanceUID for each in versions}) == len(versions)
    assert len({each.SeriesInstanceUID for each in versions}) == len(versions)
    assert all(pydicom.uid.UID(each.SOPInstanceUID).is_valid for each in versions)


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", ["", "1.2.Zebulon"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_radiographs_that_nothing_can_refer_to(tmp_path: Path, keyword: str, value: str) -> None:
    dataset = dicom_dataset(GREY)
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    setattr(dataset, keyword, value)
    path = tmp_path / "a.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=False)
    with pytest.raises(RadiographError) as caught:
        segmentation(path)
    assert caught.value.reason == f"a DICOM file without a valid {pydicom.datadict.dictionary_description(keyword)}"
    assert "Zebulon" not in str(caught.value)


def test_names_of_dicom_outputs_are_for_dicom_radiographs(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    radiograph(tmp_path)
    layout = RadiographLayout(tmp_path / "out", tmp_path, postfix="lungs", extension=".seg.dcm")
    with pytest.raises(RadiographError, match="not a DICOM file, so that no DICOM output can refer to it"):
        layout.filename(tmp_path / "a.png")
    assert layout.filename(tmp_path / "cr.dcm") == str(tmp_path / "out" / "cr.dcm_lungs.seg.dcm")
    assert layout.filename(tmp_path / "a.png", extension=".png") == str(tmp_path / "out" / "a_lungs.png")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a_right_lung.dcm_lungs.seg.dcm", "lungs"),
        ("a_lungs_raw.seg.dcm", "lungs_raw"),
        ("A_TB.SEG.DCM", "tb"),
    ],
)
def test_a_file_shows_what_its_name_says(name: str, expected: str) -> None:
    assert structure_of(name) == (expected, STRUCTURES[expected])


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"_tb\.seg\.dcm"):
        structure_of("a_consensus.seg.dcm")


def account(folder: Path, **values: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"bundle": folder.name, "complete": False, **values}))


def test_the_algorithm_is_that_of_the_run_under_way(tmp_path: Path) -> None:
    account(tmp_path / "outer", version="2.0", weights_sha256="ef", settings={"threshold": 0.5})
    account(tmp_path / "outer" / "inner", complete=True)
    expected = RunAlgorithm("outer", "2.0", "ef", {"threshold": 0.5})
    assert running_algorithm(tmp_path / "outer" / "inner" / "new" / "a.seg.dcm") == expected
    account(tmp_path / "outer" / "inner")
    assert running_algorithm(tmp_path / "outer" / "inner" / "a.seg.dcm").name == "inner"
    for text in ("{", "[]", '{"complete": false}'):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(UsageError, match=r"written by a run of a bundle only"):
            running_algorithm(tmp_path / "a.seg.dcm")


def save(path: Path, source: Path, mask: Any = MASK) -> None:
    writer = MaskWriter()
    writer.set_data_array(mask.T[np.newaxis])
    writer.set_metadata({"filename_or_obj": str(source)})
    writer.write(path, verbose=False)


WRITE_BEYOND_A_LIMIT = """
import resource, signal, sys
import pydicom
from common.io.dicom_source import save_result
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
result = pydicom.dcmread(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    save_result(result, sys.argv[2])
except OSError as error:
    print(error.strerror)
"""


def test_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = radiograph(tmp_path)
    account(tmp_path / "run")
    target = tmp_path / "run" / "a_lungs.seg.dcm"
    save(target, path)
    np.testing.assert_array_equal(pydicom.dcmread(target).pixel_array, MASK)
    before = target.read_bytes()
    script = [sys.executable, "-c", WRITE_BEYOND_A_LIMIT, str(target), str(target)]
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout == "File too large\n"
    assert target.read_bytes() == before
    assert sorted(each.name for each in target.parent.iterdir()) == ["a_lungs.seg.dcm", "run.json"]


def test_a_class_of_a_makers_own_is_refused(tmp_path: Path) -> None:
    path = save_dicom(tmp_path / "a.dcm", dicom_dataset(GREY, SOPClassUID="1.2.826.0.1.3680043.2.1125.88"))
    with pytest.raises(RadiographError, match="a class that the standard does not know") as caught:
        segmentation(path)
    assert "1125" not in str(caught.value)


def test_neither_logs_nor_warnings_nor_errors_tell_who_the_patient_is(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**arguments: Any) -> None:
        logging.getLogger("highdicom").critical(PATIENT)
        warnings.warn(PATIENT, stacklevel=1)
        raise ValueError(f"no such patient: {PATIENT}")

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("highdicom.seg.Segmentation", fail)
    with pytest.raises(RadiographError, match=r"no DICOM output can be made \(ValueError\)") as caught:
        segmentation(radiograph(tmp_path))
    trace = "".join(traceback.format_exception(caught.value))
    for text in (caplog.text, trace, *(str(each.message) for each in recwarn)):
        for secret in (*PATIENT.split("^"), "4711", "1.2.826.0.1.3680043.2.1125"):
            assert secret not in text
