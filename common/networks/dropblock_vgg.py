"""The VGG-16 of the image-label study: output stride 8, DropBlock, three more convolutions."""

from __future__ import annotations

import torch
from torch import nn

from .dropblock import DropBlock, three_convolutions
from .pooled_classifier import PooledClassifier, Standardize
from .vgg import BLOCKS, IMAGENET_MEAN, IMAGENET_STD, WIDTHS


class DropBlockVGG(PooledClassifier):
    """VGG-16 with batch normalisation, adapted for class activation maps (Viniavskyi et al., AIME 2020).

    The fourth pooling keeps the resolution (3 x 3, stride 1), the fifth block dilates by 2, and three 3 x 3
    convolutions with 512 filters follow. DropBlock stands behind the first convolution, at full resolution, where the
    study's code has it. ``features`` has the layer numbers of torchvision's ``vgg16_bn`` but for DropBlock, which
    carries no number.

    Args:
        num_classes: outputs; 2 means normal and TB.
        drop_prob: see :class:`DropBlock`; 0.5 by default in the study's code, 0.2 for pneumothorax.
        block_size: see :class:`DropBlock`; 5 and 7.
        dropout: probability in front of the linear layer.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; maps (B, 512, H/8, W/8); output (B, num_classes), logits.
    """

    def __init__(self, num_classes: int = 2, drop_prob: float = 0.5, block_size: int = 5, dropout: float = 0.0) -> None:
        super().__init__(512, num_classes, dropout)
        self.standardize = Standardize(IMAGENET_MEAN, IMAGENET_STD)
        layers: list[nn.Module] = []
        channels = 3
        for block, (count, width) in enumerate(zip(BLOCKS[16], WIDTHS, strict=True)):
            if block == 4:
                layers.append(nn.MaxPool2d(3, stride=1, padding=1))
            elif block:
                layers.append(nn.MaxPool2d(2))
            dilation = 2 if block == 4 else 1
            for _ in range(count):
                convolution = nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation)
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
                layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.drop = DropBlock(drop_prob, block_size)
        self.extra = three_convolutions(512)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        x = self.standardize(x)
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index == 2:  # the first convolution with its normalisation and ReLU
                x = self.drop(x)
        return self.extra(x)
