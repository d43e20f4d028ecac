"""Labels that readers submit in MONAI Label become DICOM SEG of their radiograph."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK

from common.archive.itkimage2segimage import main
from common.data.phantom import Phantom, radiograph_phantom
from common.data.phantom_files import write_picture

highdicom = pytest.importorskip("highdicom", reason="highdicom, of the extra dicom, is not installed")

Convert = Callable[..., int]


@pytest.fixture
def phantom() -> Phantom:
    """No mirror image or turn of it looks alike."""
    return radiograph_phantom((120, 96), seed=3, bits=16)


@pytest.fixture
def series(tmp_path: Path, phantom: Phantom) -> Path:
    """Folder of the radiograph, as MONAI Label keeps it."""
    write_picture(tmp_path / "series" / "1.dcm", phantom.image, pixel=0.4, monochrome1=True)
    return tmp_path / "series"


@pytest.fixture
def label(tmp_path: Path, series: Path, phantom: Phantom) -> SimpleITK.Image:
    """The lungs, with the geometry of the image that MONAI Label serves."""
    served = SimpleITK.ReadImage(str(series / "1.dcm"))
    drawn = SimpleITK.GetImageFromArray(phantom.lungs[np.newaxis].astype(np.uint8))
    drawn.CopyInformation(served)
    return drawn


@pytest.fixture
def convert(tmp_path: Path, series: Path) -> Convert:
    """Function that runs the program on a label."""

    def run(label: Path, *names: str, folder: Path = series) -> int:
        segments = [{"labelID": number, "SegmentLabel": name} for number, name in enumerate(names, 1)]
        metadata = tmp_path / "meta.json"
        metadata.write_text(json.dumps({"SeriesDescription": "AIName", "segmentAttributes": [segments]}))
        words = ["--inputImageList", label, "--inputDICOMDirectory", folder, "--outputDICOM", tmp_path / "out.dcm"]
        return main([str(word) for word in [*words, "--inputMetadata", metadata, "--skip"]])

    return run


def written(image: SimpleITK.Image, path: Path) -> Path:
    SimpleITK.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize(
    ("name", "description"),
    [("lungs", "Lungs"), ("lesion", "TB-consistent lesion"), ("Tuberculosis", "Evidence for TB")],
)
def test_a_label_becomes_a_valid_segmentation(
    convert: Convert,
    label: SimpleITK.Image,
    series: Path,
    phantom: Phantom,
    tmp_path: Path,
    name: str,
    description: str,
) -> None:
    assert convert(written(label, tmp_path / "label.nii.gz"), name) == 0
    source = pydicom.dcmread(series / "1.dcm")
    read = highdicom.seg.segread(tmp_path / "out.dcm")
    np.testing.assert_array_equal(read.pixel_array > 0, phantom.lungs)
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "PatientBirthDate"):
        assert read[keyword].value == source[keyword].value
    (reference,) = read.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == source.SeriesInstanceUID
    assert reference.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    (segment,) = read.SegmentSequence
    assert (segment.SegmentLabel, segment.SegmentAlgorithmType) == (description, "SEMIAUTOMATIC")
    assert read.SeriesDescription == f"{description}, submitted by a reader"
    if shutil.which("dciodvfy"):
        done = subprocess.run(["dciodvfy", tmp_path / "out.dcm"], capture_output=True, text=True, errors="replace")
        assert [line for line in done.stderr.splitlines() if "Error" in line] == []


def test_however_it_is_stored(convert: Convert, label: SimpleITK.Image, phantom: Phantom, tmp_path: Path) -> None:
    """Formats and orders of axes that say the same give the same mask; the same file gives the same identifiers."""
    nifti = written(label, tmp_path / "label.nii.gz")
    turned = nib.load(nifti).as_reoriented(np.array([[1, -1], [0, 1], [2, 1]]))
    nib.save(turned, tmp_path / "turned.nii.gz")
    paths = [nifti, nifti, written(label, tmp_path / "label.nrrd"), tmp_path / "turned.nii.gz"]
    paths.append(written(SimpleITK.Flip(label, [True, True, False]), tmp_path / "flipped.nii.gz"))
    identifiers = []
    for path in paths:
        assert convert(path, "lungs") == 0
        result = pydicom.dcmread(tmp_path / "out.dcm")
        np.testing.assert_array_equal(result.pixel_array > 0, phantom.lungs)
        identifiers.append((result.SOPInstanceUID, result.SeriesInstanceUID))
    assert identifiers[0] == identifiers[1]
    assert len(set(identifiers)) == len(paths) - 1


def test_what_is_refused(
    convert: Convert, label: SimpleITK.Image, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = written(label, tmp_path / "label.nii.gz")
    small = written(SimpleITK.Crop(label, [0, 0, 0], [8, 0, 0]), tmp_path / "small.nii.gz")
    label.SetOrigin((5000.0, 0.0, 0.0))
    far = written(label, tmp_path / "far.nii.gz")
    (tmp_path / "text.nii.gz").write_text("no picture")
    shutil.copytree(series, tmp_path / "two")
    shutil.copyfile(series / "1.dcm", tmp_path / "two" / "2.dcm")
    for path, names, folder, reason in (
        (good, ["spleen"], series, "one segment named lungs, lesion, tuberculosis is needed"),
        (good, ["lungs", "lesion"], series, "one segment named"),
        (good, [], series, "one segment named"),
        (small, ["lungs"], series, "a label of 88 x 120, the radiograph has 96 x 120"),
        (far, ["lungs"], series, "lies elsewhere than the radiograph"),
        (tmp_path / "text.nii.gz", ["lungs"], series, "cannot be read as a mask of 1.dcm"),
        (good, ["lungs"], tmp_path / "two", "2 DICOM files; a series of one radiograph is needed"),
        (good, ["lungs"], tmp_path / "none", "0 DICOM files"),
    ):
        assert convert(path, *names, folder=folder) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert reason in err
        assert not (tmp_path / "out.dcm").exists()
