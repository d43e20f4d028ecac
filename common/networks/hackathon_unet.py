"""The U-Net of the ML-INFN advanced hackathon exercise: 6,037,505 parameters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .blocks import check_divisible


class DownUnit(nn.Module):
    """Residual unit that first goes down: (2 x 2 stride 2 or 1 x 1) -> 3 x 3 -> 1 x 1, the first output added back."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, stride, stride=stride), nn.BatchNorm2d(out_channels)
        )
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(out_channels, out_channels, 1),
            nn.BatchNorm2d(out_channels),
        )
        self.exit = nn.Sequential(nn.ReLU(), nn.Dropout2d(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        return self.exit(self.body(x) + x)


class Bottleneck(nn.Module):
    """Residual unit at the coarsest resolution: 1 x 1 -> 3 x 3, the first output added back."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.entry = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))
        self.body = nn.Sequential(
            nn.ReLU(), nn.Conv2d(out_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        return torch.relu(self.body(x) + x)


class UpUnit(nn.Module):
    """Residual unit that first goes up: transposed convolution, concatenation with the skip, two convolutions."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            nn.ConvTranspose2d(in_channels, out_channels, stride, stride=stride), nn.BatchNorm2d(out_channels)
        )
        # The coarsest unit, which does not change the resolution, ends in a 3 x 3 convolution, the others in 1 x 1.
        last = 3 if stride == 1 else 1
        self.body = nn.Sequential(
            nn.Conv2d(2 * out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Dropout2d(dropout),
            nn.Conv2d(out_channels, out_channels, last, padding=last // 2),
            nn.BatchNorm2d(out_channels),
        )
        self.exit = nn.Sequential(nn.ReLU(), nn.Dropout2d(dropout))

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        x = self.entry(x)
        return self.exit(self.body(torch.cat([skip, torch.relu(x)], dim=1)) + x)


class HackathonUNet(nn.Module):
    """Residual U-Net with spatial dropout; 6,037,505 trainable parameters and 8,000 normalisation statistics.

    The exercise trains it with an L2 penalty of 0.1 on every kernel, which outweighs its Dice loss a hundredfold, and
    with a plateau schedule that halves the learning rate while Dice improves. Both belong to the training
    configuration and are mended there (weight decay 1e-4, plateau on the maximum).

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output logits.
        features: unit widths from the finest level to the bottleneck.
        dropout: probability of dropping a whole feature map.

    Shape:
        input (B, in_channels, H, W) with values in [0, 1], H and W multiples of 2 ** (len(features) - 2);
        output (B, out_channels, H, W), logits.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        features: Sequence[int] = (16, 32, 64, 128, 256, 512),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        levels = list(features[:-1])
        incoming = [in_channels, *levels[:-1]]
        strides = [1] + [2] * (len(levels) - 1)
        self.left = nn.ModuleList(
            DownUnit(a, b, stride, dropout) for a, b, stride in zip(incoming, levels, strides, strict=True)
        )
        self.bottleneck = Bottleneck(levels[-1], features[-1])
        below = list(features[:0:-1])
        self.right = nn.ModuleList(
            UpUnit(a, b, stride, dropout) for a, b, stride in zip(below, reversed(levels), strides, strict=True)
        )
        self.head = nn.Conv2d(levels[0], out_channels, 1)
        self._factor = 2 ** (len(levels) - 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, self._factor, "HackathonUNet")
        skips: list[torch.Tensor] = []
        for unit in self.left:
            x = unit(x)
            skips.append(x)
        x = self.bottleneck(x)
        for unit in self.right:
            x = unit(x, skips.pop())
        return self.head(x)
