"""Figures of merit of one image, as functions of arrays."""

from .overlap import ConfusionCounts, confusion_counts, dice_from_counts, iou_from_counts, mean_iou_from_counts
from .segmentation import SEGMENTATION_METRICS, SegmentationMetric, segmentation_metrics
from .surface import SurfaceDistances, surface_distances

__all__ = [
    "SEGMENTATION_METRICS",
    "ConfusionCounts",
    "SegmentationMetric",
    "SurfaceDistances",
    "confusion_counts",
    "dice_from_counts",
    "iou_from_counts",
    "mean_iou_from_counts",
    "segmentation_metrics",
    "surface_distances",
]
