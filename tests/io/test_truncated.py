"""Files that are cut short, anywhere and in any format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate, get_frame
from radiograph_files import dicom_dataset, jpeg, lossless_jpeg, phantom, read, refusal, save_dicom, with_frame

from common.io import RadiographError

GREY = phantom()
DEEP = phantom(12, np.uint16)


def compressed(syntax: str) -> pydicom.Dataset:
    dataset = dicom_dataset(DEEP, bits=12)
    if syntax == uid.JPEGBaseline8Bit:
        return with_frame(dicom_dataset(GREY), jpeg(GREY), syntax)
    if syntax == uid.JPEGLosslessSV1:
        return with_frame(dataset, lossless_jpeg(DEEP, 12), syntax)
    dataset.compress(uid.UID(syntax))
    return dataset


SYNTAXES = [uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=["rle", "jpeg_2000", "jpeg", "jpeg_lossless"])
def test_short_frame_in_a_whole_dicom(tmp_path: Path, syntax: str, share: float) -> None:
    dataset = compressed(syntax)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = encapsulate([frame[: int(len(frame) * share)]])
    message = refusal(save_dicom(tmp_path / "a.dcm", dataset))
    assert "truncated" in message


def test_broken_compressed_frame(tmp_path: Path) -> None:
    dataset = with_frame(dicom_dataset(GREY), b"\xff\xd8 no jpeg \xff\xd9", uid.JPEGBaseline8Bit)
    assert "JPEG Baseline (Process 1)) cannot be decoded" in refusal(save_dicom(tmp_path / "a.dcm", dataset))


WHOLE_FILES: dict[str, Callable[[Path], object]] = {
    "a.png": lambda p: Image.fromarray(GREY).save(p),
    "16.png": lambda p: Image.fromarray(DEEP).save(p),
    "a.jpg": lambda p: Image.fromarray(GREY).save(p),
    "progressive.jpg": lambda p: Image.fromarray(GREY).save(p, progressive=True),
    "a.tif": lambda p: tifffile.imwrite(p, GREY),
    "deflate.tif": lambda p: tifffile.imwrite(p, DEEP, compression="deflate", rowsperstrip=16),
    "float.tif": lambda p: tifffile.imwrite(p, DEEP.astype(np.float32)),
    "a.nii": lambda p: nib.save(nib.Nifti1Image(GREY.T, np.eye(4)), p),
    "a.nii.gz": lambda p: nib.save(nib.Nifti1Image(GREY.T, np.eye(4)), p),
    "raw.dcm": lambda p: save_dicom(p, dicom_dataset(GREY)),
    "rle.dcm": lambda p: save_dicom(p, compressed(uid.RLELossless)),
    "jpeg_2000.dcm": lambda p: save_dicom(p, compressed(uid.JPEG2000Lossless)),
    "jpeg.dcm": lambda p: save_dicom(p, compressed(uid.JPEGBaseline8Bit)),
}


@pytest.mark.parametrize("name", list(WHOLE_FILES))
def test_truncated(tmp_path: Path, name: str) -> None:
    """Cut anywhere, a file is refused, or nothing of the picture was in what it lost."""
    path = tmp_path / name
    WHOLE_FILES[name](path)
    content = path.read_bytes()
    picture = read(path)[0]
    refused = 0
    for length in np.linspace(1, len(content) - 1, 25).astype(int):
        path.write_bytes(content[:length])
        try:
            np.testing.assert_array_equal(read(path)[0], picture)
        except RadiographError:
            refused += 1
            refusal(path)
    assert refused >= 23


@pytest.mark.parametrize("name", list(WHOLE_FILES))
def test_broken_bytes(tmp_path: Path, name: str) -> None:
    """Bytes changed at random, half of the time in the header: a picture or a refusal, never another error."""
    random = np.random.default_rng(7)
    path = tmp_path / name
    WHOLE_FILES[name](path)
    content = path.read_bytes()
    refused = 0
    for attempt in range(30):
        broken = bytearray(content)
        for place in random.integers(0, min(600, len(content)) if attempt % 2 else len(content), 5):
            broken[place] = random.integers(256)
        path.write_bytes(broken)
        try:
            assert read(path)[0].dtype == np.float32
        except RadiographError:
            refused += 1
            refusal(path)
    assert refused > 0


def test_rle_that_makes_its_decoder_panic(tmp_path: Path) -> None:
    """The decoder then raises what is not even an Exception."""
    dataset = compressed(uid.RLELossless)
    frame = bytearray(get_frame(dataset.PixelData, 0, number_of_frames=1))
    # A run of 128 bytes in place of what the first segment starts with: it grows beyond the picture.
    start = int.from_bytes(frame[4:8], "little")
    frame[start : start + 2] = b"\x81\x01"
    dataset.PixelData = encapsulate([bytes(frame)])
    assert "RLE Lossless) cannot be decoded" in refusal(save_dicom(tmp_path / "a.dcm", dataset))
