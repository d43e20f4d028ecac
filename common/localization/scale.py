"""Bringing evidence maps to the size of the image and to [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.visualize.visualizer import default_upsampler

#: A map whose values differ by less than this part of the largest has no place to show.
FLAT = 1e-6


def resize_maps(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Maps [B, 1, w, h] at the size (W, H) of the images, bilinear; float32."""
    return default_upsampler(tuple(size))(maps.float())


def normalise_maps(maps: torch.Tensor) -> torch.Tensor:
    """Each map divided by its own maximum, or, where it has negative values, brought from (min, max) to (0, 1).

    The strongest place of every image becomes 1, so that values of different images cannot be compared. A map that
    is constant, or holds a value that is no number, shows no place and becomes 0.

    Args:
        maps: shape [B, 1, W, H].

    Returns:
        The same shape, values in [0, 1].
    """
    low, high = maps.amin((1, 2, 3), keepdim=True), maps.amax((1, 2, 3), keepdim=True)
    size = torch.maximum(low.abs(), high.abs())
    flat = ~(torch.isfinite(size) & (high - low > FLAT * size))
    low = low.clamp(max=0)
    scaled = (maps - low) / torch.where(flat, 1.0, high - low)
    return torch.where(flat, 0.0, scaled.clamp(0, 1))
