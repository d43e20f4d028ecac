"""A U-Net on SE-ResNeXt-50, the best segmentation network of the image-label study on radiographs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets import SEResNext50
from torch import nn

from .encoder_unet import EncoderUNet
from .pooled_classifier import Standardize
from .vgg import IMAGENET_MEAN, IMAGENET_STD


class SEResNeXtFeatures(nn.Module):
    """The trunk of SE-ResNeXt-50 32x4d (Hu et al. 2018), MONAI's layers; 25,510,896 parameters.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; output: five maps with 64, 256, 512, 1024 and 2048 channels at
        1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution.
    """

    #: Channels of the maps.
    CHANNELS = (64, 256, 512, 1024, 2048)

    def __init__(self) -> None:
        super().__init__()
        self.standardize = Standardize(IMAGENET_MEAN, IMAGENET_STD)
        whole = SEResNext50(spatial_dims=2, in_channels=3, num_classes=1)
        self.layer0, self.pool = whole.layer0[:-1], whole.layer0[-1]
        self.layer1, self.layer2, self.layer3, self.layer4 = whole.layer1, whole.layer2, whole.layer3, whole.layer4

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = [self.layer0(self.standardize(x))]
        maps.append(self.layer1(self.pool(maps[0])))
        maps.append(self.layer2(maps[1]))
        maps.append(self.layer3(maps[2]))
        maps.append(self.layer4(maps[3]))
        return maps


class SEResNeXtUNet(EncoderUNet):
    """U-Net with an SE-ResNeXt-50 encoder (Viniavskyi et al., AIME 2020, in the Segmentation Models package's form).

    Args:
        out_channels: channels of the output logits.
        decoder_features: widths of the decoder stages from coarse to fine.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1], H and W multiples of 32; output (B, out_channels, H, W), logits.
    """

    def __init__(self, out_channels: int = 1, decoder_features: Sequence[int] = (256, 128, 64, 32, 16)) -> None:
        super().__init__(SEResNeXtFeatures(), SEResNeXtFeatures.CHANNELS, out_channels, decoder_features)
