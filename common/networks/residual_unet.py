"""The deep residual U-Net (Zhang et al., arXiv 1711.10684): 4,715,441 parameters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from .blocks import check_divisible, upsample_nearest


class PreActivation(nn.Sequential):
    """Batch normalisation, ReLU, 3 x 3 convolution with bias."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__(
            nn.BatchNorm2d(in_channels),
            nn.ReLU(),
            nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1),
        )


def _shortcut(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride=stride), nn.BatchNorm2d(out_channels))


class ResidualUnit(nn.Module):
    """Two pre-activation convolutions added to a normalised 1 x 1 projection of the input."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            PreActivation(in_channels, out_channels, stride), PreActivation(out_channels, out_channels)
        )
        self.shortcut = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class Stem(nn.Module):
    """First block: the image itself is convolved before any normalisation."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1), PreActivation(out_channels, out_channels)
        )
        self.shortcut = _shortcut(in_channels, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shortcut(x)


class ResidualUNet(nn.Module):
    """Residual U-Net with strided convolutions, nearest upsampling and a two-block bridge.

    With one input channel and the default widths it has 4,715,441 trainable parameters and 7,296 batch
    normalisation statistics, the 4,722,737 that the comparison study reports. The bridge stays at 1/16 resolution
    and has no residual connection; the decoder units have the widths of the encoder units they mirror.

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output logits.
        features: unit widths from the finest to the coarsest level.

    Shape:
        input (B, in_channels, H, W) with values in [0, 1], H and W multiples of 2 ** (len(features) - 1);
        output (B, out_channels, H, W), logits.
    """

    def __init__(
        self, in_channels: int = 1, out_channels: int = 1, features: Sequence[int] = (16, 32, 64, 128, 256)
    ) -> None:
        super().__init__()
        pairs = list(itertools.pairwise(features))
        self.stem = Stem(in_channels, features[0])
        self.encoder = nn.ModuleList(ResidualUnit(fine, coarse, stride=2) for fine, coarse in pairs)
        self.bridge = nn.Sequential(
            PreActivation(features[-1], features[-1]), PreActivation(features[-1], features[-1])
        )
        # Each decoder unit keeps the width of the level below it: 256, 128, 64, 32 by default.
        incoming = [features[-1], *features[:0:-1]]
        self.decoder = nn.ModuleList(
            ResidualUnit(below + fine, coarse) for below, (fine, coarse) in zip(incoming, reversed(pairs), strict=False)
        )
        self.head = nn.Conv2d(features[1], out_channels, 1)
        self._factor = 2 ** (len(features) - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, self._factor, "ResidualUNet")
        x = self.stem(x)
        skips: list[torch.Tensor] = []
        for unit in self.encoder:
            skips.append(x)
            x = unit(x)
        x = self.bridge(x)
        for unit in self.decoder:
            x = unit(torch.cat([upsample_nearest(x), skips.pop()], dim=1))
        return self.head(x)
