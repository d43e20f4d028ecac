"""The mask that a lung network puts beside an image."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from common.networks import WeightsError
from common.transforms import CropToLungsd, FindLungsd


class BrightIsLung(nn.Module):
    """Takes bright pixels for lung."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        assert x.shape[-2:] == (64, 32)
        assert x.min() >= 0
        assert x.max() <= 1
        return self.scale * (x - 0.5)


@pytest.fixture
def finder(tmp_path: Path) -> FindLungsd:
    torch.save({"scale": torch.tensor(20.0)}, tmp_path / "lungs.pt")
    return FindLungsd("image", BrightIsLung(), tmp_path / "lungs.pt", spatial_size=(64, 32))


def film() -> torch.Tensor:
    """A film [1, 256, 128] with two bright lungs, and one bright speck that is none."""
    image = torch.full((1, 256, 128), 1000.0)
    image[:, 40:100, 20:100] = 3000
    image[:, 150:200, 30:110] = 3000
    image[:, 240:244, 4:8] = 3000
    return image


def test_the_mask_has_the_images_size_and_place(finder: FindLungsd) -> None:
    image = MetaTensor(film(), meta={"filename_or_obj": "a.png"})
    out = finder({"image": image, "label": 1})
    expected = film() == 3000
    expected[:, 240:244, 4:8] = False
    assert out["lungs"].dtype == torch.uint8
    assert out["lungs"].meta["filename_or_obj"] == "a.png"
    agree = (out["lungs"].as_tensor() == expected).float().mean()
    assert agree > 0.99
    assert torch.equal(out["image"], image)
    assert out["label"] == 1


def test_the_mask_crops(finder: FindLungsd) -> None:
    out = CropToLungsd("image", "lungs", margin=0.0)(finder({"image": MetaTensor(film())}))
    width, height = out["image"].shape[1:]
    assert abs(width - 160) <= 4
    assert abs(height - 90) <= 4


def test_weights_are_read_once_and_when_needed(tmp_path: Path, finder: FindLungsd) -> None:
    absent = FindLungsd("image", BrightIsLung(), tmp_path / "absent.pt", spatial_size=(64, 32))
    with pytest.raises(WeightsError, match=r"absent\.pt: no weights there"):
        absent({"image": film()})
    for _ in range(2):
        finder({"image": film()})
        Path(finder.weights).unlink(missing_ok=True)
    assert finder.network.calls == 2


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="weights of another network than BrightIsLung"):
        FindLungsd("image", BrightIsLung(), tmp_path / "other.pt", spatial_size=(64, 32))({"image": film()})
