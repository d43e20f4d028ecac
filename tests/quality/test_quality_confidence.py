"""The confidence of a probability map."""

from __future__ import annotations

import pytest
import torch

from common.quality import LungConfidenced, lung_confidence


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 1.0, 0.0, 0.0], 1.0),
        ([0.9, 0.0], 2 * 0.9 / (0.9 + 1)),
        ([0.5, 0.5], 2 * 1.0 / (1.0 + 2)),
        ([0.8, 0.4], 2 * 0.8 / (1.2 + 1)),
        ([0.4, 0.4], 0.0),
        ([0.0, 0.0], 0.0),
    ],
)
def test_confidence_is_the_soft_dice_of_a_map_and_its_mask(values: list[float], expected: float) -> None:
    assert lung_confidence(torch.tensor(values)) == pytest.approx(expected)


def test_confidence_is_the_mean_dice_of_masks_drawn_from_the_probabilities() -> None:
    torch.manual_seed(0)
    probabilities = torch.rand(200, 200) ** 0.5
    mask = probabilities >= 0.5
    drawn = torch.rand(40, 200, 200) < probabilities
    dice = 2 * (drawn & mask).sum((1, 2)) / (drawn.sum((1, 2)) + mask.sum())
    assert lung_confidence(probabilities) == pytest.approx(float(dice.mean()), abs=1e-3)


def test_the_threshold_decides_about_the_mask() -> None:
    assert lung_confidence(torch.tensor([0.8, 0.4]), threshold=0.3) == pytest.approx(2 * 1.2 / (1.2 + 2))


def test_the_transform_adds_the_number_and_leaves_the_map() -> None:
    given = {"pred": torch.tensor([[[0.8, 0.4]]]), "image": "kept"}
    out = LungConfidenced("pred")(given)
    assert out["confidence"] == pytest.approx(2 * 0.8 / 2.2)
    assert out["pred"] is given["pred"]
    assert "confidence" not in given
