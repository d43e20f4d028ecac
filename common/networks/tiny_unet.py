"""A U-Net of 99,587 parameters for slow machines (student challenge report, Montgomery and Shenzhen)."""

from __future__ import annotations

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from .blocks import check_divisible, upsample_nearest


class TinyUNet(nn.Module):
    """One convolution a level, 8 to 32 channels, leaky ReLU in the decoder.

    The report's own 99,589 parameters are 99,587 trainable ones and the two running statistics of the batch
    normalisation of the input image.

    Args:
        in_channels: channels of the input image.
        out_channels: channels of the output logits.
        noise: standard deviation of the Gaussian noise added to the normalised input while training; 0 for none.
        frame: pixels on each side that are declared background, as the report does by cropping and zero-padding its
            output. Harmless on padded images and wrong on tightly cropped lungs, hence off by default. The
            report's 48 px belong to images of 512 x 512.
        negative_slope: slope of the leaky ReLU (0.3 is Keras' default).

    Shape:
        input (B, in_channels, H, W) with values in [0, 1], H and W multiples of 16;
        output (B, out_channels, H, W), logits.
    """

    #: Logit written to the frame: a probability of 4.5e-5 that keeps the loss finite.
    FRAME_LOGIT = -10.0
    #: Class attributes that TorchScript is to know.
    __constants__ = ("FRAME_LOGIT",)

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        noise: float = 0.1,
        frame: int = 0,
        negative_slope: float = 0.3,
    ) -> None:
        super().__init__()
        if noise < 0 or frame < 0:
            raise ValueError(f"TinyUNet: noise and frame must not be negative, got {noise} and {frame}")
        self.noise = noise
        self.frame = frame
        self.input_norm = nn.BatchNorm2d(in_channels)
        widths = (in_channels, 8, 16, 32, 32, 32)
        self.encoder = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths))
        self.pool = nn.MaxPool2d(2)
        self.bottom = nn.Conv2d(32, 32, 3, padding=1)
        self.up3 = nn.Conv2d(64, 32, 3, padding=1)
        self.up2 = nn.Conv2d(64, 32, 3, padding=1)
        self.up1 = nn.Conv2d(48, 32, 3, padding=1)
        self.refine = nn.Conv2d(32, 32, 3, padding=1)
        self.up0 = nn.Conv2d(40, 16, 3, padding=1)
        self.head = nn.Conv2d(16, out_channels, 3, padding=1)
        self.activation = nn.LeakyReLU(negative_slope)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_divisible(x, 16, "TinyUNet")
        x = self.input_norm(x)
        if self.training and self.noise > 0:
            x = x + self.noise * torch.randn_like(x)
        skips: list[torch.Tensor] = []
        for level, conv in enumerate(self.encoder):
            x = F.relu(conv(x if level == 0 else self.pool(x)))
            skips.append(x)
        enc0, enc1, enc2, enc3, _ = skips
        x = self.activation(self.bottom(x))
        x = self.activation(self.up3(torch.cat([upsample_nearest(x), enc3], dim=1)))
        x = self.activation(self.up2(torch.cat([upsample_nearest(x), enc2], dim=1)))
        x = self.activation(self.up1(torch.cat([upsample_nearest(x), enc1], dim=1)))
        x = self.activation(self.refine(x))
        x = self.activation(self.up0(torch.cat([upsample_nearest(x), enc0], dim=1)))
        x = self.head(x)
        if self.frame > 0:
            f = self.frame
            x = F.pad(x[..., f:-f, f:-f], (f, f, f, f), value=self.FRAME_LOGIT)
        return x
