"""Boxes around the parts of a mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy import ndimage

from common.transforms import MaskToBoxesd, mask_to_boxes


def drawn() -> torch.Tensor:
    mask = torch.zeros(2, 30, 20)
    mask[0, 2:6, 3:5] = 1
    mask[0, 6:8, 5:9] = 1  # touches the first by a corner
    mask[0, 20, 19] = 1
    mask[1, 0:30, 10] = 1
    return mask


def test_diagonal_neighbours_belong_together() -> None:
    boxes, channels = mask_to_boxes(drawn())
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[2, 3, 6, 6], [20, 19, 1, 1], [0, 10, 30, 1]]
    assert channels.dtype == np.int64
    assert channels.tolist() == [0, 0, 1]


def test_small_parts_are_dropped() -> None:
    assert mask_to_boxes(drawn(), min_area=2)[0].tolist() == [[2, 3, 6, 6], [0, 10, 30, 1]]
    assert mask_to_boxes(drawn(), min_area=16)[1].tolist() == [0, 1], "as many pixels, not as large a box"
    assert mask_to_boxes(drawn(), min_area=17)[1].tolist() == [1]


def test_one_box_around_a_channel() -> None:
    boxes, channels = mask_to_boxes(drawn(), per_channel=True)
    assert boxes.tolist() == [[2, 3, 19, 17], [0, 10, 30, 1]]
    assert channels.tolist() == [0, 1]


@pytest.mark.parametrize("per_channel", [False, True])
def test_an_empty_mask_has_no_boxes(per_channel: bool) -> None:
    boxes, channels = mask_to_boxes(torch.zeros(3, 8, 8), per_channel=per_channel)
    assert boxes.shape == (0, 4)
    assert channels.shape == (0,)


def test_the_threshold_belongs_to_the_mask() -> None:
    mask = torch.tensor([[[0.2, 0.5, 0.7, 0.4]]])
    assert mask_to_boxes(mask)[0].tolist() == [[0, 1, 1, 2]]
    assert mask_to_boxes(mask, threshold=0.4)[0].tolist() == [[0, 1, 1, 3]]
    assert mask_to_boxes((mask * 255).to(torch.uint8), threshold=128)[0].tolist() == [[0, 2, 1, 1]]


def test_random_masks_against_scipy() -> None:
    masks = np.random.default_rng(0).random((4, 60, 50)) < 0.25
    boxes, channels = mask_to_boxes(masks.astype(np.uint8))
    for number, mask in enumerate(masks):
        places = ndimage.find_objects(ndimage.label(mask, np.ones((3, 3)))[0])
        expected = {(x.start, y.start, x.stop - x.start, y.stop - y.start) for x, y in places}
        assert {tuple(box) for box in boxes[channels == number].astype(int).tolist()} == expected


def test_a_mask_needs_channels() -> None:
    with pytest.raises(ValueError, match=r"expected a mask of shape \[C, W, H\], got \(8, 8\)"):
        mask_to_boxes(torch.zeros(8, 8))


def test_items() -> None:
    data = {"pred": MetaTensor(drawn())}
    out = MaskToBoxesd("pred", "found", min_area=2)(data)
    assert set(out) == {"pred", "found"}
    assert out["found"].tolist() == [[2, 3, 6, 6], [0, 10, 30, 1]]
    assert MaskToBoxesd("label", allow_missing_keys=True)(data).keys() == {"pred"}
    with pytest.raises(KeyError):
        MaskToBoxesd("label")(data)
