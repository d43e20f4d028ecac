"""From radiographs to the report of localisation by the configurations of tb_cls."""

from __future__ import annotations

import json
from pathlib import Path

import monai.bundle
import pandas as pd
import pytest
import torch

from common.data.phantom_dataset import write_phantom_dataset
from common.evaluation import choose_regions
from common.networks import EfficientNetLite

BUNDLE = Path(__file__).parents[2] / "bundles/tb_cls"


def run(*overlays: str, **options: object) -> int:
    """Run inference with overlays in this process; returns its exit status."""
    names = ["inference", "localize", *overlays, "evaluate_localization"]
    files = [name if Path(name).is_absolute() else str(BUNDLE / "configs" / f"{name}.yaml") for name in names]
    small = {"image_size": [64, 64], "lung_crop": False, "operating_point": "$None", "num_workers": 0}
    try:
        monai.bundle.run(bundle_root=str(BUNDLE), config_file=files, logging_file=False, **(small | options))
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_localise_measure_choose_and_localise_again(tmp_path: Path) -> None:
    data, weights, choice = tmp_path / "data", tmp_path / "random.pt", tmp_path / "choice.yaml"
    write_phantom_dataset(data, 4, size=(96, 96))
    torch.manual_seed(0)
    torch.save(EfficientNetLite(variant=0, num_classes=2).state_dict(), weights)
    # Of four phantoms the second and the fourth have lesions.
    options = {"dataset_dir": str(data), "weights": str(weights), "splits": ["train", "val"], "num_cases": 1}
    first = tmp_path / "first"
    assert run(output_dir=str(first), method="cam", **options) == 0
    table = pd.read_csv(first / "evaluation/per_image.csv")
    done = table[table["status"] == "ok"]
    assert len(done) == 2
    assert done["run"].tolist() == ["cam", "cam"]
    assert (done["boxes"] > 0).all()
    assert done[["dice", "pointing", "evidence_share"]].stack().between(0, 1).all()
    assert {path.name.split("_")[0] for path in (first / "evaluation/cases").iterdir()} == {"cam"}

    chosen = choose_regions({"cam": first}, data, splits=["train", "val"], repeats=20)
    choice.write_text(chosen.overlay())
    second = tmp_path / "second"
    assert run(str(choice), output_dir=str(second), **options) == 0
    settings = json.loads((second / "evaluation/summary.json").read_text())["settings"]["runs"]["cam"]
    best = chosen.best
    assert (settings["method"], settings["region_rule"]) == ("cam", best["region_rule"])
    assert settings["min_region_area"] == best["min_region_area"]
    # What was foreseen on 8-bit maps comes true, but for their rounding.
    dice = pd.read_csv(second / "evaluation/per_image.csv")["dice"].mean()
    assert dice == pytest.approx(best["dice"], abs=0.02)
    assert dice >= done["dice"].mean() - 0.02
