"""Averaging over views of an image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import torch
from monai.inferers import Inferer
from torch.nn.functional import affine_grid, grid_sample


class TestTimeInferer(Inferer):
    """Segment several views of each image, undo the views and average the probabilities.

    Views are the image and, with ``mirror``, its mirror image, each turned by every one of ``rotations``. Maps are
    mirrored and turned back before they are averaged; what a rotation brings in from outside does not count.

    Args:
        inferer: how one batch goes through the network.
        mirror: add the left-right mirror image.
        rotations: angles in degrees.

    Raises:
        ValueError: no rotation (0 keeps the image as it is).
    """

    __test__ = False  # pytest takes classes of this name for tests

    def __init__(self, inferer: Inferer, mirror: bool = True, rotations: Sequence[float] = (0.0,)) -> None:
        super().__init__()
        if not rotations:
            raise ValueError("rotations: at least one angle is needed; 0 keeps the image as it is")
        self.inferer = inferer
        self.views = list(product((False, True) if mirror else (False,), rotations))

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> torch.Tensor:
        """Logits of the mean probability.

        Args:
            inputs: (B, C, W, H); the first spatial axis is the picture's horizontal one.
            network: gives logits (B, K, W, H).
        """
        plain = torch.as_tensor(inputs)
        total: torch.Tensor | None = None
        for mirrored, degrees in self.views:
            view = turn(plain.flip(2) if mirrored else plain, degrees)
            found = torch.as_tensor(self.inferer(view, network, *args, **kwargs)).float().sigmoid()
            back = turn(torch.cat([found, torch.ones_like(found[:, :1])], dim=1), -degrees)
            back = back.flip(2) if mirrored else back
            total = back if total is None else total + back
        assert total is not None
        # The last channel says how many views saw a pixel; the view that is not turned sees all.
        probability = total[:, :-1] / total[:, -1:].clamp(min=1e-3)
        return torch.logit(probability, eps=1e-6)


def turn(images: torch.Tensor, degrees: float) -> torch.Tensor:
    """Images (B, C, W, H) turned about their centre, bilinear, zero outside."""
    if degrees == 0:
        return images
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    wide, high = images.shape[2:]
    # In the units of affine_grid each side is 2 long, so an image that is not square needs its sides' ratio.
    matrix = torch.tensor(
        [[angle.cos(), -angle.sin() * wide / high, 0.0], [angle.sin() * high / wide, angle.cos(), 0.0]],
        dtype=images.dtype,
        device=images.device,
    )
    # The last axis comes first in affine_grid, hence "x" is the picture's vertical axis and the ratio is W / H.
    grid = affine_grid(matrix.expand(len(images), 2, 3), list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
