"""Boxes that know nothing of their image."""

from __future__ import annotations

import numpy as np
import pytest

from common.data.random_boxes import FoundBoxes, misplaced, random_places
from common.errors import UsageError

BOX = np.array([[10, 20, 30, 40]], dtype=np.float32)


def test_random_places_are_uniform_and_inside() -> None:
    boxes = np.tile(np.array([[10, 20, 30, 40.5]], dtype=np.float32), (4000, 1))
    found = random_places(boxes, (80, 96), np.random.default_rng(0))
    assert found.dtype == np.float32
    assert (found[:, 2:] == boxes[:, 2:]).all()
    corners = found[:, :2]
    assert (corners == corners.round()).all()
    assert corners.min(axis=0).tolist() == [0, 0]
    assert corners.max(axis=0).tolist() == [50, 55]
    assert corners.mean(axis=0) == pytest.approx([25, 27.5], abs=1)
    assert corners.std(axis=0) == pytest.approx(np.array([51, 56]) / np.sqrt(12), rel=0.05)


def test_found_places_are_those_of_the_other_images() -> None:
    """Centres at a quarter, a half and three quarters of images of different sizes."""
    images = [
        FoundBoxes("a", (100, 200), np.array([[20, 40, 10, 20]], dtype=np.float32)),
        FoundBoxes("b", (200, 200), np.array([[90, 90, 20, 20]], dtype=np.float32)),
        FoundBoxes("c", (400, 100), np.array([[290, 70, 20, 10]], dtype=np.float32)),
    ]
    seen: set[tuple[float, ...]] = set()
    for seed in range(40):
        (moved, *_) = misplaced(images, "found", seed)
        assert moved.dtype == np.float32
        assert moved[:, 2:].tolist() == [[10, 20]]
        seen.add(tuple((moved[0, :2] + moved[0, 2:] / 2) / (100, 200)))
    assert seen == {(0.5, 0.5), (0.75, 0.75)}


def test_a_box_at_a_place_near_the_edge_stays_inside() -> None:
    corner = FoundBoxes("b", (50, 50), np.array([[48, 0, 2, 2]], dtype=np.float32))
    large = FoundBoxes("a", (60, 61), BOX)
    moved, _ = misplaced([large, corner], "found")
    assert moved.tolist() == [[30, 0, 30, 40]]


def test_images_without_boxes_stay_so_and_lend_no_place() -> None:
    empty = FoundBoxes("a", (50, 50), np.zeros((0, 4), dtype=np.float32))
    nothing, *_ = misplaced([empty, FoundBoxes("b", (50, 90), BOX), FoundBoxes("c", (50, 90), BOX)], "found")
    assert nothing.shape == (0, 4)
    with pytest.raises(UsageError, match="found needs boxes on two images at least, b alone has some"):
        misplaced([empty, FoundBoxes("b", (50, 90), BOX)], "found")


def test_the_places_of_an_image_are_those_of_its_name_and_the_seed() -> None:
    images = [FoundBoxes(name, (200, 200), BOX) for name in "ab"]
    first, second = misplaced(images), misplaced(images[::-1])[::-1]
    assert [boxes.tolist() for boxes in first] == [boxes.tolist() for boxes in second]
    assert first[0].tolist() != first[1].tolist()
    assert misplaced(images, seed=1)[0].tolist() != first[0].tolist()
