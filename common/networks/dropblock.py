"""DropBlock and the head of the classifiers of the image-label study."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class DropBlock(nn.Module):
    """Zero whole squares of the maps while training (Ghiasi et al. 2018), as Viniavskyi et al. (AIME 2020) run it.

    Seeds fall with probability ``drop_prob / block_size ** 2`` at every position, without the correction for the size
    of the maps; one mask serves all channels, and what stays is scaled up by the dropped share.

    Args:
        drop_prob: share of the map to drop, about; in [0, 1).
        block_size: side of a square in pixels of the maps, odd.

    Shape:
        (B, C, H, W), unchanged in evaluation.
    """

    def __init__(self, drop_prob: float, block_size: int) -> None:
        super().__init__()
        if not 0 <= drop_prob < 1:
            raise ValueError(f"DropBlock: drop_prob must lie in [0, 1), got {drop_prob}")
        if block_size < 1 or block_size % 2 == 0:
            raise ValueError(f"DropBlock: block_size must be an odd number from 1 on, got {block_size}")
        self.drop_prob = drop_prob
        self.block_size = block_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.drop_prob == 0:
            return x
        seeds = torch.rand(x.shape[0], 1, x.shape[2], x.shape[3], device=x.device)
        seeds = (seeds < self.drop_prob / self.block_size**2).to(x.dtype)
        kept = 1 - F.max_pool2d(seeds, self.block_size, stride=1, padding=self.block_size // 2)
        return x * kept * (kept.numel() / kept.sum().clamp(min=1))


def three_convolutions(channels: int, width: int = 512) -> nn.Sequential:
    """Three 3 x 3 convolutions with ReLU and no normalisation, in front of the pooling; He-normal, fan-out."""
    layers: list[nn.Module] = []
    for incoming in (channels, width, width):
        convolution = nn.Conv2d(incoming, width, 3, padding=1)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        layers += [convolution, nn.ReLU()]
    return nn.Sequential(*layers)
