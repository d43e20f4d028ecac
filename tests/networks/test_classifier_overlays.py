"""Every network overlay of the TB classification bundle, over training and over inference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml
from monai.bundle import ConfigParser

from common.networks import FrozenClassifier, PooledClassifier

CONFIGS = Path(__file__).resolve().parents[2] / "bundles" / "tb_cls" / "configs"
OVERLAYS = sorted((CONFIGS / "networks").glob("*.yaml"))


def test_every_classifier_of_the_bundle_has_an_overlay() -> None:
    assert [path.stem for path in OVERLAYS] == [
        *("densenet121", "dropblock_resnet50", "dropblock_vgg16", "efficientnet_lite0", "efficientnet_lite1"),
        *("frozen_inception_resnet_v2", "frozen_resnet50", "frozen_vgg16"),
        *("resnet50", "vgg16", "vgg16_conv", "vgg19", "vgg19_conv"),
    ]


@pytest.mark.parametrize("config", ["train", "inference"])
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_swaps_the_network(overlay: Path, config: str) -> None:
    assert set(yaml.safe_load(overlay.read_text(encoding="utf-8"))) == {"network_def"}
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / f"{config}.yaml"), str(overlay)])
    parser.update({"bundle_root": str(CONFIGS.parent), "device": "$torch.device('meta')"})
    with torch.device("meta"):
        network = parser.get_parsed_content("network")
        logits = network.eval()(torch.rand(2, 1, 96, 96))
    assert network is parser.get_parsed_content("network_def")
    assert isinstance(network, PooledClassifier | FrozenClassifier)
    assert logits.shape == (2, 2)
    count = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    assert f" {count:,} parameters" in overlay.read_text(encoding="utf-8").splitlines()[0]


def test_the_default_is_the_network_of_the_configurations() -> None:
    default = yaml.safe_load((CONFIGS / "networks" / "efficientnet_lite0.yaml").read_text(encoding="utf-8"))
    for config in ("train", "inference"):
        content = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text(encoding="utf-8"))
        assert content["network_def"] == default["network_def"]


@pytest.mark.parametrize("overlay", sorted((CONFIGS / "networks").glob("frozen_*")), ids=lambda path: path.stem)
def test_a_frozen_overlay_says_how_large_its_backbone_is(overlay: Path) -> None:
    parser = ConfigParser()
    parser.read_config(str(overlay))
    with torch.device("meta"):
        backbone = parser.get_parsed_content("network_def").backbone
    count = sum(tensor.numel() for name, tensor in backbone.named_parameters() if not name.startswith("fc."))
    assert re.search(rf"\({count:,} more\)", overlay.read_text(encoding="utf-8"))
