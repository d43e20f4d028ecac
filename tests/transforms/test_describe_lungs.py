"""Area, box and flags of a lung mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from common.transforms import describe_lungs
from common.transforms.describe_lungs import SMALL_FRACTION


def mask(width: int = 100, height: int = 50) -> torch.Tensor:
    """[W, H] with a rectangle of 30 columns from 10 and 20 rows from 5."""
    found = torch.zeros(width, height, dtype=torch.uint8)
    found[10:40, 5:25] = 1
    return found


@pytest.mark.parametrize("pred", [mask(), mask()[None], mask().numpy(), mask()[None].float()])
def test_area_and_box_are_in_pixels_of_the_source(pred: torch.Tensor | np.ndarray) -> None:
    assert describe_lungs({"pred": pred}) == {
        "lung_area_fraction": 0.12,
        "box_x": 10,
        "box_y": 5,
        "box_w": 30,
        "box_h": 20,
        "flags": [],
    }


def test_an_empty_mask_has_no_box() -> None:
    assert describe_lungs({"mask": torch.zeros(8, 8)}, key="mask") == {
        "lung_area_fraction": 0.0,
        "box_x": "",
        "box_y": "",
        "box_w": "",
        "box_h": "",
        "flags": ["no_lungs"],
    }


def test_a_small_mask_is_flagged() -> None:
    pred = torch.zeros(100, 100)
    pred[:100, : round(SMALL_FRACTION * 100)] = 1
    pred[0, 99] = 1
    assert describe_lungs({"pred": pred})["flags"] == []
    pred[0, 99] = pred[1, 0] = 0
    assert describe_lungs({"pred": pred})["flags"] == ["small_lungs"]
