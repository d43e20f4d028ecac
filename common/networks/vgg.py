"""VGG-16 and VGG-19 convolution trunks (Simonyan and Zisserman 2015) for grey radiographs."""

from __future__ import annotations

import torch
from torch import nn

#: Convolutions in each of the five blocks.
BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """The convolutions of VGG-16 or VGG-19 without the last pooling.

    A grey image is repeated to three channels and standardised with ImageNet's statistics inside the network, so
    that every network of the project takes the same input. ``features`` has torchvision's layer numbers; its
    published weights load without renaming (14,714,688 parameters for VGG-16, 20,024,384 for VGG-19).

    Args:
        depth: 16 or 19.

    Shape:
        input (B, 1 or 3, H, W) with values in [0, 1]; output: five feature maps, the last one of each block, with
        64, 128, 256, 512, 512 channels at 1, 1/2, 1/4, 1/8, 1/16 of the resolution.
    """

    def __init__(self, depth: int = 16) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"VGGFeatures: depth must be 16 or 19, got {depth}")
        layers: list[nn.Module] = []
        ends: list[int] = []
        channels = 3
        for block, (count, width) in enumerate(zip(BLOCKS[depth], WIDTHS, strict=True)):
            if block:
                layers.append(nn.MaxPool2d(2))
            for _ in range(count):
                # Not in place: Grad-CAM needs the convolution's output untouched.
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=False)]
                channels = width
            ends.append(len(layers))
        self.depth = depth
        self.features = nn.Sequential(*layers)
        self._ends = ends
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        for module in self.features:
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        # Annotations of the two buffers, for the type checker, would be texts that TorchScript cannot read.
        x = (x.expand(-1, 3, -1, -1) - self.mean) / self.std  # type: ignore[operator]
        maps: list[torch.Tensor] = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index + 1 in self._ends:
                maps.append(x)
        return maps
