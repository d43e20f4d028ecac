"""Frozen features: a backbone that never learns, a head that does, and evidence maps where the head is linear."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.errors import UsageError
from common.localization import EvidenceMapper
from common.localization.gradients import evaluation_mode
from common.networks import (
    FrozenClassifier,
    InceptionResNetV2,
    PooledClassifier,
    ResNetClassifier,
    VGGClassifier,
    WeightsError,
    load_encoder_weights,
    load_weights,
    pretrained,
)
from common.networks.frozen_classifier import BatchNorm
from common.networks.pooled_classifier import Standardize


class Small(PooledClassifier):
    """A backbone with all that training could change: weights, statistics of batches, dropout."""

    def __init__(self) -> None:
        super().__init__(8, 2, 0.5)
        self.standardize = Standardize((0.5,), (0.25,))
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5))

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(self.standardize(x))


def small(hidden: tuple[int, ...] = (16, 8), **options: float) -> FrozenClassifier:
    torch.manual_seed(4)
    return FrozenClassifier(Small(), hidden, **options)


@pytest.mark.parametrize(
    ("backbone", "channels"),
    [(lambda: VGGClassifier(16), 512), (ResNetClassifier, 2048), (InceptionResNetV2, 1536)],
    ids=["VGG-16", "ResNet-50", "InceptionResNetV2"],
)
def test_the_head_of_the_study_is_what_learns(backbone: Callable[[], PooledClassifier], channels: int) -> None:
    with torch.device("meta"):
        network, regression = FrozenClassifier(backbone()), FrozenClassifier(backbone(), hidden=())
    widths = (channels, 256, 128, 64)
    layers = sum((wide + 1) * narrow + 2 * narrow for wide, narrow in itertools.pairwise(widths))
    assert sum(tensor.numel() for tensor in network.parameters() if tensor.requires_grad) == layers + 65 * 2
    assert sum(tensor.numel() for tensor in regression.parameters() if tensor.requires_grad) == (channels + 1) * 2


@pytest.mark.parametrize("hidden", [(), (16, 8)])
def test_training_changes_the_head_and_nothing_else(hidden: tuple[int, ...]) -> None:
    network = small(hidden)
    before = copy.deepcopy(network.state_dict())
    # As the training configuration does it: all parameters, and a weight decay that must not reach the frozen ones.
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.5)
    network.train()
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(network(torch.rand(4, 1, 32, 32)), torch.tensor([0, 1, 0, 1])).backward()
        optimizer.step()
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    head = {name for name in before if name.startswith(("fc.", "hidden.")) and not name.endswith("tracked")}
    assert changed == head
    assert all(parameter.grad is None for parameter in network.backbone.parameters())


def test_the_backbone_stays_in_evaluation_mode() -> None:
    network = small()
    assert network.train() is network
    assert network.training
    assert network.hidden.training
    assert not any(module.training for module in network.backbone.modules())
    x = torch.rand(2, 1, 32, 32)
    assert torch.equal(network.forward_features(x), network.eval().forward_features(x))
    network.train()
    with evaluation_mode(network):
        assert not network.hidden.training
    assert network.hidden.training
    assert not network.backbone.training


def test_features_are_the_average_of_the_maps() -> None:
    network = small((), num_classes=3).eval()
    x = torch.rand(2, 1, 32, 32)
    maps = network.forward_features(x)
    assert torch.equal(maps, network.backbone.forward_features(x))
    assert not maps.requires_grad
    assert torch.equal(network.forward_head(maps), network(x))
    cam = torch.einsum("kc,bchw->bkhw", network.class_weights, maps)
    torch.testing.assert_close(cam.mean((2, 3)) + network.class_bias, network(x))


def test_hidden_layers_are_what_they_are_called() -> None:
    network = small((16, 8), dropout=0.3).eval()
    first, second = (network.hidden[4 * index : 4 * index + 4] for index in range(2))
    features = torch.rand(5, 8)
    for linear, norm, activation, dropout in (first, second):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(1, 2)
        assert isinstance(activation, nn.ReLU)
        assert dropout.p == 0.3
        expected = F.relu((linear(features) - norm.running_mean) / (norm.running_var + norm.eps).sqrt())
        features = expected
    maps = torch.rand(5, 8, 2, 2)
    inside = network.hidden(maps.mean((2, 3)))
    assert inside.shape == (5, 8)
    torch.testing.assert_close(network.forward_head(maps), network.fc(inside))
    assert (features >= 0).all()


def test_a_linear_head_gives_cam_and_crm() -> None:
    network = small(())
    x = torch.rand(2, 1, 32, 32)
    for method in ("cam", "crm", "signed_crm", "grad_cam", "saliency"):
        logits, maps = EvidenceMapper(network, method)(x)
        torch.testing.assert_close(logits, network.eval()(x))
        assert maps.shape == x.shape


def test_hidden_layers_leave_the_maps_by_gradients() -> None:
    network = small()
    assert not hasattr(network, "class_weights")
    x = torch.rand(2, 1, 32, 32)
    with pytest.raises(UsageError, match=r"^crm needs .* one linear layer, which FrozenClassifier lacks; it can give "):
        EvidenceMapper(network, "crm")
    for method in ("grad_cam", "grad_cam_pp", "saliency"):
        _, maps = EvidenceMapper(network, method, normalise=False)(x)
        assert maps.shape == x.shape
    # The frozen layers pass gradients on, so that a saliency map is not empty.
    assert maps.abs().sum() > 0
    assert all(not parameter.requires_grad for parameter in network.backbone.parameters())


def test_batch_normalisation_equals_pytorchs_but_takes_one_image() -> None:
    torch.manual_seed(6)
    ours, theirs = BatchNorm(5), nn.BatchNorm1d(5)
    for _ in range(3):
        x = torch.randn(7, 5) * 3 + 1
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    alone = torch.randn(1, 5)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        theirs(alone)
    torch.testing.assert_close(ours(alone), theirs.eval()(alone))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)


def test_the_last_batch_of_an_epoch_may_hold_one_image() -> None:
    network = small().train()
    F.cross_entropy(network(torch.rand(1, 1, 32, 32)), torch.tensor([1])).backward()
    assert all(parameter.grad is not None for parameter in network.fc.parameters())


@pytest.mark.parametrize("prefix", ["", "module."])
def test_weights_go_into_the_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    torch.manual_seed(1)
    source, network = VGGClassifier(16), FrozenClassifier(VGGClassifier(16), (4,))
    torch.save({prefix + name: tensor for name, tensor in source.state_dict().items()}, tmp_path / "vgg16.pth")
    head = copy.deepcopy([network.fc.state_dict(), network.hidden.state_dict()])
    monkeypatch.setattr(pretrained, "imagenet_file", {"VGG-16": tmp_path / "vgg16.pth"}.__getitem__)
    for way in ("imagenet", tmp_path / "vgg16.pth"):
        nn.init.zeros_(network.backbone.encoder.features[0].weight)
        load_encoder_weights(network, way)
        for name, tensor in source.encoder.state_dict().items():
            assert torch.equal(network.backbone.encoder.state_dict()[name], tensor), name
    for before, after in zip(head, (network.fc.state_dict(), network.hidden.state_dict()), strict=True):
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(parameter.requires_grad for parameter in network.backbone.parameters())


def test_files_without_counters_of_batches_load(tmp_path: Path) -> None:
    """As torchvision's older ones, and all from before PyTorch 0.4.1."""
    torch.manual_seed(2)
    state = ResNetClassifier().state_dict()
    counters = [name for name in state if name.endswith("num_batches_tracked")]
    assert len(counters) == 53
    for name in counters:
        del state[name]
    torch.save(state, tmp_path / "resnet50.pth")
    network = FrozenClassifier(ResNetClassifier())
    load_encoder_weights(network, tmp_path / "resnet50.pth")
    assert torch.equal(network.backbone.layer4[2].bn3.running_var, state["layer4.2.bn3.running_var"])
    assert torch.equal(network.backbone.conv1.weight, state["conv1.weight"])
    torch.save({name: tensor for name, tensor in state.items() if name != "bn1.bias"}, tmp_path / "cut.pth")
    with pytest.raises(WeightsError, match=r"tensors of ResNet-50 are missing or of another shape \(first: bn1\.bias"):
        load_encoder_weights(network, tmp_path / "cut.pth")


def test_a_trained_network_is_one_file(tmp_path: Path) -> None:
    network, other = small(), small()
    nn.init.normal_(network.backbone.layers[0].weight)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    load_weights(other, tmp_path / "model.pt")
    x = torch.rand(2, 1, 32, 32)
    assert torch.equal(network.eval()(x), other.eval()(x))


@pytest.mark.parametrize("hidden", [(), (16, 8)])
def test_it_can_be_scripted(hidden: tuple[int, ...]) -> None:
    network = small(hidden).eval()
    x = torch.rand(2, 1, 32, 32)
    torch.testing.assert_close(torch.jit.script(network)(x), network(x))
