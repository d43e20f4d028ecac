"""Cleaning of lung masks and the lung box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, Invertd, Resize, Resized
from PIL import Image
from skimage.draw import ellipse
from skimage.measure import label

from common.transforms.lung_mask import CleanLungMask, CleanLungMaskd, lung_box


def two_lungs(width: int = 96, height: int = 80) -> np.ndarray:
    """Probabilities [1, W, H] of two separate lungs, 0.8 inside, with a soft skirt of 0.3."""
    probability = np.full((1, width, height), 0.05, dtype=np.float32)
    for radius, value in ((1.25, 0.3), (1.0, 0.8)):
        for centre in (0.28, 0.72):
            inside = ellipse(
                centre * width, height / 2, 0.14 * width * radius, 0.35 * height * radius, shape=probability.shape[1:]
            )
            probability[0][inside] = value
    return probability


def test_two_lungs_are_left_alone() -> None:
    probability = two_lungs()
    before = probability.copy()
    cleaned = CleanLungMask()(probability)
    assert np.array_equal(cleaned, before)
    assert np.array_equal(probability, before)
    assert cleaned is not probability


def test_small_parts_go_and_holes_close() -> None:
    probability = two_lungs()
    probability[0, 46:50, 2:6] = 0.9  # third part
    probability[0, 25:29, 38:42] = 0.1  # hole in the right lung
    cleaned = CleanLungMask()(probability)
    assert (cleaned[0, 46:50, 2:6] == 0).all()
    assert (cleaned[0, 25:29, 38:42] == 1).all()
    expected = two_lungs()
    changed = cleaned != expected
    assert changed.sum() == 32, "nothing but the part and the hole has changed"


def test_an_island_in_a_hole_becomes_lung() -> None:
    probability = two_lungs()
    probability[0, 24:31, 37:44] = 0.1
    probability[0, 27, 40] = 0.9
    assert (CleanLungMask()(probability)[0, 24:31, 37:44] == 1).all()


def test_a_small_true_lung_survives_and_specks_do_not() -> None:
    probability = np.zeros((1, 256, 256), dtype=np.float32)
    probability[0][ellipse(80, 128, 40, 90)] = 0.9
    probability[0][ellipse(180, 100, 17, 25)] = 0.9  # 2 % of the image, 12 % of its partner: a collapsed lung
    assert CleanLungMask()(probability)[0, 180, 100] == np.float32(0.9)
    speck = np.zeros((1, 256, 256), dtype=np.float32)
    speck[0, 100:110, 100:110] = 0.9
    assert CleanLungMask()(speck).max() == 0
    assert CleanLungMask(min_fraction=0.001)(speck).max() == np.float32(0.9)


def test_the_number_of_components_is_respected() -> None:
    probability = two_lungs()
    probability[0][ellipse(27, 40, 13, 30, shape=(96, 80))] = 0.9
    assert label(CleanLungMask(num_components=1)(probability)[0] > 0.5).max() == 1


def test_the_mediastinum_between_touching_lungs_is_no_hole() -> None:
    probability = two_lungs()
    probability[0, 27:69, 15:18] = 0.9
    probability[0, 27:69, 62:65] = 0.9
    cleaned = CleanLungMask()(probability)
    assert label(~(cleaned[0] > 0.5), connectivity=1).max() == 2, "the middle is enclosed"
    assert cleaned[0, 48, 40] == np.float32(0.05)
    assert CleanLungMask(max_hole_fraction=1)(probability)[0, 48, 40] == 1


@pytest.mark.parametrize("value", [0.0, 0.2, 0.9])
def test_constant_maps(value: float) -> None:
    probability = np.full((1, 64, 48), value, dtype=np.float32)
    assert np.array_equal(CleanLungMask()(probability), probability)


def test_the_threshold_counts_as_lung() -> None:
    probability = np.zeros((1, 64, 64), dtype=np.float32)
    probability[0, 10:40, 10:40] = 0.5
    assert (CleanLungMask()(probability) == probability).all()
    assert CleanLungMask(threshold=0.6)(probability)[0, 20, 20] == np.float32(0.5), (
        "below the threshold nothing changes"
    )


def test_types_metadata_and_devices_are_kept() -> None:
    probability = two_lungs()
    probability[0, 46:50, 2:6] = 0.9
    expected = CleanLungMask()(probability)
    tensor = CleanLungMask()(torch.from_numpy(probability).half())
    assert type(tensor) is torch.Tensor
    assert tensor.dtype == torch.float16
    source = Resize((96, 80))(MetaTensor(torch.from_numpy(probability), meta={"filename_or_obj": "a.png"}))
    cleaned = CleanLungMask()(source)
    assert isinstance(cleaned, MetaTensor)
    assert cleaned.meta["filename_or_obj"] == "a.png"
    assert [op["class"] for op in cleaned.applied_operations] == ["Resize"]
    assert np.allclose(cleaned.numpy(), expected)
    assert np.allclose(tensor.float().numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("size", [(307, 211), (60, 70)])
def test_resampling_afterwards_leaves_no_rings(size: tuple[int, int]) -> None:
    """Invertd resamples linearly to the source; what was dropped must not come back and holes must stay closed."""
    dirty = two_lungs()
    dirty[0, 44:52, 1:8] = 0.49
    dirty[0, 45:51, 2:7] = 0.99
    dirty[0, 24:31, 37:44] = 0.1
    preprocessing = Compose(
        [EnsureChannelFirstd("image", channel_dim="no_channel"), Resized("image", (96, 80), mode="bilinear")]
    )
    data = preprocessing({"image": MetaTensor(torch.zeros(size))})
    masks = []
    for probability in (dirty, two_lungs()):
        data["pred"] = MetaTensor(torch.from_numpy(probability))
        restored = Invertd("pred", preprocessing, "image", nearest_interp=False)(CleanLungMaskd("pred")(data))["pred"]
        masks.append(restored.squeeze() >= 0.5)
    assert tuple(masks[0].shape) == size
    assert torch.equal(*masks)
    assert label(masks[0].numpy(), connectivity=1).max() == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"threshold": 0},
        {"threshold": 1.0},
        {"num_components": 0},
        {"min_fraction": -0.1},
        {"min_ratio": 2},
        {"max_hole_fraction": 1.5},
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        CleanLungMask(**arguments)


@pytest.mark.parametrize("shape", [(64, 64), (2, 64, 64), (1, 1, 64, 64)])
def test_bad_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\[1, W, H\]"):
        CleanLungMask()(np.zeros(shape, dtype=np.float32))
    with pytest.raises(ValueError, match=r"\[1, W, H\]"):
        lung_box(np.zeros(shape, dtype=np.float32))


def test_missing_keys() -> None:
    with pytest.raises(KeyError):
        CleanLungMaskd("pred")({})
    assert CleanLungMaskd("pred", allow_missing_keys=True)({}) == {}


def test_lung_box() -> None:
    mask = np.zeros((1, 50, 40), dtype=np.uint8)
    assert lung_box(mask) is None
    mask[0, 7, 39] = 255
    assert lung_box(mask) == (7, 39, 1, 1)
    mask[0, 12, 3] = 1
    assert lung_box(mask) == (7, 3, 6, 37)
    box = lung_box(MetaTensor(torch.from_numpy(mask).bool()))
    assert box == (7, 3, 6, 37)
    assert all(type(value) is int for value in box or ())


@pytest.mark.data
def test_real_masks_pass_unchanged(cxr_data: Path) -> None:
    """The smallest real lungs must survive, and no more than specks may change."""
    index = pd.read_csv(cxr_data / "index.csv", dtype=str, keep_default_na=False)
    stems = ("CHNCXR_0603_1", "CHNCXR_0303_0", "CHNCXR_0370_1", "MCUCXR_0060_0", "CHNCXR_0421_1")
    chosen = index[index["image"].str.contains("|".join(stems)) & (index["lung_mask"] != "")]
    assert len(chosen) == len(stems)
    for path in chosen["lung_mask"]:
        mask = np.asarray(Image.open(cxr_data / path).convert("L")).T[None] > 127
        cleaned = CleanLungMask()(mask.astype(np.float32)) > 0.5
        assert label(cleaned[0], connectivity=1).max() == 2, path
        assert (cleaned != mask).mean() < 0.001, path
