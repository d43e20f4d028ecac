"""The figures of one image, side by side."""

from __future__ import annotations

import numpy as np
import pytest

from common.metrics import SEGMENTATION_METRICS, segmentation_metrics


def _square(first: int, side: int) -> np.ndarray:
    mask = np.zeros((50, 50), dtype=bool)
    mask[first : first + side, first : first + side] = True
    return mask


def test_known_figures_of_nested_squares() -> None:
    values = segmentation_metrics(_square(10, 20), _square(12, 16), spacing=(0.5, 0.5), tolerance=1.0)
    assert (values["tp"], values["fp"], values["fn"], values["tn"]) == (256, 144, 0, 2100)
    assert values["dice"] == pytest.approx(512 / 656)
    assert values["iou"] == pytest.approx(256 / 400)
    assert values["miou"] == pytest.approx((256 / 400 + 2100 / 2244) / 2)
    assert values["hd"] == pytest.approx(np.hypot(1, 1))  # from corner to corner: two pixels of 0.5 mm on each axis
    assert values["assd"] == pytest.approx((76 + 60 + 4 * (np.sqrt(1.25) - 1) * 2 + 4 * (np.sqrt(2) - 1)) / 136)
    assert values["surface_dice"] == pytest.approx(1 - 12 / 136)  # the corners and their two neighbours lie farther


def test_surface_dice_only_with_a_tolerance() -> None:
    assert set(SEGMENTATION_METRICS) - set(segmentation_metrics(_square(1, 5), _square(2, 5))) == {"surface_dice"}


def test_an_empty_prediction_gives_the_worst_figures_and_no_nan() -> None:
    values = segmentation_metrics(np.zeros((50, 50), dtype=bool), _square(10, 20), tolerance=2.0)
    assert np.isfinite(list(values.values())).all()
    assert (values["dice"], values["iou"], values["surface_dice"]) == (0, 0, 0)
    assert values["hd95"] == values["hd"] == values["assd"] == pytest.approx(np.hypot(49, 49))
