"""The configuration from beginning to end, on phantoms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser, run
from PIL import Image

from common.data import DataIndexError, write_phantom_dataset
from common.errors import UsageError, causes
from common.networks import DropBlockVGG, EfficientNetLite, ResNetClassifier
from common.weak import AffinityLoss, pseudo_mask_items

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
ROOT = BUNDLES / "tb_seg"
CONFIG = ROOT / "configs" / "pseudo_labels.yaml"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two phantoms with TB and one without in the training list, and weights of an untrained classifier."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(folder, 6, size=(112, 96))
    torch.manual_seed(0)
    torch.save(EfficientNetLite().state_dict(), folder / "model.pt")
    return folder


def make(phantoms: Path, output: Path, **options: Any) -> None:
    small = {
        "image_size": [96, 96],
        "lung_crop": False,
        "cam_scales": [1.0],
        "cam_flip": False,
        "irnet_epochs": 1,
        "num_workers": 0,
        "show_progress": False,
        "classifier_weights": str(phantoms / "model.pt"),
        "trunk_weights": str(phantoms / "model.pt"),
    }
    try:
        run(
            bundle_root=str(ROOT),
            config_file=str(CONFIG),
            logging_file=False,
            dataset_dir=str(phantoms),
            output_dir=str(output),
            **{**small, **options},
        )
    except RuntimeError as error:
        raise next((cause for cause in causes(error) if isinstance(cause, UsageError)), error) from None


def test_masks_of_phantoms_and_a_second_run_with_other_settings(phantoms: Path, tmp_path: Path) -> None:
    make(phantoms, tmp_path)

    table = pd.read_csv(tmp_path / "masks" / "index.csv", dtype=str, keep_default_na=False)
    truth = pd.read_csv(phantoms / "index.csv", dtype=str, keep_default_na=False)
    assert table["image"].tolist() == sorted(truth.loc[truth["cls_split"] == "train", "image"])
    assert "boxes" not in table
    for _, row in table.iterrows():
        mask = np.asarray(Image.open(tmp_path / "masks" / row["lesion_mask"]))
        assert mask.shape == (112, 96)
        assert (mask == 255).any() == (row["tb"] == "1")
    trunk, trained = torch.load(phantoms / "model.pt"), torch.load(tmp_path / "irnet" / "model.pt")
    assert torch.equal(trained["trunk._conv_stem.weight"], trunk["_conv_stem.weight"])

    items = pseudo_mask_items(tmp_path / "masks", phantoms, split_column="cls_split", splits=["train"])
    assert [(item["name"], item["source"]) for item in items] == [
        (row["image"], "weak" if row["tb"] == "1" else "normal") for _, row in table.iterrows()
    ]
    assert [item["label"] for item in items] == [str(tmp_path / "masks" / name) for name in table["lesion_mask"]]
    with pytest.raises(DataIndexError, match=r"stage.json: not found; mask_dir is the folder masks"):
        pseudo_mask_items(phantoms, phantoms)
    with pytest.raises(DataIndexError, match=r"crf.stage.json: not the record of the stage masks"):
        pseudo_mask_items(tmp_path / "crf", phantoms)

    make(phantoms, tmp_path)
    with pytest.raises(UsageError, match=r"stage crf was made from another crf \(.*'colour_grey': 5.0"):
        make(phantoms, tmp_path, **{"crf#colour_grey": 9.0})
    with pytest.raises(UsageError, match=r"stage masks was made from another walk_threshold \(0.25, now 0.5\)"):
        make(phantoms, tmp_path, walk_threshold=0.5)
    make(phantoms, tmp_path, walk_threshold=0.5, restart_stage="masks")
    with pytest.raises(UsageError, match="stages, restart_stage: one of seeds, crf, irnet, masks is needed, got walk"):
        make(phantoms, tmp_path, restart_stage="walk")


def test_settings_that_make_no_sense(phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown setting color"):
        make(phantoms, tmp_path, **{"+crf": {"color": 3}})
    with pytest.raises(UsageError, match="grad_cam_pp"):
        make(phantoms, tmp_path, method="gradcam")
    with pytest.raises(UsageError, match=r"nowhere.pt: no weights there.*tb_cls/configs/train.yaml"):
        make(phantoms, tmp_path, classifier_weights=str(tmp_path / "nowhere.pt"))
    assert not list(tmp_path.rglob("*.npz"))
    # What failed before its first result binds nobody to its settings.
    make(phantoms, tmp_path, stages=["seeds"])
    assert len(list(tmp_path.rglob("*.npz"))) == 2


def test_the_other_classifiers_and_the_trunk_of_the_study() -> None:
    networks = BUNDLES / "tb_cls" / "configs" / "networks"
    for overlay, kind in (("dropblock_vgg16", DropBlockVGG), ("dropblock_resnet50", ResNetClassifier)):
        parser = ConfigParser(ConfigParser.load_config_files([str(CONFIG), str(networks / f"{overlay}.yaml")]))
        assert isinstance(parser.get_parsed_content("network_def"), kind)
    files = [str(CONFIG), str(ROOT / "configs" / "irnet_resnet50.yaml")]
    light = ConfigParser(ConfigParser.load_config_files(files))
    assert [len(group["params"]) for group in light.get_parsed_content("optimizer").param_groups] == [17]
    parser = ConfigParser({**ConfigParser.load_config_files(files), "irnet_displacements": True})
    network = parser.get_parsed_content("irnet")
    assert isinstance(network.trunk, ResNetClassifier)
    assert parser.get_parsed_content("trunk_weights") == "imagenet"
    optimizer = parser.get_parsed_content("optimizer")
    rates = [(group["lr"], group["momentum"], group["weight_decay"]) for group in optimizer.param_groups]
    # The momentum is in the momentum's place.
    assert rates == [(0.01, 0.9, 1e-4), (0.1, 0.9, 1e-4)]
    assert sum(p.numel() for group in optimizer.param_groups for p in group["params"]) == 125_409 + 1_269_120
    assert isinstance(parser.get_parsed_content("loss"), AffinityLoss)
    assert parser.get_parsed_content("loss").radius == 10
