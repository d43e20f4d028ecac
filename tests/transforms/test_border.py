"""Cropping of empty borders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Invertd
from PIL import Image

from common.transforms.border import CropBorder, CropBorderd

#: The film inside the border: x, y, w, h.
FILM = (30, 11, 131, 97)


def radiograph(border: float = 0, noise: float = 0, size: tuple[int, int] = (180, 150)) -> np.ndarray:
    """A textured film [1, W, H] of 0..255 inside a border of one level with Gaussian noise."""
    rng = np.random.default_rng(0)
    image = border + noise * rng.standard_normal(size)
    x, y, w, h = FILM
    columns, rows = np.meshgrid(np.linspace(0, 3, w), np.linspace(0, 2, h), indexing="ij")
    image[x : x + w, y : y + h] = 128 + 80 * np.sin(columns) * np.cos(rows) + 10 * rng.standard_normal((w, h))
    return image.clip(0, 255)[None].astype(np.float32)


@pytest.mark.parametrize("border", [0, 255])
@pytest.mark.parametrize("noise", [0, 2])
def test_the_border_is_found(border: float, noise: float) -> None:
    assert CropBorder().compute_box(radiograph(border, noise)) == FILM


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_integer_images(dtype: type) -> None:
    image = (radiograph() * (200 if dtype is np.uint16 else 1)).astype(dtype)
    assert CropBorder().compute_box(image) == FILM


def test_marks_in_the_border_do_not_defeat_it() -> None:
    image = radiograph()
    image[0, 5, 60] = 255  # a hot pixel
    image[0, 165:169, 20:60] = 255  # a marker beside the film: 4 columns, a quarter of their pixels
    assert CropBorder().compute_box(image) == FILM
    image[0, 60:100, 135:149] = 255  # one too high to be stepped over
    assert CropBorder().compute_box(image) == (FILM[0], FILM[1], FILM[2], 149 - FILM[1])


def test_frames_within_frames() -> None:
    image = radiograph()
    image[0, :6], image[0, -6:], image[0, :, :4], image[0, :, -4:] = 255, 255, 255, 255
    assert CropBorder().compute_box(image) == FILM


def test_an_image_without_border_stays_whole() -> None:
    x, y, w, h = FILM
    film = radiograph()[:, x : x + w, y : y + h]
    assert CropBorder().compute_box(film) == (0, 0, w, h)


def test_a_neck_between_dark_corners_is_no_border() -> None:
    image = np.full((1, 100, 100), 200, dtype=np.float32)
    image[0, :40, :20] = image[0, 60:, :20] = 0
    assert CropBorder().compute_box(image) == (0, 0, 100, 100)


def test_a_grey_surround_is_no_border() -> None:
    assert CropBorder().compute_box(radiograph(border=128)) == (0, 0, 180, 150)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_image_stays_whole(value: int) -> None:
    assert CropBorder().compute_box(np.full((1, 64, 48), value, dtype=np.uint8)) == (0, 0, 64, 48)


def test_never_more_than_the_stated_fraction() -> None:
    image = np.zeros((1, 100, 100), dtype=np.float32)
    image[0, 30:95, 60:90] = np.random.default_rng(0).uniform(50, 255, (65, 30))
    assert CropBorder().compute_box(image) == (30, 0, 65, 100), "30 of 100 rows are too few, 65 of 100 columns are not"
    assert CropBorder(max_fraction=0.8).compute_box(image) == (30, 60, 65, 30)


def test_the_inverse_restores_place_and_size() -> None:
    image = torch.from_numpy(radiograph())
    transform = CropBorderd(["image", "mask"])
    data = {"image": MetaTensor(image), "mask": MetaTensor((image > 150).float()), "name": "a"}
    cropped = transform(data)
    x, y, w, h = FILM
    assert cropped["name"] == "a"
    for key in ("image", "mask"):
        assert torch.equal(cropped[key].as_tensor(), data[key][:, x : x + w, y : y + h].as_tensor())
    assert cropped["image"].affine[:2, 3].tolist() == [x, y]
    cropped["pred"] = MetaTensor(torch.arange(w * h).reshape(1, w, h) + 1.0)
    restored = Invertd("pred", transform, "image")(cropped)["pred"]
    assert tuple(restored.shape) == (1, 180, 150)
    assert torch.equal(restored[:, x : x + w, y : y + h], cropped["pred"])
    assert restored.count_nonzero() == w * h
    assert torch.equal(restored.affine, data["image"].affine)


def test_array_form_and_several_channels() -> None:
    image = torch.from_numpy(radiograph()).repeat(3, 1, 1)
    assert tuple(CropBorder()(image).shape) == (3, *FILM[2:])


def test_the_source_key_decides() -> None:
    image = torch.from_numpy(radiograph())
    data = CropBorderd(["a", "b"], source_key="b")({"a": torch.ones_like(image), "b": image})
    assert tuple(data["a"].shape[1:]) == FILM[2:]


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"'mask' is 10 x 150 pixels, 'image' is 180 x 150"):
        CropBorderd(["image", "mask"])({"image": torch.from_numpy(radiograph()), "mask": torch.zeros(1, 10, 150)})
    with pytest.raises(ValueError, match=r"\[C, W, H\]"):
        CropBorder()(torch.zeros(10, 10))
    for arguments in ({"tolerance": -1}, {"coverage": 0.3}, {"max_gap": 1}, {"max_fraction": 1}):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            CropBorder(**arguments)


@pytest.mark.data
def test_real_borders_go_and_lungs_stay(cxr_data: Path) -> None:
    index = pd.read_csv(cxr_data / "index.csv", dtype=str, keep_default_na=False)
    rows = index[(index["dataset"] == "montgomery") & (index["lung_mask"] != "")].iloc[::6]
    kept = []
    for row in rows.itertuples():
        x, y, w, h = CropBorder().compute_box(np.asarray(Image.open(cxr_data / row.image).convert("L")).T[None])
        mask = np.asarray(Image.open(cxr_data / row.lung_mask).convert("L")).T > 127
        assert mask[x : x + w, y : y + h].sum() == mask.sum(), row.image
        kept.append(w * h / mask.size)
    assert np.mean(np.array(kept) < 0.95) > 0.5, "most films of this collection have a border"
