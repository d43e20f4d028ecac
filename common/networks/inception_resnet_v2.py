"""Inception-ResNet-v2 (Szegedy et al., AAAI 2017), an extractor of frozen features."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .pooled_classifier import PooledClassifier, Standardize

#: Channels that the three groups of residual blocks keep.
WIDTHS = (320, 1088, 2080)
FEATURES = 1536

Kernel = int | tuple[int, int]
#: A convolution of a chain: output channels and kernel, with padding that keeps the size.
Step = tuple[int, Kernel]


class InceptionResNetV2(PooledClassifier):
    """Inception-ResNet-v2; 54,306,464 parameters before its linear layer.

    Layers carry the names of the published PyTorch files (of the pretrained-models and the PyTorch Image Models
    projects), which hold Google's ImageNet weights. The strided convolutions and the stem do not pad: the maps' cells
    have their centres 32 pixels apart from pixel 37 on, whatever the image size.

    Args:
        num_classes: outputs; 2 means normal and TB.
        dropout: probability in front of the linear layer.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1], sides of 75 at least; maps (B, 1536, h, w), h = (H - 75) // 32
        + 1: 5 for 224, 8 for 299 and for 320; output (B, num_classes), logits.
    """

    def __init__(self, num_classes: int = 2, dropout: float = 0.2) -> None:
        super().__init__(FEATURES, num_classes, dropout)
        self.standardize = Standardize((0.5,), (0.5,))
        self.conv2d_1a = Convolution(3, 32, 3, stride=2)
        self.conv2d_2a = Convolution(32, 32, 3, padded=False)
        self.conv2d_2b = Convolution(32, 64, 3)
        self.maxpool_3a = nn.MaxPool2d(3, stride=2)
        self.conv2d_3b = Convolution(64, 80, 1)
        self.conv2d_4a = Convolution(80, 192, 3, padded=False)
        self.maxpool_5a = nn.MaxPool2d(3, stride=2)
        self.mixed_5b = Branches(
            Convolution(192, 96, 1),
            chain(192, (48, 1), (64, 5)),
            chain(192, (64, 1), (96, 3), (96, 3)),
            nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), Convolution(192, 64, 1)),
        )
        first, second, third = WIDTHS
        self.repeat = nn.Sequential(*(block35(first) for _ in range(10)))
        self.mixed_6a = Branches(
            Convolution(first, 384, 3, stride=2),
            chain(first, (256, 1), (256, 3), (384, 3), stride=2),
            nn.MaxPool2d(3, stride=2),
        )
        self.repeat_1 = nn.Sequential(*(block17(second) for _ in range(20)))
        self.mixed_7a = Branches(
            chain(second, (256, 1), (384, 3), stride=2),
            chain(second, (256, 1), (288, 3), stride=2),
            chain(second, (256, 1), (288, 3), (320, 3), stride=2),
            nn.MaxPool2d(3, stride=2),
        )
        self.repeat_2 = nn.Sequential(*(block8(third, scale=0.2) for _ in range(9)))
        self.block8 = block8(third, scale=1.0, activated=False)
        self.conv2d_7b = Convolution(third, FEATURES, 1)

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(self.standardize(x))))
        x = self.conv2d_4a(self.conv2d_3b(self.maxpool_3a(x)))
        x = self.repeat(self.mixed_5b(self.maxpool_5a(x)))
        x = self.repeat_1(self.mixed_6a(x))
        x = self.repeat_2(self.mixed_7a(x))
        return self.conv2d_7b(self.block8(x))


class Convolution(nn.Module):
    """Convolution without bias, batch normalisation with TensorFlow's epsilon, ReLU.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel: side, or rows and columns.
        stride: 2 goes without padding.
        padded: keep the size, at stride 1.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: Kernel, stride: int = 1, padded: bool = True
    ) -> None:
        super().__init__()
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (rows // 2, columns // 2) if padded and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(in_channels, out_channels, (rows, columns), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn(self.conv(x)))


class Branches(nn.ModuleDict):
    """What several branches make of the same input, side by side: ``branch0``, ``branch1`` and so on."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__({f"branch{index}": branch for index, branch in enumerate(branches)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts: list[torch.Tensor] = []
        for branch in self.values():
            parts.append(branch(x))
        return torch.cat(parts, 1)


class Residual(nn.Module):
    """Two or three branches, brought back to the channels of the input by 1 x 1 and added to it, scaled down.

    Args:
        channels: of the input and of the output.
        branches: two or three.
        width: channels of the branches together.
        scale: factor of what is added (section 3.3 of the paper).
        activated: end with a ReLU.
    """

    def __init__(self, channels: int, branches: list[nn.Module], width: int, scale: float, activated: bool) -> None:
        super().__init__()
        self.branch0, self.branch1 = branches[:2]
        self.branch2 = branches[2] if len(branches) > 2 else None
        self.conv2d = nn.Conv2d(width, channels, 1)
        self.scale = scale
        self.activated = activated

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [self.branch0(x), self.branch1(x)]
        if self.branch2 is not None:
            parts.append(self.branch2(x))
        x = x + self.scale * self.conv2d(torch.cat(parts, 1))
        return F.relu(x) if self.activated else x


def block35(channels: int) -> Residual:
    """Inception-ResNet-A, at 35 x 35 for an image of 299."""
    branches = [
        Convolution(channels, 32, 1),
        chain(channels, (32, 1), (32, 3)),
        chain(channels, (32, 1), (48, 3), (64, 3)),
    ]
    return Residual(channels, branches, width=128, scale=0.17, activated=True)


def block17(channels: int) -> Residual:
    """Inception-ResNet-B, at 17 x 17."""
    branches = [Convolution(channels, 192, 1), chain(channels, (128, 1), (160, (1, 7)), (192, (7, 1)))]
    return Residual(channels, branches, width=384, scale=0.1, activated=True)


def block8(channels: int, scale: float, activated: bool = True) -> Residual:
    """Inception-ResNet-C, at 8 x 8."""
    branches = [Convolution(channels, 192, 1), chain(channels, (192, 1), (224, (1, 3)), (256, (3, 1)))]
    return Residual(channels, branches, width=448, scale=scale, activated=activated)


def chain(channels: int, *steps: Step, stride: int = 1) -> nn.Sequential:
    """Convolutions one after the other.

    Args:
        channels: of the input.
        steps: one a convolution.
        stride: of the last one.
    """
    layers = []
    for number, (width, kernel) in enumerate(steps, start=1):
        layers.append(Convolution(channels, width, kernel, stride if number == len(steps) else 1))
        channels = width
    return nn.Sequential(*layers)
