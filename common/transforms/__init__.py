"""Deterministic and random transforms that MONAI lacks."""

from .border import CropBorder, CropBorderd
from .describe_lungs import describe_lungs
from .lung_mask import CleanLungMask, CleanLungMaskd, lung_box
from .split_lungs import SplitLungs, SplitLungsd
from .unite_masks import UniteMasks, UniteMasksd

__all__ = [
    "CleanLungMask",
    "CleanLungMaskd",
    "CropBorder",
    "CropBorderd",
    "SplitLungs",
    "SplitLungsd",
    "UniteMasks",
    "UniteMasksd",
    "describe_lungs",
    "lung_box",
]
