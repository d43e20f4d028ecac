"""Averaging down, interpolating back."""

from __future__ import annotations

import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd

from common.transforms import Shrinkd


def ramp(width: int, height: int) -> MetaTensor:
    image = MetaTensor(torch.linspace(0, 1, width).view(1, width, 1).repeat(1, 1, height))
    image.meta["filename_or_obj"] = "ramp"
    return image


def test_shrinking_averages() -> None:
    image = MetaTensor(torch.tensor([[[0.0, 1.0], [2.0, 5.0]]]))
    out = Shrinkd(keys="image", spatial_size=(1, 1))({"image": image})["image"]
    assert out.item() == 2.0


def test_a_ramp_comes_back_smooth_and_in_place() -> None:
    transform = Compose([Shrinkd(keys="image", spatial_size=(64, 32))])
    image = ramp(512, 300)
    data = transform({"image": image})
    data["pred"] = data["image"].clone()
    back = Invertd(keys="pred", transform=transform, orig_keys="image", nearest_interp=False)(data)["pred"]
    assert back.shape == (1, 512, 300)
    assert len(torch.unique(back)) > 400
    assert (back - image)[:, 8:-8].abs().max() < 1e-5


def test_masks_keep_their_centre() -> None:
    mask = torch.zeros(1, 510, 510)
    mask[:, 101:307, 53:200] = 1
    small = Shrinkd(keys="mask", spatial_size=(256, 256))({"mask": MetaTensor(mask)})["mask"]
    centre = (small[0] >= 0.5).nonzero().float().mean(0) + 0.5
    expected = (mask[0].nonzero().float().mean(0) + 0.5) * 256 / 510
    assert torch.allclose(centre, expected, atol=0.15)
