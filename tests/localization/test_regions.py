"""Regions, their boxes and scores, filled boxes, and the transforms around them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd, Resized
from skimage.measure import label, regionprops

from common.errors import UsageError
from common.localization import REGION_BOXES, FindRegions, FindRegionsd, Region, fill_boxes, find_regions
from common.localization.overlay_difference import enclose, overlay_difference
from common.localization.regions import dilate
from common.transforms import CropToLungsd

SIZE = (100, 60)


def _evidence(*spots: tuple[tuple[int, int, int, int], float]) -> np.ndarray:
    evidence = np.zeros(SIZE, dtype=np.float32)
    for (x, y, w, h), value in spots:
        evidence[x : x + w, y : y + h] = value
    return evidence


TWO = _evidence(((10, 20, 15, 8), 0.6), ((70, 5, 10, 12), 1.0), ((50, 50, 3, 4), 0.9))


def test_boxes_and_scores_of_components() -> None:
    found = FindRegions("value", 0.5)(TWO[None], probability=0.8)
    # The spot of 12 pixels is less than 1 % of 6,000.
    assert [region.box for region in found] == [(70, 5, 10, 12), (10, 20, 15, 8)]
    assert [region.score for region in found] == pytest.approx([0.8, 0.48])
    assert [region.box for region in FindRegions("value", 0.5, min_area=0)(TWO[None])] == [
        (70, 5, 10, 12),
        (50, 50, 3, 4),
        (10, 20, 15, 8),
    ]
    assert FindRegions("value", 0.5, min_area=0, max_regions=2)(TWO[None])[1].box == (50, 50, 3, 4)


def test_components_equal_those_of_scikit_image() -> None:
    random = np.random.default_rng(4)
    evidence = random.random(SIZE).astype(np.float32)
    mask = evidence > 0.6
    expected = {
        Region(
            (int(p.bbox[0]), int(p.bbox[1]), int(p.bbox[2] - p.bbox[0]), int(p.bbox[3] - p.bbox[1])),
            float(p.intensity_max),
        )
        for p in regionprops(label(mask, connectivity=2), intensity_image=evidence)
        if p.area >= 5
    }
    assert set(find_regions(mask, evidence, min_area=5 / mask.size)) == expected
    assert len(expected) > 5


def test_regions_outside_the_enlarged_lungs_are_dropped() -> None:
    lungs = np.zeros(SIZE, dtype=bool)
    lungs[60:90, 0:30] = True
    find = FindRegions("value", 0.5)
    assert [region.box for region in find(TWO[None], lungs=lungs[None])] == [(70, 5, 10, 12)]
    assert len(find(TWO[None], lungs=np.zeros_like(lungs)[None])) == 2, "no lungs were found: no region is dropped"
    # A margin of half the shorter side reaches 30 pixels to the left: x = 30, still right of the left spot.
    assert len(FindRegions("value", 0.5, lung_margin=0.5)(TWO[None], lungs=lungs[None])) == 1
    # 0.67 reaches x = 20: 5 of the spot's 15 columns.
    wide = {"lung_margin": 0.667, "min_inside": 0.3}
    assert len(FindRegions("value", 0.5, **wide)(TWO[None], lungs=lungs[None])) == 2
    assert len(FindRegions("value", 0.5, **(wide | {"min_inside": 0.4}))(TWO[None], lungs=lungs[None])) == 1


def test_lungs_are_enlarged_on_every_side() -> None:
    mask = np.zeros((40, 20), dtype=bool)
    mask[18:22, 0:2] = True
    expected = np.zeros_like(mask)
    expected[16:24, 0:4] = True
    assert np.array_equal(dilate(mask, 0.1), expected)


def test_no_evidence_no_regions() -> None:
    assert FindRegions()(np.zeros((1, *SIZE), dtype=np.float32)) == []


def test_filled_boxes() -> None:
    mask = fill_boxes([(2, 3, 4, 2), (98, 58, 10, 10), (-3, -3, 4, 4)], SIZE)
    expected = np.zeros(SIZE, dtype=bool)
    expected[2:6, 3:5] = expected[98:, 58:] = expected[:1, :1] = True
    assert np.array_equal(mask, expected)
    assert not fill_boxes([], SIZE).any()
    assert fill_boxes([(1.5, 1.4, 2, 2)], SIZE).nonzero()[0].min() == 2
    with pytest.raises(ValueError, match="must not be negative"):
        fill_boxes([(0, 0, -1, 2)], SIZE)


def test_boxes_of_filled_boxes_are_the_boxes() -> None:
    boxes = [(5, 5, 20, 10), (40, 30, 11, 21)]
    mask = fill_boxes(boxes, SIZE)
    assert sorted(region.box for region in find_regions(mask, mask.astype(np.float32))) == boxes


def test_dictionary_transform() -> None:
    data = {
        "evidence": MetaTensor(torch.from_numpy(TWO)[None], meta={"filename_or_obj": "a.png"}),
        "probability": torch.tensor([0.5]),
        "lungs": MetaTensor(torch.ones(1, *SIZE)),
    }
    out = FindRegionsd("evidence", "probability", "lungs", rule="value", value=0.5)(data)
    assert out["evidence_regions"] == [Region((70, 5, 10, 12), 0.5), Region((10, 20, 15, 8), pytest.approx(0.3))]
    expected = fill_boxes([(70, 5, 10, 12), (10, 20, 15, 8)], SIZE)
    assert np.array_equal(out["evidence_region_mask"].numpy()[0], expected)
    assert out["evidence_region_mask"].dtype == torch.uint8
    assert out["evidence_region_mask"].meta["filename_or_obj"] == "a.png"
    assert out["evidence"].meta[REGION_BOXES] == [[70, 5, 10, 12], [10, 20, 15, 8]]
    plain = FindRegionsd("evidence", rule="value", value=0.5)({"evidence": TWO[None]})
    assert isinstance(plain["evidence_region_mask"], np.ndarray)


def test_boxes_come_out_in_pixels_of_the_source() -> None:
    """Lung crop and resize, a map on the small image, back to the source: the box is where it belongs."""
    lungs = torch.zeros(1, 200, 160)
    lungs[0, 40:140, 20:120] = 1
    data = {"image": MetaTensor(torch.rand(1, 200, 160)), "lungs": MetaTensor(lungs)}
    preprocessing = Compose([CropToLungsd("image", "lungs", margin=0), Resized("image", (50, 50), mode="bilinear")])
    item = preprocessing(data)
    evidence = torch.zeros(1, 50, 50)
    evidence[0, 10:20, 30:35] = 1  # of the crop at half resolution: x 40 + 20 to 40 + 40, y 20 + 60 to 20 + 70
    item["evidence"] = MetaTensor(evidence)
    item = Invertd("evidence", preprocessing, "image", nearest_interp=False)(item)
    found = FindRegionsd("evidence", rule="fraction", value=0.5, min_area=0)(item)["evidence_regions"]
    assert [region.box for region in found] == [(60, 80, 20, 10)]


def test_the_rule_of_the_overlays_difference() -> None:
    random = np.random.default_rng(1)
    image = (0.4 + 0.1 * random.random(SIZE)).astype(np.float32)
    x, y = np.mgrid[: SIZE[0], : SIZE[1]]
    evidence = np.exp(-((x - 60) ** 2 + (y - 25) ** 2) / 200).astype(np.float32)
    mask = overlay_difference(image, evidence)
    assert mask[60, 25]
    assert not mask[evidence < 0.2].any(), "transparent: no difference"
    (region,) = FindRegions("overlay_difference", None)(evidence[None], 0.9, image=image[None])
    left, top, width, height = region.box
    assert region.score == pytest.approx(0.9)
    assert abs(left + width / 2 - 60.5) <= 1
    assert abs(top + height / 2 - 25.5) <= 1
    assert np.array_equal(fill_boxes([region.box], SIZE), enclose(mask))
    two = np.maximum(evidence, np.roll(evidence, -45, axis=0))
    (both,) = FindRegions("overlay_difference", None)(two[None], image=image[None])
    assert both.box[0] < 20, "one rectangle around all"
    assert both.box[0] + both.box[2] > 60
    assert FindRegions("overlay_difference", None)(np.zeros((1, *SIZE), np.float32), image=image[None]) == []
    with pytest.raises(UsageError, match="need the image as well"):
        FindRegions("overlay_difference", None)(evidence[None])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "x"}, "threshold rule 'x'"),
        ({"min_area": 1.5}, "regions: min_area must lie between 0 and 1, got 1.5"),
        ({"max_regions": 0}, "regions: max_regions must be at least 1"),
    ],
)
def test_wrong_settings(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FindRegionsd("evidence", **arguments)


def test_a_lung_mask_of_another_size() -> None:
    with pytest.raises(ValueError, match=r"the mask has the shape \(100, 60\), the lung mask \(60, 100\)"):
        FindRegions()(TWO[None], lungs=np.ones((1, 60, 100)))
