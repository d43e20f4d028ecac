"""DICOM: transfer syntaxes, depths, polarity, spacing, identifiers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_voi_lut
from radiograph_files import (
    COLUMNS,
    ROWS,
    dicom_dataset,
    jpeg,
    lossless_jpeg,
    phantom,
    read,
    rows_of,
    save_dicom,
    with_frame,
)

from common.io import RadiographError

PLAIN = {
    "implicit": uid.ImplicitVRLittleEndian,
    "explicit": uid.ExplicitVRLittleEndian,
    "big_endian": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
}
DEPTHS = [(8, np.uint8), (10, np.uint16), (12, np.uint16), (16, np.uint16)]


def saved(path: Path, pixels: np.ndarray, bits: int, syntax: str, **tags: object) -> Path:
    """Write ``pixels`` in a transfer syntax."""
    dataset = dicom_dataset(pixels, bits=bits, **tags)
    if syntax == "rle":
        dataset.compress(uid.RLELossless)
    elif syntax == "jpeg_2000":
        dataset.compress(uid.JPEG2000Lossless)
    elif syntax == "jpeg_lossless":
        with_frame(dataset, lossless_jpeg(pixels, max(bits, 8)), uid.JPEGLosslessSV1)
    elif syntax == "big_endian":
        if pixels.dtype.itemsize == 2:
            dataset.PixelData = pixels.astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = PLAIN[syntax]
        pydicom.dcmwrite(path, dataset, little_endian=False, implicit_vr=False, enforce_file_format=True)
        return path
    else:
        dataset.file_meta.TransferSyntaxUID = PLAIN[syntax]
    return save_dicom(path, dataset)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("bits", "dtype"), DEPTHS)
@pytest.mark.parametrize("syntax", [*PLAIN, "rle", "jpeg_2000", "jpeg_lossless"])
def test_lossless_syntaxes(tmp_path: Path, syntax: str, bits: int, dtype: type, photometric: str) -> None:
    pixels = phantom(bits, dtype)
    path = saved(tmp_path / "a.dcm", pixels, bits, syntax, PhotometricInterpretation=photometric)
    decoded, meta = read(path)
    inverted = photometric == "MONOCHROME1"
    assert decoded.dtype == np.float32
    assert decoded.shape == (COLUMNS, ROWS)
    np.testing.assert_array_equal(decoded.T, 2**bits - 1 - pixels.astype(np.int64) if inverted else pixels)
    assert meta["inverted"] is inverted
    assert meta["format"] == "dicom"


def test_baseline_jpeg(tmp_path: Path) -> None:
    pixels = phantom()
    path = save_dicom(tmp_path / "a.dcm", with_frame(dicom_dataset(pixels), jpeg(pixels), uid.JPEGBaseline8Bit))
    assert np.abs(rows_of(path) - pixels).mean() < 1.0


@pytest.mark.parametrize(
    ("name", "reference"), [("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"), ("MR_small_RLE.dcm", "MR_small.dcm")]
)
def test_files_of_another_writer(tmp_path: Path, name: str, reference: str) -> None:
    """Signed pixels of an MR scanner, passed for a radiograph: JPEG-LS and RLE equal the uncompressed file."""
    decoded = {}
    for file in (name, reference):
        dataset = pydicom.dcmread(get_testdata_file(file, download=False))
        dataset.SOPClassUID, dataset.Modality, dataset.BodyPartExamined = uid.ComputedRadiographyImageStorage, "CR", ""
        decoded[file] = rows_of(save_dicom(tmp_path / file, dataset))
    stored = pydicom.dcmread(get_testdata_file(reference, download=False)).pixel_array
    window = pydicom.dcmread(get_testdata_file(reference, download=False))
    np.testing.assert_array_equal(decoded[name], decoded[reference])
    # The file's window (600 wide at 1600) gets the scale of 16 bits, as pydicom has it but for the sign.
    expected = apply_voi_lut(stored, window) + 2**15
    np.testing.assert_allclose(decoded[reference], expected, atol=0.01)


def test_extended_jpeg_of_12_bits_needs_the_extra_decoder(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(get_testdata_file("JPGExtended.dcm", download=False))
    dataset.SOPClassUID, dataset.Modality = uid.SecondaryCaptureImageStorage, "OT"
    for keyword in ("WindowCenter", "WindowWidth"):
        if keyword in dataset:
            delattr(dataset, keyword)
    path = save_dicom(tmp_path / "a.dcm", dataset)
    if importlib.util.find_spec("libjpeg") is None:
        with pytest.raises(RadiographError, match=r"a\.dcm: .*Accepted"):
            rows_of(path)
        return
    decoded = rows_of(path)
    assert decoded.shape == (1024, 256)
    # A whole-body bone scan: an empty margin, and values that do not fit 8 bits.
    assert decoded[:, :10].max() < 10
    assert decoded.max() > 255


def test_pixels_without_file_header(tmp_path: Path) -> None:
    """Old archives hold data sets without preamble and file meta information."""
    pixels = phantom(12, np.uint16)
    for implicit in (True, False):
        path = tmp_path / f"{implicit}.dcm"
        dataset = dicom_dataset(pixels, bits=12)
        del dataset.file_meta
        dataset.save_as(path, implicit_vr=implicit, little_endian=True)
        assert path.read_bytes()[128:132] != b"DICM"
        np.testing.assert_array_equal(rows_of(path), pixels)


def test_signed_pixels(tmp_path: Path) -> None:
    pixels = phantom(12, np.int16) - 1024
    np.testing.assert_array_equal(rows_of(save_dicom(tmp_path / "a.dcm", dicom_dataset(pixels, bits=13))), pixels)


def test_narrow_range_of_16_bits_keeps_its_steps(tmp_path: Path) -> None:
    pixels = 40000 + (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) % 50).astype(np.uint16)
    decoded = rows_of(save_dicom(tmp_path / "a.dcm", dicom_dataset(pixels)))
    assert len(np.unique(decoded)) == 50
    np.testing.assert_array_equal(decoded, pixels)


def test_secondary_capture_in_colours_that_agree(tmp_path: Path) -> None:
    pixels = phantom()
    tags = {"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "OT"}
    dataset = dicom_dataset(np.stack([pixels] * 3, axis=-1), **tags)
    np.testing.assert_array_equal(rows_of(save_dicom(tmp_path / "a.dcm", dataset)), pixels)
    subsampled = with_frame(dataset, jpeg(np.stack([pixels] * 3, axis=-1)), uid.JPEGBaseline8Bit)
    subsampled.PhotometricInterpretation = "YBR_FULL_422"
    assert np.abs(rows_of(save_dicom(tmp_path / "b.dcm", subsampled)) - pixels).mean() < 1.0


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "OT", ""])
def test_secondary_captures(tmp_path: Path, modality: str) -> None:
    tags = {"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": modality}
    dataset = dicom_dataset(phantom(), **tags)
    np.testing.assert_array_equal(rows_of(save_dicom(tmp_path / "a.dcm", dataset)), phantom())


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PixelSpacing": [0.2, 0.15], "ImagerPixelSpacing": [0.3, 0.3]}, (0.15, 0.2)),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.1, 0.2)),
        ({"ImagerPixelSpacing": [0.22, 0.11], "EstimatedRadiographicMagnificationFactor": "1.1"}, (0.1, 0.2)),
        ({"NominalScannedPixelSpacing": [0.175, 0.17]}, (0.17, 0.175)),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.2, 0.1]}, (0.1, 0.2)),
        ({"PixelSpacing": [0, 0]}, (np.nan, np.nan)),
        ({}, (np.nan, np.nan)),
    ],
)
def test_spacing(tmp_path: Path, tags: dict[str, object], expected: tuple[float, float]) -> None:
    _, meta = read(save_dicom(tmp_path / "a.dcm", dicom_dataset(phantom(), **tags)))
    np.testing.assert_allclose(meta["pixel_spacing"], expected)
    x, y = (1.0 if np.isnan(size) else size for size in expected)
    np.testing.assert_allclose(meta["affine"], np.diag([-x, -y, 1, 1]))


def test_identifiers(tmp_path: Path) -> None:
    dataset = dicom_dataset(phantom(), PatientOrientation=["L", "F"])
    _, meta = read(save_dicom(tmp_path / "a.dcm", dataset))
    assert meta["sop_class_uid"] == uid.ComputedRadiographyImageStorage
    assert meta["sop_instance_uid"] == dataset.SOPInstanceUID
    assert meta["series_instance_uid"] == dataset.SeriesInstanceUID
    assert meta["study_instance_uid"] == dataset.StudyInstanceUID
    assert meta["patient_orientation"] == "L\\F"
    assert not any("Zebulon" in str(value) or "4711" in str(value) for value in meta.values())


@pytest.mark.data
def test_real_radiograph(cxr_data: Path) -> None:
    """MONOCHROME1, JPEG 2000, 15 bits, a window of 30000 at 15000, a spacing of zero."""
    path = cxr_data / "dicom" / "RG1_J2KI.dcm"
    decoded, meta = read(path)
    stored = pydicom.dcmread(path).pixel_array.astype(np.float64)
    assert decoded.shape == (1841, 1955)
    shown = 32767 - np.clip((stored - 14999.5) / 29999 + 0.5, 0, 1) * 32767
    np.testing.assert_allclose(decoded.T, shown, atol=0.02)
    assert meta["inverted"]
    assert np.isnan(meta["pixel_spacing"]).all()
    # Bone is bright: the spine in the middle against the lung beside it; the heart lies on the picture's right.
    assert decoded[850:950, 400:600].mean() > decoded[500:600, 400:600].mean()
    assert decoded[1150:1300, 1200:1350].mean() > decoded[600:750, 600:700].mean()
