from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from common.networks import EfficientNetLite, EfficientNetLiteFeatures, IRNet, ResNetClassifier, load_encoder_weights


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def light() -> IRNet:
    torch.manual_seed(0)
    return IRNet(EfficientNetLiteFeatures())


def test_the_published_numbers_of_parameters_on_resnet_50() -> None:
    torch.manual_seed(0)
    network = IRNet(ResNetClassifier())

    assert (count(network.edge), count(network.displacement)) == (125_409, 1_269_120)
    with torch.no_grad():
        stages = network.stages(torch.rand(1, 1, 96, 64))
        assert network(torch.rand(1, 1, 96, 64)).shape == (1, 3, 24, 16)
    # Strides 2, 2, 2, 1: the last two stages share 1/16 of the resolution.
    assert [tuple(x.shape[1:]) for x in stages] == [
        (64, 24, 16),
        (256, 24, 16),
        (512, 12, 8),
        (1024, 6, 4),
        (2048, 6, 4),
    ]
    assert {layer.dilation for layer in network.trunk.layer4.modules() if isinstance(layer, nn.Conv2d)} == {(1, 1)}


def test_the_light_trunk(light: IRNet) -> None:
    assert (count(light.edge), count(light.displacement)) == (16_865, 439_680)
    with torch.no_grad():
        stages = light.stages(torch.rand(2, 1, 96, 64))
        assert light(torch.rand(2, 1, 96, 64)).shape == (2, 3, 24, 16)
    assert [tuple(x.shape[1:]) for x in stages] == [(16, 24, 16), (24, 24, 16), (40, 12, 8), (112, 6, 4), (320, 3, 2)]


def test_only_the_branches_learn(light: IRNet) -> None:
    light.train()
    before = {name: tensor.clone() for name, tensor in light.trunk.state_dict().items()}
    light.zero_grad()

    light(torch.rand(2, 1, 64, 64)).square().mean().backward()

    assert all(parameter.grad is None for parameter in light.trunk.parameters())
    for branch in (light.edge, light.displacement):
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in branch.parameters())
    # Batch statistics of the trunk stay those it was trained with.
    assert not any(module.training for module in light.trunk.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in light.trunk.state_dict().items())


def test_the_mean_displacement_is_subtracted_in_evaluation_only(light: IRNet) -> None:
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        plain = light.train()(image)
        light.displacement_mean.copy_(torch.tensor([1.5, -2.0]))
        torch.testing.assert_close(light(image), plain)
        shifted = light.eval()(image)
        light.displacement_mean.zero_()
    torch.testing.assert_close(plain - shifted, torch.tensor([0.0, 1.5, -2.0]).view(1, 3, 1, 1).expand_as(plain))


def test_a_classifier_gives_its_trunk(light: IRNet, tmp_path: Path) -> None:
    torch.manual_seed(5)
    classifier = EfficientNetLite()
    torch.save(classifier.state_dict(), tmp_path / "model.pt")

    load_encoder_weights(light.trunk, tmp_path / "model.pt")

    assert torch.equal(light.trunk._conv_stem.weight, classifier._conv_stem.weight)


def test_another_trunk_is_refused() -> None:
    with pytest.raises(ValueError, match="got Linear"):
        IRNet(nn.Linear(2, 2))
