"""The weight of an image in its label."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from common.transforms import ImageWeightd


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_weight_is_the_last_channel(dtype: torch.dtype, channels: int) -> None:
    label = torch.randint(0, 2, (channels, 7, 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    data = {"label": MetaTensor(label, meta={"filename_or_obj": "film.png"}), "weight": 0.3}
    out = ImageWeightd()(data)["label"]
    assert out.shape == (channels + 1, 7, 5)
    assert out.dtype == torch.float32
    assert torch.equal(out[:channels].as_tensor(), label.float())
    assert out[channels].unique().tolist() == pytest.approx([0.3])
    assert out.meta["filename_or_obj"] == "film.png"
    assert data["label"].shape == (channels, 7, 5), "the label given is left as it was"


def test_missing_entries() -> None:
    with pytest.raises(KeyError):
        ImageWeightd()({"label": torch.zeros(1, 2, 2)})
    with pytest.raises(KeyError):
        ImageWeightd()({"weight": 1.0})
    assert ImageWeightd(allow_missing_keys=True)({"weight": 1.0}) == {"weight": 1.0}
