"""Average precision, hit rate and FROC of boxes as MONAI metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric
from numpy.typing import NDArray

from .boxes import OVERLAP_THRESHOLDS, OVERLAPS, match_boxes
from .detection import FALSE_POSITIVE_RATES, average_precision, froc, hit_rate

REDUCTIONS = ("mean", "none")


class Matches(NamedTuple):
    """Found boxes of all images: scores [N], hits [T, N], and how many true boxes and images there are."""

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    num_truth: int
    num_images: int


class BoxMetric(CumulativeIterationMetric):
    """What metrics of boxes share: matching image by image, and what is kept of it until the end.

    Usable through `monai.handlers.IgniteMetricHandler`, in several processes too. What it keeps of an image for
    ``metric_details`` is the share of its true boxes that were found, [images, T]; NaN where there are none.

    Args:
        thresholds: overlaps from which a box counts as found.
        kind: see :func:`.boxes.box_overlap`.
        reduction: "mean" of all values, or "none".
        max_boxes: boxes an image that are judged, the best first.

    Raises:
        ValueError: no threshold, one that is not above 0 and at most 1, an unknown kind or reduction.
    """

    def __init__(
        self,
        thresholds: Sequence[float] = OVERLAP_THRESHOLDS,
        kind: str = "iou",
        reduction: str = "mean",
        max_boxes: int = 100,
    ) -> None:
        super().__init__()
        if not thresholds or not all(0 < value <= 1 for value in thresholds):
            raise ValueError(f"overlap thresholds must lie above 0 and be at most 1, got {thresholds}")
        for name, value, known in (("overlap", kind, OVERLAPS), ("reduction", reduction, REDUCTIONS)):
            if value not in known:
                raise ValueError(f"{name} {value!r}: choose one of {', '.join(known)}")
        self.thresholds = tuple(thresholds)
        self.kind = kind
        self.reduction = reduction
        self.max_boxes = max_boxes

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> list[torch.Tensor]:
        """Match the boxes of a batch.

        Args:
            y_pred: found boxes and their scores (x, y, w, h, score), shape [B, N, 5]; lists of [N, 5] may differ in
                length.
            y: true boxes (x, y, w, h), shape [B, M, 4].
            kwargs: not used; the parameter is part of MONAI's interface.

        Returns:
            Shares found [B, T], and the matches of each image in a row.
        """
        if y is None:
            raise ValueError("true boxes are needed as well as found ones")
        images = [self._match(found, truth) for found, truth in zip(_rows(y_pred, 5), _rows(y, 4), strict=True)]
        return [torch.stack(parts) for parts in zip(*images, strict=True)]

    def _match(self, found: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[torch.Tensor, torch.Tensor]:
        if not np.isfinite(found[:, 4]).all():
            raise ValueError("the scores of found boxes must be finite numbers")
        found = found[np.argsort(-found[:, 4], kind="stable")][: self.max_boxes]
        hits = match_boxes(found[:, :4], found[:, 4], truth, self.thresholds, self.kind)
        # Rows of one length: buffers of several processes are gathered as one tensor.
        table = np.full((1 + len(self.thresholds), self.max_boxes), np.nan)
        table[0, : len(found)] = found[:, 4]
        table[1:, : len(found)] = hits
        shares = [hit_rate(row, len(truth)) for row in hits]
        return torch.tensor(shares, dtype=torch.float64), torch.tensor([len(truth), *table.ravel()])

    def get_buffer(self) -> Any:
        """Share of the true boxes found on each image, [images, T]; None before the first image."""
        buffers = super().get_buffer()
        return None if buffers is None else buffers[0]

    def matches(self) -> Matches:
        """The found boxes of all images so far."""
        buffers = super().get_buffer()
        if buffers is None:
            raise ValueError("no boxes were compared yet")
        rows = buffers[1].cpu().numpy()
        tables = rows[:, 1:].reshape(len(rows), 1 + len(self.thresholds), self.max_boxes).transpose(1, 0, 2)
        judged = ~np.isnan(tables[0])
        return Matches(tables[0][judged], tables[1:, judged].astype(bool), int(rows[:, 0].sum()), len(rows))

    def reduce(self, values: Sequence[float] | NDArray[np.float64]) -> torch.Tensor:
        """The values as a tensor, or their mean."""
        tensor = torch.as_tensor(np.asarray(values, dtype=np.float64))
        return tensor.mean() if self.reduction == "mean" else tensor


class BoxAveragePrecisionMetric(BoxMetric):
    """Average precision of boxes at each overlap threshold; arguments are those of :class:`BoxMetric`."""

    def aggregate(self) -> torch.Tensor:
        """Mean over the thresholds, or one value each; see :func:`.detection.average_precision`."""
        scores, hits, num_truth, _ = self.matches()
        return self.reduce([average_precision(scores, row, num_truth) for row in hits])


class BoxHitRateMetric(BoxMetric):
    """Share of all true boxes that were found, at each overlap threshold; arguments are those of :class:`BoxMetric`."""

    def aggregate(self) -> torch.Tensor:
        """Mean over the thresholds, or one value each; see :func:`.detection.hit_rate`."""
        _, hits, num_truth, _ = self.matches()
        return self.reduce([hit_rate(row, num_truth) for row in hits])


class BoxFROCMetric(BoxMetric):
    """Share of true boxes found at given false positives an image.

    Args:
        threshold: overlap from which a box counts as found.
        rates: false positives an image.
        kind: see :func:`.boxes.box_overlap`.
        reduction: "mean" over the rates, or "none".
        max_boxes: boxes an image that are judged, the best first.
    """

    def __init__(
        self,
        threshold: float = 0.1,
        rates: Sequence[float] = FALSE_POSITIVE_RATES,
        kind: str = "iou",
        reduction: str = "mean",
        max_boxes: int = 100,
    ) -> None:
        super().__init__((threshold,), kind, reduction, max_boxes)
        self.rates = tuple(rates)

    def aggregate(self) -> torch.Tensor:
        """Mean over the rates, or one value each; see :func:`.detection.froc`."""
        scores, hits, num_truth, num_images = self.matches()
        return self.reduce(froc(scores, hits[0], num_truth, num_images, self.rates))


def _rows(batch: torch.Tensor, columns: int) -> NDArray[np.float64]:
    array = batch.detach().cpu().numpy().astype(np.float64)
    if array.size == 0:
        return array.reshape(len(array), 0, columns)
    if array.ndim != 3 or array.shape[2] != columns:
        form = "(x, y, w, h, score)" if columns == 5 else "(x, y, w, h)"
        raise ValueError(f"expected boxes [B, N, {columns}] {form}, got the shape {array.shape}")
    return array
