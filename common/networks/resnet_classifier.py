"""ResNet-50 classifiers, plain and in the form of the image-label study."""

from __future__ import annotations

import torch
from monai.networks.nets import resnet50
from torch import nn

from .dropblock import DropBlock, three_convolutions
from .pooled_classifier import PooledClassifier, Standardize
from .vgg import IMAGENET_MEAN, IMAGENET_STD


class ResNetClassifier(PooledClassifier):
    """ResNet-50 (He et al. 2016) with torchvision's layer names; 23,508,032 parameters before its head.

    With ``dense`` it is a variant of the image-label study (Viniavskyi et al., AIME 2020): the last two stages dilate
    instead of striding, so that maps come at 1/8 of the resolution.

    Args:
        num_classes: outputs; 2 means normal and TB.
        dropout: probability in front of the linear layer.
        dense: output stride 8 instead of 32.
        extra: three 3 x 3 convolutions with 512 filters and ReLU behind the last stage.
        drop_prob: DropBlock behind stages 3 and 4; 0 leaves it out.
        block_size: side of a dropped block, in pixels of the maps.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; maps (B, 2048 or 512, H/32 or H/8, W/32 or W/8); output
        (B, num_classes), logits.
    """

    def __init__(
        self,
        num_classes: int = 2,
        dropout: float = 0.0,
        dense: bool = False,
        extra: bool = False,
        drop_prob: float = 0.0,
        block_size: int = 7,
    ) -> None:
        super().__init__(512 if extra else 2048, num_classes, dropout)
        self.standardize = Standardize(IMAGENET_MEAN, IMAGENET_STD)
        whole = resnet50(
            spatial_dims=2, n_input_channels=3, num_classes=1, conv1_t_size=7, conv1_t_stride=2, bias_downsample=False
        )
        self.conv1, self.bn1, self.maxpool = whole.conv1, whole.bn1, nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1, self.layer2, self.layer3, self.layer4 = whole.layer1, whole.layer2, whole.layer3, whole.layer4
        if dense:
            dilate(self.layer3, first=1, rest=2)
            dilate(self.layer4, first=2, rest=4)
        self.drop3 = DropBlock(drop_prob, block_size) if drop_prob else nn.Identity()
        self.drop4 = DropBlock(drop_prob, block_size) if drop_prob else nn.Identity()
        self.extra = three_convolutions(2048) if extra else nn.Identity()

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(self.standardize(x))))
        x = self.layer2(self.layer1(self.maxpool(x)))
        return self.extra(self.drop4(self.layer4(self.drop3(self.layer3(x)))))


def dilate(stage: nn.Module, *, first: int, rest: int) -> None:
    """Take the stride out of a stage and dilate its 3 x 3 convolutions, as torchvision's models can.

    Args:
        stage: bottleneck blocks; changed in place.
        first: dilation of the first block.
        rest: dilation of the others.
    """
    for index, block in enumerate(stage.children()):
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                layer.stride = (1, 1)
                if layer.kernel_size == (3, 3):
                    amount = rest if index else first
                    layer.dilation = layer.padding = (amount, amount)
