"""Training: every knob, loss and augmentation does something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from bundle_facts import BUNDLES, Bundle
from training_files import curves, state

COMMON: list[dict[str, Any]] = [
    {"percentiles": [5, 95]},
    {"flip_prob": 1.0},
    {"affine_prob": 0.0, "contrast_prob": 0.0, "noise_prob": 0.0},
    {"cache_rate": 0.0, "num_workers": 1},
    {"amp": False},
    {"val_interval": 2},
    {"early_stop_patience": None},
]
OF_BUNDLE: dict[str, list[dict[str, Any]]] = {
    "lung_seg": [
        {"train_splits": ["train", "test"]},
        {"crop_border": True},
        {"median_filter": True},
        {"site_balance": 1.0},
        {"limit": 2},
        {"train_sites": ["phantom_north"], "val_sites": ["phantom_south"]},
    ],
    "tb_cls": [
        {"train_splits": ["train", "test"]},
        {"lung_crop": True},
        {"group_balance": 0.0},
        {"erase_prob": 1.0},
        {"label_smoothing": 0.0},
        {"class_weights": [1.0, 3.0]},
        {"labels": ["abnormal", "tb"]},
    ],
    "tb_seg": [
        {"lung_crop": True},
        {"normal_share": 0.0},
        {"normal_splits": ["train", "test"]},
        {"limit": 2},
        {"steps_per_epoch": 1},
        {"box_classes": ["active", "latent"], "network_def": {"_target_": "common.networks.UNet", "out_channels": 2}},
    ],
}
KNOBS = [(bundle, options) for bundle in BUNDLES for options in [*COMMON, *OF_BUNDLE[bundle.name]]]
LOSSES = [(bundle, name) for bundle in BUNDLES for name in bundle.overlays("losses")]


def name_of(value: Any) -> str:
    return value.name if isinstance(value, Bundle) else "-".join(value) if isinstance(value, dict) else str(value)


@pytest.mark.parametrize(("bundle", "options"), KNOBS, ids=name_of)
def test_every_knob_runs(bundle: Bundle, phantoms: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    assert bundle.train(dataset_dir=phantoms, output_dir=tmp_path, **{"num_epochs": 2, **options}) == 0
    losses = [row["loss"] for row in state(tmp_path)["curves"]["rows"]]
    assert len(losses) == 2
    assert all(0 < loss < 5 for loss in losses)
    assert curves(tmp_path)[bundle.metric].notna().tolist() == [options.get("val_interval") != 2, True]


@pytest.mark.parametrize(("bundle", "name"), LOSSES, ids=name_of)
def test_every_loss_teaches(bundle: Bundle, phantoms: Path, tmp_path: Path, name: str) -> None:
    still = {"affine_prob": 0.0, "contrast_prob": 0.0, "noise_prob": 0.0, "flip_prob": 0.0}
    options = {"num_epochs": 8, "learning_rate": 0.3 * bundle.learning["learning_rate"], **still}
    assert bundle.train(name, dataset_dir=phantoms, output_dir=tmp_path, **options) == 0
    losses = curves(tmp_path)["loss"]
    assert losses.iloc[-2:].mean() < losses.iloc[:2].mean()


def test_overlays_of_augmentation_change_as_much_as_they_say(phantoms: Path, tmp_path: Path) -> None:
    tb_cls = next(bundle for bundle in BUNDLES if bundle.overlays("augmentation"))
    options = {"dataset_dir": str(phantoms), "output_dir": str(tmp_path), "use_tensorboard": False, **tb_cls.small}
    changes = {}
    for name in ("augmentation/none", "train", "augmentation/strong"):
        flow = tb_cls.workflow("train", "train", *([name] if name != "train" else []), **options, flip_prob=0.0)
        item = flow.parser.get_parsed_content("train#dataset#data")[0]
        plain = flow.parser.get_parsed_content("validate#preprocessing")(dict(item))["image"].as_tensor()
        transform = flow.parser.get_parsed_content("train#preprocessing").set_random_state(seed=0)
        images = [transform(dict(item))["image"].as_tensor() for _ in range(20)]
        changes[name] = sum(float((image - plain).abs().mean()) for image in images) / 20
    assert changes["augmentation/none"] == 0
    assert 0 < changes["train"] < changes["augmentation/strong"]


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
    spatial = [key for key in ("image", "label") if isinstance(expected[key], torch.Tensor)]
    for key in spatial:
        as_is, mirrored, moved = (result[key].as_tensor() for result in results)
        assert torch.equal(as_is, expected[key].as_tensor())
        # The first axis after the channel is the horizontal one.
        assert torch.equal(mirrored, as_is.flip(1))
        assert not torch.equal(moved, as_is)
    if "label" in spatial:
        assert set(results[2]["label"].unique().tolist()) == {0.0, 1.0}
    else:
        assert [result["label"] for result in results] == [item["label"]] * 3
