"""VGG-16 and VGG-19 U-Nets whose encoders start from modality-specific or ImageNet weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .blocks import check_divisible, conv_bn_relu_twice, upsample_nearest
from .vgg import WIDTHS, VGGFeatures


class VGGUNet(nn.Module):
    """U-Net with a VGG trunk as encoder (Rajaraman et al., Diagnostics 2021, 11(4), 616).

    Skips are the last maps of blocks 1 to 4, the bottleneck is the last map of block 5 at 1/16 of the resolution. The
    paper leaves the decoder open; here each of its four stages doubles the resolution, concatenates the skip and
    applies two 3 x 3 convolutions with batch normalisation and ReLU.

    Args:
        depth: 16 or 19.
        out_channels: channels of the output logits.
        decoder_features: widths of the decoder stages from coarse to fine.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1], H and W multiples of 16; output (B, out_channels, H, W), logits.
    """

    def __init__(
        self, depth: int = 16, out_channels: int = 1, decoder_features: Sequence[int] = (512, 256, 128, 64)
    ) -> None:
        super().__init__()
        if len(decoder_features) != 4:
            raise ValueError(f"VGGUNet: four decoder widths are needed, got {len(decoder_features)}")
        self.encoder = VGGFeatures(depth)
        incoming = [WIDTHS[-1], *decoder_features[:-1]]
        self.decoder = nn.ModuleList(
            conv_bn_relu_twice(below + skip, width)
            for below, skip, width in zip(incoming, WIDTHS[-2::-1], decoder_features, strict=True)
        )
        self.head = nn.Conv2d(decoder_features[-1], out_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, 16, "VGGUNet")
        skips = self.encoder(x)
        x = skips.pop()
        for block in self.decoder:
            x = block(torch.cat([upsample_nearest(x), skips.pop()], dim=1))
        return self.head(x)
