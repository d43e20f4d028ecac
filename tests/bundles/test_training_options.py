"""Training: every knob, loss and augmentation does something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_facts import Bundle
from training_files import curves, state


@pytest.mark.parametrize(
    "options",
    [
        {"crop_border": True},
        {"median_filter": True},
        {"percentiles": [5, 95]},
        {"flip_prob": 1.0},
        {"affine_prob": 0.0, "contrast_prob": 0.0, "noise_prob": 0.0},
        {"cache_rate": 0.0, "num_workers": 1},
        {"amp": False},
        {"site_balance": 1.0},
        {"val_interval": 2},
        {"early_stop_patience": None},
        {"limit": 2},
        {"train_sites": ["phantom_north"], "val_sites": ["phantom_south"]},
        {"train_splits": ["train", "test"]},
    ],
    ids=lambda options: "-".join(options),
)
def test_every_knob_runs(bundle: Bundle, phantoms: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    assert bundle.train(dataset_dir=phantoms, output_dir=tmp_path, **{"num_epochs": 2, **options}) == 0
    losses = [row["loss"] for row in state(tmp_path)["curves"]["rows"]]
    assert len(losses) == 2
    assert all(0 < loss < 5 for loss in losses)
    assert curves(tmp_path)[bundle.metric].notna().tolist() == [options.get("val_interval") != 2, True]


@pytest.mark.parametrize("name", ["losses/bce", "losses/dice", "losses/focal_tversky"])
def test_every_loss_teaches(bundle: Bundle, phantoms: Path, tmp_path: Path, name: str) -> None:
    options = {"num_epochs": 6, "learning_rate": 0.003, "affine_prob": 0.0, "contrast_prob": 0.0, "noise_prob": 0.0}
    assert bundle.train(name, dataset_dir=phantoms, output_dir=tmp_path, **options) == 0
    losses = curves(tmp_path)["loss"]
    assert losses.iloc[-1] < losses.iloc[0]


def test_switched_off_augmentation_leaves_training_images_as_they_are(
    bundle: Bundle, phantoms: Path, tmp_path: Path
) -> None:
    options = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path), "use_tensorboard": False, **bundle.small}
    off = {"affine_prob": 0.0, "contrast_prob": 0.0, "noise_prob": 0.0, "flip_prob": 0.0}
    plain = bundle.workflow("train", "train", **options, **off)
    flipped = bundle.workflow("train", "train", **options, **off | {"flip_prob": 1.0})
    augmented = bundle.workflow("train", "train", **options, affine_prob=1.0)
    item = dict(plain.parser.get_parsed_content("train#dataset#data")[0])
    expected = plain.parser.get_parsed_content("validate#preprocessing")(dict(item))
    results = [
        flow.parser.get_parsed_content("train#preprocessing")(dict(item)) for flow in (plain, flipped, augmented)
    ]
    for key in ("image", "label"):
        as_is, mirrored, moved = (result[key].as_tensor() for result in results)
        assert torch.equal(as_is, expected[key].as_tensor())
        # The first axis after the channel is the horizontal one.
        assert torch.equal(mirrored, as_is.flip(1))
        assert not torch.equal(moved, as_is)
    assert set(results[2]["label"].unique().tolist()) == {0.0, 1.0}
