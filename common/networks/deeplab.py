"""DeepLabv3+ on ResNet-50, the best segmentation network of the image-label study on natural images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import check_divisible
from .resnet_unet import ResNetFeatures


class DeepLabV3Plus(nn.Module):
    """DeepLabv3+ (Chen et al., ECCV 2018) with a ResNet-50 of output stride 16; 40,347,041 parameters.

    Atrous spatial pyramid pooling on the last maps; the decoder of the paper's section 3.1: upsampled four times,
    beside 48 channels made of the maps at 1/4 of the resolution, two 3 x 3 convolutions with 256 filters, and
    upsampled four times again. Convolutions are whole ones: the paper uses separable ones with Xception.

    The pyramid normalises one pooled value a channel and image, so that training needs batches of two images or more.

    Args:
        out_channels: channels of the output logits.
        rates: dilations of the pyramid's three 3 x 3 convolutions.
        dropout: probability behind the pyramid.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1], H and W multiples of 16; output (B, out_channels, H, W), logits.
    """

    def __init__(self, out_channels: int = 1, rates: Sequence[int] = (6, 12, 18), dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = ResNetFeatures(output_stride=16)
        self.pyramid = AtrousPyramid(ResNetFeatures.CHANNELS[-1], 256, rates, dropout)
        self.low_level = conv_bn_relu(ResNetFeatures.CHANNELS[1], 48, 1)
        self.decoder = nn.Sequential(conv_bn_relu(256 + 48, 256, 3), conv_bn_relu(256, 256, 3))
        self.head = nn.Conv2d(256, out_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, 16, "DeepLabV3Plus")
        maps = self.encoder(x)
        x = upsample_four_times(self.pyramid(maps[4]))
        x = self.decoder(torch.cat([x, self.low_level(maps[1])], dim=1))
        return upsample_four_times(self.head(x))


class AtrousPyramid(nn.Module):
    """A 1 x 1 convolution, dilated 3 x 3 ones and the image's mean side by side, then joined by a 1 x 1 convolution.

    MONAI's ``SimpleASPP`` has neither the mean nor a normalisation of each branch.
    """

    def __init__(self, in_channels: int, width: int, rates: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.point = conv_bn_relu(in_channels, width, 1)
        self.dilated = nn.ModuleList(conv_bn_relu(in_channels, width, 3, dilation=rate) for rate in rates)
        self.mean = conv_bn_relu(in_channels, width, 1)
        self.join = conv_bn_relu((2 + len(rates)) * width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branches = [self.point(x)]
        for convolution in self.dilated:
            branches.append(convolution(x))
        branches.append(self.mean(x.mean(dim=(2, 3), keepdim=True)).expand_as(branches[0]))
        return self.dropout(self.join(torch.cat(branches, dim=1)))


def conv_bn_relu(in_channels: int, out_channels: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """A "same" convolution with batch normalisation and ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def upsample_four_times(x: torch.Tensor) -> torch.Tensor:
    """Both image sides of ``x`` (B, C, H, W) times four, bilinear."""
    return F.interpolate(x, scale_factor=4.0, mode="bilinear", align_corners=False)
