"""True boxes of real radiographs, taken for lesions, and a known share of the lungs of normal ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data import read_index, select
from common.data.lesion_boxes import image_size, lesion_boxes
from common.data.pixels import write_png
from common.evaluation import evaluate_lesions
from common.localization import Region, fill_boxes, write_regions

pytestmark = pytest.mark.data


def test_rounded_true_boxes_are_found(cxr_data: Path, tmp_path: Path) -> None:
    chosen = {"sites": ["tbx11k"], "split_column": "det_split", "splits": ["val"]}
    regions = {}
    for _, row in select(read_index(cxr_data), **chosen).iterrows():
        size = image_size(cxr_data / row["image"])
        boxes = [tuple(map(round, box)) for box in lesion_boxes(row["boxes"], size)[1].tolist()]
        regions[row["image"]] = [Region(box, 0.9) for box in boxes]
        write_png(tmp_path / row["image"].replace(".png", "_tb.png"), fill_boxes(boxes, size).T)
    write_regions(tmp_path / "lesions.json", regions)
    found = evaluate_lesions(tmp_path, cxr_data, repeats=20, **chosen)
    images = found.per_image[found.per_image["boxes"] > 0]
    assert len(found.problems) == 0
    assert len(images) >= 20
    assert images["dice"].min() > 0.96
    assert images["area_error_absolute"].max() < 0.01
    assert (images["found"] == 1).all()
    assert not images["false_positives"].any()
    assert {"active"} <= set(images["truth"])
    mean = found.froc[(found.froc["figure"] == "mean sensitivity") & (found.froc["dataset"] == "tbx11k")]
    assert mean["estimate"].tolist() == [1]


def test_a_fiftieth_of_the_lungs_of_normal_images(cxr_data: Path, tmp_path: Path) -> None:
    rows = select(read_index(cxr_data), sites=["montgomery"], split_column="cls_split", splits=["test"])
    normal = rows[rows["tb"] == "0"]
    for _, row in normal.iterrows():
        with Image.open(cxr_data / row["lung_mask"]) as picture:
            lungs = np.asarray(picture) > 0
        mask = np.zeros(lungs.size, dtype=bool)
        mask[np.flatnonzero(lungs)[: lungs.sum() // 50]] = True
        write_png(tmp_path / row["image"].replace(".png", "_tb.png"), mask.reshape(lungs.shape))
    found = evaluate_lesions(
        tmp_path, cxr_data, sites=["montgomery"], split_column="cls_split", splits=["test"], repeats=20
    )
    images = found.per_image[found.per_image["status"] == "ok"]
    assert images["image"].tolist() == normal["image"].tolist()
    np.testing.assert_allclose(images["false_positive_share"], 0.02, atol=1e-4)
    assert (images["any_false_positive"] == 1).all()
    # Of the images with TB there is no mask, which the comparison with the texts says.
    assert found.findings is None
    assert "no agreement with the texts in findings" in found.warnings[1]
