"""Gradient-weighted class activation maps."""

from __future__ import annotations

import torch


def grad_cam(maps: torch.Tensor, grads: torch.Tensor) -> torch.Tensor:
    """Grad-CAM (Selvaraju et al., ICCV 2017, equations 1 and 2).

    Args:
        maps: feature maps, shape [B, C, h, w].
        grads: gradient of the class score by the maps, same shape.

    Returns:
        Shape [B, 1, h, w], float32, at least 0.
    """
    weights = grads.float().mean((2, 3), keepdim=True)
    return (weights * maps.float()).sum(1, keepdim=True).relu()
