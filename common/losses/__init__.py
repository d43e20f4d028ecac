"""Losses that MONAI lacks."""

from .focal_tversky import FocalTverskyLoss
from .image_weighted import ImageWeightedLoss
from .soft_boundary import SoftBoundaryLoss

__all__ = ["FocalTverskyLoss", "ImageWeightedLoss", "SoftBoundaryLoss"]
