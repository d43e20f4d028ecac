"""Losses that MONAI lacks."""

from .focal_tversky import FocalTverskyLoss

__all__ = ["FocalTverskyLoss"]
