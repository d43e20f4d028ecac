"""Layers that several of the lung and lesion networks are built from."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def conv_relu_twice(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3 x 3 "same" convolutions with bias, each followed by ReLU; no normalisation."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1),
        nn.ReLU(),
    )


def conv_bn_relu_twice(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two 3 x 3 "same" convolutions, each followed by batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


def check_divisible(x: torch.Tensor, factor: int, name: str) -> None:
    """Raise a ValueError when the image sides of ``x`` (B, C, H, W) cannot be halved as often as the network does.

    Exported networks do not check.
    """
    # TorchScript leaves out a branch that is not taken, but would compile what follows a return.
    if not torch.jit.is_scripting():
        _check_divisible(x, factor, name)


def _check_divisible(x: torch.Tensor, factor: int, name: str) -> None:
    if torch.jit.is_tracing() or torch.compiler.is_compiling():
        return
    height, width = x.shape[-2:]
    if height % factor or width % factor:
        raise ValueError(f"{name}: image sides must be multiples of {factor}, got {height} x {width}")


def upsample_nearest(x: torch.Tensor) -> torch.Tensor:
    """Double both image sides of ``x`` (B, C, H, W) by repeating pixels."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
