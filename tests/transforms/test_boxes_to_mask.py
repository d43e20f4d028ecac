"""Lesion boxes filled on the grid of their image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, EnsureChannelFirstd, Flipd, LoadImaged
from PIL import Image

from common.data import radiograph_phantom
from common.io import RadiographReader
from common.localization import fill_boxes
from common.transforms import BoxesToMaskd, boxes_to_masks

SIZE = (40, 30)


def item(boxes: list[list[float]], classes: list[int] | None = None) -> dict[str, object]:
    image = MetaTensor(torch.zeros(1, *SIZE), meta={"filename_or_obj": "film.png", "spacing": 0.2})
    data: dict[str, object] = {"image": image, "boxes": np.array(boxes, dtype=np.float32).reshape(-1, 4)}
    return data if classes is None else data | {"box_classes": np.array(classes)}


def test_a_box_covers_its_columns_and_rows() -> None:
    mask = boxes_to_masks([[3, 5, 10, 2]], SIZE)
    expected = np.zeros((1, *SIZE), dtype=bool)
    expected[0, 3:13, 5:7] = True
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("box", "x", "y"),
    [
        ([2.4, 3.5, 5.2, 4.0], (2, 8), (4, 8)),
        ([2.6, 3.49, 5.8, 4.0], (3, 8), (3, 7)),
        ([-4, -3, 10, 8], (0, 6), (0, 5)),
        ([35, 28, 10, 8], (35, 40), (28, 30)),
        ([0, 0, 40, 30], (0, 40), (0, 30)),
        ([39, 29, 1, 1], (39, 40), (29, 30)),
        ([-100, -100, 1000, 1000], (0, 40), (0, 30)),
    ],
)
def test_edges_are_rounded_and_cut(box: list[float], x: tuple[int, int], y: tuple[int, int]) -> None:
    expected = np.zeros(SIZE, dtype=bool)
    expected[slice(*x), slice(*y)] = True
    np.testing.assert_array_equal(boxes_to_masks([box], SIZE)[0], expected)


@pytest.mark.parametrize(
    "box",
    [
        [5, 5, 0, 8],
        [5, 5, 8, 0],
        [5, 5, 0, 0],
        [40, 3, 5, 5],
        [-9, 3, 9, 5],
        [3, 99, 5, 5],
        [3, -99, 5, 5],
        [7.1, 3, 0.3, 5],
    ],
)
def test_a_box_without_a_pixel_has_an_empty_channel(box: list[float]) -> None:
    masks = boxes_to_masks([box, [1, 2, 3, 4]], SIZE)
    assert masks.sum(axis=(1, 2)).tolist() == [0, 12]


def test_no_boxes_make_no_channels() -> None:
    assert boxes_to_masks(np.zeros((0, 4)), SIZE).shape == (0, *SIZE)


def test_random_boxes_fill_as_the_regions_of_a_classifier_do() -> None:
    generator = np.random.default_rng(0)
    boxes = np.hstack([generator.uniform(-15, 45, (200, 2)), generator.uniform(0, 25, (200, 2))])
    masks = boxes_to_masks(boxes, SIZE)
    for box, mask in zip(boxes, masks, strict=True):
        np.testing.assert_array_equal(mask, fill_boxes([box], SIZE))


@pytest.mark.parametrize("boxes", [[[1, 2, 3]], [[1, 2, -3, 4]], [[1, 2, float("nan"), 4]]])
def test_what_is_no_box_is_refused(boxes: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="boxes must be"):
        boxes_to_masks(boxes, SIZE)


def test_boxes_of_a_class_unite_in_its_channel() -> None:
    data = item([[0, 0, 10, 10], [5, 5, 10, 10], [20, 0, 5, 5], [0, 0, 0, 3]], [0, 0, 2, 1])
    mask = BoxesToMaskd("label", num_classes=3)(data)["label"]
    assert isinstance(mask, MetaTensor)
    assert mask.dtype == torch.float32
    assert mask.shape == (3, *SIZE)
    assert mask.unique().tolist() == [0, 1]
    assert mask.sum(dim=(1, 2)).tolist() == [175, 0, 25]
    assert mask[0, 4, 4] == mask[0, 14, 14] == 1
    assert mask[0, 14, 0] == mask[0, 0, 14] == 0


def test_without_classes_all_boxes_are_one() -> None:
    assert BoxesToMaskd("label")(item([[0, 0, 2, 2], [4, 4, 3, 3]]))["label"].sum() == 13


def test_a_channel_for_each_box() -> None:
    data = item([[0, 0, 10, 10], [50, 0, 3, 3], [5, 5, 10, 10]], [1, 0, 0])
    mask = BoxesToMaskd("label", per_box=True)(data)["label"]
    assert mask.shape == (3, *SIZE)
    assert mask.sum(dim=(1, 2)).tolist() == [100, 0, 100]


@pytest.mark.parametrize(("options", "channels"), [({"num_classes": 2}, 2), ({"per_box": True}, 1)])
def test_an_image_without_boxes_has_an_empty_mask(options: dict[str, int], channels: int) -> None:
    mask = BoxesToMaskd("label", **options)(item([], []))["label"]
    assert mask.shape == (channels, *SIZE)
    assert mask.sum() == 0


def test_the_mask_has_the_metadata_of_the_image_and_shares_nothing() -> None:
    data = item([[0, 0, 2, 2]])
    out = BoxesToMaskd(["label", "other"])(data)
    assert out["label"].meta["filename_or_obj"] == "film.png"
    assert torch.equal(out["label"].affine, out["image"].affine)
    out["label"].meta["filename_or_obj"] = "changed"
    out["label"][:] = 7
    assert out["image"].meta["filename_or_obj"] == out["other"].meta["filename_or_obj"] == "film.png"
    assert out["other"].max() == 1
    assert "label" not in data, "the item given is left as it was"
    plain = BoxesToMaskd("label")(data | {"image": np.zeros((1, *SIZE))})["label"]
    assert plain.sum() == 4


def test_refusals() -> None:
    with pytest.raises(ValueError, match="box class 1, but num_classes is 1"):
        BoxesToMaskd("label")(item([[0, 0, 2, 2]], [1]))
    with pytest.raises(ValueError, match="1 boxes have 2 classes"):
        BoxesToMaskd("label")(item([[0, 0, 2, 2]], [0, 0]))
    with pytest.raises(ValueError, match="Flip has changed the image, but its boxes belong to the image as loaded"):
        BoxesToMaskd("label")(Flipd("image", spatial_axis=0)(item([[0, 0, 2, 2]])))
    with pytest.raises(KeyError):
        BoxesToMaskd("label")({"image": MetaTensor(torch.zeros(1, *SIZE))})


def test_masks_lie_on_the_lesions_of_a_picture(tmp_path: Path) -> None:
    """From a file to the mask: x is the first axis, and nothing is mirrored."""
    phantom = radiograph_phantom((180, 130), seed=3, lesions=2)
    Image.fromarray(phantom.image).save(tmp_path / "film.png")
    load = [LoadImaged("image", reader=RadiographReader()), EnsureChannelFirstd("image")]
    data = {"image": str(tmp_path / "film.png"), "boxes": np.array([box["xywh"] for box in phantom.boxes])}
    out = Compose([*load, BoxesToMaskd("label", per_box=True)])(data)
    np.testing.assert_array_equal(out["image"][0].numpy().T, phantom.image)
    masks = out["label"].numpy().transpose(0, 2, 1) > 0
    assert masks.shape == (2, 180, 130)
    assert not (phantom.lesions & ~masks.any(axis=0)).any()
    for mask, box in zip(masks, phantom.boxes, strict=True):
        x, y, w, h = box["xywh"]  # type: ignore[misc]
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1) == (x, y, w, h)
        # A box touches its lesion on all four sides.
        inside = phantom.lesions[y : y + h, x : x + w]
        assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
