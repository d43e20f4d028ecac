"""Regions of a run as files to train on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor

from common.handlers import PredictionRecord, RegionFiles
from common.io import RadiographLayout
from common.localization import Region, describe_tb_regions, read_regions
from common.transforms import DecideTBd


def item(path: Path, regions: list[Region]) -> dict[Any, Any]:
    image = MetaTensor(torch.zeros(1, 4, 4), meta={"filename_or_obj": str(path)})
    decided = DecideTBd()({"pred": torch.tensor([0.0, 2.0]), "image": image})
    return {**decided, "evidence_regions": regions}


def test_the_columns_hold_decision_and_regions(tmp_path: Path) -> None:
    columns = describe_tb_regions(item(tmp_path / "a.png", [Region((1, 2, 3, 4), 0.5)]))
    assert columns["tb"] == 1
    assert columns["tb_score"] == 2.0
    assert json.loads(columns["regions"]) == [{"box": [1, 2, 3, 4], "score": 0.5}]


def test_regions_of_all_images_are_written_when_the_run_ends(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    out.mkdir()
    layout = RadiographLayout(output_dir=str(out), dataset_dir=str(data), postfix="regions", extension=".png")
    record = PredictionRecord(out, data, describe_tb_regions, weights=tmp_path / "none.pt")
    for name, regions in (("sub/b.png", [Region((1, 2, 3, 4), 0.5), Region((5, 6, 7, 8), 0.25)]), ("a.png", [])):
        record.rows[name] = {"image": name, "status": "ok", **describe_tb_regions(item(data / name, regions))}
    record.rows["broken.png"] = {"image": "broken.png", "status": "refused", "reason": "truncated"}
    RegionFiles(record, layout)()
    assert read_regions(out / "regions.json") == {
        "a.png": [],
        "sub/b.png": [Region((1, 2, 3, 4), 0.5), Region((5, 6, 7, 8), 0.25)],
    }
    with (out / "index.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["image"] for row in rows] == ["a.png", "sub/b.png"]
    assert rows[0]["boxes"] == "[]"
    assert rows[1]["region_mask"] == "sub/b_regions.png"
    assert rows[1]["tb"] == "1"
    assert json.loads(rows[1]["boxes"])[1] == {"label": "weak", "xywh": [5, 6, 7, 8], "score": 0.25}
