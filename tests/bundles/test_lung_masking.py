"""The overlays of tb_cls that show the classifier the lungs alone, or everything else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bundle_facts import TB_CLS

from common.data.phantom_dataset import write_phantom_dataset
from common.evaluation.__main__ import main

OVERLAYS = ("lungs_only", "lungs_hidden")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of six phantoms, three of them with tuberculosis."""
    folder = tmp_path_factory.mktemp("films")
    write_phantom_dataset(folder, 6, seed=3, size=(160, 160))
    return folder


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_overlay_takes_the_place_of_the_steps_that_it_repeats(name: str) -> None:
    steps, overlay = TB_CLS.load("inference")["preprocessing"]["transforms"], TB_CLS.load(name)
    shrink = {key: value for key, value in steps[4].items() if key != "allow_missing_keys"}
    assert overlay["preprocessing#transforms#4"]["transforms"] == ["@mask_lungs", shrink]
    assert steps[2]["_target_"] == "common.transforms.FindLungsd"
    assert steps[5]["_target_"] == "ScaleIntensityRangePercentilesd"


@pytest.mark.parametrize("crop", [True, False])
def test_the_network_sees_one_part_only(films: Path, crop: bool) -> None:
    """Hidden pixels have one grey level, and both overlays show the same image otherwise."""
    path = pd.read_csv(films / "index.csv")["image"][1]
    small = {"image_size": [96, 96], "lung_crop": crop, "dataset_dir": str(films), "percentiles": [0, 100]}
    seen = {}
    for name in OVERLAYS:
        workflow = TB_CLS.workflow("infer", "inference", name, mask_margin=0.0, **small)
        seen[name] = workflow.parser.get_parsed_content("preprocessing")({"image": str(films / path)})
    lungs = seen["lungs_only"]["lungs"][0].numpy()
    assert np.array_equal(lungs, seen["lungs_hidden"]["lungs"][0].numpy())
    assert 0.1 < (lungs == 1).mean() < 0.8
    for name, hidden in (("lungs_only", lungs == 0), ("lungs_hidden", lungs == 1)):
        image = seen[name]["image"][0].numpy()
        assert image.shape == (96, 96)
        assert np.ptp(image[hidden]) < 1e-5
        assert np.ptp(image[~hidden]) > 0.9


def test_scores_with_and_without_the_lungs_stand_beside_those_of_the_whole(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"num_workers": 0, "image_size": [96, 96], "dataset_dir": films, "splits": ["train", "val", "test"]}
    runs = {"whole": (), "lungs_only": ("lungs_only",), "lungs_hidden": ("lungs_hidden",)}
    for name, overlay in runs.items():
        assert TB_CLS.run("inference", *overlay, "evaluate", output_dir=tmp_path / name, **options) == 0
    scores = [pd.read_csv(tmp_path / name / "predictions.csv")["tb_score"] for name in runs]
    assert all(len(score) == 6 for score in scores)
    assert (scores[0] != scores[1]).all()
    assert (scores[1] != scores[2]).all()
    record = json.loads((tmp_path / "lungs_hidden" / "run.json").read_text())
    assert record["settings"]["mask_lungs"] == ["outside", None, 0.05]

    folders = [f"{name}={tmp_path / name}" for name in runs]
    assert main(["classification", *folders, "--index", str(films), "--output", str(tmp_path / "all")]) == 0
    printed = capsys.readouterr().out
    assert "AUC minus that of whole on the same images" in printed
    paired = pd.read_csv(tmp_path / "all" / "paired.csv")
    assert set(paired["run"]) == {"lungs_only", "lungs_hidden"}
