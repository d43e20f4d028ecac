"""Labels come out upright, binary and united, whatever their files are."""

from __future__ import annotations

import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged
from PIL import Image

from common.errors import UsageError
from common.io import MaskReader, RadiographReader
from common.transforms import UniteMasksd

WIDTH, HEIGHT = 90, 72


def lungs(*, right: bool = True, left: bool = True) -> np.ndarray:
    """Two boxes of different size as (rows, columns), which no flip or exchange of axes leaves in place."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[12:60, 14:40] = right
    mask[12:52, 54:78] = left
    return mask


def load(*paths: Path) -> torch.Tensor:
    """The label as a configuration loads it, without its channel."""
    steps = Compose([LoadImaged("label", reader=MaskReader), EnsureChannelFirstd("label")])
    label = steps({"label": [str(path) for path in paths]})["label"]
    assert label.shape[0] == 1
    assert label.dtype == torch.float32
    return label[0]


def save_nifti(path: Path, picture: np.ndarray, affine: np.ndarray, *, slices: bool = True) -> None:
    """Write a picture, (rows, columns) as one sees it, on the grid of an affine whose axes lie along the world's."""
    values = picture.T
    # Pictures run to the patient's left and back, against both axes of RAS.
    values = values[:: -1 if affine[0, 0] > 0 else 1, :: -1 if affine[1, 1] > 0 else 1]
    nib.save(nib.Nifti1Image(values[..., None] if slices else values, affine), path)


@pytest.mark.parametrize("x", [-0.2, 0.2])
@pytest.mark.parametrize("y", [-0.2, 0.2])
@pytest.mark.parametrize("slices", [True, False])
def test_nifti_masks_lie_on_nifti_radiographs(tmp_path: Path, x: float, y: float, slices: bool) -> None:
    affine = np.diag([x, y, 1.0, 1.0])
    affine[:2, 3] = -5.0
    save_nifti(tmp_path / "image.nii.gz", np.where(lungs(), 40, 150).astype(np.float32), affine, slices=slices)
    save_nifti(tmp_path / "mask.nii.gz", lungs().astype(np.uint8), affine, slices=slices)
    steps = Compose(
        [
            LoadImaged("image", reader=RadiographReader),
            LoadImaged("label", reader=MaskReader),
            EnsureChannelFirstd(["image", "label"]),
            UniteMasksd("label"),
        ]
    )
    item = steps({"image": str(tmp_path / "image.nii.gz"), "label": [str(tmp_path / "mask.nii.gz")]})
    assert torch.equal(item["label"][0] > 0, item["image"][0] < 100)
    assert np.array_equal(item["label"][0].numpy().T, lungs())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pictures_of_every_mode_load_alike(tmp_path: Path, mode: str) -> None:
    values = lungs().astype(np.uint16) if mode == "I;16" else lungs().astype(np.uint8) * 255
    picture = Image.fromarray(values)
    (picture if mode == "I;16" else picture.convert(mode)).save(tmp_path / "mask.png")
    label = load(tmp_path / "mask.png")
    assert label.shape == (WIDTH, HEIGHT)
    assert np.array_equal(label.numpy().T, lungs().astype(np.float32))


def test_right_and_left_lung_are_united(tmp_path: Path) -> None:
    for name, part in (("right.png", lungs(left=False)), ("left.png", lungs(right=False))):
        Image.fromarray(part).save(tmp_path / name)
    label = load(tmp_path / "right.png", tmp_path / "left.png")
    assert np.array_equal(label.numpy().T, lungs())
    assert label.meta["filename_or_obj"] == str(tmp_path / "right.png")


@pytest.mark.parametrize("name", ["mask.png", "mask.nii.gz"])
def test_an_empty_mask_is_a_mask(tmp_path: Path, name: str) -> None:
    nothing = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    if name.endswith(".png"):
        Image.fromarray(nothing).save(tmp_path / name)
    else:
        save_nifti(tmp_path / name, nothing, np.eye(4))
    label = load(tmp_path / name)
    assert label.shape == (WIDTH, HEIGHT)
    assert not label.any()


def refuse(path: Path, message: str, *others: Path) -> None:
    """A refusal is one line that starts with the file's name, and no other reader is tried after it."""
    with pytest.raises(UsageError, match=f"^{re.escape(str(path))}: {message}") as caught:
        MaskReader().get_data(MaskReader().read([*others, path]))
    assert "\n" not in str(caught.value)
    with pytest.raises(RuntimeError) as wrapped:
        load(*others, path)
    assert isinstance(wrapped.value.__cause__, UsageError)


def test_what_is_no_mask_names_its_file(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(lungs()).save(good)
    refuse(tmp_path / "absent.png", "no such file")
    refuse(tmp_path / "absent.nii.gz", "No such file")
    (tmp_path / "text.png").write_text("not a picture")
    refuse(tmp_path / "text.png", "not a picture")
    (tmp_path / "text.nii.gz").write_text("not a volume")
    refuse(tmp_path / "text.nii.gz", "not a NIfTI file")
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(tmp_path / "map.png")
    refuse(tmp_path / "map.png", "12 different values; a mask has zero and one other")
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 3), dtype=np.uint8), np.eye(4)), tmp_path / "volume.nii")
    refuse(tmp_path / "volume.nii", "a NIfTI file of 8 x 8 x 3 values")
    Image.fromarray(lungs()[:-1]).save(tmp_path / "short.png")
    refuse(tmp_path / "short.png", "90 x 71 pixels, but .*good.png of the same image 90 x 72", good)


def test_a_truncated_volume_names_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mask.nii"
    save_nifti(path, lungs().astype(np.uint8), np.eye(4))
    path.write_bytes(path.read_bytes()[:1000])
    refuse(path, "a truncated or damaged NIfTI file")
