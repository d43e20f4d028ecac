"""Every network overlay of the lesion bundle: built by MONAI's parser, trained one step, compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from monai.bundle import ConfigParser
from monai.losses import DiceCELoss
from torch import nn

from common.networks import WeightsError, load_encoder_weights

CONFIGS = Path(__file__).resolve().parents[2] / "bundles" / "tb_seg" / "configs"
OVERLAYS = sorted((CONFIGS / "networks").glob("*.yaml"))


def build(overlay: Path, **changes: Any) -> nn.Module:
    parser = ConfigParser()
    parser.read_config([str(CONFIGS / "train.yaml"), str(overlay)])
    parser.update({f"network_def#{name}": value for name, value in changes.items()})
    return parser.get_parsed_content("network_def")


def test_every_network_of_the_bundle_has_an_overlay() -> None:
    assert [path.stem for path in OVERLAYS] == [
        *("attention_unet", "deeplabv3plus_resnet50", "efficientnet_lite0_unet", "resnet50_unet", "seresnext50_unet"),
        *("unet", "unet_plus_plus", "vgg16_unet", "vgg19_unet", "vnet"),
    ]


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_is_a_network_that_learns(overlay: Path) -> None:
    torch.manual_seed(0)
    network = build(overlay).train()
    count = sum(parameter.numel() for parameter in network.parameters())
    assert f" {count:,} parameters" in overlay.read_text(encoding="utf-8").splitlines()[0]

    logits = network(torch.rand(2, 1, 64, 32))
    assert logits.shape == (2, 1, 64, 32)
    assert logits.dtype == torch.float32
    DiceCELoss(sigmoid=True)(logits, (torch.rand_like(logits) > 0.5).float()).backward()
    without = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    # A bias in front of a normalisation has no effect, nor has a dead filter of a network without normalisation.
    assert all(name.endswith("bias") for name in without), without


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_can_have_a_channel_for_each_class_of_lesions(overlay: Path) -> None:
    with torch.device("meta"):
        network = build(overlay, out_channels=2).eval()
        assert network(torch.rand(1, 1, 64, 96)).shape == (1, 2, 64, 96)


# One of each kind of forward pass: compiling takes seconds.
@pytest.mark.parametrize("name", ["efficientnet_lite0_unet", "deeplabv3plus_resnet50", "unet_plus_plus", "vnet"])
def test_networks_become_torchscript(name: str) -> None:
    with torch.device("meta"):
        network = torch.jit.script(build(CONFIGS / "networks" / f"{name}.yaml").eval())
        assert network(torch.rand(1, 1, 64, 96)).shape == (1, 1, 64, 96)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_starts_from_weights_that_fit_or_from_none(overlay: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_load(overlay.read_text(encoding="utf-8"))
    assert set(content) <= {"network_def", "encoder_weights"}
    with torch.device("meta"):
        network = build(overlay)
    asked: list[str] = []

    def refuse(name: str) -> Path:
        asked.append(name)
        raise WeightsError(name)

    monkeypatch.setattr("common.networks.pretrained.published_weights", refuse)
    with pytest.raises(WeightsError):
        load_encoder_weights(network, "imagenet")
    assert len(asked) == (0 if content.get("encoder_weights", "imagenet") is None else 1)


def test_the_default_is_the_network_of_the_configurations() -> None:
    overlay = yaml.safe_load((CONFIGS / "networks" / "efficientnet_lite0_unet.yaml").read_text(encoding="utf-8"))
    with torch.device("meta"):
        shipped = build(CONFIGS / "networks" / "efficientnet_lite0_unet.yaml").state_dict()
        for config in ("train", "inference"):
            parser = ConfigParser()
            parser.read_config(str(CONFIGS / f"{config}.yaml"))
            network = parser.get_parsed_content("network_def")
            assert type(network).__name__ == overlay["network_def"]["_target_"].rsplit(".", 1)[1]
            assert {k: v.shape for k, v in network.state_dict().items()} == {k: v.shape for k, v in shipped.items()}
