"""NIfTI: planes, orientations, placeholders."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform
from radiograph_files import COLUMNS, ROWS, phantom, read, rows_of

PIXELS = phantom(12, np.int16)

# Axis codes of the picture itself (x to the right, y down) seen from the front and, as converters put it, from below.
CORONAL = ("L", "I", "A")
AXIAL = ("L", "P", "S")
OPPOSITE = dict(zip("LRAPSI", "RLPAIS", strict=True))


def stored_as(codes: tuple[str, str, str], picture_codes: tuple[str, str, str]) -> nib.Nifti1Image:
    """The phantom as a NIfTI volume whose axes run along ``codes``, with pixels of 0.2 x 0.3 mm."""
    volume = PIXELS.T[..., np.newaxis]
    world = ornt_transform(axcodes2ornt(picture_codes), axcodes2ornt(("R", "A", "S")))
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (target, flip) in enumerate(world):
        affine[int(target), axis] = flip * (0.2, 0.3, 1.0)[axis]
    affine[:3, 3] = (11, -7, 5)
    turn = ornt_transform(axcodes2ornt(picture_codes), axcodes2ornt(codes))
    return nib.Nifti1Image(apply_orientation(volume, turn), affine @ inv_ornt_aff(turn, volume.shape))


def all_storages(picture_codes: tuple[str, str, str]) -> list[tuple[str, ...]]:
    """All 48 ways to store the axes of a plane: six orders, eight directions."""
    return [
        tuple(OPPOSITE[code] if flip else code for code, flip in zip(order, flips, strict=True))
        for order in permutations(picture_codes)
        for flips in product((False, True), repeat=3)
    ]


@pytest.mark.parametrize("plane", [CORONAL, AXIAL], ids=["coronal", "axial"])
def test_every_storage_gives_the_same_picture(tmp_path: Path, plane: tuple[str, str, str]) -> None:
    for codes in all_storages(plane):
        image = stored_as(codes, plane)
        assert nib.aff2axcodes(image.affine) == codes
        path = tmp_path / "a.nii"
        nib.save(image, path)
        decoded, meta = read(path)
        np.testing.assert_array_equal(decoded.T, PIXELS, err_msg=str(codes))
        np.testing.assert_allclose(meta["pixel_spacing"], (0.2, 0.3), rtol=1e-6)
        np.testing.assert_allclose(meta["affine"], np.diag([-0.2, -0.3, 1, 1]), rtol=1e-6)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("version", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_types(tmp_path: Path, dtype: type, version: type, suffix: str) -> None:
    pixels = phantom(8 if dtype is np.uint8 else 15, dtype)
    path = tmp_path / f"a{suffix}"
    nib.save(version(pixels.T, np.diag([-1, -1, 1, 1])), path)
    decoded, meta = read(path)
    assert decoded.dtype == np.float32
    np.testing.assert_array_equal(decoded.T, pixels)
    assert (meta["format"], meta["source_axes"]) == ("nifti", 2)


def test_big_endian_and_scaled(tmp_path: Path) -> None:
    image = nib.Nifti1Image(PIXELS.T, np.diag([-1, -1, 1, 1]), header=nib.Nifti1Header(endianness=">"))
    nib.save(image, tmp_path / "a.nii")
    np.testing.assert_array_equal(rows_of(tmp_path / "a.nii"), PIXELS)
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[112:120] = np.array([0.5, 10], ">f4").tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    np.testing.assert_array_equal(rows_of(tmp_path / "a.nii"), PIXELS * 0.5 + 10)


def test_picture_written_by_itk(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(PIXELS), str(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(rows_of(tmp_path / "a.nii.gz"), PIXELS)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.2, 0.3)])
def test_affine_that_knows_pixels_only(tmp_path: Path, spacing: tuple[float, float]) -> None:
    """Positive diagonal and no origin: written without an idea of the patient, so the array is the picture."""
    nib.save(nib.Nifti1Image(PIXELS.T, np.diag([*spacing, 1, 1])), tmp_path / "a.nii")
    decoded, meta = read(tmp_path / "a.nii")
    np.testing.assert_array_equal(decoded.T, PIXELS)
    expected = (np.nan, np.nan) if spacing == (1.0, 1.0) else spacing
    np.testing.assert_allclose(meta["pixel_spacing"], expected, rtol=1e-6)


def test_no_orientation_stated(tmp_path: Path) -> None:
    image = nib.Nifti1Image(PIXELS.T, None)
    image.header.set_zooms((0.2, 0.3))
    nib.save(image, tmp_path / "a.nii")
    decoded, meta = read(tmp_path / "a.nii")
    np.testing.assert_array_equal(decoded.T, PIXELS)
    np.testing.assert_allclose(meta["pixel_spacing"], (0.2, 0.3), rtol=1e-6)
    assert decoded.shape == (COLUMNS, ROWS)
