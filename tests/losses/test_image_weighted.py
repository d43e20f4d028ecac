"""Weights of images in a loss."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from monai.losses import DiceCELoss, DiceFocalLoss
from torch import nn
from torch.nn import functional as F

from common.losses import FocalTverskyLoss, ImageWeightedLoss, SoftBoundaryLoss
from common.transforms import ImageWeightd

LOSSES = {
    "dice_bce": DiceFocalLoss(sigmoid=True, gamma=0.0),
    "bce": nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0)),
    "focal_tversky": FocalTverskyLoss(sigmoid=True),
    "soft_boundary": SoftBoundaryLoss(FocalTverskyLoss(sigmoid=True)),
}


def batch(channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, channels, 8, 10, generator=generator)
    return logits, (torch.rand(3, channels, 8, 10, generator=generator) > 0.6).float()


def weighted(mask: torch.Tensor, weights: list[float]) -> torch.Tensor:
    items = [{"label": m, "weight": w} for m, w in zip(mask, weights, strict=True)]
    return torch.stack([ImageWeightd("label")(item)["label"] for item in items])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", LOSSES)
def test_equal_weights_give_the_plain_loss(name: str, channels: int) -> None:
    logits, mask = batch(channels)
    for weight in (1.0, 0.25):
        loss = ImageWeightedLoss(LOSSES[name])(logits, weighted(mask, [weight] * 3))
        assert float(loss) == pytest.approx(float(LOSSES[name](logits, mask)), rel=1e-5)


def test_it_is_the_weighted_mean_of_the_images_losses() -> None:
    logits, mask = batch()
    each = [float(F.binary_cross_entropy_with_logits(a, b)) for a, b in zip(logits, mask, strict=True)]
    loss = ImageWeightedLoss(nn.BCEWithLogitsLoss())(logits, weighted(mask, [1, 0.5, 2]))
    assert float(loss) == pytest.approx((each[0] + 0.5 * each[1] + 2 * each[2]) / 3.5, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_an_image_of_weight_zero_has_no_influence(name: str) -> None:
    logits, mask = batch()
    logits.requires_grad_()
    loss = ImageWeightedLoss(LOSSES[name])
    loss(logits, weighted(mask, [1, 0, 1])).backward()
    assert logits.grad is not None
    assert not logits.grad[1].any()
    with torch.no_grad():
        changed, other = logits.clone(), mask.clone()
        changed[1], other[1] = 5, 1 - mask[1]
        alone = LOSSES[name](logits[[0, 2]], mask[[0, 2]])
        assert float(loss(changed, weighted(other, [1, 0, 1]))) == pytest.approx(float(alone), rel=1e-5)


def test_gradients_are_in_the_ratio_of_the_weights() -> None:
    logits, mask = batch()
    same = logits[:1].repeat(2, 1, 1, 1).requires_grad_()
    ImageWeightedLoss(DiceCELoss(sigmoid=True))(same, weighted(mask[[0, 0]], [1, 0.3])).backward()
    assert same.grad is not None
    assert torch.allclose(same.grad[1], 0.3 * same.grad[0])


def test_gradients_are_those_of_finite_differences() -> None:
    logits, mask = batch()
    target = weighted(mask, [1, 0.5, 0.1]).double()[..., :3, :4]
    loss = ImageWeightedLoss(DiceCELoss(sigmoid=True))
    point = logits.double()[..., :3, :4].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, target), point)


def test_nothing_but_weights_of_zero_gives_zero() -> None:
    logits, mask = batch()
    logits.requires_grad_()
    loss = ImageWeightedLoss(DiceCELoss(sigmoid=True))(logits, weighted(mask, [0, 0, 0]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_tensors_with_metadata_are_taken() -> None:
    logits, mask = batch()
    target = weighted(mask, [1, 0.5, 2])
    loss = ImageWeightedLoss(DiceCELoss(sigmoid=True))
    answer = loss(MetaTensor(logits).requires_grad_(), MetaTensor(target))
    assert type(answer) is torch.Tensor
    assert answer.requires_grad
    assert float(answer.detach()) == pytest.approx(float(loss(logits, target)), rel=1e-6)


def test_a_label_without_weights_is_refused() -> None:
    logits, mask = batch()
    with pytest.raises(ValueError, match=r"needs the channels of the prediction and one more .*, got 1 for 1"):
        ImageWeightedLoss(nn.BCEWithLogitsLoss())(logits, mask)
