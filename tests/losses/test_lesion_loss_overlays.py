"""Every loss overlay of the lesion bundle."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from monai.bundle import ConfigParser
from torch import nn
from torch.nn import functional as F

CONFIGS = Path(__file__).resolve().parents[2] / "bundles" / "tb_seg" / "configs"
OVERLAYS = sorted((CONFIGS / "losses").glob("*.yaml"))


def build(*overlays: Path, **changes: Any) -> nn.Module:
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / "train.yaml"), *map(str, overlays)])
    parser.update({"device": "$torch.device('cpu')", **changes})
    return parser.get_parsed_content("loss")


def test_every_loss_of_the_bundle_has_an_overlay() -> None:
    assert [path.stem for path in OVERLAYS] == ["bce", "dice_bce", "focal_tversky", "soft_boundary"]


def test_the_default_is_the_loss_of_the_configuration() -> None:
    default = yaml.safe_load((CONFIGS / "losses" / "dice_bce.yaml").read_text(encoding="utf-8"))
    assert yaml.safe_load((CONFIGS / "train.yaml").read_text(encoding="utf-8"))["loss"] == default["loss"]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_teaches_a_mask(overlay: Path) -> None:
    loss = build(overlay)
    mask = torch.zeros(2, 1, 48, 48)
    mask[0, :, 8:32, 12:40] = 1  # the other image is normal
    logits = nn.Parameter(torch.zeros_like(mask))
    optimizer = torch.optim.Adam([logits], lr=0.3)
    before = float(loss(logits, mask).detach())
    for _ in range(40):
        optimizer.zero_grad()
        loss(logits, mask).backward()
        optimizer.step()
    assert 0 < float(loss(logits, mask).detach()) < 0.5 * before
    assert torch.equal((logits > 0).float(), mask)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_classes_do_not_compete(overlay: Path) -> None:
    """A pixel may be of several classes or of none, so that a softmax over the channels would be wrong."""
    loss, generator = build(overlay), torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, 48, 48, generator=generator)
    mask = (torch.rand(3, 2, 48, 48, generator=generator) > 0.8).float()
    each = [float(loss(logits[:, [channel]], mask[:, [channel]])) for channel in (0, 1)]
    assert float(loss(logits, mask)) == pytest.approx(sum(each) / 2, rel=1e-5)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_a_smaller_false_area_on_a_normal_film_costs_less(overlay: Path) -> None:
    loss, mask = build(overlay), torch.zeros(1, 1, 256, 256)
    costs = []
    for side in (80, 40, 20, 0):
        logits = torch.full_like(mask, -12.0)
        logits[..., :side, :side] = 12.0
        costs.append(float(loss(logits, mask)))
    assert all(smaller < 0.99 * larger for larger, smaller in itertools.pairwise(costs))


def test_lesion_pixels_count_as_often_as_the_positive_weight_says() -> None:
    logits = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    mask = (logits > 0.5).float()
    for weight in (3, 7.5):
        pixels = -(weight * mask * F.logsigmoid(logits) + (1 - mask) * F.logsigmoid(-logits))
        loss = build(CONFIGS / "losses" / "bce.yaml", positive_weight=weight)
        assert float(loss(logits, mask)) == pytest.approx(float(pixels.mean()), rel=1e-5)


def test_the_positive_weight_is_recorded_with_the_run() -> None:
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / "train.yaml"), str(CONFIGS / "losses" / "bce.yaml")])
    assert parser.get("settings")["positive_weight"] == "@positive_weight"
    assert "seed" in parser.get("settings")
