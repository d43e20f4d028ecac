"""Class activation maps."""

from __future__ import annotations

import torch


def class_activation_map(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """What each location adds to the class score (Zhou et al., CVPR 2016, equation 2).

    Its mean over the locations, plus the bias, is the score; values below 0 speak against the class.

    Args:
        maps: feature maps that the head averages, shape [B, C, h, w].
        weights: the linear head's weights of the score, shape [C].

    Returns:
        Shape [B, 1, h, w], float32.
    """
    # No matrix product: autocast would take it to half precision.
    return (maps.float() * weights.float()[:, None, None]).sum(1, keepdim=True)
