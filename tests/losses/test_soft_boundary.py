"""Targets with unsure borders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.morphology import dilation, erosion, footprint_rectangle
from torch import nn

from common.losses import FocalTverskyLoss, SoftBoundaryLoss


def test_a_square_gets_two_borders() -> None:
    mask = torch.zeros(1, 1, 7, 7)
    mask[..., 2:5, 2:5] = 1
    expected = torch.zeros(7, 7)
    expected[1:6, 1:6] = 0.1
    expected[2:5, 2:5] = 0.9
    expected[3, 3] = 1
    assert torch.allclose(SoftBoundaryLoss(nn.MSELoss()).soften(mask)[0, 0], expected)


@pytest.mark.parametrize("width", [1, 2])
def test_it_is_morphology_with_a_square(width: int) -> None:
    mask = torch.rand(2, 2, 24, 17, generator=torch.Generator().manual_seed(0)) > 0.8
    mask[0, 0], mask[0, 1] = False, True
    soft = SoftBoundaryLoss(nn.MSELoss(), inner=0.8, outer=0.3, width=width).soften(mask)
    square = footprint_rectangle((2 * width + 1, 2 * width + 1))
    for one, target in zip(mask.flatten(0, 1).numpy(), soft.flatten(0, 1).numpy(), strict=True):
        expected = np.where(dilation(one, square), 0.3, 0.0)
        expected[one] = 0.8
        expected[erosion(one, square)] = 1
        assert np.allclose(target, expected)


def test_channels_stay_apart() -> None:
    mask = torch.zeros(1, 2, 5, 5)
    mask[0, 1, 2, 2] = 1
    soft = SoftBoundaryLoss(nn.MSELoss()).soften(mask)
    assert not soft[0, 0].any()
    assert float(soft[0, 1].sum()) == pytest.approx(0.9 + 8 * 0.1)


def test_the_edge_of_the_image_is_no_border() -> None:
    assert torch.equal(SoftBoundaryLoss(nn.MSELoss()).soften(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))


def test_the_softened_target_is_the_best_answer_of_cross_entropy() -> None:
    mask = torch.zeros(1, 1, 6, 6)
    mask[..., 2:4, 1:5] = 1
    loss = SoftBoundaryLoss(nn.BCEWithLogitsLoss())
    best = loss.soften(mask).clamp(1e-4, 1 - 1e-4).logit().requires_grad_()
    loss(best, mask).backward()
    assert best.grad is not None
    assert best.grad.abs().max() < 1e-5
    sharp = mask.clamp(1e-4, 1 - 1e-4).logit()
    assert loss(sharp, mask) > loss(best, mask)


def test_the_label_is_left_binary() -> None:
    mask = (torch.rand(1, 1, 8, 8) > 0.5).float()
    before = mask.clone()
    SoftBoundaryLoss(FocalTverskyLoss(sigmoid=True))(torch.zeros(1, 1, 8, 8), mask)
    assert torch.equal(mask, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inner": 0.2, "outer": 0.3}, "0 <= outer <= inner <= 1 is needed, got 0.3 and 0.2"),
        ({"inner": 1.1}, "got 0.1 and 1.1"),
        ({"width": 0}, "width must be 1 or more, got 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SoftBoundaryLoss(nn.MSELoss(), **arguments)
