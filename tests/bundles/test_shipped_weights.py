"""The weights that a bundle ships give the figures that it states."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from bundle_facts import TB_CLS, TB_SEG, Bundle
from sklearn.metrics import roc_auc_score

from common.data import read_index, write_phantom_dataset


def dice_by_site(output_dir: Path) -> pd.Series:
    rows = pd.read_csv(output_dir / "evaluation" / "per_image.csv")
    return rows[rows["stage"] == "final"].groupby("dataset")["dice"].mean()


@pytest.mark.slow
def test_shipped_lung_weights_segment_phantoms_of_all_sites(lung_seg: Bundle, tmp_path: Path) -> None:
    write_phantom_dataset(tmp_path / "phantoms", 12, seed=20)
    options = {"dataset_dir": tmp_path / "phantoms", "output_dir": tmp_path / "out", "splits": ["train", "val", "test"]}
    assert lung_seg.run("inference", "evaluate", num_workers=0, num_cases=0, **options) == 0
    dice = dice_by_site(tmp_path / "out")
    assert len(dice) == 3
    assert dice.min() > 0.9


@pytest.mark.slow
@pytest.mark.data
def test_shipped_lung_weights_give_the_documented_dice(lung_seg: Bundle, tmp_path: Path, cxr_data: Path) -> None:
    stated = json.loads((lung_seg.configs / "metadata.json").read_text(encoding="utf-8"))["eval_metrics"]
    options = {"dataset_dir": cxr_data, "output_dir": tmp_path, "splits": ["test"], "sites": ["montgomery"]}
    assert lung_seg.run("inference", "evaluate", num_workers=0, num_cases=0, save_raw=False, **options) == 0
    assert dice_by_site(tmp_path)["montgomery"] == pytest.approx(stated["montgomery_test_mean_dice"], abs=5e-4)


@pytest.mark.slow
@pytest.mark.data
def test_shipped_tb_weights_give_the_documented_auc(tmp_path: Path, cxr_data: Path) -> None:
    stated = json.loads((TB_CLS.configs / "metadata.json").read_text(encoding="utf-8"))["eval_metrics"]
    options = {"dataset_dir": cxr_data, "output_dir": tmp_path, "splits": ["test"], "sites": ["montgomery"]}
    assert TB_CLS.run("inference", "evaluate", num_workers=0, **options) == 0
    rows = pd.read_csv(tmp_path / "predictions.csv").merge(read_index(cxr_data)[["image", "tb"]], on="image")
    assert len(rows) == 28
    assert rows["flags"].isna().all(), "calibrated, and lungs found on all"
    assert roc_auc_score(rows["tb_y"] == "1", rows["tb_score"]) == pytest.approx(
        stated["montgomery_test_auc"], abs=1e-3
    )


@pytest.mark.slow
@pytest.mark.data
def test_shipped_lesion_weights_give_the_documented_dice(tmp_path: Path, cxr_data: Path) -> None:
    stated = json.loads((TB_SEG.configs / "metadata.json").read_text(encoding="utf-8"))["eval_metrics"]
    assert (
        TB_SEG.run("inference", "evaluate", num_workers=0, num_cases=0, dataset_dir=cxr_data, output_dir=tmp_path) == 0
    )
    rows = pd.read_csv(tmp_path / "evaluation" / "per_image.csv")
    assert len(rows) == 30
    assert rows["dice"].mean() == pytest.approx(stated["tbx11k_val_dice"], abs=1e-3)
