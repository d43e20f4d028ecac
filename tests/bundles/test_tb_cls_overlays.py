"""Overlays and knobs of tb_cls in whole runs: two stages of training, the study's region rule, what is left out."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from bundle_facts import TB_CLS
from PIL import Image

from common.handlers import ResumeError

#: One site without lists, whose patients are shared out.
LISTS = {"phantom_north": "cls_split", "phantom_south": "cls_split", "phantom_east": None}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "models" / "model.pt", weights_only=True)
    return state


@pytest.fixture(scope="module")
def films(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four phantoms and nothing else, two of them with tuberculosis."""
    folder = tmp_path_factory.mktemp("films")
    for image in pd.read_csv(phantoms / "index.csv")["image"][:4]:
        shutil.copy(phantoms / image, folder)
    return folder


def localise(films: Path, out: Path, *overlays: str, **options: Any) -> pd.DataFrame:
    assert TB_CLS.infer("localize", *overlays, dataset_dir=films, output_dir=out, **options) == 0
    return pd.read_csv(out / "index.csv")


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_what_pretraining_learnt_starts_the_second_stage(phantoms: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    lists = {"lists": LISTS, "held_out_share": 0.4}
    assert TB_CLS.train("pretrain", dataset_dir=phantoms, output_dir=first, num_epochs=1, **lists) == 0
    settings = json.loads((first / "training.json").read_text(encoding="utf-8"))["config"]
    assert (settings["lists"], settings["held_out_share"]) == (LISTS, 0.4)
    assert settings["labels"] == ["abnormal", "tb"]
    start = {"encoder_weights": str(first / "models" / "model.pt"), "learning_rate": 1e-12, "seed": 7}
    assert TB_CLS.train(dataset_dir=phantoms, output_dir=second, num_epochs=1, **start) == 0
    pretrained, tuned = weights(first), weights(second)
    learnt = [name for name, value in pretrained.items() if value.ndim == 4]
    assert len(learnt) > 40
    for name in learnt:
        torch.testing.assert_close(tuned[name], pretrained[name], rtol=0, atol=1e-6, msg=name)
    assert not torch.allclose(tuned["fc.weight"], pretrained["fc.weight"]), "the head starts anew"


def test_the_rule_of_the_study_gives_one_rectangle_around_the_evidence(films: Path, tmp_path: Path) -> None:
    rule = {"region_rule": "overlay_difference", "min_region_area": 0.0, "method": "crm"}
    rows = localise(films, tmp_path, write_overlays=False, **rule)
    assert len(rows) == 4
    boxes = [json.loads(text) for text in rows["boxes"]]
    assert [len(found) for found in boxes] == [1] * 4
    for name, mask_name, (box,) in zip(rows["image"], rows["region_mask"], boxes, strict=True):
        _, _, w, h = box["xywh"]
        mask = grey(tmp_path / mask_name)
        assert mask.sum() == 255 * w * h
        evidence = grey(tmp_path / f"{Path(name).with_suffix('')}_evidence.png")
        # Not its maximum: "jet" ends in dark red, which on dark ground differs less than yellow does.
        assert evidence[mask == 255].max() >= 0.2 * 255
    assert not list(tmp_path.rglob("*_overlay.png"))


def test_maps_and_further_regions_can_be_left_out(films: Path, tmp_path: Path) -> None:
    few = {"save_evidence": False, "write_overlays": False, "region_rule": "percentile", "region_value": 60}
    every = localise(films, tmp_path / "every", min_region_area=0.0, **few)
    best = localise(films, tmp_path / "best", min_region_area=0.0, max_regions=1, layer="_blocks.9", **few)
    assert every["image"].tolist() == best["image"].tolist()
    assert best["boxes"].map(lambda text: len(json.loads(text))).tolist() == [1] * 4
    assert (every["tb_probability"] - best["tb_probability"]).abs().max() < 1e-5
    assert (every["boxes"] != best["boxes"]).any()
    assert not list(tmp_path.rglob("*_evidence.png"))
    assert len(list((tmp_path / "best").rglob("*_regions.png"))) == 4


@pytest.mark.skipif(find_spec("openvino") is None, reason="the extra openvino is not installed")
def test_maps_of_openvino_are_those_of_torch(films: Path, tmp_path: Path) -> None:
    options = {"write_overlays": False, "method": "grad_cam"}
    expected = localise(films, tmp_path / "torch", **options)
    found = localise(films, tmp_path / "openvino", "localize_openvino", precision="f32", **options)
    assert (found["tb_probability"] - expected["tb_probability"]).abs().max() < 1e-4
    for name in expected["image"]:
        path = f"{Path(name).with_suffix('')}_evidence.png"
        maps = [grey(tmp_path / run / path).astype(int) for run in ("torch", "openvino")]
        assert np.abs(maps[0] - maps[1]).max() <= 2
    with pytest.raises(ResumeError, match="results of another precision"):
        localise(films, tmp_path / "torch", "localize_openvino", resume_inference=True, **options)
