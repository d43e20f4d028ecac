"""Where predicted masks are looked for, and what counts as a mask."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_up_masks import COLUMNS, ROWS, lungs, save_mask
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, SaveImaged
from PIL import Image

from common.evaluation.mask_files import MaskFinder
from common.io import MaskFileError, MaskWriter, RadiographLayout, RadiographReader
from common.io.mask_file import read_binary_mask, read_union


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_masks_of_every_picture_mode_read_alike(tmp_path: Path, mode: str) -> None:
    values = lungs().astype(np.uint16) if mode == "I;16" else lungs().astype(np.uint8) * 255
    picture = Image.fromarray(values)
    picture.convert(mode).save(tmp_path / "mask.png")
    found = read_binary_mask(tmp_path / "mask.png")
    assert found.dtype == np.bool_
    assert np.array_equal(found, lungs())


def test_empty_and_full_masks_are_masks(tmp_path: Path) -> None:
    for value, expected in ((0, False), (255, True)):
        Image.fromarray(np.full((5, 9), value, dtype=np.uint8)).save(tmp_path / "mask.png")
        assert (read_binary_mask(tmp_path / "mask.png") == expected).all()


def test_a_probability_map_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 100, 255]], dtype=np.uint8)).save(tmp_path / "map.png")
    with pytest.raises(MaskFileError, match=r"map\.png: 3 different values; a mask has zero and one other"):
        read_binary_mask(tmp_path / "map.png")


@pytest.mark.parametrize("name", ["a.png", "a.nii.gz"])
def test_missing_and_damaged_files_name_themselves(tmp_path: Path, name: str) -> None:
    with pytest.raises(MaskFileError, match=rf"{name}: [Nn]o such file"):
        read_binary_mask(tmp_path / name)
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\nhalf")
    with pytest.raises(MaskFileError, match=name):
        read_binary_mask(tmp_path / name)


def test_right_and_left_lung_are_united(tmp_path: Path) -> None:
    save_mask(tmp_path / "right.png", lungs(left=False))
    save_mask(tmp_path / "left.png", lungs(right=False))
    assert np.array_equal(read_union([tmp_path / "right.png", tmp_path / "left.png"]), lungs())
    save_mask(tmp_path / "left.png", lungs(right=False)[:-1])
    with pytest.raises(MaskFileError, match=r"left\.png: 96 x 71 pixels, but .*right\.png of the same image 96 x 72"):
        read_union([tmp_path / "right.png", tmp_path / "left.png"])


@pytest.mark.parametrize("source", ["png", "nifti"])
@pytest.mark.parametrize("extension", [".png", ".nii.gz"])
def test_masks_that_the_bundle_saves_come_back_upright(tmp_path: Path, source: str, extension: str) -> None:
    data, predictions = tmp_path / "data", tmp_path / "predictions"
    data.mkdir()
    grey = np.where(lungs(), 40, 150).astype(np.uint8)
    name = "film.png" if source == "png" else "film.nii.gz"
    if source == "png":
        Image.fromarray(grey).save(data / name)
    else:  # rows run to the head: the array is stored upside down
        nib.save(nib.Nifti1Image(grey.T[:, ::-1, None], np.diag([-0.4, 0.4, 1, 1])), data / name)
    layout = RadiographLayout(predictions, data, postfix="lungs", extension=extension)
    steps = Compose(
        [
            LoadImaged("image", reader=RadiographReader),
            EnsureChannelFirstd("image"),
            lambda item: item | {"image": item["image"] < 100},
            SaveImaged(
                "image", writer=MaskWriter, output_ext=extension, folder_layout=layout, resample=False, print_log=False
            ),
        ]
    )
    steps({"image": data / name})
    path = MaskFinder(predictions, data, "lungs")(name)
    assert path == predictions / f"{'film' if source == 'png' else name}_lungs{extension}"
    assert np.array_equal(read_binary_mask(path), lungs())


def test_two_images_of_one_name_keep_their_masks_apart(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a.png", "a.jpg"):
        Image.fromarray(np.zeros((ROWS, COLUMNS), dtype=np.uint8)).save(tmp_path / "data" / name)
    find = MaskFinder(tmp_path / "out", tmp_path / "data", "lungs")
    assert [find(name).name for name in ("a.png", "a.jpg")] == ["a_lungs.png", "a.jpg_lungs.png"]


def test_masks_are_found_where_the_radiographs_did_not_travel(tmp_path: Path) -> None:
    find = MaskFinder(tmp_path / "out", tmp_path / "data", "lungs")
    names = {"site/a.png": "site/a_lungs.png", "site/1.2.840.5.dcm": "site/1.2.840.5.dcm_lungs.png"}
    names |= {"b.nii.gz": "b.nii.gz_lungs.png", "IM0001": "IM0001.dicom_lungs.png"}
    assert {name: find(name).relative_to(tmp_path / "out").as_posix() for name in names} == names
