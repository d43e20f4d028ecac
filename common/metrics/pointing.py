"""Whether evidence points at the truth: the pointing game and the share of evidence inside true boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric
from monai.metrics.utils import do_metric_reduction
from numpy.typing import ArrayLike, NDArray

from .boxes import as_boxes


def pointing_game(evidence: NDArray[Any], boxes: ArrayLike, tolerance: float = 0.0) -> float:
    """Whether the strongest evidence lies in a true box (Zhang et al., IJCV 2018, section 4.1).

    Args:
        evidence: map [W, H] (x first, as everywhere in MONAI).
        boxes: true boxes (x, y, w, h) in pixels of the map, shape [M, 4]; each pixel is judged by its centre.
        tolerance: distance in pixels from a box that is forgiven; Zhang et al. use 15.

    Returns:
        1 for a hit, 0 for a miss. Where several pixels are the strongest, the share of them that hit: the chance of
        one of them picked blindly. A constant map points nowhere and misses. NaN without true boxes: the game is
        played where there is something to point at. False alarms on normal radiographs are what the figures of
        boxes and masks count.

    Raises:
        ValueError: a map that is not [W, H] of finite values, wrong boxes, or a negative tolerance.
    """
    truth = _check(evidence, boxes)
    if tolerance < 0:
        raise ValueError(f"the tolerance must not be negative, got {tolerance}")
    if len(truth) == 0:
        return float("nan")
    if evidence.min() == evidence.max():
        return 0.0
    points = np.argwhere(evidence == evidence.max())[:, None] + 0.5
    start, end = truth[None, :, :2], truth[None, :, :2] + truth[None, :, 2:]
    away = np.maximum(np.maximum(start - points, points - end), 0)
    return float((np.linalg.norm(away, axis=-1) <= tolerance).any(axis=1).mean())


def evidence_share(evidence: NDArray[Any], boxes: ArrayLike) -> float:
    """Share of all evidence that lies in true boxes (energy-based pointing game, Wang et al., Score-CAM, 2020).

    Args:
        evidence: map [W, H], at least 0.
        boxes: true boxes (x, y, w, h) in pixels of the map, shape [M, 4]; each pixel is judged by its centre.

    Returns:
        In [0, 1]; 0 for a map without evidence; NaN without true boxes, as for :func:`pointing_game`.

    Raises:
        ValueError: a map that is not [W, H] of finite values, has values below 0, or wrong boxes.
    """
    truth = _check(evidence, boxes)
    if evidence.min() < 0:
        raise ValueError(f"the evidence must not be negative, found {evidence.min()}")
    if len(truth) == 0:
        return float("nan")
    inside = np.zeros(evidence.shape, dtype=bool)
    for x, y, w, h in truth:
        # The pixels whose centres lie in the box.
        x0, y0, x1, y1 = np.ceil(np.array([x, y, x + w, y + h]) - 0.5).astype(int).clip(0)
        inside[x0:x1, y0:y1] = True
    total = float(evidence.sum(dtype=np.float64))
    return float(evidence[inside].sum(dtype=np.float64)) / total if total else 0.0


def _check(evidence: NDArray[Any], boxes: ArrayLike) -> NDArray[np.float64]:
    if evidence.ndim != 2 or not evidence.size or not np.isfinite(evidence).all():
        raise ValueError(f"expected an evidence map [W, H] of finite values, got the shape {evidence.shape}")
    return as_boxes(boxes)


class EvidenceMetric(CumulativeIterationMetric):
    """What metrics of maps share: one value an image, and their mean over the images that have true boxes.

    Usable through `monai.handlers.IgniteMetricHandler`.
    """

    def _value(self, evidence: NDArray[Any], boxes: NDArray[Any]) -> float:
        raise NotImplementedError

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        """Values of a batch.

        Args:
            y_pred: maps [B, 1, W, H].
            y: true boxes (x, y, w, h), shape [B, M, 4]; a list of [M, 4] may differ in length.
            kwargs: not used; the parameter is part of MONAI's interface.

        Returns:
            Shape [B, 1].
        """
        if y is None or y_pred.ndim != 4 or y_pred.shape[1] != 1:
            raise ValueError(f"expected maps [B, 1, W, H] and true boxes [B, M, 4], got {tuple(y_pred.shape)}")
        pairs = zip(y_pred[:, 0].detach().cpu().numpy(), y.detach().cpu().numpy(), strict=True)
        return torch.tensor([[self._value(*pair)] for pair in pairs], dtype=torch.float64)

    def aggregate(self) -> torch.Tensor:
        """Mean over the images with true boxes; NaN when no image has any."""
        values = self.get_buffer()
        if values is None:
            raise ValueError("no maps were compared yet")
        mean, counted = do_metric_reduction(values, "mean")
        return mean if counted > 0 else torch.full_like(mean, torch.nan)


class PointingGameMetric(EvidenceMetric):
    """Share of images whose strongest evidence lies in a true box; see :func:`pointing_game`.

    Args:
        tolerance: distance in pixels from a box that is forgiven.
    """

    def __init__(self, tolerance: float = 0.0) -> None:
        super().__init__()
        if tolerance < 0:
            raise ValueError(f"the tolerance must not be negative, got {tolerance}")
        self.tolerance = tolerance

    def _value(self, evidence: NDArray[Any], boxes: NDArray[Any]) -> float:
        return pointing_game(evidence, boxes, self.tolerance)


class EvidenceShareMetric(EvidenceMetric):
    """Mean share of the evidence that lies in true boxes; see :func:`evidence_share`."""

    def _value(self, evidence: NDArray[Any], boxes: NDArray[Any]) -> float:
        return evidence_share(evidence, boxes)
