"""DICOM outputs of the bundles: from a folder of files to objects that an archive files with the study."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
import torch
from bundle_facts import TB_CLS, TB_SEG, Outcome
from PIL import Image
from two_lungs import bright_network, picture, rows_of, table, truth, turned

pytest.importorskip("highdicom", reason="highdicom, of the extra dicom, is not installed")

from common.data.phantom_files import write_picture
from common.networks import EfficientNetLite

REFUSED = "not a DICOM file, so that no DICOM output can refer to it"


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two DICOM radiographs, one with bone as dark, and a PNG picture."""
    folder = tmp_path / "in"
    write_picture(folder / "a.png", picture(truth()))
    write_picture(folder / "b.dcm", picture(truth(), np.uint16), pixel=0.2)
    write_picture(folder / "site" / "c.dcm", picture(truth(), np.uint16), pixel=0.2, monochrome1=True)
    return folder


def check_standard(path: Path) -> None:
    """No error by dciodvfy, where it is installed; tests/io skips where it is not."""
    program = shutil.which("dciodvfy")
    if program is not None:
        done = subprocess.run([program, str(path)], capture_output=True, text=True, errors="replace", check=False)
        assert [line for line in done.stderr.splitlines() if "Error" in line] == []


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def check_table(output: Path) -> None:
    rows = table(output)
    assert dict(rows["status"]) == {"a.png": "refused", "b.dcm": "ok", "site/c.dcm": "ok"}
    assert rows.loc["a.png", "reason"] == REFUSED
    texts = (output / "predictions.csv").read_text() + (output / "run.json").read_text()
    assert "Phantom" not in texts


def test_lung_masks_are_those_of_png_in_the_same_place(
    infer_command: Callable[..., Outcome], mixed: Path, tmp_path: Path
) -> None:
    assert infer_command(output_dir=tmp_path / "plain").status == 0
    outcome = infer_command("separate_lungs", mask_format=".seg.dcm")
    assert outcome.status == 3
    assert f"refused: a.png: {REFUSED}" in outcome.out
    for text in (outcome.out, outcome.err):
        assert "Phantom" not in text
        assert "Traceback" not in text
    check_table(tmp_path / "out")
    names = [
        f"{stem}_{what}.seg.dcm" for stem in ("b.dcm", "site/c.dcm") for what in ("left_lung", "lungs", "right_lung")
    ]
    assert files(tmp_path / "out") == [*names[:3], "predictions.csv", "run.json", *names[3:]]

    weights = json.loads((tmp_path / "out" / "run.json").read_text())["weights_sha256"]
    for stem in ("b.dcm", "site/c.dcm"):
        path = tmp_path / "out" / f"{stem}_lungs.seg.dcm"
        found, source = pydicom.dcmread(path), pydicom.dcmread(mixed / stem)
        mask = rows_of(tmp_path / "plain" / f"{stem}_lungs.png")
        np.testing.assert_array_equal(mask, truth())
        np.testing.assert_array_equal(found.pixel_array, mask)
        np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))[0] > 0, mask)
        assert all(not np.array_equal(found.pixel_array, other) for other in turned(truth()).values())
        assert found.PatientName == source.PatientName
        assert found.StudyInstanceUID == source.StudyInstanceUID
        assert found.PatientOrientation == ["L", "F"]
        assert (found.ManufacturerModelName, found.DeviceSerialNumber) == ("lung_seg", weights)
        assert (
            "image_size" in found.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0].AlgorithmParameters
        )
        check_standard(path)
    right, left = (pydicom.dcmread(tmp_path / "out" / f"b.dcm_{side}_lung.seg.dcm") for side in ("right", "left"))
    # The patient's right is on the picture's left.
    assert not right.pixel_array[:, 56:].any()
    assert not left.pixel_array[:, :56].any()
    np.testing.assert_array_equal(right.pixel_array | left.pixel_array, truth())

    before = pydicom.dcmread(tmp_path / "out" / names[1])
    infer_command("separate_lungs", mask_format=".seg.dcm")
    again = pydicom.dcmread(tmp_path / "out" / names[1])
    assert (again.SOPInstanceUID, again.SeriesInstanceUID) == (before.SOPInstanceUID, before.SeriesInstanceUID)
    infer_command(mask_format=".seg.dcm", threshold=0.6)
    other = pydicom.dcmread(tmp_path / "out" / names[1])
    assert other.SOPInstanceUID != before.SOPInstanceUID


def test_lesion_masks(mixed: Path, tmp_path: Path) -> None:
    options = {"dataset_dir": mixed, "output_dir": tmp_path / "out", "num_workers": 0, **bright_network(tmp_path)}
    shown = {"lung_crop": False, "min_lesion_area": 0.0, "mask_format": ".seg.dcm"}
    assert TB_SEG.run("inference", **options, **shown) == 3
    check_table(tmp_path / "out")
    for stem in ("b.dcm", "site/c.dcm"):
        path = tmp_path / "out" / f"{stem}_tb.seg.dcm"
        found = pydicom.dcmread(path)
        np.testing.assert_array_equal(found.pixel_array, truth())
        assert found.SegmentSequence[0].SegmentLabel == "TB-consistent lesion"
        check_standard(path)


def test_report_and_picture_of_the_evidence(mixed: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(EfficientNetLite(variant=0, num_classes=2).state_dict(), tmp_path / "random.pt")
    options = {
        **{"dataset_dir": mixed, "output_dir": tmp_path / "out", "num_workers": 0, "weights": tmp_path / "random.pt"},
        **{"operating_point": "$None", "lung_crop": False, "image_size": [64, 64]},
    }
    assert TB_CLS.run("inference", "localize", "dicom", **options, write_capture=True) == 3
    check_table(tmp_path / "out")
    rows = table(tmp_path / "out")
    for stem in ("b.dcm", "site/c.dcm"):
        report = pydicom.dcmread(tmp_path / "out" / f"{stem}_tb.sr.dcm")
        text = str(report)
        assert f"'{rows.loc[stem, 'tb_probability']}'" in text
        assert ("'Positive'" in text) == (rows.loc[stem, "tb"] == "1")
        assert b"flags=uncalibrated" in (tmp_path / "out" / f"{stem}_tb.sr.dcm").read_bytes()
        capture = pydicom.dcmread(tmp_path / "out" / f"{stem}_overlay.sc.dcm")
        with Image.open(tmp_path / "out" / f"{stem}_overlay.png") as overlay:
            np.testing.assert_array_equal(capture.pixel_array, np.asarray(overlay))
        for found in (report, capture):
            assert found.StudyInstanceUID == pydicom.dcmread(mixed / stem).StudyInstanceUID
            check_standard(Path(found.filename))

    # The report alone; a resumed run makes only what is missing.
    output = tmp_path / "scores"
    assert TB_CLS.run("inference", "dicom", **{**options, "output_dir": output}) == 3
    expected = ["b.dcm_tb.sr.dcm", "predictions.csv", "run.json", "site/c.dcm_tb.sr.dcm"]
    assert files(output) == expected
    (output / "b.dcm_tb.sr.dcm").unlink()
    before = (output / "site" / "c.dcm_tb.sr.dcm").read_bytes()
    assert TB_CLS.run("inference", "dicom", **{**options, "output_dir": output, "resume_inference": True}) == 3
    assert files(output) == expected
    assert (output / "site" / "c.dcm_tb.sr.dcm").read_bytes() == before
