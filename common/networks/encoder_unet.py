"""U-Net on the five maps of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.flexible_unet import SegmentationHead, UNetDecoder
from torch import nn

from .blocks import check_divisible


class EncoderUNet(nn.Module):
    """U-Net whose decoder is that of the Segmentation Models package, in MONAI's implementation.

    Each of five stages doubles the resolution by repeating pixels, concatenates the encoder's map of that resolution
    (the last stage has none) and applies two 3 x 3 convolutions with batch normalisation and ReLU; a 3 x 3 convolution
    gives the logits.

    Args:
        encoder: gives five maps, at 1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution.
        channels: channels of the maps, in that order.
        out_channels: channels of the output logits.
        decoder_features: widths of the decoder stages from coarse to fine.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1], H and W multiples of 32; output (B, out_channels, H, W), logits.
    """

    def __init__(
        self, encoder: nn.Module, channels: Sequence[int], out_channels: int, decoder_features: Sequence[int]
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        if len(decoder_features) != 5:
            raise ValueError(f"{self.name}: five decoder widths are needed, got {len(decoder_features)}")
        self.encoder = encoder
        self.decoder = UNetDecoder(
            spatial_dims=2,
            encoder_channels=[1, *channels],  # the image itself is no skip
            decoder_channels=decoder_features,
            act=("relu", {"inplace": True}),
            norm="batch",
            dropout=0.0,
            bias=False,
            upsample="nontrainable",
            pre_conv=None,
            interp_mode="nearest",
            align_corners=None,
            is_pad=False,
        )
        self.head = SegmentationHead(2, decoder_features[-1], out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, 32, self.name)
        return self.head(self.decoder(self.encoder(x)))
