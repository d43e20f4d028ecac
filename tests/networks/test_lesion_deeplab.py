"""DeepLabv3+ and the dilated ResNet-50 under it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.networks import DeepLabV3Plus, ResNetClassifier, ResNetFeatures, load_encoder_weights
from common.networks.deeplab import AtrousPyramid, upsample_four_times


def test_parameters_are_those_of_the_papers_layers() -> None:
    def convolution(incoming: int, outgoing: int, kernel: int) -> int:
        return incoming * outgoing * kernel**2 + 2 * outgoing  # no bias, but a batch normalisation

    pyramid = 2 * convolution(2048, 256, 1) + 3 * convolution(2048, 256, 3) + convolution(5 * 256, 256, 1)
    decoder = convolution(256, 48, 1) + convolution(304, 256, 3) + convolution(256, 256, 3) + 257
    with torch.device("meta"):
        network = DeepLabV3Plus()
    total = sum(parameter.numel() for parameter in network.parameters())
    assert total == 23_508_032 + pyramid + decoder == 40_347_041


def test_the_dilated_trunk_computes_the_strided_one_at_more_places() -> None:
    torch.manual_seed(0)
    strided, dilated = ResNetFeatures(32).eval(), ResNetFeatures(16).eval()
    dilated.load_state_dict(strided.state_dict())
    x = torch.rand(1, 1, 96, 64)
    with torch.no_grad():
        coarse, fine = strided(x), dilated(x)
    assert all(torch.equal(a, b) for a, b in zip(coarse[:4], fine[:4], strict=True))
    assert fine[4].shape[-2:] == (6, 4)
    assert torch.allclose(fine[4][..., ::2, ::2], coarse[4], rtol=1e-4, atol=1e-4 * float(coarse[4].max()))


def test_a_resnet_classifier_gives_its_trunk(tmp_path: Path) -> None:
    torch.manual_seed(1)
    classifier = ResNetClassifier()
    torch.save(classifier.state_dict(), tmp_path / "model.pt")
    network = DeepLabV3Plus()
    load_encoder_weights(network, tmp_path / "model.pt")
    expected = classifier.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in network.encoder.state_dict().items())


def test_branches_of_the_pyramid_see_as_far_as_their_rates() -> None:
    torch.manual_seed(0)
    pyramid = AtrousPyramid(2, 3, (6, 12, 18), 0.0).eval()
    x = torch.zeros(1, 2, 41, 41)
    x[..., 20, 20] = 1
    with torch.no_grad():
        for rate, branch in zip((6, 12, 18), pyramid.dilated, strict=True):
            # The convolution alone: normalisation and ReLU would hide negative answers.
            places = branch[0](x).abs().sum(dim=1)[0].nonzero()
            assert {tuple(place) for place in places.tolist()} == {
                (20 + i * rate, 20 + j * rate) for i in (-1, 0, 1) for j in (-1, 0, 1)
            }


def test_the_pyramid_adds_the_mean_of_the_image() -> None:
    torch.manual_seed(0)
    pyramid = AtrousPyramid(2, 3, (6, 12, 18), 0.0).eval()
    with torch.no_grad():
        for other in (pyramid.point, *pyramid.dilated):
            other[0].weight.zero_()
        x = torch.rand(1, 2, 9, 9)
        shuffled = x.flatten(2)[..., torch.randperm(81)].view_as(x)
        assert torch.allclose(pyramid(x), pyramid(shuffled), atol=1e-6)
        assert not torch.allclose(pyramid(x), pyramid(x + 1), atol=1e-3)


def test_upsampling_keeps_the_image_in_its_place() -> None:
    # Centres of coarse pixels lie at 1.5, 5.5, 9.5 of the fine ones: a ramp stays the same ramp between them.
    ramp = torch.tensor([1.5, 5.5, 9.5]).view(1, 1, 1, 3).expand(1, 1, 3, 3)
    fine = upsample_four_times(ramp)
    assert torch.allclose(fine[0, 0, 6, 2:10], torch.arange(2.0, 10.0))
    assert fine.shape == (1, 1, 12, 12)


def test_low_level_maps_reach_the_answer() -> None:
    torch.manual_seed(0)
    network = DeepLabV3Plus().eval()
    x = torch.rand(1, 1, 32, 48)
    with torch.no_grad():
        y = network(x)
        assert y.shape == (1, 1, 32, 48)
        network.low_level[0].weight.zero_()
        assert not torch.allclose(y, network(x), atol=1e-4)


def test_sides_are_multiples_of_sixteen() -> None:
    with pytest.raises(ValueError, match="DeepLabV3Plus: image sides must be multiples of 16, got 32 x 40"):
        DeepLabV3Plus()(torch.rand(1, 1, 32, 40))
