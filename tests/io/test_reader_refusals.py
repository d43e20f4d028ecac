"""Every file that is not one frontal chest radiograph is refused by one line that says why."""

from __future__ import annotations

import gzip
import os
import pickle
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from monai.data import DataLoader, Dataset
from monai.transforms import LoadImaged
from PIL import Image
from pydicom import uid
from radiograph_files import dicom_dataset, phantom, read, refusal, save_dicom

from common.io import RadiographError, RadiographReader

GREY = phantom()
DEEP = phantom(12, np.uint16)


def test_colour_in_dicom(tmp_path: Path) -> None:
    colours = np.stack([GREY, 255 - GREY, GREY], axis=-1)
    dataset = dicom_dataset(colours, SOPClassUID=uid.SecondaryCaptureImageStorage, Modality="OT")
    assert "colour picture" in refusal(save_dicom(tmp_path / "a.dcm", dataset))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_colour_photograph(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (90, 100, 3), dtype=np.uint8)
    Image.fromarray(np.asarray(Image.fromarray(noise).resize((200, 180)))).save(tmp_path / f"a{suffix}")
    assert "colour picture" in refusal(tmp_path / f"a{suffix}")


def test_colour_of_16_bits(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([DEEP * 10, DEEP, DEEP], axis=-1), photometric="rgb")
    assert "colour picture" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("content", [b"not an image at all" * 50, b"\0" * 400, b"P5 2 2 255 abcd", b"\x1f\x8b broken"])
@pytest.mark.parametrize("name", ["a.png", "a.dcm", "a.nii.gz", "a"])
def test_not_an_image(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert "not an image" in refusal(tmp_path / name)


def test_packed_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"words" * 200))
    assert "not an image" in refusal(tmp_path / "a.nii.gz")


def test_other_picture_formats(tmp_path: Path) -> None:
    for suffix in (".bmp", ".gif"):
        Image.fromarray(GREY).save(tmp_path / f"a{suffix}")
        assert "not an image of an accepted format" in refusal(tmp_path / f"a{suffix}")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert "an empty file" in refusal(tmp_path / "a.png")


def test_no_such_file_and_folder(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "missing.png")
    assert "a folder, not a file" in refusal(tmp_path)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: an administrator may read everything."""

    def deny(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    Image.fromarray(GREY).save(tmp_path / "a.png")
    monkeypatch.setattr(Path, "open", deny)
    assert "no permission" in refusal(tmp_path / "a.png")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="an administrator may read everything")
def test_no_permission_for_real(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    assert "no permission" in refusal(tmp_path / "a.png")


def save_all(folder: Path, pixels: np.ndarray) -> list[Path]:
    for suffix in (".png", ".jpg", ".tif"):
        Image.fromarray(pixels).save(folder / f"a{suffix}")
    nib.save(nib.Nifti1Image(pixels.T, np.diag([-1, -1, 1, 1])), folder / "a.nii")
    save_dicom(folder / "a.dcm", dicom_dataset(pixels))
    return sorted(folder.iterdir())


def test_too_small(tmp_path: Path) -> None:
    for path in save_all(tmp_path, GREY[:63]):
        assert "a picture of 96 x 63 pixels" in refusal(path)
        assert "64 x 64" in refusal(path)
    for path in save_all(tmp_path, GREY[:1, :1]):
        assert "1 x 1" in refusal(path)
    for path in save_all(tmp_path, GREY[:64, :64]):
        assert read(path)[0].shape == (64, 64)


def test_constant(tmp_path: Path) -> None:
    for path in save_all(tmp_path, np.full_like(GREY, 7)):
        assert "constant picture" in refusal(path)


def test_not_finite(tmp_path: Path) -> None:
    pixels = GREY.astype(np.float32)
    pixels[3, 4] = np.nan
    nib.save(nib.Nifti1Image(pixels.T, np.diag([-1, -1, 1, 1])), tmp_path / "a.nii")
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    for path in tmp_path.iterdir():
        assert "not finite" in refusal(path)


def test_several_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY[::-1])]
    pages[0].save(tmp_path / "a.png", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    nib.save(nib.Nifti1Image(np.stack([GREY.T] * 4, axis=-1), np.eye(4)), tmp_path / "a.nii")
    nib.save(nib.Nifti1Image(GREY.T[..., None, None] * np.ones((1, 1, 1, 5)), np.eye(4)), tmp_path / "b.nii")
    assert "2 frames" in refusal(tmp_path / "a.png")
    assert "2 pages" in refusal(tmp_path / "a.tif")
    assert "96 x 112 x 4 values" in refusal(tmp_path / "a.nii")
    assert "96 x 112 x 1 x 5 values" in refusal(tmp_path / "b.nii")


def test_nifti_that_is_lateral_by_its_affine(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 1, 3], [-0.2, 0, 0, 4], [0, -0.2, 0, 5], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(GREY.T[..., None], affine), tmp_path / "a.nii")
    assert "lateral view" in refusal(tmp_path / "a.nii")


def test_nifti_of_colours(tmp_path: Path) -> None:
    colours = np.zeros((70, 80, 1), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(colours, np.eye(4)), tmp_path / "a.nii")
    assert "colours" in refusal(tmp_path / "a.nii")


def test_refusal_is_not_lost_to_other_readers(tmp_path: Path) -> None:
    """LoadImage would go on with MONAI's own readers, which load this file."""
    path = save_dicom(tmp_path / "a.dcm", dicom_dataset(GREY, ViewPosition="LL"))
    assert LoadImaged(keys="image", reader="ITKReader")({"image": path})["image"].shape[:2] == (96, 112)
    with pytest.raises(RadiographError, match="lateral"):
        LoadImaged(keys="image", reader=RadiographReader)({"image": path})


def test_refusal_survives_worker_processes(tmp_path: Path) -> None:
    path = save_dicom(tmp_path / "a.dcm", dicom_dataset(GREY, ViewPosition="LL"))
    error = RadiographError.refuse(path, "something")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.reason) == (str(error), "something")
    load = LoadImaged(keys="image", reader=RadiographReader)
    with pytest.raises(RadiographError, match="lateral"):
        list(DataLoader([{"image": str(path)}], num_workers=1, collate_fn=lambda items: load(items[0])))
    # MONAI's data sets wrap whatever a transform raises.
    with pytest.raises(RuntimeError, match="a lateral view"):
        list(DataLoader(Dataset([{"image": str(path)}], load), num_workers=1))


def test_one_file_an_image(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    reader = RadiographReader()
    with pytest.raises(RadiographError, match="2 files for one image"):
        reader.get_data(reader.read([tmp_path / "a.png", tmp_path / "a.png"]))


def test_nothing_of_the_patient_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Not even where pydicom itself would warn and quote."""
    dataset = dicom_dataset(GREY, WindowCenter=100, WindowWidth=50)
    path = save_dicom(tmp_path / "a.dcm", dataset)
    path.write_bytes(path.read_bytes().replace(b"1.2.826.0.1.3680043.2.1125.2", b"Zebulon.0.1.3680043.2.1125.2"))
    read(path)
    out, err = capfd.readouterr()
    assert "Zebulon" not in out + err
    assert "4711" not in out + err
