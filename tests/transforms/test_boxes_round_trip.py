"""Boxes through masks, spatial transforms and their inverses, against boxes moved by plain geometry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Affined, Compose, Flipd, Invertd, RandAffined, RandFlipd, Rotate90d, SpatialPadd
from monai.transforms.utils import create_rotate

from common.transforms import BoxesToMaskd, CropToLungsd, MaskToBoxesd, Shrinkd, mask_to_boxes

SIZE = (160, 120)
KEYS = ["image", "label"]
#: Overlapping, one in the other, at two borders, of one pixel's width.
BOXES = np.array(
    [[20, 30, 50, 40], [50, 50, 40, 40], [25, 35, 10, 10], [0, 0, 12, 9], [140, 100, 20, 20], [100, 20, 1, 30]]
)
Move = Callable[[np.ndarray], np.ndarray]


def item(boxes: np.ndarray = BOXES) -> dict[str, Any]:
    lungs = torch.zeros(1, *SIZE)
    lungs[0, 20:60, 20:90] = 1
    lungs[0, 80:121, 25:101] = 1
    return {
        "image": MetaTensor(torch.zeros(1, *SIZE)),
        "lungs": MetaTensor(lungs),
        "boxes": boxes.astype(np.float32),
        "box_classes": np.zeros(len(boxes), dtype=np.int64),
    }


def chain(*transforms: Any) -> Compose:
    return Compose([BoxesToMaskd("label", per_box=True), *transforms])


def boxes_of(mask: torch.Tensor) -> np.ndarray:
    """One box a channel; a channel that became empty gives none."""
    return mask_to_boxes(mask, per_channel=True)[0]


def corners(boxes: np.ndarray) -> np.ndarray:
    return np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])


def returned(out: dict[str, Any], transform: Compose) -> np.ndarray:
    return boxes_of(Invertd("label", transform, "image", nearest_interp=False)(out)["label"])


def cut(boxes: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Boxes as seen in a crop; those outside are gone."""
    x, y, w, h = box
    found = np.clip(corners(boxes) - [x, y, x, y], 0, [w, h, w, h])
    found[:, 2:] -= found[:, :2]
    return found[(found[:, 2:] > 0).all(axis=1)]


def test_the_round_trip_is_exact_on_the_grid_of_the_image() -> None:
    out = Compose([chain(), MaskToBoxesd("label", "found", "channels", per_channel=True)])(item())
    assert out["found"].tolist() == BOXES.tolist()
    assert out["channels"].tolist() == list(range(len(BOXES)))


def test_broken_edges_come_back_as_the_nearest_whole_ones() -> None:
    boxes = np.random.default_rng(1).uniform([2, 2, 5, 5], [90, 60, 60, 50], (50, 4))
    found = boxes_of(chain()(item(boxes))["label"])
    np.testing.assert_array_equal(corners(found), np.floor(corners(boxes.astype(np.float32)) + 0.5))


def test_channels_without_a_pixel_are_told_by_the_channel_of_the_box() -> None:
    boxes = np.array([[500, 500, 10, 10], [20, 30, 50, 40], [5, 5, 0, 10], [150, 100, 40, 40]])
    out = Compose([chain(), MaskToBoxesd("label", "found", "channels", per_channel=True)])(item(boxes))
    assert out["found"].tolist() == [[20, 30, 50, 40], [150, 100, 10, 20]]
    assert out["channels"].tolist() == [1, 3]


EXACT: list[tuple[Any, Move]] = [
    (Flipd(KEYS, 0), lambda b: np.stack([SIZE[0] - b[:, 0] - b[:, 2], b[:, 1], b[:, 2], b[:, 3]], axis=1)),
    (Flipd(KEYS, 1), lambda b: np.stack([b[:, 0], SIZE[1] - b[:, 1] - b[:, 3], b[:, 2], b[:, 3]], axis=1)),
    (RandFlipd(KEYS, 1.0, 0), lambda b: np.stack([SIZE[0] - b[:, 0] - b[:, 2], b[:, 1], b[:, 2], b[:, 3]], axis=1)),
    (Rotate90d(KEYS, 1), lambda b: np.stack([SIZE[1] - b[:, 1] - b[:, 3], b[:, 0], b[:, 3], b[:, 2]], axis=1)),
    (Rotate90d(KEYS, 2), lambda b: np.hstack([np.array(SIZE) - b[:, :2] - b[:, 2:], b[:, 2:]])),
    (Rotate90d(KEYS, 3), lambda b: np.stack([b[:, 1], SIZE[0] - b[:, 0] - b[:, 2], b[:, 3], b[:, 2]], axis=1)),
    (SpatialPadd(KEYS, (180, 160)), lambda b: b + np.array([10, 20, 0, 0])),
]


@pytest.mark.parametrize(("transform", "move"), EXACT)
def test_flips_turns_and_padding_are_exact(transform: Any, move: Move) -> None:
    whole = chain(transform)
    out = whole(item())
    np.testing.assert_array_equal(boxes_of(out["label"]), move(BOXES))
    np.testing.assert_array_equal(returned(out, whole), BOXES)


def test_a_crop_to_the_lungs_cuts_boxes() -> None:
    whole = chain(CropToLungsd(KEYS, "lungs", margin=0.05))
    out = whole(item())
    crop = (15, 16, 111, 89)
    np.testing.assert_array_equal(boxes_of(out["label"]), cut(BOXES, crop))
    # The corner box and most of its like lie outside the crop; what was in it comes back to its place.
    inside = cut(BOXES, crop)
    assert len(inside) == 4
    np.testing.assert_array_equal(returned(out, whole), inside + np.array([15, 16, 0, 0]))


@pytest.mark.parametrize("size", [(64, 64), (107, 90), (320, 240), (90, 200)])
def test_resizing_keeps_edges_within_a_pixel(size: tuple[int, int]) -> None:
    boxes = BOXES[BOXES[:, 2:].min(axis=1) > 5]
    whole = chain(Shrinkd(KEYS, size))
    out = whole(item(boxes))
    scale = np.tile(np.array(size) / SIZE, 2)
    moved = corners(boxes) * scale
    worst = np.abs((corners(boxes_of(out["label"])) - moved) / np.maximum(scale, 1)).max()
    # Area averaging takes in whole source pixels, which may add to the half pixel of rounding.
    assert worst <= 0.75
    # The masks that come back are grey; one half is the edge.
    assert np.abs((corners(returned(out, whole)) - corners(boxes)) * np.minimum(scale, 1)).max() <= 1


def turned_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Corners of the boxes around boxes that a matrix (from output to input, in pixels from edge to edge) moves."""
    inverse = np.linalg.inv(matrix)
    found = []
    for x0, y0, x1, y1 in corners(boxes):
        points = inverse @ np.array([[x0, y0, 1], [x1, y0, 1], [x0, y1, 1], [x1, y1, 1]]).T
        found.append([*points[:2].min(axis=1), *points[:2].max(axis=1)])
    return np.array(found)


def about_the_centre(matrix: np.ndarray) -> np.ndarray:
    shift = np.eye(3)
    shift[:2, 2] = np.array(SIZE) / 2
    return shift @ matrix @ np.linalg.inv(shift)


INNER = np.array([[40, 35, 50, 40], [70, 50, 30, 35], [55, 45, 12, 10]])


@pytest.mark.parametrize("degrees", [3, -9, 20, 45])
def test_a_rotation_gives_the_box_around_the_turned_box(degrees: float) -> None:
    angle = np.deg2rad(degrees)
    whole = chain(Affined(KEYS, rotate_params=angle, mode=["bilinear", "nearest"], padding_mode="zeros"))
    out = whole(item(INNER))
    expected = turned_boxes(INNER, about_the_centre(create_rotate(2, angle)))
    assert np.abs(corners(boxes_of(out["label"])) - expected).max() <= 1
    assert np.abs(corners(returned(out, whole)) - corners(INNER)).max() <= 1


@pytest.mark.parametrize("seed", range(8))
def test_a_random_affine_moves_boxes_by_its_matrix(seed: int) -> None:
    """The augmentation of the training configuration, its matrix taken from the affine of the image."""
    augment = RandAffined(
        KEYS, prob=1.0, rotate_range=0.15, shear_range=(0.08, 0.08), translate_range=(8, 8), scale_range=(0.15, 0.15),
        mode=["bilinear", "nearest"], padding_mode="zeros", spatial_size=SIZE, cache_grid=True,
    )  # fmt: skip
    augment.set_random_state(seed)
    whole = chain(augment)
    out = whole(item(INNER))
    assert torch.equal(out["image"].affine, out["label"].affine)
    affine = out["image"].affine.numpy()[np.ix_([0, 1, 3], [0, 1, 3])]
    half = np.eye(3)
    half[:2, 2] = 0.5
    # The affine is about pixel centres, boxes are about pixel edges.
    expected = turned_boxes(INNER, half @ affine @ np.linalg.inv(half))
    inside = np.clip(expected, 0, [*SIZE, *SIZE])
    assert np.abs(expected - corners(INNER)).max() > 3, "it does move"
    assert np.abs(corners(boxes_of(out["label"])) - inside).max() <= 1
    assert np.abs(corners(returned(out, whole)) - corners(INNER)).max() <= 1


def test_the_chain_of_a_training_and_back() -> None:
    """Crop, resize, flip and rotation together: what one resized pixel is worth stays."""
    augment = RandAffined(KEYS, prob=1.0, rotate_range=0.1, mode=["bilinear", "nearest"], padding_mode="zeros")
    augment.set_random_state(3)
    whole = chain(CropToLungsd(KEYS, "lungs", margin=0.05), Shrinkd(KEYS, (100, 100)), Flipd(KEYS, 0), augment)
    out = whole(item(INNER))
    coarse = np.array([111, 89, 111, 89]) / 100
    assert np.abs((corners(returned(out, whole)) - corners(INNER)) / np.maximum(coarse, 1)).max() <= 1.5


def test_classes_go_round_apart() -> None:
    data = item(np.array([[10, 10, 30, 30], [30, 30, 30, 30], [100, 60, 20, 10]]))
    data["box_classes"] = np.array([1, 0, 1])
    back = MaskToBoxesd("label", "found", "found_classes")
    out = Compose([BoxesToMaskd("label", num_classes=2), Flipd(KEYS, 0), back])(data)
    assert out["found_classes"].tolist() == [0, 1, 1]
    assert out["found"].tolist() == [[100, 30, 30, 30], [40, 60, 20, 10], [120, 10, 30, 30]]
