"""Figures of merit, as functions of arrays and as MONAI metrics."""

from .box_masks import BoxMaskMetric, iobb_from_counts
from .boxes import box_overlap, match_boxes
from .detection import average_precision, froc, hit_rate
from .detection_metrics import BoxAveragePrecisionMetric, BoxFROCMetric, BoxHitRateMetric
from .overlap import ConfusionCounts, confusion_counts, dice_from_counts, iou_from_counts, mean_iou_from_counts
from .pointing import EvidenceShareMetric, PointingGameMetric, evidence_share, pointing_game
from .segmentation import SEGMENTATION_METRICS, SegmentationMetric, segmentation_metrics
from .surface import SurfaceDistances, surface_distances

__all__ = [
    "SEGMENTATION_METRICS",
    "BoxAveragePrecisionMetric",
    "BoxFROCMetric",
    "BoxHitRateMetric",
    "BoxMaskMetric",
    "ConfusionCounts",
    "EvidenceShareMetric",
    "PointingGameMetric",
    "SegmentationMetric",
    "SurfaceDistances",
    "average_precision",
    "box_overlap",
    "confusion_counts",
    "dice_from_counts",
    "evidence_share",
    "froc",
    "hit_rate",
    "iobb_from_counts",
    "iou_from_counts",
    "match_boxes",
    "mean_iou_from_counts",
    "pointing_game",
    "segmentation_metrics",
    "surface_distances",
]
