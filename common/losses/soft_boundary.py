"""Losses on targets that are unsure at the border of a mask."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


class SoftBoundaryLoss(nn.Module):
    """Soften the borders of binary masks, then call another loss ("boundary uncertainty").

    From the code of Rajaraman et al., Bioengineering 2022, 9(9), 413, where the other loss is the focal Tversky loss.
    The label itself stays binary for metrics.

    Args:
        loss: takes logits and targets between 0 and 1.
        inner: target of the pixels of a mask that a square of side ``2 * width + 1`` erodes; 0.9 in the source.
        outer: target of the pixels that this square dilates a mask by; 0.1 in the source.
        width: of each border in pixels of the network's image; 1 in the source.

    Shape:
        input and target (B, C, H, W), the target 0 or 1; output: what ``loss`` gives.
    """

    def __init__(
        self,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        inner: float = 0.9,
        outer: float = 0.1,
        width: int = 1,
    ) -> None:
        super().__init__()
        if not 0 <= outer <= inner <= 1:
            raise ValueError(f"SoftBoundaryLoss: 0 <= outer <= inner <= 1 is needed, got {outer} and {inner}")
        if width < 1:
            raise ValueError(f"SoftBoundaryLoss: width must be 1 or more, got {width}")
        self.loss = loss
        self.inner, self.outer, self.width = inner, outer, width

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:  # noqa: A002
        return self.loss(input, self.soften(target))

    def soften(self, mask: torch.Tensor) -> torch.Tensor:
        """The targets (B, C, H, W) for binary masks of that shape, float32."""
        mask = mask.float()
        # Not MONAI's dilate and erode, which mix the channels. The edge of the image is no border of a mask.
        side = 2 * self.width + 1
        dilated = F.max_pool2d(mask, side, stride=1, padding=self.width)
        eroded = -F.max_pool2d(-mask, side, stride=1, padding=self.width)
        return self.outer * dilated + (self.inner - self.outer) * mask + (1 - self.inner) * eroded
