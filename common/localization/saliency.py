"""Saliency maps: gradients of the class score by the input."""

from __future__ import annotations

from collections.abc import Callable

import torch


def saliency(grads: torch.Tensor) -> torch.Tensor:
    """Largest absolute gradient over the channels (Simonyan et al., 2014, section 3.1).

    Args:
        grads: gradient of the class score by the images, shape [B, C, W, H].

    Returns:
        Shape [B, 1, W, H], float32, at least 0.
    """
    return grads.float().abs().amax(1, keepdim=True)


def smooth_gradient(
    gradient: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, *, samples: int, spread: float, seed: int
) -> torch.Tensor:
    """Mean of the gradients at noisy copies of the images (SmoothGrad, Smilkov et al., 2017).

    Every image meets the same noise, whatever else is in its batch, and every call gives the same result.
    `monai.visualize.SmoothGrad` takes one image a call and draws from the global generator.

    Args:
        gradient: gives the gradient by the images, of their shape.
        images: shape [B, C, W, H].
        samples: number of noisy copies, at least 1.
        spread: standard deviation of the noise as a fraction of each image's range of values.
        seed: of the noise.

    Returns:
        The mean gradient, shape [B, C, W, H].
    """
    generator = torch.Generator().manual_seed(seed)
    deviation = spread * (images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True))
    total = torch.zeros_like(images)
    for _ in range(samples):
        noise = torch.randn(images.shape[1:], generator=generator).to(images)
        total += gradient(images + deviation * noise)
    return total / samples
