"""Overlap of the masks that found and true boxes fill."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric
from numpy.typing import ArrayLike, NDArray

from .overlap import confusion_counts, dice_from_counts, iou_from_counts


def iobb_from_counts(tp: ArrayLike, fp: ArrayLike, fn: ArrayLike) -> NDArray[np.float64]:
    """Intersection over the detected area, in [0, 1] (IoBB; Wang et al., CVPR 2017, section 4.2).

    1 for empty against empty; 0 where nothing was detected but something is there, or the reverse.
    """
    tp, fp, fn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, fn))
    detected = tp + fp
    return np.where(detected > 0, tp / np.where(detected > 0, detected, 1), np.where(fn > 0, 0.0, 1.0))


FIGURES = {"dice": dice_from_counts, "iou": iou_from_counts, "iobb": iobb_from_counts}


class BoxMaskMetric(CumulativeIterationMetric):
    """Mean overlap of masks over all images, those without truth included.

    Empty against empty counts 1, empty against non-empty 0. Usable through `monai.handlers.IgniteMetricHandler`.

    Args:
        figure: "dice", "iou" or "iobb".

    Raises:
        ValueError: an unknown figure.
    """

    def __init__(self, figure: str = "dice") -> None:
        super().__init__()
        if figure not in FIGURES:
            raise ValueError(f"figure {figure!r}: choose one of {', '.join(FIGURES)}")
        self.figure = figure

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        """Values of a batch.

        Args:
            y_pred: masks [B, 1, W, H], non-zero inside.
            y: true masks of the same shape.
            kwargs: not used; the parameter is part of MONAI's interface.

        Returns:
            Shape [B, 1].
        """
        if y is None or y_pred.shape != y.shape:
            raise ValueError(
                f"expected two masks of one shape, got {tuple(y_pred.shape)} and {y if y is None else tuple(y.shape)}"
            )
        masks = ((mask != 0).cpu().numpy() for mask in (y_pred, y))
        counts = [confusion_counts(*pair) for pair in zip(*masks, strict=True)]
        return torch.tensor([[float(FIGURES[self.figure](*row[:3]))] for row in counts], dtype=torch.float64)

    def aggregate(self) -> torch.Tensor:
        """Mean over the images."""
        values = self.get_buffer()
        if values is None:
            raise ValueError("no masks were compared yet")
        return values.mean()
