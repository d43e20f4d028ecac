"""Focal Tversky loss (Abraham and Khan, ISBI 2019)."""

from __future__ import annotations

from typing import Any

import torch
from monai.losses import TverskyLoss
from monai.utils import LossReduction


class FocalTverskyLoss(TverskyLoss):
    """``mean((1 - TI) ** gamma)`` with the Tversky index ``TI = TP / (TP + alpha FP + beta FN)`` of each image.

    Args:
        alpha: weight of false positives.
        beta: weight of false negatives; above ``alpha`` it favours sensitivity.
        gamma: below 1 the loss stays steep for nearly right predictions (0.75 in the lesion studies).
        **kwargs: arguments of :class:`monai.losses.TverskyLoss` (``sigmoid``, ``include_background``, …).
    """

    def __init__(self, alpha: float = 0.3, beta: float = 0.7, gamma: float = 0.75, **kwargs: Any) -> None:
        if gamma <= 0:
            raise ValueError(f"FocalTverskyLoss: gamma must be positive, got {gamma}")
        super().__init__(alpha=alpha, beta=beta, reduction=LossReduction.NONE, **kwargs)
        self.gamma = gamma

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:  # noqa: A002
        # The smooth terms can push the index a rounding error above 1, where the power would give nan.
        return super().forward(input, target).clamp_min(1e-7).pow(self.gamma).mean()
