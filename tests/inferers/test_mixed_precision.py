"""Forward passes in reduced precision."""

from __future__ import annotations

import torch
from torch import nn

from common.inferers import MixedPrecisionInferer
from common.networks import TinyUNet


class Probe(nn.Module):
    """A convolution that keeps what it was given and what it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.seen: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        self.seen = [x, y]
        return y


def test_the_network_works_in_bfloat16_and_the_answer_is_float32() -> None:
    probe, images = Probe(), torch.rand(2, 1, 16, 16)
    logits = MixedPrecisionInferer()(images, probe)
    assert probe.seen[0].is_contiguous(memory_format=torch.channels_last)
    assert probe.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert probe.seen[1].dtype == torch.bfloat16
    assert logits.dtype == torch.float32
    # bfloat16 keeps eight bits of a number.
    assert torch.allclose(logits, probe.conv(images), atol=0.02)
    assert not torch.equal(logits, probe.conv(images))


def test_without_amp_the_answer_is_that_of_the_network() -> None:
    probe, images = Probe(), torch.rand(2, 1, 16, 16)
    expected = probe(images)
    plain = MixedPrecisionInferer(amp=False, channels_last=False)(images, probe)
    assert torch.equal(plain, expected)
    assert probe.seen[0] is images
    assert probe.seen[1].dtype == torch.float32
    assert torch.allclose(MixedPrecisionInferer(amp=False)(images, probe), expected, atol=1e-6)


def test_gradients_reach_the_parameters() -> None:
    torch.manual_seed(0)
    network = TinyUNet().train()
    MixedPrecisionInferer()(torch.rand(2, 1, 32, 32), network).mean().backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.dtype == torch.float32 for gradient in gradients)
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def test_functions_and_other_shapes_pass_unchanged() -> None:
    values = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(MixedPrecisionInferer()(values, lambda x: 2 * x), 2 * values)
