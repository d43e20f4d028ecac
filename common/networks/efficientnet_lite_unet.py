"""A U-Net on EfficientNet-Lite: light enough to be trained on a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .efficientnet_lite import EfficientNetLite, InvertedResidual
from .encoder_unet import EncoderUNet


class EfficientNetLiteFeatures(nn.Module):
    """The trunk of :class:`EfficientNetLite`, without the last 1 x 1 convolution; 2,958,848 parameters for Lite0.

    Args:
        variant: 0 to 4.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; output: five maps, the last one of each resolution, at 1/2, 1/4,
        1/8, 1/16 and 1/32, with ``channels`` channels (16, 24, 40, 112 and 320 for Lite0).
    """

    def __init__(self, variant: int = 0) -> None:
        super().__init__()
        whole = EfficientNetLite(variant)
        self.variant = variant
        self.standardize, self._conv_stem, self._bn0 = whole.standardize, whole._conv_stem, whole._bn0
        self._blocks = whole._blocks
        blocks = [block for block in whole._blocks if isinstance(block, InvertedResidual)]
        strided = [index for index, block in enumerate(blocks) if block._depthwise_conv.strided]
        self._ends = [index - 1 for index in strided] + [len(blocks) - 1]
        self.channels = [blocks[end]._project_conv.out_channels for end in self._ends]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = F.relu6(self._bn0(self._conv_stem(self.standardize(x))))
        maps: list[torch.Tensor] = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in self._ends:
                maps.append(x)
        return maps


class EfficientNetLiteUNet(EncoderUNet):
    """U-Net with an EfficientNet-Lite trunk as encoder (Tan and Le 2019) and a light decoder.

    Args:
        variant: 0 to 4.
        out_channels: channels of the output logits.
        decoder_features: widths of the decoder stages from coarse to fine.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1], H and W multiples of 32; output (B, out_channels, H, W), logits.
    """

    def __init__(
        self, variant: int = 0, out_channels: int = 1, decoder_features: Sequence[int] = (128, 64, 48, 32, 16)
    ) -> None:
        encoder = EfficientNetLiteFeatures(variant)
        super().__init__(encoder, encoder.channels, out_channels, decoder_features)
