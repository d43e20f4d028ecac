"""Deterministic and random transforms that MONAI lacks."""

from .border import CropBorder, CropBorderd
from .describe_lungs import describe_lungs
from .find_lungs import FindLungsd
from .lung_box import LUNGS_FOUND, CropToLungs, CropToLungsd
from .lung_mask import CleanLungMask, CleanLungMaskd, lung_box
from .shrink import Shrinkd
from .split_lungs import SplitLungs, SplitLungsd
from .unite_masks import UniteMasks, UniteMasksd

__all__ = [
    "LUNGS_FOUND",
    "CleanLungMask",
    "CleanLungMaskd",
    "CropBorder",
    "CropBorderd",
    "CropToLungs",
    "CropToLungsd",
    "FindLungsd",
    "Shrinkd",
    "SplitLungs",
    "SplitLungsd",
    "UniteMasks",
    "UniteMasksd",
    "describe_lungs",
    "lung_box",
]
