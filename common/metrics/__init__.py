"""Figures of merit, as functions of arrays and as MONAI metrics."""

from .box_masks import BoxMaskMetric, iobb_from_counts
from .boxes import box_overlap, match_boxes
from .detection import average_precision, froc, hit_rate
from .detection_metrics import BoxAveragePrecisionMetric, BoxFROCMetric, BoxHitRateMetric
from .froc_curves import DetectionCurve, detection_curve, froc_score
from .froc_hits import HitRule, LesionHits, hit_rule_text, lesion_hits, parse_hit_rule
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
    "DetectionCurve",
    "EvidenceShareMetric",
    "HitRule",
    "LesionHits",
    "PointingGameMetric",
    "SegmentationMetric",
    "SurfaceDistances",
    "average_precision",
    "box_overlap",
    "confusion_counts",
    "detection_curve",
    "dice_from_counts",
    "evidence_share",
    "froc",
    "froc_score",
    "hit_rate",
    "hit_rule_text",
    "iobb_from_counts",
    "iou_from_counts",
    "lesion_hits",
    "match_boxes",
    "mean_iou_from_counts",
    "parse_hit_rule",
    "pointing_game",
    "segmentation_metrics",
    "surface_distances",
]
