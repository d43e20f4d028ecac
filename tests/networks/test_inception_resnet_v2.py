"""Inception-ResNet-v2: published sizes, published names, and blocks that do what the paper says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.networks import InceptionResNetV2, WeightsError, load_encoder_weights, pretrained
from common.networks.inception_resnet_v2 import Branches, Convolution, Residual

#: Names and shapes of the published PyTorch file, a few from each kind of layer.
PUBLISHED = {
    "conv2d_1a.conv.weight": (32, 3, 3, 3),
    "conv2d_2b.bn.running_mean": (64,),
    "conv2d_3b.conv.weight": (80, 64, 1, 1),
    "conv2d_4a.conv.weight": (192, 80, 3, 3),
    "mixed_5b.branch0.conv.weight": (96, 192, 1, 1),
    "mixed_5b.branch1.1.conv.weight": (64, 48, 5, 5),
    "mixed_5b.branch2.2.bn.weight": (96,),
    "mixed_5b.branch3.1.conv.weight": (64, 192, 1, 1),
    "repeat.0.branch1.1.conv.weight": (32, 32, 3, 3),
    "repeat.9.branch2.2.conv.weight": (64, 48, 3, 3),
    "repeat.9.conv2d.weight": (320, 128, 1, 1),
    "mixed_6a.branch0.conv.weight": (384, 320, 3, 3),
    "mixed_6a.branch1.2.conv.weight": (384, 256, 3, 3),
    "repeat_1.0.branch1.1.conv.weight": (160, 128, 1, 7),
    "repeat_1.19.branch1.2.conv.weight": (192, 160, 7, 1),
    "repeat_1.19.conv2d.bias": (1088,),
    "mixed_7a.branch0.1.conv.weight": (384, 256, 3, 3),
    "mixed_7a.branch2.2.conv.weight": (320, 288, 3, 3),
    "repeat_2.8.branch0.conv.weight": (192, 2080, 1, 1),
    "repeat_2.8.branch1.2.conv.weight": (256, 224, 3, 1),
    "block8.branch1.1.conv.weight": (224, 192, 1, 3),
    "block8.conv2d.weight": (2080, 448, 1, 1),
    "conv2d_7b.conv.weight": (1536, 2080, 1, 1),
}


@pytest.fixture(scope="module")
def network() -> InceptionResNetV2:
    torch.manual_seed(0)
    return InceptionResNetV2().eval()


def test_parameter_counts(network: InceptionResNetV2) -> None:
    trunk = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("fc.")}
    learned = sum(tensor.numel() for name, tensor in trunk.items() if name in dict(network.named_parameters()))
    assert learned == 54_306_464
    with torch.device("meta"):
        assert sum(tensor.numel() for tensor in InceptionResNetV2(1000).parameters()) == 55_843_464
    # Keras counts 54,336,736 without the linear layer, 60,544 of them statistics: it has no scale in its normalisation.
    statistics = sum(tensor.numel() for name, tensor in trunk.items() if name.endswith(("running_mean", "running_var")))
    scales = sum(tensor.numel() for name, tensor in trunk.items() if name.endswith(".bn.weight"))
    assert (statistics, learned - scales + statistics) == (60_544, 54_336_736)


def test_names_and_shapes_are_the_published_ones(network: InceptionResNetV2) -> None:
    state = network.state_dict()
    assert {name: tuple(state[name].shape) for name in PUBLISHED} == PUBLISHED
    assert [len(group) for group in (network.repeat, network.repeat_1, network.repeat_2)] == [10, 20, 9]


def test_normalisation_is_tensorflows(network: InceptionResNetV2) -> None:
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {1e-3}
    torch.testing.assert_close(network.standardize(torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3))[0, :, 0],
                               torch.tensor([[-1.0, 0.0, 1.0]] * 3))  # fmt: skip


@pytest.mark.parametrize(("side", "cells"), [(75, 1), (106, 1), (107, 2)])
def test_maps_and_head_make_the_network(network: InceptionResNetV2, side: int, cells: int) -> None:
    x = torch.rand(1, 1, side, 75)
    with torch.no_grad():
        maps = network.forward_features(x)
        assert maps.shape == (1, 1536, cells, 1)
        logits = network.forward_head(maps)
        torch.testing.assert_close(logits, maps.mean((2, 3)) @ network.class_weights.T + network.class_bias)
        torch.testing.assert_close(network(x), logits)


def test_cells_have_their_centres_where_the_docstring_says(network: InceptionResNetV2) -> None:
    """Layers that keep the size are symmetric; the others move the first centre in and widen the distance."""
    first, distance = 0.0, 1
    for layer in (
        network.conv2d_1a.conv,
        network.conv2d_2a.conv,
        network.maxpool_3a,
        network.conv2d_4a.conv,
        network.maxpool_5a,
        network.mixed_6a["branch0"].conv,
        network.mixed_7a["branch0"][1].conv,
    ):
        kernel, stride, padding = (
            side[0] if isinstance(side, tuple) else side for side in (layer.kernel_size, layer.stride, layer.padding)
        )
        assert (kernel, padding) == (3, 0)
        first, distance = first + distance, distance * stride
    assert (first, distance) == (37, 32)


def test_branches_stand_side_by_side() -> None:
    branches = Branches(nn.Identity(), nn.MaxPool2d(3, stride=1, padding=1))
    x = torch.rand(1, 2, 4, 4)
    assert torch.equal(branches(x), torch.cat([x, F.max_pool2d(x, 3, 1, 1)], 1))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("activated", [True, False])
def test_a_residual_is_scaled_down(count: int, activated: bool) -> None:
    torch.manual_seed(1)
    convolutions = [nn.Conv2d(4, 3, 1) for _ in range(count)]
    block = Residual(4, list(convolutions), width=3 * count, scale=0.17, activated=activated)
    x = torch.randn(2, 4, 5, 5)
    expected = x + 0.17 * block.conv2d(torch.cat([convolution(x) for convolution in convolutions], 1))
    torch.testing.assert_close(block(x), expected.relu() if activated else expected)


def test_a_convolution_keeps_the_size_or_pads_nothing() -> None:
    x = torch.rand(1, 2, 9, 9)
    assert Convolution(2, 3, (1, 7))(x).shape[2:] == (9, 9)
    assert Convolution(2, 3, 3, padded=False)(x).shape[2:] == (7, 7)
    assert Convolution(2, 3, 3, stride=2)(x).shape[2:] == (4, 4)


def published_state(network: InceptionResNetV2) -> dict[str, torch.Tensor]:
    """One number a tensor, which saves as such: a file of the published names, from before counters of batches."""
    state = {
        name: torch.full((1,), float(index)).expand(tensor.shape)
        for index, (name, tensor) in enumerate(network.state_dict().items())
        if not name.startswith("fc.") and not name.endswith("num_batches_tracked")
    }
    return state | {"last_linear.weight": torch.zeros(1001, 1), "last_linear.bias": torch.zeros(1001)}


def test_the_published_file_loads_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = InceptionResNetV2()
    state = published_state(network)
    torch.save(state, tmp_path / "published.pth")
    monkeypatch.setattr(pretrained, "imagenet_file", {"InceptionResNetV2": tmp_path / "published.pth"}.__getitem__)
    head = network.fc.weight.detach().clone()
    load_encoder_weights(network, "imagenet")
    loaded = network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items() if not name.startswith("last"))
    assert torch.equal(network.fc.weight, head)


def test_the_published_url_names_its_hash() -> None:
    url = pretrained.CONVERTED_URLS["InceptionResNetV2"]
    assert re.fullmatch(r"https://github\.com/.*/inception_resnet_v2-[0-9a-f]{8}\.pth", url)


def test_a_file_that_lacks_more_than_counters_is_refused(tmp_path: Path, network: InceptionResNetV2) -> None:
    state = published_state(network)
    del state["block8.conv2d.bias"]
    torch.save(state, tmp_path / "cut.pth")
    message = r"cut\.pth: \d+ of \d+ tensors of InceptionResNetV2 are missing or of another shape \(first: block8\."
    with pytest.raises(WeightsError, match=message):
        load_encoder_weights(network, tmp_path / "cut.pth")


def test_it_can_be_scripted(network: InceptionResNetV2) -> None:
    x = torch.rand(1, 1, 75, 75)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.script(network)(x), network(x), atol=1e-5, rtol=1e-5)
