"""Images of the lungs alone, and of everything else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from common.io import RadiographError
from common.transforms import MaskLungsd


def film() -> dict[str, MetaTensor]:
    """Lungs of the levels 1 and 3 in equal parts on a ground of 10 and 20 in equal parts."""
    image = torch.full((1, 40, 20), 10.0)
    image[:, :, 10:] = 20
    lungs = torch.zeros(1, 40, 20, dtype=torch.uint8)
    lungs[:, 10:14, 5:15] = 1
    lungs[:, 24:28, 5:15] = 1
    image[:, 10:14, 5:15] = 1
    image[:, 24:28, 5:15] = 3
    meta = {"filename_or_obj": "some/film.png"}
    return {"image": MetaTensor(image, meta=dict(meta)), "lungs": MetaTensor(lungs, meta=dict(meta))}


@pytest.mark.parametrize(("keep", "mean"), [("lungs", 2.0), ("outside", 15.0)])
def test_one_part_stays_and_the_other_is_its_mean(keep: str, mean: float) -> None:
    data = film()
    before = data["image"].clone()
    out = MaskLungsd("image", "lungs", keep=keep)(data)["image"]
    shown = (data["lungs"] > 0) == (keep == "lungs")
    assert torch.equal(out[shown], before[shown])
    assert (out[~shown] == mean).all()
    assert torch.equal(data["image"], before), "the image that was given is changed"
    assert out.meta["filename_or_obj"] == "some/film.png"


@pytest.mark.parametrize("keep", ["lungs", "outside"])
@pytest.mark.parametrize("fill", [None, 7.0])
def test_what_is_hidden_has_no_influence(keep: str, fill: float | None) -> None:
    """Whatever stands in the hidden part, the result is the same: not even its mean gets through."""
    transform = MaskLungsd("image", "lungs", keep=keep, fill=fill)
    random = torch.Generator().manual_seed(0)
    results = []
    for _ in range(3):
        data = film()
        hidden = (data["lungs"] > 0) != (keep == "lungs")
        data["image"][hidden] = 100 * torch.rand(int(hidden.sum()), generator=random)
        results.append(transform(data)["image"])
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_two_parts_make_the_whole() -> None:
    data = film()
    parts = [MaskLungsd("image", "lungs", keep=keep, fill=0.0)(data)["image"] for keep in ("lungs", "outside")]
    assert torch.equal(parts[0] + parts[1], data["image"])


def test_the_margin_is_a_distance() -> None:
    """A fifth of the shorter side is four pixels."""
    data = film()
    out = MaskLungsd("image", "lungs", keep="outside", fill=-1.0, margin=0.2)(data)["image"]
    x, y = np.indices((40, 20))
    gap = [np.hypot(np.clip(x0 - x, 0, None) + np.clip(x - x1, 0, None), (5 - y).clip(0) + (y - 14).clip(0))
           for x0, x1 in ((10, 13), (24, 27))]  # fmt: skip
    assert np.array_equal(out[0].numpy() == -1, np.minimum(*gap) <= 4)


def test_several_images_of_several_channels_share_a_mask() -> None:
    data = film() | {"other": torch.arange(1600.0).view(2, 40, 20)}
    out = MaskLungsd(["image", "other"], "lungs", fill=5.0)(data)
    assert torch.equal(out["other"][1][data["lungs"][0] > 0], data["other"][1][data["lungs"][0] > 0])
    assert (out["other"][:, data["lungs"][0] == 0] == 5).all()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "film.png: no lungs were found, which could be told from the rest"),
        (1, "film.png: the lungs fill the image"),
    ],
)
def test_an_image_of_one_part_only_is_refused(value: int, message: str) -> None:
    data = film()
    data["lungs"][:] = value
    with pytest.raises(RadiographError, match=message):
        MaskLungsd("image", "lungs")(data)


def test_a_mask_of_another_size_is_refused() -> None:
    data = film()
    with pytest.raises(ValueError, match="'image' is 40 x 18 pixels, 'lungs' is 40 x 20"):
        MaskLungsd("image", "lungs")(data | {"image": data["image"][:, :, :18]})


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="keep must be one of lungs, outside, got 'heart'"):
        MaskLungsd("image", "lungs", keep="heart")
    with pytest.raises(ValueError, match="margin must not be negative, got -1"):
        MaskLungsd("image", "lungs", margin=-1)
