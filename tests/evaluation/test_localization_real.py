"""True boxes of real radiographs, taken for regions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data import read_index, select
from common.evaluation import evaluate_localization
from common.localization import Region, fill_boxes, write_regions

pytestmark = pytest.mark.data


def test_rounded_true_boxes_are_found(cxr_data: Path, tmp_path: Path) -> None:
    rows = select(read_index(cxr_data), sites=["tbx11k"], split_column="det_split", splits=["val"])
    regions = {}
    for _, row in rows.iterrows():
        with Image.open(cxr_data / row["image"]) as picture:
            size = picture.size
        boxes = [tuple(round(edge) for edge in entry["xywh"]) for entry in json.loads(row["boxes"])]
        regions[row["image"]] = [Region(box, 0.9) for box in boxes]
        filled = fill_boxes(boxes, size).T.astype(np.uint8) * 255
        for ending in ("regions", "evidence"):
            path = tmp_path / row["image"].replace(".png", f"_{ending}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(filled).save(path)
    write_regions(tmp_path / "regions.json", regions)
    found = evaluate_localization(
        {"truth": tmp_path}, cxr_data, sites=["tbx11k"], split_column="det_split", splits=["val"], repeats=20
    )
    images = found.per_image[found.per_image["boxes"] > 0]
    assert len(found.problems) == 0
    assert len(images) >= 20
    assert images["dice"].min() > 0.96
    assert images["evidence_share"].min() > 0.96
    assert images["pointing"].min() > 0.96
    assert (images[["hit_rate_0.1", "hit_rate_0.7"]] == 1).all(axis=None)
    precision = found.detection[found.detection["figure"] == "average_precision"]
    assert precision["estimate"].tolist() == pytest.approx([1] * 7)
