"""A U-Net on ResNet-50, the segmentation network of the image-label study's published configuration."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .encoder_unet import EncoderUNet
from .resnet_classifier import ResNetClassifier, dilate


class ResNetFeatures(nn.Module):
    """The trunk of ResNet-50 (He et al. 2016) with torchvision's layer names; 23,508,032 parameters.

    Args:
        output_stride: 32, or 16: the last stage then dilates instead of striding.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; output: five maps with 64, 256, 512, 1024 and 2048 channels at
        1/2, 1/4, 1/8, 1/16 and 1/``output_stride`` of the resolution.
    """

    #: Channels of the maps.
    CHANNELS = (64, 256, 512, 1024, 2048)

    def __init__(self, output_stride: int = 32) -> None:
        super().__init__()
        if output_stride not in (16, 32):
            raise ValueError(f"ResNetFeatures: output_stride must be 16 or 32, got {output_stride}")
        whole = ResNetClassifier()
        self.standardize = whole.standardize
        self.conv1, self.bn1, self.maxpool = whole.conv1, whole.bn1, whole.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = whole.layer1, whole.layer2, whole.layer3, whole.layer4
        if output_stride == 16:
            dilate(self.layer4, first=1, rest=2)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = [torch.relu(self.bn1(self.conv1(self.standardize(x))))]
        maps.append(self.layer1(self.maxpool(maps[0])))
        maps.append(self.layer2(maps[1]))
        maps.append(self.layer3(maps[2]))
        maps.append(self.layer4(maps[3]))
        return maps


class ResNetUNet(EncoderUNet):
    """U-Net with a ResNet-50 encoder (code of Viniavskyi et al., AIME 2020: the Segmentation Models package's default).

    With the default widths it has 32,521,105 parameters, as that package's.

    Args:
        out_channels: channels of the output logits.
        decoder_features: widths of the decoder stages from coarse to fine.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1], H and W multiples of 32; output (B, out_channels, H, W), logits.
    """

    def __init__(self, out_channels: int = 1, decoder_features: Sequence[int] = (256, 128, 64, 32, 16)) -> None:
        super().__init__(ResNetFeatures(), ResNetFeatures.CHANNELS, out_channels, decoder_features)
