"""V-Net for pictures."""

from __future__ import annotations

import monai.networks.nets
import torch
from torch import nn

from .blocks import check_divisible


class VNet(nn.Module):
    """V-Net (Milletari et al., 3DV 2016) in two dimensions, with one logit a class; 9,361,541 parameters.

    MONAI's layers, put right for pictures: its network drops with ``Dropout3d`` whatever the dimensions, which zeroes
    whole images of a batch of pictures where channels are meant, and its default ELU in front of the last 1 x 1
    convolution bounds a single logit from below. The activation is the paper's PReLU.

    Args:
        in_channels: channels of the input image; 1, 2, 4, 8 or 16.
        out_channels: channels of the output logits.
        dropout: probability for a channel to be dropped, in the two coarsest levels and on all skips.

    Shape:
        input (B, in_channels, H, W) with values in [0, 1], H and W multiples of 16; output (B, out_channels, H, W),
        logits.
    """

    def __init__(self, in_channels: int = 1, out_channels: int = 1, dropout: float = 0.5) -> None:
        super().__init__()
        self.network = monai.networks.nets.VNet(
            spatial_dims=2, in_channels=in_channels, out_channels=out_channels, act="prelu"
        )
        for transition in self.network.children():
            for name, layer in list(transition.named_children()):
                if isinstance(layer, nn.Dropout3d):
                    setattr(transition, name, nn.Dropout2d(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, 16, "VNet")
        return self.network(x)
