"""Images that count more or less in a loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


class ImageWeightedLoss(nn.Module):
    """Average another loss over the images of a batch, each with a weight of its own.

    MONAI's trainers call a loss with prediction and label and nothing else, so that the weight comes with the label,
    as a last channel that is filled with it (:class:`common.transforms.ImageWeightd` appends it). The loss is
    ``sum(w_i * loss_i) / sum(w_i)``: equal weights give the mean of the images' losses, an image of weight 0 has no
    influence, and where all weights are 0 the loss is 0.

    Args:
        loss: gives one value for logits and label (1, C, H, W) of one image. Losses that average over images
            (MONAI's by default) stay what they are when all weights are equal.

    Shape:
        input (B, C, H, W); target (B, C + 1, H, W), the weights (>= 0) last; output: one value.
    """

    def __init__(self, loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:  # noqa: A002
        if target.shape[1] != input.shape[1] + 1:
            raise ValueError(
                "ImageWeightedLoss: the label needs the channels of the prediction and one more for the weight, "
                f"got {target.shape[1]} for {input.shape[1]}"
            )
        # MONAI's tensors with metadata would take that apart at every slice.
        input, target = input.as_subclass(torch.Tensor), target.as_subclass(torch.Tensor)  # noqa: A001
        weights = target[:, -1].amax(dim=(1, 2))
        losses = torch.stack(
            [self.loss(logits, mask) for logits, mask in zip(input.split(1), target[:, :-1].split(1), strict=True)]
        )
        return (weights * losses).sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)
