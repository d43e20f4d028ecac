"""Annotation files as tools write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Region = dict[str, Any]


def rect(x: float, y: float, width: float, height: float, **attributes: Any) -> Region:
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": attributes}


def polygon(xs: list[float], ys: list[float], **attributes: Any) -> Region:
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    return {"shape_attributes": shape, "region_attributes": attributes}


def via_entries(images: Mapping[str, list[Region]], sizes: Mapping[str, tuple[int, int]] | None = None) -> dict:
    """Images as VIA 2 exports them."""
    entries = {}
    for name, regions in images.items():
        stated = {} if sizes is None else dict(zip(("width", "height"), sizes[name], strict=True))
        entries[f"{name}1234"] = {"filename": name, "size": 1234, "regions": regions, "file_attributes": stated}
    return entries


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_via_csv(path: Path, images: Mapping[str, list[Region]], *, sign: str = "") -> Path:
    """The table that VIA exports; version 1 starts its header with a sign of comment."""
    columns = ["filename", "file_size", "file_attributes", "region_count", "region_id"]
    columns += ["region_shape_attributes", "region_attributes"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow([sign + columns[0], *columns[1:]])
        for name, regions in images.items():
            for number, region in enumerate(regions or [{"shape_attributes": {}, "region_attributes": {}}]):
                texts = [json.dumps(region[key]) for key in ("shape_attributes", "region_attributes")]
                table.writerow([name, 1234, "{}", len(regions), number, *texts])
    return path


def coco(annotations: list[dict[str, Any]], images: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """A COCO data set of pictures of 40 x 30 pixels; category 1 is active, 2 latent."""
    default = [{"id": 7, "file_name": "a.png", "width": 40, "height": 30}]
    return {
        "images": default if images is None else images,
        "annotations": [{"id": number, "image_id": 7, **entry} for number, entry in enumerate(annotations)],
        "categories": [{"id": 1, "name": "active"}, {"id": 2, "name": "latent"}],
    }
