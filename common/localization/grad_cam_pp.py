"""Grad-CAM++, as published and as one weakly supervised segmentation system computes it."""

from __future__ import annotations

import torch

#: Shares of cancellation below which a sum in double precision has no digits left that mean anything.
CANCELLED = 1e-9
#: Scores beyond this would overflow when cubed exponentials are formed.
LARGEST_SCORE = 100.0


def grad_cam_pp(maps: torch.Tensor, grads: torch.Tensor) -> torch.Tensor:
    """Grad-CAM++ (Chattopadhay et al., WACV 2018, equations 18 and 19), for an exponential of the score.

    The factor exp(score), one number an image, is left out. Computed in double precision and without an additive guard
    in the denominator: behind global average pooling gradients are so small (1e-5 is usual) that a guard of 1e-7
    exceeds their squares and turns the method into another one. A denominator that is nothing but rounding counts
    as no evidence.

    Args:
        maps: feature maps, shape [B, C, h, w].
        grads: gradient of the class score by the maps, same shape.

    Returns:
        Shape [B, 1, h, w], float32, at least 0.
    """
    maps, grads = maps.double(), grads.double()
    squared = 2 * grads**2
    cubed = grads**3 * maps.sum((2, 3), keepdim=True)
    denominator = squared + cubed
    sound = denominator.abs() > CANCELLED * (squared + cubed.abs())
    alpha = torch.where(sound, grads**2 / torch.where(sound, denominator, 1.0), 0.0)
    return _weighted(maps, (alpha * grads.relu()).sum((2, 3), keepdim=True)).relu()


def grad_cam_pp_exp(maps: torch.Tensor, grads: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Grad-CAM++ as in Viniavskyi et al., AIME 2020 (arXiv 2007.00748), whose code differs from the formula.

    The gradient is that of exp(score), also where the formula has that of the score, the denominator has a guard of
    1e-8, the sum of the denominator is that of maps times cubed gradients, and negative values stay. The outer factor
    exp(score) is left out; it cancels when the map is normalised.

    Args:
        maps: feature maps, shape [B, C, h, w].
        grads: gradient of the class score (not of its exponential) by the maps, same shape.
        scores: class scores, shape [B].

    Returns:
        Shape [B, 1, h, w], float32; may be negative.
    """
    maps, slopes = maps.double(), grads.double()
    factor = scores.double().clamp(-LARGEST_SCORE, LARGEST_SCORE).exp()[:, None, None, None]
    grown = factor * slopes
    alpha = grown**2 / (2 * grown**2 + (maps * grown**3).sum((2, 3), keepdim=True) + 1e-8)
    return _weighted(maps, (alpha * slopes.relu()).sum((2, 3), keepdim=True))


def _weighted(maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (weights * maps).sum(1, keepdim=True).float()
