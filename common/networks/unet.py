"""The plain U-Net of the residual U-Net comparison study: 7,759,521 parameters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from .blocks import check_divisible, conv_relu_twice


class UNet(nn.Module):
    """U-Net without normalisation layers (Ronneberger et al. 2015, in the Keras reference layout).

    Each level has two 3 x 3 convolutions with ReLU; 2 x 2 max pooling goes down, a 2 x 2 transposed convolution of
    stride 2 goes up, skips are concatenated, a 1 x 1 convolution gives the logits. With one input channel and the
    default widths the network has 7,759,521 parameters, the count that the study reports.

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output logits.
        features: convolution widths from the finest to the coarsest level.

    Shape:
        input (B, in_channels, H, W) with values in [0, 1], H and W multiples of 2 ** (len(features) - 1);
        output (B, out_channels, H, W), logits.
    """

    def __init__(
        self, in_channels: int = 1, out_channels: int = 1, features: Sequence[int] = (32, 64, 128, 256, 512)
    ) -> None:
        super().__init__()
        widths = [in_channels, *features]
        self.encoder = nn.ModuleList(conv_relu_twice(a, b) for a, b in itertools.pairwise(widths))
        self.pool = nn.MaxPool2d(2)
        coarse_to_fine = list(reversed(features))
        pairs = list(itertools.pairwise(coarse_to_fine))
        self.up = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for coarse, fine in pairs)
        self.decoder = nn.ModuleList(conv_relu_twice(2 * fine, fine) for _, fine in pairs)
        self.head = nn.Conv2d(features[0], out_channels, 1)
        self._factor = 2 ** (len(features) - 1)
        for module in self.modules():
            # Without normalisation the variance must survive nine convolution pairs: He initialisation keeps it.
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module is not self.head:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, self._factor, "UNet")
        skips: list[torch.Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        skips.pop()
        for up, block in zip(self.up, self.decoder):  # noqa: B905 - TorchScript knows no strict
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        return self.head(x)
