"""The published architectures, to the last parameter."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from common.networks import HackathonUNet, ResidualUNet, TinyUNet, UNet, VGGFeatures, VGGUNet

COUNTS = {
    "unet": (UNet, {}, 7_759_521, 0),
    "residual_unet": (ResidualUNet, {}, 4_715_441, 7_296),
    "tiny_unet": (TinyUNet, {}, 99_587, 2),
    "hackathon_unet": (HackathonUNet, {}, 6_037_505, 8_000),
    "vgg16": (VGGFeatures, {"depth": 16}, 14_714_688, 0),
    "vgg19": (VGGFeatures, {"depth": 19}, 20_024_384, 0),
}
SEGMENTERS = {
    "unet": UNet,
    "residual_unet": ResidualUNet,
    "tiny_unet": TinyUNet,
    "hackathon_unet": HackathonUNet,
    "vgg16_unet": lambda: VGGUNet(16, decoder_features=(16, 16, 8, 8)),
    "vgg19_unet": lambda: VGGUNet(19, decoder_features=(16, 16, 8, 8)),
}


def count(network: nn.Module) -> tuple[int, int]:
    trainable = sum(parameter.numel() for parameter in network.parameters())
    statistics = sum(buffer.numel() for name, buffer in network.named_buffers() if "running_" in name)
    return trainable, statistics


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts_are_those_of_the_sources(name: str) -> None:
    kind, arguments, trainable, statistics = COUNTS[name]
    assert count(kind(**arguments)) == (trainable, statistics)


def test_three_input_channels_give_the_counts_that_rule_them_out() -> None:
    # The sources' counts only fit grey input: these are the counts of colour input.
    assert count(UNet(in_channels=3))[0] == 7_760_097
    assert sum(count(ResidualUNet(in_channels=3))) == 4_723_057


@pytest.mark.parametrize("name", SEGMENTERS)
def test_output_has_the_size_of_the_input_and_depends_on_it(name: str) -> None:
    torch.manual_seed(0)
    network = SEGMENTERS[name]().eval()
    x = torch.rand(2, 1, 64, 96)
    with torch.no_grad():
        y = network(x)
        changed = network(torch.cat([x[:1], 1 - x[1:]]))
    assert y.shape == (2, 1, 64, 96)
    assert torch.allclose(y[0], changed[0], atol=1e-5)
    assert not torch.allclose(y[1], changed[1], atol=1e-3)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    torch.manual_seed(0)
    network = SEGMENTERS[name]().train()
    network(torch.rand(2, 1, 32, 32)).square().mean().backward()
    without = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    # A bias in front of a batch normalisation has no effect; the source networks have them all the same.
    assert all(key.endswith("bias") for key in without)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_sides_that_cannot_be_halved_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"multiples of 16, got 64 x 50"):
        SEGMENTERS[name]()(torch.rand(1, 1, 64, 50))


def test_tiny_unet_frame_is_background_and_the_rest_untouched() -> None:
    torch.manual_seed(0)
    plain, framed = TinyUNet().eval(), TinyUNet(frame=8).eval()
    framed.load_state_dict(plain.state_dict())
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        a, b = plain(x), framed(x)
    assert torch.equal(a[..., 8:-8, 8:-8], b[..., 8:-8, 8:-8])
    assert (b[..., :8, :] == TinyUNet.FRAME_LOGIT).all()
    assert (b[..., :, -8:] == TinyUNet.FRAME_LOGIT).all()


def test_tiny_unet_adds_noise_only_while_training() -> None:
    torch.manual_seed(0)
    network = TinyUNet(noise=0.5)
    x = torch.rand(1, 1, 32, 32)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_unet_keeps_the_signal_alive_without_normalisation() -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        y = UNet().eval()(torch.rand(2, 1, 64, 64))
    assert 1e-2 < y.std() < 1e2


def test_vgg_maps_halve_and_grey_equals_three_equal_channels() -> None:
    torch.manual_seed(0)
    network = VGGFeatures(16).eval()
    x = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        maps = network(x)
        colour = network(x.expand(-1, 3, -1, -1))
    assert [tuple(m.shape[1:]) for m in maps] == [
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
    ]
    assert all(torch.equal(a, b) for a, b in zip(maps, colour, strict=True))
    assert all((m >= 0).all() for m in maps)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: VGGFeatures(11), "16 or 19, got 11"),
        (lambda: VGGUNet(16, decoder_features=(8, 8)), "four decoder widths are needed, got 2"),
        (lambda: TinyUNet(noise=-1), "must not be negative"),
    ],
)
def test_wrong_arguments_are_named(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
