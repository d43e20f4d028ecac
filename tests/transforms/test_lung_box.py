"""Cropping to the lungs and back."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor, list_data_collate
from monai.transforms import Compose, Invertd, Resized

from common.transforms.lung_box import LUNGS_FOUND, CropToLungs, CropToLungsd

SIZE = (173, 131)


def case() -> dict[str, MetaTensor]:
    """An image without any symmetry and a lung mask whose box is (40, 21, 80, 60)."""
    image = torch.arange(SIZE[0] * SIZE[1]).reshape(1, *SIZE).float()
    mask = torch.zeros(1, *SIZE)
    mask[0, 40:70, 30:81] = 1
    mask[0, 90:120, 21:60] = 1
    return {"image": MetaTensor(image), "lungs": MetaTensor(mask)}


def test_the_box_has_the_margin() -> None:
    data = case()
    assert CropToLungs().compute_box(data["lungs"]) == (36, 18, 88, 66)
    assert CropToLungs(margin=0).compute_box(data["lungs"]) == (40, 21, 80, 60)
    assert CropToLungs(margin=0.5).compute_box(data["lungs"]) == (0, 0, 160, 111), "clipped to the image"


def test_all_keys_are_cropped_alike() -> None:
    data = case()
    out = CropToLungsd(["image", "lungs"], "lungs")(data)
    for key in ("image", "lungs"):
        assert torch.equal(out[key].as_tensor(), data[key][:, 36:124, 18:84].as_tensor())
        assert out[key].meta[LUNGS_FOUND] is True
    assert LUNGS_FOUND not in data["image"].meta, "the input is left as it was"
    assert torch.equal(CropToLungs()(data["image"], data["lungs"]).as_tensor(), out["image"].as_tensor())


def test_the_mask_stays_whole_unless_named() -> None:
    assert tuple(CropToLungsd("image", "lungs")(case())["lungs"].shape[1:]) == SIZE


def test_the_inverse_is_exact() -> None:
    data = case()
    transform = CropToLungsd("image", "lungs")
    out = transform(data)
    out["pred"] = MetaTensor(out["image"].as_tensor() + 1)
    restored = Invertd("pred", transform, "image")(out)["pred"]
    expected = torch.zeros(1, *SIZE)
    expected[:, 36:124, 18:84] = data["image"][:, 36:124, 18:84] + 1
    assert torch.equal(restored.as_tensor(), expected)
    assert torch.equal(restored.affine, data["image"].affine)


def test_the_inverse_in_a_chain_with_resizing() -> None:
    """A single bright block in a corner of the crop comes back to its place in the full image."""
    transform = Compose([CropToLungsd("image", "lungs"), Resized("image", (64, 64), mode="bilinear")])
    out = transform(case())
    pred = torch.zeros(1, 64, 64)
    pred[0, 48:, :16] = 1
    out["pred"] = MetaTensor(pred)
    restored = Invertd("pred", transform, "image", nearest_interp=False)(out)["pred"] > 0.5
    assert tuple(restored.shape) == (1, *SIZE)
    columns, rows = torch.nonzero(restored[0], as_tuple=True)
    assert (int(columns.min()), int(columns.max()) + 1) == (36 + 88 * 48 // 64, 124)
    assert (int(rows.min()), int(rows.max()) + 1) == (18, pytest.approx(18 + 66 * 16 / 64, abs=1))


def test_an_empty_mask_keeps_the_whole_image() -> None:
    data = case()
    data["lungs"] = MetaTensor(torch.zeros(1, *SIZE))
    transform = CropToLungsd("image", "lungs")
    out = transform(data)
    assert torch.equal(out["image"].as_tensor(), data["image"].as_tensor())
    assert out["image"].meta[LUNGS_FOUND] is False
    out["pred"] = MetaTensor(out["image"].as_tensor())
    assert torch.equal(Invertd("pred", transform, "image")(out)["pred"].as_tensor(), data["image"].as_tensor())


def test_batches_can_be_collated() -> None:
    transform = Compose([CropToLungsd("image", "lungs"), Resized("image", (32, 32))])
    empty = case()
    empty["lungs"] = MetaTensor(torch.zeros(1, *SIZE))
    batch = list_data_collate([{"image": transform(data)["image"]} for data in (case(), empty)])
    assert tuple(batch["image"].shape) == (2, 1, 32, 32)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="margin"):
        CropToLungs(margin=-0.1)
    data = case()
    data["lungs"] = MetaTensor(torch.ones(1, 20, 20))
    with pytest.raises(ValueError, match="'image' is 173 x 131 pixels, 'lungs' is 20 x 20"):
        CropToLungsd("image", "lungs")(data)
    with pytest.raises(KeyError):
        CropToLungsd("image", "lungs")({"lungs": data["lungs"]})
