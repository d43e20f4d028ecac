"""The SE-ResNeXt-50 trunk against an implementation of its own, through the names of the published file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from common.networks import ResNetFeatures, SEResNeXtFeatures, SEResNeXtUNet, WeightsError, load_encoder_weights
from common.networks.pretrained import CONVERTED_URLS
from common.networks.vgg import IMAGENET_MEAN, IMAGENET_STD

BLOCKS = (3, 4, 6, 3)
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def published() -> State:
    """Random weights under the names and in the shapes of the published file (32 groups of width 4, reduction 16)."""
    generator = torch.Generator().manual_seed(0)
    state: State = {}

    def convolution(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * (2 / (shape[1] * shape[2] ** 2)) ** 0.5

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.{part}"] = 0.5 + 0.2 * torch.rand(width, generator=generator)

    convolution("layer0.conv1", 64, 3, 7, 7)
    norm("layer0.bn1", 64)
    channels = 64
    for stage, count in enumerate(BLOCKS):
        width, out = 128 * 2**stage, 256 * 2**stage
        for block in range(count):
            name = f"layer{stage + 1}.{block}"
            for index, shape in enumerate(((width, channels, 1, 1), (width, 4 * 2**stage, 3, 3), (out, width, 1, 1))):
                convolution(f"{name}.conv{index + 1}", *shape)
                norm(f"{name}.bn{index + 1}", shape[0])
            for index, shape in enumerate(((out // 16, out, 1, 1), (out, out // 16, 1, 1))):
                convolution(f"{name}.se_module.fc{index + 1}", *shape)
                state[f"{name}.se_module.fc{index + 1}.bias"] = torch.randn(shape[0], generator=generator)
            if block == 0:
                convolution(f"{name}.downsample.0", out, channels, 1, 1)
                norm(f"{name}.downsample.1", out)
            channels = out
    state["last_linear.weight"] = torch.zeros(1000, 2048)
    return state


def normalised(x: torch.Tensor, state: State, name: str) -> torch.Tensor:
    parts = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, *parts)


def reference(x: torch.Tensor, state: State) -> list[torch.Tensor]:
    """The five maps of the network of Hu et al. as the published file's authors built it."""
    x = (x.expand(-1, 3, -1, -1) - torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / torch.tensor(IMAGENET_STD).view(
        1, 3, 1, 1
    )
    x = F.relu(normalised(F.conv2d(x, state["layer0.conv1.weight"], stride=2, padding=3), state, "layer0.bn1"))
    maps = [x]
    x = F.max_pool2d(x, 3, stride=2, ceil_mode=True)
    for stage, count in enumerate(BLOCKS):
        for block in range(count):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            weights = [state[f"{name}.conv{index}.weight"] for index in (1, 2, 3)]
            y = F.relu(normalised(F.conv2d(x, weights[0]), state, f"{name}.bn1"))
            y = F.conv2d(y, weights[1], stride=stride, padding=1, groups=32)
            y = F.relu(normalised(y, state, f"{name}.bn2"))
            y = normalised(F.conv2d(y, weights[2]), state, f"{name}.bn3")
            gate = y.mean(dim=(2, 3), keepdim=True)
            for index, activation in ((1, F.relu), (2, torch.sigmoid)):
                layer = f"{name}.se_module.fc{index}"
                gate = activation(F.conv2d(gate, state[f"{layer}.weight"], state[f"{layer}.bias"]))
            if block == 0:
                shortcut = F.conv2d(x, state[f"{name}.downsample.0.weight"], stride=stride)
                x = normalised(shortcut, state, f"{name}.downsample.1")
            x = F.relu(y * gate + x)
        maps.append(x)
    return maps


def test_published_weights_give_the_maps_of_the_reference(tmp_path: Path, published: State) -> None:
    torch.save(published, tmp_path / "se_resnext50.pth")
    network = SEResNeXtUNet().eval()
    load_encoder_weights(network, tmp_path / "se_resnext50.pth")
    x = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps, expected = network.encoder(x), reference(x, published)
    assert [tuple(m.shape[1:]) for m in maps] == [
        (channels, 64 // scale, 96 // scale)
        for channels, scale in zip(SEResNeXtFeatures.CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]
    for ours, theirs in zip(maps, expected, strict=True):
        assert float(ours.std()) > 0
        assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


def test_parameters(published: State) -> None:
    # The published classifier has 27,559,896, 2,049,000 of them in its linear layer for 1000 classes.
    trunk = sum(v.numel() for k, v in published.items() if "running_" not in k and "last_linear" not in k)
    with torch.device("meta"):
        network = SEResNeXtUNet()
    assert trunk == 27_559_896 - 2_049_000
    assert sum(parameter.numel() for parameter in network.encoder.parameters()) == trunk
    assert sum(parameter.numel() for parameter in network.parameters()) == 34_523_969


def test_a_file_without_one_layer_is_refused(tmp_path: Path, published: State) -> None:
    left_out = "layer3.5.se_module.fc1.weight"
    torch.save({name: tensor for name, tensor in published.items() if name != left_out}, tmp_path / "part.pth")
    message = (
        r"part\.pth: 1 of \d+ tensors of SE-ResNeXt-50 are missing .*\(first: layer3\.5\.se_layer\.fc\.0\.weight\)"
    )
    with pytest.raises(WeightsError, match=message):
        load_encoder_weights(SEResNeXtFeatures(), tmp_path / "part.pth")
    with pytest.raises(WeightsError, match="tensors of ResNet-50 are missing"):
        load_encoder_weights(ResNetFeatures(), tmp_path / "part.pth")


def test_the_published_urls_name_their_hash() -> None:
    pattern = r"https://github\.com/rwightman/pytorch-image-models/releases/download/v0\.1-weights/.*-[0-9a-f]{8}\.pth"
    assert all(re.fullmatch(pattern, url) for url in CONVERTED_URLS.values())
