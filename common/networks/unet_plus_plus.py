"""U-Net++ with one answer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets import BasicUNetPlusPlus
from torch import nn

from .blocks import check_divisible


class UNetPlusPlus(nn.Module):
    """U-Net++ (Zhou et al., DLMIA 2018), the mean of its four heads.

    MONAI's network gives a list of logits, which neither losses nor inferers take, and without deep supervision three
    of its heads get no gradients. Here all learn through their mean, which is also the answer (the paper's accurate
    mode).

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output logits.
        features: widths of the five levels from fine to coarse, then of the last node.

    Shape:
        input (B, in_channels, H, W) with values in [0, 1], H and W multiples of 16; output (B, out_channels, H, W),
        logits.
    """

    def __init__(
        self, in_channels: int = 1, out_channels: int = 1, features: Sequence[int] = (32, 64, 128, 256, 512, 32)
    ) -> None:
        super().__init__()
        self.nodes = BasicUNetPlusPlus(
            spatial_dims=2,
            in_channels=in_channels,
            out_channels=out_channels,
            features=features,
            deep_supervision=True,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, 16, "UNetPlusPlus")
        return torch.stack(self.nodes(x)).mean(dim=0)
