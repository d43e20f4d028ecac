"""The focal Tversky loss against its definition."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from common.losses import FocalTverskyLoss


def masks(*pixels: list[int]) -> torch.Tensor:
    """Images (B, 1, 1, W) of single rows."""
    return torch.tensor(pixels, dtype=torch.float32)[:, None, None, :]


def test_it_is_the_power_of_one_minus_the_tversky_index_of_each_image() -> None:
    truth = masks([1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0])
    pred = masks([1, 1, 0, 0, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0])
    # First image: 2 hits, 1 false positive, 2 false negatives. Second: no mistake.
    index = 2 / (2 + 0.3 * 1 + 0.7 * 2)
    loss = FocalTverskyLoss(alpha=0.3, beta=0.7, gamma=0.75, smooth_nr=0, smooth_dr=0)(pred, truth)
    perfect = (1e-7) ** 0.75
    assert float(loss) == pytest.approx(((1 - index) ** 0.75 + perfect) / 2, rel=1e-5)


def test_false_negatives_cost_more_than_false_positives() -> None:
    truth = masks([1, 1, 0, 0])
    loss = FocalTverskyLoss()
    assert float(loss(masks([1, 0, 0, 0]), truth)) > float(loss(masks([1, 1, 1, 0]), truth))


def test_logits_are_squashed_and_taught() -> None:
    truth = masks([1, 1, 0, 0])
    logits = nn.Parameter(torch.zeros_like(truth))
    optimizer = torch.optim.SGD([logits], lr=5.0)
    loss = FocalTverskyLoss(sigmoid=True)
    before = float(loss(logits, truth).detach())
    for _ in range(50):
        optimizer.zero_grad()
        loss(logits, truth).backward()
        optimizer.step()
    assert float(loss(logits, truth).detach()) < 0.3 * before
    assert torch.equal((logits > 0).float(), truth)


@pytest.mark.parametrize("rows", [[0, 0, 0, 0], [1, 1, 1, 1]])
def test_a_perfect_or_empty_answer_has_finite_gradients(rows: list[int]) -> None:
    pred = masks(rows).requires_grad_()
    loss = FocalTverskyLoss()(pred, masks(rows))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-4)
    assert pred.grad is not None
    assert torch.isfinite(pred.grad).all()


def test_a_gamma_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="gamma must be positive, got 0"):
        FocalTverskyLoss(gamma=0)
