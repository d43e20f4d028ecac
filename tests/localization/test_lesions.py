"""Lesion masks and boxes from probability maps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from common.errors import UsageError
from common.localization import REGION_BOXES, FindLesionsd, describe_lesions, find_lesions, lesion_confidence


def two_lesions() -> np.ndarray:
    probability = np.full((40, 30), 0.05, dtype=np.float32)
    probability[2:6, 3:8] = 0.9  # 4 x 5 pixels
    probability[20:30, 10:20] = 0.7  # 10 x 10 pixels
    probability[35, 25] = 0.99  # one pixel
    return probability


def test_components_have_their_box_and_mean_probability() -> None:
    probability = two_lesions()
    probability[20, 10] = 0.6
    mask, lesions = find_lesions(probability, 0.5)
    assert mask.sum() == 20 + 100 + 1
    assert [lesion.box for lesion in lesions] == [(35, 25, 1, 1), (2, 3, 4, 5), (20, 10, 10, 10)]
    assert [lesion.score for lesion in lesions] == pytest.approx([0.99, 0.9, (99 * 0.7 + 0.6) / 100], abs=1e-6)


def test_small_components_are_dropped_from_mask_and_list() -> None:
    mask, lesions = find_lesions(two_lesions(), 0.5, min_area=21 / 1200)
    assert [lesion.box for lesion in lesions] == [(20, 10, 10, 10)]
    assert mask.sum() == 100


def test_lesions_outside_the_lungs_are_dropped_and_without_lungs_all_stay() -> None:
    lungs = np.zeros((40, 30), dtype=bool)
    lungs[18:34, 8:24] = True
    _, inside = find_lesions(two_lesions(), 0.5, lungs=lungs, lung_margin=0)
    _, everywhere = find_lesions(two_lesions(), 0.5, lungs=np.zeros_like(lungs))
    assert [lesion.box for lesion in inside] == [(20, 10, 10, 10)]
    assert len(everywhere) == 3


def test_a_map_and_lungs_of_different_size_are_an_error() -> None:
    with pytest.raises(ValueError, match="lung mask"):
        find_lesions(two_lesions(), 0.5, lungs=np.zeros((30, 40), dtype=bool))


def test_the_mask_takes_the_place_of_the_map() -> None:
    image = MetaTensor(two_lesions()[None], meta={"filename_or_obj": "a.png"})
    item = FindLesionsd("pred", threshold=0.8, min_area=2 / 1200)({"pred": image, "image": image})
    assert item["pred"].shape == (1, 40, 30)
    assert item["pred"].dtype == torch.uint8
    assert item["pred"].meta["filename_or_obj"] == "a.png"
    assert item["pred"].sum() == 20
    assert item["lesion_probability"].meta[REGION_BOXES] == [[2, 3, 4, 5]]
    columns = describe_lesions({**item, "pred": item["pred"][0]}, uncertain_below=0.99)
    assert columns["lesions"] == 1
    assert columns["tb_area_fraction"] == pytest.approx(20 / 1200, abs=1e-5)
    assert json.loads(columns["lesion_boxes"]) == [{"box": [2, 3, 4, 5], "score": pytest.approx(0.9, abs=1e-6)}]
    assert columns["flags"] == ["uncertain"]


def test_confidence_is_the_soft_dice_of_a_mask_and_the_absence_of_probability_without_one() -> None:
    probability = torch.tensor([[0.8, 0.6], [0.2, 0.0]])
    mask = (probability >= 0.5).to(torch.uint8)
    assert lesion_confidence(probability, mask) == pytest.approx(2 * 1.4 / (1.6 + 2))
    assert lesion_confidence(probability, torch.zeros_like(mask)) == pytest.approx(0.2)


@pytest.mark.parametrize("knobs", [{"threshold": 0}, {"threshold": 1.5}, {"min_area": -0.1}, {"lung_margin": 2}])
def test_values_out_of_range_are_named(knobs: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(knobs))):
        FindLesionsd("pred", **knobs)
